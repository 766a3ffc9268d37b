"""What the store can be asked to do: the vocabulary of ``IStore.apply``.

One call of ``apply`` carries a sequence of these and is one transaction: all of them are durable when it returns, or none happened.
They are values that cross a process border, so every field is a number, a string, bytes, None or a tuple of those.

Each operation names its result in its docstring; an operation without one yields None.
"""

import attrs

__all__ = [
    "AddAccount",
    "AddAlias",
    "AddDomain",
    "ChangeAccount",
    "CreateMailbox",
    "Deliver",
    "Expunge",
    "Operation",
    "RemoveAccount",
    "RemoveAlias",
    "RemoveDomain",
    "SetPassword",
    "StoreFlags",
]


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
    """Make an account with an INBOX. Result: the account's id. Raises EXISTS, NO_SUCH_DOMAIN.

    :ivar address: canonical address. :ivar login: a further login name, unique within the domain, or ``""``.
    :ivar password_hash: a PHC string, or ``""``: no log-in by password. :ivar quota: octets, 0 for none.
    """

    address: str
    login: str = ""
    password_hash: str = ""
    quota: int = 0


@attrs.frozen
class SetPassword(Operation):
    """Replace the password. Raises NOT_FOUND."""

    account: int
    password_hash: str


@attrs.frozen
class ChangeAccount(Operation):
    """Change what is not None. Raises NOT_FOUND."""

    account: int
    enabled: bool | None = None
    quota: int | None = None


@attrs.frozen
class RemoveAccount(Operation):
    """Remove an account and all its mail. Raises NOT_FOUND; IN_USE for a domain's ``postmaster`` unless an alias takes its place."""

    account: int


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

    Result: a tuple of ``(mailbox id, uid, uidvalidity)``, one for each account in order. Raises QUOTA (naming the account; never
    a postmaster), NOT_FOUND.

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
