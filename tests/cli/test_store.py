"""The care of the store from the command line: verify, rebuild, orphans, backup, restore, and the log of a running server."""

import json
import os
import shutil
import time
from pathlib import Path

import apsw
import pytest

from mailsvc.core.operations import Deliver
from mailsvc.store.committer import take_lease
from mailsvc.store.connect import open_store
from mailsvc.store.layout import Layout

from .conftest import Run


@pytest.fixture
def mail(house: Run, tmp_path: Path) -> Run:
    """A server directory with one account that has one message."""
    house("user", "add", "a@example.test", "--no-password")
    store = open_store(str(tmp_path / "store"))
    ((account,),) = store.connection().execute("SELECT id FROM account WHERE address='a@example.test'")
    store.apply([Deliver((int(str(account)),), b"", 12, 1_700_000_000, b"Subject: x\r\n")])
    store.close()
    return house


def damage(folder: Path) -> None:
    """Let an account miscount its messages."""
    db = apsw.Connection(str(folder / "store/mail.db"))
    db.execute("UPDATE account SET messages=7 WHERE address='a@example.test'")
    db.close()


def test_whole_store(mail: Run) -> None:
    """Where nothing is wrong, nothing is printed but a sentence."""
    done = mail("store", "verify")
    assert (done.stdout, done.stderr) == ("", "nothing is wrong\n")


def test_damage_is_found_and_mended(mail: Run, tmp_path: Path) -> None:
    """Damage is printed with its kind and place and an exit code; after a rebuild it is gone."""
    damage(tmp_path)
    found = json.loads(mail("store", "verify", "--json", code=1).stdout)
    assert [one["kind"] for one in found] == ["account-counters"]
    line = mail("--lang", "ja", "store", "verify", code=1).stdout
    assert line.startswith("account-counters\t")
    assert "アカウントの件数" in line
    mail("store", "rebuild")
    mail("store", "verify")


def test_rebuild_needs_the_store_for_itself(mail: Run, tmp_path: Path) -> None:
    """Beside a running server nothing is rebuilt."""
    lease = take_lease(Layout(str(tmp_path / "store")))
    try:
        refused = mail("store", "rebuild", code=1)
    finally:
        os.close(lease)
    assert refused.stderr == f"{tmp_path}/store is in use by a running server; stop it first\n"


def test_orphans(mail: Run, tmp_path: Path) -> None:
    """A file of no message is listed, and removed on request only."""
    path = tmp_path / "store/bodies/00/00abc"
    path.write_bytes(b"left over")
    long_ago = time.time() - 86400
    os.utime(path, (long_ago, long_ago))
    assert mail("store", "orphans").stdout == f"{path}\n"
    assert mail("store", "orphans", "--remove").stdout == f"{path}\n"
    assert not path.exists()
    assert mail("store", "orphans").stdout == ""


def test_backup_and_restore(mail: Run, tmp_path: Path) -> None:
    """What was backed up is there again after everything was lost, accounts and mail."""
    assert mail("backup", "copy").stderr == "1 message(s) are in copy\n"
    shutil.rmtree(tmp_path / "store")
    mail("restore", "copy")
    mail("store", "verify")
    assert json.loads(mail("user", "show", "a@example.test", "--json").stdout)["messages"] == 1


def test_backup_and_restore_overwrite_nothing(mail: Run) -> None:
    """Neither a backup nor a store that is there already is touched."""
    mail("backup", "copy")
    assert "there is a store already" in mail("backup", "copy", code=1).stderr
    assert "there is a store already" in mail("restore", "copy", code=1).stderr


def test_restore_from_nothing(mail: Run, tmp_path: Path) -> None:
    """A directory without a backup is told from one that does not exist."""
    shutil.rmtree(tmp_path / "store")
    (tmp_path / "empty").mkdir()
    assert "there is no backup" in mail("restore", "empty", code=1).stderr
    assert "does not exist" in mail("restore", "absent", code=2).stderr


def test_store_that_is_not_there_yet(mail: Run, tmp_path: Path) -> None:
    """Looking at a store does not make one."""
    shutil.rmtree(tmp_path / "store")
    assert mail("store", "verify", code=1).stderr.startswith(f"there is no store in {tmp_path}/store yet")
    assert not (tmp_path / "store").exists()


def test_log_level_without_a_server(mail: Run, tmp_path: Path) -> None:
    """There is no log to change while no server runs."""
    assert (
        mail("log", "level", "smtp", "debug", code=75).stderr == f"no server is running with {tmp_path}/mailsvc.toml\n"
    )
    assert "'nntp' is not one of" in mail("log", "level", "nntp", "debug", code=2).stderr
