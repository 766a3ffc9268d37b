"""The queue put together: from options and the rooms below to the service."""

import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import attrs

from mailsvc.bus import Bus
from mailsvc.core.interfaces.ledger import ILedger
from mailsvc.core.interfaces.outbound import IConnector, IResolver
from mailsvc.core.interfaces.reports import IReports
from mailsvc.core.interfaces.store import ILock, IStore
from mailsvc.ledger.nowhere import Nowhere
from mailsvc.queue.attempt import Attempts
from mailsvc.queue.dispatcher import Dispatcher
from mailsvc.queue.means import Means
from mailsvc.queue.options import QueueOptions, RelayDomainOptions, RouteOptions
from mailsvc.queue.pool import Pool
from mailsvc.queue.routing import Ourselves, Router
from mailsvc.queue.service import QueueService
from mailsvc.queue.ways import Senders, Ways

__all__ = ["Surroundings", "make_queue"]


@attrs.frozen(kw_only=True)
class Surroundings:
    """What the queue needs of others.

    :ivar hostname: our name. :ivar listening: address and port of our SMTP listeners. :ivar now: seconds since the epoch.
    :ivar ledger: told of what becomes of recipients.
    """

    reactor: Any
    store: IStore
    bus: Bus
    reports: IReports
    resolver: IResolver
    connector: IConnector
    hostname: str
    listening: Iterable[tuple[str, int]] = ()
    now: Callable[[], float] = time.time
    ledger: ILedger = attrs.field(factory=Nowhere)


def make_queue(
    around: Surroundings,
    options: QueueOptions,
    routes: Sequence[RouteOptions] = (),
    relay_domains: Sequence[RelayDomainOptions] = (),
    senders: Senders | None = None,
) -> QueueService:
    """The queue of one process. Raises ValueError for an address or a host in the options that is none.

    :param senders: our addresses for mail from domains that have their own.
    """
    ourselves = Ourselves([around.hostname, *options.names], options.addresses, around.listening)
    pool = Pool(around.reactor, options.connection_idle, options.messages_per_connection)
    means = Means(
        reactor=around.reactor,
        store=around.store,
        reports=around.reports,
        ledger=around.ledger,
        ways=Ways(options, routes, relay_domains, around.hostname, senders),
        attempts=Attempts(Router(around.resolver, ourselves), around.connector, pool),
        pool=pool,
        options=options,
        now=around.now,
    )
    return QueueService(around.reactor, around.store, around.bus, pool, partial(_dispatcher, means))


def _dispatcher(means: Means, lock: ILock) -> Dispatcher:
    return Dispatcher(means, lambda: lock.held)
