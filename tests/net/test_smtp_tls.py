"""Our SMTP client over real sockets with real TLS: as much of it as the terms demand, and no password without it."""

import base64
import datetime
from typing import Any

import attrs
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase
from zope.interface.verify import verifyObject

from mailsvc.core.interfaces.outbound import IConnector, IMailConnection
from mailsvc.core.options import Duration
from mailsvc.core.outbound import Credentials, Hop, HopFailed, Terms, TLSDemand
from mailsvc.net.certificates import self_signed
from mailsvc.net.options import SMTPTimeouts
from mailsvc.net.smtp_client import SMTPConnector
from mailsvc.net.smtp_client.tls import ClientTLS
from mailsvc.net.tls import KeyPair, ServerTLS
from mailsvc.testing.scripted_server import ScriptedServer

from .authority import Authority
from .client_world import MESSAGE, codes, mail, rcpt

NOW = datetime.datetime.now(datetime.UTC)
AUTHORITY = Authority("An authority", NOW)
TRUSTED = ServerTLS(KeyPair(*AUTHORITY.server("mx.example.net")))
STRANGE = ServerTLS(KeyPair(*self_signed(["mx.example.net"], NOW)))

OFFER = """
    S: 220 mx.example.net
    C: EHLO me.example.test
    S: 250-mx.example.net
    S: 250 STARTTLS
    C: STARTTLS
"""
SECURE = """
    TLS
    C: EHLO me.example.test
    S: 250-mx.example.net
    S: 250 PIPELINING
"""
MESSAGE_TAKEN = """
    C: MAIL FROM:<a@example.test>
    C: RCPT TO:<b@example.net>
    C: DATA
    S: 250 ok
    S: 250 ok
    S: 354 go
    MESSAGE
    S: 250 2.0.0 taken
    C: QUIT
    S: 221 bye
    CLOSE
"""
PLAIN = """
    S: 220 mx.example.net
    C: EHLO me.example.test
    S: 250-mx.example.net
    S: 250-STARTTLS
    S: 250 PIPELINING
"""


