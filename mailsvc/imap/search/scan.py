"""The scan: run a test over the messages of a view, opening each as far as it takes.

Rows are looked at many at a time; what is not decided by them is opened in three steps, each for as few messages as remain. Whatever takes
long runs off the reactor, in slices, so that no other client waits.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from mailsvc.core.interfaces.mailboxes import IMailboxes
from mailsvc.core.interfaces.store import Field
from mailsvc.formats.imap import search as keys
from mailsvc.formats.imap.search import Key
from mailsvc.formats.imap.sets import NumberSet
from mailsvc.imap.rows import Rows, rows_of
from mailsvc.imap.search.keys import Test, Verdicts, compile_key, tests_of
from mailsvc.imap.search.opened import Depth, Opened
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

Found = tuple[Rows, Verdicts]
"""Some messages, and which of them pass."""


class Scan:
    """One search.

    :ivar complete: False once a message turned out to be gone.
    """

    def __init__(
        self, mailboxes: IMailboxes, selection: "Selection", key: Key, now: int, between: Callable[[], Awaitable[None]]
    ) -> None:
        """:param between: awaited before messages are opened; raises Gone when nobody waits for the answer any more."""
        self.complete = True
        self._between = between
        self._mailboxes = mailboxes
        self._selection = selection
        self._test = compile_key(key, selection, now)
        self._weight = tests_of(key)
        self._within = _within(key, selection)

    async def found(self) -> AsyncIterator[Found]:
        """All messages that were looked at and what was found of each, in slices, in order."""
        for rows in rows_of(self._selection.view, self._within, ROWS):
            few = len(rows) * self._weight <= FEW
            verdicts = self._test(rows, None) if few else await self._mailboxes.elsewhere(self._test, rows, None)
            for depth in (Depth.ENVELOPE, Depth.HEADER, Depth.BODY):
                await self._open(rows, verdicts, depth)
            yield rows, verdicts

    async def _open(self, rows: Rows, verdicts: Verdicts, depth: Depth) -> None:
        """Decide what can be decided at this depth."""
        if None not in verdicts:
            return
        undecided = [at for at, verdict in enumerate(verdicts) if verdict is None]
        for some in _slices(undecided, rows.sizes, depth):
            await self._between()
            octets = await self._read(depth, rows.at(some))
            self.complete = self.complete and None not in octets
            found = await self._mailboxes.elsewhere(_look_into, self._test, rows.at(some), depth, octets)
            for at, verdict in zip(some, found, strict=True):
                verdicts[at] = verdict

    async def _read(self, depth: Depth, rows: Rows) -> list[bytes | None]:
        if depth is Depth.ENVELOPE:
            return await self._envelopes(rows)
        bodies = self._mailboxes.bodies
        return await (bodies.get_headers if depth is Depth.HEADER else bodies.get_many)(list(rows.contents))

    async def _envelopes(self, rows: Rows) -> list[bytes | None]:
        known: dict[int, bytes] = {}
        async for piece in self._mailboxes.fetch(
            self._selection.view.mailbox, NumberSet.ascending(rows.uids), (Field.ENVELOPE,)
        ):
            known.update(piece)
        return [known.get(uid) for uid in rows.uids]


def _within(key: Key, selection: "Selection") -> NumberSet:
    """Where to look: a set of messages that all must be in narrows the scan."""
    wanted = key.keys if isinstance(key, keys.And) else (key,)
    first = next((each for each in wanted if isinstance(each, keys.Numbers)), None)
    return selection.view.uids(first.numbers, first.uid) if first is not None else selection.view.uids(ALL, by_uid=True)


def _slices(positions: Sequence[int], sizes: Sequence[int], depth: Depth) -> Iterator[list[int]]:
    some: list[int] = []
    octets = 0
    for at in positions:
        octets += sizes[at] if depth is Depth.BODY else 0
        if some and (len(some) >= OPEN[depth] or octets > OCTETS):
            yield some
            some, octets = [], sizes[at]
        some.append(at)
    if some:
        yield some


def _look_into(test: Test, rows: Rows, depth: Depth, octets: Sequence[bytes | None]) -> Verdicts:
    """What the test says of messages that were opened; those that are gone pass none."""
    here = [(at, Opened(depth, data)) for at, data in enumerate(octets) if data is not None]
    verdicts: Verdicts = [False] * len(octets)
    found = test(rows.at([at for at, _ in here]), [opened for _, opened in here])
    for (at, _), verdict in zip(here, found, strict=True):
        verdicts[at] = verdict
    return verdicts
