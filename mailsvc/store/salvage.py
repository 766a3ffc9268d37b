"""Reading what can still be read from a damaged database.

A damaged page makes SQLite fail when a query comes to it, and only then. So each table is read by ranges of its key: where a range
fails, what came before the failure is kept and the rest is halved, until the failing range is a single key. That finds every row whose
own path through the tree is whole; rows whose page is damaged are lost.
"""

from collections.abc import Iterator
from typing import Any

import apsw

# ruff: noqa: S608 - names of tables and columns come from this package

__all__ = ["columns_of", "open_damaged", "plain", "rows"]

_HIGHEST = 0xFFFFFFFF
_PROBES = 200_000


def open_damaged(path: str) -> apsw.Connection | None:
    """A connection to a database that may be damaged; None if not even that can be had."""
    try:
        # To be written too: the log must be replayed, which writes the index of it.
        db = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READWRITE)
        db.execute("PRAGMA cell_size_check=ON").fetchall()
        db.execute("SELECT count(*) FROM sqlite_schema").fetchall()
    except apsw.Error:
        return None
    return db


def columns_of(db: apsw.Connection, table: str, wanted: str) -> str:
    """Those of the columns that the table has: an older schema lacks some of today's. ``""`` if there is no such table."""
    known = {str(row[1]) for row in db.execute(f"PRAGMA table_info({table})")}
    return ", ".join(column for column in wanted.split(", ") if column in known)


def rows(
    db: apsw.Connection, columns: str, table: str, key: str, where: str = "1", bindings: tuple[Any, ...] = ()
) -> Iterator[tuple[Any, ...]]:
    """Readable rows of ``table``, with the integer column ``key`` first in ``columns``."""
    sql = f"SELECT {columns} FROM {table} WHERE {where} AND {key} BETWEEN ? AND ? ORDER BY {key}"
    todo = [(0, _last_key(db, table, key))]
    probes = 0
    while todo and probes < _PROBES:
        low, high = todo.pop()
        probes += 1
        try:
            for row in db.execute(sql, (*bindings, low, high)):
                yield row
                low = int(str(row[0])) + 1
        except apsw.Error:
            if low < high:
                middle = (low + high) // 2
                todo += [(middle + 1, high), (low, middle)]


def _last_key(db: apsw.Connection, table: str, key: str) -> int:
    try:
        row = db.execute(f"SELECT max({key}) FROM {table}").fetchone()
        return int(str(row[0])) if row and row[0] is not None else 0
    except apsw.Error:
        return _HIGHEST


def plain(db: apsw.Connection, columns: str, table: str) -> set[tuple[Any, ...]]:
    """Readable rows of a small table without an integer key: from the front, then from the back."""
    found: set[tuple[Any, ...]] = set()
    for order in ("ASC", "DESC"):
        try:
            for row in db.execute(f"SELECT {columns} FROM {table} ORDER BY 1 {order}"):
                found.add(row)
        except apsw.Error:
            continue
        break
    return found
