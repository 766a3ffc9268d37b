"""What every transaction of a process needs, and who it is that hands a message in."""

import time
from collections.abc import Callable

import attrs

from mailsvc.auth.relay_permission import Permission, Permits
from mailsvc.core.interfaces.delivery import Envelope
from mailsvc.core.interfaces.directory import IDirectory
from mailsvc.core.interfaces.ledger import ILedger
from mailsvc.core.interfaces.reports import IReports
from mailsvc.core.interfaces.store import IStore
from mailsvc.core.values import Account, Peer
from mailsvc.delivery.border import Border
from mailsvc.delivery.options import BorderOptions
from mailsvc.delivery.relay_domain import RelayDomain
from mailsvc.ledger.nowhere import Nowhere

__all__ = ["FindRelayDomain", "Sender", "Services"]

FindRelayDomain = Callable[[str], RelayDomain | None]
"""The domain of another server whose mail we take from anybody, by a canonical domain; None for all others."""


def _no_relay_domain(domain: str) -> None:
    return None


@attrs.frozen(kw_only=True)
class Services:
    """Given by ``app``.

    :ivar permits: who may send mail to other servers. :ivar reports: what tells senders of what happened when their mail was taken in.
    :ivar hostname: our name in Received. :ivar border: limits of size. :ivar now: seconds since the epoch, with fractions.
    :ivar ledger: told of each message, and of refusals.
    """

    store: IStore
    directory: IDirectory
    permits: Permits
    reports: IReports
    hostname: str
    border: Border = attrs.field(factory=lambda: Border(BorderOptions()))
    find_relay_domain: FindRelayDomain = _no_relay_domain
    now: Callable[[], float] = time.time
    ledger: ILedger = attrs.field(factory=Nowhere)


@attrs.frozen(kw_only=True)
class Sender:
    """Who hands in a message: the connection, the account that answers for it if any, what MAIL said, and what it may send elsewhere."""

    peer: Peer
    account: Account | None
    envelope: Envelope
    permission: Permission

    @property
    def answers(self) -> int:
        """The id of the account that answers for what goes to other servers: by the relay decision, if one was needed; 0 for nobody."""
        if self.permission.decision is not None:
            return self.permission.decision.account_id
        return self.account.id if self.account else 0

    @property
    def is_submission(self) -> bool:
        """Whether it is a person's own mail, which has not been looked after by a server yet (RFC 6409 8)."""
        return bool(self.peer.protocol == "submission" or self.peer.mechanism or self.permission.decision)
