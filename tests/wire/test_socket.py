"""What only a real socket can show."""

import socket
from typing import Any

from twisted.internet import reactor
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from mailsvc.wire.options import TLSMode
from tests.pop3.world import PASSWORD
from tests.pop3.world import World as POP3World
from tests.smtp.world import World as SMTPWorld
from tests.tls import converse_over_tls


class SocketTests(TestCase):
    """Every protocol with TLS from the first byte."""

    timeout = 120

    async def nodelay(self, world: Any, script: str) -> None:
        """Look at the server's socket during a conversation."""
        seen: set[bool] = set()
        await converse_over_tls(script, world, lambda server: seen.add(bool(server.transport.getTcpNoDelay())))
        self.assertEqual(seen, {True})

    async def test_smtp_tcp_nodelay_set(self) -> None:
        """SMTP's small replies are not held back by Nagle's algorithm: the option is set on the socket itself."""
        await self.nodelay(SMTPWorld(clock=reactor, tls=TLSMode.IMPLICIT), "S: 220 …\nC: NOOP\nS: 250 …")

    async def test_pop3_tcp_nodelay_set(self) -> None:
        """Nor are POP3's."""
        await self.nodelay(POP3World(clock=reactor, tls=TLSMode.IMPLICIT), "S: +OK …\nC: CAPA x\nS: -ERR …")


def send_and_listen(port: int, script: bytes) -> bytes:
    """What ``printf script | nc -N`` shows: all is sent, our half is closed, then the answers are read to the end."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as line:
        line.sendall(script)
        line.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: line.recv(4096), b""))


class HalfCloseTests(TestCase):
    """Scripts that send everything, end their half of the line and wait for the answers."""

    timeout = 120

    async def talk(self, world: Any, script: bytes) -> list[bytes]:
        """The first words of the answers."""
        port = reactor.listenTCP(0, world.factory, interface="127.0.0.1")  # type: ignore[attr-defined]
        self.addCleanup(port.stopListening)
        heard = await deferToThread(send_and_listen, port.getHost().port, script)
        return [line.split()[0] for line in heard.splitlines()]

    async def test_message(self) -> None:
        """A message sent so is taken, and the script hears so."""
        world = SMTPWorld(clock=reactor, tls=TLSMode.NONE)
        script = b"HELO a.example\r\nMAIL FROM:<>\r\nRCPT TO:<alice@example.test>\r\nDATA\r\nx: y\r\n.\r\nQUIT\r\n"
        self.assertEqual(await self.talk(world, script), [b"220", b"250", b"250", b"250", b"354", b"250", b"221"])
        self.assertEqual(world.store.bodies_delivered, [b"x: y\r\n"])

    async def test_half_a_message(self) -> None:
        """Half a message is not taken, and the line is closed."""
        world = SMTPWorld(clock=reactor, tls=TLSMode.NONE)
        script = b"HELO a.example\r\nMAIL FROM:<>\r\nRCPT TO:<alice@example.test>\r\nDATA\r\nx: y\r\n"
        self.assertEqual(await self.talk(world, script), [b"220", b"250", b"250", b"250", b"354"])
        self.assertEqual(world.store.delivered, [])

    async def test_maildrop(self) -> None:
        """A maildrop can be looked at so."""
        script = f"USER alice\r\nPASS {PASSWORD}\r\nSTAT\r\n".encode()
        self.assertEqual(await self.talk(POP3World(clock=reactor), script), [b"+OK"] * 4)
