"""One mail transaction: recipients judged as they are named, bytes taken as they come, one commit at the end.

::

    rcpt -> route -> Recipient(accounts)
    write -> Intake -> body writer                   (nothing is kept here)
    commit -> each address once -> dispatch (mailboxes, queue, report) + trace, missing fields + body + description
        -> store.apply([SpendGrant, Deliver, Record, Deliver of a report]) -> queue id

After :meth:`Transaction.commit` returned, the message is durable for every recipient: in a mailbox, in the queue, or in a report to its
sender; if it raised, for none.
"""

from collections.abc import Awaitable, Callable, Sequence

import attrs
from twisted.logger import Logger
from zope.interface import implementer

from mailsvc.core.errors import Kind, MailError
from mailsvc.core.interfaces.delivery import ITransaction, Recipient
from mailsvc.core.operations import Deliver, Operation
from mailsvc.core.queued import Outgoing
from mailsvc.core.reports import Original
from mailsvc.core.values import Body, SystemFlag
from mailsvc.delivery import records
from mailsvc.delivery.dispatch import Dispatch, dispatch
from mailsvc.delivery.intake import Intake
from mailsvc.delivery.named_twice import each_once
from mailsvc.delivery.routing import route
from mailsvc.delivery.services import Sender, Services
from mailsvc.delivery.submission import missing_fields
from mailsvc.delivery.trace import rendered_date, trace
from mailsvc.formats.address import Address
from mailsvc.formats.message_id import message_id
from mailsvc.formats.mime.fields import Fields
from mailsvc.formats.received import passes, return_path
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
        self._ours: dict[str, Recipient] = {}

    async def rcpt(self, forward_path: Address, notify: int = 0, orcpt: str = "") -> Recipient:
        """Accept a recipient, or raise why not."""
        try:
            if len(self.recipients) >= self._limit:
                raise MailError(Kind.TOO_MANY, "too-many-recipients", temporary=True)
            routed = await self._route(forward_path)
        except MailError as error:
            self._note(error, forward_path)
            raise
        recipient = attrs.evolve(routed, notify=notify, orcpt=orcpt) if notify or orcpt else routed
        self.recipients.append(recipient)
        return recipient

    async def _route(self, forward_path: Address) -> Recipient:
        """Where mail for it goes. An address of ours is looked up once, for it may be an alias of thousands, named a thousand times."""
        key = forward_path.canonical
        if key in self._ours:
            return attrs.evolve(self._ours[key], forward_path=forward_path)
        routed = await route(self._services, self._sender, forward_path)
        if routed.is_ours:
            self._ours[key] = routed
        return routed

    async def commit(self) -> str:
        """Store the message for all recipients; the queue id."""
        try:
            return await self._commit()
        except MailError as error:
            self._note(error, None)
            raise

    async def _commit(self) -> str:
        permission = self._sender.permission
        recipients = each_once(self.recipients)
        try:
            plan = dispatch(recipients, self._services.border, self._intake.size, self._passes(recipients))
            body = await self._intake.close()
            await permission.check_from(self._intake.header, self._intake.header_is_whole)
        except BaseException:
            self.abort()
            raise
        # From here on nothing is taken back: when the store cannot answer, it may have kept its promise all the same.
        queue_id = self._next_id()
        second = int(self._services.now())
        prefix = trace(self._sender, recipients, self._services.hostname, queue_id, second)
        deliver = await self._deliver(plan, prefix, body, queue_id, second)
        spending = permission.operations(self._leaving())
        record = self._record(recipients, plan, deliver, queue_id)
        results = await self._services.store.apply(
            [*spending, deliver, *record, *await self._report(plan, deliver, queue_id)]
        )
        permission.accepted(results[: len(spending)])
        self._log(recipients, queue_id, body.size)
        return queue_id

    def _passes(self, recipients: Sequence[Recipient]) -> Sequence[str]:
        """For whom the message has been here before; looked for only where an alias might send it round in a circle."""
        if not any(one.is_alias for one in recipients):
            return ()
        return passes(Fields(self._intake.header).all(b"received"), self._services.hostname)

    def _leaving(self) -> int:
        """How many of the recipients that needed a permission the border lets out."""
        lets_out, size = self._services.border.lets_out, self._intake.size
        return sum(
            one.forward_path in self._sender.permission.allowed and lets_out(one.forward_path, size)
            for one in self.recipients
        )

    async def _deliver(self, plan: Dispatch, prefix: bytes, body: Body, queue_id: str, second: int) -> Deliver:
        if self._sender.is_submission and self._intake.header_is_whole:
            prefix += missing_fields(self._intake.header, queue_id, self._services.hostname, rendered_date(second))
        return Deliver(
            accounts=plan.accounts,
            prefix=prefix,
            size=body.size,
            date=second,
            data=body.data,
            location=body.location,
            flags=SystemFlag.UTF8 if self._sender.envelope.utf8 else 0,
            description=await self._services.store.bodies.describe(prefix, body) if plan.accounts else None,
            outgoing=self._outgoing(plan, queue_id, second) if plan.outgoing else None,
        )

    def _outgoing(self, plan: Dispatch, queue_id: str, second: int) -> Outgoing:
        envelope = self._sender.envelope
        return Outgoing(
            queue_id=queue_id,
            sender=_text(envelope.reverse_path),
            account=self._sender.answers,
            arrived=second,
            due=second,
            skip=len(return_path(envelope.reverse_path)),
            recipients=plan.outgoing,
            # Many send 8 bits without a word about it; the next server is told (RFC 6152 3).
            body="8BITMIME" if self._intake.eight_bit else envelope.body,
            utf8=envelope.utf8,
            ret=envelope.ret,
            envid=envelope.envid,
        )

    async def _report(self, plan: Dispatch, deliver: Deliver, queue_id: str) -> Sequence[Operation]:
        """What tells the sender at once (RFC 3461 5.2.3, the border, loops)."""
        envelope = self._sender.envelope
        if not plan.told:
            return ()
        skip = len(return_path(envelope.reverse_path))
        original = Original(
            queue_id=queue_id,
            sender=_text(envelope.reverse_path),
            arrived=deliver.date,
            size=len(deliver.prefix) - skip + deliver.size,
            read=_reader(deliver.prefix[skip:] + self._intake.header),
            utf8=envelope.utf8,
            ret=envelope.ret,
            envid=envelope.envid,
        )
        return await self._services.reports.report(original, plan.told)

    def _record(
        self, recipients: Sequence[Recipient], plan: Dispatch, deliver: Deliver, queue_id: str
    ) -> Sequence[Operation]:
        """What the ledger keeps of it, in the same transaction."""
        found = message_id(self._intake.header) or message_id(deliver.prefix)
        size = len(deliver.prefix) + deliver.size
        now = self._services.now()
        return self._services.ledger.within(
            [
                *records.accepted(self._sender, recipients, now, queue_id, found, size),
                *records.stopped(self._sender, plan.told, now, queue_id, size),
            ]
        )

    def _note(self, error: MailError, recipient: Address | None) -> None:
        if not self._sender.permission.has_noted(error):
            self._services.ledger.note(records.refused(self._sender, recipient, self._services.now(), error))

    def _log(self, recipients: Sequence[Recipient], queue_id: str, size: int) -> None:
        peer, envelope = self._sender.peer, self._sender.envelope
        counters.message_accepted(peer.protocol, len(self.recipients), size)
        facts: dict[str, object] = {
            "queue_id": queue_id,
            "sender": path(envelope.reverse_path),
            "recipients": ", ".join(mailbox(recipient.forward_path) for recipient in recipients),
            "size": size,
            "protocol": envelope.protocol,
            "peer": peer.address or "a local socket",
            "helo": envelope.helo,
            "tls": peer.tls or "no TLS",
        }
        # Put into words here: the logger's own formatting of eight fields costs as much as half the transaction.
        log.info((_LINE % facts).replace("{", "{{").replace("}", "}}"), **facts)


def _text(reverse_path: Address | None) -> str:
    return mailbox(reverse_path) if reverse_path else ""


def _reader(octets: bytes) -> Callable[[int, int], Awaitable[bytes]]:
    async def read(offset: int, length: int) -> bytes:
        return octets[offset : offset + length]

    return read
