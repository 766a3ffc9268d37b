"""Back-pressure on what we write: the transport says when its buffer is full, a coroutine waits for room."""

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

__all__ = ["WriteFlow"]


@implementer(IPushProducer)
class WriteFlow:
    """Registered with the transport as its producer for the whole life of the connection."""

    def __init__(self, resumed: Callable[[], None]) -> None:
        """:param resumed: called whenever the transport wants more."""
        self.full = False
        self._resumed = resumed
        self._waiting: Deferred[None] | None = None

    async def room(self) -> None:
        """Return when the transport wants more. Raises the error given to :meth:`broken`."""
        self._waiting = Deferred()
        await self._waiting

    def broken(self, error: Exception) -> None:
        """The connection is gone: wake the waiting coroutine with ``error``."""
        self.full = False
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.errback(error)

    def pauseProducing(self) -> None:
        """The transport's buffer is full."""
        self.full = True

    def resumeProducing(self) -> None:
        """The transport's buffer has emptied."""
        self.full = False
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(None)
        self._resumed()

    def stopProducing(self) -> None:
        """The transport is closing; connectionLost follows."""
