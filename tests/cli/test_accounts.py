"""Domains, accounts and aliases from the command line."""

import json
import os
import pty
import pwd
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from mailsvc.auth.hashing import matches
from mailsvc.store.connect import open_store

from .conftest import Run


def test_domains(house: Run) -> None:
    """A domain is made, listed after the declared one, given a host alias, and removed."""
    house("domain", "add", "other.test", "--alias", "alias.test")
    assert house("domain", "list").stdout == "example.test\t\tyes\nother.test\talias.test\tno\n"
    house("domain", "add", "other.test", "--alias", "more.test")
    listed = json.loads(house("domain", "list", "--json").stdout)
    assert listed[1] == {"name": "other.test", "aliases": ["alias.test", "more.test"], "declared": False}
    house("domain", "remove", "other.test")
    assert house("domain", "list").stdout == "example.test\t\tyes\n"


def test_declared_domain_is_removed_in_the_file_only(house: Run, tmp_path: Path) -> None:
    """The refusal names the file and the line where the domain is declared."""
    lines = (tmp_path / "mailsvc.toml").read_text().splitlines()
    refused = house("domain", "remove", "EXAMPLE.test", code=1)
    assert refused.stdout == ""
    name, _, number = refused.stderr.partition(", line ")
    assert name == f"example.test is declared in {tmp_path}/mailsvc.toml"
    assert lines[int(number.partition(";")[0]) - 1] == "[[domain]]"


def test_new_declaration_counts_at_once(house: Run, tmp_path: Path) -> None:
    """A domain just written into the file can have accounts before the server was started again."""
    with (tmp_path / "mailsvc.toml").open("a") as file:
        file.write('\n[[domain]]\nname = "new.test"\n')
    house("user", "add", "info@new.test", "--no-password")
    assert "info@new.test" in house("user", "list", "new.test").stdout


def test_domain_refusals(house: Run) -> None:
    """What exists is not made twice, what is missing not removed, what is in use not either."""
    assert house("domain", "add", "example.test", code=1).stderr == "example.test exists already\n"
    assert house("domain", "remove", "absent.test", code=1).stderr == "there is no absent.test\n"
    house("domain", "add", "other.test")
    house("user", "add", "a@other.test", "--no-password")
    assert house("domain", "remove", "other.test", code=1).stderr == "other.test is still in use: a@other.test\n"
    assert '"a b" is not a domain name' in house("domain", "add", "a b", code=2).stderr


def test_accounts(house: Run) -> None:
    """An account is made, shown, changed, disabled, enabled and removed."""
    house(
        "user", "add", "Alice@Example.test", "--login", "u0001", "--quota", "1 GB", "--password-stdin", stdin="s3cret\n"
    )
    shown = json.loads(house("user", "show", "alice@example.test", "--json").stdout)
    assert shown == {
        "address": "alice@example.test",
        "login": "u0001",
        "enabled": True,
        "quota": 1_000_000_000,
        "messages": 0,
        "octets": 0,
        "password": True,
        "mailbox": True,
        "flags": [],
        "name": "",
        "organisation": "",
        "telephone": "",
        "reply_to": "",
    }
    house("user", "disable", "alice@example.test")
    house("user", "quota", "alice@example.test", "0")
    shown = json.loads(house("user", "show", "alice@example.test", "--json").stdout)
    assert (shown["enabled"], shown["quota"]) == (False, 0)
    house("user", "enable", "alice@example.test")
    assert "Enabled: yes\n" in house("user", "show", "alice@example.test").stdout
    house("user", "remove", "alice@example.test")
    assert house("user", "list").stdout == "postmaster@example.test\t\tyes\t0\t0\t0\n"


def stored(folder: Path, address: str) -> str:
    """The hash of an account's password."""
    store = open_store(str(folder / "store"))
    try:
        ((found,),) = store.connection().execute("SELECT password_hash FROM account WHERE address=?", (address,))
    finally:
        store.close()
    return str(found)


def test_password_is_hashed_and_changed(house: Run, tmp_path: Path) -> None:
    """What is stored verifies against the password that was given, the new one after a change, and spaces count."""
    house("user", "add", "a@example.test", "--password-stdin", stdin=" first word \r\nnot this\n")
    assert matches(stored(tmp_path, "a@example.test"), b" first word ")
    house("user", "passwd", "a@example.test", "--password-stdin", stdin="日本\n".encode())
    assert matches(stored(tmp_path, "a@example.test"), "日本".encode())
    assert not matches(stored(tmp_path, "a@example.test"), b" first word ")


@pytest.mark.parametrize(
    ("arguments", "stdin", "said"),
    [
        (("--password-stdin",), "\n", "an empty password is none\n"),
        (("--password-stdin",), b"\xff\n", "this cannot be a password: it must be text without control characters\n"),
        (("--password-stdin",), "a\x07b\n", "this cannot be a password: it must be text without control characters\n"),
        ((), "secret\n", "there is no terminal to ask for a password; give it by --password-stdin\n"),
        (
            ("--login", "a@b", "--no-password"),
            "",
            '"a@b" is not a login: it has no @ (its domain is that of the address) and no control characters\n',
        ),
        (
            ("--login", "a\x1bb", "--no-password"),
            "",
            '"a\x1bb" is not a login: it has no @ (its domain is that of the address) and no control characters\n',
        ),
    ],
)
def test_account_is_not_made(house: Run, arguments: tuple[str, ...], stdin: str | bytes, said: str) -> None:
    """Without a usable password or login nothing is made, and the reason is one sentence."""
    refused = house("user", "add", "a@example.test", *arguments, stdin=stdin, code=1)
    assert (refused.stdout, refused.stderr) == ("", said)
    assert "a@example.test" not in house("user", "list").stdout


