"""The schedule in step with the store: what waits is read once, then whatever the store says has come or was changed by hand.

::

    load ----> what is due within a minute, then the rest, in slices ----> Schedule.put ------.
    changed -> the messages that the store has told of -----------------> Schedule.replace --+--> ready: there may be something to begin

So after a change of hands the first messages leave while most are still to be read. Each slice is put into the schedule in the same turn
of the reactor in which it was read, and so is a change: whichever comes last is the newest, and nothing is forgotten between them. What
is being tried meanwhile is left to the batch that it is in.
"""

from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger

from mailsvc.core.errors import MailError
from mailsvc.core.interfaces.queue import IQueue
from mailsvc.queue.schedule import Schedule

__all__ = ["Loader"]

_log = Logger(namespace="mailsvc.queue")

_SOON = 60
"""What is due within so many seconds is read first: by then, all is read."""

_AGAIN = 1.0
"""Seconds after which what could not be read is read again."""


class Loader:
    """Fills a schedule, until :meth:`stop`."""

    def __init__(
        self, reactor: Any, queue: IQueue, schedule: Schedule, now: Callable[[], int], ready: Callable[[], None]
    ) -> None:
        """:param now: seconds since the epoch. :param ready: called after each change of the schedule."""
        self._reactor = reactor
        self._queue = queue
        self._schedule = schedule
        self._now = now
        self._ready = ready
        self._round = 0  # a load that was begun later takes the place of one that still runs
        self._changed: dict[str, None] = {}
        self._looking: Any = None
        self._over = False

    def load(self) -> None:
        """Read everything that waits, anew."""
        self._schedule.clear()
        self._round += 1
        self._spawn(self._load(self._round))

    def changed(self, queue_ids: Iterable[str]) -> None:
        """Something of these messages was put into the queue or changed by hand."""
        self._changed |= dict.fromkeys(queue_ids)
        if self._looking is None and not self._over:
            self._looking = self._reactor.callLater(0, self._look)

    def stop(self) -> None:
        """Read nothing more."""
        self._over = True
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None

    async def _load(self, number: int) -> None:
        try:
            async for tickets in self._queue.waiting(self._now() + _SOON):
                if self._over or number != self._round:
                    return
                self._schedule.put(tickets)
                self._ready()
        except Exception as error:
            await self._unread(error)
            if not self._over and number == self._round:
                self.load()

    def _look(self) -> None:
        self._looking = None
        changed, self._changed = list(self._changed), {}
        self._spawn(self._read(changed))

    async def _read(self, queue_ids: Sequence[str]) -> None:
        try:
            tickets = await self._queue.tickets(queue_ids)
        except Exception as error:
            await self._unread(error)
            self.changed(queue_ids)
            return
        self._schedule.replace(queue_ids, tickets)
        self._ready()

    async def _unread(self, error: Exception) -> None:
        if isinstance(error, MailError):
            _log.warn("the queue cannot be read, once more: {error}", error=error)
        else:
            _log.failure("the queue cannot be read, once more")
        await deferLater(self._reactor, _AGAIN)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        Deferred.fromCoroutine(work).addErrback(lambda failure: _log.failure("the queue cannot be read", failure))
