"""The whole service as one tree, in the order in which its parts start; they stop in the reverse order, each after the one before.

::

    MailService
      Ports          bound while we may still be root (privilegedStartService); starting it, we become the configured user
      PamHelper      the child process that asks PAM, if it is a source of passwords; started while we may still be root
      OwnerService   the child process that commits for all
      StoreClient    our own way to it
      ThrottleDesk   answers for the throttle of all processes
      Hashing        threads for passwords
      DeviceUsage    writes down when device passwords were used
      Granting       POP-before-SMTP: turns log-ins into grants
      Ledger         writes down what was refused, for people to read
      Resolver       threads that ask the DNS
      QueueService   sends mail to other servers, in the one worker whose turn it is
      Opening        makes the declared domains, then opens: Serving in this process, or a WorkerPool
      Monitoring     /metrics and /health
      Renewal        looks for a renewed certificate

``makeService`` reads the certificate's key, for the same reason. Nothing else needs root: workers inherit the sockets and are sent the key.
"""

import resource
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from socket import socket
from typing import Any

from twisted.application.service import IServiceCollection, Service
from twisted.cred.checkers import ICredentialsChecker
from twisted.internet.defer import Deferred
from twisted.logger import ILogObserver, Logger
from twisted.python.components import Componentized

from mailsvc.app.binding import CannotBind
from mailsvc.app.certificates import tls_files
from mailsvc.app.config import Config
from mailsvc.app.logging import Levels, Writer, make_observer, open_writer
from mailsvc.app.monitoring import Monitoring
from mailsvc.app.opening import Opening
from mailsvc.app.ordered import OrderedServices
from mailsvc.app.pam_helper import PamHelper
from mailsvc.app.ports import Ports
from mailsvc.app.privileges import find_identity
from mailsvc.app.renewal import Renewal
from mailsvc.app.rooms import Rooms, build_rooms, make_store, store_path
from mailsvc.app.serving import Serving
from mailsvc.app.throttle_desk import ThrottleDesk
from mailsvc.app.workers import WorkerPool
from mailsvc.auth.pam import pam_services
from mailsvc.net.certificate_files import CertificateFiles, TLSFiles
from mailsvc.net.tls import ServerTLS
from mailsvc.store import OwnerService

__all__ = ["MailService", "makeService"]

_log = Logger(namespace="mailsvc.app")


class MailService(OrderedServices):
    """The root of the tree. Given to an ``Application`` it also brings the application's log observer."""

    def __init__(self, observer: ILogObserver, ports: Ports) -> None:
        super().__init__()
        self.setName("mailsvc")
        self._observer = observer
        self._ports = ports

    def setServiceParent(self, parent: Any) -> None:
        """Join a service collection, or a whole application, which then logs as the configuration says."""
        if isinstance(parent, Componentized) and parent.getComponent(ILogObserver) is None:
            parent.setComponent(ILogObserver, self._observer)
        super().setServiceParent(IServiceCollection(parent))

    def privilegedStartService(self) -> None:
        """Bind all ports. Ends the process, with a line in the log and code 1, if one of them cannot be had."""
        _raise_file_limit()
        try:
            super().privilegedStartService()
        except CannotBind as error:
            _log.critical("cannot start: {error}", error=str(error))
            raise SystemExit(1) from error

    def stopService(self) -> "Deferred[None]":
        """Close the ports at once, then stop part after part. Fires when all is over."""
        self._ports.close()
        return super().stopService()


def makeService(config: Config, checkers: Iterable[ICredentialsChecker] = ()) -> MailService:
    """The service that a configuration describes: a child for ``twistd``, a tac file, or a program of your own.

    :param checkers: further sources of passwords, asked after those of the configuration. Objects cannot be sent to other processes, so
        with ``workers`` above 1 they must be named in the configuration (``[auth] sources``) instead.

    Raises ValueError or OSError saying what is wrong: a certificate that cannot be read, an unknown user, a source that cannot be used.
    """
    from twisted.internet import reactor

    checkers = tuple(checkers)
    if checkers and config.workers > 1:
        raise ValueError(
            f"workers = {config.workers}: checker objects work with one worker only; name them in [auth] sources instead"
        )
    levels = Levels(protocol.value for protocol in config.log.debug)
    write = open_writer(config.log)
    ports = Ports(config, find_identity(config.user, config.group))
    service = MailService(make_observer(config.log.format, levels, write), ports)
    for part in _parts(reactor, config, ports, levels, write, checkers):
        part.setServiceParent(service)
    return service


def _parts(
    reactor: Any,
    config: Config,
    ports: Ports,
    levels: Levels,
    write: Writer,
    checkers: tuple[ICredentialsChecker, ...],
) -> Iterator[Service]:
    """The children of the tree, in order."""
    files = tls_files(config)
    keys = files.read() if files is not None else None
    tls = ServerTLS(keys, config.tls.profile) if keys is not None else None
    store = make_store(reactor, config, levels)
    services = pam_services(config.auth.sources)
    helper = PamHelper(reactor, services, config.workers) if services else None
    pam = helper.of_worker(0)[0] if helper is not None and config.workers == 1 else None
    rooms = build_rooms(reactor, config, store, tls, levels, checkers, pam)
    yield ports
    if helper is not None:
        yield helper
    yield OwnerService(reactor, store_path(config))
    yield store
    places = Path(store_path(config), "known-places")
    yield ThrottleDesk(reactor, rooms.guard.throttle, store.bus, store.announce, places, config.language.value)
    if config.workers > 1:
        counters = Path(store_path(config), "counters")
        sockets = partial(_inherited, ports, helper)
        pool = WorkerPool(reactor, config, keys, sockets, counters, levels, write)
        yield from _around(pool, rooms, files, counters)
    else:
        yield from rooms.services
        yield from _around(Serving(reactor, rooms, partial(ports.of_worker, 0)), rooms, files, None)


def _inherited(ports: Ports, helper: PamHelper | None, number: int) -> list[socket]:
    """The sockets of a worker."""
    return [*ports.of_worker(number), *(helper.of_worker(number) if helper is not None else ())]


def _around(
    serving: "Serving | WorkerPool", rooms: Rooms, files: TLSFiles | None, counters: Path | None
) -> Iterator[Service]:
    """What serves, and those that look after it."""
    config = rooms.config
    yield Opening(rooms.reactor, rooms.store, rooms.directory, config, serving)
    if config.monitor.port:
        yield Monitoring(rooms.reactor, config.monitor, rooms.store, serving.check, counters)
    if files is not None:
        yield Renewal(rooms.reactor, CertificateFiles(files, serving.renew))


def _raise_file_limit() -> None:
    """As many open files as the system lets us have: each connection is one."""
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if now != most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
