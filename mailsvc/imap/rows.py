"""Rows of a view, many at a time: what FETCH and SEARCH work on.

A set with gaps, such as every second message, gives a view's run for each of its elements; here they are put together.
"""

from collections.abc import Iterator, Sequence
from itertools import chain

import attrs

from mailsvc.core.interfaces.view import IMailboxView, Run
from mailsvc.formats.imap.sets import NumberSet

__all__ = ["Rows", "rows_of"]


@attrs.frozen
class Rows:
    """Parallel columns of some messages, ascending. ``numbers``: sequence numbers; the others as in :class:`Run`."""

    numbers: Sequence[int]
    uids: Sequence[int]
    modseqs: Sequence[int]
    flags: Sequence[int]
    sizes: Sequence[int]
    dates: Sequence[int]
    contents: Sequence[int]

    def __len__(self) -> int:
        return len(self.uids)

    @property
    def columns(self) -> tuple[Sequence[int], ...]:
        """All of them, in order."""
        return (self.numbers, self.uids, self.modseqs, self.flags, self.sizes, self.dates, self.contents)

    def part(self, start: int, end: int) -> "Rows":
        """Some of these."""
        if start == 0 and end == len(self):
            return self
        return Rows(*(column[start:end] for column in self.columns))

    def at(self, positions: Sequence[int]) -> "Rows":
        """Those at some positions, ascending."""
        if len(positions) == len(self):
            return self
        return Rows(*([column[at] for at in positions] for column in self.columns))


def rows_of(view: IMailboxView, uids: NumberSet, size: int) -> Iterator[Rows]:
    """The messages of a set that are still there, about ``size`` at a time, as they are when they are taken."""
    gathered: list[Rows] = []
    count = 0
    for run in view.runs(uids, size):
        gathered.append(_rows(run))
        count += len(run.uids)
        if count >= size:
            yield _joined(gathered)
            gathered, count = [], 0
    if gathered:
        yield _joined(gathered)


def _rows(run: Run) -> Rows:
    numbers = range(run.first, run.first + len(run.uids))
    return Rows(numbers, run.uids, run.modseqs, run.flags, run.sizes, run.dates, run.contents)


def _joined(rows: list[Rows]) -> Rows:
    if len(rows) == 1:
        return rows[0]
    return Rows(*(list(chain.from_iterable(columns)) for columns in zip(*(each.columns for each in rows), strict=True)))
