"""Scripts (see :mod:`mailsvc.testing.transcript`) carried out over real sockets on the loopback, with real TLS.

::

    await converse(script, factory, reactor)                 a plain line; TLS where the script says so
    await converse(script, factory, reactor, implicit=True)  TLS from the first byte
"""

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.ssl import CertificateOptions
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure

from mailsvc.testing.transcript import Closed, Expect, Mismatch, Say, StartTLS, steps
from mailsvc.wire.factory import ConversationFactory

__all__ = ["converse"]

GRACE = 5.0
"""Seconds that the server's side of a connection gets to notice that the client has gone."""


class _Client(Protocol):
    """Hears lines, and the end."""

    def __init__(self) -> None:
        self.heard = b""
        self.ended = False
        self._waiting: Deferred[None] | None = None
        self.gone: Deferred[None] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        """More of what the server says."""
        self.heard += data
        self._wake()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The server has closed, or we have."""
        self.ended = True
        self._wake()
        self.gone.callback(None)

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(None)

    async def _more(self) -> None:
        waiting = self._waiting = Deferred()
        await waiting

    async def line(self, expected: Expect) -> None:
        """Check the next line."""
        while b"\r\n" not in self.heard and not self.ended:
            await self._more()
        line, end, self.heard = self.heard.partition(b"\r\n")
        if not end or not expected.matches(line):
            raise Mismatch(f"expected {expected.line!r}, heard {line + end!r}")

    async def end(self) -> None:
        """Check that the server closes and says nothing more."""
        while not self.ended:
            await self._more()
        if self.heard:
            raise Mismatch(f"before the end: unexpected {self.heard[:500]!r}")


async def converse(script: str, factory: ConversationFactory, reactor: Any, implicit: bool = False) -> None:
    """Carry out a script on a connection to a listener of ``factory``, and end the listener. Raises Mismatch.

    :param factory: with ``tls`` if TLS is spoken; good for one script. :param implicit: TLS from the first byte.
    """
    served: Any = TLSMemoryBIOFactory(factory.tls, False, factory) if implicit else factory
    port = reactor.listenTCP(0, served, interface="127.0.0.1")
    client = _Client()
    await connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port), client)
    try:
        if implicit:
            _start_tls(client)
        await _play(script, client)
    finally:
        client.transport.abortConnection()  # type: ignore[union-attr]
        await client.gone
        await port.stopListening()
        await factory.drain(GRACE)


def _start_tls(client: _Client) -> None:
    client.transport.startTLS(CertificateOptions())  # type: ignore[union-attr]


async def _play(script: str, client: _Client) -> None:
    for step in steps(script):
        match step:
            case Say(octets):
                client.transport.write(octets)  # type: ignore[union-attr]
            case Expect():
                await client.line(step)
            case StartTLS():
                _start_tls(client)
            case Closed():
                await client.end()
    if client.heard:
        raise Mismatch(f"at the end: unexpected {client.heard[:500]!r}")
