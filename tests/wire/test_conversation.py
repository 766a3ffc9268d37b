"""The serial conversation under every line protocol: order, framing, time, back-pressure, TLS."""

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from mailsvc.core.deadline import PATIENCE
from mailsvc.wire.connection import CLOSE_GRACE, HANDSHAKE_TIMEOUT, SHORT_GRACE
from mailsvc.wire.conversation import LAST_GRACE, TURN
from mailsvc.wire.factory import TURNED_AWAY, ConversationFactory
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

    def test_many_commands_at_once_take_turns(self) -> None:
        """A client that sends thousands of commands at once does not keep the others waiting until all are carried out."""
        echo, transport = connect()
        clock = echo.factory.clock
        assert isinstance(clock, Clock)
        said(transport)
        echo.dataReceived(b"say x\r\n" * (2 * TURN + 10))
        self.assertEqual(said(transport), b"x\r\n" * TURN)
        echo.dataReceived(b"say y\r\n")
        self.assertEqual(said(transport), b"")
        clock.advance(0)
        self.assertEqual(said(transport), b"x\r\n" * (TURN + 10) + b"y\r\n")

    def test_gone_before_the_next_turn(self) -> None:
        """A client that leaves with commands still waiting leaves no timer."""
        echo, _ = connect()
        clock = echo.factory.clock
        assert isinstance(clock, Clock)
        echo.dataReceived(b"say x\r\n" * (2 * TURN))
        echo.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(clock.getDelayedCalls(), [])

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

    def test_command_that_asks_after_the_end(self) -> None:
        """A command that wants to read from a client who has left meanwhile is told so; nothing waits for ever."""
        echo, _ = connect()
        clock = echo.factory.clock
        echo.dataReceived(b"wait_and_ask\r\n")
        echo.connectionLost(Failure(ConnectionDone()))
        echo.gates.pop().callback(None)
        self.assertEqual(echo.log, ["wait_and_ask", "ended", "gone"])
        self.assertEqual(clock.getDelayedCalls(), [])


