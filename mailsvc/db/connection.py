"""Connections to the database: one that writes, any number that read.

The pragmas are those that were measured (``docs/decisions``): WAL with ``synchronous=FULL`` makes a commit durable by one sync of the
log; NORMAL would lose answered mail at a power cut. Checkpoints are not left to the writer: a second connection makes them.

SQLite before 3.51.3 can lose commits when two connections write and checkpoint (https://sqlite.org/wal.html#walresetbug): refused.
"""

import os

import apsw

__all__ = ["MINIMUM_SQLITE", "DatabaseRefused", "check_library", "open_reader", "open_writer"]

MINIMUM_SQLITE = (3, 51, 3)

# Has effect only before the first table, and later would write all the same, for which a full disk has no room.
_NEW = ("PRAGMA auto_vacuum=INCREMENTAL",)
_WRITER = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA secure_delete=OFF",
    "PRAGMA wal_autocheckpoint=0",
    "PRAGMA cache_size=-65536",
    "PRAGMA journal_size_limit=67108864",
    "PRAGMA temp_store=MEMORY",
)
_READER = ("PRAGMA query_only=ON", "PRAGMA cache_size=-8192", "PRAGMA temp_store=MEMORY")
_BUSY_MS = 10_000


class DatabaseRefused(Exception):
    """This database cannot be used, for a reason that a person can read and act on."""


def check_library(version: str = "") -> None:
    """Raise :class:`DatabaseRefused` if the SQLite library is too old to keep its promises.

    :param version: for tests; by default the library's own.
    """
    version = version or apsw.sqlite_lib_version()
    if tuple(int(part) for part in version.split(".")) < MINIMUM_SQLITE:
        wanted = ".".join(map(str, MINIMUM_SQLITE))
        raise DatabaseRefused(
            f"SQLite {version} can lose committed data (WAL-reset bug); install apsw with SQLite {wanted} or later"
        )


def open_writer(path: str) -> apsw.Connection:
    """Open ``path`` for reading and writing, making it (mode 0600) if it is missing. Raises DatabaseRefused, apsw.Error."""
    check_library()
    os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    connection = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READWRITE)
    return _prepare(connection, _WRITER if os.path.getsize(path) else _NEW + _WRITER)


def open_reader(path: str) -> apsw.Connection:
    """Open an existing ``path`` read-only. Raises DatabaseRefused, apsw.Error (``apsw.CantOpenError`` if it is missing)."""
    check_library()
    return _prepare(apsw.Connection(path, flags=apsw.SQLITE_OPEN_READONLY), _READER)


def _prepare(connection: apsw.Connection, pragmas: tuple[str, ...]) -> apsw.Connection:
    connection.set_busy_timeout(_BUSY_MS)
    try:
        for pragma in pragmas:
            connection.execute(pragma).fetchall()
    except apsw.Error:
        connection.close()
        raise
    return connection
