"""How many connections a destination gets: one until it answers, then more with each success, half with each strain, none while it is dead.

A destination is dead when nobody answers there: from then until :attr:`Destination.until` its mail is put off without another connection,
and then one connection tries (a *probe*); each further failure doubles the wait. Postfix calls this the "pseudo-cohort" and AIMD.
"""

import enum
from typing import Any

import attrs

__all__ = ["Destination", "Limits", "Verdict"]


class Verdict(enum.Enum):
    """What one batch has shown of its destination."""

    ANSWERED = "answered"  # it works, whatever it said of the mail
    STRAINED = "strained"  # it works, but had no room for this connection
    DEAD = "dead"  # nobody could be reached
    NOTHING = "nothing"  # it was never asked


@attrs.frozen
class Limits:
    """``connections`` at a time in all, ``first`` and ``most`` to one destination; ``recipients`` of one batch."""

    connections: int
    first: int
    most: int
    recipients: int


@attrs.define(eq=False)
class Destination:
    """One destination.

    :ivar ready: a heap of ``(tag, group)`` (see :mod:`mailsvc.queue.schedule`). :ivar active: batches under way.
    :ivar limit: how many there may be. :ivar failures: rounds in which it was found dead, one after another.
    :ivar known: whether it has answered. :ivar listed: the tag under which it takes part in the turns.
    :ivar until: dead until then; 0: alive. :ivar reason: why, for those that are put off meanwhile.
    """

    name: str
    limit: float = 1
    active: int = 0
    failures: int = 0
    until: int = 0
    reason: Any = None
    known: bool = False
    listed: float = -1.0
    ready: list[tuple[float, int, Any]] = attrs.Factory(list)

    def is_dead(self, now: int) -> bool:
        """Whether mail for it is put off without trying."""
        return now < self.until

    def has_room(self, now: int) -> bool:
        """Whether another batch may be taken."""
        return self.is_dead(now) or self.active < int(self.limit)

    def learn(self, verdict: Verdict, limits: Limits) -> bool:
        """Draw the conclusion from a batch that has ended; whether it must be counted as dead now."""
        if verdict is Verdict.ANSWERED:
            self.limit = min(self.limit + 1 if self.known else limits.first, limits.most)
            self.known, self.failures, self.until, self.reason = True, 0, 0, None
        elif verdict is Verdict.STRAINED or (verdict is Verdict.DEAD and self.active):
            self.limit = max(1, self.limit / 2)  # others are still at it: they will show whether it is dead
        elif verdict is Verdict.DEAD:
            self.limit, self.known = 1, False
            self.failures += 1
            return True
        return False

    def revive(self) -> None:
        """Somebody wants it tried now."""
        self.until = 0
