"""The SQL of what people log in with."""

from collections.abc import Iterable

from mailsvc.core import operations as ops
from mailsvc.core.errors import Kind, MailError
from mailsvc.core.secrets import LOGIN, MAX_DEVICES, VerifierRow
from mailsvc.store.context import Context
from mailsvc.store.sql_grants import take_from

__all__ = [
    "add_device",
    "erase_secrets",
    "remove_device",
    "reseal_device",
    "set_password",
    "set_verifiers",
    "use_devices",
]


def set_password(context: Context, operation: ops.SetPassword) -> None:
    """:class:`~mailsvc.core.operations.SetPassword`."""
    row = context.one("SELECT password_hash FROM account WHERE id=?", operation.account)
    if not row:
        raise MailError(Kind.NOT_FOUND, "no-such-account")
    if operation.expected is not None and row[0] != operation.expected:
        raise MailError(Kind.IN_USE, "password-changed-meanwhile")
    context.db.execute("UPDATE account SET password_hash=? WHERE id=?", (operation.password_hash, operation.account))
    set_verifiers(context, operation.account, LOGIN, operation.verifiers)
    if operation.expected is None:  # else the password is the same, and only its hash is made anew
        take_from(context, operation.account, LOGIN)


def set_verifiers(context: Context, account: int, credential: int, verifiers: Iterable[VerifierRow]) -> None:
    """Replace the SCRAM verifiers of one credential."""
    context.db.execute("DELETE FROM scram WHERE account=? AND credential=?", (account, credential))
    context.db.executemany(
        "INSERT INTO scram(account, credential, hash, salt, iterations, stored_key, server_key) VALUES(?, ?, ?, ?, ?, ?, ?)",
        [(account, credential, *row) for row in verifiers],
    )


def add_device(context: Context, operation: ops.AddDevice) -> None:
    """:class:`~mailsvc.core.operations.AddDevice`."""
    if not context.one("SELECT 1 FROM account WHERE id=?", operation.account):
        raise MailError(Kind.NOT_FOUND, "no-such-account")
    if context.one("SELECT 1 FROM device WHERE account=? AND name=?", operation.account, operation.name):
        raise MailError(Kind.EXISTS, "device-exists")
    (count,) = context.one("SELECT count(*) FROM device WHERE account=?", operation.account)
    if count >= MAX_DEVICES:
        raise MailError(Kind.TOO_MANY, "too-many-devices")
    context.db.execute(
        "INSERT INTO device(id, account, name, scopes, created, expires, key, mac, sealed) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            operation.device,
            operation.account,
            operation.name,
            operation.scopes,
            context.now,
            operation.expires,
            operation.key,
            operation.mac,
            operation.sealed,
        ),
    )
    set_verifiers(context, operation.account, operation.device, operation.verifiers)


def remove_device(context: Context, operation: ops.RemoveDevice) -> None:
    """:class:`~mailsvc.core.operations.RemoveDevice`."""
    context.db.execute("DELETE FROM device WHERE account=? AND id=?", (operation.account, operation.device))
    if not context.db.changes():
        raise MailError(Kind.NOT_FOUND, "no-such-device")
    set_verifiers(context, operation.account, operation.device, ())
    take_from(context, operation.account, operation.device)


def use_devices(context: Context, operation: ops.UseDevices) -> None:
    """:class:`~mailsvc.core.operations.UseDevices`."""
    context.db.executemany("UPDATE device SET used=?2, address=?3 WHERE id=?1 AND used<?2", operation.uses)


def reseal_device(context: Context, operation: ops.ResealDevice) -> bool:
    """:class:`~mailsvc.core.operations.ResealDevice`."""
    context.db.execute(
        "UPDATE device SET key=?, mac=?, sealed=? WHERE id=? AND key=?",
        (operation.key, operation.mac, operation.sealed, operation.device, operation.old_key),
    )
    return bool(context.db.changes())


def erase_secrets(context: Context, account: int) -> None:
    """Everything that an account could log in with."""
    context.db.execute("DELETE FROM scram WHERE account=?", (account,))
    context.db.execute("DELETE FROM device WHERE account=?", (account,))
