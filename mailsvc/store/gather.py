"""How long the owner waits for more requests before it commits those that it has.

A sync of the disk costs the same for one message as for five. Sessions that deliver at the same time reach the owner within a few
milliseconds of each other, so it waits for them: until five are together, 1 ms has passed without another, or 3 ms in all. Not for more
than five, so that the workers have something to do while those are committed.

Who is alone must not wait, for nobody else will come. Whether there are others is seen from the past: groups of more than one, or
requests that came while a commit ran, say yes; a group of one with nobody behind it says no. The average of the last few decides.
"""

__all__ = ["ENOUGH", "Gather"]

ENOUGH = 5
_QUIET = 0.001
_LONGEST = 0.003
_WORTH = 0.25
_WEIGHT = 1 / 8


class Gather:
    """Decides; the owner does the waiting."""

    def __init__(self) -> None:
        self._company = 0.0  # from 0: always alone, to 1: never

    def patience(self, waiting: int, waited: float) -> float:
        """Seconds to wait for one more request; 0: commit now.

        :param waiting: requests that are ready. :param waited: seconds since the first of them was ready.
        """
        if waiting >= ENOUGH or waited >= _LONGEST or self._company < _WORTH:
            return 0
        return _QUIET

    def committed(self, group: int, behind: bool) -> None:
        """Learn from a commit. :param group: how many requests it had. :param behind: whether others came meanwhile."""
        company = 1 if group > 1 or behind else 0
        self._company += (company - self._company) * _WEIGHT
