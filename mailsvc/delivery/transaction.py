"""One mail transaction: recipients judged as they are named, bytes taken as they come, one commit at the end.

::

    rcpt -> route -> Recipient(accounts)
    write -> Intake -> body writer                   (nothing is kept here)
    commit -> trace, missing fields + body + description -> store.apply([SpendGrant, Deliver, Record]) -> queue id

After :meth:`Transaction.commit` returned, the message is durable for every recipient; if it raised, for none.
"""

from collections.abc import Callable, Sequence

from twisted.logger import Logger
from zope.interface import implementer

from mailsvc.core.errors import Kind, MailError
from mailsvc.core.interfaces.delivery import ITransaction, Recipient
from mailsvc.core.operations import Deliver, Operation
from mailsvc.core.values import Body, Description, SystemFlag
from mailsvc.delivery import records
from mailsvc.delivery.intake import Intake
from mailsvc.delivery.routing import route
from mailsvc.delivery.services import Sender, Services
from mailsvc.delivery.submission import missing_fields
from mailsvc.delivery.trace import rendered_date, trace
from mailsvc.formats.address import Address
from mailsvc.formats.message_id import message_id
from mailsvc.formats.smtp import mailbox, path
from mailsvc.monitor import counters

__all__ = ["Transaction"]

log = Logger(namespace="mailsvc.delivery")

_LINE = "%(queue_id)s: from %(sender)s for %(recipients)s, %(size)d octets, by %(protocol)s from %(peer)s (%(helo)s), %(tls)s"


@implementer(ITransaction)
class Transaction:
    """See :class:`~mailsvc.core.interfaces.delivery.ITransaction`."""

    def __init__(
        self, services: Services, sender: Sender, intake: Intake, limit: int, next_id: Callable[[], str]
    ) -> None:
        """:param limit: recipients. :param next_id: makes the queue id."""
        self.recipients: list[Recipient] = []
        self.write = intake.write
        self.abort = intake.abort
        self._services = services
        self._sender = sender
        self._intake = intake
        self._limit = limit
        self._next_id = next_id

    async def rcpt(self, forward_path: Address) -> Recipient:
        """Accept a recipient, or raise why not."""
        try:
            if len(self.recipients) >= self._limit:
                raise MailError(Kind.TOO_MANY, "too-many-recipients", temporary=True)
            recipient = await route(self._services, self._sender, forward_path)
        except MailError as error:
            self._note(error, forward_path)
            raise
        self.recipients.append(recipient)
        return recipient

    async def commit(self) -> str:
        """Store the message for all recipients; the queue id."""
        try:
            return await self._commit()
        except MailError as error:
            self._note(error, None)
            raise

    async def _commit(self) -> str:
        permission = self._sender.permission
        try:
            body = await self._intake.close()
            await permission.check_from(self._intake.header)
        except BaseException:
            self.abort()
            raise
        # From here on nothing is taken back: when the store cannot answer, it may have kept its promise all the same.
        queue_id = self._next_id()
        second = int(self._services.now())
        prefix = trace(self._sender, self.recipients, self._services.hostname, queue_id, second)
        if self._sender.is_submission:
            prefix += missing_fields(self._intake.header, queue_id, self._services.hostname, rendered_date(second))
        description = await self._services.store.bodies.describe(prefix, body)
        spending = permission.operations()
        results = await self._services.store.apply(
            [*spending, self._deliver(prefix, body, second, description), *self._record(queue_id, prefix, body, second)]
        )
        permission.accepted(results[: len(spending)])
        self._report(queue_id, body.size)
        return queue_id

    def _deliver(self, prefix: bytes, body: Body, second: int, description: Description) -> Deliver:
        # Two recipients that lead to one account make one copy.
        accounts = {account.id: None for recipient in self.recipients for account in recipient.accounts}
        return Deliver(
            accounts=tuple(accounts),
            prefix=prefix,
            size=body.size,
            date=second,
            data=body.data,
            location=body.location,
            flags=SystemFlag.UTF8 if self._sender.envelope.utf8 else 0,
            description=description,
        )

    def _record(self, queue_id: str, prefix: bytes, body: Body, second: int) -> Sequence[Operation]:
        """What the ledger keeps of it, in the same transaction."""
        found = message_id(self._intake.header) or message_id(prefix)
        size = len(prefix) + body.size
        return self._services.ledger.within(
            records.accepted(self._sender, self.recipients, second, queue_id, found, size)
        )

    def _note(self, error: MailError, recipient: Address | None) -> None:
        if not self._sender.permission.has_noted(error):
            self._services.ledger.note(records.refused(self._sender, recipient, int(self._services.now()), error))

    def _report(self, queue_id: str, size: int) -> None:
        peer, envelope = self._sender.peer, self._sender.envelope
        counters.message_accepted(peer.protocol, len(self.recipients), size)
        facts: dict[str, object] = {
            "queue_id": queue_id,
            "sender": path(envelope.reverse_path),
            "recipients": ", ".join(mailbox(recipient.forward_path) for recipient in self.recipients),
            "size": size,
            "protocol": envelope.protocol,
            "peer": peer.address or "a local socket",
            "helo": envelope.helo,
            "tls": peer.tls or "no TLS",
        }
        # Put into words here: the logger's own formatting of eight fields costs as much as half the transaction.
        log.info((_LINE % facts).replace("{", "{{").replace("}", "}}"), **facts)
