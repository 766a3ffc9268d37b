"""Mail to other servers, wired: the queue of one process with its resolver and its SMTP client."""

from typing import Any

from mailsvc.app.config import Config
from mailsvc.core.interfaces.ledger import ILedger
from mailsvc.core.interfaces.outbound import IResolver
from mailsvc.core.interfaces.reports import IReports
from mailsvc.formats.address import canonical_domain
from mailsvc.net.smtp_client import SMTPConnector
from mailsvc.queue.build import Surroundings, make_queue
from mailsvc.queue.service import QueueService
from mailsvc.store import StoreClient
from mailsvc.wire.options import Protocol

__all__ = ["make_outbound"]


def make_outbound(
    reactor: Any, config: Config, store: StoreClient, reports: IReports, resolver: IResolver, ledger: ILedger
) -> QueueService:
    """The queue as the configuration wants it."""
    around = Surroundings(
        reactor=reactor,
        store=store,
        bus=store.bus,
        reports=reports,
        resolver=resolver,
        ledger=ledger,
        connector=SMTPConnector(reactor, config.timeouts),
        hostname=config.hostname,
        listening=[
            (listener.address, listener.port)
            for listener in config.listeners
            if listener.protocol in (Protocol.SMTP, Protocol.SUBMISSION) and not listener.address.startswith("unix:")
        ],
    )
    senders = {canonical_domain(name): one.sources for one in config.domains for name in (one.name, *one.aliases)}
    return make_queue(around, config.queue, config.routes, config.relay_domains, senders)
