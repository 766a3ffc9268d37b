"""Replies that go straight to the socket arrive complete and in order, whatever the client does."""

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import TestCase

from mailsvc.core.output import write_now
from mailsvc.wire.factory import ConversationFactory
from mailsvc.wire.options import ListenerOptions
from mailsvc.wire.options import Protocol as Spoken
from tests.wire.echo import Echo


class Late(Protocol):
    """A client that begins to read after a while, and then wants so many octets."""

    def __init__(self, wanted: int) -> None:
        self.got: list[bytes] = []
        self.wanted = wanted
        self.done: Deferred[bytes] = Deferred()

    def connectionMade(self) -> None:
        self.transport.pauseProducing()  # type: ignore[union-attr]

    def dataReceived(self, data: bytes) -> None:
        self.got.append(data)
        if sum(map(len, self.got)) == self.wanted:
            self.done.callback(b"".join(self.got))


class Counting(Echo):
    """``count N`` sends the numbers up to N, a line each, in writes of their own."""

    async def do_count(self, rest: bytes) -> None:
        for number in range(int(rest)):
            self.send(b"%0100d\r\n" % number)
            await self.drain()


class OutputTests(TestCase):
    """:func:`mailsvc.core.output.write_now`."""

    async def test_order_is_kept_when_the_socket_is_full(self) -> None:
        """What does not fit into the socket waits, and nothing overtakes it."""
        lines = 60_000
        expected = b"hello\r\n" + b"".join(b"%0100d\r\n" % number for number in range(lines)) + b"after\r\n"
        factory = ConversationFactory(ListenerOptions(protocol=Spoken.SMTP, port=25), Counting, reactor)
        port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        client = await TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port).connect(
            Factory.forProtocol(lambda: Late(len(expected)))
        )
        client.transport.write(b"count %d\r\nsay after\r\n" % lines)
        waited: Deferred[None] = Deferred()
        reactor.callLater(0.05, waited.callback, None)
        await waited
        client.transport.resumeProducing()
        self.assertEqual(await client.done, expected)
        client.transport.loseConnection()
        await factory.drain(5)

    def test_other_transports_are_written_to(self) -> None:
        """A transport that is no plain TCP connection gets everything through its own write()."""
        transport = StringTransport()
        write_now(transport, b"reply\r\n")
        self.assertEqual(transport.value(), b"reply\r\n")
