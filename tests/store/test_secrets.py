"""What people log in with, in the store: device passwords, SCRAM verifiers, and what becomes of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mailsvc.core import operations as ops
from mailsvc.core.errors import Kind, MailError
from mailsvc.core.secrets import LOGIN, MAX_DEVICES, Device, Scope
from mailsvc.directory import Secrets
from mailsvc.store.backup import backup, restore
from mailsvc.store.connect import run
from mailsvc.store.layout import Layout
from mailsvc.store.rebuild import rebuild
from mailsvc.testing.store import Made, make_store

ROW = ("SHA-256", b"salt", 4096, b"stored", b"server")


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Made]:
    """A store with alice and bob."""
    store = make_store(tmp_path / "store")
    yield store
    store.store.close()


def add(made: Made, name: str = "phone", person: str = "alice", number: int = 7, **fields: object) -> ops.AddDevice:
    """Make a device."""
    settings = {"scopes": 15, "expires": 0, "key": "k1", "mac": b"mac", "sealed": None, "verifiers": (ROW,), **fields}
    operation = ops.AddDevice(made.accounts[f"{person}@example.test"], number, name, **settings)  # type: ignore[arg-type]
    made.store.commit([operation])
    return operation


def devices(made: Made, person: str = "alice") -> list[Device]:
    """What is kept of a person's devices."""
    return run(Secrets(made.store.connection).devices(made.accounts[f"{person}@example.test"]))


def credentials(made: Made, person: str = "alice") -> list[int]:
    """Which credentials of a person have verifiers."""
    account = made.accounts[f"{person}@example.test"]
    return [one.credential for one in run(Secrets(made.store.connection).verifiers(account, "SHA-256"))]


def refused(made: Made, kind: Kind, operation: ops.Operation) -> None:
    """An operation that is refused."""
    with pytest.raises(MailError) as caught:
        made.store.commit([operation])
    assert caught.value.kind is kind


def test_device(made: Made) -> None:
    """A device is kept as it was made, with its verifiers, and gone with them once it is revoked."""
    operation = add(made, scopes=5, expires=99, sealed=b"sealed")
    (device,) = devices(made)
    assert (device.id, device.name, device.scopes, device.expires) == (7, "phone", Scope.SEND | Scope.IMAP, 99)
    assert (device.key, device.mac, device.sealed, device.used) == ("k1", b"mac", b"sealed", 0)
    assert device.created > 1_700_000_000
    assert "mac" not in repr(device).replace("name", "")
    assert "sealed=b" not in repr(operation)
    assert credentials(made) == [7]
    refused(made, Kind.NOT_FOUND, ops.RemoveDevice(made.accounts["bob@example.test"], 7))
    made.store.commit([ops.RemoveDevice(operation.account, 7)])
    assert (devices(made), credentials(made)) == ([], [])
    refused(made, Kind.NOT_FOUND, ops.RemoveDevice(operation.account, 7))


def test_names_and_numbers(made: Made) -> None:
    """A name is given once for each account, ids once at all, and twenty is the most."""
    add(made)
    add(made, person="bob", number=8)
    account = made.accounts["alice@example.test"]
    refused(made, Kind.EXISTS, ops.AddDevice(account, 9, "phone", 1, 0, "k", b"m"))
    refused(made, Kind.BAD_REQUEST, ops.AddDevice(account, 8, "other", 1, 0, "k", b"m"))
    refused(made, Kind.NOT_FOUND, ops.AddDevice(999, 9, "phone", 1, 0, "k", b"m"))
    for number in range(1, MAX_DEVICES):
        add(made, f"device {number}", number=100 + number)
    refused(made, Kind.TOO_MANY, ops.AddDevice(account, 9, "one more", 1, 0, "k", b"m"))
    assert len(devices(made)) == MAX_DEVICES


