"""Secrets, read from the database's tables: a few indexed rows for each question."""

from collections.abc import Callable
from typing import Any

import apsw
from zope.interface import implementer

from mailsvc.core.errors import temporary
from mailsvc.core.interfaces.secrets import ISecrets
from mailsvc.core.secrets import Device, Scope, Verifier
from mailsvc.formats.sasl import ScramKeys

__all__ = ["Secrets"]

_DEVICE = "SELECT id, account, name, scopes, created, expires, used, address, key, mac, sealed FROM device"


@implementer(ISecrets)
class Secrets:
    """Reads of secrets."""

    def __init__(self, connection: Callable[[], apsw.Connection]) -> None:
        """:param connection: gives a read-only connection; raises MailError(NOT_NOW) if there is none now."""
        self._connection = connection

    async def salt_key(self) -> bytes:
        """The key from which salts are made."""
        ((key,),) = self._all("SELECT value FROM secret WHERE name='salt'")
        return bytes(key)

    async def verifiers(self, account: int, hash: str) -> list[Verifier]:
        """The SCRAM verifiers of an account, that of the login password first."""
        rows = self._all(
            "SELECT credential, salt, iterations, stored_key, server_key FROM scram"
            " WHERE account=? AND hash=? ORDER BY credential",
            account,
            hash,
        )
        return [
            Verifier(credential, salt, iterations, ScramKeys(stored, server))
            for credential, salt, iterations, stored, server in rows
        ]

    async def devices(self, account: int) -> list[Device]:
        """The device passwords of an account."""
        return [_device(row) for row in self._all(f"{_DEVICE} WHERE account=? ORDER BY created, name", account)]

    async def all_devices(self) -> list[Device]:
        """The device passwords of all accounts."""
        return [_device(row) for row in self._all(f"{_DEVICE} ORDER BY account, created, name")]

    def _all(self, sql: str, *bindings: Any) -> list[tuple[Any, ...]]:
        try:
            return self._connection().execute(sql, bindings).fetchall()
        except apsw.Error as error:
            raise temporary("secrets-unreadable", repr(error)) from error


def _device(row: tuple[Any, ...]) -> Device:
    device, account, name, scopes, *rest = row
    return Device(device, account, name, Scope(scopes), *rest)
