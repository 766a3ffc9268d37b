"""The whole service as one tree, in the order in which its parts start; they stop in the reverse order, each after the one before.

::

    MailService
      Ports          bound while we may still be root (privilegedStartService); then we become the configured user
      OwnerService   the child process that commits for all
      Opening        makes the declared domains, then opens: Serving in this process, or a WorkerPool
      Monitoring     /metrics and /health
      Renewal        looks for a renewed certificate every minute, and at SIGHUP

``makeService`` also reads the certificate's key, for the same reason. Nothing else of the tree needs root.
"""

import os
import resource
import signal
from collections.abc import Awaitable, Sequence
from functools import partial
from socket import socket
from typing import Any, cast

from twisted.application.internet import TimerService
from twisted.application.service import IService, MultiService, Service
from twisted.cred.checkers import ICredentialsChecker
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import ILogObserver, Logger
from twisted.python.components import Componentized

from mailsvc.app.binding import CannotBind, bind_listener, bind_tcp, unlink_unix
from mailsvc.app.config import Config
from mailsvc.app.logging import Levels, make_observer, open_writer
from mailsvc.app.privileges import Identity, find_identity
from mailsvc.net.tls import KeyPair, ServerTLS

__all__ = ["MailService", "makeService", "stop_in_order"]

_log = Logger(namespace="mailsvc.app")


class Ports(Service):
    """The listening sockets of all listeners and workers, and the end of our privileges."""

    def __init__(self, config: Config, identity: Identity | None) -> None:
        self._config = config
        self._identity = identity
        self._sockets: list[list[socket]] = []

    def privilegedStartService(self) -> None:
        """Bind everything, or raise CannotBind having bound nothing."""
        super().privilegedStartService()
        try:
            for options in self._config.listeners:
                self._sockets.append(bind_listener(options, self._config.workers))
        except CannotBind:
            self._close()
            raise

    def startService(self) -> None:
        """Become the configured user."""
        super().startService()
        if self._identity is not None:
            self._identity.assume(hand_over=self._config.log.file)
        if os.geteuid() == 0:
            _log.warn("running as root: set `user` in the configuration")

    def stopService(self) -> None:
        """Close the sockets; what still waits in their queues is refused."""
        super().stopService()
        self._close()

    def of_worker(self, number: int) -> list[socket]:
        """One socket for each listener, in their order."""
        return [copies[number] for copies in self._sockets]

    def _close(self) -> None:
        for options, copies in zip(self._config.listeners, self._sockets, strict=False):
            for each in copies:
                each.close()
            unlink_unix(options)
        self._sockets.clear()


class Opening(Service):
    """Lets clients in once the store answers and the declared domains exist.

    If that takes longer than :data:`PATIENCE` seconds we open all the same: clients hear "try again later" then, not silence.
    """

    PATIENCE = 5.0
    RETRY = 0.5

    def __init__(self, reactor: Any, store: IStore, config: Config, inner: Service) -> None:
        self._reactor = reactor
        self._store = store
        self._inner = inner
        self._domains = [AddDomain(domain.name, domain.aliases) for domain in config.domains]
        self._opening: Deferred[None] | None = None

    def startService(self) -> None:
        """Begin; the sockets hold early clients meanwhile."""
        super().startService()
        self._opening = Deferred.fromCoroutine(self._open())
        self._opening.addErrback(lambda failure: failure.trap(CancelledError))

    def stopService(self) -> Deferred[None] | None:
        """Let nobody in any more, and those inside out."""
        super().stopService()
        if self._opening is not None:
            self._opening.cancel()
        return self._inner.stopService() if self._inner.running else None

    async def _open(self) -> None:
        deadline = self._reactor.seconds() + self.PATIENCE
        while True:
            made = await self._make_domains()
            if not self._inner.running and (made or self._reactor.seconds() >= deadline):
                self._inner.startService()
            if made:
                return
            await deferLater(self._reactor, self.RETRY)

    async def _make_domains(self) -> bool:
        try:
            await self._store.apply(self._domains)
        except MailError as error:
            if error.temporary:
                return False
            _log.error("the domains of the configuration cannot be made: {error}", error=str(error))
        return True
