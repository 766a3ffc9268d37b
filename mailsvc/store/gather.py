"""When to send: at the end of this turn of the reactor, or a moment later because more is about to come.

A sync of the disk costs the same for one message as for ten. A worker that is receiving several messages at once finishes them within
a few milliseconds of each other, so the first to finish waits for the others: 1 ms after the last one that finished, 5 ms in all. A
worker that receives only one message does not wait.
"""

from collections.abc import Callable
from typing import Any

__all__ = ["Gather"]

_QUIET = 0.001
_LONGEST = 0.005


class Gather:
    """Calls ``flush`` once for a number of :meth:`wait`."""

    def __init__(self, reactor: Any, flush: Callable[[], None]) -> None:
        """:param reactor: IReactorTime."""
        self._reactor = reactor
        self._flush = flush
        self._call: Any = None
        self._latest = 0.0

    def wait(self, arriving: bool) -> None:
        """Something is ready to be sent. :param arriving: whether messages are being received at this moment."""
        now = self._reactor.seconds()
        if self._call is None:
            self._latest = now + _LONGEST
            self._call = self._reactor.callLater(_QUIET if arriving else 0, self._fire)
        else:
            self._call.reset(max(0, min(_QUIET, self._latest - now)) if arriving else 0)

    def cancel(self) -> None:
        """Forget the call."""
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _fire(self) -> None:
        self._call = None
        self._flush()
