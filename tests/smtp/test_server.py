"""What conversations alone cannot show: waiting, failing, hanging up, limits, the trace."""

import base64
from ipaddress import ip_network
from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.logger import LogEvent, formatEvent, globalLogPublisher
from twisted.mail import smtp
from twisted.trial.unittest import TestCase

from mailsvc.core.errors import Kind, MailError, temporary
from mailsvc.core.interfaces.delivery import IDelivery
from mailsvc.delivery import Reception
from mailsvc.monitor import counters
from mailsvc.smtp.lmtp import LMTPServer
from mailsvc.smtp.replies import reply_to
from mailsvc.smtp.server import DATA_TIMEOUT, SMTPServer
from mailsvc.wire.options import TLSMode
from tests.smtp.world import PASSWORD, World, hang_up, said

HELLO = b"EHLO client.example\r\n"
ENVELOPE = HELLO + b"MAIL FROM:<sender@example.com>\r\nRCPT TO:<alice@example.test>\r\n"
PLAIN = base64.b64encode(f"\0alice\0{PASSWORD}".encode())


def codes(octets: bytes) -> list[str]:
    """Code and enhanced code of each final reply line."""
    lines = octets.decode().splitlines()
    return [
        " ".join(line.split(" ")[: 2 if line[4:5].isdigit() and line[5:6] == "." else 1])
        for line in lines
        if line[3] == " "
    ]


class BaseClassTests(TestCase):
    """What is kept of Twisted."""

    def test_is_twisted_esmtp(self) -> None:
        """Server and LMTP server are Twisted's ESMTP with its portal and host."""
        world = World()
        protocol, _ = world.connect()
        self.assertIsInstance(protocol, smtp.ESMTP)
        self.assertIs(protocol.portal, world.portal)
        self.assertEqual(protocol.host, b"mx.example.test")
        self.assertTrue(issubclass(LMTPServer, SMTPServer))

    def test_commands_are_methods_by_name(self) -> None:
        """Every verb has its do_ or ext_ method, and no other method can be reached by name."""
        protocol, _ = World().connect()
        for verb, name in SMTPServer.verbs.items():
            self.assertIn(name, (f"do_{verb.decode()}", f"ext_{verb.decode()}"))
            self.assertTrue(callable(protocol.lookupMethod(verb)))
        self.assertIsNone(protocol.lookupMethod(b"UNKNOWN"))

    def test_extensions(self) -> None:
        """extensions() can be asked and extended as in Twisted: keyword to None or a list."""
        protocol, _ = World(message_size=0, tls=TLSMode.NONE, cleartext=()).connect()
        extensions = protocol.extensions()
        self.assertEqual(extensions[b"LIMITS"], [b"RCPTMAX=1000"])
        self.assertIsNone(extensions[b"SIZE"])
        self.assertNotIn(b"STARTTLS", extensions)
        self.assertNotIn(b"AUTH", extensions)

    def test_no_advice_to_begin_tls_where_there_is_none(self) -> None:
        """A client that may not log in hears of STARTTLS only where there is STARTTLS; elsewhere, that another port has to be used."""
        for mode, advice in (
            (TLSMode.STARTTLS, b"say STARTTLS first"),
            (TLSMode.NONE, b"none on this port, use another"),
        ):
            protocol, transport = World("submission", tls=mode, cleartext=()).connect()
            protocol.dataReceived(b"EHLO client.example\r\n")
            said(transport)
            for command, code in ((b"AUTH PLAIN AAAA\r\n", b"538 5.7.11 "), (b"MAIL FROM:<>\r\n", b"530 5.7.0 ")):
                protocol.dataReceived(command)
                answer = said(transport)
                self.assertTrue(answer.startswith(code))
                self.assertIn(advice, answer)


