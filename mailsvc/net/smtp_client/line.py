"""The connection as the client's steps see it: writes, replies in order, TLS, and an end to all waiting.

Several commands may have been written at once: ``replies`` waits for all their answers and wakes the coroutine once. Whatever ends the
connection, the time-out of a phase included, comes out as :class:`HopFailed` of the phase that was waited for. A server that says 421
ends it too (RFC 5321 3.8), except in answer to a whole message: that is the message's answer.

Each answer has the time of its phase (RFC 5321 4.5.3.2), and all answers of one piece of work (:meth:`Line.begin`) have a time together: a
server that lets each of a hundred commands wait for almost five minutes would hold the connection, and its place among ours, for a day.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from OpenSSL import SSL
from twisted.internet import protocol
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IHandshakeListener, IReactorTime
from twisted.python.failure import Failure
from zope.interface import implementer

from mailsvc.core.deadline import Deadline, Pace
from mailsvc.core.flow import WriteFlow
from mailsvc.core.outbound import Answer, Hop, HopFailed
from mailsvc.core.output import write_now
from mailsvc.formats.smtp_replies import BadReply, ReplyReader, ServerReply

__all__ = ["Line"]

FLOOD = 65_536
"""Octets that a server may say when nothing was asked."""


_TIMES = 3
"""As long as the answers to so many commands may all answers of one piece of work take together."""

_EACH = 30.0
"""Seconds more for each recipient: some servers ask others about it."""


class _Wait:
    """For the answers to commands of these phases."""

    def __init__(self, phases: Sequence[str]) -> None:
        self.phases = phases
        self.woken: Deferred[None] = Deferred()


@implementer(IHandshakeListener)
class Line(protocol.Protocol):
    """One connection to ``hop``. ``heard``: the replies that the last wait brought, also when it failed."""

    transport: Any

    def __init__(self, hop: Hop, clock: IReactorTime, timeouts: Mapping[str, float]) -> None:
        """:param timeouts: seconds for each phase of an Answer, for ``"TLS"`` and for a ``"block"`` of data (RFC 5321 4.5.3.2)."""
        self.hop = hop
        self.heard: list[ServerReply] = []
        self.closing = False  # the server has said 421, or anything unasked for
        self._clock = clock
        self._timeouts = timeouts
        self._phase = "greeting"
        self._until = 0.0
        self._reader = ReplyReader()
        self._deadline = Deadline(clock, self._timed_out)
        self._flow = WriteFlow(lambda: None)
        self._wait: _Wait | None = None
        self._handshake: Deferred[None] | None = None
        self._broken: Answer | None = None
        self._gone: Deferred[None] = Deferred()
        self.begin()

    # --- for the steps ---

    @property
    def usable(self) -> bool:
        """Whether another command may be sent."""
        return self._broken is None and not self.closing and not len(self._reader)

    @property
    def tls(self) -> str:
        """The protocol version of TLS, once it is up."""
        handle = getattr(self.transport, "getHandle", lambda: None)()
        name = getattr(handle, "get_protocol_version_name", None)
        return str(name()) if name else ""

    def begin(self, recipients: int = 0) -> None:
        """A piece of work: what is asked from now on has a time of its own. An answer whose wait begins within it gets all of its."""
        self._until = self._clock.seconds() + _TIMES * self._timeouts["MAIL"] + _EACH * recipients

    def write(self, data: bytes) -> None:
        """Say something; nothing happens any more once the connection is broken: the next wait tells."""
        if self._broken is None:
            write_now(self.transport, data)

    def pace(self) -> Pace:
        """How long a message that begins now may take: for :meth:`room`."""
        return Pace(self._clock)

    async def room(self, pace: Pace, octets: int) -> None:
        """``octets`` of a message were written: wait while the server is slow to take them. Raises HopFailed, also if it takes for ever."""
        self._phase = "DATA"
        if not pace.kept(octets):
            self.fail("4.4.2", "the host takes the message too slowly")
        if self._broken is None and self._flow.full:
            self._deadline.set(self._timeouts["block"])
            await self._flow.room()
            self._deadline.clear()
        if self._broken is not None:
            raise self.failure("DATA")

    async def reply(self, phase: str) -> ServerReply:
        """The answer to one command. Raises HopFailed."""
        return (await self.replies((phase,)))[0]

    async def replies(self, phases: Sequence[str]) -> list[ServerReply]:
        """The answers to commands of these phases. Raises HopFailed."""
        self.heard = []
        self._wait = wait = _Wait(phases)
        self._collect()
        if self._wait is not None:
            await wait.woken
        if len(self.heard) < len(phases):
            raise self.failure(phases[len(self.heard)])
        return self.heard

    def early_reply(self) -> ServerReply | None:
        """A reply that came although nobody has waited for it yet."""
        try:
            return self._reader.next()
        except BadReply:
            return None

    def check(self) -> None:
        """Before a new message: what was said meanwhile must not pass for an answer to it. Raises HopFailed."""
        if self.usable:
            return
        early = self.early_reply()
        if early is not None and early.code == 421:
            self.fail(early.status, early.text, 421)
        self.fail("4.5.0", "the server talks without being asked")
        raise self.failure("MAIL")

    async def start_tls(self, creator: object, implicit: bool = False) -> None:
        """Begin TLS; what the server said before it is forgotten (RFC 3207 4.2). Raises HopFailed."""
        self._reader.clear()
        self._phase = "STARTTLS" if not implicit else "connect"
        shaken: Deferred[None] = Deferred()
        self._handshake = shaken
        self._deadline.set(self._timeouts["TLS"])
        self.transport.startTLS(creator)
        await shaken
        self._deadline.clear()
        if self._broken is not None:
            raise self.failure(self._phase)

    def failure(self, phase: str) -> HopFailed:
        """Why the connection is no more."""
        broken = self._broken or Answer(0, "4.4.2", "connection closed by us", phase)
        return HopFailed(self.hop, Answer(broken.code, broken.status, broken.text, phase))

    def fail(self, status: str, text: str, code: int = 0) -> None:
        """End the connection. The first reason given is the one that counts, and the host's own word (``code``) more than any other."""
        if self._broken is None:
            self._deadline.stop()
            self.transport.abortConnection()
        if self._broken is None or code:
            self._broken = Answer(code, status, text, self._phase)
        self._wake()

    async def close(self) -> None:
        """End it in good order; a host that does not play its part (TLS) is not waited for long."""
        self._broken = Answer(0, "4.4.2", "connection closed by us", self._phase)
        self._deadline.set(self._timeouts["QUIT"])
        self.transport.unregisterProducer()
        self.transport.loseConnection()
        await self._gone

    # --- what the transport tells ---

    def connectionMade(self) -> None:
        """The socket is connected."""
        # Nagle's algorithm with delayed ACKs would hold the end of a message back for 40 ms.
        if hasattr(self.transport, "setTcpNoDelay"):
            self.transport.setTcpNoDelay(True)
        self.transport.registerProducer(self._flow, True)

    def handshakeCompleted(self) -> None:
        """TLS is up."""
        shaken, self._handshake = self._handshake, None
        if shaken is not None:
            shaken.callback(None)

    def dataReceived(self, data: bytes) -> None:
        """Octets from the server."""
        self._reader.feed(data)
        if self._wait is not None:
            self._collect()
        elif len(self._reader) > FLOOD:
            self.fail("4.5.0", "the server talks without being asked")

    def connectionLost(self, reason: Failure = protocol.connectionDone) -> None:
        """It is over."""
        if self._broken is None:
            self._broken = Answer(0, "4.4.2", _words(reason), self._phase)
        self._deadline.stop()
        self._wake()
        self._gone.callback(None)

    # --- the machine ---

    def _collect(self) -> None:
        """Take the replies that have come; wake the coroutine when none is missing."""
        wait = self._wait
        assert wait is not None
        before = len(self.heard)
        try:
            while len(self.heard) < len(wait.phases) and (reply := self._reader.next()) is not None:
                if reply.code == 421:
                    self.closing = True
                    if wait.phases[len(self.heard)] != "end":
                        return self.fail(reply.status, reply.text, 421)
                self.heard.append(reply)
        except BadReply as bad:
            return self.fail("4.5.0", str(bad))
        if len(self.heard) == len(wait.phases) or self._broken is not None:
            self._wake()
        elif len(self.heard) > before or not self._deadline.running:
            self._phase = wait.phases[len(self.heard)]
            if self._clock.seconds() > self._until:
                return self.fail("4.4.2", "each answer came in time, but all together take too long")
            self._deadline.set(self._timeouts[self._phase])
        return None

    def _wake(self) -> None:
        self._deadline.clear()
        wait, self._wait = self._wait, None
        if wait is not None:
            wait.woken.callback(None)
        if self._broken is not None:
            self.handshakeCompleted()
            self._flow.broken(self.failure("DATA"))

    def _timed_out(self) -> None:
        if self._broken is not None:
            self.transport.abortConnection()
            return
        seconds = self._timeouts[
            "TLS" if self._handshake is not None else "block" if self._wait is None else self._phase
        ]
        self.fail("4.4.2", f"no answer within {seconds:g} s")


def _words(reason: Failure) -> str:
    """Why a connection is over, in words for the administrator."""
    error = reason.value
    if isinstance(error, ConnectionDone):
        return "connection closed"
    if isinstance(error, SSL.Error) and error.args and error.args[0]:
        return "; ".join(str(words[-1]) for words in error.args[0])
    return f"connection lost: {error}".rstrip(".")
