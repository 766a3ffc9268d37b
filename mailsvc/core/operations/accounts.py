"""What changes the accounts, what is known of them, and the names that they have or had."""

import attrs

from mailsvc.core.operations.base import Operation
from mailsvc.core.secrets import VerifierRow

__all__ = ["AddAccount", "ChangeAccount", "DropMailbox", "RegisterName", "ReleaseName", "RemoveAccount", "SetProfile"]


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
