"""ENABLE (RFC 5161): extensions that change what the server sends are switched on by the client."""

from mailsvc.formats.imap import responses
from mailsvc.formats.imap.commands import Command
from mailsvc.imap.session import Session
from mailsvc.imap.verbs import AUTHENTICATED, Answer, Verb

__all__ = ["CAPABILITIES", "VERBS"]

EXTENSIONS = {"CONDSTORE", "UTF8=ACCEPT"}
"""RFC 7162 3.1, RFC 6855 3."""


def CAPABILITIES(session: Session) -> tuple[str, ...]:
    """UTF8=ACCEPT is of use only together with ENABLE (RFC 6855 3)."""
    return ("ENABLE",) if session.account is None else ("ENABLE", "UTF8=ACCEPT")


async def _enable(session: Session, command: Command) -> Answer:
    """RFC 5161 3.1: unknown names are passed over; the response names what is now on and was not before."""
    (names,) = command.args
    new = [name for name in names if name in EXTENSIONS - session.enabled]
    session.enable(*new)
    session.send(responses.enabled(dict.fromkeys(new)))
    return Answer("ENABLE completed")


VERBS = (Verb("ENABLE", _enable, AUTHENTICATED),)
