"""A small house with real people, passwords and devices for tests of log-ins: a store, its secrets, and every way in."""

import secrets
from pathlib import Path

from mailsvc.auth.device_passwords import generate
from mailsvc.auth.keyring import Key, KeyFile, KeyRing
from mailsvc.auth.verifiers import make_verifiers, salt_of
from mailsvc.core.operations import AddDevice, RemoveDevice, SetPassword
from mailsvc.core.secrets import Device, Scope, VerifierRow
from mailsvc.core.values import Account
from mailsvc.directory import Secrets
from mailsvc.store.connect import run
from mailsvc.testing.store import DOMAIN, make_store

__all__ = ["ITERATIONS", "PASSWORD", "LoginHouse"]

PASSWORD = "correct horse 渡辺"  # noqa: S105
ITERATIONS = 4096


class LoginHouse:
    """The domain ``example.test`` with ``alice`` and ``bob`` in a real store, who have no passwords yet."""

    def __init__(self, path: Path) -> None:
        self.made = make_store(path / "store")
        self.store = self.made.store
        self.directory = self.made.directory
        self.secrets = Secrets(self.store.connection)
        self.keys = KeyFile(path / "device-keys")
        self.keys.write(KeyRing([Key.new()]))

    def account(self, name: str) -> Account:
        """The account of a name without its domain."""
        found = run(self.directory.find_account(f"{name}@{DOMAIN}"))
        assert found is not None
        return found

    def set_password(self, name: str, stored: str, password: str = PASSWORD, verifiers: bool = True) -> None:
        """Give a login password; ``stored``: its hash."""
        rows = self.rows(name, password) if verifiers else ()
        self.store.commit([SetPassword(self.account(name).id, stored, rows)])

    def rows(self, name: str, password: str) -> tuple[VerifierRow, ...]:
        """The verifiers of a password."""
        salt = salt_of(run(self.secrets.salt_key()), f"{name}@{DOMAIN}")
        return make_verifiers(password.encode(), salt, ITERATIONS)

    def add_device(
        self, name: str, device: str, scopes: Scope = Scope.ALL, expires: int = 0, readable: bool = False
    ) -> str:
        """Make a device password, and return it."""
        password, number, key = generate(), secrets.randbits(62) | 1, self.keys.ring().current
        octets, account = password.encode("ascii"), self.account(name).id
        sealed = key.seal(octets, account, number) if readable else None
        operation = AddDevice(
            account, number, device, scopes.value, expires, key.id, key.mac(octets), sealed, self.rows(name, password)
        )
        self.store.commit([operation])
        return password

    def device(self, name: str, device: str) -> Device:
        """A device by its name."""
        return next(one for one in run(self.secrets.devices(self.account(name).id)) if one.name == device)

    def revoke(self, name: str, device: str) -> None:
        """Revoke a device password."""
        self.store.commit([RemoveDevice(self.account(name).id, self.device(name, device).id)])

    def close(self) -> None:
        """Close the store."""
        self.store.close()
