"""The serial conversation under every line protocol: order, framing, time, back-pressure, TLS."""

from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from mailsvc.wire.conversation import CLOSE_GRACE
from mailsvc.wire.factory import ConversationFactory
from mailsvc.wire.framing import CROWDED, HOPELESS
from mailsvc.wire.options import ListenerOptions, Protocol, TLSMode
from tests.wire.echo import Echo, connect, join, said


class OrderTests(TestCase):
    """Replies leave in the order of the commands, whatever has to be waited for."""

    def test_tcp_nodelay_set(self) -> None:
        """Small replies are not held back by Nagle's algorithm."""
        _, transport = connect()
        self.assertTrue(transport.nodelay)

    def test_pipelined_commands_behind_a_slow_one_wait(self) -> None:
        """Commands pipelined behind a slow one are answered after it, in order."""
        echo, transport = connect()
        said(transport)
        echo.dataReceived(b"say 1\r\nwait\r\nsay 2\r\nsay 3\r\n")
        self.assertEqual(said(transport), b"1\r\n")
        echo.gates.pop().callback(None)
        self.assertEqual(said(transport), b"waited\r\n2\r\n3\r\n")

    def test_replies_of_one_batch_are_one_write(self) -> None:
        """Pipelined commands get their replies in one segment (RFC 2920 3.2)."""
        echo, transport = connect()
        said(transport)
        writes: list[bytes] = []
        self.patch(transport, "write", writes.append)
        echo.dataReceived(b"say 1\r\nsay 2\r\nsay 3\r\n")
        self.assertEqual(writes, [b"1\r\n2\r\n3\r\n"])

    def test_byte_by_byte(self) -> None:
        """It makes no difference how the bytes are cut into segments."""
        echo, transport = connect()
        for byte in b"say 1\r\ndata\r\n..x\r\n.\r\nask\r\nyes\r\nsay 2\r\n":
            echo.dataReceived(bytes([byte]))
        self.assertEqual(said(transport), b"hello\r\n1\r\ngo\r\ngot 4\r\n? \r\nanswer yes\r\n2\r\n")

    def test_whole_script_in_one_segment(self) -> None:
        """Data and answers pipelined with their commands are taken by those commands."""
        echo, transport = connect()
        echo.dataReceived(b"say 1\r\ndata\r\n..x\r\n.\r\nask\r\nyes\r\nsay 2\r\n")
        self.assertEqual(said(transport), b"hello\r\n1\r\ngo\r\ngot 4\r\n? \r\nanswer yes\r\n2\r\n")

    def test_failure_of_one_command_does_not_lose_the_next(self) -> None:
        """An unforeseen failure is answered and logged, and the conversation goes on."""
        echo, transport = connect()
        said(transport)
        echo.dataReceived(b"break\r\nlater_break\r\nrefuse\r\nsay on\r\n")
        self.assertEqual(said(transport), b"unexpected\r\nunexpected\r\nrefused not-now\r\non\r\n")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)

    def test_nothing_runs_after_quit(self) -> None:
        """What is pipelined behind QUIT is not carried out."""
        echo, transport = connect()
        echo.dataReceived(b"quit\r\nsay more\r\n")
        self.assertEqual(said(transport), b"hello\r\nbye\r\n")
        self.assertEqual(echo.log, ["quit"])


