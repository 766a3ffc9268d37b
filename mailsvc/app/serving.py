"""What every serving process does, alone or as one of several workers: answer on its sockets until told to stop.

Stopping is orderly: no new connections; clients are told goodbye, idle ones at once, busy ones after their command; those still at it after
:data:`GRACE` seconds are told so too, and cut.
"""

from collections.abc import Callable, Sequence
from socket import socket
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.interfaces import IListeningPort
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol

from mailsvc.app.binding import serve_on
from mailsvc.app.listeners import make_factory
from mailsvc.app.rooms import LOG_LEVEL, Rooms
from mailsvc.net.tls import Certificates
from mailsvc.wire.factory import ConversationFactory
from mailsvc.wire.options import TLSMode

__all__ = ["GRACE", "TICKET_LIFE", "Serving"]

_log = Logger(namespace="mailsvc.app")

GRACE = 20.0
"""Seconds that running commands get when the service stops."""

TICKET_LIFE = 12 * 3600.0
"""Seconds until the keys of TLS session tickets are made anew."""


class _UnderTLS(TLSMemoryBIOFactory):
    """TLS without Twisted's gathering of small writes, which takes a timer and a turn of the reactor: a Conversation gathers itself."""

    protocol = TLSMemoryBIOProtocol
    noisy = False


class Serving(Service):
    """The listeners of one process."""

    def __init__(self, reactor: Any, rooms: Rooms, sockets: Callable[[], Sequence[socket]]) -> None:
        """:param sockets: gives one listening socket for each listener of the configuration, once the service starts."""
        self._reactor = reactor
        self._rooms = rooms
        self._sockets = sockets
        self._factories: list[ConversationFactory] = []
        self._ports: list[IListeningPort] = []
        self._tickets: LoopingCall | None = None

    def startService(self) -> None:
        """Listen."""
        super().startService()
        listeners = self._rooms.config.listeners
        for options, listening in zip(listeners, self._sockets(), strict=True):
            factory = make_factory(self._rooms, options)
            outer = self._under_tls(factory) if options.tls is TLSMode.IMPLICIT else factory
            self._ports.append(serve_on(self._reactor, listening, outer))
            self._factories.append(factory)
        if self._rooms.tls is not None:
            self._tickets = LoopingCall(self._rooms.tls.renew_tickets)
            self._tickets.clock = self._reactor
            self._tickets.start(TICKET_LIFE, now=False)
        self._show_dialogues()
        self._rooms.store.bus.subscribe(LOG_LEVEL, self._show_dialogues)
        _log.info("serving {listeners}", listeners=", ".join(options.name for options in listeners))

    def _show_dialogues(self, announcement: object = None) -> None:
        """As the log's levels are now."""
        for factory in self._factories:
            factory.debug = self._rooms.levels.debugging(factory.options.protocol.value)

    def stopService(self) -> Deferred[None]:
        """Stop accepting, say goodbye, wait. Fires when the last connection is gone."""
        super().stopService()
        if self._tickets is not None:
            self._tickets.stop()
        return Deferred.fromCoroutine(self._drain())

    def _under_tls(self, factory: ConversationFactory) -> TLSMemoryBIOFactory:
        assert self._rooms.tls is not None  # the configuration is refused otherwise
        return _UnderTLS(self._rooms.tls, False, factory)

    def renew(self, keys: Certificates) -> None:
        """Use another certificate from the next connection on."""
        if self._rooms.tls is not None:
            self._rooms.tls.replace(keys)

    async def check(self) -> None:
        """Health: raises RuntimeError while nobody is let in."""
        if not self._ports:
            raise RuntimeError("not open yet")

    async def _drain(self) -> None:
        ports, self._ports = self._ports, []
        try:
            await gatherResults([maybeDeferred(port.stopListening) for port in ports])
        finally:
            await self._say_goodbye()

    async def _say_goodbye(self) -> None:
        await gatherResults([Deferred.fromCoroutine(factory.drain(GRACE)) for factory in self._factories])
