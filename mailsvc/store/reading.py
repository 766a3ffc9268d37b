"""Reading: each process reads the database itself, read-only, in the reactor when it is short and in slices when it is not.

A commit is answered after it is in the log, so a reader that asks after the answer sees it. ``rows`` of a large mailbox is read in
slices of 4,096 inside one read transaction on a connection of its own, with a pause for others after each; SQLite packs the numbers
itself (``format('%016x')``), which is three times faster than a Python object for each. The arrays of recently opened mailboxes are
kept: a client that asks again every minute costs one look at the mailbox's modseq.
"""

# ruff: noqa: S608 - SQL is put together from constants of this module only

import json
import sys
from array import array
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import apsw

from mailsvc.core.errors import Kind, MailError, temporary
from mailsvc.core.interfaces.store import Field
from mailsvc.core.values import Intervals, Mailbox, Rows
from mailsvc.db import connection as db
from mailsvc.db import schema
from mailsvc.formats.imap.names import canonical
from mailsvc.store.sql_common import LISTED, WANTED

__all__ = ["DESCRIBED", "Reader", "no_pause"]

SLICE = 4096
FETCHED = 500
LAST_UID = 0xFFFFFFFF

_MAILBOX = "id, account, name, uidvalidity, uidnext, modseq, messages, unseen, octets, recent, keywords, special_use"
_ALL = ("uid", "modseq", "flags", "size", "date", "content")
_MARKS = _ALL[:3]


def _packing(columns: Sequence[str]) -> str:
    return f"SELECT count(*), max(uid), group_concat(format('{'%016x' * len(columns)}', {', '.join(columns)}), '')"


_ROWS = f"{_packing(_ALL)} FROM (SELECT * FROM msg WHERE mailbox=? AND uid BETWEEN ? AND ? AND modseq>? ORDER BY uid LIMIT ?)"
_ROWS_IN = f"{_packing(_ALL)} FROM (SELECT msg.* FROM {WANTED} LIMIT {SLICE})"
_MARKS_IN = f"{_packing(_MARKS)} FROM (SELECT msg.uid, msg.modseq, msg.flags FROM {WANTED} LIMIT {SLICE})"
_INLINE_PARTS = (
    "SELECT c.id, substr(c.prefix, offset + 1, length),"
    " substr(b.data, max(offset - length(c.prefix), 0) + 1, max(length - max(length(c.prefix) - offset, 0), 0))"
    " FROM (SELECT value->>0 content, value->>1 offset, value->>2 length FROM json_each(?)) w"
    " CROSS JOIN content c ON c.id=w.content CROSS JOIN body b ON b.content=c.id"
)
_HEADERS = (
    "SELECT c.id, c.header, c.header IS NOT NULL AND b.content IS NOT NULL, c.prefix,"
    " substr(b.data, 1, c.header - length(c.prefix)) FROM json_each(?) w"
    " CROSS JOIN content c ON c.id=w.value LEFT JOIN body b ON b.content=c.id"
)
_COLUMNS = {
    Field.MODSEQ: "msg.modseq",
    Field.FLAGS: "msg.flags",
    Field.SIZE: "msg.size",
    Field.DATE: "msg.date",
    Field.CONTENT: "msg.content",
    Field.HEADER_SIZE: "c.header",
    Field.ENVELOPE: "c.envelope",
    Field.BODYSTRUCTURE: "c.bodystructure",
}
DESCRIBED = frozenset({Field.HEADER_SIZE, Field.ENVELOPE, Field.BODYSTRUCTURE})

T = TypeVar("T")


async def no_pause() -> None:
    """For those who have nobody to let through."""


