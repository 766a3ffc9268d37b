"""The scan: run a test over the messages of a view, opening each as far as it takes.

Rows are looked at many at a time; what is not decided by them is opened in three steps, each for as few messages as remain. Whatever takes
long runs off the reactor, in slices, so that no other client waits.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import TYPE_CHECKING

from mailsvc.core.interfaces.mailboxes import IMailboxes
from mailsvc.core.interfaces.store import Field
from mailsvc.formats.imap import search as keys
from mailsvc.formats.imap.search import Key
from mailsvc.formats.imap.sets import NumberSet
from mailsvc.imap.rows import Rows, rows_of
from mailsvc.imap.search.keys import Test, compile_key, tests_of
from mailsvc.imap.search.opened import CONTENT, SIZE, UID, Depth, Opened, Row
from mailsvc.imap.selection import ALL

if TYPE_CHECKING:
    from mailsvc.imap.selection import Selection

__all__ = ["Scan"]

ROWS = 10_000
"""Rows looked at in one go."""

FEW = 2000
"""Tests of rows that are made at once, without the price of a thread."""

OPEN = {Depth.ENVELOPE: 1000, Depth.HEADER: 200, Depth.BODY: 100}
"""How many messages are opened at a time."""

OCTETS = 1_048_576
"""Octets of whole messages that are opened at a time, unless one alone has more."""

Found = list[Row]


class Scan:
    """One search.

    :ivar complete: False once a message turned out to be gone.
    """

    def __init__(self, mailboxes: IMailboxes, selection: "Selection", key: Key, now: int) -> None:
        self.complete = True
        self._mailboxes = mailboxes
        self._selection = selection
        self._test = compile_key(key, selection, now)
        self._weight = tests_of(key)
        self._within = _within(key, selection)

    async def found(self) -> AsyncIterator[Found]:
        """The messages that pass, in slices, in order."""
        for rows in rows_of(self._selection.view, self._within, ROWS):
            few = len(rows) * self._weight <= FEW
            passed, open_ = _look(self._test, rows) if few else await self._mailboxes.elsewhere(_look, self._test, rows)
            if open_:
                for depth in (Depth.ENVELOPE, Depth.HEADER, Depth.BODY):
                    open_ = await self._open(passed, open_, depth)
                passed.sort()
            yield passed

    async def _open(self, passed: Found, rows: Found, depth: Depth) -> Found:
        """Decide what can be decided at this depth; the rest is returned."""
        undecided: Found = []
        for some in _slices(rows, depth):
            octets = await self._read(depth, some)
            self.complete = self.complete and None not in octets
            more, rest = await self._mailboxes.elsewhere(_look_into, self._test, some, depth, octets)
            passed += more
            undecided += rest
        return undecided

    async def _read(self, depth: Depth, rows: Found) -> list[bytes | None]:
        if depth is Depth.ENVELOPE:
            return await self._envelopes(rows)
        contents = [row[CONTENT] for row in rows]
        bodies = self._mailboxes.bodies
        return await (bodies.get_headers(contents) if depth is Depth.HEADER else bodies.get_many(contents))

    async def _envelopes(self, rows: Found) -> list[bytes | None]:
        uids = NumberSet.of(row[UID] for row in rows)
        known: dict[int, bytes] = {}
        async for piece in self._mailboxes.fetch(self._selection.view.mailbox, uids, (Field.ENVELOPE,)):
            known.update(piece)
        return [known.get(row[UID]) for row in rows]


def _within(key: Key, selection: "Selection") -> NumberSet:
    """Where to look: a set of messages that all must be in narrows the scan."""
    wanted = key.keys if isinstance(key, keys.And) else (key,)
    first = next((each for each in wanted if isinstance(each, keys.Numbers)), None)
    return selection.view.uids(first.numbers, first.uid) if first is not None else selection.view.uids(ALL, by_uid=True)


def _slices(rows: Sequence[Row], depth: Depth) -> Iterator[Found]:
    some: Found = []
    octets = 0
    for row in rows:
        octets += row[SIZE] if depth is Depth.BODY else 0
        if some and (len(some) >= OPEN[depth] or octets > OCTETS):
            yield some
            some, octets = [], row[SIZE]
        some.append(row)
    if some:
        yield some


def _look(test: Test, rows: Rows) -> tuple[Found, Found]:
    """Which rows pass, and which have to be opened."""
    passed: Found = []
    undecided: Found = []
    for row in zip(*rows.columns, strict=True):
        verdict = test(row, None)
        if verdict:
            passed.append(row)
        elif verdict is None:
            undecided.append(row)
    return passed, undecided


def _look_into(test: Test, rows: Found, depth: Depth, octets: Sequence[bytes | None]) -> tuple[Found, Found]:
    """The same for messages that were opened; those that are gone pass no test."""
    passed: Found = []
    undecided: Found = []
    for row, data in zip(rows, octets, strict=True):
        verdict = test(row, Opened(depth, data)) if data is not None else False
        if verdict:
            passed.append(row)
        elif verdict is None:
            undecided.append(row)
    return passed, undecided