class WaitingTests(TestCase):
    """One command at a time, whatever has to be waited for."""

    def test_slow_recipient_with_pipelined_data(self) -> None:
        """Two recipients, the first of them slow, and DATA pipelined behind: answers in order, and the text is no command."""
        world = World()
        world.directory.gates["alice"] = gate = Deferred()
        protocol, transport = world.connect()
        said(transport)
        protocol.dataReceived(
            ENVELOPE + b"RCPT TO:<nobody@example.test>\r\nDATA\r\nMAIL FROM:<text@example.com>\r\n.\r\nNOOP\r\n"
        )
        self.assertEqual(codes(said(transport)), ["250", "250 2.1.0"])
        gate.callback(None)
        self.assertEqual(codes(said(transport)), ["250 2.1.5", "550 5.1.1", "354", "250 2.0.0", "250 2.0.0"])
        self.assertEqual(world.store.bodies_delivered, [b"MAIL FROM:<text@example.com>\r\n"])

    def test_slow_commit(self) -> None:
        """The next transaction waits for the answer to the message before."""
        world = World()
        world.store.gate = gate = Deferred()
        protocol, transport = world.connect()
        said(transport)
        protocol.dataReceived(ENVELOPE + b"DATA\r\nx\r\n.\r\nMAIL FROM:<>\r\n")
        self.assertEqual(codes(said(transport)), ["250", "250 2.1.0", "250 2.1.5", "354"])
        gate.callback(None)
        self.assertEqual(codes(said(transport)), ["250 2.0.0", "250 2.1.0"])

    def test_slow_log_in(self) -> None:
        """What is pipelined behind AUTH waits for the log-in."""
        world = World()
        answer: Deferred[bytes] = Deferred()
        world.passwords.answer = lambda: answer
        protocol, transport = world.connect()
        said(transport)
        protocol.dataReceived(
            HELLO + b"AUTH PLAIN " + PLAIN + b"\r\nMAIL FROM:<alice@example.test>\r\nRCPT TO:<x@example.com>\r\n"
        )
        self.assertEqual(codes(said(transport)), ["250"])
        answer.callback(b"alice@example.test")
        self.assertEqual(codes(said(transport)), ["235 2.7.0", "250 2.1.0", "250 2.1.5"])

    def test_silence_in_data(self) -> None:
        """Who stops in the middle of a message is told goodbye, and nothing of the message is left."""
        world = World()
        protocol, transport = world.connect()
        protocol.dataReceived(ENVELOPE + b"DATA\r\nhalf a mess")
        said(transport)
        world.clock.advance(DATA_TIMEOUT + 1)
        self.assertEqual(codes(said(transport)), ["421 4.4.2"])
        self.assertTrue(transport.disconnecting)
        hang_up(protocol)
        self.assertTrue(world.store.writers[0].aborted)
        self.assertEqual(world.store.delivered, [])

    def test_silence_between_commands(self) -> None:
        """Who says nothing for ten minutes is told goodbye."""
        world = World()
        _, transport = world.connect()
        said(transport)
        world.clock.advance(599)
        self.assertEqual(said(transport), b"")
        world.clock.advance(2)
        self.assertEqual(codes(said(transport)), ["421 4.4.2"])

    def test_shutdown_after_the_message(self) -> None:
        """When the server stops, a message under way is still taken, then comes 421."""
        world = World()
        protocol, transport = world.connect()
        protocol.dataReceived(ENVELOPE + b"DATA\r\n")
        said(transport)
        protocol.end("shutdown")
        self.assertEqual(said(transport), b"")
        protocol.dataReceived(b"x\r\n.\r\nNOOP\r\n")
        self.assertEqual(codes(said(transport)), ["250 2.0.0", "421 4.3.2"])
        self.assertEqual(len(world.store.delivered), 1)

    def test_one_connection_too_many(self) -> None:
        """Beyond the limit the greeting is 421."""
        world = World(connections_per_address=1)
        world.connect()
        _, transport = world.connect()
        self.assertEqual(codes(said(transport)), ["421 4.7.0"])
        self.assertTrue(transport.disconnecting)


