"""NAMESPACE (RFC 2342): one personal namespace, in which all names of an account live."""

from mailsvc.formats.imap import responses
from mailsvc.formats.imap.commands import Command
from mailsvc.imap.session import Session
from mailsvc.imap.verbs import AUTHENTICATED, Answer, Verb, after_login

__all__ = ["CAPABILITIES", "VERBS"]

CAPABILITIES = after_login("NAMESPACE")


async def _namespace(session: Session, command: Command) -> Answer:
    """RFC 2342 5."""
    session.send(responses.namespace())
    return Answer("NAMESPACE completed")


VERBS = (Verb("NAMESPACE", _namespace, AUTHENTICATED),)
