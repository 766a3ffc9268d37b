"""Opening the database: the library's age, the promises of each connection."""

import os

import apsw
import pytest

from mailsvc.db.connection import DatabaseRefused, check_library, open_reader, open_writer


@pytest.mark.parametrize("version", ["3.40.1", "3.51.2", "3.7.0", "2.8.17"])
def test_old_sqlite_is_refused(version):
    """A library that can lose commits is refused, in words that say what to install."""
    with pytest.raises(DatabaseRefused, match=r"3\.51\.3"):
        check_library(version)


@pytest.mark.parametrize("version", ["3.51.3", "3.52.0", "3.100.0", "4.0.0", ""])
def test_new_sqlite_is_taken(version):
    """The first good version, later ones, and the one installed here."""
    check_library(version)


def test_writer_promises_durability(tmp_path):
    """A commit is synced, the log is on, and the file is private."""
    path = tmp_path / "x.db"
    writer = open_writer(str(path))
    assert writer.pragma("synchronous") == 2
    assert writer.pragma("journal_mode") == "wal"
    assert writer.pragma("wal_autocheckpoint") == 0
    assert writer.pragma("secure_delete") == 0
    assert writer.pragma("auto_vacuum") == 2
    assert path.stat().st_mode & 0o777 == 0o600
    writer.close()


def test_reader_cannot_write(tmp_path):
    """A worker's connection reads only, and sees what was committed after it opened."""
    path = str(tmp_path / "x.db")
    writer = open_writer(path)
    writer.execute("CREATE TABLE t(a)")
    reader = open_reader(path)
    with pytest.raises(apsw.ReadOnlyError):
        reader.execute("INSERT INTO t VALUES(1)")
    writer.execute("INSERT INTO t VALUES(2)")
    assert reader.execute("SELECT a FROM t").fetchall() == [(2,)]


def test_reader_does_not_make_a_database(tmp_path):
    """Reading what is not there fails, and leaves nothing."""
    with pytest.raises(apsw.CantOpenError):
        open_reader(str(tmp_path / "x.db"))
    assert list(tmp_path.iterdir()) == []


def test_rubbish_is_not_a_database(tmp_path):
    """A file that is not SQLite fails when it is opened."""
    (tmp_path / "x.db").write_bytes(b"rubbish" * 1000)
    with pytest.raises(apsw.NotADBError):
        open_writer(str(tmp_path / "x.db"))


def test_opening_again_writes_nothing(tmp_path):
    """A store that exists can be opened on a disk that takes nothing."""
    path = str(tmp_path / "x.db")
    first = open_writer(path)
    first.execute("CREATE TABLE t(x)")
    size = os.path.getsize(path + "-wal")
    second = open_writer(path)
    assert os.path.getsize(path + "-wal") == size
    assert second.pragma("auto_vacuum") == 2
    first.close()
    second.close()
