"""How POP3 puts refusals into words: kinds of errors as response codes and sentences (RFC 2449 8, RFC 3206, RFC 6856 5)."""

from mailsvc.core.errors import Kind
from mailsvc.wire.framing import Flaw
from mailsvc.wire.sasl import NotOffered, SaslFailure

__all__ = ["FLAWS", "NOT_OFFERED", "REFUSALS", "SASL_FAILURES"]

REFUSALS: dict[Kind, tuple[str, str]] = {
    Kind.IN_USE: ("IN-USE", "pop3.in-use"),
    Kind.BAD_CREDENTIALS: ("AUTH", "pop3.bad-credentials"),
    Kind.DISABLED: ("AUTH", "pop3.bad-credentials"),
    Kind.FORBIDDEN: ("SYS/PERM", "pop3.refused"),
    Kind.NEEDS_TLS: ("SYS/PERM", "pop3.needs-tls"),
    Kind.NOT_NOW: ("SYS/TEMP", "pop3.not-now"),
    Kind.EXPUNGED: ("", "pop3.expunged"),
}
"""Kind -> response code (``""``: none fits) and sentence. Other kinds do not come up in a maildrop."""

FLAWS: dict[Flaw, str] = {
    Flaw.TOO_LONG: "pop3.line-too-long",
    Flaw.ENDLESS: "pop3.line-too-long",
    Flaw.BARE: "pop3.line-bare",
}

SASL_FAILURES: dict[SaslFailure, str] = {
    SaslFailure.CANCELLED: "pop3.sasl-cancelled",
    SaslFailure.MALFORMED: "pop3.sasl-malformed",
    SaslFailure.TOO_LONG: "pop3.sasl-too-long",
    SaslFailure.REFUSED: "pop3.bad-credentials",
}

NOT_OFFERED: dict[NotOffered, str] = {
    NotOffered.SPA: "pop3.no-spa",
    NotOffered.UNKNOWN: "pop3.unknown-mechanism",
}
"""What is said where TLS would not help."""
