"""One connection as a serial conversation: the base of our SMTP, LMTP, POP3 and IMAP servers (DESIGN idea 4).

How data passes through::

    transport -> dataReceived -> Framing (bounded) -> one command at a time -> command() -> send() -> one write per batch of replies

A command is a plain method or a coroutine. While a coroutine waits, nothing else of the connection runs: further commands stay in the
buffer, and when that is full the transport is paused. A command may itself read from the client with :meth:`receive` (data) or
:meth:`receive_line` (an answer to a challenge), and write much with :meth:`drain` in between. Replies therefore leave in the order of
the commands, always.

Time runs against the client only while we wait for it: for a command, for data, or for it to take what we send. When it has gone, a
waiting coroutine sees :class:`Gone`; when it does not close, the connection is aborted. A client that has only ended its own half of a
line without TLS gets the answers to what it had sent whole (``printf ... | nc -N``).

Standards: RFC 2920 (pipelining: replies are batched), RFC 3207 4.2 and RFC 2595 (what came before TLS is discarded).
"""

from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, Protocol, cast

import attrs
from twisted.internet import protocol
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IHalfCloseableProtocol, IHandshakeListener
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from mailsvc.core.deadline import Deadline, Pace
from mailsvc.core.errors import MailError
from mailsvc.core.flow import WriteFlow
from mailsvc.core.interfaces.login import ISession
from mailsvc.core.output import write_now
from mailsvc.core.values import Peer
from mailsvc.wire.channel import certified_names
from mailsvc.wire.dialogue import shown_command, shown_reply
from mailsvc.wire.framing import CROWDED, BadLine, Flaw, Framing

if TYPE_CHECKING:
    from mailsvc.wire.factory import ConversationFactory

__all__ = ["Conversation", "Gone", "Reader"]

log = Logger()

CLOSE_GRACE = 30.0
"""Seconds that a peer gets to take our last words and close; then the connection is aborted."""

SHORT_GRACE = 3.0
"""The same when the server stops, which a sleeping client with TLS need not hold up, and for a client that is turned away."""

LAST_GRACE = 1.0
"""The same at the very end, when the server waits no longer for a command that still runs."""

HANDSHAKE_TIMEOUT = 60.0
"""Seconds that a client gets for its part of the TLS handshake (less if the listener's idle time-out is shorter)."""

TURN = 100
"""Commands that a client may have carried out before others get their turn, however many it has sent at once."""

REVOKED_GRACE = 0.5
"""Seconds that a running command gets when the log-in was revoked; then the connection is aborted."""


class Gone(Exception):
    """The client has gone while a command was waiting for it."""


class Reader(Protocol):
    """Takes raw data; see :mod:`mailsvc.formats.dotdata`."""

    def feed(self, data: bytes) -> bytes | None:
        """Take bytes; return what follows the end, or None while more is needed."""


class _LineReader:
    """A Reader of one line, for answers within a command. Nothing is lost when the server does not wait for it."""

    def __init__(self, max_line: int) -> None:
        self._framing = Framing(max_line)
        self.line: bytes | BadLine = b""

    def feed(self, data: bytes) -> bytes | None:
        self._framing.feed(data)
        try:
            line = self._framing.line()
        except BadLine as bad:
            self.line = bad
        else:
            if line is None:
                return None
            self.line = line
        return self._framing.take()