class TLSTests(TestCase):
    """STARTTLS and implicit TLS, opposite scripted servers."""

    patience = Duration(60)
    """For a handshake: little only where none comes."""

    def serve(self, *scripts: str, tls: Any = TRUSTED) -> ScriptedServer:
        """A server for this test."""
        self.server = ScriptedServer(reactor, *scripts, tls=tls)
        self.addCleanup(self.server.stop)
        return self.server

    async def connect(
        self, demand: TLSDemand, name: str = "mx.example.net", authorities: bytes = AUTHORITY.pem, **terms: Any
    ) -> Any:
        """The connection. Raises HopFailed."""
        connector = SMTPConnector(reactor, SMTPTimeouts(tls=self.patience), ClientTLS(authorities))
        self.assertTrue(verifyObject(IConnector, connector))
        implicit = terms.pop("implicit", False)
        hop = Hop(name, "127.0.0.1", self.server.port, implicit)
        connection = await connector.connect(hop, Terms("me.example.test", demand, **terms))
        self.assertTrue(verifyObject(IMailConnection, connection))
        return connection

    async def failure(self, demand: TLSDemand, **given: Any) -> HopFailed:
        """Why there is no connection; the server has seen no message."""
        with self.assertRaises(HopFailed) as raised:
            await self.connect(demand, **given)
        self.assertEqual(self.server.messages, [])
        self.assertTrue(raised.exception.answer.temporary)
        return raised.exception

    async def deliver(self, demand: TLSDemand, **given: Any) -> str:
        """Send a message and say goodbye; the TLS version."""
        connection = await self.connect(demand, **given)
        self.assertEqual(codes(await connection.send(mail(), rcpt())), [(250, "2.0.0", "end")])
        await connection.quit()
        await self.server.stop()
        self.assertEqual(self.server.messages, [MESSAGE])
        self.assertEqual(self.server.problems, [])
        return str(connection.tls)

    async def test_opportunistic(self) -> None:
        """TLS is used where it is offered, whatever the certificate; EHLO is said again after it."""
        self.serve(OFFER + "S: 220 go\n" + SECURE + MESSAGE_TAKEN, tls=STRANGE)
        self.assertEqual(await self.deliver(TLSDemand.OPPORTUNISTIC), "TLSv1.3")

    async def test_never(self) -> None:
        """A host that breaks when it is asked is not asked."""
        self.serve(PLAIN + MESSAGE_TAKEN)
        self.assertEqual(await self.deliver(TLSDemand.NEVER), "")

    async def test_not_offered(self) -> None:
        """TLS that vanishes from the offer: plain where it was only wished for, never where it is demanded."""
        plain = PLAIN.replace("S: 250-STARTTLS\n", "")
        self.serve(plain + MESSAGE_TAKEN)
        self.assertEqual(await self.deliver(TLSDemand.OPPORTUNISTIC), "")
        for demand in (TLSDemand.REQUIRED, TLSDemand.VERIFIED):
            self.serve(plain + "HANG")
            self.assertEqual((await self.failure(demand)).answer.status, "4.7.4")

    async def test_refused(self) -> None:
        """The same for a host that offers TLS and has none just now."""
        refused = OFFER + "S: 454 4.7.0 TLS not available\n"
        self.serve(refused + "C: MAIL FROM:<a@example.test>\nS: 550 x")
        connection = await self.connect(TLSDemand.OPPORTUNISTIC)
        self.assertEqual(codes(await connection.send(mail(), rcpt())), [(550, "5.0.0", "MAIL")])
        connection.abort()
        self.serve(refused + "HANG")
        self.assertEqual(codes([(await self.failure(TLSDemand.REQUIRED)).answer]), [(454, "4.7.4", "STARTTLS")])

    async def test_broken(self) -> None:
        """A handshake that fails: plain on a second connection where TLS was only wished for, never where it is demanded."""
        for end in ("S= b'HTTP/1.0 400 Bad Request\\r\\n\\r\\n'\nHANG", "CLOSE", "RESET", "HANG"):
            self.patience = Duration(0.3 if end.endswith("HANG") else 60)
            self.serve(OFFER + "S: 220 go\n" + end, PLAIN + MESSAGE_TAKEN)
            self.assertEqual(await self.deliver(TLSDemand.OPPORTUNISTIC), "", end)
            self.serve(OFFER + "S: 220 go\n" + end)
            self.assertEqual((await self.failure(TLSDemand.REQUIRED)).answer.status, "4.7.5")

    async def test_vanishes_after_the_handshake(self) -> None:
        """A connection that breaks right after the handshake counts as TLS that failed (in TLS 1.3 the host objects only then)."""
        for end in ("CLOSE", "RESET"):
            self.serve(OFFER + "S: 220 go\nTLS\nC: EHLO …\n" + end, PLAIN + MESSAGE_TAKEN)
            self.assertEqual(await self.deliver(TLSDemand.OPPORTUNISTIC), "")
            self.serve(OFFER + "S: 220 go\nTLS\nC: EHLO …\n" + end)
            await self.failure(TLSDemand.REQUIRED)

    async def test_vanishes_in_the_middle(self) -> None:
        """A connection with TLS that breaks in the middle of a message is not tried again in plain text by itself."""
        self.serve(OFFER + "S: 220 go\n" + SECURE + "C: MAIL…\nC: RCPT…\nC: DATA\nS: 250 ok\nCLOSE", tls=STRANGE)
        connection = await self.connect(TLSDemand.OPPORTUNISTIC)
        with self.assertRaises(HopFailed) as raised:
            await connection.send(mail(), rcpt())
        self.assertEqual(raised.exception.answer.phase, "RCPT")
        self.assertEqual(len(self.server.peers), 1)

    async def test_injected_plaintext(self) -> None:
        """What somebody adds to the reply before TLS is never taken for the server's word (RFC 3207 4.2)."""
        added = "S= b'220 go\\r\\n250-mx.example.net\\r\\n250 AUTH PLAIN\\r\\n'\n"
        self.serve(OFFER + added + SECURE + MESSAGE_TAKEN)
        self.assertEqual(await self.deliver(TLSDemand.REQUIRED), "TLSv1.3")

    async def test_verified(self) -> None:
        """Only a certificate that we trust, for the name of the host, will do."""
        script = OFFER + "S: 220 go\n" + SECURE + MESSAGE_TAKEN
        self.serve(script)
        self.assertEqual(await self.deliver(TLSDemand.VERIFIED), "TLSv1.3")
        for name, tls in (("mx.example.net", STRANGE), ("mx.example.org", TRUSTED), ("[127.0.0.1]", TRUSTED)):
            self.serve(OFFER + "S: 220 go\nTLS\nC: EHLO …\nHANG", tls=tls)
            answer = (await self.failure(TLSDemand.VERIFIED, name=name)).answer
            self.assertEqual((answer.status, answer.phase), ("4.7.5", "STARTTLS"))
            self.assertIn("certificate", answer.text)
            self.assertEqual(len(self.server.peers), 1)

    async def test_verified_by_the_system(self) -> None:
        """Without authorities of its own it trusts the system's, and those do not know this one."""
        self.serve(OFFER + "S: 220 go\nTLS\nC: EHLO …\nHANG")
        self.assertIn(
            "certificate verify failed", (await self.failure(TLSDemand.VERIFIED, authorities=b"")).answer.text
        )

    async def test_address_literal_verified(self) -> None:
        """A host without a name is verified by its address."""
        tls = ServerTLS(KeyPair(*self_signed(["127.0.0.1"], NOW)))
        certificate = tls._certificates.default.certificate
        self.serve(OFFER + "S: 220 go\n" + SECURE + MESSAGE_TAKEN, tls=tls)
        for name in ("127.0.0.1", "[127.0.0.1]"):
            self.serve(OFFER + "S: 220 go\n" + SECURE + MESSAGE_TAKEN, tls=tls)
            self.assertEqual(await self.deliver(TLSDemand.VERIFIED, name=name, authorities=certificate), "TLSv1.3")

    async def test_name_indication(self) -> None:
        """The host is told whom we want (SNI), in A-labels; an address is no name."""
        asked: list[object] = []
        tls = ServerTLS(KeyPair(*self_signed(["localhost"], NOW)))
        tls._context.set_tlsext_servername_callback(lambda connection: asked.append(connection.get_servername()))
        for name in ("mx.例え.test", "192.0.2.1"):
            self.serve(OFFER + "S: 220 go\n" + SECURE + MESSAGE_TAKEN, tls=tls)
            await self.deliver(TLSDemand.REQUIRED, name=name)
        self.assertEqual(asked, [b"mx.xn--r8jz45g.test", None])

    async def test_implicit(self) -> None:
        """TLS from the first octet (RFC 8314)."""
        script = (
            "S: 220 mx.example.net\nC: EHLO me.example.test\nS: 250-mx.example.net\nS: 250 PIPELINING\n" + MESSAGE_TAKEN
        )
        for demand in (TLSDemand.VERIFIED, TLSDemand.OPPORTUNISTIC):
            self.serve("TLS\n" + script)
            self.assertEqual(await self.deliver(demand, implicit=True), "TLSv1.3")
        self.serve("S: 220 plain\nHANG")
        self.assertEqual((await self.failure(TLSDemand.OPPORTUNISTIC, implicit=True)).answer.status, "4.7.5")
        self.assertEqual(len(self.server.peers), 1)

    async def log_in(self, mechanisms: str, exchange: str) -> Any:
        """Log in with TLS opposite these mechanisms and this exchange. Raises HopFailed."""
        hello = SECURE.replace("PIPELINING", f"AUTH {mechanisms}")
        self.serve(OFFER + "S: 220 go\n" + hello + exchange)
        return await self.connect(TLSDemand.OPPORTUNISTIC, credentials=Credentials("our-account", "pässword"))

    async def test_log_in(self) -> None:
        """PLAIN comes before LOGIN; after it mail may be sent."""
        response = base64.b64encode("\0our-account\0pässword".encode()).decode()
        connection = await self.log_in("LOGIN PLAIN", f"C: AUTH PLAIN {response}\nS: 235 2.7.0 welcome\n")
        self.assertTrue(connection.usable)
        connection.abort()

    async def test_log_in_step_by_step(self) -> None:
        """LOGIN has its name and password asked for."""
        name, password = (base64.b64encode(word.encode()).decode() for word in ("our-account", "pässword"))
        script = f"C: AUTH LOGIN\nS: 334 VXNlcm5hbWU6\nC: {name}\nS: 334 UGFzc3dvcmQ6\nC: {password}\nS: 235 ok\n"
        (await self.log_in("LOGIN", script)).abort()

    async def test_log_in_that_the_server_cannot_check(self) -> None:
        """A server offers SCRAM but has not kept what it needs for this account: it gets the password itself, under TLS."""
        script = "C: AUTH SCRAM-SHA-256 …\nS: 535 5.7.8 no\nC: AUTH PLAIN …\nS: 235 2.7.0 welcome\n"
        (await self.log_in("SCRAM-SHA-256 LOGIN PLAIN", script)).abort()

    async def test_log_in_refused(self) -> None:
        """A password that is wrong today is a temporary failure, in the host's words: the mail is good."""
        with self.assertRaises(HopFailed) as raised:
            await self.log_in("PLAIN", "C: AUTH PLAIN …\nS: 535 5.7.8 no\nHANG")
        self.assertEqual(codes([raised.exception.answer]), [(535, "4.7.8", "AUTH")])

    async def test_log_in_makes_no_sense(self) -> None:
        """Hosts that ask too much, speak no base64, or claim success without proving that they know the password."""
        for mechanism, exchange in (
            ("PLAIN", "S: 334 eA=="),
            ("LOGIN", "S: 334 not base64"),
            ("CRAM-MD5", "S: 235 welcome"),
            ("SCRAM-SHA-256", "S: 235 welcome"),
            ("XOAUTH2", ""),
        ):
            with self.assertRaises(HopFailed) as raised:
                await self.log_in(mechanism, f"C: AUTH {mechanism}…\n{exchange}\nHANG" if exchange else "HANG")
            self.assertEqual((raised.exception.answer.phase, raised.exception.answer.status), ("AUTH", "4.7.0"))

    async def test_no_password_without_tls(self) -> None:
        """A host where we log in must have TLS, even where the terms say that it need not."""
        for demand in (TLSDemand.NEVER, TLSDemand.OPPORTUNISTIC):
            self.serve("S: 220 mx\nC: EHLO …\nS: 250-mx\nS: 250 AUTH PLAIN LOGIN\nHANG")
            failure = await self.failure(demand, credentials=Credentials("our-account", "password"))
            self.assertEqual(failure.answer.status, "4.7.4")
            self.assertEqual(self.server.problems, [])


