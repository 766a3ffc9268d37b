"""What to tell the sender of a message, if anything: outcomes -> the operations that tell it (RFC 3461 5.2, 6; RFC 5321 6.1).

::

    original, told -> those that the sender wants to hear of (NOTIFY)
                   -> to whom: the sender's mailbox here, or his server by way of the queue; else postmaster, or nobody
                   -> the words (report_words), the report (formats.dsn) -> Deliver

Who that is: :mod:`mailsvc.queue.addressees`.
"""

import time
from collections.abc import Callable, Sequence
from datetime import datetime

from twisted.logger import Logger
from zope.interface import implementer

from mailsvc.core.errors import MailError
from mailsvc.core.interfaces.directory import IDirectory
from mailsvc.core.interfaces.reports import IReports
from mailsvc.core.interfaces.store import IBodies
from mailsvc.core.ledger import REPORT, Event, Happening
from mailsvc.core.operations import Deliver, Operation
from mailsvc.core.queued import Notify, Outgoing, OutgoingRecipient, QueuedMessage
from mailsvc.core.reports import Action, Original, Told
from mailsvc.core.values import Body, SystemFlag
from mailsvc.formats.address import canonical_domain
from mailsvc.formats.downgrade import end_of_header
from mailsvc.formats.dsn.build import Letter, Returned, build
from mailsvc.formats.dsn.values import DeliveryStatus, RecipientStatus
from mailsvc.formats.mime.parts import scan
from mailsvc.formats.mime.text import field_text
from mailsvc.formats.received import return_path
from mailsvc.formats.sevenbit import CannotConvert, seven_bit
from mailsvc.formats.smtp import mailbox
from mailsvc.formats.smtp_replies import is_reply
from mailsvc.queue.addressees import Addressee, Addressees
from mailsvc.queue.report_words import Audience, Matter, compose

__all__ = ["Reports", "original_of", "wants"]

log = Logger(namespace="mailsvc.queue")

MOST_RETURNED = 50_000
"""Octets of a message up to which all of it may come back."""

MOST_HEADER = 65_536
"""Octets of a header that come back."""


def wants(told: Told) -> bool:
    """Whether the sender has asked for this, or nobody has said anything and it is a failure or a delay (RFC 3461 4.1)."""
    if told.action is Action.FAILED:
        return not told.notify or bool(told.notify & Notify.FAILURE)
    if told.action is Action.DELAYED:
        return not told.notify or bool(told.notify & Notify.DELAY)
    return bool(told.notify & Notify.SUCCESS)


def original_of(message: QueuedMessage, bodies: IBodies) -> Original:
    """A message in the queue, to report about."""

    async def read(offset: int, length: int) -> bytes:
        return await bodies.get(message.content, message.skip + offset, length)

    return Original(
        queue_id=message.queue_id,
        sender=message.sender,
        arrived=message.arrived,
        size=message.size - message.skip,
        read=read,
        utf8=message.utf8,
        ret=message.ret,
        envid=message.envid,
    )


@implementer(IReports)
class Reports:
    """See :class:`~mailsvc.core.interfaces.reports.IReports`."""

    def __init__(
        self,
        bodies: IBodies,
        directory: IDirectory,
        hostname: str,
        next_id: Callable[[], str],
        now: Callable[[], float] = time.time,
        within: Callable[[Sequence[Event]], Sequence[Operation]] = lambda events: (),
    ) -> None:
        """:param hostname: our name. :param next_id: makes queue ids. :param now: seconds since the epoch.
        :param within: that of ILedger, for the row of each report.
        """
        self._bodies = bodies
        self._hostname = hostname
        self._next_id = next_id
        self._now = now
        self._within = within
        self._addressees = Addressees(directory, hostname, now)

    async def report(self, original: Original, told: Sequence[Told]) -> list[Operation]:
        """One report at most."""
        wanted = tuple(one for one in told if wants(one))
        if not wanted:
            return []
        addressee = await self._addressees.find(original.sender, _any_failed(wanted))
        if addressee is None:
            log.info("{queue_id}: nobody to tell of it", queue_id=original.queue_id)
            return []
        report_id = self._next_id()
        octets = await self._write(original, wanted, addressee, report_id)
        log.info(
            "{queue_id}: report {report_id} to <{recipient}>: {actions}",
            queue_id=original.queue_id,
            report_id=report_id,
            recipient=addressee.address,
            actions=", ".join(f"{one.address} {one.action.value} ({one.status})" for one in wanted),
        )
        deliver = await self._deliver(octets, addressee, report_id)
        return [deliver, *self._within([self._record(original, wanted, addressee, deliver, report_id)])]

    def _record(
        self, original: Original, told: Sequence[Told], addressee: Addressee, deliver: Deliver, report_id: str
    ) -> Event:
        """What the ledger says of the report, for whoever finds it by its queue id or by that of the original."""
        return Event(
            at=self._now(),
            what=Happening.ACCEPTED,
            queue_id=report_id,
            message_id=f"{report_id}@{self._hostname}",
            recipients=(addressee.address,),
            readers=(deliver.accounts,) if deliver.accounts else (),
            size=len(deliver.prefix) + deliver.size,
            reason=REPORT,
            evidence=(("about", original.queue_id), ("of", ", ".join(one.address for one in told))),
        )

    async def _write(self, original: Original, told: tuple[Told, ...], addressee: Addressee, report_id: str) -> bytes:
        returned = await _returned(original, _may_return_all(original, told))
        report = self._compose(original, told, addressee, report_id, returned)
        if returned and returned.full and not (addressee.takes_utf8 or _can_go_anywhere(report)):
            only_header = Returned(_header(returned.octets), False, returned.utf8)
            return self._compose(original, told, addressee, report_id, only_header)
        return report

    def _compose(
        self,
        original: Original,
        told: tuple[Told, ...],
        addressee: Addressee,
        report_id: str,
        returned: Returned | None,
    ) -> bytes:
        header = scan(returned.octets if returned else b"\r\n")
        subject, text = compose(
            Matter(
                audience=addressee.audience,
                told=told,
                sender=original.sender,
                subject=" ".join(field_text(header, b"subject")[:1]),
                arrived=original.arrived,
                size=original.size,
                returned=returned.full if returned else None,
                postmaster=self._addressees.postmaster,
            )
        )
        letter = Letter(
            sender=self._addressees.postmaster,
            recipient=addressee.address,
            subject=subject,
            date=_moment(int(self._now())),
            token=report_id,
            host=self._hostname,
            text=text,
            about=_message_id(field_text(header, b"message-id")),
        )
        return build(letter, self._status(original, told), returned, utf8=addressee.takes_utf8)

    def _status(self, original: Original, told: tuple[Told, ...]) -> DeliveryStatus:
        return DeliveryStatus(
            reporter=self._hostname,
            recipients=tuple(map(_recipient_status, told)),
            envelope_id=original.envid,
            arrived=_moment(original.arrived),
        )

    async def _deliver(self, octets: bytes, addressee: Addressee, report_id: str) -> Deliver:
        second, prefix = int(self._now()), return_path(None)
        # With its transaction whatever its size, not a file: the store may refuse that for hours (the settler asks again and again),
        # and by then a file without a message would be swept away, so that it could never be carried out.
        body = Body(len(octets), data=octets)
        return Deliver(
            accounts=tuple(account.id for account in addressee.place.accounts),
            prefix=prefix,
            data=body.data,
            size=body.size,
            date=second,
            flags=0 if addressee.address.isascii() else SystemFlag.UTF8,
            check_quota=False,  # what became of his mail is told to him whose mailbox is full, too
            description=await self._bodies.describe(prefix, body),
            outgoing=_outgoing(octets, addressee, report_id, second, len(prefix)),
        )