class FailureTests(TestCase):
    """Trouble of ours is a 4xx, and nothing of the message exists."""

    def send(self, world: World) -> list[str]:
        """The replies from MAIL on."""
        protocol, transport = world.connect()
        protocol.dataReceived(HELLO)
        said(transport)
        protocol.dataReceived(
            b"MAIL FROM:<a@example.com>\r\nRCPT TO:<alice@example.test>\r\nDATA\r\nx\r\n.\r\nNOOP\r\n"
        )
        return codes(said(transport))

    def test_452_from_the_store_is_452(self) -> None:
        """A mailbox that fills up at the last moment is 452, not 550."""
        world = World()
        world.store.failures["apply"] = MailError(Kind.QUOTA, "mailbox-full")
        self.assertEqual(self.send(world), ["250 2.1.0", "250 2.1.5", "354", "452 4.2.2", "250 2.0.0"])

    def test_store_down(self) -> None:
        """A store that cannot answer is 451."""
        world = World()
        world.store.failures["apply"] = temporary("store-down")
        self.assertEqual(self.send(world)[3], "451 4.3.0")

    def test_disk_full_while_the_body_is_written(self) -> None:
        """A body that cannot be made durable is 451, and is dropped."""
        world = World()
        world.store.failures["close"] = temporary("disk-failed")
        self.assertEqual(self.send(world)[3], "451 4.3.0")

    def test_writer_that_cannot_be_made(self) -> None:
        """Any failure in the middle of the data is told at its end, and logged."""
        world = World()
        world.store.failures["create"] = OSError("no more files")
        self.assertEqual(self.send(world), ["250 2.1.0", "250 2.1.5", "354", "451 4.3.0", "250 2.0.0"])
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)

    def test_low_disk_is_said_at_mail(self) -> None:
        """Below the low-disk mark MAIL is 452 4.3.1: nobody sends a message for nothing."""
        world = World()
        world.store.failures["space"] = temporary("low-disk")
        self.assertEqual(self.send(world)[0], "452 4.3.1")

    def test_unforeseen_failure(self) -> None:
        """What nobody foresaw is 451 and a logged traceback, and the connection goes on."""
        world = World()
        world.store.failures["apply"] = ZeroDivisionError()
        self.assertEqual(self.send(world)[3:], ["451 4.3.0", "250 2.0.0"])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_directory_down(self) -> None:
        """A directory that cannot answer is 451 at MAIL, RCPT or AUTH, never 550."""
        world = World()
        protocol, transport = world.connect()
        protocol.dataReceived(HELLO + b"MAIL FROM:<a@example.com>\r\n")
        said(transport)
        world.directory.failure = temporary("store-down")
        protocol.dataReceived(b"RCPT TO:<alice@example.test>\r\nRCPT TO:<alice@example.test>\r\n")
        self.assertEqual(codes(said(transport)), ["451 4.3.0", "451 4.3.0"])

    def test_unforeseen_failure_at_a_recipient(self) -> None:
        """The same at RCPT: 451 for this recipient, and the next one is judged."""
        world = World()
        protocol, transport = world.connect()
        protocol.dataReceived(HELLO + b"MAIL FROM:<a@example.com>\r\n")
        said(transport)
        world.directory.gates["alice"] = fail(ZeroDivisionError())
        protocol.dataReceived(b"RCPT TO:<alice@example.test>\r\nRCPT TO:<bob@example.test>\r\n")
        self.assertEqual(codes(said(transport)), ["451 4.3.0", "250 2.1.5"])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_log_in_that_is_refused_for_another_reason(self) -> None:
        """A refusal that has its own meaning keeps it, and counts as a failed log-in."""
        world = World()
        world.passwords.answer = lambda: fail(MailError(Kind.DISABLED, "account-disabled"))
        protocol, transport = world.connect()
        protocol.dataReceived(HELLO)
        said(transport)
        protocol.dataReceived((b"AUTH PLAIN " + PLAIN + b"\r\n") * 3)
        self.assertEqual(codes(said(transport)), ["550 5.2.1"] * 3 + ["421 4.7.0"])

    def test_refusals_are_counted(self) -> None:
        """Each refusal is counted under its reason, at RCPT and at the end of a message."""
        counted: list[tuple[str, str]] = []
        self.patch(counters, "message_refused", lambda *labels: counted.append(labels))
        world = World()
        world.store.failures["apply"] = MailError(Kind.QUOTA, "mailbox-full")
        protocol, _ = world.connect()
        protocol.dataReceived(ENVELOPE + b"RCPT TO:<nobody@example.test>\r\nDATA\r\nx\r\n.\r\n")
        self.assertEqual(counted, [("smtp", "unknown-recipient"), ("smtp", "mailbox-full")])

    def test_one_recipient_of_two_fails_at_the_end(self) -> None:
        """If one of two recipients cannot have the message, neither has it, and the answer is temporary."""
        world = World()
        world.store.failures["apply"] = MailError(Kind.QUOTA, "mailbox-full", detail="bob@example.test")
        protocol, transport = world.connect()
        protocol.dataReceived(ENVELOPE + b"RCPT TO:<bob@example.test>\r\n")
        said(transport)
        protocol.dataReceived(b"DATA\r\nx\r\n.\r\n")
        self.assertEqual(codes(said(transport)), ["354", "452 4.2.2"])
        self.assertEqual(world.store.delivered, [])

    def test_temporary_failure_of_a_log_in(self) -> None:
        """A password source that is down is 454, does not count as a wrong password, and is tried again."""
        world = World()
        protocol, transport = world.connect()
        protocol.dataReceived(HELLO)
        said(transport)
        for trouble, count in ((temporary("hashing-queue-full"), 0), (ZeroDivisionError(), 4)):
            world.passwords.answer = lambda error=trouble: (_ for _ in ()).throw(error)
            protocol.dataReceived((b"AUTH PLAIN " + PLAIN + b"\r\n") * 4)
            self.assertEqual(codes(said(transport)), ["454 4.7.0"] * 4)
            self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), count)
        world.passwords.answer = None
        protocol.dataReceived(b"AUTH PLAIN " + PLAIN + b"\r\n")
        self.assertEqual(codes(said(transport)), ["235 2.7.0"])

    def test_account_that_is_disabled_after_its_log_in(self) -> None:
        """Who was switched off after logging in cannot send."""
        world = World()
        protocol, transport = world.connect()
        protocol.dataReceived(HELLO + b"AUTH PLAIN " + PLAIN + b"\r\n")
        said(transport)
        account = protocol.authenticated.account
        world.directory.change(account, enabled=False)
        protocol.dataReceived(b"MAIL FROM:<alice@example.test>\r\n")
        self.assertEqual(codes(said(transport)), ["550 5.2.1"])

    def test_account_that_is_disabled_within_a_transaction(self) -> None:
        """The relay decision is made at each recipient, as things are then."""
        world = World()
        protocol, transport = world.connect()
        protocol.dataReceived(HELLO + b"AUTH PLAIN " + PLAIN + b"\r\nMAIL FROM:<alice@example.test>\r\n")
        said(transport)
        protocol.dataReceived(b"RCPT TO:<x@example.com>\r\n")
        world.directory.change(protocol.authenticated.account, enabled=False)
        protocol.dataReceived(b"RCPT TO:<x@example.com>\r\n")
        self.assertEqual(codes(said(transport)), ["250 2.1.5", "550 5.7.1"])


