"""What the store can be asked to do: the vocabulary of ``IStore.apply``.

One call of ``apply`` carries a sequence of these and is one transaction: all of them are durable when it returns, or none happened.
They are values that cross a process border, so every field is a number, a string, bytes, None or a tuple of those.

Each operation names its result in its docstring; an operation without one yields None.
"""

import attrs

__all__ = [
    "AddAccount",
    "AddAlias",
    "AddDevice",
    "AddDomain",
    "ChangeAccount",
    "CreateMailbox",
    "Deliver",
    "DropMailbox",
    "Expunge",
    "Operation",
    "RegisterName",
    "ReleaseName",
    "RemoveAccount",
    "RemoveAlias",
    "RemoveDevice",
    "RemoveDomain",
    "ResealDevice",
    "SetPassword",
    "SetProfile",
    "StoreFlags",
    "UseDevices",
]

VerifierRow = tuple[str, bytes, int, bytes, bytes]
"""A SCRAM verifier (RFC 5802 3): hash, salt, iterations, stored key, server key."""


@attrs.frozen
class Operation:
    """Base of all operations."""


# --- directory ---


@attrs.frozen
class AddDomain(Operation):
    """Make a domain with its ``postmaster`` account, or give an existing one more ``aliases``. Result: the domain's id."""

    name: str
    aliases: tuple[str, ...] = ()


@attrs.frozen
class RemoveDomain(Operation):
    """Remove a domain that has no account besides ``postmaster``. Raises IN_USE (with what is left), NOT_FOUND."""

    name: str


@attrs.frozen
class AddAccount(Operation):
    """Make an account with an INBOX. Result: the account's id. Raises EXISTS (also for an address in quarantine), NO_SUCH_DOMAIN.

    :ivar address: canonical address. :ivar login: a further login name, unique within the domain, or ``""``.
    :ivar password_hash: a PHC string, or ``""``: no log-in by password. :ivar quota: octets, 0 for none.
    :ivar verifiers: the password's SCRAM verifiers.
    :ivar mailbox: False: a login without a mailbox; the local part of ``address`` becomes the login, until a name is registered.
    """

    address: str
    login: str = ""
    password_hash: str = attrs.field(default="", repr=False)
    quota: int = 0
    verifiers: tuple[VerifierRow, ...] = attrs.field(default=(), repr=False)
    mailbox: bool = True


@attrs.frozen
class SetPassword(Operation):
    """Replace the password and its SCRAM verifiers. Raises NOT_FOUND; IN_USE if the hash is not ``expected`` (None: whatever it is)."""

    account: int
    password_hash: str = attrs.field(repr=False)
    verifiers: tuple[VerifierRow, ...] = attrs.field(default=(), repr=False)
    expected: str | None = attrs.field(default=None, repr=False)


@attrs.frozen
class AddDevice(Operation):
    """Make a device password (see :class:`mailsvc.core.secrets.Device`). Raises NOT_FOUND, EXISTS (the name), TOO_MANY.

    :ivar device: its id, a random number of 62 bits that is not 0.
    """

    account: int
    device: int
    name: str
    scopes: int
    expires: int
    key: str
    mac: bytes = attrs.field(repr=False)
    sealed: bytes | None = attrs.field(default=None, repr=False)
    verifiers: tuple[VerifierRow, ...] = attrs.field(default=(), repr=False)


@attrs.frozen
class RemoveDevice(Operation):
    """Revoke a device password. Raises NOT_FOUND."""

    account: int
    device: int


@attrs.frozen
class UseDevices(Operation):
    """Note when and from where devices were used last: ``(device, seconds since the epoch, address)`` each."""

    uses: tuple[tuple[int, int, str], ...]


@attrs.frozen
class ResealDevice(Operation):
    """Replace what was made under ``old_key``. Result: whether that was still so."""

    device: int
    old_key: str
    key: str
    mac: bytes = attrs.field(repr=False)
    sealed: bytes | None = attrs.field(repr=False)


@attrs.frozen
class ChangeAccount(Operation):
    """Change what is not None. Raises NOT_FOUND."""

    account: int
    enabled: bool | None = None
    quota: int | None = None
    set_flags: int = 0
    clear_flags: int = 0


@attrs.frozen
class SetProfile(Operation):
    """Replace what an account tells about its owner. Raises NOT_FOUND."""

    account: int
    name: str = ""
    organisation: str = ""
    telephone: str = ""
    reply_to: str = ""


@attrs.frozen
class RegisterName(Operation):
    """Give a login without a mailbox its address and an INBOX. Result: the address.

    Raises NOT_FOUND; EXISTS if the name is taken or in quarantine; IN_USE if the login has a mailbox already.
    """

    account: int
    name: str


@attrs.frozen
class DropMailbox(Operation):
    """Remove the mailbox of an account with all its mail; its login stays. Raises NOT_FOUND; BAD_REQUEST if it has no login of its own.

    :ivar quarantine: for how many seconds nobody may have the address.
    """

    account: int
    quarantine: int = 0


@attrs.frozen
class ReleaseName(Operation):
    """End the quarantine of an address. Raises NOT_FOUND."""

    address: str


@attrs.frozen
class RemoveAccount(Operation):
    """Remove an account and all its mail. Raises NOT_FOUND; IN_USE for a domain's ``postmaster`` unless an alias takes its place.

    :ivar quarantine: for how many seconds nobody may have the address.
    """

    account: int
    quarantine: int = 0


@attrs.frozen
class AddAlias(Operation):
    """Make or replace an alias. Raises EXISTS if an account has the address, NO_SUCH_DOMAIN."""

    address: str
    targets: tuple[str, ...]


@attrs.frozen
class RemoveAlias(Operation):
    """Remove an alias. Raises NOT_FOUND; IN_USE for the last thing that takes a domain's ``postmaster`` mail."""

    address: str


# --- mail ---


@attrs.frozen
class Deliver(Operation):
    """Put one message into the named mailbox of each account (made if missing).

    Result: a tuple of ``(mailbox id, uid, uidvalidity)``, one for each account in order. Raises QUOTA (naming the account), NOT_FOUND.

    :ivar accounts: account ids, each once. :ivar prefix: the header lines that we add. :ivar data: the exact bytes received, or None
    when they are in the file ``location``. :ivar size: length of the body without the prefix. :ivar date: internal date.
    """

    accounts: tuple[int, ...]
    prefix: bytes
    size: int
    date: int
    data: bytes | None = None
    location: str | None = None
    mailbox: str = "INBOX"
    flags: int = 0
    check_quota: bool = True


@attrs.frozen
class CreateMailbox(Operation):
    """Make a mailbox. Result: its id. Raises EXISTS, NOT_FOUND (the account)."""

    account: int
    name: str


@attrs.frozen
class StoreFlags(Operation):
    """Add and remove flag bits of messages; those that are gone are passed over. Result: the mailbox's modseq after it."""

    mailbox: int
    uids: tuple[int, ...]
    add: int = 0
    remove: int = 0


@attrs.frozen
class Expunge(Operation):
    """Remove messages for good; those that are gone are passed over. Result: a tuple of the UIDs removed now."""

    mailbox: int
    uids: tuple[int, ...]
