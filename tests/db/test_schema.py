"""Migrations: from nothing, from yesterday, from a newer release, and half way."""

import apsw
import pytest

from mailsvc.db.connection import DatabaseRefused, open_writer
from mailsvc.db.schema import Migration, check, migrate, migrations, version_of

STEPS = [
    Migration(1, "one", 1, "CREATE TABLE meta(name TEXT PRIMARY KEY, value INT) WITHOUT ROWID; CREATE TABLE a(x)"),
    Migration(2, "two", 1, "ALTER TABLE a ADD COLUMN y; INSERT INTO a VALUES(1, 2)"),
    Migration(3, "three", 3, "DROP TABLE a"),
]


@pytest.fixture
def db(tmp_path):
    """An empty database."""
    connection = open_writer(str(tmp_path / "x.db"))
    yield connection
    connection.close()


def test_from_nothing_to_today(db):
    """All steps are applied once."""
    assert migrate(db) == [step.number for step in migrations()]
    assert migrate(db) == []
    assert version_of(db) == migrations()[-1].number


def test_numbers_have_no_gap():
    """The files are numbered 1, 2, 3, ... and none asks for a release later than itself."""
    assert [step.number for step in migrations()] == list(range(1, len(migrations()) + 1))
    assert all(1 <= step.compat <= step.number for step in migrations())


def test_from_yesterday(db):
    """Only what is missing is applied, and the data stays."""
    migrate(db, STEPS[:1])
    db.execute("INSERT INTO a VALUES('old')")
    assert migrate(db, STEPS[:2]) == [2]
    assert db.execute("SELECT x, y FROM a").fetchall() == [("old", None), (1, 2)]


def test_step_that_fails_changes_nothing(db):
    """A broken step is rolled back whole; the database is as the step before left it."""
    broken = Migration(2, "two", 1, "INSERT INTO a VALUES(5); CREATE TABLE a(z)")
    migrate(db, STEPS[:1])
    with pytest.raises(apsw.SQLError):
        migrate(db, [STEPS[0], broken])
    assert version_of(db) == 1
    assert db.execute("SELECT count(*) FROM a").fetchone() == (0,)
    assert migrate(db, STEPS[:2]) == [2]


def test_newer_release_that_we_can_work_with(db):
    """After a roll-back to the release before, a compatible database is used as it is."""
    migrate(db, STEPS[:2])
    check(db, STEPS[:1])
    assert migrate(db, STEPS[:1]) == []
    assert version_of(db) == 2


def test_newer_release_that_we_cannot_work_with(db):
    """An incompatible one is refused, with both numbers and what to do."""
    migrate(db, STEPS)
    with pytest.raises(DatabaseRefused, match=r"schema 3, readable from 3 on.*knows schema 2"):
        migrate(db, STEPS[:2])


def test_somebody_elses_database(db):
    """A SQLite file of another program is refused and not touched."""
    db.execute("CREATE TABLE theirs(x)")
    with pytest.raises(DatabaseRefused, match="not one of mailsvc"):
        migrate(db)
    db.execute("PRAGMA user_version=1")
    with pytest.raises(DatabaseRefused, match="not one of mailsvc"):
        migrate(db)
    assert [row[0] for row in db.execute("SELECT name FROM sqlite_schema")] == ["theirs"]
