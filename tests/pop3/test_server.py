"""What cannot be written as a conversation: waiting, failing, leaving, time, the log."""

import base64

from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred, fail
from twisted.internet.error import ConnectionDone
from twisted.logger import LogEvent, formatEvent, globalLogPublisher
from twisted.mail import pop3
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from mailsvc.core.errors import Kind, MailError, temporary
from mailsvc.core.operations import Expunge, StoreFlags
from mailsvc.core.values import SystemFlag
from mailsvc.monitor import counters
from mailsvc.pop3.session import MAX_BEFORE_LOGIN
from mailsvc.testing.transcript import replay
from mailsvc.wire.conversation import Conversation
from mailsvc.wire.options import TLSMode
from tests.pop3.dialogues import LOGGED_IN, MESSAGES
from tests.pop3.world import PASSWORD, Transport, World


def gone(protocol: Conversation) -> None:
    """The client's connection is lost."""
    protocol.connectionLost(Failure(ConnectionDone()))


def said(transport: Transport) -> bytes:
    """What the server has said since the last call."""
    value = transport.value()
    transport.clear()
    return value


def log_of(test: TestCase) -> list[LogEvent]:
    """What is logged from now on."""
    events: list[LogEvent] = []
    globalLogPublisher.addObserver(events.append)
    test.addCleanup(globalLogPublisher.removeObserver, events.append)
    return events


def log_lines(events: list[LogEvent]) -> list[str]:
    """The lines about the POP3 server."""
    return [formatEvent(event) for event in events if event["log_namespace"] in ("mailsvc.pop3", "mailsvc.login")]


