"""Counters that every room may bump: one short call each, cheap enough for every command.

Names follow the Prometheus conventions. In a worker process the values live in files that the parent reads (``prometheus_client``'s
multiprocess mode, chosen by the environment variable that :mod:`mailsvc.app.workers` sets); elsewhere in plain memory.
Label values come from fixed lists of ours, never from a peer, so that nobody can make the tables grow.
"""

from collections.abc import Callable
from functools import cache

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics

__all__ = [
    "command",
    "connection_closed",
    "connection_opened",
    "connection_refused",
    "login",
    "message_accepted",
    "message_refused",
    "queue_in_doubt",
    "queue_outcome",
    "queue_seconds",
    "queue_size",
    "queue_unsettled",
]

disable_created_metrics()  # a second line for every counter, of use to nobody

_STEPS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000)

_connections = Counter("mailsvc_connections", "Connections accepted.", ["protocol"])
_open = Gauge("mailsvc_connections_open", "Connections open now.", ["protocol"], multiprocess_mode="livesum")
_turned_away = Counter("mailsvc_connections_refused", "Connections refused by a limit.", ["protocol"])
_commands = Counter("mailsvc_commands", "Commands carried out.", ["protocol", "command"])
_accepted = Counter("mailsvc_messages_accepted", "Messages taken (SMTP, submission, LMTP).", ["protocol"])
_recipients = Counter("mailsvc_recipients_accepted", "Recipients of the messages taken.", ["protocol"])
_octets = Counter("mailsvc_octets_accepted", "Octets of the messages taken.", ["protocol"])
_refused = Counter("mailsvc_messages_refused", "Messages and recipients refused.", ["protocol", "reason"])
_logins = Counter("mailsvc_logins", "Log-ins by outcome.", ["protocol", "outcome"])
_queue = Gauge("mailsvc_queue_recipients", "Recipients that wait in the queue.", multiprocess_mode="livesum")
_outcomes = Counter(
    "mailsvc_queue_outcomes", "What became of recipients that were tried: sent, deferred, failed, held.", ["result"]
)
_seconds = Histogram("mailsvc_queue_attempt_seconds", "Seconds that a message took to another server.", buckets=_STEPS)
_in_doubt = Counter(
    "mailsvc_queue_in_doubt", "Messages after whose end the other server said nothing: it may get a second copy."
)
_unsettled = Counter(
    "mailsvc_queue_unsettled", "Recipients whose delivery could not be written down: they may get a second copy."
)

# Looking a child up by labels costs ten times the increment; there are few, so remember the bound method.
_inc: Callable[..., Callable[..., None]] = cache(lambda metric, *labels: metric.labels(*labels).inc)
_dec: Callable[..., Callable[..., None]] = cache(lambda metric, *labels: metric.labels(*labels).dec)


def connection_opened(protocol: str) -> None:
    """A client connected and may stay. It counts as open until :func:`connection_closed`."""
    _inc(_connections, protocol)()
    _inc(_open, protocol)()


def connection_closed(protocol: str) -> None:
    """A connection ended."""
    _dec(_open, protocol)()


def connection_refused(protocol: str) -> None:
    """A client connected and was turned away by a limit. It too counts as open until :func:`connection_closed`."""
    _inc(_turned_away, protocol)()
    _inc(_open, protocol)()


def command(protocol: str, name: str) -> None:
    """A command was carried out; ``name`` is one that we know, never the peer's own word."""
    _inc(_commands, protocol, name)()


def message_accepted(protocol: str, recipients: int, octets: int) -> None:
    """A message was taken: it is durable."""
    _inc(_accepted, protocol)()
    _inc(_recipients, protocol)(recipients)
    _inc(_octets, protocol)(octets)


def message_refused(protocol: str, reason: str) -> None:
    """A sender, recipient or message was refused; ``reason`` is ``MailError.reason``."""
    _inc(_refused, protocol, reason)()


def login(protocol: str, outcome: str) -> None:
    """Somebody tried to log in; ``outcome`` is ``"ok"`` or ``MailError.reason``."""
    _inc(_logins, protocol, outcome)()


def queue_size(recipients: int) -> None:
    """So many recipients wait; 0 where somebody else sends."""
    _queue.set(recipients)


def queue_outcome(result: str) -> None:
    """What became of a recipient: ``"sent"``, ``"deferred"``, ``"failed"``, ``"held"``."""
    _inc(_outcomes, result)()


def queue_seconds(seconds: float) -> None:
    """A message was tried for so long, connecting included."""
    _seconds.observe(seconds)


def queue_in_doubt(doubtful: bool) -> None:
    """A try ended; whether the other server may have taken the message without a word (RFC 1047)."""
    if doubtful:
        _in_doubt.inc()


def queue_unsettled(recipients: int) -> None:
    """So many recipients have the message, but the store could not be told before the process ended."""
    _unsettled.inc(recipients)
