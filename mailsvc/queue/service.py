"""The queue of one process: it sends as long as no other process does.

Every worker runs this service; the one that holds the lock ``QUEUE_LOCK`` of the store sends, with a :class:`Dispatcher`. The others ask
for the lock four times a second, so when the sender is killed another one takes over before anybody notices: what was under way then still
waits in the store. While the store's owner restarts nobody holds the lock, and nothing is begun; the former sender takes it again before
others ask, for they would send a second time what it has under way. If it is too slow for that, it ends what it has begun, and waits with
the others.
"""

import os
from collections.abc import Callable
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from mailsvc.bus import Bus
from mailsvc.core.errors import Kind, MailError
from mailsvc.core.interfaces.queue import QUEUE_LOCK
from mailsvc.core.interfaces.store import ILock, IStore
from mailsvc.core.queued import QueueChanged
from mailsvc.core.values import NewsMissed
from mailsvc.monitor import counters
from mailsvc.queue.dispatcher import Dispatcher
from mailsvc.queue.pool import Pool

__all__ = ["GRACE", "MISSING", "QueueService", "SomebodySends"]

_log = Logger(namespace="mailsvc.queue")

GRACE = 20.0
"""Seconds that running transactions get when the service stops."""

_EVERY = 0.25
"""Seconds between two looks at the lock."""


class SomebodySends:
    """Health: whether a process holds the lock. It may change hands, so only a second look, seconds later, says that nobody does."""

    def __init__(self, clock: IReactorTime, store: IStore) -> None:
        self._clock = clock
        self._store = store
        self._free_since: float | None = None

    async def __call__(self) -> None:
        """Raises RuntimeError if nobody has held it for :data:`MISSING` seconds."""
        try:
            lock = await self._store.lock(QUEUE_LOCK)
        except MailError as error:
            if error.kind is not Kind.IN_USE:
                raise
            self._free_since = None
            return
        lock.release()
        now = self._clock.seconds()
        if self._free_since is None:
            self._free_since = now
        if now - self._free_since >= MISSING:
            raise RuntimeError("nobody sends the queue's mail")


MISSING = 5.0
"""Seconds without a sender after which something is wrong: longer than a change of hands takes."""

_COURTESY = 3.0
"""Seconds that the others let the former sender have, when the store's owner is back, to take its lock again."""


class QueueService(Service):
    """Sends the queue's mail, or waits until it is its turn to."""

    def __init__(self, reactor: Any, store: IStore, bus: Bus, pool: Pool, make: Callable[[ILock], Dispatcher]) -> None:
        """:param make: a dispatcher for each time that this process becomes the one that sends."""
        self._reactor = reactor
        self._store = store
        self._bus = bus
        self._pool = pool
        self._make = make
        self._lock: ILock | None = None
        self._dispatcher: Dispatcher | None = None
        self._watch: LoopingCall | None = None
        self._asking = False
        self._not_before = 0.0
        self._unsubscribe: list[Callable[[], None]] = []

    @property
    def sending(self) -> bool:
        """Whether this process sends."""
        return self._dispatcher is not None

    @property
    def dispatcher(self) -> Dispatcher | None:
        """What sends, if this process does."""
        return self._dispatcher

    def startService(self) -> None:
        """Begin to ask for the lock."""
        super().startService()
        self._unsubscribe = [
            self._bus.subscribe(QueueChanged, self._changed),
            self._bus.subscribe(NewsMissed, self._missed),
        ]
        self._watch = LoopingCall(self._look)
        self._watch.clock = self._reactor
        self._watch.start(_EVERY)

    def stopService(self) -> "Deferred[None]":
        """Let what is under way end, say goodbye, give the lock back."""
        super().stopService()
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        if self._watch is not None:
            self._watch.stop()
        return Deferred.fromCoroutine(self._leave())

    async def _leave(self) -> None:
        dispatcher, self._dispatcher = self._dispatcher, None
        if dispatcher is not None:
            await dispatcher.stop(GRACE)
        await self._pool.close()
        counters.queue_size(0)
        if self._lock is not None:
            self._lock.release()

    # --- whose turn it is ---

    def _look(self) -> None:
        if self._lock is not None and self._lock.held:
            if self._dispatcher is not None:
                self._dispatcher.resume()
        elif not self._asking and self._reactor.seconds() >= self._not_before:
            self._asking = True
            Deferred.fromCoroutine(self._ask()).addErrback(
                lambda failure: _log.failure("the lock of the queue", failure)
            )

    async def _ask(self) -> None:
        """Ask for the lock; that somebody else has it, or that it is being taken again, is no news."""
        try:
            lock = await self._store.lock(QUEUE_LOCK)
        except MailError:
            return
        finally:
            self._asking = False
        if not self.running:
            lock.release()
            return
        await self._begin(lock)

    async def _begin(self, lock: ILock) -> None:
        """It is our turn. If it was before, somebody else may have sent meanwhile: all that we knew is void."""
        self._lock = lock
        former, self._dispatcher = self._dispatcher, None
        if former is not None:
            await former.stop(GRACE)
        if not self.running:
            return
        self._dispatcher = self._make(lock)
        _log.info("process {pid} sends the queue's mail", pid=os.getpid())
        self._dispatcher.start()

    # --- news ---

    def _changed(self, event: QueueChanged) -> None:
        if self._dispatcher is not None and event.queue_ids:
            self._dispatcher.changed(event.queue_ids)
        elif self._dispatcher is not None:
            self._dispatcher.reload()

    def _missed(self, event: NewsMissed) -> None:
        """The store's owner was away: whoever was sending before goes first, for what he has under way would be sent twice."""
        if self._dispatcher is not None:
            self._dispatcher.reload()
        else:
            self._not_before = self._reactor.seconds() + _COURTESY