class LoginTests(TestCase):
    """Passwords, and what they are worth."""

    def test_is_a_twisted_pop3_server(self) -> None:
        """It can stand wherever Twisted expects its own class."""
        self.assertIsInstance(World().connect()[0], pop3.POP3)

    def test_password_keeps_its_spaces(self) -> None:
        """Every octet after "PASS " belongs to the password."""
        world = World()
        world.play("S: …\nC: USER alice\nS: …\nC= b'PASS  two  spaces \\r\\n'\nS: -ERR [AUTH] …")
        self.assertEqual(world.passwords.asked[0].password, b" two  spaces ")

    def test_checker_learns_who_asks(self) -> None:
        """The checker sees name, mechanism and connection."""
        world = World()
        world.play("S: …\nC: USER alice\nS: …\nC: PASS correct horse\nS: +OK …")
        asked = world.passwords.asked[0]
        self.assertEqual((asked.username, asked.mechanism, asked.peer.address), (b"alice", "USER", "192.0.2.1"))

    def test_a_place_is_not_kept_without_a_log_in(self) -> None:
        """A stranger that says nothing but CAPA is sent away after a hundred; whoever has logged in may send NOOP on and on."""
        world = World(*MESSAGES)
        protocol, transport = world.play("S: …")
        protocol.dataReceived(b"CAPA\r\n" * MAX_BEFORE_LOGIN)
        world.clock.advance(0)
        self.assertFalse(transport.disconnecting)
        protocol.dataReceived(b"CAPA\r\n")
        self.assertTrue(transport.disconnecting)
        self.assertTrue(transport.value().endswith(b"-ERR too many commands without a log-in, goodbye\r\n"))
        protocol, transport = world.play(LOGGED_IN)
        for _ in range(MAX_BEFORE_LOGIN + 1):
            protocol.dataReceived(b"NOOP\r\n")
        self.assertFalse(transport.disconnecting)

    def test_no_advice_to_begin_tls_where_there_is_none(self) -> None:
        """On a port without TLS the refusal of a password names another port, not STLS."""
        World(cleartext=(), tls=TLSMode.NONE).play(
            """
            S: +OK …
            C: USER alice
            S: -ERR [SYS/PERM] a password would cross this line unprotected, and this port has no TLS; use another
            """
        )

    def test_no_password_on_a_line_that_can_be_read(self) -> None:
        """Without TLS, where that is not allowed, nothing asks for a password, and the refusal says what to do."""
        response = base64.b64encode(f"\0alice\0{PASSWORD}".encode()).decode()
        world = World(cleartext=())
        refusal = "S: -ERR [SYS/PERM] a password would cross this line unprotected; begin TLS first (STLS, or the POP3S port)\n"
        world.play(
            f"""
            S: +OK …
            C: USER alice
            {refusal}
            C: PASS {PASSWORD}
            S: -ERR send USER first
            C: AUTH PLAIN {response}
            {refusal}
            C: AUTH
            S: +OK …
            S: .
            C: CAPA
            S: +OK …
            S: STLS
            S: TOP
            S: UIDL
            S: RESP-CODES
            S: AUTH-RESP-CODE
            S: PIPELINING
            S: EXPIRE NEVER
            S: UTF8 USER
            S: LANG
            S: IMPLEMENTATION mailsvc
            S: .
            C: STLS
            S: +OK begin TLS
            TLS
            C: CAPA
            S: +OK …
            S: USER
            S: SASL PLAIN LOGIN
            S: TOP
            S: UIDL
            S: RESP-CODES
            S: AUTH-RESP-CODE
            S: PIPELINING
            S: EXPIRE NEVER
            S: UTF8 USER
            S: LANG
            S: IMPLEMENTATION mailsvc
            S: .
            C: AUTH PLAIN {response}
            S: +OK maildrop …
            """
        )
        self.assertEqual(len(world.passwords.asked), 1)

    def test_commands_behind_a_slow_login_wait(self) -> None:
        """What is pipelined behind PASS is answered after it, as a logged-in client's."""
        world = World(*MESSAGES)
        answer: Deferred[bytes] = Deferred()
        world.passwords.answer = lambda: answer
        protocol, transport = world.connect()
        said(transport)
        protocol.dataReceived(b"USER alice\r\nPASS correct horse\r\nSTAT\r\nQUIT\r\n")
        self.assertEqual(said(transport), b"+OK now send the password\r\n")
        answer.callback(b"alice@example.test")
        self.assertEqual(said(transport), b"+OK maildrop has 3 message(s) (86 octets)\r\n+OK 3 86\r\n+OK goodbye\r\n")

    def test_temporary_failure_is_no_wrong_password(self) -> None:
        """A source of passwords that is down is told from a wrong password, and costs no attempt."""
        world = World()
        world.passwords.answer = lambda: fail(temporary("directory-down"))
        script = "C: USER alice\nS: +OK …\nC: PASS x\nS: -ERR [SYS/TEMP] a temporary problem …\n"
        world.play("S: …\n" + script * 5)

    def test_words_of_a_source_make_no_counters(self) -> None:
        """Whatever a source of passwords says about a name is for the log; what is counted has one of a few names."""
        counted: list[tuple[str, str]] = []
        self.patch(counters, "login", lambda *labels: counted.append(labels))
        world = World()
        world.passwords.answer = lambda: fail(UnauthorizedLogin("no such user as alice"))
        world.play("S: …\nC: USER alice\nS: +OK …\nC: PASS x\nS: -ERR [AUTH] …\n")
        self.assertEqual(counted, [("pop3", "bad-credentials")])

    def test_unforeseen_failure_is_temporary(self) -> None:
        """A bug in a checker is answered as a temporary failure and logged."""
        world = World()
        world.passwords.answer = lambda: fail(ZeroDivisionError())
        world.play(
            "S: …\nC: USER alice\nS: +OK …\nC: PASS x\nS: -ERR [SYS/TEMP] a temporary problem …\nC: QUIT\nS: +OK …\nCLOSED"
        )
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_disabled_account(self) -> None:
        """A disabled account is refused in the words of a wrong password."""
        world = World()
        world.passwords.answer = lambda: fail(UnauthorizedLogin("disabled"))
        world.play("S: …\nC: USER alice\nS: +OK …\nC: PASS x\nS: -ERR [AUTH] wrong user name or password")

    def test_log_tells_sessions_and_no_password(self) -> None:
        """Each log-in, failure and goodbye is one line; passwords are in none."""
        events = log_of(self)
        World(*MESSAGES).play(
            "S: …\nC: USER alice\nS: …\nC: PASS secret7\nS: -ERR …\nC: USER alice\nS: …\nC: PASS correct horse\n"
            "S: …\nC: DELE 1\nS: …\nC: TOP 2 0\nS: …\nS: …\nS:\nS: .\nC: QUIT\nS: …\nCLOSED"
        )
        lines = log_lines(events)
        client = "pop3@127.0.0.1:110: 192.0.2.1 (no TLS)"
        self.assertEqual(
            lines,
            [
                f"{client}: log-in as 'alice' failed: wrong-password",
                f"{client}: alice@example.test logged in, 3 message(s), 86 octets",
                f"{client}: alice@example.test quit, 0 retrieved, 1 deleted",
            ],
        )
        everything = repr(events)
        self.assertNotIn("secret7", everything)
        self.assertNotIn(PASSWORD, everything)


