"""Every written SMTP, submission and LMTP conversation over a real socket, with real TLS wherever it is not about a line without."""

import datetime
from collections.abc import Callable, Coroutine
from typing import Any

from twisted.trial.unittest import TestCase

from mailsvc.net.certificates import self_signed
from mailsvc.net.tls import KeyPair, ServerTLS
from mailsvc.smtp.server import SMTPServer
from mailsvc.testing.sockets import converse
from mailsvc.testing.transcript import Mismatch
from mailsvc.wire.options import TLSMode
from tests.smtp.dialogues import DIALOGUES, Dialogue
from tests.smtp.outward import OUTWARD
from tests.smtp.world import World


class SocketDialogueTests(TestCase):
    """One test for each conversation; they are added below."""

    timeout = 120
    tls = ServerTLS(KeyPair(*self_signed(["mx.example.test"], datetime.datetime.now(datetime.UTC))))

    async def converse(self, dialogue: Dialogue) -> None:
        """Carry out a conversation, and look at what was stored."""
        from twisted.internet import reactor

        implicit = not dialogue.cleartext
        mode = TLSMode.IMPLICIT if implicit else TLSMode.STARTTLS
        world = World(dialogue.listener, clock=reactor, **{"tls": mode, **dialogue.options})
        world.factory.tls = self.tls
        dialogue.prepare(world)
        script = dialogue.script_under_tls if implicit else dialogue.script
        await converse(script, world.factory, reactor, implicit)
        self.assertEqual(world.store.bodies_delivered, list(dialogue.delivered))

    async def test_20_mb_without_crlf(self) -> None:
        """A line that never ends is held in bounded memory and cut off."""
        from twisted.internet import reactor

        world = World(clock=reactor, tls=TLSMode.IMPLICIT)
        world.factory.tls = self.tls
        held, taken = [0], [0]
        received = SMTPServer.dataReceived

        def watched(server: SMTPServer, data: bytes) -> None:
            received(server, data)
            held.append(len(server._framing))
            taken.append(len(data))

        self.patch(SMTPServer, "dataReceived", watched)
        with self.assertRaises(Mismatch):  # whether the last words arrive before the reset is not for us to say
            await converse("S: 220 …\nC= b'A' * 20_000_000\nS: 250 never", world.factory, reactor, implicit=True)
        self.assertLess(max(held), 100_000)
        self.assertLess(sum(taken), 2_000_000)


def _test(dialogue: Dialogue) -> Callable[[SocketDialogueTests], Coroutine[Any, Any, None]]:
    async def test(self: SocketDialogueTests) -> None:
        await self.converse(dialogue)

    test.__doc__ = dialogue.about
    return test


for _dialogue in DIALOGUES + OUTWARD:
    setattr(SocketDialogueTests, f"test_{_dialogue.name.replace('-', '_')}", _test(_dialogue))