def test_account_refusals(house: Run) -> None:
    """Existing and missing accounts, strange domains and spellings are told apart."""
    house("user", "add", "a@example.test", "--no-password", "--login", "me")
    assert house("user", "add", "a@example.test", "--no-password", code=1).stderr == "a@example.test exists already\n"
    taken = "is a login or the address of another account already (a@example.test has this address or login)"
    assert taken in house("user", "add", "me@example.test", "--no-password", code=1).stderr
    assert taken in house("user", "add", "b@example.test", "--login", "me", "--no-password", code=1).stderr
    assert house("user", "show", "b@example.test", code=1).stderr == "there is no b@example.test\n"
    assert "is none of ours" in house("user", "add", "a@other.test", "--no-password", code=1).stderr
    for name in (
        "alice",
        'a"b@example.test',
        "a\x1b[31m@example.test",
        "a@b@example.test",
        f"{'a' * 250}@example.test",
    ):
        assert "is not an address" in house("user", "add", name, "--no-password", code=2).stderr
    assert "is not a size" in house("user", "quota", "a@example.test", "much", code=2).stderr


def test_postmaster_stays(house: Run) -> None:
    """Mail for postmaster always has somewhere to go."""
    refused = house("user", "remove", "postmaster@example.test", code=1).stderr
    assert refused.startswith("postmaster@example.test is still in use")


def test_aliases(house: Run) -> None:
    """An alias is made, replaced, listed and removed; an account's address cannot be one."""
    house("user", "add", "a@example.test", "--no-password")
    house("alias", "add", "info@example.test", "a@example.test")
    house("alias", "add", "info@example.test", "a@example.test", "b@elsewhere.test")
    assert house("alias", "list").stdout == "info@example.test\ta@example.test b@elsewhere.test\n"
    assert json.loads(house("alias", "list", "example.test", "--json").stdout) == [
        {"address": "info@example.test", "targets": ["a@example.test", "b@elsewhere.test"]}
    ]
    assert "exists already" in house("alias", "add", "a@example.test", "info@example.test", code=1).stderr
    house("alias", "remove", "info@example.test")
    assert house("alias", "remove", "info@example.test", code=1).stderr == "there is no info@example.test\n"


def at_terminal(folder: Path, arguments: list[str], typed: list[tuple[str, str]]) -> tuple[int, str]:
    """Run a command on a terminal, answer each prompt, and return exit code and screen."""
    master, slave = pty.openpty()
    path = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "LANG": "C.UTF-8", "LC_ALL": "", "TERM": "dumb"}
    process = subprocess.Popen(
        [sys.executable, "-m", "mailsvc.cli", *arguments],
        cwd=folder,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=path,
        start_new_session=True,
    )
    os.close(slave)
    screen = ""
    for prompt, answer in [*typed, ("", "")]:
        seen = len(screen)
        while not prompt or prompt not in screen[seen:]:
            try:
                data = os.read(master, 1024)
            except OSError:  # the other end is closed
                data = b""
            if not data:
                break
            screen += data.decode()
        if answer:
            os.write(master, f"{answer}\n".encode())
    os.close(master)
    return process.wait(), screen


def test_password_is_typed_twice_and_not_shown(house: Run, tmp_path: Path) -> None:
    """On a terminal the password is asked for twice, without an echo."""
    typed = [("New password: ", "s3cret"), ("Again: ", "s3cret")]
    code, screen = at_terminal(tmp_path, ["user", "add", "a@example.test"], typed)
    assert code == 0, screen
    assert "s3cret" not in screen
    assert matches(stored(tmp_path, "a@example.test"), b"s3cret")


def test_mistyped_password_changes_nothing(house: Run, tmp_path: Path) -> None:
    """Two different entries are refused."""
    typed = [("New password: ", "one"), ("Again: ", "two")]
    code, screen = at_terminal(tmp_path, ["user", "add", "a@example.test"], typed)
    assert code == 1
    assert "the two passwords differ; nothing was changed" in screen
    assert "a@example.test" not in house("user", "list").stdout


def test_removing_asks_on_a_terminal(house: Run, tmp_path: Path) -> None:
    """Before mail is lost, a person is asked; a script that says --yes is not."""
    house("user", "add", "a@example.test", "--no-password")
    code, screen = at_terminal(tmp_path, ["user", "remove", "a@example.test"], [("for good? [y/N]: ", "n")])
    assert code == 1, screen
    assert "a@example.test" in house("user", "list").stdout
    house("user", "remove", "a@example.test", "--yes")
    assert "a@example.test" not in house("user", "list").stdout


def test_table_on_a_terminal(house: Run, tmp_path: Path) -> None:
    """People get a table with headings, not tabs."""
    code, screen = at_terminal(tmp_path, ["user", "list"], [])
    assert code == 0
    assert "Address" in screen
    assert "\t" not in screen
    assert "postmaster@example.test" in screen


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_root_leaves_the_store_to_the_service(run: Run) -> None:
    """When root runs a command, new files of the store belong to the user as whom the service runs."""
    nobody = pwd.getpwnam("nobody")
    with tempfile.TemporaryDirectory() as name:  # pytest's own directories are closed to other users
        folder = Path(name)
        run("init", name, "--domain", "example.test")
        path = folder / "mailsvc.toml"
        path.write_text(path.read_text().replace('#user = "mailsvc"', 'user = "nobody"'))
        shutil.rmtree(folder / "store")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        run("-c", str(path), "user", "add", "a@example.test", "--no-password")
        assert {entry.stat().st_uid for entry in (folder / "store").rglob("*")} == {nobody.pw_uid}
    assert os.geteuid() == 0