class HangUpTests(TestCase):
    """A client that goes away."""

    def test_in_mid_data(self) -> None:
        """A message whose end has not come is dropped."""
        world = World()
        protocol, _ = world.connect()
        protocol.dataReceived(ENVELOPE + b"DATA\r\nSubject: x\r\n\r\nhalf")
        hang_up(protocol)
        self.assertTrue(world.store.writers[0].aborted)
        self.assertEqual(world.store.delivered, [])

    def test_in_mid_chunk(self) -> None:
        """So is one in chunks, between two of them as well."""
        for rest in (b"BDAT 100\r\nabc", b"BDAT 3\r\nabc"):
            world = World()
            protocol, _ = world.connect()
            protocol.dataReceived(ENVELOPE + rest)
            hang_up(protocol)
            self.assertTrue(world.store.writers[0].aborted)
            self.assertEqual(world.store.delivered, [])

    def test_after_the_final_dot(self) -> None:
        """A client that goes after the final dot still has its mail delivered."""
        world = World()
        world.store.gate = gate = Deferred()
        protocol, transport = world.connect()
        protocol.dataReceived(ENVELOPE + b"DATA\r\nx\r\n.\r\n")
        said(transport)
        hang_up(protocol)
        gate.callback(None)
        self.assertEqual(world.store.bodies_delivered, [b"x\r\n"])
        self.assertFalse(world.store.writers[0].aborted)
        self.assertEqual(said(transport), b"")

    def test_while_a_recipient_is_looked_up(self) -> None:
        """What was pipelined behind is not carried out."""
        world = World()
        world.directory.gates["alice"] = gate = Deferred()
        protocol, transport = world.connect()
        protocol.dataReceived(ENVELOPE + b"DATA\r\nx\r\n.\r\n")
        said(transport)
        hang_up(protocol)
        gate.callback(None)
        self.assertEqual(world.store.writers, [])
        self.assertEqual(said(transport), b"")

    def test_while_the_portal_is_asked(self) -> None:
        """A delivery avatar that comes too late is given back."""
        protocol, _ = World().connect()
        login: Deferred[Any] = Deferred()
        protocol.portal = SimpleNamespace(login=lambda *args: login)
        protocol.dataReceived(HELLO + b"MAIL FROM:<>\r\n")
        hang_up(protocol)
        logged_out: list[bool] = []
        login.callback((IDelivery, object(), lambda: logged_out.append(True)))
        self.assertEqual(logged_out, [True])

    def test_avatar_is_given_back(self) -> None:
        """A delivery avatar is given back once: at the next EHLO, or when the client has gone."""
        world = World()
        protocol, _ = world.connect()
        logged_out: list[str] = []
        avatar = Reception(world.services, {world.options.name: world.options}).avatar(None, protocol.peer)[0]
        for name in ("first", "second"):
            login = (IDelivery, avatar, lambda name=name: logged_out.append(name))
            protocol.portal = SimpleNamespace(login=lambda *args, login=login: succeed(login))
            protocol.dataReceived(HELLO + b"MAIL FROM:<>\r\n")
        self.assertEqual(logged_out, ["first"])
        hang_up(protocol)
        self.assertEqual(logged_out, ["first", "second"])

    def test_while_logging_in(self) -> None:
        """A log-in that succeeds too late opens nothing."""
        world = World()
        answer: Deferred[bytes] = Deferred()
        world.passwords.answer = lambda: answer
        protocol, transport = world.connect()
        protocol.dataReceived(HELLO + b"AUTH PLAIN " + PLAIN + b"\r\n")
        said(transport)
        hang_up(protocol)
        answer.callback(b"alice@example.test")
        self.assertEqual(said(transport), b"")


