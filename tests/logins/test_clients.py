"""Clients of other make log in over real sockets: Python's own libraries, and SCRAM with channel binding by scramp."""

import hashlib
import imaplib
import poplib
import smtplib
import socket
import ssl
from base64 import b64decode, b64encode
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any, cast

from scramp import ScramClient
from twisted.internet.threads import deferToThread
from twisted.protocols.tls import TLSMemoryBIOFactory

from mailsvc.testing.harness import PATIENCE
from mailsvc.testing.logins import PASSWORD
from mailsvc.wire.options import TLSMode
from tests.logins.site import TLS, LoginSite
from tests.logins.test_exchanges import SocketCase

ASCII = "tanstaaftanstaaf"  # smtplib knows no other


def context() -> ssl.SSLContext:
    """TLS that asks for no names."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    return made


class Line:
    """A client that speaks AUTH by hand."""

    def __init__(self, sock: ssl.SSLSocket, pop: bool) -> None:
        self.sock = sock
        self.file = sock.makefile("rwb")
        self.pop = pop
        self.hear()
        if not pop:
            self.say(b"EHLO client.example")
            while self.hear()[3:4] == b"-":
                pass

    def say(self, line: bytes) -> None:
        """A line to the server."""
        self.file.write(line + b"\r\n")
        self.file.flush()

    def hear(self) -> bytes:
        """A line from it."""
        return self.file.readline().rstrip()

    def challenge(self) -> bytes:
        """What the server asks."""
        prefix, _, rest = self.hear().partition(b" ")
        assert prefix == (b"+" if self.pop else b"334"), (prefix, rest)
        return b64decode(rest)

    def answer(self, octets: bytes) -> None:
        """The response."""
        self.say(b64encode(octets))


@contextmanager
def line(port: int, pop: bool, tls: ssl.SSLContext | None = None) -> Iterator[Line]:
    """A connection under TLS."""
    with socket.create_connection(("127.0.0.1", port), 10) as bare, (tls or context()).wrap_socket(bare) as sock:
        yield Line(sock, pop)


def scram(port: int, pop: bool, mechanism: str, password: str, binding: tuple[str, bytes] | None = None) -> bytes:
    """A whole exchange; the server's last line."""
    with line(port, pop) as talk:
        if mechanism.endswith("-PLUS") and binding is None:
            binding = end_point(talk.sock)
        client = ScramClient([mechanism], "alice", password, channel_binding=binding)
        talk.say(f"AUTH {mechanism} ".encode() + b64encode(client.get_client_first().encode()))
        client.set_server_first(talk.challenge().decode())
        talk.answer(client.get_client_final().encode())
        last = talk.hear()
        if last[:1] != b"-" and last[:1] != b"5":
            client.set_server_final(b64decode(last.partition(b" ")[2]).decode())  # the server has proved itself
            talk.answer(b"")
            last = talk.hear()
        return last


def end_point(sock: ssl.SSLSocket) -> tuple[str, bytes]:
    """RFC 5929 4.1, for a certificate signed with SHA-256."""
    return "tls-server-end-point", hashlib.sha256(sock.getpeercert(binary_form=True) or b"").digest()


