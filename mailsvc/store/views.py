"""Selected mailboxes: one picture for each session (:class:`View`), one set of arrays for each mailbox (:mod:`mailsvc.store.replica`).

A picture needs next to nothing of its own: the UID up to which messages were announced and a place in the log. Only what others did
and the session was not told is kept for it: the UIDs of messages that it still counts though they are gone, which are looked up beside the
arrays, and where flags changed.

Nothing here lasts: a view is as good as the database, and a slow :meth:`Views.poll` makes up for events that were lost.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator

from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from mailsvc.bus import Bus
from mailsvc.core.interfaces.view import IMailboxView, Run, Updates
from mailsvc.core.values import Intervals, MailboxChanged
from mailsvc.formats.imap.sets import NumberSet
from mailsvc.store.reading import Reader
from mailsvc.store.replica import Change, Replica
from mailsvc.store.sql_common import joined

__all__ = ["View", "Views"]

_MAX_LOG = 64
"""Steps that are kept before every view takes them in."""

_NOTHING = array("I")


class Views:
    """All views of this process."""

    def __init__(self, reader: Reader, bus: Bus) -> None:
        self._reader = reader
        self._open: dict[int, tuple[Replica, list[View]]] = {}
        bus.subscribe(MailboxChanged, self._heard)

    def __len__(self) -> int:
        """How many mailboxes are selected."""
        return len(self._open)

    async def open(self, mailbox: int) -> "View":
        """Select a mailbox. Raises NOT_FOUND, NOT_NOW."""
        if mailbox not in self._open:
            self._open[mailbox] = (Replica(self._reader, mailbox, self._told), [])
        replica, views = self._open[mailbox]
        view = View(self, replica)
        views.append(view)  # at once: the replica must live as long as somebody waits for it
        try:
            await replica.load()
            # A new session sees what is there, whatever others heard.
            replica.exists_with(self._reader.state(mailbox)[0])
            await replica.refresh()
        except BaseException:
            self.closed(view)
            raise
        view.begin()
        return view

    def closed(self, view: "View") -> None:
        """A view is not needed any more; with the last one the arrays go."""
        _, views = self._open[view.mailbox]
        views.remove(view)
        if not views:
            del self._open[view.mailbox]

    def poll(self) -> None:
        """Compare all selected mailboxes with the database: called now and then, and when the owner is there again. Raises NOT_NOW."""
        if not self._open:
            return
        modseqs = self._reader.modseqs(list(self._open))
        for mailbox, (replica, views) in list(self._open.items()):
            if mailbox in modseqs:
                replica.exists_with(modseqs[mailbox])
            else:
                replica.vanished()
            _hurry(replica, views)

    def _heard(self, event: MailboxChanged) -> None:
        replica, views = self._open.get(event.mailbox, (None, []))
        if replica is not None:
            replica.heard(event)
            _hurry(replica, views)

    def _told(self, replica: Replica) -> None:
        """The arrays took a step."""
        _, views = self._open.get(replica.mailbox, (None, []))
        if len(replica.log) > _MAX_LOG:
            for view in views:
                view.follow()
            replica.base += len(replica.log)
            replica.log.clear()
        for view in tuple(views):
            view.wake()


def _hurry(replica: Replica, views: list["View"]) -> None:
    """Only those in IDLE must hear of changes at once."""
    if any(view.waits for view in views):
        replica.refresh_soon()


@implementer(IMailboxView)
class View:
    """One session's picture."""

    __slots__ = ("_at", "_changed", "_gone", "_keywords", "_last", "_numbers", "_replica", "_views", "_waiting")

    def __init__(self, views: Views, replica: Replica) -> None:
        self._views: Views | None = views
        self._replica = replica
        self._last = 0  # the highest UID that was announced
        self._at = replica.base + len(replica.log)  # place in the log, counted from the beginning of time
        # UIDs that the session still counts, and their sequence numbers, once computed
        self._gone = self._numbers = _NOTHING
        self._changed: Intervals = ()
        self._keywords = 0
        self._waiting: Deferred[None] | None = None

    def begin(self) -> None:
        """The picture is what is there now."""
        replica = self._replica
        self._last = replica.uidnext - 1
        self._at = replica.base + len(replica.log)
        self._keywords = len(replica.keywords)

    # --- what it shows ---

    @property
    def mailbox(self) -> int:
        """The mailbox's id."""
        return self._replica.mailbox

    @property
    def modseq(self) -> int:
        """All changes up to this one are in the arrays."""
        return self._replica.modseq

    @property
    def keywords(self) -> tuple[str, ...]:
        """Names of the keyword bits."""
        return self._replica.keywords

    @property
    def deleted(self) -> bool:
        """The mailbox itself is gone."""
        return self._replica.deleted

    @property
    def uidnext(self) -> int:
        """Above every UID that the session knows of."""
        return self._last + 1

    @property
    def exists(self) -> int:
        """How many messages the session knows of."""
        self.follow()
        return self._live + len(self._gone)

    @property
    def _live(self) -> int:
        """How many of the arrays' messages are in the picture."""
        return bisect_right(self._replica.columns.uids, self._last)

    def seq(self, uid: int) -> int | None:
        """The sequence number of a UID."""
        self.follow()
        uids, gone = self._replica.columns.uids, self._gone
        at, before = bisect_left(uids, uid), bisect_left(gone, uid)
        here = at < len(uids) and uids[at] == uid and uid <= self._last
        return at + before + 1 if here or (before < len(gone) and gone[before] == uid) else None

    def uid(self, seq: int) -> int:
        """The UID of a sequence number. Raises IndexError."""
        if not 1 <= seq <= self.exists:
            raise IndexError(seq)
        if not self._gone:
            return self._replica.columns.uids[seq - 1]
        if not self._numbers:
            uids = self._replica.columns.uids
            self._numbers = array("I", [bisect_left(uids, uid) + at for at, uid in enumerate(self._gone, 1)])
        before = bisect_left(self._numbers, seq)  # so many of those come first
        if before < len(self._numbers) and self._numbers[before] == seq:
            return self._gone[before]
        return self._replica.columns.uids[seq - 1 - before]

    def beyond(self, numbers: NumberSet) -> bool:
        """Whether a set holds a sequence number that no message has."""
        exists = self.exists
        return not exists or numbers.resolve(exists).ranges[-1][1] > exists

    def uids(self, numbers: NumberSet, by_uid: bool) -> NumberSet:
        """The UIDs of messages in the picture that a set means."""
        exists = self.exists
        if not exists:
            return NumberSet()
        if by_uid:
            return self._by_uid(numbers.resolve(self.uid(exists)))
        numbers = numbers.resolve(exists)
        return NumberSet(
            tuple((self.uid(low), self.uid(min(high, exists))) for low, high in numbers.ranges if low <= exists)
        )

    def _by_uid(self, numbers: NumberSet) -> NumberSet:
        uids, live = self._replica.columns.uids, self._live
        slices = [(start, min(stop, live)) for start, stop in numbers.within(uids) if start < live]
        if not self._gone:
            return NumberSet(tuple((uids[start], uids[stop - 1]) for start, stop in _adjoined(slices)))
        gone = self._gone
        pieces = [(uids[start], uids[stop - 1]) for start, stop in slices]
        return NumberSet(joined(pieces + [(gone[a], gone[b - 1]) for a, b in numbers.within(gone)]))

    def gone(self, uids: NumberSet) -> NumberSet:
        """Those of a set of UIDs that were expunged but not yet told."""
        self.follow()
        return NumberSet.of(uid for start, stop in uids.within(self._gone) for uid in self._gone[start:stop])

    def runs(self, uids: NumberSet, size: int = 1000) -> Iterator[Run]:
        """The messages that are still there, in runs."""
        for low, high in uids.ranges:
            while low <= high:
                self.follow()
                run = self._run(low, min(high, self._last), size)
                if run is None:
                    break
                yield run
                low = run.uids[-1] + 1

    def _run(self, low: int, high: int, size: int) -> Run | None:
        """The first run between two UIDs; a message that is gone ends it, for it has a number."""
        columns, gone = self._replica.columns, self._gone
        start = bisect_left(columns.uids, low)
        stop = min(bisect_right(columns.uids, high, start), start + size)
        if start >= stop:
            return None
        before = bisect_left(gone, columns.uids[start])
        if before < len(gone):
            stop = min(stop, bisect_left(columns.uids, gone[before], start))
        part = slice(start, stop)
        return Run(
            start + before + 1, columns.uids[part], columns.modseqs[part], columns.flags[part], columns.sizes[part],
            columns.dates[part], columns.contents[part],
        )  # fmt: skip

    # --- how it changes ---

    async def refresh(self) -> None:
        """Take in what this process has heard of. Raises NOT_NOW."""
        await self._replica.refresh()

    def follow(self) -> None:
        """Note what the log says since the last time. Until then, what is looked up by position would be wrong."""
        replica = self._replica
        end = replica.base + len(replica.log)
        if self._at < end:
            for change in replica.log[self._at - replica.base :]:
                self._note(change)
            self._at = end

    def _note(self, change: Change) -> None:
        known = bisect_right(change.gone, self._last)
        if known:
            self._gone = array("I", sorted(self._gone + change.gone[:known]))
            self._numbers = _NOTHING
        if change.changed and change.changed[0][0] <= self._last:
            clipped = [(low, min(high, self._last)) for low, high in change.changed if low <= self._last]
            self._changed = joined([*self._changed, *clipped])

    @property
    def pending(self) -> bool:
        """Whether there is something to tell."""
        self.follow()
        replica = self._replica
        return bool(
            self._gone or self._changed or self._live < len(replica.columns.uids)
            or self._keywords < len(replica.keywords)
        )  # fmt: skip

    def advance(self, expunge: bool) -> Updates:
        """Bring the picture up to date."""
        self.follow()
        replica = self._replica
        changed, self._changed = NumberSet(self._changed), ()
        keywords = replica.keywords if self._keywords < len(replica.keywords) else None
        self._keywords = len(replica.keywords)
        expunged, vanished = self._let_go() if expunge and self._gone else ([], NumberSet())
        came = self._live < len(replica.columns.uids)
        self._last = replica.uidnext - 1
        exists = len(replica.columns.uids) + len(self._gone) if came else None
        return Updates(keywords, expunged, vanished, exists, changed)

    def _let_go(self) -> tuple[list[int], NumberSet]:
        """Stop counting what is gone. Each number is one that counts without those before it: how many others have lower UIDs."""
        gone, self._gone, self._numbers = self._gone, _NOTHING, _NOTHING
        uids = self._replica.columns.uids
        return [bisect_left(uids, uid) + 1 for uid in gone], NumberSet.ascending(gone)

    @property
    def waits(self) -> bool:
        """Whether somebody waits in :meth:`changed`."""
        return self._waiting is not None

    def changed(self) -> "Deferred[None]":
        """Fires when there is something to tell."""
        if self.pending or self.deleted:
            return succeed(None)
        self._waiting = Deferred(self._cancelled)
        waiting = self._waiting
        self._replica.refresh_soon()
        return waiting

    def _cancelled(self, _: "Deferred[None]") -> None:
        self._waiting = None

    def wake(self) -> None:
        """Tell whoever waits, if there is something to tell."""
        if self._waiting is not None and (self.deleted or self.pending):
            waiting, self._waiting = self._waiting, None
            waiting.callback(None)

    def close(self) -> None:
        """Unselect."""
        views, self._views = self._views, None
        if views is not None:
            views.closed(self)


def _adjoined(slices: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Slices of positions, with those put together that follow each other."""
    result: list[tuple[int, int]] = []
    for start, stop in slices:
        if result and result[-1][1] == start:
            result[-1] = (result[-1][0], stop)
        else:
            result.append((start, stop))
    return result
