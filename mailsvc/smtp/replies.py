"""All that we say by SMTP and LMTP, and how a refusal becomes a reply (RFC 5321 4.2, enhanced codes RFC 3463 and 5248)."""

from mailsvc.core.errors import Kind, MailError
from mailsvc.formats.reply import Reply

__all__ = ["reply_to"]

OK = Reply(250, "2.0.0", "Ok")
SENDER_OK = Reply(250, "2.1.0", "Ok")
RECIPIENT_OK = Reply(250, "2.1.5", "Ok")
BYE = Reply(221, "2.0.0", "Bye")
GO_AHEAD = Reply(354, "", "End data with <CR><LF>.<CR><LF>")
START_TLS = Reply(220, "2.0.0", "Ready to start TLS")
LOGGED_IN = Reply(235, "2.7.0", "Authentication successful")
NOT_VERIFIED = Reply(252, "2.1.5", "Not verified; send a message and see")

UNKNOWN = Reply(500, "5.5.1", "Command not known")
EMPTY = Reply(500, "5.5.2", "Syntax error: a command is missing")
LINE_TOO_LONG = Reply(500, "5.5.6", "Line too long")
BARE = Reply(500, "5.5.2", "Syntax error: lone CR, LF or NUL in a command line")
NO_ARGUMENT = Reply(501, "5.5.4", "This command takes no argument")
NO_EXPN = Reply(502, "5.7.0", "EXPN is switched off")
NO_TLS = Reply(502, "5.5.1", "TLS is not available here")
NOT_SMTP = Reply(421, "4.7.0", "This is a mail server; closing connection")
TOO_MANY_ERRORS = Reply(421, "4.7.0", "Too many errors; closing connection")
TOO_MANY_COMMANDS = Reply(421, "4.7.0", "Too many commands and no message; closing connection")
TOO_MANY_LOGINS = Reply(421, "4.7.0", "Too many failed log-ins; closing connection")

HELO_FIRST = Reply(503, "5.5.1", "Say EHLO first")
LHLO_FIRST = Reply(503, "5.5.1", "Say LHLO first")
MAIL_FIRST = Reply(503, "5.5.1", "MAIL first")
NESTED = Reply(503, "5.5.1", "A transaction is already under way; RSET ends it")
IN_CHUNKS = Reply(503, "5.5.1", "The message has begun with BDAT")
NO_RECIPIENTS = Reply(554, "5.5.1", "No valid recipients")
LMTP_NO_RECIPIENTS = Reply(503, "5.5.1", "No valid recipients")  # RFC 2033 4.2
ALREADY_TLS = Reply(503, "5.5.1", "TLS is already active")
LOG_IN_FIRST = Reply(530, "5.7.0", "Authentication required")
TLS_FIRST = Reply(530, "5.7.0", "Authentication required; say STARTTLS first, then AUTH")
TLS_ELSEWHERE = Reply(530, "5.7.0", "Authentication required, which needs TLS; there is none on this port, use another")

NO_DSN = Reply(555, "5.7.1", "Delivery reports (DSN) are not offered to you here")
NEEDS_UTF8 = Reply(553, "5.6.7", "This address needs SMTPUTF8 in MAIL")

ALREADY_LOGGED_IN = Reply(503, "5.5.1", "Already authenticated")
NO_AUTH_IN_TRANSACTION = Reply(503, "5.5.1", "AUTH is not allowed during a mail transaction")
AUTH_SYNTAX = Reply(501, "5.5.4", "Syntax: AUTH mechanism [initial-response]")
NO_MECHANISM = Reply(504, "5.5.4", "Authentication mechanism not known")
NO_SPA = Reply(
    504,
    "5.5.4",
    "NTLM is not supported: in your mail program switch off SPA (Secure Password Authentication) and switch on TLS",
)
AUTH_NEEDS_TLS = Reply(538, "5.7.11", "Encryption required for this mechanism; say STARTTLS first")
AUTH_ELSEWHERE = Reply(538, "5.7.11", "Encryption required for this mechanism; there is none on this port, use another")
AUTH_CANCELLED = Reply(501, "5.7.0", "Authentication cancelled")
AUTH_MALFORMED = Reply(501, "5.5.2", "Bad base64 or malformed response")
AUTH_TOO_LONG = Reply(500, "5.5.6", "Authentication exchange line too long")
BAD_PASSWORD = Reply(535, "5.7.8", "Authentication credentials invalid")
AUTH_LATER = Reply(454, "4.7.0", "Temporary authentication failure")

