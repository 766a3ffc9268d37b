"""The header lines that we add, and the values that we commit."""

from twisted.trial.unittest import TestCase

from mailsvc.core.values import SystemFlag
from mailsvc.wire.options import TLSMode
from tests.smtp.test_server import ENVELOPE, HELLO, PLAIN
from tests.smtp.world import World, said


class TraceTests(TestCase):
    """The header lines that we add, and the values that we commit."""

    def deliver(self, world: World, envelope: bytes, hello: bytes = HELLO) -> str:
        """The trace of one message."""
        protocol, _ = world.connect()
        protocol.dataReceived(hello + envelope + b"DATA\r\nx\r\n.\r\n")
        return world.store.delivered[-1].prefix.decode()

    def test_one_recipient(self) -> None:
        """Return-Path, then Received with the only recipient."""
        world = World()
        trace = self.deliver(world, b"MAIL FROM:<sender@example.com>\r\nRCPT TO:<alice@example.test>\r\n")
        lines = trace.split("\r\n")
        self.assertEqual(lines[0], "Return-Path: <sender@example.com>")
        self.assertEqual(lines[1], "Received: from client.example ([192.0.2.1])")
        self.assertRegex(lines[2], "^\tby mx.example.test with ESMTP id [0-9A-V]{16}$")
        self.assertEqual(lines[3], "\tfor <alice@example.test>;")
        self.assertRegex(lines[4], r"^\t\w{3}, \d\d \w{3} 20\d\d \d\d:\d\d:\d\d [+-]\d{4}$")
        self.assertEqual(lines[5:], [""])

    def test_several_recipients_do_not_learn_of_each_other(self) -> None:
        """With more than one recipient there is no for clause."""
        trace = self.deliver(World(), b"MAIL FROM:<>\r\nRCPT TO:<alice@example.test>\r\nRCPT TO:<bob@example.test>\r\n")
        self.assertTrue(trace.startswith("Return-Path: <>\r\n"))
        self.assertNotIn("for <", trace)

    def test_a_log_in_is_not_shown(self) -> None:
        """The trace says that somebody logged in (ESMTPA), never who."""
        hello = HELLO + b"AUTH PLAIN " + PLAIN + b"\r\n"
        trace = self.deliver(World(), b"MAIL FROM:<x@example.com>\r\nRCPT TO:<bob@example.test>\r\n", hello)
        self.assertIn("with ESMTPA id", trace)
        self.assertNotIn("alice", trace)

    def test_protocols(self) -> None:
        """HELO is SMTP, LHLO is LMTP, SMTPUTF8 is UTF8SMTP, TLS adds an S and its version."""
        envelope = b"MAIL FROM:<a@example.com>\r\nRCPT TO:<bob@example.test>\r\n"
        self.assertIn("with SMTP id", self.deliver(World(), envelope, b"HELO a\r\n"))
        self.assertIn("with LMTP id", self.deliver(World("lmtp"), envelope, b"LHLO a\r\n"))
        world = World()
        utf8 = envelope.replace(b"com>", b"com> SMTPUTF8")
        self.assertIn("with UTF8SMTP id", self.deliver(world, utf8))
        self.assertEqual(world.store.delivered[-1].flags, SystemFlag.UTF8)
        trace = self.deliver(World(tls=TLSMode.IMPLICIT), envelope)
        self.assertIn("with ESMTPS id", trace)
        self.assertIn("\r\n\t(using TLS)\r\n", trace)

    def test_ipv6_and_unix_socket(self) -> None:
        """An IPv6 address is a literal with its tag; a Unix socket has none."""
        envelope = b"MAIL FROM:<a@example.com>\r\nRCPT TO:<bob@example.test>\r\n"
        self.assertIn("([IPv6:2001:db8::1])\r\n", self.deliver(World(address="2001:db8::1"), envelope))
        self.assertIn("from client.example\r\n", self.deliver(World(address=""), envelope))

    def test_one_copy_for_each_account(self) -> None:
        """Recipients that lead to the same account make one copy."""
        world = World()
        self.deliver(
            world,
            b"MAIL FROM:<a@example.com>\r\nRCPT TO:<alice@example.test>\r\nRCPT TO:<staff@example.test>\r\n"
            b"RCPT TO:<ALICE@example.test>\r\n",
        )
        self.assertEqual(world.store.delivered[-1].accounts, (1, 2))

    def test_the_reply_names_the_queue_id(self) -> None:
        """The id in the 250 is the one in the Received field; no two messages have the same."""
        world = World()
        protocol, transport = world.connect()
        message = ENVELOPE + b"DATA\r\nx\r\n.\r\n"
        protocol.dataReceived(message * 3)
        ids = [line.rpartition(" ")[2] for line in said(transport).decode().splitlines() if "queued as" in line]
        traces = [deliver.prefix.decode() for deliver in world.store.delivered]
        self.assertEqual(len(set(ids)), 3)
        for queue_id, trace in zip(ids, traces, strict=True):
            self.assertIn(f"id {queue_id}\r\n", trace)
