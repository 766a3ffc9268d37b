"""Times as people read them: local ones, to the second; milliseconds only where two things happened within one."""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime

__all__ = ["moment", "moments"]


def moment(at: float) -> str:
    """A time in words. ``at``: seconds since the epoch; fractions are left out."""
    return datetime.fromtimestamp(int(at)).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def moments(times: Iterable[float]) -> Callable[[float], str]:
    """What puts times into words that stand below each other. ``times``: those of the lines, in seconds since the epoch."""
    crowded = {second for second, count in Counter(map(int, times)).items() if count > 1}

    def words(at: float) -> str:
        exact = at != int(at) and int(at) in crowded
        return f"{moment(at)}.{int(at % 1 * 1000):03}" if exact else moment(at)

    return words