class Reader:
    """The reading half of a store.

    :ivar pause: awaited between the slices of a long read.
    """

    def __init__(self, path: str, cache_rows: int = 1_000_000, pause: Callable[[], Awaitable[None]] = no_pause) -> None:
        """:param path: the database. :param pause: lets others have their turn."""
        self._path = path
        self.pause = pause
        self._connection: apsw.Connection | None = None
        self._cache = _Cache(cache_rows)

    def connection(self) -> apsw.Connection:
        """The read-only connection of this process, opened at first use. Raises NOT_NOW."""
        if self._connection is None:
            self._connection = self._open()
        return self._connection

    def _open(self) -> apsw.Connection:
        try:
            connection = db.open_reader(self._path)
            schema.check(connection)
        except (apsw.Error, db.DatabaseRefused) as error:
            raise temporary("store-unreadable", str(error)) from error
        return connection

    def close(self) -> None:
        """Close the connection; it opens again when needed."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def mailbox(self, account: int, name: str) -> Mailbox | None:
        """The mailbox of this name."""
        rows = self.all(f"SELECT {_MAILBOX} FROM mailbox WHERE account=? AND name=?", account, canonical(name))
        return _mailbox(rows[0]) if rows else None

    def mailboxes(self, account: int) -> list[Mailbox]:
        """All mailboxes of an account, by name."""
        return [
            _mailbox(row) for row in self.all(f"SELECT {_MAILBOX} FROM mailbox WHERE account=? ORDER BY name", account)
        ]

    def subscriptions(self, account: int) -> list[str]:
        """The names that an account is subscribed to, sorted."""
        return [name for (name,) in self.all("SELECT name FROM subscription WHERE account=? ORDER BY name", account)]

    async def rows(self, mailbox: int, first: int = 1, last: int = LAST_UID) -> Rows:
        """The index rows with ``first <= uid <= last``. Raises NOT_FOUND, NOT_NOW."""
        modseq, _ = self._state(mailbox)
        whole = self._cache.get(mailbox, modseq)
        if whole is not None:
            return _between(whole, first, last)
        if first > 1 or last < LAST_UID:
            return await self._load(mailbox, first, last)
        loaded = await self._load(mailbox, first, last)
        self._cache.put(mailbox, modseq, loaded)
        return loaded

    async def rows_in(self, mailbox: int, uids: Intervals) -> Rows:
        """The index rows in these intervals, never kept. Raises NOT_FOUND, NOT_NOW."""
        return _rows(await self._numbers(_ROWS_IN, mailbox, uids))

    async def marks_in(self, mailbox: int, uids: Intervals) -> Rows:
        """The same without what never changes of a message: sizes, dates and contents are empty."""
        numbers = await self._numbers(_MARKS_IN, mailbox, uids)
        return Rows(numbers[::3], numbers[1::3], numbers[2::3], (), (), ())

    async def _numbers(self, sql: str, mailbox: int, uids: Intervals) -> "array[int]":
        def read(part: Intervals) -> tuple["array[int]", int, int]:
            count, last, packed = self.all(sql, mailbox, json.dumps(part))[0]
            return _unpack(packed or ""), count, last

        self._state(mailbox)
        numbers = array("Q")
        async for some in self._sliced(uids, SLICE, read):
            numbers.extend(some)
        return numbers

    async def fetch(
        self, mailbox: int, uids: Intervals, fields: Sequence[Field]
    ) -> AsyncIterator[list[tuple[Any, ...]]]:
        """Slices of ``(uid, *fields)``; what was never described is None. Raises NOT_NOW."""
        columns = ", ".join(["msg.uid", *(_COLUMNS[field] for field in fields)])
        more = " CROSS JOIN content c ON c.id=msg.content" if any(field in DESCRIBED for field in fields) else ""
        sql = f"SELECT {columns} FROM {WANTED}{more} LIMIT {FETCHED}"

        def read(part: Intervals) -> tuple[list[tuple[Any, ...]], int, int]:
            rows = self.all(sql, mailbox, json.dumps(part))
            return rows, len(rows), rows[-1][0] if rows else 0

        async for rows in self._sliced(uids, FETCHED, read):
            if rows:
                yield rows

    async def _sliced(
        self, uids: Intervals, limit: int, read: Callable[[Intervals], tuple[T, int, int]]
    ) -> AsyncIterator[T]:
        """What ``read`` gives for a part of the intervals at a time; it tells how many rows that was and the last UID."""
        at = low = 0
        while at < len(uids):
            first, *others = uids[at : at + limit]
            part, count, last = read(((max(first[0], low), first[1]), *others))
            yield part
            if count < limit:
                at += limit
                low = 0
            else:  # there may be more in these intervals
                low = last + 1
                while at < len(uids) and uids[at][1] < low:
                    at += 1
            if at < len(uids):
                await self.pause()

    def state(self, mailbox: int) -> tuple[int, tuple[str, ...]]:
        """The modseq and the keywords of a mailbox. Raises NOT_FOUND, NOT_NOW."""
        rows = self.all("SELECT modseq, keywords FROM mailbox WHERE id=?", mailbox)
        if not rows:
            raise MailError(Kind.NOT_FOUND, "no-such-mailbox", detail=str(mailbox))
        return rows[0][0], tuple(rows[0][1].split())

    def modseqs(self, mailboxes: Sequence[int]) -> dict[int, int]:
        """The modseqs of those of the mailboxes that are there. Raises NOT_NOW."""
        return dict(self.all(f"SELECT id, modseq FROM mailbox WHERE id {LISTED}", json.dumps(mailboxes)))

    async def changes(self, mailbox: int, modseq: int) -> tuple[Rows, list[int], bool]:
        """Rows changed and UIDs expunged after ``modseq``, and whether the latter are complete. Raises NOT_FOUND, NOT_NOW."""
        current, floor = self._state(mailbox)
        if current <= modseq:
            return _rows(array("Q")), [], True
        gone = self.all("SELECT uid FROM expunged WHERE mailbox=? AND modseq>? ORDER BY uid", mailbox, modseq)
        return await self._load(mailbox, 1, LAST_UID, modseq), [uid for (uid,) in gone], modseq >= floor

    def content(self, content: int) -> tuple[bytes, int, str | None]:
        """Prefix, size of the body and location of a content. Raises EXPUNGED."""
        rows = self.all("SELECT prefix, size, location FROM content WHERE id=?", content)
        if not rows:
            raise MailError(Kind.EXPUNGED, "content-expunged", detail=str(content))
        prefix, size, location = rows[0]
        return prefix, size, location

    def message(self, content: int) -> tuple[bytes, int, str | None, bytes | None]:
        """What :meth:`content` tells, and the whole body if it lives in the database: one look instead of two. Raises EXPUNGED."""
        rows = self.all(
            "SELECT prefix, size, location, data FROM content LEFT JOIN body ON body.content=id WHERE id=?", content
        )
        if not rows:
            raise MailError(Kind.EXPUNGED, "content-expunged", detail=str(content))
        prefix, size, location, data = rows[0]
        return prefix, size, location, data

    def inline(self, content: int, start: int, length: int) -> bytes:
        """A part of a body that lives in the database. Raises EXPUNGED."""
        rows = self.all("SELECT substr(data, ?, ?) FROM body WHERE content=?", start + 1, length, content)
        if not rows:
            raise MailError(Kind.EXPUNGED, "content-expunged", detail=str(content))
        return bytes(rows[0][0] or b"")  # substr of nothing is NULL

    def inline_parts(self, parts: Sequence[tuple[int, int, int]]) -> dict[int, bytes]:
        """Of each content that lives in the database the part ``(content, offset, length)``, prefix and body as one. Raises NOT_NOW."""
        rows = self.all(_INLINE_PARTS, json.dumps(parts))
        return {content: (head or b"") + (data or b"") for content, head, data in rows}

    def inline_headers(self, contents: Sequence[int]) -> tuple[dict[int, bytes], dict[int, int | None]]:
        """Headers of those contents that live in the database; of the others the size, None where nobody knows it yet. Raises NOT_NOW."""
        rows = self.all(_HEADERS, json.dumps(contents))
        here = {content: (prefix or b"") + (data or b"") for content, size, inline, prefix, data in rows if inline}
        return here, {content: size for content, size, inline, *_ in rows if not inline}

    def all(self, sql: str, *bindings: Any) -> list[tuple[Any, ...]]:
        """The rows of a question. Raises NOT_NOW."""
        try:
            return self.connection().execute(sql, bindings).fetchall()
        except apsw.Error as error:
            raise temporary("store-unreadable", repr(error)) from error

    def _state(self, mailbox: int) -> tuple[int, int]:
        rows = self.all("SELECT modseq, expunge_floor FROM mailbox WHERE id=?", mailbox)
        if not rows:
            raise MailError(Kind.NOT_FOUND, "no-such-mailbox", detail=str(mailbox))
        return rows[0][0], rows[0][1]

    async def _load(self, mailbox: int, first: int, last: int, modseq: int = -1) -> Rows:
        with _temporary():
            count, _, packed = _slice(self.connection(), mailbox, first, last, modseq)
        numbers = _unpack(packed)
        if count < SLICE:
            return _rows(numbers)
        return await self._load_slices(mailbox, first, last, modseq)

    async def _load_slices(self, mailbox: int, first: int, last: int, modseq: int) -> Rows:
        """All slices as of one moment: a second connection holds a read transaction meanwhile."""
        numbers = array("Q")
        with _temporary():
            connection = self._open()
            try:
                connection.execute("BEGIN")
                while True:
                    count, uid, packed = _slice(connection, mailbox, first, last, modseq)
                    numbers.extend(_unpack(packed))
                    if count < SLICE:
                        return _rows(numbers)
                    first = uid + 1
                    await self.pause()
            finally:
                connection.close()


@contextmanager
def _temporary() -> Iterator[None]:
    """Whatever the database raises is a failure that may pass."""
    try:
        yield
    except apsw.Error as error:
        raise temporary("store-unreadable", repr(error)) from error


def _slice(connection: apsw.Connection, mailbox: int, first: int, last: int, modseq: int) -> tuple[int, int, str]:
    row = connection.execute(_ROWS, (mailbox, first, last, modseq, SLICE)).fetchone()
    assert row is not None
    return row[0], row[1], row[2] or ""


def _unpack(packed: str) -> "array[int]":
    numbers = array("Q", bytes.fromhex(packed))
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers


def _rows(numbers: "array[int]") -> Rows:
    return Rows(*(numbers[column::6] for column in range(6)))


def _between(rows: Rows, first: int, last: int) -> Rows:
    if first <= 1 and last >= LAST_UID:
        return rows
    start, end = bisect_left(rows.uids, first), bisect_right(rows.uids, last)
    return Rows(rows.uids[start:end], rows.modseqs[start:end], rows.flags[start:end],
                rows.sizes[start:end], rows.dates[start:end], rows.contents[start:end])  # fmt: skip


def _mailbox(row: tuple[Any, ...]) -> Mailbox:
    keywords, special_use = row[-2:]
    return Mailbox(*row[:-2], tuple(keywords.split()), tuple(special_use.split()))  # type: ignore[call-arg]  # mypy cannot count the columns


class _Cache:
    """Rows of whole mailboxes, the least recently used dropped first."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = 0
        self._entries: OrderedDict[int, tuple[int, Rows]] = OrderedDict()

    def get(self, mailbox: int, modseq: int) -> Rows | None:
        """The rows if they are still as of ``modseq``."""
        entry = self._entries.get(mailbox)
        if entry is None or entry[0] != modseq:
            return None
        self._entries.move_to_end(mailbox)
        return entry[1]

    def put(self, mailbox: int, modseq: int, rows: Rows) -> None:
        """Keep rows; those that are larger than the whole cache are not kept."""
        self._drop(mailbox)
        self._entries[mailbox] = (modseq, rows)
        self._held += len(rows.uids)
        while self._held > self._limit:
            self._drop(next(iter(self._entries)))

    def _drop(self, mailbox: int) -> None:
        entry = self._entries.pop(mailbox, None)
        if entry is not None:
            self._held -= len(entry[1].uids)
