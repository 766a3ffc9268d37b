"""The arrays of one selected mailbox, shared by all sessions of this process that have it selected.

An event says where to look (:class:`~mailsvc.core.values.MailboxChanged`); those UIDs are read again and compared, and what differs goes
into the arrays and, as a :class:`Change`, into a log from which each session brings its own picture up to date. While nobody waits in
IDLE, events are only noted, and the reading is done when the next command asks: an idle mailbox costs nothing but its arrays.

No step looks at all messages, except to load them and, in C, to close the gap that an expunged message leaves. Numbers are kept in as
few octets as they need: a mailbox of 1,000 takes about 17 kB.
"""

import operator
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from itertools import compress

import attrs
from twisted.internet.defer import Deferred, DeferredLock
from twisted.logger import Logger

from mailsvc.core.errors import Kind, MailError
from mailsvc.core.values import EVERY_UID, Intervals, MailboxChanged, Rows
from mailsvc.formats.imap.sets import NumberSet
from mailsvc.store.reading import Reader
from mailsvc.store.sql_common import joined

__all__ = ["Change", "Columns", "Replica"]

_log = Logger()
_MAX_NOTED = 1000
_FEW = 16


@attrs.frozen
class Change:
    """One step of the log. ``changed``: UIDs, an interval may span some that are not there; ``gone``: exactly those that were removed."""

    changed: Intervals
    gone: "array[int]"


class Columns:
    """Parallel arrays of the messages, by UID."""

    __slots__ = ("contents", "dates", "flags", "modseqs", "sizes", "uids")

    def __init__(self) -> None:
        self.uids = self.modseqs = self.flags = self.sizes = self.dates = self.contents = array("B")

    def append(self, rows: Rows, start: int, stop: int) -> None:
        """Add rows, all with higher UIDs."""
        for name in self.__slots__:
            values = getattr(rows, name)[start:stop]
            column = _wide_enough(getattr(self, name), values)
            column.extend(array(column.typecode, values))
            setattr(self, name, column)

    def replace(self, at: int, rows: Rows, start: int, stop: int) -> None:
        """Flags and modseqs of the messages from position ``at`` on."""
        for name in ("flags", "modseqs"):
            values = getattr(rows, name)[start:stop]
            column = _wide_enough(getattr(self, name), values)
            column[at : at + stop - start] = array(column.typecode, values)
            setattr(self, name, column)

    def remove(self, positions: Sequence[int]) -> None:
        """Close the gaps of messages that are gone."""
        runs = NumberSet.ascending(positions).ranges
        for name in self.__slots__:
            setattr(self, name, _without(getattr(self, name), runs))


def _code(highest: int) -> str:
    return "B" if highest < 1 << 8 else "H" if highest < 1 << 16 else "I" if highest < 1 << 32 else "Q"


def _wide_enough(column: "array[int]", values: Sequence[int]) -> "array[int]":
    """The column itself, or a copy in which all the values have room (they are not negative)."""
    code = _code(max(values, default=0))
    if array(code).itemsize > column.itemsize or not column:
        return array(code, column)
    return column


def _without(column: "array[int]", runs: Intervals) -> "array[int]":
    if len(runs) <= _FEW:
        for first, last in reversed(runs):
            del column[first : last + 1]
        return column
    kept, start = array(column.typecode), 0
    for first, last in runs:
        kept.extend(column[start:first])
        start = last + 1
    kept.extend(column[start:])
    return kept