@implementer(IHandshakeListener, IHalfCloseableProtocol, ISession)
class Conversation(protocol.Protocol):
    """A server's side of one connection. Subclasses say what a command means and how things are put into words.

    ``factory``, a :class:`~mailsvc.wire.factory.ConversationFactory`, gives clock, TLS and listener options.
    """

    factory: "ConversationFactory"
    transport: Any
    max_line = 2048
    peer: Peer

    def makeConnection(self, transport: Any) -> None:
        """Take the connection; the subclass's :meth:`greet` speaks first."""
        self.connected = True
        self.transport = transport
        self.connectionMade()

    # --- what a protocol provides ---

    def greet(self) -> "Awaitable[None] | None":
        """Say hello."""
        raise NotImplementedError

    def command(self, line: bytes) -> "Awaitable[None] | None":
        """Carry out one command line (without CRLF)."""
        raise NotImplementedError

    def refused(self, error: MailError) -> None:
        """Answer a command that raised ``error``."""
        raise NotImplementedError

    def unexpected(self) -> None:
        """Answer a command that failed in a way nobody foresaw: a temporary failure."""
        raise NotImplementedError

    def bad_line(self, flaw: Flaw) -> None:
        """Answer a line that cannot be a command. (After one without end the connection is closed.)"""
        raise NotImplementedError

    def make_framing(self) -> Any:
        """The input buffer: of lines, unless a protocol's commands are more than lines. It has what :class:`Framing` has but ``line``."""
        return Framing(self.max_line)

    def shown(self, line: bytes) -> str:
        """What of a command may be logged."""
        return shown_command(line)

    @property
    def idle_timeout(self) -> float:
        """Seconds that the client may take to send a command, or to take what we send."""
        return self.factory.options.idle_timeout

    def farewell(self, reason: str) -> None:
        """Tell the client that the server ends the connection: ``"timeout"``, ``"shutdown"``, ``"busy"`` or ``"revoked"``."""
        raise NotImplementedError

    def ended(self) -> None:
        """The connection is over: give back what is held. Called once."""

    # --- the life of a connection ---

    def connectionMade(self) -> None:
        """Set up the buffers, the clock and the limits, then greet or turn away."""
        factory = self.factory
        self._framing = self.make_framing()
        self._out: list[bytes] = []
        self._queued = 0
        self._busy = False
        self._pumping = False
        self._closing = False
        self._ending = ""  # why the server wants to end this after the running command
        self._input_over = False  # the client will send nothing more
        self._grace = CLOSE_GRACE
        self._reply_awaited = factory.debug
        self._reading_paused = False
        self._reader: Reader | None = None
        self._pace: Pace | None = None
        self._reader_done: Deferred[None] | None = None
        self._abort_call: Any = None
        self._next_turn: Any = None
        self._deadline = Deadline(factory.clock, self._timed_out)
        self._flow = WriteFlow(self._pump)
        self.peer = factory.peer_of(self.transport)
        # Nagle's algorithm with delayed ACKs holds small replies back for 40 ms.
        if hasattr(self.transport, "setTcpNoDelay") and self.peer.address:
            self.transport.setTcpNoDelay(True)
        self.transport.registerProducer(self._flow, True)
        self._expect_handshake(self.peer.tls is not None)
        if not factory.admit(self):
            self._grace = SHORT_GRACE
            self._end("busy")
            if factory.swamped:
                self.abort()
            return
        self._start(self.greet())
        self._pump()

    def connectionLost(self, reason: Failure = protocol.connectionDone) -> None:
        """The line is closed: nothing that still waits in the buffer is carried out."""
        self._closing = True
        self._deadline.stop()
        for call in (self._abort_call, self._next_turn):
            if call is not None and call.active():
                call.cancel()
        self._framing.take()
        self._flow.broken(Gone())
        self._break_reader()
        self.factory.dismiss(self)
        self.ended()

    def readConnectionLost(self) -> None:
        """The client has ended its half: what it sent whole is answered yet, then we end ours."""
        self._input_over = True
        self._pump()

    def writeConnectionLost(self) -> None:
        """We have ended our half alone: that never happens."""

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

    # --- for commands ---

    def send(self, data: bytes) -> None:
        """Queue bytes for the client; they leave with the other replies of this turn in one write."""
        if self._reply_awaited:
            self._reply_awaited = False
            self.factory.log_line(self.peer, "S", shown_reply(data))
        self._out.append(data)
        self._queued += len(data)

    async def receive(self, reader: Reader, timeout: float, pace: Pace | None = None) -> None:
        """Give the client's bytes to ``reader`` until it has enough. Raises Gone.

        :param timeout: seconds of silence. :param pace: how long it may take altogether; without it, no longer than ``timeout``.
        """
        if self._closing:
            raise Gone
        self._reader, self._reader_done, self._pace = reader, Deferred(), pace
        self._deadline.set(timeout)
        done = self._reader_done
        self._pump()
        await done

    async def receive_line(self, timeout: float, max_line: int) -> bytes:
        """The client's next line. Raises Gone, also when the server ends this, and BadLine."""
        if self._ending and not self._closing:
            self._end(self._ending)
        reader = _LineReader(max_line)
        await self.receive(reader, timeout)
        if isinstance(reader.line, BadLine):
            raise reader.line
        return reader.line

    async def drain(self) -> None:
        """Write what is queued, and wait while the client is slow to take it. Raises Gone."""
        if self._closing:
            raise Gone
        self._flush()
        if self._flow.full:
            self._deadline.set(self.idle_timeout)
            await self._flow.room()
            self._deadline.clear()
            if self._reader is not None:  # a command waits for the client besides
                self._deadline.set(self.idle_timeout)

    def start_tls(self) -> None:
        """Begin TLS after the reply queued so far; whatever the client sent before it is forgotten (RFC 3207 4.2)."""
        self._framing.take()
        self._flush()
        self.transport.startTLS(self.factory.tls)
        self._expect_handshake(True)
        self.peer = attrs.evolve(self.peer, tls="TLS")

    def push(self, data: bytes) -> None:
        """Say something now, although no command asked for it."""
        self.send(data)
        self._flush()

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

    def end(self, reason: str) -> None:
        """End now if idle or in the middle of a log-in, else after the running command (ISession)."""
        self._ending = self._ending or reason
        self._grace = SHORT_GRACE
        if self._closing:
            return
        if not self._busy or isinstance(self._reader, _LineReader):
            self._end(reason)
        elif reason == "revoked" and self._abort_call is None:
            self._abort_call = self.factory.clock.callLater(REVOKED_GRACE, self.abort)

    def cut_short(self) -> None:
        """The server waits no longer: a last word, if the client takes any, and the line is cut soon."""
        self._grace = LAST_GRACE
        if self._closing or self._flow.full:
            self.abort()
        else:
            self._end("shutdown")

    def abort(self) -> None:
        """Cut the line now."""
        self.transport.abortConnection()

    # --- the machine ---

    def _pump(self) -> None:
        """Feed the running command or begin the next one, as far as the buffer and this turn reach."""
        if self._pumping or self._next_turn is not None:
            return
        self._pumping = True
        left = TURN
        try:
            while left and not self._closing and self._step():
                left -= 1
        finally:
            self._pumping = False
        if self._closing:
            return
        self._flush()
        if not left:
            self._next_turn = self.factory.clock.callLater(0, self._take_turn)
        # Set once per wait, not per byte: a client that sends a command letter by letter gets no more time than one that is silent.
        if not self._busy and not self._deadline.running:
            self._deadline.set(self.idle_timeout)
        if self._reading_paused and not self._framing.crowded:
            self._reading_paused = False
            self.transport.resumeProducing()

    def _take_turn(self) -> None:
        self._next_turn = None
        self._pump()

    def _step(self) -> bool:
        if self._reader is not None:
            return self._feed_reader(self._reader)
        if self._busy:
            return False
        if self._ending:
            self._end(self._ending)
            return False
        if self._queued > CROWDED:
            self._flush()
        if self._flow.full:
            return False  # a client that does not take its replies gets no further ones to keep for it
        if self._next_command():
            return True
        if self._input_over:
            self.close()
        return False

    def _feed_reader(self, reader: Reader) -> bool:
        if not len(self._framing):
            if self._input_over:
                self._break_reader()
            return self._input_over
        data = self._framing.take()
        if self._pace is not None:
            if not self._pace.kept(len(data)):
                self._end("timeout")
                return False
            self._deadline.renew()
        rest = reader.feed(data)
        if rest is None:
            return self._input_over  # what does not come any more is found missing at the next step
        self._framing.feed(rest)
        done, self._reader, self._reader_done = self._reader_done, None, None
        self._deadline.clear()
        self._reply_awaited = self.factory.debug
        assert done is not None
        done.callback(None)
        return True

    def _break_reader(self) -> None:
        waiting, self._reader, self._reader_done = self._reader_done, None, None
        if waiting is not None:
            waiting.errback(Gone())

    def _next_command(self) -> bool:
        """Begin the next command in the buffer; False if none is complete."""
        try:
            line = self._framing.line()
        except BadLine as bad:
            self._bad_line(bad.flaw)
            return True
        if line is None:
            return False
        self._begin(line, self.command, line)
        return True

    def _begin(self, line: bytes, run: "Callable[[Any], Awaitable[None] | None]", argument: object) -> None:
        """Run a command (or a part of one) that the client has sent as ``line``."""
        self._deadline.clear()
        if self.factory.debug:
            self._reply_awaited = True
            self.factory.log_line(self.peer, "C", self.shown(line))
        try:
            self._start(run(argument))
        except Exception as error:
            self._failed(Failure(error))

    def _start(self, running: "Awaitable[None] | None") -> None:
        """Let a command run; most end without waiting for anything, and those need no Deferred."""
        if running is None:
            return
        self._busy = True
        coroutine = cast("Coroutine[Deferred[Any], Any, None]", running)
        try:
            coroutine.send(None)
        except StopIteration:
            self._busy = False
        except Exception as error:
            self._failed(Failure(error))
            self._busy = False
        else:
            # It hangs at a Deferred without result, which it gives once more when asked again: so a Deferred can take over here.
            task: Deferred[None] = Deferred.fromCoroutine(coroutine)
            task.addErrback(self._failed)
            task.addCallback(self._finished)

    def _finished(self, _: None) -> None:
        self._busy = False
        self._pump()

    def _failed(self, failure: Failure) -> None:
        error = failure.value
        if isinstance(error, MailError):
            self.refused(error)
        elif isinstance(error, BadLine):
            self._bad_line(error.flaw)
        elif not isinstance(error, Gone):
            log.failure("a command of {peer} failed", failure=failure, peer=self.peer.address)
            self.unexpected()

    def _bad_line(self, flaw: Flaw) -> None:
        self.bad_line(flaw)
        if flaw is Flaw.ENDLESS:  # there is no next line to go on with
            self.close()

    def _flush(self) -> None:
        if self._out and not self._closing:
            out, self._out, self._queued = self._out, [], 0
            write_now(self.transport, out[0] if len(out) == 1 else b"".join(out))

    def _expect_handshake(self, expected: bool) -> None:
        self._handshaking = expected
        idle = self.factory.options.idle_timeout
        self._deadline.set(min(HANDSHAKE_TIMEOUT, idle) if expected else idle)

    def _timed_out(self) -> None:
        self._end("timeout")
        if self._handshaking:  # no goodbye can reach the client, and it would not say its own
            self.abort()

    def _end(self, reason: str) -> None:
        self.farewell(reason)
        self.close()