class FramingTests(TestCase):
    """Lines that cannot be commands."""

    def test_long_line_is_one_error(self) -> None:
        """An over-long line gets one answer, and none of it is taken for a command."""
        echo, transport = connect()
        said(transport)
        echo.dataReceived(b"x" * 90 + b"y" * 500)
        echo.dataReceived(b"say no\r\nsay yes\r\n")
        self.assertEqual(said(transport), b"bad TOO_LONG\r\nyes\r\n")

    def test_bare_newlines_are_refused(self) -> None:
        """A lone LF, CR or NUL never separates commands."""
        echo, transport = connect()
        said(transport)
        echo.dataReceived(b"say a\nsay b\r\nsay c\rd\r\nsay \0\r\nsay e\r\n")
        self.assertEqual(said(transport), b"bad BARE\r\n" * 3 + b"e\r\n")

    def test_endless_line_is_bounded_and_ends(self) -> None:
        """Megabytes without a line end take no memory and end the connection."""
        echo, transport = connect()
        sent = 0
        while not transport.disconnecting and sent < 4 * HOPELESS:
            echo.dataReceived(b"x" * 20_000)
            sent += 20_000
            self.assertLess(len(echo._framing), 40_000)
        self.assertTrue(transport.disconnecting)
        self.assertLess(sent, 2 * HOPELESS)
        self.assertTrue(said(transport).endswith(b"bad ENDLESS\r\n"))

    def test_transport_is_paused_while_much_waits(self) -> None:
        """While a command runs, the network is read only until the buffer is full."""
        echo, transport = connect()
        echo.dataReceived(b"wait\r\n")
        echo.dataReceived(b"say 1\r\n" * (CROWDED // 7 + 1))
        self.assertEqual(transport.producerState, "paused")
        echo.gates.pop().callback(None)
        self.assertEqual(transport.producerState, "producing")


class TimeTests(TestCase):
    """Time runs against the client only while we wait for it."""

    def test_idle_client_is_told_and_closed(self) -> None:
        """A silent client is told goodbye after the idle time-out."""
        clock = Clock()
        _, transport = connect(clock, idle_timeout=60)
        clock.advance(59)
        self.assertFalse(transport.disconnecting)
        clock.advance(2)
        self.assertEqual(said(transport), b"hello\r\nfarewell timeout\r\n")
        self.assertTrue(transport.disconnecting)

    def test_letters_do_not_buy_time(self) -> None:
        """A command sent letter by letter gets no more time than silence."""
        clock = Clock()
        echo, transport = connect(clock, idle_timeout=60)
        for _ in range(7):
            echo.dataReceived(b"s")
            clock.advance(10)
        self.assertTrue(transport.disconnecting)

    def test_no_time_out_while_we_are_slow(self) -> None:
        """A client that waits for us is never timed out."""
        clock = Clock()
        echo, transport = connect(clock, idle_timeout=60)
        echo.dataReceived(b"wait\r\n")
        clock.pump([50] * 10)
        self.assertFalse(transport.disconnecting)
        echo.gates.pop().callback(None)
        clock.pump([50] * 2)
        self.assertTrue(transport.disconnecting)

    def test_data_renews_its_time(self) -> None:
        """Data may take as long as it keeps coming."""
        clock = Clock()
        echo, transport = connect(clock)
        echo.dataReceived(b"data\r\n")
        for _ in range(5):
            clock.advance(50)
            echo.dataReceived(b"line\r\n")
        self.assertFalse(transport.disconnecting)
        clock.pump([30, 30, 30])
        self.assertTrue(transport.disconnecting)

    def test_peer_that_never_closes_is_aborted(self) -> None:
        """After our goodbye the peer has a while to close; then the connection is cut."""
        clock = Clock()
        echo, transport = connect(clock)
        echo.dataReceived(b"quit\r\n")
        self.assertFalse(transport.disconnected)
        clock.advance(CLOSE_GRACE)
        self.assertTrue(transport.disconnected)

    def test_no_timer_is_left_behind(self) -> None:
        """A closed connection leaves nothing in the reactor."""
        clock = Clock()
        echo, _ = connect(clock)
        echo.dataReceived(b"quit\r\n")
        echo.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(clock.getDelayedCalls(), [])


class BackPressureTests(TestCase):
    """A client that reads slowly holds up only itself."""

    def test_waits_for_a_slow_reader(self) -> None:
        """No more is produced than the transport takes."""
        echo, transport = connect()
        assert transport.producer is not None
        self.patch(transport, "write", lambda data: transport.producer.pauseProducing())
        echo.dataReceived(b"big 5000\r\n")
        self.assertEqual(echo.log.count("piece"), 1)
        transport.producer.resumeProducing()
        self.assertEqual(echo.log.count("piece"), 2)
        self.patch(transport, "write", lambda data: None)
        transport.producer.resumeProducing()
        self.assertEqual(echo.log.count("piece"), 5)

    def test_reader_that_stops_is_timed_out(self) -> None:
        """A client that takes nothing more is cut like one that says nothing more."""
        clock = Clock()
        echo, transport = connect(clock, idle_timeout=60)
        assert transport.producer is not None
        transport.producer.pauseProducing()
        echo.dataReceived(b"big 5000\r\n")
        clock.pump([30, 30, 30])
        self.assertTrue(transport.disconnecting)

    def test_peer_gone_ends_the_work(self) -> None:
        """When the client has gone, a command that writes or reads for it stops."""
        echo, transport = connect()
        assert transport.producer is not None
        self.patch(transport, "write", lambda data: transport.producer.pauseProducing())
        echo.dataReceived(b"big 5000\r\nsay more\r\n")
        echo.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(echo.log.count("piece"), 1)
        self.assertNotIn("say", echo.log)
        reading, _ = connect()
        reading.dataReceived(b"data\r\nhalf a mess")
        reading.connectionLost(Failure(ConnectionDone()))
        self.assertIn("data over", reading.log)


class TLSTests(TestCase):
    """STARTTLS."""

    def test_what_came_before_tls_is_discarded(self) -> None:
        """Commands smuggled in the clear behind STARTTLS are never carried out (RFC 3207 4.2)."""
        echo, transport = connect()
        said(transport)
        echo.dataReceived(b"tls\r\nsay injected\r\nsay ")
        self.assertEqual(said(transport), b"begin\r\n")
        self.assertEqual(transport.tls, "the context")
        echo.dataReceived(b"say safe\r\n")
        self.assertEqual(said(transport), b"safe\r\n")
        self.assertIsNotNone(echo.peer.tls)

    def test_password_ok_follows_the_line(self) -> None:
        """Whether a password may be asked for depends on TLS and on the networks that are allowed without."""
        from ipaddress import ip_network

        echo, _ = connect()
        self.assertFalse(echo.peer.password_ok)
        trusted, _ = connect(cleartext=(ip_network("192.0.2.0/24"),))
        self.assertTrue(trusted.peer.password_ok)
        implicit, _ = connect(tls=TLSMode.IMPLICIT)
        self.assertTrue(implicit.peer.password_ok)


def _factory(**limits: int) -> ConversationFactory:
    return ConversationFactory(ListenerOptions(protocol=Protocol.SMTP, port=25, **limits), Echo, Clock())  # type: ignore[arg-type]


class LimitTests(TestCase):
    """How many may be connected."""

    def test_total(self) -> None:
        """One connection too many is told so; when one leaves there is room again."""
        factory = _factory(connections=2)
        first, _ = join(factory, "192.0.2.1")
        join(factory, "198.51.100.1")
        third, refused = join(factory, "203.0.113.1")
        self.assertEqual(said(refused), b"farewell busy\r\n")
        third.connectionLost(Failure(ConnectionDone()))
        first.connectionLost(Failure(ConnectionDone()))
        _, admitted = join(factory, "203.0.113.1")
        self.assertEqual(said(admitted), b"hello\r\n")

    def test_per_address_and_network(self) -> None:
        """One address, one /24 or one /64 cannot take all the connections; loopback may."""
        factory = _factory(connections_per_address=1, connections_per_network=2)
        for address, answer in [
            ("192.0.2.1", b"hello\r\n"),
            ("192.0.2.1", b"farewell busy\r\n"),
            ("198.51.100.1", b"hello\r\n"),
            ("198.51.100.2", b"hello\r\n"),
            ("198.51.100.3", b"farewell busy\r\n"),
            ("2001:db8::1", b"hello\r\n"),
            ("2001:db8::2", b"hello\r\n"),
            ("2001:db8::3", b"farewell busy\r\n"),
            ("2001:db8:0:1::1", b"hello\r\n"),
            ("127.0.0.1", b"hello\r\n"),
            ("127.0.0.1", b"hello\r\n"),
            ("::ffff:127.0.0.1", b"hello\r\n"),
        ]:
            _, transport = join(factory, address)
            self.assertEqual(said(transport), answer, address)

    def test_mapped_address_is_unmapped(self) -> None:
        """An IPv4 client on an IPv6 socket is known by its IPv4 address."""
        echo, _ = join(_factory(), "::ffff:192.0.2.7")
        self.assertEqual(echo.peer.address, "192.0.2.7")


class DrainTests(TestCase):
    """The server stops."""

    def test_idle_now_busy_later_stuck_aborted(self) -> None:
        """Idle clients are told at once, busy ones after their command; what hangs is cut at the end."""
        clock = Clock()
        factory = ConversationFactory(ListenerOptions(protocol=Protocol.SMTP, port=25), Echo, clock)
        idle, idle_transport = join(factory)
        busy, busy_transport = join(factory)
        stuck, stuck_transport = join(factory)
        for echo, transport in ((busy, busy_transport), (stuck, stuck_transport)):
            echo.dataReceived(b"wait\r\nsay more\r\n")
            said(transport)
        from twisted.internet.defer import Deferred

        done: Deferred[None] = Deferred.fromCoroutine(factory.drain(10))
        self.assertEqual(said(idle_transport), b"hello\r\nfarewell shutdown\r\n")
        self.assertEqual(said(busy_transport), b"")
        busy.gates.pop().callback(None)
        self.assertEqual(said(busy_transport), b"waited\r\nfarewell shutdown\r\n")
        self.assertNoResult(done)
        clock.advance(10)
        self.assertTrue(stuck_transport.disconnected)
        for echo in (idle, busy, stuck):
            echo.connectionLost(Failure(ConnectionDone()))
        self.successResultOf(done)

    def test_revoked(self) -> None:
        """A log-in that was revoked ends the connection: an idle one now, a busy one after its command, but within half a second."""
        clock = Clock()
        factory = ConversationFactory(ListenerOptions(protocol=Protocol.SMTP, port=25), Echo, clock)
        idle, idle_transport = join(factory)
        busy, busy_transport = join(factory)
        stuck, stuck_transport = join(factory)
        for echo in (busy, stuck):
            echo.dataReceived(b"wait\r\nsay no more\r\n")
        for echo in (idle, busy, stuck):
            echo.end("revoked")
        self.assertEqual(said(idle_transport), b"hello\r\nfarewell revoked\r\n")
        busy.gates.pop().callback(None)
        self.assertEqual(said(busy_transport), b"hello\r\nwaited\r\nfarewell revoked\r\n")
        self.assertFalse(stuck_transport.disconnected)
        clock.advance(0.5)
        self.assertTrue(stuck_transport.disconnected)
