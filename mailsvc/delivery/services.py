"""What every transaction of a process needs, and who it is that hands a message in."""

import time
from collections.abc import Callable

import attrs

from mailsvc.auth.relay_permission import Permission, Permits
from mailsvc.core.interfaces.delivery import Envelope
from mailsvc.core.interfaces.directory import IDirectory
from mailsvc.core.interfaces.ledger import ILedger
from mailsvc.core.interfaces.store import IStore
from mailsvc.core.values import Account, Peer
from mailsvc.ledger.nowhere import Nowhere

__all__ = ["Sender", "Services"]


@attrs.frozen(kw_only=True)
class Services:
    """Given by ``app``.

    :ivar permits: who may send mail to other servers. :ivar hostname: our name in Received.
    :ivar now: seconds since the epoch, with fractions. :ivar ledger: told of each message, and of refusals.
    """

    store: IStore
    directory: IDirectory
    permits: Permits
    hostname: str
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
    def is_submission(self) -> bool:
        """Whether it is a person's own mail, which has not been looked after by a server yet (RFC 6409 8)."""
        return bool(self.peer.protocol == "submission" or self.peer.mechanism or self.permission.decision)
