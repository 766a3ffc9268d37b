"""Logging in, wired: every way to show who one is, what is behind it, and what a log-in leaves.

::

    secrets, hasher -> doors (every way to log in) -\\
    avatars of the protocols -> realm --------------- portal        left behind: usage (devices), granting (who may relay)
    throttle -> guard ------------------------------/
"""

from collections.abc import Iterable, Mapping
from functools import partial
from socket import socket
from typing import Any

import attrs
from twisted.application.service import Service
from twisted.cred.checkers import ICredentialsChecker

from mailsvc.app.config import Config
from mailsvc.app.portal import MailPortal, make_portal
from mailsvc.app.realm import AvatarFactory, Realm
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
from mailsvc.auth.relay_desk import RelayDesk
from mailsvc.auth.usage import DeviceUsage
from mailsvc.core.interfaces.password import IPasswordChange
from mailsvc.directory import Directory, Secrets
from mailsvc.store import StoreClient

__all__ = ["Hashing", "LogIns", "make_log_ins"]


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


@attrs.frozen
class LogIns:
    """:ivar services: what runs beside the listeners, to be started in this order."""

    portal: MailPortal
    guard: Guard
    services: tuple[Service, ...]


def make_log_ins(
    reactor: Any,
    config: Config,
    store: StoreClient,
    directory: Directory,
    desk: RelayDesk,
    avatars: Mapping[Any, AvatarFactory],
    checkers: Iterable[ICredentialsChecker] = (),
    pam: socket | None = None,
) -> LogIns:
    """The portal and what is behind it.

    :param avatars: what makes the avatars of the protocols that carry mail, by interface. :param checkers: those given by ``--auth``.
    :param pam: our line to PAM's helper. Raises ValueError for a source of passwords that cannot be used.
    """
    pool = BoundedPool(reactor, config.auth.hashing_threads, config.auth.hashing_queue)
    secrets, hasher = Secrets(store.connection), Hasher(pool)
    usage = DeviceUsage(reactor, store.apply)
    granting = Granting(reactor, desk.rules, desk.grants, secrets, store.apply, keep=config.relay.keep)
    granting.listen(store.bus)
    guard = Guard(reactor, directory, make_throttle(config.throttle), store.announce)
    guard.listen(store.bus)
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
    changes = PasswordChanges(directory, secrets, hasher, store.apply, partial(password_rules, config))
    realm = _make_realm(config, store, directory, {**avatars, IPasswordChange: changes.avatar})
    portal = make_portal(realm, doors, store.bus.publish, guard, RelayChecker(desk), reactor)
    return LogIns(portal, guard, (Hashing(pool), usage, granting))


def _make_realm(
    config: Config, store: StoreClient, directory: Directory, avatars: Mapping[Any, AvatarFactory]
) -> Realm:
    sessions = Sessions(directory, config.auth.end_sessions)
    sessions.listen(store.bus)
    return Realm(directory, avatars, sessions, config.accounts.registration)
