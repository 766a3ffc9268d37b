"""Who is next: every recipient that waits, in the memory of the one process that sends (decision 0018).

::

    put ------> group (one message on one lane) --due--> ready heap of its destination --room--> take -> Batch
                  ^ time heap: next_due                    by tag                                          |
                  '------------------------------ put what still waits ------------------------- done <----'

A *lane* is what limits are kept for: a destination, or the smarthost that a route sends it to; recipients of one message on one lane travel
in one transaction. The *tag* makes the turns fair (self-clocked fair queueing, Golestani 1994): each sender's next group is marked with
the time on a virtual clock at which it would be finished if all senders were served side by side; the lowest mark goes first. So 50,000
messages of one sender wait behind one message of another that comes later, whether their destinations differ or not; reports and small
messages cost little of that time and go first; and since the clock only goes forward, nobody waits for ever.

Pure: no clock, no store. All times are whole seconds.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from heapq import heappop, heappush
from typing import Any

import attrs

from mailsvc.core.queued import Ticket
from mailsvc.queue.destinations import Destination, Limits, Verdict

__all__ = ["Batch", "Schedule"]

_SMALL = 65_536
"""Octets that cost as much of the virtual time as a message."""

_REPORT = 0.125
"""What a report costs."""

_MANY = 10_000
"""Senders, or destinations, that are remembered before those are forgotten of whom nothing need be known."""

Key = tuple[str, str]


@attrs.define(eq=False)
class _Group:
    """The recipients of one message on one lane that wait.

    :ivar tickets: by recipient. :ivar due: when the next of them is due, or earlier; -1: it is in no heap.
    :ivar ready: whether it waits for its turn, not for the time.
    """

    queue_id: str
    lane: str
    tickets: dict[int, Ticket] = attrs.Factory(dict)
    due: int = -1
    ready: bool = False

    @property
    def first(self) -> Ticket:
        """Any of them: they are of one message."""
        return next(iter(self.tickets.values()))

    @property
    def cost(self) -> float:
        """Virtual time that it takes."""
        return _REPORT if self.first.report else 1 + self.first.size / _SMALL


@attrs.frozen(eq=False)
class Batch:
    """Recipients to whom one message is to be sent now, on one lane.

    :ivar reason: not None: nobody answers there, for this reason: put them off without trying.
    """

    queue_id: str
    lane: str
    tickets: tuple[Ticket, ...]
    reason: Any = None


class Schedule:
    """Everything that waits."""

    def __init__(self, limits: Limits, lane: Callable[[str], str] = str) -> None:
        """:param lane: the lane of a destination."""
        self._limits = limits
        self._lane = lane
        self._groups: dict[Key, _Group] = {}
        self._lanes_of: dict[str, tuple[str, ...]] = {}  # by queue id
        self._taken: set[int] = set()  # recipients, while a batch is under way
        self._busy: Counter[str] = Counter()  # their messages
        self._stale: set[str] = set()  # those of which something was changed by hand meanwhile
        self._timed: list[tuple[int, int, _Group]] = []
        self._destinations: dict[str, Destination] = {}
        self._open: list[
            tuple[float, int, Destination]
        ] = []  # those with something ready and room, by the tag of what is next
        self._flows: dict[str, float] = {}
        self._virtual = 0.0
        self._active = 0
        self._waiting = 0
        self._count = 0  # breaks ties in the heaps: first come, first served

    def __len__(self) -> int:
        """Recipients that wait, those being tried included."""
        return self._waiting + len(self._taken)

    @property
    def active(self) -> int:
        """Batches under way that are really tried."""
        return self._active

    # --- what waits ---

    def put(self, tickets: Iterable[Ticket]) -> None:
        """Recipients that wait; those being tried now are left to the batch that they are in."""
        for ticket in tickets:
            if ticket.recipient not in self._taken:
                self._insert(ticket)

    def replace(self, queue_ids: Iterable[str], tickets: Iterable[Ticket]) -> None:
        """These messages have just these recipients that wait: others were settled, held or rerouted by hand.

        One that is due earlier than it was is wanted now: its destination counts as alive again.
        """
        before: dict[int, int] = {}
        for queue_id in queue_ids:
            before |= self._drop(queue_id)
            if queue_id in self._busy:
                self._stale.add(queue_id)
        for ticket in tickets:
            if ticket.due < before.get(ticket.recipient, 0):
                self._revive(self._lane(ticket.destination))
            self.put([ticket])

    def clear(self) -> None:
        """Forget what waits, to read it anew; what was learnt of destinations stays."""
        self.replace(list(self._lanes_of), ())
        self._stale.update(self._busy)

    def _insert(self, ticket: Ticket) -> None:
        lane = self._lane(ticket.destination)
        key = ticket.queue_id, lane
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = _Group(ticket.queue_id, lane)
            self._lanes_of[ticket.queue_id] = (*self._lanes_of.get(ticket.queue_id, ()), lane)
        self._waiting += ticket.recipient not in group.tickets
        group.tickets[ticket.recipient] = ticket
        self._wait(group, ticket.due)

    def _drop(self, queue_id: str) -> dict[int, int]:
        """Forget the recipients of a message that wait; when each was due."""
        dues: dict[int, int] = {}
        for lane in self._lanes_of.pop(queue_id, ()):
            group = self._groups.pop((queue_id, lane))
            dues |= {ticket.recipient: ticket.due for ticket in group.tickets.values()}
            group.tickets = {}  # what the heaps still hold of it is passed over
        self._waiting -= len(dues)
        return dues

    def _wait(self, group: _Group, due: int) -> None:
        """Let a group wait no longer than until ``due``."""
        if not group.ready and (group.due < 0 or due < group.due):
            group.due = due
            heappush(self._timed, (due, self._next(), group))

    # --- what is due ---

    def next_due(self) -> int | None:
        """When something becomes due that only waits for the time; None: nothing does."""
        while self._timed:
            due, _, group = self._timed[0]
            if group.tickets and not group.ready and group.due == due:
                return due
            heappop(self._timed)
        return None

    def _ripen(self, now: int) -> None:
        """What is due waits for its turn from now on."""
        while (due := self.next_due()) is not None and due <= now:
            _, _, group = heappop(self._timed)
            self._ready(group, now)

    def _ready(self, group: _Group, now: int) -> None:
        group.ready = True
        sender = "" if group.first.report else group.first.sender
        tag = max(self._virtual, self._flows.get(sender, 0.0)) + group.cost
        self._flows[sender] = tag
        destination = self._destinations.setdefault(group.lane, Destination(group.lane))
        heappush(destination.ready, (tag, self._next(), group))
        self._enlist(destination, now)

    def _enlist(self, destination: Destination, now: int) -> None:
        """Let a destination take part in the turns if it has something ready, and room."""
        while destination.ready and not destination.ready[0][2].tickets:
            heappop(destination.ready)
        if not destination.ready or not destination.has_room(now):
            return
        tag = destination.ready[0][0]
        if destination.listed != tag:
            destination.listed = tag
            heappush(self._open, (tag, self._next(), destination))

    # --- turns ---

    def take(self, now: int) -> Batch | None:
        """The next batch, if there is one and room for it. Give it back with :meth:`done`."""
        self._ripen(now)
        while self._open and self._active < self._limits.connections:
            tag, _, destination = heappop(self._open)
            if destination.listed == tag:
                destination.listed = -1.0
            if not destination.ready or destination.ready[0][0] != tag or not destination.has_room(now):
                continue  # it has been listed again since with another tag, or will be when it has room
            group: _Group = heappop(destination.ready)[2]
            batch = self._cut(group, destination, now) if group.tickets else None
            self._virtual = max(self._virtual, tag)
            self._enlist(destination, now)
            if batch is not None:
                self._forget_flows()
                return batch
        return None

    def _cut(self, group: _Group, destination: Destination, now: int) -> Batch | None:
        """Take out of a group as many of its recipients as are due and may go into one transaction."""
        due = [ticket for ticket in group.tickets.values() if ticket.due <= now][: self._limits.recipients]
        for ticket in due:
            del group.tickets[ticket.recipient]
            self._taken.add(ticket.recipient)
        self._waiting -= len(due)
        group.ready, group.due = False, -1
        if group.tickets:
            self._wait(group, min(ticket.due for ticket in group.tickets.values()))
        else:
            self._remove(group)
        if not due:
            return None
        self._busy[group.queue_id] += 1
        dead = destination.is_dead(now)
        if not dead:
            destination.active += 1
            self._active += 1
        return Batch(group.queue_id, group.lane, tuple(due), destination.reason if dead else None)

    def _remove(self, group: _Group) -> None:
        del self._groups[group.queue_id, group.lane]
        others = tuple(lane for lane in self._lanes_of[group.queue_id] if lane != group.lane)
        if others:
            self._lanes_of[group.queue_id] = others
        else:
            del self._lanes_of[group.queue_id]

    def done(
        self, batch: Batch, waiting: Iterable[Ticket], verdict: Verdict, now: int, until: int = 0, reason: Any = None
    ) -> bool:
        """A batch has ended; whether its message was changed by hand meanwhile: ask the store what waits of it (:meth:`replace`).

        :param waiting: its recipients that still wait. :param until: DEAD: when to try the destination again.
        :param reason: DEAD: why, for :attr:`Batch.reason`; not None.
        """
        self._taken.difference_update(ticket.recipient for ticket in batch.tickets)
        self.put(waiting)
        if batch.reason is None:
            self._conclude(batch, verdict, now, until, reason)
        self._busy[batch.queue_id] -= 1
        if self._busy[batch.queue_id]:
            return batch.queue_id in self._stale
        del self._busy[batch.queue_id]
        stale = batch.queue_id in self._stale
        self._stale.discard(batch.queue_id)
        return stale

    def _conclude(self, batch: Batch, verdict: Verdict, now: int, until: int, reason: Any) -> None:
        destination = self._destinations[batch.lane]
        destination.active -= 1
        self._active -= 1
        if destination.learn(verdict, self._limits):
            destination.until, destination.reason = until, reason
        self._enlist(destination, now)
        self._forget(destination, now)

    def failures(self, lane: str) -> int:
        """In how many rounds, one after another, a destination was found dead."""
        destination = self._destinations.get(lane)
        return destination.failures if destination else 0

    def dead_until(self, lane: str) -> int:
        """When a dead destination is tried again; 0: it is not dead."""
        destination = self._destinations.get(lane)
        return destination.until if destination else 0

    def _revive(self, lane: str) -> None:
        if lane in self._destinations:
            self._destinations[lane].revive()

    # --- keeping small ---

    def _next(self) -> int:
        self._count += 1
        return self._count

    def _forget(self, destination: Destination, now: int) -> None:
        """A destination that is idle and alive has learnt nothing that is worth keeping; the dead are kept, while they are few."""
        if not destination.ready and not destination.active and not destination.failures:
            self._destinations.pop(destination.name, None)
        if len(self._destinations) > _MANY:
            self._destinations = {
                one.name: one for one in self._destinations.values() if one.ready or one.active or one.is_dead(now)
            }

    def _forget_flows(self) -> None:
        """Senders whose last mark the virtual clock has passed begin anew."""
        if len(self._flows) > _MANY:
            self._flows = {sender: tag for sender, tag in self._flows.items() if tag > self._virtual}

    # --- for people ---

    def destinations(self) -> Iterator[Destination]:
        """Those with something ready, under way, or dead."""
        yield from self._destinations.values()
