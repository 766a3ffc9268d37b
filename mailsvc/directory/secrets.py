"""Secrets, read from the database's tables: a few indexed rows for each question."""

# ruff: noqa: S608 - SQL is put together from constants of this module only

from collections.abc import Callable
from typing import Any

import apsw
from zope.interface import implementer

from mailsvc.core.errors import temporary
from mailsvc.core.interfaces.secrets import ISecrets
from mailsvc.core.secrets import ELSEWHERE, Device, Scope, Verifier
from mailsvc.formats.sasl import ScramKeys

__all__ = ["Secrets"]

_DEVICE = "SELECT id, account, name, scopes, created, expires, used, address, key, mac, sealed FROM device"


_TIMES = "WITH RECURSIVE row(number) AS (VALUES(1) UNION ALL SELECT number + 1 FROM row LIMIT ?)"
_NOBODYS_VERIFIERS = f"{_TIMES} SELECT {ELSEWHERE}, zeroblob(16), 1, randomblob(32), randomblob(32) FROM row"
_NOBODYS_DEVICES = (
    f"{_TIMES} SELECT 0, 0, 'nobody', {Scope.ALL.value}, 1, 0, 0, '', 'nobody', zeroblob(32), zeroblob(62) FROM row"
)


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
        return [_verifier(row) for row in rows]

    async def nobodys_verifiers(self, count: int) -> list[Verifier]:
        """Verifiers that do not exist."""
        return [_verifier(row) for row in self._all(_NOBODYS_VERIFIERS, count)]

    async def devices(self, account: int) -> list[Device]:
        """The device passwords of an account."""
        return [_device(row) for row in self._all(f"{_DEVICE} WHERE account=? ORDER BY created, name", account)]

    async def nobodys_devices(self, count: int) -> list[Device]:
        """Devices that do not exist."""
        return [_device(row) for row in self._all(_NOBODYS_DEVICES, count)]

    async def all_devices(self) -> list[Device]:
        """The device passwords of all accounts."""
        return [_device(row) for row in self._all(f"{_DEVICE} ORDER BY account, created, name")]

    def _all(self, sql: str, *bindings: Any) -> list[tuple[Any, ...]]:
        try:
            return self._connection().execute(sql, bindings).fetchall()
        except apsw.Error as error:
            raise temporary("secrets-unreadable", repr(error)) from error


def _verifier(row: tuple[Any, ...]) -> Verifier:
    credential, salt, iterations, stored, server = row
    return Verifier(credential, salt, iterations, ScramKeys(stored, server))


def _device(row: tuple[Any, ...]) -> Device:
    device, account, name, scopes, *rest = row
    return Device(device, account, name, Scope(scopes), *rest)
