"""When to try again, when to give up, when to tell the sender: pure functions of times (seconds since the epoch, UTC).

::

    arrived --- first --- first*growth --- ... --- longest --- longest --- ... --- expiry (one last try)
                                    delay warning, once

RFC 5321 4.5.4.1 asks for half an hour between two attempts, but for two within the first hour; a wait that grows does both. Each wait
varies by :data:`JITTER`, so that what failed together does not come back together.
"""

import random
from collections.abc import Callable

import attrs

from mailsvc.queue.options import QueueOptions

__all__ = ["JITTER", "Patience", "patience", "wait"]

JITTER = 0.2
"""How much a wait may be shorter or longer."""


@attrs.frozen
class Patience:
    """How long one message is tried. ``on_demand``: never by ourselves, only when somebody asks."""

    lifetime: int
    warn_after: int
    on_demand: bool = False

    def expiry(self, arrived: int) -> int:
        """When it is given up."""
        return arrived + self.lifetime

    def expired(self, arrived: int, now: int) -> bool:
        """Whether a failure now is the last one."""
        return now >= self.expiry(arrived)

    def warns(self, arrived: int, now: int) -> bool:
        """Whether its sender should hear of the delay, if that has not been said yet."""
        return bool(self.warn_after) and now >= arrived + self.warn_after

    def due(self, arrived: int, now: int, delay: int) -> int:
        """When to try next: after ``delay``, but for the last time when it expires."""
        return self.expiry(arrived) if self.on_demand else min(now + delay, self.expiry(arrived))


def patience(options: QueueOptions, report: bool, lifetime: int = 0, on_demand: bool = False) -> Patience:
    """The patience with a message. :param lifetime: of its destination, if that has one of its own."""
    usual = options.report_lifetime if report else options.lifetime
    return Patience(lifetime or usual, 0 if report else options.delay_warning, on_demand)


def wait(options: QueueOptions, attempts: int, chance: Callable[[], float] = random.random) -> int:
    """Seconds to wait after ``attempts`` failures (at least 1). :param chance: 0 to 1, for the jitter."""
    growth: int = options.retry_growth ** min(max(attempts, 1) - 1, 40)
    exact = min(options.retry_first * growth, options.retry_longest)
    return max(1, round(exact * (1 - JITTER + 2 * JITTER * chance())))
