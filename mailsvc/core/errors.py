"""One error for everything that a mail operation can refuse.

A room raises :class:`MailError` with a *kind*; each protocol translates kinds into its own replies (SMTP codes, POP3 response codes,
IMAP response codes) by a table of its own. Anything that is not a MailError is unexpected: the protocol answers with a *temporary*
failure and logs the traceback (STYLE habit 5; Dovecot's mail-error.h is the model).
"""

import enum

import attrs

__all__ = ["Kind", "MailError", "temporary"]


class Kind(enum.Enum):
    """What went wrong, in words that no protocol owns."""

    NO_SUCH_USER = "no-such-user"  # nobody of this name here
    NO_SUCH_DOMAIN = "no-such-domain"
    DISABLED = "disabled"  # the account exists but may not do this
    RELAY_DENIED = "relay-denied"  # not local, and no rule lets this client relay
    QUOTA = "quota"  # the mailbox is full
    TOO_BIG = "too-big"  # the message is over the listener's limit
    BAD_CONTENT = "bad-content"  # the message itself is malformed or loops
    TOO_MANY = "too-many"  # a limit on recipients, commands or connections
    BAD_CREDENTIALS = "bad-credentials"
    FORBIDDEN = "forbidden"  # the right password, but the account may not use this service
    NEEDS_TLS = "needs-tls"
    NOT_FOUND = "not-found"  # mailbox, message or name
    EXISTS = "exists"
    IN_USE = "in-use"  # somebody else holds the lock
    EXPUNGED = "expunged"
    BAD_REQUEST = "bad-request"  # the caller asked for something that makes no sense
    NOT_NOW = "not-now"  # store down, disk full, time-out: try again


_TEMPORARY = frozenset({Kind.QUOTA, Kind.IN_USE, Kind.NOT_NOW})


@attrs.frozen(auto_exc=True)
class MailError(Exception):
    """A refusal with a meaning.

    :ivar kind: what a protocol translates into its reply.
    :ivar reason: a short stable name for logs, the ledger and tests, such as ``"unknown-recipient"``.
    :ivar text: one line of ASCII English that the peer may see; empty: the protocol's own words for the kind.
    :ivar detail: private, for the log only.
    :ivar local: ``text`` in the language of this server, for a peer that can read UTF-8; empty: there is none.
    :ivar temporary: whether trying again later may help; by default the kind decides.
    """

    kind: Kind
    reason: str
    text: str = ""
    detail: str = ""
    local: str = attrs.field(default="", kw_only=True)
    temporary: bool = attrs.field(
        default=attrs.Factory(lambda self: self.kind in _TEMPORARY, takes_self=True),
        kw_only=True,
    )

    def __str__(self) -> str:
        return f"{self.kind.value}: {self.reason}" + (f" ({self.detail})" if self.detail else "")


def temporary(reason: str, detail: str = "") -> MailError:
    """A failure that will pass by itself: the store restarts, the disk is full for a moment."""
    return MailError(Kind.NOT_NOW, reason, detail=detail)
