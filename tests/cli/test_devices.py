"""Device passwords, their keys, and passwords taken over from elsewhere, from the command line."""

import json
import re
import stat
from pathlib import Path

import pytest

from mailsvc.auth.keyring import KeyFile
from mailsvc.core.secrets import Device
from mailsvc.directory import Directory, Secrets
from mailsvc.store.connect import open_store, run

from .conftest import Run

PASSWORD = re.compile(r"([a-km-np-z]{4}-){6}[a-km-np-z]{4}\n")


@pytest.fixture
def alice(house: Run) -> Run:
    """A house with alice in it."""
    house("user", "add", "alice@example.test", "--no-password")
    return house


def devices(folder: Path) -> list[Device]:
    """All that is kept."""
    store = open_store(str(folder / "store"))
    try:
        return run(Secrets(store.connection).all_devices())
    finally:
        store.close()


def opens(folder: Path, password: str) -> list[str]:
    """The names of the devices whose password this is, by the hash that is kept, and by what is kept to be read."""
    ring, octets = KeyFile(folder / "device-keys").ring(), password.strip().encode()
    found = []
    for device in devices(folder):
        key = ring.key(device.key)
        if key.mac(octets) == device.mac:
            found.append(device.name)
        if device.sealed is not None and key.open(device.sealed, device.account, device.id) == octets:
            found.append(f"{device.name}, readable")
    return found


def test_made_listed_revoked(alice: Run, tmp_path: Path) -> None:
    """A device password is printed alone on standard output, once; the list shows everything but it; it can be revoked."""
    made = alice("device", "add", "alice@example.test", "phone")
    assert PASSWORD.fullmatch(made.stdout)
    assert "device-keys is made" in made.stderr
    second = alice("device", "add", "alice@example.test", "tablet", "--scope", "pop3", "--scope", "send", "--readable")
    assert PASSWORD.fullmatch(second.stdout)
    assert "is made" not in second.stderr
    assert opens(tmp_path, made.stdout) == ["phone"]
    assert opens(tmp_path, second.stdout) == ["tablet", "tablet, readable"]
    listed = alice("device", "list", "--json")
    assert [(one["name"], one["scopes"], one["readable"], one["used"]) for one in json.loads(listed.stdout)] == [
        ("phone", ["send", "pop3", "imap", "dav"], False, ""),
        ("tablet", ["send", "pop3"], True, ""),
    ]
    for password in (made.stdout, second.stdout):
        assert password.strip() not in listed.stdout
    alice("device", "revoke", "alice@example.test", "tablet")
    assert "tablet" not in alice("device", "list", "alice@example.test").stdout
    assert opens(tmp_path, second.stdout) == []
    assert alice("device", "revoke", "alice@example.test", "tablet", code=1).stderr == "there is no tablet\n"


def test_expiry(alice: Run, tmp_path: Path) -> None:
    """A time is given like others; the list shows the day."""
    alice("device", "add", "alice@example.test", "guest", "--expires", "90 d")
    (device,) = devices(tmp_path)
    assert device.expires == pytest.approx(device.created + 90 * 86_400, abs=5)
    assert re.search(r"\t20\d\d-\d\d-\d\dT\d\d:\d\dZ\t20", alice("device", "list").stdout)


def test_refusals(alice: Run) -> None:
    """Names that are taken or no names, strangers, and more than twenty."""
    alice("device", "add", "alice@example.test", "phone")
    assert alice("device", "add", "alice@example.test", "phone", code=1).stderr == "phone exists already\n"
    assert alice("device", "add", "bob@example.test", "phone", code=1).stderr == "there is no bob@example.test\n"
    for name in ("", " ", "a\tb", "n" * 65):
        assert "1 to 64 printable" in alice("device", "add", "alice@example.test", name, code=1).stderr
    for number in range(19):
        alice("device", "add", "alice@example.test", f"device {number}")
    assert "20 device passwords" in alice("device", "add", "alice@example.test", "one more", code=1).stderr


