"""FETCH (RFC 3501 6.4.5), with CHANGEDSINCE (RFC 7162 3.1.4.1); what each item is: :mod:`mailsvc.imap.fetch`.

``\\Seen`` is set before anything is sent, for all messages at once, so that the responses can carry the new flags. Messages that another
session has removed, which this client has not been told of, are passed over: the answer is OK with EXPUNGEISSUED (RFC 5530).
"""

from collections.abc import Iterable

from mailsvc.core.errors import MailError
from mailsvc.core.interfaces.mailboxes import FlagChange
from mailsvc.core.values import Doing, SystemFlag
from mailsvc.formats.imap.codes import Code
from mailsvc.formats.imap.commands import Command
from mailsvc.formats.imap.sections import FetchItem
from mailsvc.formats.imap.sets import NumberSet
from mailsvc.imap.fetch.items import make_plan
from mailsvc.imap.fetch.sending import send_all
from mailsvc.imap.selection import Selection
from mailsvc.imap.session import Session
from mailsvc.imap.verbs import SELECTED, Answer, Verb, after_login, bad

__all__ = ["CAPABILITIES", "VERBS"]

CAPABILITIES = after_login("BINARY")

MOST = 500
"""Items of one FETCH."""

_UID, _FLAGS, _MODSEQ = FetchItem("UID"), FetchItem("FLAGS"), FetchItem("MODSEQ")


async def _fetch(session: Session, command: Command) -> Answer:
    numbers, items, since = command.args
    if len(items) > MOST:
        raise bad("Too many items", Code.LIMIT)
    selection = session.selected
    if since is not None or _MODSEQ in items:
        session.enable("CONDSTORE")  # RFC 7162 3.1
    uids = await selection.resolve(numbers, command.uid)
    gone = bool(selection.view.gone(uids))
    if since is not None:
        uids = _changed(selection, uids, since)
    seen = await _mark_seen(session, uids) if any(item.sets_seen for item in items) else False
    reads = any(item.reads for item in items)
    if reads:
        session.factory.note(session, Doing.READING)
    plan = make_plan(selection, _all_items(items, command.uid, seen, since is not None, session.condstore))
    complete = await send_all(session, selection, uids, plan)
    if reads:  # a large one may have taken long
        session.factory.note(session, Doing.READING)
    if (gone or not complete) and not command.uid:
        return Answer("FETCH completed, but some of the messages are gone", Code.EXPUNGEISSUED)
    return Answer("FETCH completed")


def _all_items(items: Iterable[FetchItem], uid: bool, seen: bool, since: bool, condstore: bool) -> Iterable[FetchItem]:
    """The items asked for, and those that belong to them: UID (RFC 3501 6.4.8), FLAGS that change, MODSEQ (RFC 7162 3.1.4)."""
    items = list(items)
    if uid and _UID not in items:
        items.insert(0, _UID)
    if seen and _FLAGS not in items:
        items.append(_FLAGS)
    if _MODSEQ not in items and (since or (seen and condstore)):
        items.append(_MODSEQ)
    return items


def _changed(selection: Selection, uids: NumberSet, since: int) -> NumberSet:
    return selection.having(uids, lambda run: [modseq > since for modseq in run.modseqs])


async def _mark_seen(session: Session, uids: NumberSet) -> bool:
    """Set ``\\Seen`` where it is not set; whether any message was concerned.

    To read is more important than to mark as read: where the flag cannot be stored (a full disk), the answer is still OK, for what was
    asked for is sent. The flags are not shown then, so the client goes on showing as unread what will be unread in its next session too;
    NO would make programs throw away the text that they have just got.
    """
    selection = session.selected
    if selection.read_only:
        return False
    unseen = selection.having(uids, lambda run: [not flags & SystemFlag.SEEN for flags in run.flags])
    if not unseen:
        return False
    try:
        await session.mailboxes.store_flags(selection.view.mailbox, unseen, FlagChange(add=SystemFlag.SEEN))
    except MailError as error:
        session.log("{client}: {account} cannot mark messages as read: {error}", error=error)
        return False
    await selection.announce(session, expunge=False, but=unseen)
    return True


VERBS = (Verb("FETCH", _fetch, SELECTED, expunges=False),)
