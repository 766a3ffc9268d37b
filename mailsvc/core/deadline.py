"""A time-out that is set on every command: setting it costs an addition, not a timer.

One delayed call per connection looks, when it comes, whether the deadline has moved meanwhile, and goes back to sleep until then.
"""

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

__all__ = ["PATIENCE", "SLOWEST", "Deadline", "Pace"]

PATIENCE = 600.0
"""Seconds that a client may take to send data, however little there is of it."""

SLOWEST = 1000.0
"""Octets for each further second: a modem of 1990 was faster."""


class Deadline:
    """Calls ``expired`` once when the time is up."""

    __slots__ = ("_at", "_call", "_clock", "_expired", "_period")

    def __init__(self, clock: IReactorTime, expired: Callable[[], None]) -> None:
        self._clock = clock
        self._expired = expired
        self._at: float | None = None
        self._period = 0.0
        self._call: IDelayedCall | None = None

    @property
    def running(self) -> bool:
        """Whether a time-out is set."""
        return self._at is not None

    def set(self, seconds: float) -> None:
        """The time is up in ``seconds`` from now."""
        self._period = seconds
        self._at = at = self._clock.seconds() + seconds
        if self._call is None:
            self._sleep(seconds)
        elif self._call.getTime() > at + 1.0:
            # The sleeping call would come too late for a shorter time-out.
            self._call.reset(seconds)

    def renew(self) -> None:
        """The same period again, if one is running."""
        if self._at is not None:
            self._at = self._clock.seconds() + self._period

    def clear(self) -> None:
        """No time-out for now."""
        self._at = None

    def stop(self) -> None:
        """No time-out ever again."""
        self._at = None
        if self._call is not None and self._call.active():
            self._call.cancel()
        self._call = None

    def _sleep(self, seconds: float) -> None:
        self._call = self._clock.callLater(seconds, self._wake)

    def _wake(self) -> None:
        self._call = None
        if self._at is None:
            return
        left = self._at - self._clock.seconds()
        if left > 0:
            self._sleep(left)
        else:
            self._at = None
            self._expired()


class Pace:
    """How long sending may take altogether: whoever sends one octet a minute is never silent, and never ready either."""

    __slots__ = ("_clock", "_ends")

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._ends = clock.seconds() + PATIENCE

    def kept(self, octets: int) -> bool:
        """``octets`` more have come: whether there is time for further ones."""
        self._ends += octets / SLOWEST
        return self._clock.seconds() < self._ends
