"""Messages reach a client whole, whatever is in them and however they are read: RETR and TOP against a reference client."""

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from mailsvc.pop3 import transaction
from mailsvc.wire.conversation import Conversation
from tests.pop3.world import Transport, World

LOGIN = b"USER alice\r\nPASS correct horse\r\n"


def logged_in(world: World) -> tuple[Conversation, Transport]:
    """A connection in the TRANSACTION state."""
    protocol, transport = world.connect()
    protocol.dataReceived(LOGIN)
    transport.clear()
    return protocol, transport


def multi_line(answer: bytes) -> tuple[bytes, bytes, bytes]:
    """A reference client (RFC 1939 3): the first line, the data with the dots taken away, and what follows the end."""
    first, _, rest = answer.partition(b"\r\n")
    data, end, rest = (b"\r\n" + rest).partition(b"\r\n.\r\n")
    assert end, "the reply has no end"
    lines = data.split(b"\r\n")[1:]
    return first, b"".join(line.removeprefix(b".") + b"\r\n" for line in lines), rest


LINES = st.lists(st.sampled_from([b"", b".", b"..", b".x", b"x.", b"text", b"\xff\xfe", b"a" * 70]), max_size=30)
MESSAGE = LINES.map(lambda lines: b"".join(line + b"\r\n" for line in lines))


class RetrievalTests(TestCase):
    """Small pieces, so that their borders fall everywhere."""

    def setUp(self) -> None:
        self.patch(transaction, "WHOLE", 0)
        self.patch(transaction, "PIECE", transaction.PIECE)

    @given(MESSAGE, st.integers(1, 9))
    @settings(max_examples=150, deadline=None)
    def test_any_message_in_any_pieces(self, message: bytes, size: int) -> None:
        """What the client gets is the message; the size said is the size sent; the next reply follows at once."""
        transaction.PIECE = size
        protocol, transport = logged_in(World(message))
        protocol.dataReceived(b"RETR 1\r\nNOOP\r\n")
        first, data, rest = multi_line(transport.value())
        self.assertEqual(data, message)
        self.assertEqual(first, b"+OK %d octets" % len(message))
        self.assertEqual(rest, b"+OK done\r\n")

    def test_dot_at_every_piece_offset(self) -> None:
        """A line that is a dot is doubled wherever the pieces are cut."""
        message = b"Subject: x\r\n\r\nab\r\n.\r\n+OK forged\r\n.\r\n"
        for size in range(1, len(message) + 2):
            transaction.PIECE = size
            protocol, transport = logged_in(World(message))
            protocol.dataReceived(b"RETR 1\r\nTOP 1 99\r\n")
            _, data, rest = multi_line(transport.value())
            self.assertEqual(data, message)
            _, data, rest = multi_line(rest)
            self.assertEqual((data, rest), (message, b""))

    def test_dot_at_every_offset_of_a_real_piece(self) -> None:
        """The same with pieces of the size that is used, the dot on each side of a border."""
        for shift in range(-4, 3):
            head = b"a: " + b"x" * (transaction.PIECE + shift - 5) + b"\r\n"
            message = head + b".\r\n" + b"y" * 100 + b"\r\n"
            protocol, transport = logged_in(World(message))
            protocol.dataReceived(b"RETR 1\r\n")
            self.assertEqual(multi_line(transport.value())[1:], (message, b""))


class LargeMessageTests(TestCase):
    """A large message costs little memory and no more reading than is needed."""

    MESSAGE = b"Subject: large\r\n\r\n" + (b"x" * 62 + b"\r\n") * 50_000

    def test_top_of_a_large_message_reads_one_piece(self) -> None:
        """TOP does not load a large message."""
        world = World(self.MESSAGE)
        protocol, transport = logged_in(world)
        protocol.dataReceived(b"TOP 1 3\r\n")
        self.assertEqual(multi_line(transport.value())[1].count(b"\r\n"), 5)
        self.assertEqual(world.store.reads, [(1, 0, transaction.PIECE)])

    def test_large_message_waits_for_the_client(self) -> None:
        """No more of a large message is read than the client takes."""
        world = World(self.MESSAGE)
        protocol, transport = logged_in(world)
        taken: list[bytes] = []

        def write(data: bytes) -> None:
            taken.append(data)
            assert transport.producer is not None
            transport.producer.pauseProducing()

        self.patch(transport, "write", write)
        protocol.dataReceived(b"RETR 1\r\nNOOP\r\n")
        self.assertEqual(len(world.store.reads), 1)
        while transport.producer is not None and len(world.store.reads) * transaction.PIECE < len(self.MESSAGE):
            reads = len(world.store.reads)
            transport.producer.resumeProducing()
            self.assertEqual(len(world.store.reads), reads + 1)
        assert transport.producer is not None
        transport.producer.resumeProducing()
        transport.producer.resumeProducing()
        self.assertEqual(multi_line(b"".join(taken))[1:], (self.MESSAGE, b"+OK done\r\n"))

    def test_small_message_is_one_read_and_one_write(self) -> None:
        """The common case costs one question to the store and one segment."""
        world = World(b"Subject: small\r\n\r\n.\r\n")
        protocol, transport = logged_in(world)
        writes: list[bytes] = []
        self.patch(transport, "write", writes.append)
        protocol.dataReceived(b"RETR 1\r\n")
        self.assertEqual(writes, [b"+OK 21 octets\r\nSubject: small\r\n\r\n..\r\n.\r\n"])
        self.assertEqual(world.store.reads, [(1, 0, -1)])

    def test_long_listing_waits_for_the_client(self) -> None:
        """LIST of a large maildrop is made as the client takes it."""
        world = World(*[b"a: b\r\n\r\n"] * 5_000)
        protocol, transport = logged_in(world)
        taken: list[bytes] = []

        def write(data: bytes) -> None:
            taken.append(data)
            assert transport.producer is not None
            transport.producer.pauseProducing()

        self.patch(transport, "write", write)
        protocol.dataReceived(b"LIST\r\n")
        self.assertEqual(b"".join(taken).count(b"\r\n"), 1 + transaction.SLICE)
        assert transport.producer is not None
        for _ in range(5):
            transport.producer.resumeProducing()
        lines = multi_line(b"".join(taken))[1].split(b"\r\n")
        self.assertEqual((lines[0], lines[4_999]), (b"1 8", b"5000 8"))
