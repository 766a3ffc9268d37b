"""One line of the log for each host's answer, and the counters of what became of recipients."""

from collections.abc import Sequence
from itertools import groupby

from twisted.logger import Logger

from mailsvc.core.queued import Outcome, QueuedRecipient, State
from mailsvc.monitor import counters

__all__ = ["note"]

_log = Logger(namespace="mailsvc.queue")

_WORDS = {
    State.WAITING: "deferred",
    State.HELD: "held",
    State.SENT: "sent",
    State.RELAYED: "sent",
    State.FAILED: "failed",
}

_LINE = "%s: %s to %s by %s, %s: %s"


def note(queue_id: str, recipients: Sequence[QueuedRecipient], outcomes: Sequence[Outcome]) -> None:
    """Write down what became of recipients; those of whom the same was said share a line."""
    addresses = {one.id: one.address for one in recipients}
    for outcome in outcomes:
        counters.queue_outcome(_WORDS[State(outcome.state)])
    for _, group in groupby(outcomes, _said):
        same = list(group)
        one, listed = same[0], ", ".join(addresses[each.recipient] for each in same)
        result = _WORDS[State(one.state)]
        line = _LINE % (queue_id, result, listed, one.host or "us", one.tls or "no TLS", one.reply)
        facts = {"queue_id": queue_id, "result": result, "recipients": listed, "host": one.host, "status": one.status}
        # Put into words here: the logger's own formatting costs more than the rest of the try.
        _log.info(line.replace("{", "{{").replace("}", "}}"), **facts)


def _said(outcome: Outcome) -> tuple[object, ...]:
    return outcome.state, outcome.status, outcome.reply, outcome.host
