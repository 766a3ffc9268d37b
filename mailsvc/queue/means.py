"""What everything that sends is given."""

from collections.abc import Callable
from typing import Any

import attrs

from mailsvc.core.interfaces.ledger import ILedger
from mailsvc.core.interfaces.reports import IReports
from mailsvc.core.interfaces.store import IStore
from mailsvc.queue.attempt import Attempts
from mailsvc.queue.options import QueueOptions
from mailsvc.queue.pool import Pool
from mailsvc.queue.ways import Ways

__all__ = ["Means"]


@attrs.frozen(kw_only=True)
class Means:
    """What is needed for sending. ``now``: seconds since the epoch."""

    reactor: Any
    store: IStore
    reports: IReports
    ledger: ILedger
    ways: Ways
    attempts: Attempts
    pool: Pool
    options: QueueOptions
    now: Callable[[], float]

    def second(self) -> int:
        """Now, in whole seconds, as tickets and outcomes have it."""
        return int(self.now())
