"""Frozen values that cross the borders between rooms.

Times are whole seconds since the epoch (UTC) unless a name says otherwise; sizes are octets with CRLF line ends; names of mailboxes are
``str`` in NFC. Addresses keep the spelling that the peer sent; comparisons are the business of :mod:`mailsvc.formats.address`.
"""

import enum
from collections.abc import Sequence
from typing import NamedTuple

import attrs

from mailsvc.formats.address import Address

__all__ = [
    "EVERY_UID",
    "INBOX",
    "NO_FLAGS",
    "Account",
    "AccountChanged",
    "AccountFlag",
    "Active",
    "Alias",
    "Body",
    "Description",
    "Doing",
    "Domain",
    "FreedName",
    "Intervals",
    "LoggedIn",
    "Mailbox",
    "MailboxChanged",
    "NewsMissed",
    "Peer",
    "Profile",
    "Resolution",
    "Rows",
    "SystemFlag",
]

INBOX = "INBOX"

Intervals = tuple[tuple[int, int], ...]
"""UIDs: ``(low, high)`` inclusive, ascending, not overlapping (``formats.imap.sets.NumberSet.ranges``)."""

EVERY_UID: Intervals = ((1, 0xFFFFFFFF),)
"""Whatever there is."""


class SystemFlag:
    """Bits of a message's ``flags`` (RFC 9051 2.3.2); bits from KEYWORDS up are the mailbox's keywords, in the order it lists them.

    UTF8 is set once, at delivery, and no client sees or changes it: the message came with SMTPUTF8 (RFC 6531), so its header fields may
    hold UTF-8, and a client that has not asked for that gets a surrogate (RFC 6855 7, 6856 2.1).
    """

    SEEN = 1
    ANSWERED = 2
    FLAGGED = 4
    DELETED = 8
    DRAFT = 16
    UTF8 = 32
    KEYWORDS = 64

    CLIENT = SEEN | ANSWERED | FLAGGED | DELETED | DRAFT
    """What clients see and change of these."""


@attrs.frozen
class Peer:
    """Who is at the other end of a connection, as only the connection layer can know it.

    :ivar address: IP address as text, IPv4-mapped IPv6 already unmapped; ``""`` for a Unix socket.
    :ivar listener: name of the listener that accepted the connection.
    :ivar protocol: ``"smtp"``, ``"submission"``, ``"lmtp"``, ``"pop3"``, ...
    :ivar domain: the domain that a login without one belongs to; ``""``: the first domain.
    :ivar tls: protocol version such as ``"TLSv1.3"``, or None on a line that can be read.
    :ivar cleartext_ok: whether a password may cross this line although it can be read (configured per network).
    :ivar host: the address of ours that the client has connected to; ``""`` for a Unix socket.
    :ivar mechanism: by what the client has logged in: a SASL mechanism, ``"APOP"``, or ``"USER"`` for USER and PASS; ``""`` before.
    :ivar auth_needs_tls: whether even a log-in that shows no password needs TLS.
    :ivar certificate: the mail addresses in the client's certificate, if it has shown one that we trust.
    """

    address: str
    listener: str
    protocol: str
    domain: str = ""
    tls: str | None = None
    cleartext_ok: bool = False
    mechanism: str = ""
    host: str = ""
    auth_needs_tls: bool = True
    certificate: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """Who it is, for the log."""
        return f"{self.listener}: {self.address or 'local'} ({self.tls or 'no TLS'})"

    @property
    def auth_ok(self) -> bool:
        """Whether the client may log in on this connection as it is now, by some mechanism or other."""
        return self.password_ok or not self.auth_needs_tls

    @property
    def certified(self) -> bool:
        """Whether TLS has shown who the client is."""
        return bool(self.certificate)

    @property
    def password_ok(self) -> bool:
        """Whether a password may be asked for on this connection as it is now."""
        return self.tls is not None or self.cleartext_ok


@attrs.frozen
class Domain:
    """A mail domain of ours. ``aliases`` are further names that share its mailboxes (REQUIREMENTS D8)."""

    id: int
    name: str
    aliases: tuple[str, ...] = ()


class AccountFlag(enum.IntFlag):
    """What an account may not do, and what it is beyond others (REQUIREMENTS A6). Whether it is disabled is ``Account.enabled``."""

    NO_POP3 = 1
    NO_IMAP = 2
    NO_SEND = 4
    NO_WEB = 8
    NO_PASSWORD_CHANGE = 16
    NO_PROFILE_CHANGE = 32
    HIDDEN = 64  # from directory services
    HOST_ADMIN = 128  # of its domain
    LIST_ADMIN = 256
    SYSTEM_ADMIN = 512
    POP_BEFORE_SMTP = 1024  # its log-ins let their address send where only marked accounts' do
    NO_POP_BEFORE_SMTP = 2048  # they never do
    SHARED = 4096  # several people use it: it answers for nobody, so its log-ins let nobody send


NO_FLAGS = AccountFlag(0)


