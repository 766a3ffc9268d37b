"""One connection: what has come and waits, what is to go, how long the client may be silent, TLS, and the end.

::

    transport -> dataReceived -> Framing (bounded) -> _pump(): whoever makes something of it
    send() -> one write per batch of replies -> transport -> WriteFlow: when there is room again, _pump()

Time runs against the client only while we wait for it: for its part of the handshake, for what it says, or for it to take what we send.
When it does not close in answer to our close, the connection is aborted.

Standards: RFC 3207 4.2 and RFC 2595 (what came before TLS is discarded).
"""

from typing import TYPE_CHECKING, Any

import attrs
from twisted.internet import protocol
from twisted.internet.interfaces import IHandshakeListener
from twisted.python.failure import Failure
from zope.interface import implementer

from mailsvc.core.deadline import Deadline
from mailsvc.core.flow import WriteFlow
from mailsvc.core.output import write_now
from mailsvc.core.values import Peer
from mailsvc.wire.channel import certified_names
from mailsvc.wire.dialogue import shown_reply
from mailsvc.wire.framing import Framing

if TYPE_CHECKING:
    from mailsvc.wire.factory import ConversationFactory

__all__ = ["CLOSE_GRACE", "HANDSHAKE_TIMEOUT", "SHORT_GRACE", "Connection", "Gone"]

CLOSE_GRACE = 30.0
"""Seconds that a peer gets to take our last words and close; then the connection is aborted."""

SHORT_GRACE = 3.0
"""The same when the server stops, which a sleeping client with TLS need not hold up, and for a client that is turned away."""

HANDSHAKE_TIMEOUT = 60.0
"""Seconds that a client gets for its part of the TLS handshake (less if the listener's idle time-out is shorter)."""


class Gone(Exception):
    """The client has gone while a command was waiting for it."""


@implementer(IHandshakeListener)
class Connection(protocol.Protocol):
    """A server's side of one connection, without a word of what is said on it.

    ``factory``, a :class:`~mailsvc.wire.factory.ConversationFactory`, gives clock, TLS and listener options.
    """

    factory: "ConversationFactory"
    transport: Any
    max_line = 2048
    peer: Peer
    over = False  # whether the connection has ended

    # --- what a protocol provides ---

    def make_framing(self) -> Any:
        """The input buffer: of lines, unless a protocol's commands are more than lines. It has what :class:`Framing` has but ``line``."""
        return Framing(self.max_line)

    @property
    def idle_timeout(self) -> float:
        """Seconds that the client may take to send a command, or to take what we send."""
        return self.factory.options.idle_timeout

    def farewell(self, reason: str) -> None:
        """Tell the client that the server ends the connection: ``"timeout"``, ``"shutdown"``, ``"busy"`` or ``"revoked"``."""
        raise NotImplementedError

    def _pump(self) -> None:
        """Go on, as far as what has come and the room for answers reach."""
        raise NotImplementedError

    # --- events ---

    def makeConnection(self, transport: Any) -> None:
        """Take the connection; a subclass's ``connectionMade`` speaks first."""
        self.connected = True
        self.transport = transport
        self.connectionMade()

    def connectionMade(self) -> None:
        """Set up the buffers, the clock and the limits."""
        factory = self.factory
        self._framing = self.make_framing()
        self._out: list[bytes] = []
        self._queued = 0
        self._closing = False
        self._grace = CLOSE_GRACE
        self._reply_awaited = factory.debug
        self._reading_paused = False
        self._abort_call: Any = None
        self._deadline = Deadline(factory.clock, self._timed_out)
        self._flow = WriteFlow(self._pump)
        self.peer = factory.peer_of(self.transport)
        # Nagle's algorithm with delayed ACKs holds small replies back for 40 ms.
        if hasattr(self.transport, "setTcpNoDelay") and self.peer.address:
            self.transport.setTcpNoDelay(True)
        self.transport.registerProducer(self._flow, True)
        self._expect_handshake(self.peer.tls is not None)

    def connectionLost(self, reason: Failure = protocol.connectionDone) -> None:
        """The line is closed: nothing that still waits in the buffer is carried out."""
        self.over = self._closing = True
        self._deadline.stop()
        if self._abort_call is not None and self._abort_call.active():
            self._abort_call.cancel()
        self._framing.take()
        self._flow.broken(Gone())

    def handshakeCompleted(self) -> None:
        """TLS is up: from here on ``peer.tls`` names its version."""
        self._expect_handshake(False)
        handle = self.transport.getHandle()
        names = certified_names(handle) if self.factory.tls.vouches(handle) else ()
        self.peer = attrs.evolve(self.peer, tls=handle.get_protocol_version_name(), certificate=names)

    def dataReceived(self, data: bytes) -> None:
        """Bytes from the client."""
        if self._closing:
            return
        self._framing.feed(data)
        self._pump()
        if self._framing.crowded and not self._closing and not self._reading_paused:
            self._reading_paused = True
            self.transport.pauseProducing()

    # --- to the client ---

    def send(self, data: bytes) -> None:
        """Queue bytes for the client; they leave with the other replies of this turn in one write."""
        if self._reply_awaited:
            self._reply_awaited = False
            self.factory.log_line(self.peer, "S", shown_reply(data))
        self._out.append(data)
        self._queued += len(data)

    def _flush(self) -> None:
        if self._out and not self._closing:
            out, self._out, self._queued = self._out, [], 0
            write_now(self.transport, out[0] if len(out) == 1 else b"".join(out))

    # --- TLS and time ---

    def start_tls(self) -> None:
        """Begin TLS after the reply queued so far; whatever the client sent before it is forgotten (RFC 3207 4.2)."""
        self._framing.take()
        self._flush()
        self.transport.startTLS(self.factory.tls)
        self._expect_handshake(True)
        self.peer = attrs.evolve(self.peer, tls="TLS")

    def _expect_handshake(self, expected: bool) -> None:
        self._handshaking = expected
        idle = self.factory.options.idle_timeout
        self._deadline.set(min(HANDSHAKE_TIMEOUT, idle) if expected else idle)

    def _timed_out(self) -> None:
        self._end("timeout")
        if self._handshaking:  # no goodbye can reach the client, and it would not say its own
            self.abort()

    # --- the end ---

    def _end(self, reason: str) -> None:
        self.farewell(reason)
        self.close()

    def close(self) -> None:
        """Say what is queued and close; abort if the peer does not let us."""
        if self._closing:
            return
        self._flush()
        self._closing = True
        self._deadline.stop()
        self._framing.take()
        if self._reading_paused:
            self.transport.resumeProducing()
        self.transport.unregisterProducer()
        self.transport.loseConnection()
        if self._abort_call is None:
            self._abort_call = self.factory.clock.callLater(self._grace, self.abort)

    def abort(self) -> None:
        """Cut the line now."""
        self.transport.abortConnection()