class HalfCloseTests(TestCase):
    """A client that has ended its own half of the line, as ``printf ... | nc -N`` does."""

    def test_what_was_sent_whole_is_answered(self) -> None:
        """Complete commands that wait behind a slow one are carried out and answered, then we close; half a command is nothing."""
        echo, transport = connect()
        echo.dataReceived(b"wait\r\nsay 1\r\ndata\r\n.\r\nsay 2\r\nsay 3")
        echo.readConnectionLost()
        self.assertFalse(transport.disconnecting)
        echo.gates.pop().callback(None)
        self.assertEqual(said(transport), b"hello\r\nwaited\r\n1\r\ngo\r\ngot 0\r\n2\r\n")
        self.assertTrue(transport.disconnecting)

    def test_idle(self) -> None:
        """With nothing to answer we close at once."""
        echo, transport = connect()
        echo.readConnectionLost()
        self.assertTrue(transport.disconnecting)

    def test_more_than_a_turn(self) -> None:
        """However many commands were sent, all are answered."""
        echo, transport = connect()
        clock = echo.factory.clock
        assert isinstance(clock, Clock)
        said(transport)
        echo.dataReceived(b"say x\r\n" * (2 * TURN + 10))
        echo.readConnectionLost()
        clock.pump([0, 0])
        self.assertEqual(said(transport), b"x\r\n" * (2 * TURN + 10))
        self.assertTrue(transport.disconnecting)

    def test_data_that_will_not_come(self) -> None:
        """A command that waits for more of the client's data, or begins to, sees that it is gone; so half a message is no message."""
        for before, after in (
            (b"data\r\nhalf", b""),
            (b"wait\r\n", b"data\r\nhalf"),
            (b"wait\r\n", b"ask\r\n"),
            (b"ask\r\n", b""),
        ):
            echo, transport = connect()
            echo.dataReceived(before + after)
            echo.readConnectionLost()
            for gate in echo.gates:
                gate.callback(None)
            self.assertTrue(transport.disconnecting)
            self.assertNotIn(b"got", transport.value())
            self.assertEqual("data over" in echo.log, b"data" in before + after)
            echo.connectionLost(Failure(ConnectionDone()))
            clock = echo.factory.clock
            assert isinstance(clock, Clock)
            self.assertEqual(clock.getDelayedCalls(), [])

    def test_gone_altogether(self) -> None:
        """Once the line itself is lost, nothing that still waits is carried out."""
        echo, _ = connect()
        echo.dataReceived(b"wait\r\nsay 1\r\n")
        echo.readConnectionLost()
        echo.connectionLost(Failure(ConnectionDone()))
        echo.gates.pop().callback(None)
        self.assertNotIn("say", echo.log)


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

    def test_endless_line_within_a_command_ends_too(self) -> None:
        """Megabytes without a line end as the answer to a challenge end the connection as well, whatever the protocol says to it."""
        echo, transport = connect()
        echo.dataReceived(b"ask\r\n")
        for _ in range(2 * HOPELESS // 20_000):
            echo.dataReceived(b"x" * 20_000)
        self.assertTrue(said(transport).endswith(b"? \r\nbad ENDLESS\r\n"))
        self.assertTrue(transport.disconnecting)

    def test_transport_is_paused_while_much_waits(self) -> None:
        """While a command runs, the network is read only until the buffer is full."""
        echo, transport = connect()
        echo.dataReceived(b"wait\r\n")
        echo.dataReceived(b"say 1\r\n" * (CROWDED // 7 + 1))
        self.assertEqual(transport.producerState, "paused")
        echo.gates.pop().callback(None)
        self.assertEqual(transport.producerState, "producing")


class _Handle:
    """An OpenSSL connection that is up."""

    def get_protocol_version_name(self) -> str:
        return "TLSv1.3"


class _Context:
    """TLS that asks clients for no certificates."""

    def vouches(self, handle: object) -> bool:
        return False


class TimeTests(TestCase):
    """Time runs against the client only while we wait for it."""

    def test_handshake_that_never_ends(self) -> None:
        """A client that begins TLS and then falls silent is cut off after a minute, from the first byte as well as after STARTTLS."""
        for begin in (None, b"tls\r\n"):
            clock = Clock()
            echo, transport = connect(clock, idle_timeout=600, tls=TLSMode.STARTTLS if begin else TLSMode.IMPLICIT)
            if begin:
                echo.dataReceived(begin)
            clock.advance(HANDSHAKE_TIMEOUT - 1)
            self.assertFalse(transport.disconnected)
            clock.advance(2)
            self.assertTrue(transport.disconnected)

    def test_after_the_handshake_the_idle_time_counts(self) -> None:
        """A client that has completed the handshake is given the time that every idle client has."""
        clock = Clock()
        echo, transport = connect(clock, idle_timeout=600, tls=TLSMode.IMPLICIT)
        transport.getHandle = _Handle  # type: ignore[attr-defined]
        echo.factory.tls = _Context()
        clock.advance(HANDSHAKE_TIMEOUT - 1)
        echo.handshakeCompleted()
        clock.advance(599)
        self.assertFalse(transport.disconnecting)
        clock.advance(2)
        self.assertTrue(transport.disconnecting)

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
        """A pause within data is no silence: the time-out begins again with each piece."""
        clock = Clock()
        echo, transport = connect(clock)
        echo.dataReceived(b"data\r\n")
        for _ in range(5):
            clock.advance(50)
            echo.dataReceived(b"line\r\n")
        self.assertFalse(transport.disconnecting)
        clock.pump([30, 30, 30])
        self.assertTrue(transport.disconnecting)

    def test_drip_of_data_ends(self) -> None:
        """Data that comes, but a letter at a time, is not waited for without end; what comes at the pace of a modem is."""
        for piece, lasts in ((b"x", False), (b"x" * 100_000, True)):
            clock = Clock()
            echo, transport = connect(clock)
            echo.dataReceived(b"data\r\n")
            for _ in range(int(2 * PATIENCE / 50)):
                clock.advance(50)
                echo.dataReceived(piece)
            self.assertEqual(not transport.disconnecting, lasts)
            self.assertEqual(said(transport).endswith(b"farewell timeout\r\n"), not lasts)

    def test_answer_has_one_time_for_all_of_it(self) -> None:
        """The answer to a challenge gets no more time for coming letter by letter."""
        clock = Clock()
        echo, transport = connect(clock)
        echo.dataReceived(b"ask\r\n")
        for _ in range(7):
            echo.dataReceived(b"x")
            clock.advance(10)
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
        """One address, one /24 or one /64 cannot take all the connections; loopback and a Unix socket may."""
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
            ("", b"hello\r\n"),
            ("", b"hello\r\n"),
        ]:
            _, transport = join(factory, address)
            self.assertEqual(said(transport), answer, address)

    def test_the_turned_away_take_nobodys_place(self) -> None:
        """One address that connects again and again, and does not go when told to, keeps nobody else out."""
        factory = _factory(connections=4, connections_per_address=2)
        for _ in range(10):
            join(factory, "192.0.2.1")
        for address in ("198.51.100.1", "203.0.113.1"):
            _, transport = join(factory, address)
            self.assertEqual(said(transport), b"hello\r\n")

    def test_the_turned_away_do_not_stay(self) -> None:
        """Who is turned away and does not go is cut off soon; when there are hundreds of them, at once."""
        factory = _factory(connections=0)
        held = [join(factory)[1] for _ in range(TURNED_AWAY + 5)]
        self.assertEqual([one.disconnected for one in held], [False] * TURNED_AWAY + [True] * 5)
        assert isinstance(factory.clock, Clock)
        factory.clock.advance(SHORT_GRACE)
        self.assertTrue(all(one.disconnected for one in held))

    def test_our_own_address_is_known(self) -> None:
        """A conversation knows by which address of ours its client came."""
        echo, _ = connect()
        self.assertEqual(echo.peer.host, "10.0.0.1")

    def test_mapped_address_is_unmapped(self) -> None:
        """An IPv4 client on an IPv6 socket is known by its IPv4 address."""
        echo, _ = join(_factory(), "::ffff:192.0.2.7")
        self.assertEqual(echo.peer.address, "192.0.2.7")


class DrainTests(TestCase):
    """The server stops."""

    def test_idle_now_busy_later_stuck_aborted(self) -> None:
        """Idle clients are told at once, busy ones after their command; what hangs is told and cut at the end."""
        clock = Clock()
        factory = ConversationFactory(ListenerOptions(protocol=Protocol.SMTP, port=25), Echo, clock)
        idle, idle_transport = join(factory)
        busy, busy_transport = join(factory)
        stuck, stuck_transport = join(factory)
        for echo, transport in ((busy, busy_transport), (stuck, stuck_transport)):
            echo.dataReceived(b"wait\r\nsay more\r\n")
            said(transport)
        done: Deferred[None] = Deferred.fromCoroutine(factory.drain(10))
        self.assertEqual(said(idle_transport), b"hello\r\nfarewell shutdown\r\n")
        self.assertEqual(said(busy_transport), b"")
        busy.gates.pop().callback(None)
        self.assertEqual(said(busy_transport), b"waited\r\nfarewell shutdown\r\n")
        self.assertNoResult(done)
        clock.advance(10)
        self.assertEqual(said(stuck_transport), b"farewell shutdown\r\n")
        self.assertFalse(stuck_transport.disconnected)
        clock.advance(LAST_GRACE)
        self.assertTrue(stuck_transport.disconnected)
        for echo in (idle, busy, stuck):
            echo.connectionLost(Failure(ConnectionDone()))
        self.successResultOf(done)

    def test_silent_in_an_exchange_is_told_at_once(self) -> None:
        """A client that was asked for a password and says nothing does not hold up the stop."""
        echo, transport = connect()
        echo.dataReceived(b"ask\r\n")
        said(transport)
        echo.end("shutdown")
        self.assertEqual(said(transport), b"farewell shutdown\r\n")
        self.assertTrue(transport.disconnecting)

    def test_no_exchange_begins_while_stopping(self) -> None:
        """A command that wants an answer from the client once the server stops ends instead."""
        echo, transport = connect()
        echo.dataReceived(b"wait_and_ask\r\n")
        echo.end("shutdown")
        said(transport)
        echo.gates.pop().callback(None)
        self.assertTrue(said(transport).endswith(b"farewell shutdown\r\n"))
        self.assertIn("gone", echo.log)

    def test_data_may_go_on(self) -> None:
        """A message that is on its way may arrive; one that never ends is told goodbye at the deadline."""
        clock = Clock()
        echo, transport = connect(clock)
        echo.dataReceived(b"data\r\nhalf")
        said(transport)
        done: Deferred[None] = Deferred.fromCoroutine(echo.factory.drain(10))
        clock.advance(9)
        self.assertEqual(said(transport), b"")
        clock.advance(1)
        self.assertEqual(said(transport), b"farewell shutdown\r\n")
        echo.connectionLost(Failure(ConnectionDone()))
        self.successResultOf(done)
        self.assertEqual(clock.getDelayedCalls(), [])

    def test_slow_reader_is_cut_at_the_deadline(self) -> None:
        """A client that takes nothing any more cannot be told anything: it is cut, and nothing is said in the middle of its data."""
        clock = Clock()
        echo, transport = connect(clock)
        assert transport.producer is not None
        self.patch(transport, "write", lambda data: transport.producer.pauseProducing())
        echo.dataReceived(b"big 5000\r\n")
        self.patch(transport, "write", lambda data: self.fail(f"said {data!r}"))
        Deferred.fromCoroutine(echo.factory.drain(10))
        clock.advance(10)
        self.assertTrue(transport.disconnected)

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
