"""When to send: when five requests are together, at the end of this turn of the reactor, or a moment later if more is about to come.

A sync of the disk costs the same for one message as for five. A worker that is receiving several messages at once finishes them within
a few milliseconds of each other, so the first to finish waits for others: until five are together, or 1 ms after the last that
finished, and 5 ms in all. Never more than five: while those are committed this worker goes on with the others. (With ten sessions in
step and a disk that takes 5 ms, the worker would do nothing for a third of the time.)

A worker that receives only one message does not wait, and nobody waits for a slow disk: there, the requests gather by themselves at the
owner while it syncs.
"""

from collections.abc import Callable
from typing import Any

__all__ = ["ENOUGH", "Gather"]

ENOUGH = 5
_QUIET = 0.001
_LONGEST = 0.005
_SLOW = 0.004


class Gather:
    """Calls ``flush`` once for a number of :meth:`wait`.

    :ivar commit_seconds: how long a commit takes at present, as the owner tells it.
    """

    def __init__(self, reactor: Any, flush: Callable[[], None]) -> None:
        """:param reactor: IReactorTime."""
        self.commit_seconds = 0.0
        self._reactor = reactor
        self._flush = flush
        self._call: Any = None
        self._latest = 0.0
        self._count = 0

    def wait(self, arriving: bool) -> None:
        """Something is ready to be sent. :param arriving: whether messages are being received at this moment."""
        self._count += 1
        if self._count >= ENOUGH:
            self.cancel()
            self._fire()
            return
        delay = _QUIET if arriving and self.commit_seconds < _SLOW else 0
        if self._call is None:
            self._latest = self._reactor.seconds() + _LONGEST
            self._call = self._reactor.callLater(delay, self._fire)
        else:
            self._call.reset(min(delay, max(0, self._latest - self._reactor.seconds())))

    def cancel(self) -> None:
        """Forget the call."""
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _fire(self) -> None:
        self._call = None
        self._count = 0
        self._flush()