class LockTests(TestCase):
    """One session at a time, and the lock is given back in every case."""

    def test_second_session_is_told_in_use(self) -> None:
        """A second log-in gets [IN-USE], does not cost an attempt, and succeeds when the first session has ended."""
        world = World(*MESSAGES)
        first, transport = world.play(LOGGED_IN)
        protocol, other = world.play(
            "S: …\n" + "C: USER alice\nS: …\nC: PASS correct horse\nS: -ERR [IN-USE] the maildrop …\n" * 4
        )
        replay("C: QUIT\nS: +OK goodbye\nCLOSED", first, transport)
        replay("C: USER alice\nS: …\nC: PASS correct horse\nS: +OK …", protocol, other)

    def test_lost_connection_gives_the_lock_back_and_deletes_nothing(self) -> None:
        """Without QUIT there is no UPDATE (RFC 1939 6)."""
        world = World(*MESSAGES)
        protocol, _ = world.play(LOGGED_IN + "C: DELE 1\nS: +OK …")
        gone(protocol)
        self.assertFalse(world.store.locked)
        self.assertEqual(world.store.applied, [])

    def test_timeout_is_silent_and_deletes_nothing(self) -> None:
        """After ten minutes of silence the server closes without a word and without UPDATE (RFC 1939 3)."""
        world = World(*MESSAGES)
        protocol, transport = world.play(LOGGED_IN + "C: DELE 1\nS: +OK …")
        world.clock.advance(599)
        self.assertFalse(transport.disconnecting)
        world.clock.advance(2)
        self.assertTrue(transport.disconnecting)
        self.assertEqual(said(transport), b"")
        gone(protocol)
        self.assertEqual((world.store.locked, world.store.applied), (False, []))

    def test_client_gone_while_logging_in(self) -> None:
        """A client that leaves while the maildrop is being opened leaves no lock behind, wherever the opening was."""
        for question in ("mailbox", "lock", "rows"):
            world = World(*MESSAGES)
            gate = world.store.gates[question] = Deferred()
            protocol, _ = world.connect()
            protocol.dataReceived(b"USER alice\r\nPASS correct horse\r\n")
            gone(protocol)
            gate.callback(None)
            self.assertFalse(world.store.locked, question)

    def test_failure_to_read_the_mailbox_gives_the_lock_back(self) -> None:
        """A log-in that fails after locking leaves no lock behind."""
        world = World(*MESSAGES)
        gate: Deferred[None] = Deferred()
        world.store.gates["rows"] = gate
        protocol, transport = world.connect()
        said(transport)
        protocol.dataReceived(b"USER alice\r\nPASS correct horse\r\n")
        self.assertTrue(world.store.locked)
        gate.errback(temporary("store-down"))
        self.assertIn(b"-ERR [SYS/TEMP]", said(transport))
        self.assertFalse(world.store.locked)

    def test_shutdown_tells_the_client(self) -> None:
        """A server that stops says so, and gives the lock back."""
        world = World(*MESSAGES)
        protocol, transport = world.play(LOGGED_IN)
        protocol.end("shutdown")
        self.assertEqual(said(transport), b"-ERR [SYS/TEMP] the server is shutting down, please come back later\r\n")
        gone(protocol)
        self.assertFalse(world.store.locked)

    def test_too_many_connections(self) -> None:
        """A connection over the limit is told so."""
        world = World(connections=1)
        world.connect()
        _, transport = world.connect()
        self.assertEqual(said(transport), b"-ERR [SYS/TEMP] too many connections, please come back later\r\n")
        self.assertTrue(transport.disconnecting)


