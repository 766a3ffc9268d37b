"""What changes that with which an account logs in: its password, and those of its devices."""

import attrs

from mailsvc.core.operations.base import Operation
from mailsvc.core.secrets import VerifierRow

__all__ = ["AddDevice", "RemoveDevice", "ResealDevice", "SetPassword", "UseDevices"]


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
