"""What became of recipients, for people: rows of the ledger, a line of the log for each host's answer, and the counters."""

from collections.abc import Iterable, Sequence
from itertools import groupby

from twisted.logger import Logger

from mailsvc.core.ledger import Event, Happening
from mailsvc.core.queued import Outcome, QueuedMessage, QueuedRecipient, State
from mailsvc.monitor import counters

__all__ = ["events", "note"]

_log = Logger(namespace="mailsvc.queue")

_WORDS = {
    State.WAITING: "deferred",
    State.HELD: "held",
    State.SENT: "sent",
    State.RELAYED: "sent",
    State.FAILED: "failed",
}

_HAPPENINGS = {
    State.WAITING: Happening.DEFERRED,
    State.HELD: Happening.HELD,
    State.SENT: Happening.SENT,
    State.RELAYED: Happening.SENT,
    State.FAILED: Happening.FAILED,
    State.REMOVED: Happening.REMOVED,
}

_LINE = "%s: %s to %s by %s, %s: %s"


def note(queue_id: str, recipients: Sequence[QueuedRecipient], outcomes: Sequence[Outcome]) -> None:
    """Write down what became of recipients; those of whom the same was said share a line."""
    addresses = {one.id: one.address for one in recipients}
    for outcome in outcomes:
        counters.queue_outcome(_WORDS[State(outcome.state)])
    for same in _alike(outcomes):
        one, listed = same[0], ", ".join(addresses[each.recipient] for each in same)
        result = _WORDS[State(one.state)]
        line = _LINE % (queue_id, result, listed, one.host or "us", one.tls or "no TLS", one.reply)
        facts = {"queue_id": queue_id, "result": result, "recipients": listed, "host": one.host, "status": one.status}
        # Put into words here: the logger's own formatting costs more than the rest of the try.
        _log.info(line.replace("{", "{{").replace("}", "}}"), **facts)


def events(
    message: QueuedMessage, recipients: Sequence[QueuedRecipient], outcomes: Iterable[Outcome], at: float
) -> list[Event]:
    """The rows of the ledger, for the transaction that settles. What was said before and is said again has one row: of a host that is
    silent for days people need no more. ``at``: seconds since the epoch, with fractions."""
    before = {one.id: one for one in recipients}
    news = [one for one in outcomes if _is_news(before[one.recipient], one)]
    return [_event(message, [before[one.recipient] for one in same], same[0], at) for same in _alike(news)]


def _is_news(before: QueuedRecipient, outcome: Outcome) -> bool:
    return outcome.state > State.HELD or (outcome.status, outcome.reply) != (before.status, before.reply)


def _event(message: QueuedMessage, recipients: Iterable[QueuedRecipient], outcome: Outcome, at: float) -> Event:
    evidence = (("host", outcome.host), ("tls", outcome.tls))
    return Event(
        at=at,
        what=_HAPPENINGS[State(outcome.state)],
        queue_id=message.queue_id,
        account_id=message.account,
        sender=message.sender,
        recipients=tuple(one.address for one in recipients),
        size=message.size,
        reason=outcome.status,
        reply=outcome.reply,
        evidence=tuple((name, value) for name, value in evidence if value),
    )


def _alike(outcomes: Iterable[Outcome]) -> Iterable[list[Outcome]]:
    """Neighbours of whom the same was said."""
    return (list(group) for _, group in groupby(outcomes, _said))


def _said(outcome: Outcome) -> tuple[object, ...]:
    return outcome.state, outcome.status, outcome.reply, outcome.host
