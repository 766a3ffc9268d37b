"""CAPABILITY, NOOP, CHECK, LOGOUT (RFC 3501 6.1, 6.4.1)."""

from mailsvc.core.values import Doing
from mailsvc.formats.imap import responses
from mailsvc.formats.imap.commands import Command
from mailsvc.imap.session import Session
from mailsvc.imap.verbs import ANY, SELECTED, Answer, State, Verb, always

__all__ = ["CAPABILITIES", "VERBS"]

CAPABILITIES = always("LITERAL-")  # RFC 7888; never LITERAL+ beside it (5)


async def _capability(session: Session, command: Command) -> Answer:
    """RFC 3501 6.1.1."""
    session.send(responses.capability(session.capability_names()))
    return Answer("CAPABILITY completed")


async def _noop(session: Session, command: Command) -> Answer:
    """RFC 3501 6.1.2: its use is that changes are announced before the answer."""
    session.factory.note(session, Doing.NOOP)
    return Answer(f"{command.name} completed")


async def _logout(session: Session, command: Command) -> Answer:
    """RFC 3501 6.1.3."""
    session.factory.note(session, Doing.LEAVING)
    session.leave_mailbox()
    session.state = State.LOGOUT
    session.bye("Goodbye")
    return Answer("LOGOUT completed", then=session.close)


VERBS = (
    Verb("CAPABILITY", _capability, ANY),
    Verb("NOOP", _noop, ANY),
    Verb("CHECK", _noop, SELECTED),  # RFC 3501 6.4.1: here everything is durable before it is answered
    Verb("LOGOUT", _logout, ANY),
)
