"""What only a real socket can show."""

from typing import Any

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from mailsvc.wire.options import TLSMode
from tests.pop3.world import World as POP3World
from tests.smtp.world import World as SMTPWorld
from tests.tls import converse_over_tls


class SocketTests(TestCase):
    """Every protocol with TLS from the first byte."""

    timeout = 30

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