NO_ETRN_IN_TRANSACTION = Reply(503, "5.5.1", "ETRN is not allowed during a mail transaction")

LATER = Reply(451, "4.3.0", "Temporary failure, please try again later")

FAREWELL = {
    "timeout": Reply(421, "4.4.2", "Waited too long for a command; closing connection"),
    "shutdown": Reply(421, "4.3.2", "The service is shutting down; closing connection"),
    "busy": Reply(421, "4.7.0", "Too many connections; try again later"),
    "revoked": Reply(421, "4.7.0", "The password or account of this session is not valid any more; closing connection"),
}

# The kinds of refusals, and reasons that deserve a code of their own.
_KINDS: dict[Kind, tuple[int, str, str]] = {
    Kind.NO_SUCH_USER: (550, "5.1.1", "No such user here"),
    Kind.NO_SUCH_DOMAIN: (550, "5.1.2", "No such domain here"),
    Kind.DISABLED: (550, "5.2.1", "This mailbox is disabled"),
    Kind.RELAY_DENIED: (
        550,
        "5.7.1",
        "Relaying denied: this address is not on this server. To send mail to others, switch on SMTP authentication "
        "(user name and password for outgoing mail) in your mail program",
    ),
    Kind.QUOTA: (452, "4.2.2", "The mailbox is full"),
    Kind.TOO_BIG: (552, "5.3.4", "Message too big"),
    Kind.BAD_CONTENT: (554, "5.6.0", "Message malformed"),
    Kind.TOO_MANY: (452, "4.5.3", "Too many recipients"),
    Kind.BAD_CREDENTIALS: (535, "5.7.8", "Authentication credentials invalid"),
    Kind.FORBIDDEN: (525, "5.7.13", "This account may not use this service"),  # RFC 5248
    Kind.NEEDS_TLS: (530, "5.7.0", "Encryption required"),
    Kind.NOT_NOW: (451, "4.3.0", "Temporary failure, please try again later"),
}
_REASONS: dict[str, tuple[int, str, str]] = {
    "low-disk": (452, "4.3.1", "Not enough space on this server now, please try again later"),
    "relay-limit": (450, "4.7.1", "You have sent as much as an hour allows, please send again later"),
    "mail-loop": (554, "5.4.6", "Mail loop"),
}


def auth_later(error: MailError) -> Reply:
    """The reply to a log-in that cannot be judged now (RFC 4954 6), with the error's own words if it has some."""
    return Reply(AUTH_LATER.code, AUTH_LATER.enhanced, error.text) if error.text else AUTH_LATER


def etrn(count: int | None, node: str) -> Reply:
    """What ETRN has found (RFC 1985 5.1); ``count``: recipients, None: it is under way already."""
    if count is None:
        return Reply(250, "2.0.0", f"OK, queuing for node {node} started")
    if count == 0:
        return Reply(251, "2.0.0", f"OK, no messages waiting for node {node}")
    return Reply(252, "2.0.0", f"OK, pending messages for node {node} started")


def no_etrn(error: MailError, node: str) -> Reply:
    """Why ETRN does nothing (RFC 1985 5.1)."""
    if error.kind is Kind.FORBIDDEN:
        return Reply(459, "4.7.1", f"Node {node} not allowed: its mail is not here, or not for you to ask for")
    return Reply(458, "4.3.0", f"Unable to queue messages for node {node}")


def reply_to(error: MailError, utf8: bool = False) -> Reply:
    """The reply to a refusal; its own text, if it has one, instead of ours. ``utf8``: the client can read UTF-8."""
    code, enhanced, text = _REASONS.get(error.reason) or _KINDS.get(error.kind, (554, "5.0.0", "Refused"))
    if error.temporary and code >= 500:
        code, enhanced = 451, "4" + enhanced[1:]
    if utf8 and error.local:
        return Reply(code, enhanced, error.text or text, error.local, utf8=True)
    return Reply(code, enhanced, error.text or text)
