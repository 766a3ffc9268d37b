"""Mail with UTF-8 header fields, for clients that say UTF8 and for those that do not (RFC 6856)."""

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from mailsvc.core.values import SystemFlag
from mailsvc.formats.downgrade import ascii_header
from mailsvc.pop3 import surrogates, transaction
from tests.pop3.test_retrieval import LOGIN, multi_line
from tests.pop3.test_server import log_lines, log_of
from tests.pop3.world import World

HEADER = "Return-Path: <太郎@例え.テスト>\r\nFrom: 太郎 <太郎@例え.テスト>\r\nSubject: 件名\r\n\r\n".encode()
BODY = b"first\r\n.\r\nlast\r\n"
MESSAGE = HEADER + BODY
SHOWN = ascii_header(HEADER) + BODY


class SurrogateTests(TestCase):
    """What a client gets, and whether the sizes are true."""

    def world(self, *messages: bytes) -> World:
        """Messages of which the first came with SMTPUTF8."""
        world = World(*messages)
        world.store.messages[0].flags = SystemFlag.UTF8
        return world

    def ask(self, world: World, commands: bytes) -> bytes:
        """The answers to commands, without the greeting."""
        protocol, transport = world.connect()
        transport.clear()
        protocol.dataReceived(commands)
        return transport.value().partition(b"octets)\r\n")[2]

    def test_client_without_utf8_gets_a_surrogate(self) -> None:
        """The surrogate is ASCII in its header, its body is untouched, and LIST, STAT and RETR state its size."""
        answer = self.ask(self.world(MESSAGE, b"a: b\r\n\r\n"), LOGIN + b"STAT\r\nLIST 1\r\nRETR 1\r\n")
        stat, listed, rest = answer.split(b"\r\n", 2)
        first, data, _ = multi_line(rest)
        self.assertEqual(data, SHOWN)
        self.assertTrue(data.partition(b"\r\n\r\n")[0].isascii())
        self.assertEqual(stat, b"+OK 2 %d" % (len(SHOWN) + 8))
        self.assertEqual(listed, b"+OK 1 %d" % len(SHOWN))
        self.assertEqual(first, b"+OK %d octets" % len(SHOWN))

    def test_client_with_utf8_gets_the_message(self) -> None:
        """After UTF8 the message comes as it is."""
        answer = self.ask(self.world(MESSAGE), b"UTF8\r\n" + LOGIN + b"RETR 1\r\n")
        first, data, _ = multi_line(answer)
        self.assertEqual((first, data), (b"+OK %d octets" % len(MESSAGE), MESSAGE))

    def test_other_mail_with_8_bit_headers_is_untouched(self) -> None:
        """Old mail with raw 8-bit header fields that came without SMTPUTF8 goes out as it came in."""
        message = "Subject: 件名\r\n\r\n".encode("shift_jis")
        _, data, _ = multi_line(self.ask(World(message), LOGIN + b"RETR 1\r\n"))
        self.assertEqual(data, message)

    def test_marked_message_in_ascii_is_untouched(self) -> None:
        """Many clients say SMTPUTF8 for every message; one in ASCII stays as it is."""
        message = b"Subject: plain\r\n\r\nx\r\n"
        _, data, _ = multi_line(self.ask(self.world(message), LOGIN + b"RETR 1\r\n"))
        self.assertEqual(data, message)

    def test_surrogate_in_pieces(self) -> None:
        """A surrogate is whole wherever the pieces of it and of its header are cut; TOP shows its top."""
        self.patch(transaction, "WHOLE", 0)
        self.patch(transaction, "PIECE", 1)
        self.patch(surrogates, "PIECE", 5)
        for size in (1, 2, 3, 7, len(SHOWN) - len(BODY), len(SHOWN), 1000):
            transaction.PIECE = size
            _, data, rest = multi_line(self.ask(self.world(MESSAGE), LOGIN + b"RETR 1\r\nTOP 1 1\r\n"))
            self.assertEqual(data, SHOWN)
            self.assertEqual(multi_line(rest)[1], ascii_header(HEADER) + b"first\r\n")

    def test_header_without_end(self) -> None:
        """A message that is all header, and one with a header of no reasonable size, are shown all the same."""
        short, endless = HEADER[:-2], b"X: " + "é".encode() * surrogates.MAX_HEADER + b"\r\n"
        for message, shown in ((short, ascii_header(short)), (endless, endless)):
            first, data, _ = multi_line(self.ask(self.world(message), LOGIN + b"RETR 1\r\n"))
            self.assertEqual((first, data), (b"+OK %d octets" % len(shown), shown))

    def test_only_marked_messages_are_opened_at_login(self) -> None:
        """The log-in reads the headers of marked messages, and nothing of others."""
        world = self.world(MESSAGE, MESSAGE, MESSAGE)
        self.ask(world, LOGIN)
        self.assertEqual([content for content, _, _ in world.store.reads], [1])
        world.store.reads.clear()
        self.ask(world, b"UTF8\r\n" + LOGIN)
        self.assertEqual(world.store.reads, [])

    def test_message_gone_meanwhile(self) -> None:
        """A marked message that another client removes during the log-in does not stop it."""
        world = self.world(MESSAGE, b"a: b\r\n\r\n")
        gate: Deferred[None] = Deferred()
        world.store.gates["get"] = gate
        protocol, transport = world.connect()
        protocol.dataReceived(LOGIN)
        del world.store.messages[0]
        transport.clear()
        gate.callback(None)
        self.assertTrue(transport.value().startswith(b"+OK maildrop has 2 message(s)"))

    def test_many_marked_messages_let_others_run(self) -> None:
        """Looking at the headers of many marked messages is done in turns, by what the headers cost."""
        world = self.world(*[MESSAGE] * 101)
        self.patch(surrogates, "TURN", 100 * (surrogates.OPENING + len(HEADER)))
        for message in world.store.messages:
            message.flags = SystemFlag.UTF8
        protocol, transport = world.connect()
        protocol.dataReceived(LOGIN)
        self.assertEqual(len(world.store.reads), 100)
        world.clock.advance(0)
        self.assertIn(b"+OK maildrop has 101 message(s)", transport.value())

    def test_poisonous_header_does_not_lock_the_mailbox(self) -> None:
        """A message whose address fields nobody can parse keeps nobody from the mailbox; those fields are left out."""
        poison = b"From: " + b"(" * 20_000 + "é\r\nTo: ".encode() + b":" * 20_000 + "é\r\nSubject: x\r\n\r\n".encode()
        answer = self.ask(self.world(poison), LOGIN + b"RETR 1\r\n")
        self.assertEqual(multi_line(answer)[1], b"Subject: x\r\n\r\n")

    def test_client_gone_while_headers_are_read(self) -> None:
        """A client that leaves meanwhile leaves no lock behind."""
        world = self.world(MESSAGE)
        gate: Deferred[None] = Deferred()
        world.store.gates["get"] = gate
        protocol, _ = world.connect()
        protocol.dataReceived(LOGIN)
        events = log_of(self)
        protocol.connectionLost()
        self.assertFalse(world.store.locked)
        gate.callback(None)
        self.assertFalse(world.store.locked)
        self.assertEqual(log_lines(events), [])