class Replica:
    """A mailbox in this process.

    :ivar modseq: everything up to it is in the arrays. :ivar uidnext: above every UID that was ever in them. :ivar deleted: the mailbox
    is gone. :ivar base: how many steps were taken off the log's beginning.
    """

    __slots__ = (
        "_dirty", "_heard", "_lock", "_lost", "_reader", "_told", "base", "columns", "deleted", "keywords", "log", "mailbox",
        "modseq", "uidnext",
    )  # fmt: skip

    def __init__(self, reader: Reader, mailbox: int, told: Callable[["Replica"], None]) -> None:
        """:param told: called after each step, and when the mailbox is gone."""
        self.mailbox = mailbox
        self.columns = Columns()
        self.modseq = -1
        self.uidnext = 1
        self.keywords: tuple[str, ...] = ()
        self.deleted = False
        self.log: list[Change] = []
        self.base = 0
        self._reader = reader
        self._told = told
        self._heard = -1  # up to which modseq we know that there is something, or nothing, to look at
        self._dirty: list[tuple[int, int]] = []
        self._lost = False
        self._lock = DeferredLock()

    # --- what changed ---

    def heard(self, event: MailboxChanged) -> None:
        """Note where to look. A gap between events means that one was lost."""
        if event.modseq <= self._heard:
            return
        if event.uids is None or event.since > self._heard or len(self._dirty) + len(event.uids) > _MAX_NOTED:
            self._lost = True
            self._dirty.clear()
        elif not self._lost:
            self._dirty.extend(event.uids)
        self._heard = event.modseq

    def exists_with(self, modseq: int) -> None:
        """What a look at the database says: if that is news, an event was lost."""
        if modseq > self._heard:
            self._heard, self._lost = modseq, True
            self._dirty.clear()

    def vanished(self) -> None:
        """The mailbox is not in the database any more."""
        if not self.deleted:
            self.deleted = True
            self._told(self)

    # --- reading it ---

    @property
    def stale(self) -> bool:
        """Whether something was heard of that is not in the arrays."""
        return self._heard > self.modseq and not self.deleted

    async def refresh(self) -> None:
        """Take in what was heard of. Raises NOT_NOW."""
        if self.stale:
            await self._lock.run(lambda: Deferred.fromCoroutine(self._refresh()))

    def refresh_soon(self) -> None:
        """The same for those who cannot wait; a failure is tried again with the next event, command or poll."""
        if self.stale:
            Deferred.fromCoroutine(self.refresh()).addErrback(
                lambda failure: _log.warn("mailbox {mailbox}: {error}", mailbox=self.mailbox, error=failure.value)
            )

    async def load(self) -> None:
        """Fill the arrays, if nobody has. Raises NOT_FOUND, NOT_NOW."""
        await self._lock.run(lambda: Deferred.fromCoroutine(self._load()))

    async def _load(self) -> None:
        if self.modseq >= 0:
            return
        modseq, self.keywords = self._reader.state(self.mailbox)
        rows = await self._reader.rows_in(self.mailbox, EVERY_UID)
        self.columns.append(rows, 0, len(rows.uids))
        self.uidnext = rows.uids[-1] + 1 if rows.uids else 1
        self.modseq = modseq
        self.exists_with(modseq)
        self._lost = self._heard > modseq  # events that came meanwhile: their UIDs are not worth the thought

    async def _refresh(self) -> None:
        try:
            while self.stale:
                await self._step()
        except MailError as error:
            if error.kind is not Kind.NOT_FOUND:
                raise
            self.vanished()

    async def _step(self) -> None:
        dirty, lost, heard = self._dirty, self._lost, self._heard
        self._dirty, self._lost = [], False
        try:
            modseq, self.keywords = self._reader.state(self.mailbox)
            if lost:
                heard = modseq
                uids, rows = await self._since(self.modseq)
            else:
                uids = joined(dirty)
                rows = await self._rows_in(uids)
        except BaseException:
            self._lost = True
            raise
        self.modseq = heard
        self._heard = max(heard, self._heard)
        self._take(uids, rows)

    async def _rows_in(self, uids: Intervals) -> Rows:
        """The rows there; of messages that we know only what may have changed, unless new ones are among them."""
        only_known = bool(uids) and uids[-1][1] < self.uidnext
        return await (self._reader.marks_in if only_known else self._reader.rows_in)(self.mailbox, uids)

    async def _since(self, modseq: int) -> tuple[Intervals, Rows]:
        """Where something changed since ``modseq``, and the rows that are there now."""
        rows, gone, complete = await self._reader.changes(self.mailbox, modseq)
        if not complete:
            return EVERY_UID, await self._reader.rows_in(self.mailbox, EVERY_UID)
        return NumberSet.of([*rows.uids, *gone]).ranges, rows

    def _take(self, uids: Intervals, rows: Rows) -> None:
        """Put rows into the arrays; messages in ``uids`` without a row are gone."""
        changed: list[int] = []  # positions
        gone: list[int] = []
        start = 0
        for low, high in uids:
            stop = bisect_right(rows.uids, high, start)
            self._compare(low, high, rows, start, stop, changed, gone)
            start = stop
        columns = self.columns
        covering = tuple(
            (columns.uids[first], columns.uids[last]) for first, last in NumberSet.ascending(changed).ranges
        )
        change = Change(covering, array("I", [columns.uids[position] for position in gone]))
        if gone:
            columns.remove(gone)
        new = bisect_left(rows.uids, self.uidnext)
        if new < len(rows.uids):
            columns.append(rows, new, len(rows.uids))
            self.uidnext = rows.uids[-1] + 1
        if changed or gone or new < len(rows.uids):
            self.log.append(change)
            self._told(self)

    def _compare(
        self, low: int, high: int, rows: Rows, start: int, stop: int, changed: list[int], gone: list[int]
    ) -> None:
        """One interval: what of it is gone, and what has another modseq than before."""
        columns = self.columns
        stop = bisect_left(rows.uids, self.uidnext, start, stop)
        first = bisect_left(columns.uids, low)
        there = columns.uids[first : bisect_right(columns.uids, high, first)]
        if there == rows.uids[start:stop]:
            before, after = columns.modseqs[first : first + len(there)], rows.modseqs[start:stop]
            changed.extend(compress(range(first, first + len(there)), map(operator.ne, before, after)))
            columns.replace(first, rows, start, stop)
            return
        present = set(rows.uids[start:stop])
        gone.extend(at for at, uid in enumerate(there, first) if uid not in present)
        kept = (at for at, uid in enumerate(there, first) if uid in present)
        for at, row in zip(kept, range(start, stop), strict=True):
            if columns.modseqs[at] != rows.modseqs[row]:
                changed.append(at)
                columns.replace(at, rows, row, row + 1)
