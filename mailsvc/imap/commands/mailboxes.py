"""CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE (RFC 3501 6.3.3-6.3.7), CREATE-SPECIAL-USE (RFC 6154 3)."""

from mailsvc.formats.imap import responses
from mailsvc.formats.imap.codes import Code
from mailsvc.formats.imap.commands import Command
from mailsvc.formats.imap.errors import BadName
from mailsvc.formats.imap.names import check_new
from mailsvc.imap.session import Session
from mailsvc.imap.verbs import AUTHENTICATED, Answer, Verb, after_login, no

__all__ = ["CAPABILITIES", "VERBS"]

CAPABILITIES = after_login("CREATE-SPECIAL-USE")

USES = frozenset({"\\Archive", "\\Drafts", "\\Junk", "\\Sent", "\\Trash"})
"""Uses that a mailbox can be made for; ``\\All`` and ``\\Flagged`` would be views, of which we have none (RFC 6154 2)."""


def _new(name: str) -> str:
    try:
        return check_new(name)
    except BadName as error:
        raise no(error.text, Code.CANNOT) from None


async def _create(session: Session, command: Command) -> Answer:
    name, uses = command.args
    if set(uses) - USES:
        raise no("A mailbox cannot be made for that use", Code.USEATTR)
    await session.mailboxes.create(_new(name), uses)
    return Answer("CREATE completed")


async def _delete(session: Session, command: Command) -> Answer:
    (name,) = command.args
    mailbox = await session.mailboxes.find(name)
    await session.mailboxes.delete(name)
    if mailbox is not None and session.mbox is not None and session.mbox.view.mailbox == mailbox.id:
        session.leave_mailbox()
        session.send(responses.untagged("OK", "The selected mailbox was deleted", Code.CLOSED))
    return Answer("DELETE completed")


async def _rename(session: Session, command: Command) -> Answer:
    name, new = command.args
    await session.mailboxes.rename(name, _new(new))
    return Answer("RENAME completed")


async def _subscribe(session: Session, command: Command) -> Answer:
    """RFC 3501 6.3.6: also a name that is no mailbox (yet)."""
    (name,) = command.args
    await session.mailboxes.subscribe(_new(name), on=True)
    return Answer("SUBSCRIBE completed")


async def _unsubscribe(session: Session, command: Command) -> Answer:
    (name,) = command.args
    await session.mailboxes.subscribe(name.removesuffix("/"), on=False)
    return Answer("UNSUBSCRIBE completed")


VERBS = (
    Verb("CREATE", _create, AUTHENTICATED),
    Verb("DELETE", _delete, AUTHENTICATED),
    Verb("RENAME", _rename, AUTHENTICATED),
    Verb("SUBSCRIBE", _subscribe, AUTHENTICATED),
    Verb("UNSUBSCRIBE", _unsubscribe, AUTHENTICATED),
)
