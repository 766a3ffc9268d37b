"""Blocking work off the reactor: a thread pool of its own, with an end to its queue.

Twisted's shared pool queues without limit: a thousand guessed passwords a second would then keep everybody else's log-in waiting for
minutes. Here a log-in that finds the queue full is told at once to come back later.
"""

from collections.abc import Callable
from typing import Protocol, TypeVar, cast

from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from mailsvc.core.errors import temporary

__all__ = ["BoundedPool", "Worker"]

T = TypeVar("T")


class Worker(Protocol):
    """Something that runs blocking functions."""

    async def run(self, function: Callable[..., T], *args: object) -> T:
        """Run ``function(*args)`` and return or raise what it does. Raises MailError NOT_NOW if too much waits already."""


class BoundedPool:
    """A :class:`Worker` with threads."""

    def __init__(self, reactor: IReactorFromThreads, threads: int, queue: int) -> None:
        """:param threads: at most this many. :param queue: how many calls may wait for one."""
        self._reactor = reactor
        self._pool = ThreadPool(minthreads=0, maxthreads=threads, name="hashing")
        self._limit = threads + queue
        self._pending = 0

    def start(self) -> None:
        """Allow threads to begin; none exists before there is work."""
        self._pool.start()

    def stop(self) -> None:
        """Finish the calls that run and wait, and end the threads. Harmless twice."""
        if not self._pool.joined:
            self._pool.stop()

    async def run(self, function: Callable[..., T], *args: object) -> T:
        """Run ``function(*args)`` in a thread. Raises MailError NOT_NOW if the queue is full or the pool was stopped."""
        if self._pool.joined:  # it would drop the call without a word
            raise temporary("hashing-stopped")
        if self._pending >= self._limit:
            raise temporary("hashing-queue-full")
        self._pending += 1
        try:
            return cast(T, await deferToThreadPool(self._reactor, self._pool, function, *args))
        finally:
            self._pending -= 1
