"""The monitoring port of the whole service: one, in the main process, whatever the number of workers."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from socket import socket
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IListeningPort

from mailsvc.app.binding import CannotBind, bind_tcp
from mailsvc.core.interfaces.store import IStore
from mailsvc.monitor.endpoint import make_site
from mailsvc.monitor.health import Check
from mailsvc.monitor.options import MonitorOptions
from mailsvc.queue.service import SomebodySends

__all__ = ["Monitoring"]


class Monitoring(Service):
    """Answers /metrics and /health."""

    def __init__(
        self,
        reactor: Any,
        options: MonitorOptions,
        store: IStore,
        serving: Callable[[], Awaitable[None]],
        counters: Path | None,
    ) -> None:
        """:param serving: raises if not every listener is served. :param counters: where worker processes keep their counters."""
        self._reactor = reactor
        self._options = options
        self._store = store
        self._counters = counters
        self._checks: dict[str, Check] = {
            "store": store.ping,
            "intake": self._intake,
            "listeners": serving,
            "queue": SomebodySends(reactor, store),
        }
        self._socket: socket | None = None
        self._port: IListeningPort | None = None

    def privilegedStartService(self) -> None:
        """Bind. Raises CannotBind."""
        super().privilegedStartService()
        address, port = self._options.address, self._options.port
        try:
            self._socket = bind_tcp(address, port)
        except OSError as error:
            raise CannotBind(f"monitor@{address}:{port}: {error.strerror}") from error

    def startService(self) -> None:
        """Answer."""
        super().startService()
        if self._socket is not None:
            site = make_site(self._reactor, self._checks, self._counters)
            self._port = self._reactor.adoptStreamPort(self._socket.fileno(), self._socket.family, site)
            self._socket.close()  # the port has its own descriptor

    def stopService(self) -> "Deferred[Any] | None":
        """Close the port."""
        super().stopService()
        return maybeDeferred(self._port.stopListening) if self._port is not None else None

    async def _intake(self) -> None:
        self._store.check_ready()