class SocketTests(TestCase):
    """Without TLS."""

    async def connect(self, hop: Hop, source: str = "") -> Any:
        """A connection. Raises HopFailed."""
        return await SMTPConnector(reactor).connect(hop, Terms("me.example.test", TLSDemand.NEVER, source))

    async def test_source_address(self) -> None:
        """A connection comes from the address that the terms say; one of the other family is passed over."""
        server = ScriptedServer(reactor, "S: 220 mx\nC: EHLO …\nS: 250 mx\n", address="127.0.0.2")
        self.addCleanup(server.stop)
        for source, seen in (("127.0.0.9", "127.0.0.9"), ("::1", None)):
            connection = await self.connect(Hop("mx", "127.0.0.2", server.port), source)
            address = next(iter(server._open)).transport.getPeer().host  # type: ignore[union-attr]
            self.assertTrue(address == seen if seen else address.startswith("127."))
            connection.abort()
            await next(iter(server._open)).over

    async def test_ipv6(self) -> None:
        """IPv6 addresses are connected to as well."""
        server = ScriptedServer(reactor, "S: 220 mx\nC: EHLO …\nS: 250 mx\n", address="::1")
        self.addCleanup(server.stop)
        (await self.connect(Hop("mx", "::1", server.port))).abort()

    async def test_no_connection(self) -> None:
        """A refused connection, an address of ours that we do not have, one that is none: temporary, with the reason."""
        server = ScriptedServer(reactor, "HANG")
        await server.stop()
        here = Hop("mx", "127.0.0.1", server.port)
        for hop, source, words in (
            (here, "", "refused"),
            (here, "192.0.2.77", "assign"),
            (attrs.evolve(here, address="nonsense"), "", "nonsense"),
        ):
            with self.assertRaises(HopFailed) as raised:
                await self.connect(hop, source)
            answer = raised.exception.answer
            self.assertEqual((answer.code, answer.status, answer.phase), (0, "4.4.1", "connect"))
            self.assertIn(words, answer.text)

    async def test_back_pressure(self) -> None:
        """A host that takes nothing is not sent more than its buffers hold: the rest is not even read from the store."""
        server = ScriptedServer(
            reactor,
            "S: 220 mx\nC: EHLO …\nS: 250 mx\nC: MAIL…\nS: 250 ok\nC: RCPT…\nS: 250 ok\nC: DATA\nS: 354 go\nHANG",
        )
        self.addCleanup(server.stop)
        connection = await self.connect(Hop("mx", "127.0.0.1", server.port))
        furthest = 0
        size = 1 << 30

        async def read(offset: int, length: int) -> bytes:
            nonlocal furthest
            furthest = offset
            return b"x" * 77 + b"\r\n" + b"y" * (length - 81) + b"\r\n"

        sending = Deferred.fromCoroutine(connection.send(attrs.evolve(mail(), size=size, read=read), rcpt()))
        waiting: Deferred[None] = Deferred()

        def look() -> None:
            if connection._line._flow.full:
                waiting.callback(None)
            else:
                reactor.callLater(0, look)  # type: ignore[attr-defined]

        look()
        await waiting
        self.assertLess(furthest, 100_000_000)
        connection.abort()
        with self.assertRaises(HopFailed):
            await sending