class UpdateTests(TestCase):
    """QUIT carries out what was marked, in one transaction, before it answers."""

    SCRIPT = LOGGED_IN + "C: RETR 3\nS: +OK …\nS: …\nS:\nS: .\nC: DELE 1\nS: +OK …\n"

    def test_one_transaction(self) -> None:
        """Deleting and marking as read happen together; TOP marks nothing."""
        world = World(*MESSAGES)
        world.play(
            self.SCRIPT + "C: TOP 2 0\nS: …\nS: …\nS:\nS: .\nC: QUIT\nS: +OK goodbye, 1 message(s) deleted\nCLOSED"
        )
        self.assertEqual(world.store.applied, [[StoreFlags(1, ((3, 3),), add=SystemFlag.SEEN), Expunge(1, ((1, 1),))]])
        self.assertFalse(world.store.locked)

    def test_read_and_deleted_is_only_deleted(self) -> None:
        """A message that goes is not marked as read first; one that was read before is not marked again."""
        world = World(*MESSAGES)
        world.store.messages[1].flags = SystemFlag.SEEN
        retrieve = "C: RETR {}\nS: +OK …\n" + "S: …\n"
        world.play(
            LOGGED_IN
            + retrieve.format(3)
            + "S:\nS: .\nC: DELE 3\nS: …\n"
            + retrieve.format(2)
            + "S:\nS: 1\nS: 2\nS: 3\nS: .\nC: QUIT\nS: +OK …\nCLOSED"
        )
        self.assertEqual(world.store.applied, [[Expunge(1, ((3, 3),))]])

    def test_nothing_to_do_asks_nothing(self) -> None:
        """A session that only looked costs no transaction."""
        world = World(*MESSAGES)
        world.play(LOGGED_IN + "C: DELE 1\nS: …\nC: RSET\nS: …\nC: QUIT\nS: +OK goodbye\nCLOSED")
        self.assertEqual(world.store.applied, [])

    def test_lost_lock_deletes_nothing(self) -> None:
        """When the store has restarted and another session was faster to lock the maildrop, QUIT deletes nothing and says so."""
        world = World(*MESSAGES)
        protocol, transport = world.play(self.SCRIPT)
        world.store.lock_given.held = False
        protocol.dataReceived(b"QUIT\r\n")
        self.assertTrue(said(transport).startswith(b"-ERR [SYS/TEMP] "))
        self.assertEqual(world.store.applied, [])

    def test_answer_comes_when_it_is_durable(self) -> None:
        """QUIT is answered after the store has; until then the lock is held, even if the client has gone."""
        world = World(*MESSAGES)
        protocol, transport = world.play(self.SCRIPT)
        gate: Deferred[None] = Deferred()
        world.store.gates["apply"] = gate
        protocol.dataReceived(b"QUIT\r\n")
        self.assertEqual(said(transport), b"")
        gone(protocol)
        self.assertTrue(world.store.locked)
        gate.callback(None)
        self.assertFalse(world.store.locked)
        self.assertEqual(len(world.store.messages), 2)

    def test_failure_is_told(self) -> None:
        """If the store fails, QUIT says so, the connection ends and the lock is given back."""
        world = World(*MESSAGES)
        protocol, transport = world.play(self.SCRIPT)
        world.store.failure = temporary("store-down")
        replay("C: QUIT\nS: -ERR [SYS/TEMP] a temporary problem …\nCLOSED", protocol, transport)
        self.assertEqual((world.store.locked, len(world.store.messages)), (False, 3))

    def test_marks_of_reading_are_no_deletions(self) -> None:
        """Who has only read is bidden farewell even if the store takes nothing now, for nothing that was asked for has failed."""
        world = World(*MESSAGES)
        protocol, transport = world.play("S: +OK …\nC: USER alice\nS: +OK …\nC: PASS correct horse\nS: +OK …")
        protocol.dataReceived(b"RETR 1\r\n")
        world.store.failure = temporary("disk-full")
        transport.clear()
        replay("C: QUIT\nS: +OK …\nCLOSED", protocol, transport)
        self.assertEqual((world.store.locked, len(world.store.messages)), (False, 3))

    def test_unforeseen_failure_is_told(self) -> None:
        """The same when something breaks that nobody foresaw."""
        world = World(*MESSAGES)
        protocol, transport = world.play(self.SCRIPT)
        world.store.failure = ZeroDivisionError()
        replay("C: QUIT\nS: -ERR [SYS/TEMP] a temporary problem …\nCLOSED", protocol, transport)
        self.assertFalse(world.store.locked)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


class ReadingTests(TestCase):
    """When the store cannot give a message."""

    def test_message_removed_by_another_session(self) -> None:
        """A message that another client removed meanwhile is refused, and the others stay."""
        world = World(*MESSAGES)
        protocol, transport = world.play(LOGGED_IN)
        del world.store.messages[0]
        replay(
            """
            C: RETR 1
            C: TOP 1 0
            C: TOP 3 0
            S: -ERR another session has removed this message
            S: -ERR another session has removed this message
            S: +OK …
            S: Subject: header only
            S:
            S: .
            """,
            protocol,
            transport,
        )

    def test_failure_to_read_is_temporary(self) -> None:
        """A store that fails is answered before any data."""
        world = World(*MESSAGES)
        protocol, transport = world.play(LOGGED_IN)
        world.store.failure = temporary("store-down")
        replay("C: RETR 1\nS: -ERR [SYS/TEMP] …\nC: TOP 1 1\nS: -ERR [SYS/TEMP] …", protocol, transport)
        world.store.failure = None
        replay("C: QUIT\nS: +OK goodbye\nCLOSED", protocol, transport)
        self.assertEqual(world.store.applied, [])

    def test_half_a_message_never_looks_whole(self) -> None:
        """When reading fails in the middle of the data, the connection is cut: an end mark would be a lie."""
        world = World(b"a: b\r\n\r\n" + b"x" * 400_000 + b"\r\n")
        protocol, transport = world.play("S: …\nC: USER alice\nS: …\nC: PASS correct horse\nS: +OK …")
        written: list[bytes] = []

        def write(data: bytes) -> None:
            written.append(data)
            world.store.failure = MailError(Kind.NOT_NOW, "disk")

        self.patch(transport, "write", write)
        protocol.dataReceived(b"RETR 1\r\nQUIT\r\n")
        self.assertTrue(transport.aborted)
        self.assertNotIn(b"\r\n.\r\n", b"".join(written))
        gone(protocol)
        self.assertEqual(world.store.applied, [])
