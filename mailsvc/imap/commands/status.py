"""STATUS (RFC 3501 6.3.10), with SIZE (RFC 8438), HIGHESTMODSEQ (RFC 7162 3.1.7), APPENDLIMIT (RFC 7889 3.1). ``ITEMS`` is the table.

Counters are kept in the mailbox's row; only RECENT and DELETED, which hardly anybody asks for, look at messages.
"""

from collections.abc import Awaitable, Callable, Iterable

from mailsvc.core.errors import Kind, MailError
from mailsvc.core.interfaces.store import Field
from mailsvc.core.values import Mailbox, SystemFlag
from mailsvc.formats.imap import responses
from mailsvc.formats.imap.commands import Command
from mailsvc.formats.imap.sets import NumberSet
from mailsvc.imap.session import Session
from mailsvc.imap.verbs import AUTHENTICATED, Answer, Verb, after_login

__all__ = ["CAPABILITIES", "ITEMS", "VERBS", "status_line"]

CAPABILITIES = after_login("STATUS=SIZE")

Item = Callable[[Session, Mailbox], Awaitable[int | None]]


def _kept(value: Callable[[Session, Mailbox], int | None]) -> Item:
    async def item(session: Session, mailbox: Mailbox) -> int | None:
        return value(session, mailbox)

    return item


async def _recent(session: Session, mailbox: Mailbox) -> int:
    if mailbox.recent >= mailbox.uidnext:
        return 0
    return await _count(session, mailbox, mailbox.recent, lambda flags: True)


async def _deleted(session: Session, mailbox: Mailbox) -> int:
    return await _count(session, mailbox, 1, lambda flags: bool(flags & SystemFlag.DELETED))


async def _count(session: Session, mailbox: Mailbox, first: int, test: Callable[[int], bool]) -> int:
    count = 0
    async for rows in session.mailboxes.fetch(mailbox.id, NumberSet(((first, 0xFFFFFFFF),)), (Field.FLAGS,)):
        count += sum(test(flags) for _, flags in rows)
    return count


ITEMS: dict[str, Item] = {
    "MESSAGES": _kept(lambda session, mailbox: mailbox.messages),
    "RECENT": _recent,
    "UIDNEXT": _kept(lambda session, mailbox: mailbox.uidnext),
    "UIDVALIDITY": _kept(lambda session, mailbox: mailbox.uidvalidity),
    "UNSEEN": _kept(lambda session, mailbox: mailbox.unseen),
    "HIGHESTMODSEQ": _kept(lambda session, mailbox: mailbox.modseq),
    "SIZE": _kept(lambda session, mailbox: mailbox.octets),
    "DELETED": _deleted,
    "APPENDLIMIT": _kept(lambda session, mailbox: session.message_size or None),
}


async def status_line(session: Session, mailbox: Mailbox, items: Iterable[str]) -> bytes:
    """``* STATUS``."""
    values = {name: await ITEMS[name](session, mailbox) for name in items}
    if "HIGHESTMODSEQ" in values:
        session.enable("CONDSTORE")  # RFC 7162 3.1
    return responses.status(mailbox.name, values, session.utf8)


async def _status(session: Session, command: Command) -> Answer:
    name, items = command.args
    mailbox = await session.mailboxes.find(name)
    if mailbox is None:
        raise MailError(Kind.NOT_FOUND, "no-such-mailbox")
    session.send(await status_line(session, mailbox, items))
    return Answer("STATUS completed")


VERBS = (Verb("STATUS", _status, AUTHENTICATED),)
