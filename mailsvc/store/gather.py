"""How long the owner waits for more requests before it commits those that it has.

A sync of the disk costs the same for one message as for five. Sessions that deliver at the same time reach the owner within a few
milliseconds of each other, so it waits for them: until five are together, 1 ms has passed without another, or 3 ms in all. Not for more
than five, so that the workers have something to do while those are committed.

Where a commit takes long, on a disk that syncs slowly, a larger group is worth a longer wait: up to ten, 2 ms and 6 ms.

Who is alone must not wait, for nobody else will come. Whether there are others is seen from the past: groups of more than one, or
requests that came while a commit ran, say yes; a group of one with nobody behind it says no. The average of the last few decides.
"""

from typing import NamedTuple

__all__ = ["FAST", "SLOW", "Gather"]


class Aim(NamedTuple):
    """How far to go: requests that are enough, seconds without another one, seconds in all."""

    enough: int
    quiet: float
    longest: float


FAST = Aim(5, 0.001, 0.003)
SLOW = Aim(10, 0.002, 0.006)

_SLOW_COMMIT = 0.004
_WORTH = 0.25
_WEIGHT = 1 / 8


class Gather:
    """Decides; the owner does the waiting."""

    def __init__(self) -> None:
        self._company = 0.0  # from 0: always alone, to 1: never
        self._cost = 0.0  # seconds of a commit

    def patience(self, waiting: int, waited: float) -> float:
        """Seconds to wait for one more request; 0: commit now.

        :param waiting: requests that are ready. :param waited: seconds since the first of them was ready.
        """
        aim = SLOW if self._cost > _SLOW_COMMIT else FAST
        if waiting >= aim.enough or waited >= aim.longest or self._company < _WORTH:
            return 0
        return aim.quiet

    def committed(self, group: int, behind: bool, seconds: float) -> None:
        """Learn from a commit. :param group: how many requests it had. :param behind: whether others came meanwhile."""
        company = 1 if group > 1 or behind else 0
        self._company += (company - self._company) * _WEIGHT
        self._cost += (seconds - self._cost) * _WEIGHT
