"""STORE (RFC 3501 6.4.6), with UNCHANGEDSINCE (RFC 7162 3.1.3).

Without .SILENT the flags of every message of the set are sent, whether they changed or not. With .SILENT only what others have changed is,
and to a client that wants mod-sequences the new MODSEQ. Messages that are gone are passed over; the answer is then NO with EXPUNGEISSUED,
and the others are changed all the same.
"""

from mailsvc.core.interfaces.mailboxes import FlagChange
from mailsvc.formats.imap import codes
from mailsvc.formats.imap.codes import Code
from mailsvc.formats.imap.commands import Command, Store
from mailsvc.formats.imap.sets import NumberSet
from mailsvc.imap.flags import split_flags
from mailsvc.imap.selection import Selection
from mailsvc.imap.session import Session
from mailsvc.imap.verbs import SELECTED, Answer, Verb, no, nothing

__all__ = ["CAPABILITIES", "VERBS"]

CAPABILITIES = nothing


async def _store(session: Session, command: Command) -> Answer:
    numbers, store = command.args
    selection = session.writable()
    if store.unchanged_since is not None:
        session.enable("CONDSTORE")  # RFC 7162 3.1
    uids = await selection.resolve(numbers, command.uid)
    gone = bool(selection.view.gone(uids))
    told = await selection.announce(session, expunge=False, uid=command.uid)
    before = selection.view.modseq
    modseq, unmodified = await session.mailboxes.store_flags(selection.view.mailbox, uids, _change(store))
    changed = await selection.announce_all_but_flags(session, expunge=False)
    # If nobody else came in between, what now has this modseq was changed as the client asked, and by nobody else. But where it has just
    # been told what others did, it must hear what has become of it: it cannot know which came first.
    if not store.silent:
        known = uids
    elif modseq == before + 1:
        known = _last_changed_by(modseq, changed, selection) - told
    else:
        known = NumberSet()
    await selection.show(session, changed - known, selection.flag_plan(command.uid, session.condstore))
    await _show(session, store, uids, modseq, command.uid)
    return _answer(session, command, unmodified, gone)


def _change(store: Store) -> FlagChange:
    system, keywords = split_flags(store.flags)
    if store.action == "-":
        return FlagChange(remove=system, remove_keywords=keywords, unchanged_since=store.unchanged_since)
    return FlagChange(system, 0, keywords, replace=not store.action, unchanged_since=store.unchanged_since)


async def _show(session: Session, store: Store, uids: NumberSet, modseq: int, uid: bool) -> None:
    selection = session.selected
    if not store.silent:
        await selection.show(session, uids, selection.flag_plan(uid, session.condstore))
    elif session.condstore and modseq:
        await selection.show(
            session, _last_changed_by(modseq, uids, selection), selection.flag_plan(uid, condstore=True, flags=False)
        )


def _last_changed_by(modseq: int, uids: NumberSet, selection: Selection) -> NumberSet:
    return selection.having(uids, lambda run: [its == modseq for its in run.modseqs])


def _answer(session: Session, command: Command, unmodified: NumberSet, gone: bool) -> Answer:
    if unmodified:
        failed = unmodified if command.uid else session.selected.sequence(unmodified)
        condition = "NO" if gone and not command.uid else "OK"
        return Answer("Some of the messages were changed meanwhile", codes.modified(failed), condition)
    if gone and not command.uid:
        raise no("Some of the messages are gone", Code.EXPUNGEISSUED)
    return Answer("STORE completed")


VERBS = (Verb("STORE", _store, SELECTED, expunges=False),)
