"""The rooms of one serving process, each given what it needs of the others.

::

    store -> directory -> realm (IDelivery: delivery, IMaildrop: pop3, IMailboxes: imap)
                                                        -> portal -> listeners (mailsvc.app.listeners)
                 secrets, hasher -> doors (every way to log in) --/
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
from mailsvc.app.logging import Levels
from mailsvc.app.outbound import make_outbound
from mailsvc.app.permits import make_permits
from mailsvc.app.portal import MailPortal, make_portal
from mailsvc.app.realm import Realm
from mailsvc.app.relay_domains import relay_domains
from mailsvc.app.rules import password_rules
from mailsvc.app.sessions import Sessions
from mailsvc.auth.doors import make_doors
from mailsvc.auth.grants import Granting
from mailsvc.auth.guard import Guard, make_throttle
from mailsvc.auth.hashing import Hasher
from mailsvc.auth.pam import PamLine
from mailsvc.auth.password_change import PasswordChanges
from mailsvc.auth.pool import BoundedPool
from mailsvc.auth.relay_checker import RelayChecker
from mailsvc.auth.usage import DeviceUsage
from mailsvc.bus import Announcement, Bus
from mailsvc.core.interfaces.delivery import IDelivery
from mailsvc.core.interfaces.mailboxes import IMailboxes
from mailsvc.core.interfaces.maildrop import IMaildrop
from mailsvc.core.interfaces.password import IPasswordChange
from mailsvc.delivery import Reception
from mailsvc.delivery.border import Border
from mailsvc.delivery.services import Services
from mailsvc.delivery.trace import make_queue_ids
from mailsvc.directory import Directory, Secrets
from mailsvc.imap import mailboxes_factory
from mailsvc.ledger import Ledger
from mailsvc.net.resolver import Resolver
from mailsvc.net.tls import ServerTLS
from mailsvc.pop3 import maildrop_factory
from mailsvc.queue.etrn import Release
from mailsvc.queue.reports import Reports
from mailsvc.queue.service import QueueService
from mailsvc.store import StoreClient

__all__ = ["LOG_LEVEL", "Hashing", "Rooms", "build_rooms", "make_store", "store_path"]

LOG_LEVEL = "log-level"
"""Announced by ``mailsvc log level``: a list of protocol and level."""


class Hashing(Service):
    """The threads that hash passwords, for as long as the service runs."""

    def __init__(self, pool: BoundedPool) -> None:
        self._pool = pool

    def startService(self) -> None:
        """Allow threads."""
        super().startService()
        self._pool.start()

    def stopService(self) -> None:
        """End them."""
        super().stopService()
        self._pool.stop()


@attrs.frozen(kw_only=True)
class Rooms:
    """What the listeners of a process need. :attr:`services` are to be started before them, in this order; ``store`` before all."""

    reactor: Any
    config: Config
    store: StoreClient
    directory: Directory
    hashing: Hashing
    usage: DeviceUsage
    granting: Granting
    ledger: Ledger
    portal: MailPortal
    guard: Guard
    release: Release
    resolver: Resolver
    queue: QueueService
    tls: ServerTLS | None
    levels: Levels

    @property
    def services(self) -> tuple[Service, ...]:
        """What runs beside the listeners."""
        return self.hashing, self.usage, self.granting, self.ledger, self.resolver, self.queue


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
    """Put the rooms together. Raises ValueError for a source of passwords that cannot be used. ``pam``: our line to PAM's helper."""
    directory = Directory(store.connection)
    resolver = Resolver(reactor, config.dns)
    pool = BoundedPool(reactor, config.auth.hashing_threads, config.auth.hashing_queue)
    ledger = Ledger(reactor, store.apply, store.connection, config.ledger)
    reports = Reports(store.bodies, directory, config.hostname, make_queue_ids(time.time), within=ledger.within)
    permits = make_permits(config, store, directory, ledger, first_use=FirstUse(config, store, directory, ledger).tell)
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
    reception = Reception(services, {listener.name: listener for listener in config.listeners})
    sessions = Sessions(directory, config.auth.end_sessions)
    sessions.listen(store.bus)
    guard = Guard(reactor, directory, make_throttle(config.throttle), store.announce)
    guard.listen(store.bus)
    secrets, hasher = Secrets(store.connection), Hasher(pool)
    changes = PasswordChanges(directory, secrets, hasher, store.apply, partial(password_rules, config))
    factories: dict[Any, Any] = {
        IDelivery: reception.avatar,
        IMaildrop: maildrop_factory(store),
        IMailboxes: mailboxes_factory(store, partial(deferToThreadPool, reactor, reactor.getThreadPool())),
        IPasswordChange: changes.avatar,
    }
    realm = Realm(directory, factories, sessions, config.accounts.registration)
    usage = DeviceUsage(reactor, store.apply)
    granting = Granting(reactor, permits.desk.rules, permits.desk.grants, secrets, store.apply, keep=config.relay.keep)
    granting.listen(store.bus)
    doors = make_doors(
        reactor,
        config.auth,
        config.oauth,
        directory,
        secrets,
        store.apply,
        hasher,
        usage.note,
        checkers,
        PamLine(reactor, pam) if pam is not None else None,
    )
    portal = make_portal(realm, doors, store.bus.publish, guard, RelayChecker(permits.desk), reactor)
    return Rooms(
        reactor=reactor,
        config=config,
        store=store,
        directory=directory,
        hashing=Hashing(pool),
        usage=usage,
        granting=granting,
        ledger=ledger,
        portal=portal,
        guard=guard,
        release=Release(store, config.relay_domains, time.time),
        resolver=resolver,
        queue=make_outbound(reactor, config, store, reports, resolver, ledger),
        tls=tls,
        levels=levels,
    )


def _set_level(levels: Levels, announcement: Announcement) -> None:
    protocol, level = announcement.payload
    levels.set(str(protocol), str(level))
