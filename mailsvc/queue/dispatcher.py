"""Sends what waits, for as long as this process is the one that does (:mod:`mailsvc.queue.service`).

::

    Schedule.take -> Batch -> read_open -> Transfer.carry ------> Attempts.send -> Settlement.settle -> Schedule.done
                              what the      unless it is held,     answers          outcomes, what to
                              store knows   or put off                              tell: one transaction

The schedule wakes up when something is due, and when :mod:`mailsvc.queue.loading` has put something into it. What is unexpected leaves the
recipients waiting, in memory too, and says so in the log.
"""

from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from mailsvc.core.errors import MailError
from mailsvc.core.queued import Ticket
from mailsvc.monitor import counters
from mailsvc.queue.destinations import Limits
from mailsvc.queue.loading import Loader
from mailsvc.queue.means import Means
from mailsvc.queue.reading import OpenMessage, read_open
from mailsvc.queue.schedule import Batch, Schedule
from mailsvc.queue.settlement import Settlement
from mailsvc.queue.settler import Settler
from mailsvc.queue.transfer import NOTHING, Conclusion, Transfer

__all__ = ["Dispatcher"]

_log = Logger(namespace="mailsvc.queue")

_TOGETHER = 64
"""Batches that are read together."""

_SIDE_BY_SIDE = 100
"""Batches that are put off without a connection, at a time, beside those that are sent."""

_WITHOUT_STORE = 3.0
"""Seconds for which the end waits for a store that is not there: one that restarts is back by then, another may never be."""

_AGAIN = 60
"""Seconds after which something that went wrong in an unexpected way is tried again."""


class Dispatcher:
    """From :meth:`start` to :meth:`stop`."""

    def __init__(self, means: Means, may_send: Callable[[], bool] = lambda: True) -> None:
        """:param may_send: whether it is still our turn; while it is not, nothing is begun."""
        options = means.options
        limits = Limits(
            options.connections, options.connections_at_first, options.connections_per_destination, options.recipients
        )
        self.schedule = Schedule(limits, means.ways.lane)
        self._means = means
        self._may_send = may_send
        self._most = options.connections + _SIDE_BY_SIDE
        self._settler = Settler(means.reactor, means.store)
        self._transfer = Transfer(means, self.schedule, Settlement(means, self._settler))
        self._loader = Loader(means.reactor, means.store.queue, self.schedule, means.second, self._pump)
        self._running = 0
        self._timer: Any = None
        self._timer_due: int | None = None
        self._pumping: Any = None
        self._over = False
        self._idle: list[Deferred[None]] = []

    # --- life ---

    def start(self) -> None:
        """Read everything that waits, and send what is due while the rest is still being read."""
        self._loader.load()

    def reload(self) -> None:
        """News was missed: look at everything anew."""
        self._loader.load()

    def resume(self) -> None:
        """It may be our turn again."""
        self._pump()

    def changed(self, queue_ids: Iterable[str]) -> None:
        """Something of these messages was put into the queue or changed by hand."""
        self._loader.changed(queue_ids)

    async def stop(self, patience: float) -> None:
        """Begin nothing more; let what is under way end, then cut it. Returns when all is written down, or nobody is there to do it."""
        self._over = True
        self._loader.stop()
        for call in (self._timer, self._pumping):
            if call is not None:
                call.cancel()
        self._timer = self._pumping = None
        calls = [
            self._means.reactor.callLater(min(patience, _WITHOUT_STORE), self._settler.give_up),
            self._means.reactor.callLater(patience, self._means.pool.abort),
        ]
        try:
            await self._when_idle()
        finally:
            for call in calls:
                if call.active():
                    call.cancel()

    def _when_idle(self) -> "Deferred[None]":
        idle: Deferred[None] = Deferred()
        self._idle.append(idle)
        self._look_idle()
        return idle

    def _look_idle(self) -> None:
        if not self._running:
            idle, self._idle = self._idle, []
            for one in idle:
                one.callback(None)

    # --- turns ---

    def _pump(self) -> None:
        """Begin what may begin now, soon: what ends in one turn of the reactor makes room for batches that are read together."""
        if self._pumping is None and not self._over and self._may_send():
            self._pumping = self._means.reactor.callLater(0, self._begin)

    def _begin(self) -> None:
        self._pumping = None
        now, batches = self._means.second(), list[Batch]()
        while len(batches) < min(_TOGETHER, self._most - self._running):
            batch = self.schedule.take(now)
            if batch is None:
                break
            batches.append(batch)
        if batches:
            self._running += len(batches)
            _spawn(self._open(batches))
            self._pump()  # there may be more
        counters.queue_size(len(self.schedule))
        self._set_timer()

    def _set_timer(self) -> None:
        due = self.schedule.next_due()
        if due == self._timer_due:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._timer_due = None, due
        if due is not None:
            self._timer = self._means.reactor.callLater(max(due - self._means.now(), 0), self._wake)

    def _wake(self) -> None:
        self._timer = self._timer_due = None
        self._pump()

    # --- batches ---

    async def _open(self, batches: Sequence[Batch]) -> None:
        """Read what some batches need, together, and begin each of them."""
        try:
            found = await read_open(self._means.store, self._means.ways, batches)
        except MailError as error:
            _log.warn("the queue cannot be read: {error}", error=error)
        except Exception:
            _log.failure("the queue cannot be read")
        else:
            for batch in batches:
                _spawn(self._work(batch, found.get(batch.queue_id)))
            return
        for batch in batches:
            self._end(batch, self._later(batch), NOTHING)

    async def _work(self, batch: Batch, found: OpenMessage | None) -> None:
        waiting, conclusion = list[Ticket](), NOTHING
        try:
            if found is not None:
                waiting, conclusion = await self._transfer.carry(batch, found)
        except MailError as error:
            waiting = self._later(batch)
            _log.warn("{queue_id}: the store does not answer: {error}", queue_id=batch.queue_id, error=error)
        except Exception:
            waiting = self._later(batch)
            _log.failure("{queue_id} could not be tried", queue_id=batch.queue_id)
        finally:
            self._end(batch, waiting, conclusion)

    def _later(self, batch: Batch) -> list[Ticket]:
        return [ticket._replace(due=self._means.second() + _AGAIN) for ticket in batch.tickets]

    def _end(self, batch: Batch, waiting: Sequence[Ticket], end: Conclusion) -> None:
        self._running -= 1
        stale = self.schedule.done(batch, waiting, end.verdict, self._means.second(), end.until, end.reason)
        if stale:
            self._loader.changed([batch.queue_id])
        self._look_idle()
        self._pump()


def _spawn(work: Coroutine[Any, Any, None]) -> None:
    Deferred.fromCoroutine(work).addErrback(lambda failure: _log.failure("the queue failed", failure))
