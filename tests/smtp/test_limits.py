"""What a stranger can make us hold."""

from twisted.trial.unittest import TestCase

from tests.smtp.test_server import ENVELOPE, HELLO, codes
from tests.smtp.world import World, said


class LimitTests(TestCase):
    """What a stranger can make us hold."""

    def test_20_mb_without_crlf(self) -> None:
        """A line that never ends is held in bounded memory, refused and cut off."""
        world = World()
        protocol, transport = world.connect()
        said(transport)
        longest = 0
        for _ in range(20_000_000 // 16_000):
            protocol.dataReceived(b"A" * 16_000)
            longest = max(longest, len(protocol._framing))
        self.assertEqual(codes(said(transport)), ["500 5.5.6"])
        self.assertTrue(transport.disconnecting)
        self.assertLess(longest, 100_000)

    def test_20_mb_without_crlf_in_data(self) -> None:
        """Within a message it goes to the body writer piece by piece, and is refused at the end."""
        world = World()
        protocol, transport = world.connect()
        protocol.dataReceived(ENVELOPE + b"DATA\r\n")
        said(transport)
        for _ in range(100):
            protocol.dataReceived(b"A" * 16_000)
            self.assertLess(len(protocol._framing), 10)
        protocol.dataReceived(b"\r\n.\r\n")
        self.assertEqual(codes(said(transport)), ["554 5.6.0"])
        self.assertLess(world.store.largest_piece, 20_000)

    def test_100_mb_to_a_limit_of_10_mb(self) -> None:
        """Past the limit nothing is written any more; one 552 at the end."""
        world = World(message_size=10_000_000)
        protocol, transport = world.connect()
        protocol.dataReceived(ENVELOPE + b"DATA\r\n")
        said(transport)
        piece = (b"x" * 78 + b"\r\n") * 800
        for _ in range(100_000_000 // len(piece)):
            protocol.dataReceived(piece)
        writer = world.store.writers[0]
        self.assertTrue(writer.aborted)
        self.assertLessEqual(writer.size, 10_000_000)
        protocol.dataReceived(b".\r\n")
        self.assertEqual(codes(said(transport)), ["552 5.3.4"])
        self.assertEqual(len(world.store.writers), 1)

    def test_100_mb_in_one_chunk(self) -> None:
        """A chunk that says it is too big is taken off the wire and thrown away."""
        world = World(message_size=10_000_000)
        protocol, transport = world.connect()
        protocol.dataReceived(ENVELOPE + b"BDAT 100000000 LAST\r\n")
        said(transport)
        for _ in range(1000):
            protocol.dataReceived(b"x" * 100_000)
        self.assertEqual(codes(said(transport)), ["552 5.3.4"])
        self.assertEqual(world.store.writers, [])

    def test_limit_zero_is_none(self) -> None:
        """message_size = 0: SIZE without a number, and nothing is too big."""
        world = World(message_size=0)
        protocol, transport = world.connect()
        protocol.dataReceived(HELLO + b"MAIL FROM:<> SIZE=99999999999\r\n")
        self.assertIn(b"250-SIZE\r\n", transport.value())
        self.assertEqual(codes(said(transport))[-1], "250 2.1.0")

    def test_endless_answer_in_auth(self) -> None:
        """An answer to a challenge that never ends is cut off too."""
        world = World()
        protocol, transport = world.connect()
        protocol.dataReceived(HELLO + b"AUTH PLAIN\r\n")
        said(transport)
        for _ in range(200):
            protocol.dataReceived(b"A" * 16_000)
        self.assertTrue(transport.disconnecting)
        self.assertEqual(codes(said(transport)), ["500 5.5.6"])
