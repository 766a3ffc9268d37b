"""The two clocks of a machine: the one that people set, and the one that nobody can.

What must not last longer when somebody sets the clock back is held to both. The second counts from the start of the machine, in all its
processes alike, also while it sleeps; which start that was is told by a name.
"""

import time
from collections.abc import Callable
from pathlib import Path

import attrs

__all__ = ["Clocks", "system_clocks"]

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@attrs.frozen(kw_only=True)
class Clocks:
    """Given by ``app``.

    :ivar wall: seconds since the epoch, with fractions. :ivar steady: milliseconds since ``boot``.
    :ivar boot: names the start of the machine; ``""``: not known, and then nothing is compared across processes.
    """

    wall: Callable[[], float]
    steady: Callable[[], int]
    boot: str

    @property
    def now(self) -> int:
        """Whole seconds since the epoch."""
        return int(self.wall())


def system_clocks(wall: Callable[[], float] = time.time) -> Clocks:
    """Those of this machine."""
    try:
        boot = _BOOT_ID.read_text("ascii").strip()
    except OSError:
        boot = ""
    return Clocks(wall=wall, steady=_since_boot, boot=boot)


def _since_boot() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000
