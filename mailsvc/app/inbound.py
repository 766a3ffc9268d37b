"""Mail from clients, wired: what takes a message in, and what it asks on the way."""

from mailsvc.app.config import Config
from mailsvc.app.relay_domains import relay_domains
from mailsvc.auth.relay_permission import Permits
from mailsvc.core.interfaces.directory import IDirectory
from mailsvc.core.interfaces.ledger import ILedger
from mailsvc.core.interfaces.reports import IReports
from mailsvc.delivery import Reception
from mailsvc.delivery.border import Border
from mailsvc.delivery.services import Services
from mailsvc.store import StoreClient

__all__ = ["make_reception"]


def make_reception(
    config: Config, store: StoreClient, directory: IDirectory, permits: Permits, reports: IReports, ledger: ILedger
) -> Reception:
    """What makes an avatar for every client that hands in mail, as its listener wants it."""
    services = Services(
        store=store,
        directory=directory,
        permits=permits,
        reports=reports,
        hostname=config.hostname,
        border=Border(config.border),
        find_relay_domain=relay_domains(config.relay_domains),
        ledger=ledger,
    )
    return Reception(services, {listener.name: listener for listener in config.listeners})
