"""Two servers compared on a machine that does other things too: short rounds in turn, and what can be said of the ratio.

What disturbs one round mostly disturbs its neighbour as well, so each pair of rounds gives one ratio, and the median of many is steady.
How sure it is, is told by an interval that supposes nothing of how they are spread (that of the sign test).
"""

import math
import statistics
from collections.abc import Sequence
from pathlib import Path

import attrs

__all__ = ["Ratio", "processor_seconds", "ratio"]

CONFIDENCE = 0.95


@attrs.frozen
class Ratio:
    """The median of the pairs' ratios, and between what the true one lies with at least :data:`CONFIDENCE`; ``pairs``: how many."""

    median: float
    least: float
    most: float
    pairs: int

    def __str__(self) -> str:
        return f"{self.median:.3f} ({self.least:.3f} - {self.most:.3f})"


def ratio(first: Sequence[float], second: Sequence[float]) -> Ratio:
    """``second`` in terms of ``first``, value by value. Raises ValueError if they are not of one length, or none."""
    values = sorted(b / a for a, b in zip(first, second, strict=True))
    if not values:
        raise ValueError("no pairs")
    place = _place(len(values))
    return Ratio(statistics.median(values), values[place], values[-1 - place], len(values))


def _place(count: int) -> int:
    """How many of the sorted values may be left out at each end: each lies above the median with a probability of one half."""
    left, place = 1 - CONFIDENCE, 0
    below = 2.0**-count  # the probability that the median is below the value at ``place``, once for each end
    while 2 * (below + math.comb(count, place + 1) * 2.0**-count) <= left:
        place += 1
        below += math.comb(count, place) * 2.0**-count
    return place if 2 * below <= left else 0


def processor_seconds(pids: Sequence[int]) -> float:
    """Seconds (user and system) that all threads of these processes have had so far, to the nanosecond (``/proc/PID/task/*/schedstat``)."""
    tasks = [task for pid in pids for task in Path(f"/proc/{pid}/task").glob("*/schedstat")]
    return sum(int(task.read_text("ascii").split()[0]) for task in tasks) / 1e9