class ClientTests(SocketCase):
    """Each mechanism by a client that somebody else wrote."""

    def listen(self, protocol: str, **options: Any) -> tuple[LoginSite, int]:
        """A site with implicit TLS, and its port."""
        from twisted.internet import reactor

        site = self.site(protocol, tls=TLSMode.IMPLICIT, **options)
        outer = TLSMemoryBIOFactory(TLS, False, site.factory)
        port: Any = cast(Any, reactor).listenTCP(0, outer, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        return site, port.getHost().port

    async def both(self, use: Callable[[int, bool], Any]) -> list[tuple[LoginSite, Any]]:
        """What a client comes to with submission and with POP3."""
        found = []
        for protocol in ("submission", "pop3"):
            site, port = self.listen(protocol)
            found.append((site, await deferToThread(use, port, protocol == "pop3")))
            await site.factory.drain(5.0)
        return found

    async def test_scram(self) -> None:
        """Every kind of SCRAM, by the login password and by a device's, and the server proves itself."""
        for hash in ("SHA-1", "SHA-256"):
            for plus in ("", "-PLUS"):
                mechanism = f"SCRAM-{hash}{plus}"
                for site, last in await self.both(lambda port, pop, m=mechanism: scram(port, pop, m, PASSWORD)):
                    self.assertIn(last[:4], (b"235 ", b"+OK "), mechanism)
                    self.assertEqual(site.logged_in, [mechanism])
                for _, last in await self.both(lambda port, pop, m=mechanism: scram(port, pop, m, "wrong")):
                    self.assertIn(last[:10], (b"535 5.7.8 ", b"-ERR [AUTH"), mechanism)

    async def test_another_channel(self) -> None:
        """A proof that is bound to another server's certificate is refused: somebody sits in between."""
        elsewhere = ("tls-server-end-point", hashlib.sha256(b"another certificate").digest())
        use: Any = lambda port, pop: scram(port, pop, "SCRAM-SHA-256-PLUS", PASSWORD, elsewhere)  # noqa: E731
        for site, last in await self.both(use):
            self.assertIn(last[:10], (b"535 5.7.8 ", b"-ERR [AUTH"))
            self.assertEqual(site.logged_in, [])

    async def test_device_password_by_scram(self) -> None:
        """SCRAM by a device password."""
        site, port = self.listen("pop3")
        last = await deferToThread(scram, port, True, "SCRAM-SHA-256", site.device_password)
        self.assertEqual(last[:4], b"+OK ")
        await site.factory.drain(5.0)

    async def test_no_plus_before_tls_1_3(self) -> None:
        """Under TLS 1.2 no -PLUS is offered, and a client that would have bound, and says so, is welcome."""

        def use(port: int) -> tuple[list[bytes], bytes]:
            old = context()
            old.maximum_version = ssl.TLSVersion.TLSv1_2
            with line(port, True, old) as talk:
                talk.say(b"AUTH")
                listed = []
                while (heard := talk.hear()) != b".":
                    listed.append(heard)
                talk.say(b"AUTH SCRAM-SHA-256 " + b64encode(b"y,,n=alice,r=x"))
                return listed, talk.challenge()

        site, port = self.listen("pop3")
        listed, first = await deferToThread(use, port)
        self.assertFalse([name for name in listed if name.endswith(b"-PLUS")])
        self.assertIn(b"SCRAM-SHA-256", listed)
        self.assertTrue(first.startswith(b"r=x"))
        await site.factory.drain(5.0)

    async def test_smtplib(self) -> None:
        """Python's smtplib by each of its mechanisms, with a device password; CRAM-MD5 with the login password fails."""
        site, port = self.listen("submission")

        def use(mechanism: str, password: str) -> int:
            with smtplib.SMTP_SSL("127.0.0.1", port, context=context(), timeout=PATIENCE) as client:
                client.ehlo()
                client.user, client.password = "alice", password
                method = getattr(client, "auth_" + mechanism.lower().replace("-", "_"))
                try:
                    return client.auth(mechanism, method)[0]
                except smtplib.SMTPAuthenticationError as error:
                    return error.smtp_code

        for mechanism in ("PLAIN", "LOGIN", "CRAM-MD5"):
            self.assertEqual(await deferToThread(use, mechanism, site.device_password), 235, mechanism)
        self.assertEqual(await deferToThread(use, "CRAM-MD5", ASCII), 535)
        self.assertEqual(site.logged_in, ["PLAIN", "LOGIN", "CRAM-MD5"])
        await site.factory.drain(5.0)

    async def test_poplib(self) -> None:
        """Python's poplib by APOP; a digest that was overheard opens nothing on the next connection."""
        site, port = self.listen("pop3")

        def use(password: str) -> tuple[bytes, str]:
            client = poplib.POP3_SSL("127.0.0.1", port, context=context(), timeout=PATIENCE)
            overheard = "alice " + hashlib.md5(_stamp(client) + password.encode()).hexdigest()
            try:
                answer = client.apop("alice", password)
            except poplib.error_proto as error:
                answer = error.args[0]
            client.close()
            return answer, overheard

        def replay(overheard: str) -> bytes:
            with line(port, True) as talk:
                talk.say(b"APOP " + overheard.encode())
                return talk.hear()

        answer, overheard = await deferToThread(use, site.device_password)
        self.assertTrue(answer.startswith(b"+OK"))
        self.assertEqual((await deferToThread(replay, overheard))[:11], b"-ERR [AUTH]")
        self.assertTrue((await deferToThread(use, "wrong"))[0].startswith(b"-ERR [AUTH]"))
        self.assertEqual(site.logged_in, ["APOP"])
        await site.factory.drain(5.0)

    async def test_imaplib(self) -> None:
        """Python's imaplib: LOGIN, CRAM-MD5 by a device password, and each SCRAM, where the server proves itself; wrong ones fail."""
        site, port = self.listen("imap")

        def use(mechanism: str, password: str) -> str:
            with imaplib.IMAP4_SSL("127.0.0.1", port, ssl_context=context(), timeout=PATIENCE) as client:
                try:
                    _imap_log_in(client, mechanism, password)
                    return client.select()[0]
                except imaplib.IMAP4.error as error:
                    return str(error)

        mechanisms = ["LOGIN", "CRAM-MD5"] + [
            f"SCRAM-{one}{plus}" for one in ("SHA-1", "SHA-256") for plus in ("", "-PLUS")
        ]
        for mechanism in mechanisms:
            self.assertEqual(await deferToThread(use, mechanism, site.device_password), "OK", mechanism)
            self.assertIn("AUTHENTICATIONFAILED", await deferToThread(use, mechanism, "wrong"))
        self.assertEqual(site.logged_in, ["USER", *mechanisms[1:]])
        await site.factory.drain(5.0)


def _imap_log_in(client: imaplib.IMAP4_SSL, mechanism: str, password: str) -> None:
    if mechanism == "LOGIN":
        client.login("alice", password)
    elif mechanism == "CRAM-MD5":
        client.login_cram_md5("alice", password)
    else:
        binding = end_point(client.sock) if mechanism.endswith("-PLUS") else None
        steps = _scram_steps(ScramClient([mechanism], "alice", password, channel_binding=binding))
        next(steps)
        client.authenticate(mechanism, steps.send)


def _scram_steps(client: ScramClient) -> Generator[bytes, bytes, None]:
    """Takes challenges, yields responses."""
    yield b""  # to begin with
    challenge = yield client.get_client_first().encode()
    client.set_server_first(challenge.decode())
    challenge = yield client.get_client_final().encode()
    client.set_server_final(challenge.decode())
    yield b""


def _stamp(client: poplib.POP3) -> bytes:
    welcome = client.getwelcome()
    return welcome[welcome.index(b"<") :]
