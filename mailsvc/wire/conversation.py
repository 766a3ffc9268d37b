"""One connection as a serial conversation: the base of our SMTP, LMTP, POP3 and IMAP servers (DESIGN idea 4).

How data passes through::

    Connection: Framing (bounded) -> one command at a time -> command() -> send() -> Connection: one write per batch of replies

A command is a plain method or a coroutine. While a coroutine waits, nothing else of the connection runs: further commands stay in the
buffer, and when that is full the transport is paused. A command may itself read from the client with :meth:`receive` (data) or
:meth:`receive_line` (an answer to a challenge), and write much with :meth:`drain` in between. Replies therefore leave in the order of
the commands, always.

When the client has gone, a waiting coroutine sees :class:`~mailsvc.wire.connection.Gone`. A client that has only ended its own half of a
line without TLS gets the answers to what it had sent whole (``printf ... | nc -N``).

Standards: RFC 2920 (pipelining: replies are batched).
"""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, cast

from twisted.internet import protocol
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from mailsvc.core.deadline import Pace
from mailsvc.core.errors import MailError
from mailsvc.core.interfaces.login import ISession
from mailsvc.wire.connection import SHORT_GRACE, Connection, Gone
from mailsvc.wire.dialogue import shown_command
from mailsvc.wire.framing import CROWDED, BadLine, Flaw
from mailsvc.wire.reader import LineReader, Reader

__all__ = ["LAST_GRACE", "TURN", "Conversation"]

log = Logger()

LAST_GRACE = 1.0
"""Seconds that a client gets to close at the very end, when the server waits no longer for a command that still runs."""

TURN = 100
"""Commands that a client may have carried out before others get their turn, however many it has sent at once."""

REVOKED_GRACE = 0.5
"""Seconds that a running command gets when the log-in was revoked; then the connection is aborted."""


@implementer(IHalfCloseableProtocol, ISession)
class Conversation(Connection):
    """A server's side of one connection. Subclasses say what a command means and how things are put into words."""

    # --- what a protocol provides, besides :meth:`farewell` ---

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

    def shown(self, line: bytes) -> str:
        """What of a command may be logged."""
        return shown_command(line)

    def ended(self) -> None:
        """The connection is over: give back what is held. Called once."""

    # --- the life of a connection ---

    def connectionMade(self) -> None:
        """Greet the client, or turn it away."""
        self._busy = False
        self._pumping = False
        self._ending = ""  # why the server wants to end this after the running command
        self._input_over = False  # the client will send nothing more
        self._reader: Reader | None = None
        self._pace: Pace | None = None
        self._reader_done: Deferred[None] | None = None
        self._next_turn: Any = None
        super().connectionMade()
        if not self.factory.admit(self):
            self._grace = SHORT_GRACE
            self._end("busy")
            if self.factory.swamped:
                self.abort()
            return
        self._start(self.greet())
        self._pump()

    def connectionLost(self, reason: Failure = protocol.connectionDone) -> None:
        """The line is closed: whoever waits for the client hears of it."""
        super().connectionLost(reason)
        if self._next_turn is not None and self._next_turn.active():
            self._next_turn.cancel()
        self._break_reader()
        self.factory.dismiss(self)
        self.ended()

    def readConnectionLost(self) -> None:
        """The client has ended its half: what it sent whole is answered yet, then we end ours."""
        self._input_over = True
        self._pump()

    def writeConnectionLost(self) -> None:
        """We have ended our half alone: that never happens."""

    def end(self, reason: str) -> None:
        """End now if idle or in the middle of a log-in, else after the running command (ISession)."""
        self._ending = self._ending or reason
        self._grace = SHORT_GRACE
        if self._closing:
            return
        if not self._busy or isinstance(self._reader, LineReader):
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

    # --- for commands ---

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
        reader = LineReader(max_line)
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
