"""A server that does as a script says (:mod:`mailsvc.testing.smtp_script`), bad things above all, behind a real socket with real TLS.

::

    server = ScriptedServer(reactor, script, another, tls=contextFactory)
    ... server.port ...
    await server.stop()
    assert server.problems == []
"""

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from mailsvc.testing.smtp_script import ScriptedPeer

__all__ = ["ScriptedServer"]


class ScriptedServer:
    """Listens on the loopback. Each connection plays the next script; the last one is played again and again.

    :ivar port: where. :ivar peers: the connections so far, in order.
    """

    def __init__(self, reactor: Any, *scripts: str, tls: Any = None, address: str = "127.0.0.1") -> None:
        """:param tls: what ``startTLS`` takes on the server's side."""
        self.peers: list[ScriptedPeer] = []
        self._scripts = list(scripts)
        self._tls = tls
        self._open: set[_Connection] = set()
        factory = Factory.forProtocol(_Connection)
        factory.server = self  # type: ignore[attr-defined]
        factory.noisy = False
        self._listener = reactor.listenTCP(0, factory, interface=address)
        self.port: int = self._listener.getHost().port

    @property
    def messages(self) -> list[bytes]:
        """What came on all connections."""
        return [message for peer in self.peers for message in peer.messages]

    @property
    def problems(self) -> list[str]:
        """Where clients did not keep to their scripts; complete after :meth:`stop`."""
        return [problem for peer in self.peers for problem in peer.problems]

    async def stop(self) -> None:
        """Listen no more, and end all connections."""
        if self._listener is not None:
            listener, self._listener = self._listener, None
            await listener.stopListening()
        for connection in list(self._open):
            connection.transport.abortConnection()  # type: ignore[union-attr]
            await connection.over

    def next_script(self) -> str:
        """For a new connection."""
        return self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]


class _Connection(Protocol):
    """One client."""

    def connectionMade(self) -> None:
        """Begin."""
        self._server: ScriptedServer = self.factory.server
        self._server._open.add(self)
        self.over: Deferred[None] = Deferred()
        self._peer = ScriptedPeer(self._server.next_script(), self.transport.write, self._act)  # type: ignore[union-attr]
        self._server.peers.append(self._peer)
        self._peer.begin()

    def dataReceived(self, data: bytes) -> None:
        """Go on."""
        self._peer.feed(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The end."""
        self._peer.finish()
        self._server._open.discard(self)
        self.over.callback(None)

    def _act(self, what: str) -> None:
        transport: Any = self.transport
        if what == "TLS":
            transport.startTLS(self._server._tls)
        elif what == "CLOSE":
            transport.loseConnection()
        elif what == "RESET":
            transport.abortConnection()
        else:
            transport.pauseProducing()
