"""EXPUNGE (RFC 3501 6.4.3) and UID EXPUNGE (RFC 4315 2.1). The EXPUNGE responses are announced like everybody else's."""

from mailsvc.formats.imap.commands import Command
from mailsvc.imap.selection import ALL
from mailsvc.imap.session import Session
from mailsvc.imap.verbs import SELECTED, Answer, Verb, nothing

__all__ = ["CAPABILITIES", "VERBS"]

CAPABILITIES = nothing  # UIDPLUS stands with APPEND


async def _expunge(session: Session, command: Command) -> Answer:
    selection = session.writable()
    uids = await selection.resolve(command.args[0], by_uid=True) if command.uid else ALL
    if uids:
        await session.mailboxes.expunge(selection.view.mailbox, uids)
    return Answer("EXPUNGE completed")


VERBS = (Verb("EXPUNGE", _expunge, SELECTED),)
