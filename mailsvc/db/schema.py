"""The schema and its history: numbered files ``migrations/NNNN_name.sql``, each applied in one transaction.

``PRAGMA user_version`` is the number of the last file applied. The first line of each file says ``-- compat: N``: the oldest release
schema that can still work with a database that has it. So a newer database stays usable after a roll-back as long as ``compat`` allows
(the way Synapse does it), and is refused in plain words otherwise.
"""

import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

import apsw
import attrs

from mailsvc.db.connection import DatabaseRefused

__all__ = ["APPLICATION_ID", "Migration", "check", "migrate", "migrations", "version_of"]

APPLICATION_ID = 0x6D737663  # "msvc"


@attrs.frozen
class Migration:
    """One step: from schema ``number - 1`` to ``number``."""

    number: int
    name: str
    compat: int
    sql: str


@cache
def migrations() -> tuple[Migration, ...]:
    """All steps that this release knows, in order."""
    folder = files("mailsvc.db") / "migrations"
    found = [_parse(entry.name, entry.read_text("utf-8")) for entry in folder.iterdir() if entry.name.endswith(".sql")]
    return tuple(sorted(found, key=lambda step: step.number))


def _parse(filename: str, text: str) -> Migration:
    number, _, name = filename.removesuffix(".sql").partition("_")
    compat = re.match(r"-- compat: (\d+)\n", text)
    assert compat, f"{filename} must begin with '-- compat: N'"
    return Migration(int(number), name, int(compat[1]), text)


def version_of(connection: apsw.Connection) -> int:
    """The schema version of an open database, 0 for an empty one."""
    return int(connection.pragma("user_version"))


def check(connection: apsw.Connection, steps: Sequence[Migration] | None = None) -> None:
    """Raise :class:`DatabaseRefused` unless this release can work with the database as it is, or after :func:`migrate`."""
    ours = (steps or migrations())[-1].number
    theirs = version_of(connection)
    if theirs == 0 and connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone():
        raise DatabaseRefused(f"{connection.filename} is a SQLite database, but not one of mailsvc")
    if theirs and connection.pragma("application_id") != APPLICATION_ID:
        raise DatabaseRefused(f"{connection.filename} is a SQLite database, but not one of mailsvc")
    if theirs > ours:
        (compat,) = connection.execute("SELECT value FROM meta WHERE name='compat'").fetchone() or (theirs,)
        if compat > ours:
            raise DatabaseRefused(
                f"{connection.filename} was written by a newer mailsvc (schema {theirs}, readable from {compat} on); "
                f"this release knows schema {ours}: install the newer release or restore a backup"
            )


def migrate(connection: apsw.Connection, steps: Sequence[Migration] | None = None) -> list[int]:
    """Bring a writable database up to date; a step that fails leaves the database as the step before left it.

    :param steps: for tests; by default :func:`migrations`. Returns the numbers applied. Raises DatabaseRefused, apsw.Error.
    """
    steps = steps or migrations()
    check(connection, steps)
    if not version_of(connection):
        connection.pragma("application_id", APPLICATION_ID)
    pending = [step for step in steps if step.number > version_of(connection)]
    for step in pending:
        _apply(connection, step)
    if pending:  # the first pages and the files' names must be on the disk before anybody is promised anything
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    return [step.number for step in pending]


def _apply(connection: apsw.Connection, step: Migration) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.execute(step.sql).fetchall()
        connection.execute("INSERT OR REPLACE INTO meta(name, value) VALUES('compat', ?)", (step.compat,))
        connection.pragma("user_version", step.number)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
