"""What people log in with besides a password hash, as values: device passwords and SCRAM verifiers."""

import enum

import attrs

from mailsvc.formats.sasl import ScramKeys

__all__ = ["BY_HAND", "ELSEWHERE", "LOGIN", "MAX_DEVICES", "Device", "Scope", "Verifier", "VerifierRow"]

LOGIN = 0
"""The credential id of the login password; every other id is a device's."""

ELSEWHERE = -1
"""The credential id of whatever is not ours to revoke: a password of another source, a token, a certificate."""

BY_HAND = -2
"""The credential id of a permission that an administrator gives. No log-in renews it, no log-out, new password or revoked device ends it;
an administrator does, or whatever is taken from the account itself."""

MAX_DEVICES = 20
"""Device passwords of one account."""

VerifierRow = tuple[str, bytes, int, bytes, bytes]
"""A SCRAM verifier (RFC 5802 3) as operations carry it: hash, salt, iterations, stored key, server key."""


class Scope(enum.IntFlag):
    """What a device password may be used for."""

    SEND = 1
    POP3 = 2
    IMAP = 4
    DAV = 8
    ALL = SEND | POP3 | IMAP | DAV


@attrs.frozen
class Device:
    """A device password, without the password.

    :ivar name: what its owner calls the device. :ivar expires: 0: never. :ivar used: last use, some minutes late, 0: never.
    :ivar address: from where. :ivar key: id of the key under which ``mac`` and ``sealed`` were made.
    :ivar mac: keyed hash of the password. :ivar sealed: the password encrypted, None if it is not kept.
    """

    id: int
    account: int
    name: str
    scopes: Scope
    created: int
    expires: int
    used: int
    address: str
    key: str
    mac: bytes = attrs.field(repr=False)
    sealed: bytes | None = attrs.field(repr=False)

    def good_for(self, scope: Scope, now: float) -> bool:
        """Whether it may be used for this now."""
        return bool(self.scopes & scope) and not (self.expires and self.expires <= now)


@attrs.frozen
class Verifier:
    """A SCRAM verifier of one credential (``LOGIN``, or the id of a device)."""

    credential: int
    salt: bytes = attrs.field(repr=False)
    iterations: int
    keys: ScramKeys = attrs.field(repr=False)
