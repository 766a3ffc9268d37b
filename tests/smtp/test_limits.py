"""What a stranger can make us hold."""

from twisted.trial.unittest import TestCase

from mailsvc.core.deadline import PATIENCE
from mailsvc.smtp.patience import MAX_IDLE
from tests.smtp.test_server import ENVELOPE, HELLO, codes
from tests.smtp.world import World, hang_up, said


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


class RefusalTests(TestCase):
    """Whoever tries names to see which of them exist."""

    STRANGER = b"RCPT TO:<nobody@example.test>\r\n"

    def test_directory_harvest_becomes_slow_and_ends(self) -> None:
        """After 20 refused recipients each answer takes a second, and after 100 the connection is closed."""
        world = World()
        protocol, transport = world.connect()
        protocol.dataReceived(HELLO + b"MAIL FROM:<>\r\n")
        said(transport)
        protocol.dataReceived(self.STRANGER * 200)
        self.assertEqual(codes(said(transport)), ["550 5.1.1"] * 20)
        world.clock.advance(1)
        self.assertEqual(codes(said(transport)), ["550 5.1.1"])
        world.clock.pump([1] * 79)
        self.assertEqual(codes(said(transport)), ["550 5.1.1"] * 79 + ["421 4.7.0"])
        self.assertTrue(transport.disconnecting)

    def test_a_message_in_between_forgives(self) -> None:
        """A mailing list with some dead addresses in each message is not slowed down."""
        world = World()
        protocol, transport = world.connect()
        protocol.dataReceived(HELLO)
        for _ in range(20):
            said(transport)
            protocol.dataReceived(ENVELOPE + self.STRANGER * 15 + b"DATA\r\nx: y\r\n.\r\n")
            self.assertEqual(codes(said(transport))[-1], "250 2.0.0")
        self.assertEqual(len(world.store.delivered), 20)

    def test_too_many_recipients_are_all_answered(self) -> None:
        """A client that names hundreds of recipients too many hears so for each, at once, and the message goes to the others."""
        world = World(recipients=100)
        protocol, transport = world.connect()
        protocol.dataReceived(
            HELLO + b"MAIL FROM:<>\r\n" + b"RCPT TO:<alice@example.test>\r\n" * 900 + b"DATA\r\n.\r\n"
        )
        world.clock.pump([0] * 20)
        self.assertEqual(codes(said(transport))[-802:], ["452 4.5.3"] * 800 + ["354", "250 2.0.0"])

    def test_endless_temporary_refusals_end(self) -> None:
        """Even recipients that may be welcome later are not refused for ever."""
        world = World(recipients=100)
        protocol, transport = world.connect()
        protocol.dataReceived(HELLO + b"MAIL FROM:<>\r\n" + b"RCPT TO:<alice@example.test>\r\n" * 2000)
        world.clock.pump([0] * 20)
        self.assertEqual(codes(said(transport))[-1001:], ["452 4.5.3"] * 1000 + ["421 4.7.0"])

    def test_lmtp_may_ask_for_many(self) -> None:
        """The mail system in front of us is neither slowed down nor sent away."""
        world = World("lmtp")
        protocol, transport = world.connect()
        protocol.dataReceived(b"LHLO x.test\r\nMAIL FROM:<>\r\n")
        said(transport)
        protocol.dataReceived(self.STRANGER * 500)
        world.clock.pump([0] * 20)
        self.assertEqual(codes(said(transport)), ["550 5.1.1"] * 500)


class IdleTests(TestCase):
    """Whoever keeps a connection and does nothing with it."""

    def test_a_place_is_not_kept_by_commands_that_do_no_work(self) -> None:
        """After a hundred commands such as NOOP, each renewing the time-out, the connection is closed."""
        for command in (b"NOOP", b"RSET", b"VRFY alice", b"HELP", b"EHLO client.example", b"HELO client.example"):
            world = World()
            protocol, transport = world.connect()
            for _ in range(MAX_IDLE):
                protocol.dataReceived(command + b"\r\n")
            self.assertFalse(transport.disconnecting)
            said(transport)
            protocol.dataReceived(command + b"\r\n")
            self.assertEqual(codes(said(transport)), ["421 4.7.0"])
            self.assertTrue(transport.disconnecting)

    def test_a_connection_that_is_used_may_be_kept(self) -> None:
        """A mail server that sends RSET between its messages goes on as long as there are messages; over LMTP, even without."""
        world = World()
        protocol, transport = world.connect()
        protocol.dataReceived(HELLO)
        for _ in range(3):
            protocol.dataReceived(b"RSET\r\n" * (MAX_IDLE - 10) + ENVELOPE + b"DATA\r\nx: y\r\n.\r\n")
            world.clock.pump([0] * 5)
        self.assertFalse(transport.disconnecting)
        self.assertEqual(len(world.store.delivered), 3)
        protocol, transport = World("lmtp").connect()
        for _ in range(MAX_IDLE + 1):
            protocol.dataReceived(b"NOOP\r\n")
        self.assertFalse(transport.disconnecting)

    def test_a_place_is_not_kept_by_a_message_that_drips(self) -> None:
        """A message that comes at an octet now and then, by DATA or in the smallest of chunks, is given up."""
        for begin, piece in ((b"DATA\r\n", b"x"), (b"", b"BDAT 1\r\nx")):
            world = World()
            protocol, transport = world.connect()
            protocol.dataReceived(ENVELOPE + begin)
            spent = 0
            while not transport.disconnecting and spent < 2 * PATIENCE:
                world.clock.advance(60)
                spent += 60
                protocol.dataReceived(piece)
            self.assertTrue(transport.disconnecting)
            self.assertEqual(codes(said(transport))[-1], "421 4.4.2")
            hang_up(protocol)
            self.assertTrue(world.store.writers[0].aborted)
