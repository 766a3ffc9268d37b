"""COPY (RFC 3501 6.4.7) and MOVE (RFC 6851), with COPYUID (RFC 4315 3). Each is one transaction: all messages or none.

If the client means a message that another session has removed, COPY and MOVE by sequence number do nothing: NO with EXPUNGEISSUED.
"""

from mailsvc.core.interfaces.mailboxes import Copied
from mailsvc.formats.imap import codes, responses
from mailsvc.formats.imap.codes import Code
from mailsvc.formats.imap.commands import Command
from mailsvc.formats.imap.sets import NumberSet
from mailsvc.imap.selection import Selection
from mailsvc.imap.session import Session
from mailsvc.imap.targets import into
from mailsvc.imap.verbs import SELECTED, Answer, Verb, after_login, no

__all__ = ["CAPABILITIES", "VERBS"]

CAPABILITIES = after_login("MOVE")


async def _copy(session: Session, command: Command) -> Answer:
    numbers, target = command.args
    selection = session.selected
    uids = await _all_there(selection, numbers, command.uid)
    with into():
        copied = await session.mailboxes.copy(selection.view.mailbox, uids, target)
    return Answer("COPY completed", _copy_uid(copied))


async def _move(session: Session, command: Command) -> Answer:
    """RFC 6851 3.3, 4.3: COPYUID comes untagged, before the EXPUNGE responses."""
    numbers, target = command.args
    selection = session.writable()
    uids = await _all_there(selection, numbers, command.uid)
    with into():
        moved = await session.mailboxes.move(selection.view.mailbox, uids, target)
    if moved.source:
        session.send(responses.untagged("OK", "Moved", _copy_uid(moved)))
    return Answer("MOVE completed")


async def _all_there(selection: Selection, numbers: NumberSet, by_uid: bool) -> NumberSet:
    uids = await selection.resolve(numbers, by_uid)
    if not by_uid and selection.view.gone(uids):
        raise no("Some of the messages are gone, so nothing was done", Code.EXPUNGEISSUED)
    return uids


def _copy_uid(copied: Copied) -> bytes:
    return codes.copy_uid(copied.uidvalidity, copied.source, copied.target) if copied.source else b""


VERBS = (Verb("COPY", _copy, SELECTED), Verb("MOVE", _move, SELECTED))
