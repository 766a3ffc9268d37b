"""``mailsvc user set|register|unregister|freed|release|audit`` and ``mailsvc throttle``."""

import json
import re
from pathlib import Path

from .conftest import Run

ALICE = "alice@example.test"


def shown(house: Run, address: str = ALICE) -> dict[str, object]:
    """What is known of an account."""
    found: dict[str, object] = json.loads(house("user", "show", address, "--json").stdout)
    return found


def test_set(house: Run) -> None:
    """Flags are set and taken away one by one; what is told about the owner likewise."""
    house("user", "add", ALICE, "--no-password")
    house("user", "set", ALICE, "--no-pop3", "--no-password-change", "--hidden", "--list-admin", "--name", "渡辺 愛")
    house("user", "set", ALICE, "--pop3", "--no-hidden", "--telephone", "+81 75 000 0000")
    found = shown(house)
    assert found["flags"] == ["no-password-change", "list-admin"]
    assert (found["name"], found["telephone"], found["reply_to"]) == ("渡辺 愛", "+81 75 000 0000", "")
    assert (
        house("user", "set", "nobody@example.test", "--no-pop3", code=1).stderr == "there is no nobody@example.test\n"
    )


def test_names(house: Run) -> None:
    """A login gets its mailbox, loses it, and the name is in quarantine until it is released."""
    login = "b20a1234@example.test"
    house("user", "add", login, "--no-mailbox", "--no-password")
    assert (shown(house, login)["mailbox"], shown(house, login)["login"]) == (False, "b20a1234")
    for name, reason in (
        ("x", "a name has 2 to 32 characters"),
        ("Postmaster", "the name postmaster is reserved"),
        ("1st", "a name must look like [a-z][a-z0-9]*([._-][a-z0-9]+)*"),
    ):
        assert house("user", "register", login, name, code=1).stderr == reason + "\n"
    assert house("user", "register", login, "Taro").stdout == "taro@example.test\n"
    house("user", "unregister", "taro@example.test", "--yes")
    assert re.fullmatch(r"taro@example\.test\t20\d\d-\d\d-\d\dT.*\n", house("user", "freed").stdout)
    assert house("user", "register", login, "taro", code=1).stderr == "taro@example.test exists already\n"
    house("user", "release", "taro@example.test")
    house("user", "register", login, "taro")
    house("user", "add", ALICE, "--no-password")
    assert "has no login of its own" in house("user", "unregister", ALICE, "--yes", code=1).stderr


def test_weak_password_of_an_administrator(house: Run) -> None:
    """The administrator is told, and may."""
    made = house("user", "add", ALICE, "--password-stdin", stdin="iloveyou\n")
    assert made.stderr == "this password is weak: this password is one of those that are guessed first\n"
    assert shown(house)["password"] is True


def test_audit(house: Run, tmp_path: Path) -> None:
    """Weak passwords are found by name and by list, and not printed."""
    for address, password in (
        (ALICE, "alice123"),
        ("bob@example.test", "Tanuki-777"),
        ("carol@example.test", "kept well"),
    ):
        house("user", "add", address, "--password-stdin", stdin=password + "\n")
    (tmp_path / "words").write_text("other\ntanuki-777\n")
    found = house("user", "audit", "--words", "words", code=1)
    assert [line.split("\t")[0] for line in found.stdout.splitlines()] == [ALICE]
    assert found.stderr.endswith("4 account(s) tried, 1 with a password that is easily guessed\n")
    (tmp_path / "words").write_text("kept well\n")
    found = house("user", "audit", "example.test", "--words", "words", code=1)
    assert [line.split("\t")[0] for line in found.stdout.splitlines()] == [ALICE, "carol@example.test"]
    assert "kept well" not in found.stdout + found.stderr


def test_throttle_without_a_server(house: Run) -> None:
    """Only a running server knows who is blocked."""
    for words in (("list",), ("clear", "192.0.2.1"), ("test", "192.0.2.1", ALICE)):
        assert "no server is running with" in house("throttle", *words, code=75).stderr
    assert '"house" is not an address' in house("throttle", "test", "house", code=2).stderr
