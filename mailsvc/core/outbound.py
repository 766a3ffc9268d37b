"""Values between the queue and the network: to whom to connect, on what terms, what to send, and what was answered."""

import enum
from collections.abc import Awaitable, Callable

import attrs

__all__ = ["Answer", "Credentials", "Exchanger", "Hop", "HopFailed", "Mail", "MailRecipient", "TLSDemand", "Terms"]


class TLSDemand(enum.Enum):
    """How much TLS a next hop must have."""

    NEVER = "never"  # for a host that breaks when it is asked
    OPPORTUNISTIC = "opportunistic"  # if it can; whatever its certificate; plain if TLS fails (RFC 7435)
    REQUIRED = "required"  # any certificate, but never plain
    VERIFIED = "verified"  # a certificate that we trust, for its name (RFC 6125)


@attrs.frozen
class Exchanger:
    """One MX: its host name (RFC 5321 5.1). ``secure``: DNSSEC vouches for it (kept for later)."""

    preference: int
    host: str
    secure: bool = False


@attrs.frozen
class Hop:
    """One address to connect to. ``name``: the host's name, or the literal. ``implicit_tls``: TLS from the first octet (RFC 8314)."""

    name: str
    address: str
    port: int = 25
    implicit_tls: bool = False

    def __str__(self) -> str:
        return f"{self.name} [{self.address}]:{self.port}"


@attrs.frozen
class Credentials:
    """A log-in at a smarthost."""

    name: str
    password: str = attrs.field(repr=False)


@attrs.frozen
class Terms:
    """On what terms mail goes to a next hop.

    :ivar helo: our name. :ivar source: our address for it (an IP address), ``""``: the system's choice. :ivar lmtp: LMTP instead of SMTP.
    """

    helo: str
    tls: TLSDemand = TLSDemand.OPPORTUNISTIC
    source: str = ""
    credentials: Credentials | None = None
    lmtp: bool = False


@attrs.frozen
class MailRecipient:
    """A recipient as RCPT names it; ``notify`` and ``orcpt`` as in :class:`mailsvc.core.queued.OutgoingRecipient`."""

    address: str
    notify: int = 0
    orcpt: str = ""


@attrs.frozen
class Mail:
    """A message to send. ``read(offset, length)`` gives its octets, at most ``length`` of them, ``b""`` only at the end (``size``)."""

    sender: str
    size: int
    read: Callable[[int, int], Awaitable[bytes]]
    body: str = "7BIT"
    utf8: bool = False
    ret: str = ""
    envid: str = ""


@attrs.frozen
class Answer:
    """What the other side said about a recipient, or what we say in its stead.

    :ivar code: SMTP reply code; 0: it said nothing, ``status`` and ``text`` are ours. :ivar status: enhanced status code (RFC 3463).
    :ivar text: its own words, lines joined by one space, printable. :ivar phase: ``"connect"``, ``"greeting"``, ``"EHLO"``, ``"STARTTLS"``,
    ``"AUTH"``, ``"MAIL"``, ``"RCPT"``, ``"DATA"``, ``"end"``. :ivar reports: success reports are the next server's duty now (it knows DSN).
    """

    code: int
    status: str
    text: str
    phase: str
    reports: bool = False

    @property
    def success(self) -> bool:
        """Whether the next server has taken the message for this recipient."""
        return self.status.startswith("2.")

    @property
    def temporary(self) -> bool:
        """Whether to try again."""
        return self.status.startswith("4.")


@attrs.frozen(auto_exc=True)
class HopFailed(Exception):
    """A connection that could not be made, or that broke: another host may be tried.

    :ivar in_doubt: the whole message was sent and no answer came: the host may have taken it (RFC 5321 4.5.3.2.6, RFC 1047).
    """

    hop: Hop
    answer: Answer
    in_doubt: bool = False
