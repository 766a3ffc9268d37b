"""What is noted outside of transactions, gathered until it is written: bounded, whoever makes how much of it.

Strangers can make refusals as fast as they can talk. Each client address has a budget of rows, and so have all strangers together; what
goes beyond is counted, and the count is written with the next row that there is room for. So a flood costs a dictionary look-up each, and
the ledger at most some 40,000 rows a day, while the first attempts of everybody are there to be explained. Events of an account have
budgets of their own: a flood of strangers hides none of them.
"""

from collections import OrderedDict
from collections.abc import Callable

import attrs

from mailsvc.core.ledger import Event

__all__ = ["MOST_PENDING", "Budget", "Gatherer"]

MOST_PENDING = 1000
"""Rows that wait to be written."""

MOST_KNOWN = 10_000
"""Addresses and accounts whose budgets are remembered."""


@attrs.frozen
class Budget:
    """``most`` at once, and one more every ``every`` seconds."""

    most: int
    every: float


ADDRESS = Budget(20, 60.0)
ACCOUNT = Budget(200, 10.0)
STRANGERS = Budget(1000, 2.0)


@attrs.define
class _Purse:
    left: float
    at: float
    dropped: int = 0

    def take(self, budget: Budget, now: float) -> bool:
        self.left = min(budget.most, self.left + max(0.0, now - self.at) / budget.every)
        self.at = now
        if self.left < 1:
            return False
        self.left -= 1
        return True


class Gatherer:
    """:ivar dropped: how many events were not kept, ever."""

    def __init__(self, seconds: Callable[[], float], most_known: int = MOST_KNOWN) -> None:
        """:param seconds: a clock."""
        self.dropped = 0
        self._seconds = seconds
        self._most_known = most_known
        self._pending: list[Event] = []
        self._purses: OrderedDict[str | int, _Purse] = OrderedDict()
        self._strangers = _Purse(STRANGERS.most, seconds())

    def add(self, event: Event) -> None:
        """Keep it for :meth:`take`, or count it."""
        now = self._seconds()
        purse, budget = self._purse(event, now)
        if (
            len(self._pending) < MOST_PENDING
            and purse.take(budget, now)
            and (event.account_id or self._strangers.take(STRANGERS, now))
        ):
            self._pending.append(_counting(event, purse))
        else:
            purse.dropped += 1
            self.dropped += 1

    def take(self) -> list[Event]:
        """All that is to be written now."""
        pending, self._pending = self._pending, []
        return pending

    def put_back(self, events: list[Event]) -> None:
        """They could not be written: try again, as far as there is room."""
        self._pending = (events + self._pending)[:MOST_PENDING]

    def _purse(self, event: Event, now: float) -> tuple[_Purse, Budget]:
        key, budget = (event.account_id, ACCOUNT) if event.account_id else (event.address, ADDRESS)
        purse = self._purses.get(key)
        if purse is None:
            purse = self._purses[key] = _Purse(budget.most, now)
            if len(self._purses) > self._most_known:
                self._purses.popitem(last=False)
        else:
            self._purses.move_to_end(key)
        return purse, budget


def _counting(event: Event, purse: _Purse) -> Event:
    """The event, telling how many like it from the same client or account were not kept before it."""
    if not purse.dropped:
        return event
    count, purse.dropped = purse.dropped, 0
    return attrs.evolve(event, evidence=(*event.evidence, ("not-kept", str(count))))
