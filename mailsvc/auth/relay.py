"""Who may send mail to other servers through this one: one decision, by a table of rules.

Mail for our own recipients needs no permission; for each other recipient the delivery avatar asks :func:`decide`. It is pure: facts and
a time in, a :class:`~mailsvc.core.relay.RelayDecision` out, which reply, log and ledger all show. The first rule of the table
(:mod:`mailsvc.auth.relay_rules`) that says yes decides, and if none does, the answer is no.

The facts are gathered at the edge, by :mod:`mailsvc.auth.relay_desk`.
"""

from collections.abc import Callable, Sequence

from mailsvc.core.relay import Miss, RelayDecision, RelayFacts

__all__ = ["AnyRule", "decide"]

AnyRule = Callable[[RelayFacts, int], RelayDecision | Miss]
"""Says yes, or why it has nothing to say about these facts."""

_TELLING = (
    "account-disabled",
    "sending-off",
    "wrong-sender",
    "grant-ended",
    "grant-expired",
    "clock-set-back",
    "account-gone",
    "shared-address",
    "no-grant",
)
"""Of several misses the one that helps a person most stands for the refusal, in this order; all others mean only that nothing fits."""


def decide(facts: RelayFacts, now: int, rules: Sequence[AnyRule]) -> RelayDecision:
    """May mail go to recipients who are not ours? ``now``: seconds since the epoch."""
    misses: list[Miss] = []
    for rule in rules:
        found = rule(facts, now)
        if isinstance(found, RelayDecision):
            return found
        misses.append(found)
    return _refusal(facts, tuple(misses))


def _refusal(facts: RelayFacts, misses: tuple[Miss, ...]) -> RelayDecision:
    telling = [miss for miss in misses if miss.reason in _TELLING]
    evidence = (("address", facts.peer.address),)
    if not telling:
        return RelayDecision(allowed=False, reason="no-rule", evidence=evidence, misses=misses)
    miss = min(telling, key=lambda one: _TELLING.index(one.reason))
    return RelayDecision(
        allowed=False, rule=miss.rule, reason=miss.reason, evidence=evidence, misses=misses, expiry=miss.when or None
    )