def test_keys_rotate(alice: Run, tmp_path: Path) -> None:
    """After a rotation every password still opens; what is readable is under the new key, the rest keeps its own while it is needed."""
    readable = alice("device", "add", "alice@example.test", "old", "--readable").stdout
    other = alice("device", "add", "alice@example.test", "new").stdout
    before = KeyFile(tmp_path / "device-keys").ring().current.id
    said = alice("keys", "rotate").stderr
    assert "1 device password(s) were moved to it, 1 stay" in said
    ring = KeyFile(tmp_path / "device-keys").ring()
    assert [key.id for key in ring] == [before, ring.current.id]
    assert {one.name: one.key for one in devices(tmp_path)} == {"old": ring.current.id, "new": before}
    assert opens(tmp_path, readable) == ["old", "old, readable"]
    assert opens(tmp_path, other) == ["new"]
    alice("device", "revoke", "alice@example.test", "new")
    for _ in range(2):
        alice("keys", "rotate")
    ring = KeyFile(tmp_path / "device-keys").ring()
    assert before not in [key.id for key in ring]
    assert len(ring) == 2
    assert opens(tmp_path, readable) == ["old", "old, readable"]
    assert stat.S_IMODE((tmp_path / "device-keys").stat().st_mode) == 0o600


def test_damaged_key_file(alice: Run, tmp_path: Path) -> None:
    """A key file that is none is left alone, and the reason repeats nothing of it."""
    (tmp_path / "device-keys").write_text("planted secret")
    for command in (("device", "add", "alice@example.test", "phone"), ("keys", "rotate")):
        refused = alice(*command, code=1)
        assert "line 1 is not a key" in refused.stderr
        assert "planted" not in refused.stderr
    assert (tmp_path / "device-keys").read_text() == "planted secret"


def test_backup_leaves_the_keys_out(alice: Run, tmp_path: Path) -> None:
    """Who has a backup of the store has no keys."""
    alice("device", "add", "alice@example.test", "phone")
    alice("backup", "copy")
    assert not [path for path in (tmp_path / "copy").rglob("*") if "keys" in path.name]


def test_taken_over(house: Run, tmp_path: Path) -> None:
    """A hash from Dovecot or shadow is stored as it is; what we could not verify is refused without being repeated."""
    crypt = "$6$rounds=1000$saltsalt$" + "a" * 86
    house("user", "add", "a@example.test", "--hash-stdin", stdin="{SHA512-CRYPT}" + crypt + "\n")
    store = open_store(str(tmp_path / "store"))
    directory = Directory(store.connection)
    account = run(directory.find_account("a@example.test"))
    assert account is not None
    assert run(directory.password_hash(account.id)) == crypt
    store.close()
    for bad in ("plain", "$1$salt$" + "a" * 22, "$6$planted", ""):
        refused = house("user", "passwd", "a@example.test", "--hash-stdin", stdin=bad + "\n", code=1)
        assert refused.stderr.startswith("this hash cannot be taken over")
        assert "planted" not in refused.stderr


def test_a_login_password_gets_its_verifiers(house: Run, tmp_path: Path) -> None:
    """SCRAM works with a password from the moment it is set, in a host alias too."""
    house("domain", "add", "example.test", "--alias", "alias.test")
    house("user", "add", "a@alias.test", "--password-stdin", stdin="secret\n")
    store = open_store(str(tmp_path / "store"))
    directory, secrets = Directory(store.connection), Secrets(store.connection)
    account = run(directory.find_account("a@example.test"))
    assert account is not None
    salts = {one.salt for hash in ("SHA-1", "SHA-256") for one in run(secrets.verifiers(account.id, hash))}
    from mailsvc.auth.verifiers import salt_of

    assert salts == {salt_of(run(secrets.salt_key()), "a@example.test")}
    store.close()
