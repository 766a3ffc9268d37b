"""Counters that every room may bump: one short call each, cheap enough for every command.

Names follow the Prometheus conventions. In a worker process the values live in files that the parent reads (``prometheus_client``'s
multiprocess mode, chosen by the environment variable that :mod:`mailsvc.app.workers` sets); elsewhere in plain memory.
Label values come from fixed lists of ours, never from a peer, so that nobody can make the tables grow.
"""

from collections.abc import Callable
from functools import cache

from prometheus_client import Counter, Gauge, disable_created_metrics

__all__ = [
    "command",
    "connection_closed",
    "connection_opened",
    "connection_refused",
    "login",
    "message_accepted",
    "message_refused",
]

disable_created_metrics()  # a second line for every counter, of use to nobody

_connections = Counter("mailsvc_connections", "Connections accepted.", ["protocol"])
_open = Gauge("mailsvc_connections_open", "Connections open now.", ["protocol"], multiprocess_mode="livesum")
_turned_away = Counter("mailsvc_connections_refused", "Connections refused by a limit.", ["protocol"])
_commands = Counter("mailsvc_commands", "Commands carried out.", ["protocol", "command"])
_accepted = Counter("mailsvc_messages_accepted", "Messages taken (SMTP, submission, LMTP).", ["protocol"])
_recipients = Counter("mailsvc_recipients_accepted", "Recipients of the messages taken.", ["protocol"])
_octets = Counter("mailsvc_octets_accepted", "Octets of the messages taken.", ["protocol"])
_refused = Counter("mailsvc_messages_refused", "Messages and recipients refused.", ["protocol", "reason"])
_logins = Counter("mailsvc_logins", "Log-ins by outcome.", ["protocol", "outcome"])

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
