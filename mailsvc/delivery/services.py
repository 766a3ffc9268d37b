"""What every transaction of a process needs, and who it is that hands a message in."""

import time
from collections.abc import Callable

import attrs

from mailsvc.auth.relay import RelayDecision, RelayFacts
from mailsvc.core.interfaces.delivery import Envelope
from mailsvc.core.interfaces.directory import IDirectory
from mailsvc.core.interfaces.reports import IReports
from mailsvc.core.interfaces.store import IStore
from mailsvc.core.values import Account, Peer
from mailsvc.delivery.border import Border
from mailsvc.delivery.options import BorderOptions
from mailsvc.delivery.relay_domain import RelayDomain

__all__ = ["Decide", "FindRelayDomain", "Sender", "Services"]

Decide = Callable[[RelayFacts, int], RelayDecision]
"""May mail go to a recipient elsewhere? :func:`mailsvc.auth.relay.decide`."""

FindRelayDomain = Callable[[str], RelayDomain | None]
"""The domain of another server whose mail we take from anybody, by a canonical domain; None for all others."""


def _no_relay_domain(domain: str) -> None:
    return None


@attrs.frozen(kw_only=True)
class Services:
    """Given by ``app``.

    :ivar hostname: our name in Received. :ivar now: seconds since the epoch, with fractions. :ivar border: limits of size.
    :ivar reports: what tells senders of what happened when their mail was taken in.
    """

    store: IStore
    directory: IDirectory
    decide: Decide
    reports: IReports
    hostname: str
    border: Border = attrs.field(factory=lambda: Border(BorderOptions()))
    find_relay_domain: FindRelayDomain = _no_relay_domain
    now: Callable[[], float] = time.time


@attrs.frozen(kw_only=True)
class Sender:
    """Who hands in a message: the connection, the account that logged in on it if any, and what MAIL said."""

    peer: Peer
    account: Account | None
    envelope: Envelope
