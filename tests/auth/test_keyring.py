"""The key file of device passwords, and how they look."""

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsvc.auth.device_passwords import generate, normalised
from mailsvc.auth.keyring import BadKeyFile, Key, KeyFile, KeyRing, UnknownKey


@given(st.binary(max_size=80), st.integers(1, 2**62), st.integers(1, 2**62))
def test_sealed_passwords_open_in_their_place_only(password: bytes, account: int, device: int) -> None:
    """What was sealed for one device of one account opens there, and nowhere else, and not once it was changed."""
    key, other = Key.new(), Key.new()
    sealed = key.seal(password, account, device)
    assert key.open(sealed, account, device) == password
    for broken in (
        lambda: other.open(sealed, account, device),
        lambda: key.open(sealed, account + 1, device),
        lambda: key.open(sealed, account, device + 1),
        lambda: key.open(sealed[:-1], account, device),
        lambda: key.open(bytes([sealed[0] ^ 1]) + sealed[1:], account, device),
        lambda: key.open(b"", account, device),
    ):
        with pytest.raises(UnknownKey):
            broken()
    assert key.seal(password, account, device) != sealed


def test_file(tmp_path: Path) -> None:
    """Keys are written for the owner only, read again when they change, and the last one counts."""
    file = KeyFile(tmp_path / "keys")
    assert len(file.ring()) == 0
    first, second = Key.new(), Key.new()
    file.write(KeyRing([first]))
    assert file.ring().current == first
    file.write(KeyRing([first, second]))
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert list(KeyFile(file.path).ring()) == [first, second]
    assert file.ring().current == second
    assert file.ring().key(first.id) == first
    assert os.listdir(tmp_path) == ["keys"]
    with pytest.raises(UnknownKey):
        file.ring().key("absent")
    with pytest.raises(UnknownKey):
        KeyRing().current
    file.path.unlink()
    assert len(file.ring()) == 0


@pytest.mark.parametrize(
    "line", ["k1", "k1 AAAA", "k1 " + "A" * 42 + "!=", "K1 " + "A" * 43 + "=", "k1  " + "A" * 43 + "="]
)
def test_bad_file(line: str) -> None:
    """A line that is no key is named by its number and not repeated."""
    with pytest.raises(BadKeyFile, match="line 2") as caught:
        KeyRing.parse("# a comment\n" + line)
    assert "AAAA" not in str(caught.value)


def test_keys_do_not_show_themselves() -> None:
    """A key that ends up in a log says its name only."""
    key = Key("k1", b"planted-secret" + bytes(18))
    assert repr(key) == "Key(id='k1')"


def test_passwords_are_easy_to_type_and_hard_to_guess() -> None:
    """Seven groups of four letters without l and o: more than 128 bits; no two alike."""
    made = {generate() for _ in range(100)}
    assert len(made) == 100
    for password in made:
        groups = password.split("-")
        assert [len(group) for group in groups] == [4] * 7
        assert set(password) <= set("abcdefghijkmnpqrstuvwxyz-")
    assert 24**28 > 2**128


def test_typed_in_another_way() -> None:
    """Capitals, spaces and missing hyphens are one's own business where the password itself arrives."""
    password = generate()
    for typed in (password, password.upper(), password.replace("-", ""), password.replace("-", " "), f" {password} "):
        assert normalised(typed) == password
    for wrong in ("", "abcd", password[:-1], password + "a", password.replace(password[0], "1"), "correct horse"):
        assert normalised(wrong) is None
