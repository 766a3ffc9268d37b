"""SELECT and EXAMINE (RFC 3501 6.3.1, 6.3.2), with HIGHESTMODSEQ (RFC 7162 3.1.2, 3.1.8); CLOSE and UNSELECT (6.4.2, RFC 3691)."""

from mailsvc.core.errors import Kind, MailError
from mailsvc.core.values import Mailbox
from mailsvc.formats.imap import codes, responses
from mailsvc.formats.imap.codes import Code
from mailsvc.formats.imap.commands import Command
from mailsvc.imap.selection import ALL, Selection
from mailsvc.imap.session import Session
from mailsvc.imap.verbs import AUTHENTICATED, SELECTED, Answer, Verb, after_login

__all__ = ["CAPABILITIES", "VERBS"]

CAPABILITIES = after_login("UNSELECT", "CONDSTORE")


async def _select(session: Session, command: Command) -> Answer:
    name, parameters = command.args
    session.leave_mailbox()  # also if this fails (RFC 3501 6.3.1)
    mailbox = await session.mailboxes.find(name)
    if mailbox is None:
        raise MailError(Kind.NOT_FOUND, "no-such-mailbox")
    if "CONDSTORE" in parameters:
        session.enable("CONDSTORE")
    selection = await _open(session, mailbox, read_only=command.name == "EXAMINE")
    session.enter_mailbox(selection)
    session.send(_facts(selection))
    access = Code.READ_ONLY if selection.read_only else Code.READ_WRITE
    return Answer(f"{command.name} completed", access)


async def _open(session: Session, mailbox: Mailbox, read_only: bool) -> Selection:
    mailboxes = session.mailboxes
    view = await mailboxes.view(mailbox.id)
    try:
        recent = mailbox.recent
        if not read_only and view.uidnext > recent:
            recent = await _claim_recent(session, mailbox)
        await view.refresh()
        view.advance(expunge=True)
    except BaseException:
        view.close()
        raise
    return Selection(mailbox, view, read_only, recent)


async def _claim_recent(session: Session, mailbox: Mailbox) -> int:
    """From which UID on messages are recent; if that cannot be noted down (a full disk), then in the next session too.

    RFC 3501 2.3.2: where it cannot be told whether another session was told first, a message is to be considered recent.
    """
    try:
        return await session.mailboxes.claim_recent(mailbox.id)
    except MailError as error:
        if error.kind is not Kind.NOT_NOW:
            raise
        session.log("{client}: {account} cannot claim recent messages: {error}", error=error)
        return mailbox.recent


def _facts(selection: Selection) -> bytes:
    """The untagged responses of SELECT (RFC 3501 6.3.1, RFC 7162 3.1.2.1)."""
    view = selection.view
    facts = [
        (codes.uid_validity(selection.mailbox.uidvalidity), "UIDs are valid"),
        # The view knows of messages that are there, the row also of UIDs whose messages are gone.
        (codes.uid_next(max(selection.mailbox.uidnext, view.uidnext)), "The next UID"),
        (codes.highest_modseq(view.modseq), "The highest mod-sequence"),
    ]
    unseen = selection.first_unseen() if view.exists else None
    if unseen is not None:
        facts.append((codes.unseen(unseen), "The first unseen message"))
    return b"".join(
        [
            selection.flags_line(),
            responses.exists(view.exists),
            responses.recent(selection.recent_count),
            *(responses.untagged("OK", text, code) for code, text in facts),
        ]
    )


async def _close(session: Session, command: Command) -> Answer:
    """RFC 3501 6.4.2: what is marked as deleted goes, nothing is said of it."""
    selection = session.selected
    if not selection.read_only:
        await session.mailboxes.expunge(selection.view.mailbox, ALL)
    session.leave_mailbox()
    return Answer("CLOSE completed")


async def _unselect(session: Session, command: Command) -> Answer:
    """RFC 3691 2."""
    session.leave_mailbox()
    return Answer("UNSELECT completed")


VERBS = (
    Verb("SELECT", _select, AUTHENTICATED),
    Verb("EXAMINE", _select, AUTHENTICATED),
    Verb("CLOSE", _close, SELECTED),
    Verb("UNSELECT", _unselect, SELECTED),
)
