"""What every transaction of a process needs, and who it is that hands a message in."""

import time
from collections.abc import Callable

import attrs

from mailsvc.auth.relay import RelayDecision, RelayFacts
from mailsvc.core.interfaces.delivery import Envelope
from mailsvc.core.interfaces.directory import IDirectory
from mailsvc.core.interfaces.store import IStore
from mailsvc.core.values import Account, Peer

__all__ = ["Decide", "Sender", "Services"]

Decide = Callable[[RelayFacts, int], RelayDecision]
"""May mail go to a recipient elsewhere? :func:`mailsvc.auth.relay.decide`."""


@attrs.frozen(kw_only=True)
class Services:
    """Given by ``app``.

    :ivar hostname: our name in Received. :ivar now: seconds since the epoch, with fractions.
    """

    store: IStore
    directory: IDirectory
    decide: Decide
    hostname: str
    now: Callable[[], float] = time.time


@attrs.frozen(kw_only=True)
class Sender:
    """Who hands in a message: the connection, the account that logged in on it if any, and what MAIL said."""

    peer: Peer
    account: Account | None
    envelope: Envelope