@attrs.frozen
class Account:
    """One account: a login, an address, a mailbox tree.

    :ivar address: canonical address ``local@domain`` in lower case.
    :ivar login: what the person types, if it differs from the address; else ``""``.
    :ivar quota: octets, 0 for no limit.
    :ivar messages: how many messages all mailboxes hold; ``octets``: their size.
    :ivar mailbox: False for a login that has no mailbox (yet): its address only stands for it, and nobody can write there.
    """

    id: int
    address: str
    login: str = ""
    enabled: bool = True
    quota: int = 0
    messages: int = 0
    octets: int = 0
    flags: AccountFlag = NO_FLAGS
    mailbox: bool = True

    @property
    def is_postmaster(self) -> bool:
        """Whether mail for it is always taken, whatever its state and its quota (RFC 5321 4.5.1)."""
        return self.address.startswith("postmaster@")

    def has_room(self, size: int) -> bool:
        """Whether the quota leaves room for a message of ``size`` octets; for an unknown size (0), for any at all."""
        return not self.quota or self.is_postmaster or self.octets + max(size, 1) <= self.quota


@attrs.frozen
class Profile:
    """What an account tells about its owner."""

    name: str = ""
    organisation: str = ""
    telephone: str = ""
    reply_to: str = ""


@attrs.frozen
class FreedName:
    """The address of a mailbox that was removed: nobody may have it before ``until``."""

    address: str
    until: int


@attrs.frozen
class AccountChanged:
    """Published after the commit that took something away from an account: sessions that it opened may have to end.

    :ivar credential: which credential was revoked (``secrets.LOGIN``: the password was changed; a device's id), None: none, but the
        account itself was changed or removed.
    """

    account: int
    credential: int | None = None


@attrs.frozen
class Alias:
    """Mail for ``address`` goes to each of ``targets`` (addresses, here or elsewhere)."""

    address: str
    targets: tuple[str, ...]


@attrs.frozen
class Resolution:
    """Where an address leads.

    :ivar accounts: ids of the accounts that receive, without repetition, in order.
    :ivar outside: addresses elsewhere that aliases lead to.
    """

    accounts: tuple[Account, ...] = ()
    outside: tuple[Address, ...] = ()


@attrs.frozen
class Mailbox:
    """A mailbox as its row tells it: counters are kept, never counted.

    :ivar modseq: HIGHESTMODSEQ. :ivar keywords: names of the flag bits from ``SystemFlag.KEYWORDS`` up, in the spelling that came first.
    :ivar special_use: attributes such as ``\\Sent`` (RFC 6154). :ivar recent: messages from this UID on were claimed by no session as
    ``\\Recent`` (``ClaimRecent``).
    """

    id: int
    account: int
    name: str
    uidvalidity: int
    uidnext: int
    modseq: int
    messages: int
    unseen: int
    octets: int
    recent: int = 1
    keywords: tuple[str, ...] = ()
    special_use: tuple[str, ...] = ()


@attrs.frozen
class Rows:
    """The narrow index rows of a mailbox, in UID order, as parallel sequences (arrays, not objects: a mailbox may hold a million)."""

    uids: Sequence[int]
    modseqs: Sequence[int]
    flags: Sequence[int]
    sizes: Sequence[int]
    dates: Sequence[int]
    contents: Sequence[int]


@attrs.frozen
class Body:
    """The bytes of a message on their way into the store: held here, or already durable in a file that ``location`` names."""

    size: int
    data: bytes | None = None
    location: str | None = None


class Description(NamedTuple):
    """What is kept of a message so that most of FETCH need not open it.

    ``header``: octets before the body, the empty line and our prefix included. ``envelope``, ``bodystructure``: as IMAP writes them.
    """

    header: int
    envelope: bytes
    bodystructure: bytes


@attrs.frozen
class MailboxChanged:
    """Published after the commit that changed a mailbox.

    :ivar modseq: of the mailbox after it. :ivar since: of the mailbox before it. :ivar uids: where to look: what was added, changed or
    removed lies in these intervals; None: read the changes since the modseq that you know.
    """

    account: int
    mailbox: int
    modseq: int
    since: int = 0
    uids: Intervals | None = None


@attrs.frozen
class NewsMissed:
    """Published when this process can hear the others again: what they told meanwhile is lost, so look for yourself."""


@attrs.frozen
class LoggedIn:
    """Published after each log-in that was given an avatar.

    :ivar account: who. :ivar peer: from where, by which listener, mechanism and TLS version.
    :ivar credential: by what (``core.secrets``). :ivar session: the session that begins, as :class:`Active` names it; None: not known.
    """

    account: Account
    peer: Peer
    credential: int = -1
    session: object = None


class Doing(enum.Enum):
    """What a session does that shows that its client is there."""

    READING = "reading"  # a message, or a part of one
    NOOP = "noop"
    IDLE = "idle"  # until it does something else
    AWAKE = "awake"  # IDLE is over
    LEAVING = "leaving"  # QUIT, LOGOUT
    GONE = "gone"  # without a word


@attrs.frozen
class Active:
    """Published when a session that has logged in shows that its client is there. ``session``: as in :class:`LoggedIn`."""

    session: object
    doing: Doing
