"""Lines of the log that strangers cause: a bounded number, and a count of the rest.

Whoever guesses passwords, or connects too often, can do so thousands of times a second, from thousands of addresses. The first lines of
each tell an administrator (and programs that read logs) all there is to know; without a bound the others would fill a disk.
"""

from collections import Counter
from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

__all__ = ["EACH", "PERIOD", "TOTAL", "FewLines"]

PERIOD = 60.0
"""Seconds."""

EACH, TOTAL = 5, 100
"""Lines of one subject, and of all together, within a period."""

_MOST_PLACES = 10_000


class FewLines:
    """The budget of one kind of line, in one process."""

    def __init__(self, clock: IReactorTime, tell: Callable[[int, int], None]) -> None:
        """:param tell: called when a period ends in which lines were left out: how many, and of how many subjects (10,000 at most)."""
        self._clock = clock
        self._tell = tell
        self._written: Counter[str] = Counter()
        self._count = self._left_out = 0
        self._subjects: set[str] = set()
        self._end: IDelayedCall | None = None

    def allow(self, subject: str) -> bool:
        """Whether a line about this subject, such as an address, is to be written; if not, it is counted."""
        if self._end is None:
            self._end = self._clock.callLater(PERIOD, self._over)
        if self._written.get(subject, 0) < EACH and self._count < TOTAL:
            self._written[subject] += 1
            self._count += 1
            return True
        self._left_out += 1
        if len(self._subjects) < _MOST_PLACES:
            self._subjects.add(subject)
        return False

    def _over(self) -> None:
        self._end = None
        left_out, subjects = self._left_out, len(self._subjects)
        self._count = self._left_out = 0
        self._subjects.clear()
        self._written.clear()
        if left_out:
            self._tell(left_out, subjects)