def _outgoing(octets: bytes, addressee: Addressee, report_id: str, second: int, skip: int) -> Outgoing | None:
    # If even the notice to postmaster fails, there is nobody left to be told.
    notify = 0 if addressee.audience is Audience.SENDER else int(Notify.NEVER)
    recipients = tuple(
        OutgoingRecipient(mailbox(address), canonical_domain(address.domain), notify)
        for address in addressee.place.outside
    )
    if not recipients:
        return None
    return Outgoing(
        queue_id=report_id,
        sender="",
        account=0,
        arrived=second,
        due=second,
        skip=skip,
        recipients=recipients,
        body="7BIT" if octets.isascii() else "8BITMIME",
        utf8=addressee.needs_utf8,
    )


async def _returned(original: Original, all_of_it: bool) -> Returned | None:
    """What comes back; no more than ``original`` can give. That it cannot be read may be why it failed: its sender is told all the same."""
    try:
        octets = await original.read(0, original.size if all_of_it else min(original.size, MOST_HEADER))
    except MailError:
        return None
    if all_of_it and len(octets) == original.size:
        return Returned(octets, True, original.utf8)
    return Returned(_header(octets), False, original.utf8) if octets else None


def _can_go_anywhere(report: bytes) -> bool:
    """Whether a host on the way back that takes seven bits only could be given it (RFC 6522 3): not with a signed 8-bit message in it."""
    try:
        seven_bit(report)
    except CannotConvert:
        return False
    return True


def _may_return_all(original: Original, told: Sequence[Told]) -> bool:
    """Only with a failure (RFC 3461 6.2), if the sender has not said HDRS, and up to a size."""
    return _any_failed(told) and original.ret != "HDRS" and original.size <= MOST_RETURNED


def _any_failed(told: Sequence[Told]) -> bool:
    return any(one.action is Action.FAILED for one in told)


def _header(octets: bytes) -> bytes:
    """The header, whole lines of it, with the last line end and without the blank line."""
    end = end_of_header(octets)
    return octets[: end - 2] if end else octets[: octets.rfind(b"\r\n") + 2]


def _recipient_status(told: Told) -> RecipientStatus:
    kind = "smtp" if is_reply(told.reply) else "X-mailsvc"  # RFC 3464 2.3.6: a code of SMTP, or words of our own
    return RecipientStatus(
        final=told.address,
        action=told.action.value,
        status=told.status,
        original=told.orcpt,
        # RFC 3464 2.3.5 and 2.3.6: who reported the status to us; without it, the diagnostic is ours.
        remote=told.host.partition(" [")[0] if told.answered else "",
        diagnostic=f"{kind};{told.reply}" if told.reply else "",
        tried=_moment(told.at) if told.at else None,
        until=_moment(told.until) if told.until and told.action is Action.DELAYED else None,
    )


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds).astimezone()


def _message_id(values: Sequence[str]) -> str:
    """The Message-ID, if it is one that may stand in a header of ours."""
    value = values[0].strip() if values else ""
    good = (
        value.startswith("<") and value.endswith(">") and value.isascii() and value.isprintable() and len(value) <= 500
    )
    return value if good and not set(value[1:-1]) & set("<> ") else ""
