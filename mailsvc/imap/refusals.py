"""How IMAP puts refusals into words: kinds of errors as response codes and sentences (RFC 3501 7.1, RFC 5530)."""

from mailsvc.core.errors import Kind, MailError
from mailsvc.formats.imap.codes import Code
from mailsvc.imap.verbs import Answer
from mailsvc.wire.sasl import SaslFailure

__all__ = ["SASL_FAILURES", "SERVER_BUG", "refusal"]

_REFUSALS: dict[Kind, tuple[bytes, str]] = {
    Kind.NOT_FOUND: (Code.NONEXISTENT, "No such mailbox"),
    Kind.EXISTS: (Code.ALREADYEXISTS, "A mailbox of this name exists"),
    Kind.IN_USE: (Code.INUSE, "In use by another session"),
    Kind.EXPUNGED: (Code.EXPUNGEISSUED, "Some of the messages are gone"),
    Kind.QUOTA: (Code.OVERQUOTA, "The quota leaves no room for this"),
    Kind.TOO_BIG: (Code.TOOBIG, "The message is too big"),
    Kind.TOO_MANY: (Code.LIMIT, "Too many"),
    Kind.BAD_CONTENT: (b"", "The message cannot be stored as it is"),
    Kind.BAD_CREDENTIALS: (Code.AUTHENTICATIONFAILED, "Wrong user name or password"),
    Kind.DISABLED: (Code.AUTHENTICATIONFAILED, "Wrong user name or password"),
    Kind.FORBIDDEN: (Code.AUTHORIZATIONFAILED, "This account may not use this service"),
    Kind.NEEDS_TLS: (Code.PRIVACYREQUIRED, "A password would cross this line unprotected: begin TLS first"),
    Kind.BAD_REQUEST: (Code.CANNOT, "Not possible"),
    Kind.NOT_NOW: (Code.UNAVAILABLE, "A temporary problem on the server, please try again later"),
}

_CODES = {
    "special-use-taken": Code.USEATTR,  # RFC 6154 3
    "has-children": Code.HASCHILDREN,  # RFC 9051 7.1
}
"""Reasons that have a code of their own."""

SERVER_BUG = Answer("Something broke on the server, please try again later", Code.SERVERBUG, "NO")

SASL_FAILURES: dict[SaslFailure, Answer] = {
    SaslFailure.CANCELLED: Answer("Authentication cancelled", condition="BAD"),  # RFC 3501 6.2.2
    SaslFailure.MALFORMED: Answer("That is not a valid response", condition="BAD"),
    SaslFailure.TOO_LONG: Answer("The authentication exchange is too long", condition="BAD"),
}


def refusal(error: MailError) -> Answer:
    """The tagged NO for an error of a room below."""
    code, text = _REFUSALS.get(error.kind, (b"", "Not possible"))
    return Answer(error.text or text, _CODES.get(error.reason, code), "NO")
