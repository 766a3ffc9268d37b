"""Device passwords at log-in: which of an account's devices is it, if any?

Before anybody is refused, as many devices were looked at as an account may have: what one lacks, or what nobody has, is made up for
by devices that do not exist. Who gets in need not wait for those.

Their secrets are read for each log-in, so that a revoked one is of no use from the next moment on, in every process.
"""

import hmac
import secrets
import time
from collections.abc import Callable

from mailsvc.auth.device_passwords import normalised
from mailsvc.auth.keyring import BadKeyFile, Key, KeyFile, KeyRing, UnknownKey
from mailsvc.core.errors import temporary
from mailsvc.core.interfaces.secrets import ISecrets
from mailsvc.core.secrets import MAX_DEVICES, Device, Scope
from mailsvc.core.values import Account, Peer

__all__ = ["Devices", "Used", "scope_of"]

Used = Callable[[Device, Peer], None]
"""Told of each log-in by a device password."""

_SCOPES = {"smtp": Scope.SEND, "submission": Scope.SEND, "pop3": Scope.POP3, "imap": Scope.IMAP, "dav": Scope.DAV}

_NOBODY = Key("nobody", secrets.token_bytes(32))
_NOBODYS_RING = KeyRing([_NOBODY])
_NOBODYS_DEVICE = Device(
    0, 0, "", Scope(0), 0, 0, 0, "", _NOBODY.id, bytes(32), _NOBODY.seal(secrets.token_bytes(34), 0, 0)
)


def scope_of(peer: Peer) -> Scope:
    """What a log-in on this connection is for."""
    return _SCOPES.get(peer.protocol, Scope(0))


class Devices:
    """The device passwords of all accounts, for the checkers."""

    def __init__(
        self,
        secrets: ISecrets,
        keys: KeyFile,
        used: Used = lambda device, peer: None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """:param keys: under which the passwords are kept. :param used: told of each use, and must not block.
        :param now: seconds since the epoch, for what expires.
        """
        self._secrets = secrets
        self._keys = keys
        self._used = used
        self._now = now

    async def find(self, account: Account | None, password: bytes, peer: Peer) -> Device | None:
        """The device whose password this is, fit for this connection now; None if there is none. Raises NOT_NOW."""
        shown = normalised(password.decode("utf-8", "replace"))
        if shown is None:  # nobody's, whatever the name
            return None
        devices = await self._secrets.devices(account.id if account else 0)
        macs = {key.id: key.mac(shown.encode("ascii")) for key in self.ring()}
        for device in devices:
            if hmac.compare_digest(macs.get(device.key, b""), device.mac):
                return device if device.good_for(scope_of(peer), self._now()) else None
        if any(device.key not in macs for device in devices):
            raise temporary("device-keys-missing")  # never "wrong password" for what we cannot judge
        await self._secrets.nobodys_devices(MAX_DEVICES - len(devices))
        return None

    async def find_shown(self, account: Account | None, shown_by: Callable[[bytes], bool], peer: Peer) -> Device | None:
        """That whose password ``shown_by`` recognises, among those that are kept for APOP and CRAM-MD5 and fit this connection now.

        None if there is none, after the same work for every account. Raises NOT_NOW.
        """
        devices = await self._secrets.devices(account.id if account else 0)
        ring, scope, now = self.ring(), scope_of(peer), self._now()
        readable = [device for device in devices if device.good_for(scope, now) and device.sealed is not None]
        for device in readable:
            if shown_by(_opened(ring, device)):
                return device
        for device in await self._secrets.nobodys_devices(MAX_DEVICES - len(devices)):
            device.good_for(scope, now)
        for _ in range(MAX_DEVICES - len(readable)):
            shown_by(_opened(_NOBODYS_RING, _NOBODYS_DEVICE))
        return None

    async def fit(self, account: int, peer: Peer) -> dict[int, Device]:
        """Those that fit this connection now, by id. Raises NOT_NOW."""
        devices = await self._secrets.devices(account)
        return {device.id: device for device in devices if device.good_for(scope_of(peer), self._now())}

    def note(self, device: Device, peer: Peer) -> None:
        """Somebody has logged in with this one."""
        self._used(device, peer)

    def ring(self) -> KeyRing:
        """The keys as of now. Raises NOT_NOW if the file cannot be read."""
        try:
            return self._keys.ring()
        except (OSError, BadKeyFile) as error:
            raise temporary("device-keys-unreadable", str(error)) from error


def _opened(ring: KeyRing, device: Device) -> bytes:
    try:
        return ring.key(device.key).open(device.sealed or b"", device.account, device.id)
    except UnknownKey as error:
        raise temporary("device-keys-missing", str(error)) from error
