"""The rooms of one serving process, each given what it needs of the others.

::

    store -> directory -> permits -> reception (inbound.py) -> avatars: IDelivery, IMaildrop (pop3), IMailboxes (imap)
                                                                   -> portal (log_ins.py) -> listeners (mailsvc.app.listeners)
          -> reports, resolver, ledger -> queue (outbound.py)
"""

import time
from collections.abc import Iterable
from functools import partial
from socket import socket
from typing import Any

import attrs
from twisted.application.service import Service
from twisted.cred.checkers import ICredentialsChecker
from twisted.internet.threads import deferToThreadPool

from mailsvc.app.config import Config
from mailsvc.app.first_use import FirstUse
from mailsvc.app.inbound import make_reception
from mailsvc.app.log_ins import make_log_ins
from mailsvc.app.logging import Levels
from mailsvc.app.outbound import make_outbound
from mailsvc.app.permits import make_permits
from mailsvc.app.portal import MailPortal
from mailsvc.auth.guard import Guard
from mailsvc.bus import Announcement, Bus
from mailsvc.core.interfaces.delivery import IDelivery
from mailsvc.core.interfaces.mailboxes import IMailboxes
from mailsvc.core.interfaces.maildrop import IMaildrop
from mailsvc.delivery import Reception
from mailsvc.delivery.trace import make_queue_ids
from mailsvc.directory import Directory
from mailsvc.imap import mailboxes_factory
from mailsvc.ledger import Ledger
from mailsvc.net.resolver import Resolver
from mailsvc.net.tls import ServerTLS
from mailsvc.pop3 import maildrop_factory
from mailsvc.queue.etrn import Release
from mailsvc.queue.reports import Reports
from mailsvc.store import StoreClient

__all__ = ["LOG_LEVEL", "Rooms", "build_rooms", "make_store", "store_path"]

LOG_LEVEL = "log-level"
"""Announced by ``mailsvc log level``: a list of protocol and level."""


@attrs.frozen(kw_only=True)
class Rooms:
    """What the listeners of a process need. ``services`` are to be started before them, in this order; ``store`` before all."""

    reactor: Any
    config: Config
    store: StoreClient
    directory: Directory
    portal: MailPortal
    reception: Reception
    guard: Guard
    release: Release
    tls: ServerTLS | None
    levels: Levels
    services: tuple[Service, ...]


def store_path(config: Config) -> str:
    """The store's directory."""
    return str(config.store.path)


def make_store(reactor: Any, config: Config, levels: Levels) -> StoreClient:
    """This process's way to the store, and with it to what other processes announce."""
    bus = Bus()
    bus.subscribe(LOG_LEVEL, lambda announcement: _set_level(levels, announcement))
    return StoreClient(reactor, store_path(config), bus, config.store)


def build_rooms(
    reactor: Any,
    config: Config,
    store: StoreClient,
    tls: ServerTLS | None,
    levels: Levels,
    checkers: Iterable[ICredentialsChecker] = (),
    pam: socket | None = None,
) -> Rooms:
    """Put the rooms together. ``checkers``, ``pam`` and what is raised: as for :func:`~mailsvc.app.log_ins.make_log_ins`."""
    directory = Directory(store.connection)
    ledger = Ledger(reactor, store.apply, store.connection, config.ledger)
    reports = Reports(store.bodies, directory, config.hostname, make_queue_ids(time.time), within=ledger.within)
    permits = make_permits(config, store, directory, ledger, first_use=FirstUse(config, store, directory, ledger).tell)
    reception = make_reception(config, store, directory, permits, reports, ledger)
    avatars: dict[Any, Any] = {
        IDelivery: reception.avatar,
        IMaildrop: maildrop_factory(store),
        IMailboxes: mailboxes_factory(store, partial(deferToThreadPool, reactor, reactor.getThreadPool())),
    }
    log_ins = make_log_ins(reactor, config, store, directory, permits.desk, avatars, checkers, pam)
    resolver = Resolver(reactor, config.dns)
    queue = make_outbound(reactor, config, store, reports, resolver, ledger)
    return Rooms(
        reactor=reactor,
        config=config,
        store=store,
        directory=directory,
        portal=log_ins.portal,
        reception=reception,
        guard=log_ins.guard,
        release=Release(store, config.relay_domains, time.time),
        tls=tls,
        levels=levels,
        services=(*log_ins.services, ledger, resolver, queue),
    )


def _set_level(levels: Levels, announcement: Announcement) -> None:
    protocol, level = announcement.payload
    levels.set(str(protocol), str(level))