def test_password_and_verifiers(made: Made) -> None:
    """A new password replaces hash and verifiers of the login alone; if it was changed meanwhile, nothing happens."""
    account = made.accounts["alice@example.test"]
    add(made)
    made.store.commit([ops.SetPassword(account, "$hash1", (ROW,))])
    assert credentials(made) == [LOGIN, 7]
    refused(made, Kind.IN_USE, ops.SetPassword(account, "$hash2", (), expected="$other"))
    assert credentials(made) == [LOGIN, 7]
    made.store.commit([ops.SetPassword(account, "$hash2", (), expected="$hash1")])
    assert credentials(made) == [7]
    assert run(made.directory.password_hash(account)) == "$hash2"


def test_uses(made: Made) -> None:
    """Uses are noted together; an older one that comes late changes nothing; one of a revoked device is nobody's trouble."""
    add(made)
    made.store.commit([ops.UseDevices(((7, 1000, "192.0.2.1"), (99, 1000, "192.0.2.1")))])
    made.store.commit([ops.UseDevices(((7, 900, "192.0.2.2"),))])
    assert [(one.used, one.address) for one in devices(made)] == [(1000, "192.0.2.1")]


def test_reseal(made: Made) -> None:
    """What is kept moves to another key only from the key that it was thought to be under."""
    add(made)
    assert made.store.commit([ops.ResealDevice(7, "k0", "k2", b"m2", None)]) == [False]
    assert made.store.commit([ops.ResealDevice(7, "k1", "k2", b"m2", b"s2")]) == [True]
    assert [(one.key, one.mac, one.sealed) for one in devices(made)] == [("k2", b"m2", b"s2")]


def test_removed_account_leaves_no_secrets(made: Made) -> None:
    """Whoever is gone can log in by nothing."""
    account = made.accounts["alice@example.test"]
    made.store.commit([ops.SetPassword(account, "$h", (ROW,))])
    add(made)
    add(made, person="bob", number=8)
    made.store.commit([ops.RemoveAccount(account)])
    assert (devices(made), credentials(made), credentials(made, "bob")) == ([], [], [8])


def test_backup_brings_them_back(made: Made, tmp_path: Path) -> None:
    """Devices, verifiers and the salt key are in a backup; the file of keys is not: it lies elsewhere."""
    add(made)
    key = run(Secrets(made.store.connection).salt_key())
    made.store.close()
    backup(made.store.layout, str(tmp_path / "copy"))
    restored = Layout(str(tmp_path / "restored"))
    restore(str(tmp_path / "copy"), restored)
    again = make_store(restored.root, names=())
    try:
        secrets = Secrets(again.store.connection)
        assert run(secrets.salt_key()) == key
        assert [one.name for one in run(secrets.all_devices())] == ["phone"]
    finally:
        again.store.close()


def test_rebuild_keeps_them_for_their_owners(made: Made) -> None:
    """From a damaged database secrets are saved, but no account that is made anew gets those of one that was lost."""
    made.store.commit([ops.SetPassword(made.accounts["alice@example.test"], "$h", (ROW,))])
    add(made)
    key = run(Secrets(made.store.connection).salt_key())
    layout = made.store.layout
    made.store.close()
    page = _orphan(layout)
    with open(layout.database, "r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xa5" * 4096)
    rebuild(layout)
    again = make_store(layout.root, names=())
    try:
        secrets = Secrets(again.store.connection)
        assert run(secrets.salt_key()) == key
        assert {one.account for one in run(secrets.all_devices())} <= set(again.accounts.values())
        assert [one.id for one in run(secrets.devices(again.accounts["alice@example.test"]))] == [7]
    finally:
        again.store.close()


def _orphan(layout: Layout) -> int:
    """A device whose account cannot be read any more; returns the number of a page that can be spared."""
    import apsw

    db = apsw.Connection(layout.database)
    db.execute("INSERT INTO device(id, account, name, scopes, created, key, mac) VALUES(8, 999, 'x', 1, 1, 'k', x'00')")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    ((page,),) = db.execute("SELECT rootpage FROM sqlite_schema WHERE name='expunged'")
    db.close()
    return int(str(page))