class ReplyTests(TestCase):
    """How a refusal becomes a reply."""

    def test_every_kind_has_a_code(self) -> None:
        """Every kind that delivery or a log-in may raise is 4xx or 5xx, with an enhanced code of the same class."""
        for kind in Kind:
            reply = reply_to(MailError(kind, "some-reason"))
            self.assertEqual(str(reply.code)[0], reply.enhanced[0], kind)
            self.assertIn(reply.code // 100, (4, 5))

    def test_temporary_is_never_5xx(self) -> None:
        """What may pass by itself is 4xx whatever its kind."""
        for kind in Kind:
            self.assertEqual(reply_to(MailError(kind, "some-reason", temporary=True)).code // 100, 4, kind)

    def test_own_text(self) -> None:
        """A refusal's own text is said, ours otherwise."""
        self.assertEqual(reply_to(MailError(Kind.QUOTA, "x", "Too full")).lines, ("Too full",))
        self.assertEqual(reply_to(MailError(Kind.QUOTA, "x")).lines, ("The mailbox is full",))


class LogTests(TestCase):
    """One readable line for each event, and no secrets."""

    def lines(self, octets: bytes) -> list[str]:
        """The log of a connection that sends these octets."""
        events: list[LogEvent] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        protocol, _ = World().connect()
        protocol.dataReceived(octets)
        return [formatEvent(event) for event in events]

    def test_accepted(self) -> None:
        """What was taken: id, reverse-path, recipients, size, from where and how."""
        (line,) = self.lines(
            HELLO + b'MAIL FROM:<"{x}"@example.com>\r\nRCPT TO:<alice@example.test>\r\nDATA\r\nx\r\n.\r\n'
        )
        self.assertRegex(
            line,
            r'^\w{16}: from <"?{x}"?@example.com> for alice@example.test, 3 octets, by ESMTP from 192.0.2.1 '
            r"\(client.example\), no TLS$",
        )

    def test_refused(self) -> None:
        """What was refused, to whom, and why."""
        (line,) = self.lines(HELLO + b"MAIL FROM:<>\r\nRCPT TO:<x@example.com>\r\n")
        self.assertEqual(
            line,
            "refused RCPT TO:<x@example.com> from 192.0.2.1 (client.example): "
            "relay-denied: no-rule (smtp-auth: not-authenticated)",
        )

    def test_log_ins(self) -> None:
        """Who logged in, who did not, and no password in either."""
        wrong = base64.b64encode(b"\0alice\0hunter2")
        lines = self.lines(HELLO + b"AUTH PLAIN " + wrong + b"\r\nAUTH PLAIN " + PLAIN + b"\r\n")
        self.assertEqual(
            lines,
            [
                "smtp@127.0.0.1:25: 192.0.2.1 (no TLS): log-in as 'alice' failed: wrong-password",
                "alice@example.test logged in from 192.0.2.1 by PLAIN, no TLS",
            ],
        )


class VrfyTests(TestCase):
    """VRFY where it may answer."""

    def test_expn_for_those_who_may(self) -> None:
        """Whom an alias leads to, for some networks; what is not ours is not expanded, and strangers hear that it is off."""
        world = World(expn=(ip_network("192.0.2.0/24"),), domain="example.test")
        world.play(
            """
            S: 220 …
            C: EXPN staff
            S: 250-2.1.5 <alice@example.test>
            S: 250 2.1.5 <bob@example.test>
            C: EXPN <far@example.test>
            S: 250 2.1.5 <somebody@example.com>
            C: EXPN nobody
            S: 550 5.1.1 No such user here
            C: EXPN <x@elsewhere.test>
            S: 550 5.7.1 Not an address of this server
            """
        )
        stranger = World(expn=(ip_network("192.0.2.0/24"),), address="198.51.100.1")
        stranger.play("S: 220 …\nC: EXPN staff@example.test\nS: 502 5.7.0 EXPN is switched off")

    def test_a_real_answer(self) -> None:
        """Networks that are allowed to ask hear what RCPT would say."""
        world = World(vrfy=(ip_network("192.0.2.0/24"),), domain="example.test")
        script = """
        S: 220 …
        C: VRFY alice
        S: 250 2.1.5 <alice@example.test>
        C: VRFY <staff@example.test>
        S: 250 2.1.5 <staff@example.test>
        C: VRFY nobody@example.test
        S: 550 5.1.1 No such user here
        C: VRFY carol@example.test
        S: 550 5.2.1 …
        C: VRFY dave@example.test
        S: 252 2.1.5 …
        C: VRFY x@example.com
        S: 252 2.1.5 …
        C: VRFY a b c
        S: 501 5.1.3 …
        """
        world.play(script)
        self.assertEqual(world.store.delivered, [])


class OneLogInTests(TestCase):
    """The portal is asked once for what a client is, not for each message."""

    def test_avatar_is_kept(self) -> None:
        """Three messages, one avatar; EHLO and AUTH make it be asked anew."""
        world = World()
        asked = []
        login = world.portal.login
        self.patch(world.portal, "login", lambda *args: (asked.append(args[0]), login(*args))[1])
        protocol, _ = world.connect()
        message = b"MAIL FROM:<>\r\nRCPT TO:<alice@example.test>\r\nDATA\r\nx\r\n.\r\n"
        protocol.dataReceived(HELLO + message * 3)
        self.assertEqual([one.helo for one in asked], ["client.example"])
        protocol.dataReceived(b"EHLO other.example\r\n" + message)
        protocol.dataReceived(b"AUTH PLAIN " + PLAIN + b"\r\n" + message)
        self.assertEqual(
            [getattr(one, "helo", "password") for one in asked[1:]], ["other.example", "password", "other.example"]
        )
        self.assertEqual(asked[-1].authenticated.account.address, "alice@example.test")
        self.assertEqual(asked[-1].peer.mechanism, "PLAIN")
        self.assertEqual(len(world.store.delivered), 5)
