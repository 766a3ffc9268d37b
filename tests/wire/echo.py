"""A small protocol on the connection layer, to test that layer alone.

``say X`` answers X; ``wait`` answers when :attr:`Echo.gate` fires; ``data`` reads dot-stuffed text; ``ask`` reads a line; ``big N`` sends N
octets in pieces, ``much N`` at once; ``tls`` begins TLS; ``break`` raises; ``refuse`` raises a MailError.
"""

from collections.abc import Awaitable

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from mailsvc.core.deadline import Pace
from mailsvc.core.errors import Kind, MailError
from mailsvc.formats.dotdata import DotReader
from mailsvc.wire.connection import Gone
from mailsvc.wire.conversation import Conversation
from mailsvc.wire.factory import ConversationFactory
from mailsvc.wire.framing import Flaw
from mailsvc.wire.options import ListenerOptions, Protocol


class Echo(Conversation):
    """Answers every command with one line."""

    max_line = 100

    def __init__(self) -> None:
        self.gates: list[Deferred[None]] = []
        self.log: list[str] = []

    def greet(self) -> None:
        self.send(b"hello\r\n")

    def command(self, line: bytes) -> Awaitable[None] | None:
        verb, _, rest = line.partition(b" ")
        self.log.append(verb.decode("latin-1"))
        if verb == b"say":
            self.send(rest + b"\r\n")
            return None
        return getattr(self, "do_" + verb.decode())(rest)  # type: ignore[no-any-return]

    async def do_wait(self, rest: bytes) -> None:
        gate: Deferred[None] = Deferred()
        self.gates.append(gate)
        await gate
        self.send(b"waited\r\n")

    async def do_data(self, rest: bytes) -> None:
        pieces: list[bytes] = []
        self.send(b"go\r\n")
        try:
            await self.receive(DotReader(pieces.append), 60, Pace(self.factory.clock))
        finally:
            self.log.append("data over")
        self.send(b"got %d\r\n" % len(b"".join(pieces)))

    async def do_ask(self, rest: bytes) -> None:
        self.send(b"? \r\n")
        answer = await self.receive_line(60, 20)
        self.send(b"answer " + answer + b"\r\n")

    async def do_wait_and_ask(self, rest: bytes) -> None:
        await self.do_wait(rest)
        try:
            await self.do_ask(rest)
        except Gone:
            self.log.append("gone")
            raise

    async def do_big(self, rest: bytes) -> None:
        for _ in range(int(rest) // 1000):
            self.send(b"x" * 1000)
            self.log.append("piece")
            await self.drain()
        self.send(b"\r\n")

    def do_much(self, rest: bytes) -> None:
        self.send(b"x" * int(rest) + b"\r\n")

    def do_tls(self, rest: bytes) -> None:
        self.send(b"begin\r\n")
        self.start_tls()

    def do_break(self, rest: bytes) -> None:
        raise ZeroDivisionError

    async def do_later_break(self, rest: bytes) -> None:
        raise ZeroDivisionError

    def do_refuse(self, rest: bytes) -> None:
        raise MailError(Kind.NOT_NOW, "test")

    def do_quit(self, rest: bytes) -> None:
        self.send(b"bye\r\n")
        self.close()

    def refused(self, error: MailError) -> None:
        self.send(b"refused " + error.kind.value.encode() + b"\r\n")

    def unexpected(self) -> None:
        self.send(b"unexpected\r\n")

    def bad_line(self, flaw: Flaw) -> None:
        self.send(b"bad " + flaw.name.encode() + b"\r\n")

    def farewell(self, reason: str) -> None:
        self.send(b"farewell " + reason.encode() + b"\r\n")

    def ended(self) -> None:
        self.log.append("ended")


class Transport(StringTransport):
    """A StringTransport that also knows TCP_NODELAY, TLS and aborting."""

    nodelay = False
    tls: object = None

    def setTcpNoDelay(self, enabled: bool) -> None:
        self.nodelay = enabled

    def startTLS(self, creator: object) -> None:
        self.tls = creator


def connect(clock: Clock | None = None, **options: object) -> tuple[Echo, Transport]:
    """An Echo with a connection from 192.0.2.1, greeted."""
    settings = ListenerOptions(protocol=Protocol.SMTP, port=25, **options)  # type: ignore[arg-type]
    factory = ConversationFactory(settings, Echo, clock or Clock(), tls="the context")
    return join(factory)


def join(factory: ConversationFactory, address: str = "192.0.2.1") -> tuple[Echo, Transport]:
    """One more connection to a factory."""
    from twisted.internet.address import IPv4Address, IPv6Address

    kind = IPv6Address if ":" in address else IPv4Address
    peer = kind("TCP", address, 1234)
    transport = Transport(peerAddress=peer)
    echo = factory.buildProtocol(peer)
    assert isinstance(echo, Echo)
    echo.makeConnection(transport)
    return echo, transport


def said(transport: Transport) -> bytes:
    """What the server has said since the last call."""
    value: bytes = transport.value()
    transport.clear()
    return value
