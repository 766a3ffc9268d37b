"""Every written SMTP, submission and LMTP conversation over a real socket, with real TLS wherever it is not about a line without."""

import datetime
from collections.abc import Callable, Coroutine
from typing import Any

from twisted.trial.unittest import TestCase

from mailsvc.net.certificates import self_signed
from mailsvc.net.tls import KeyPair, ServerTLS
from mailsvc.testing.sockets import converse
from mailsvc.wire.options import TLSMode
from tests.smtp.dialogues import DIALOGUES, Dialogue
from tests.smtp.world import World


class SocketDialogueTests(TestCase):
    """One test for each conversation; they are added below."""

    timeout = 20
    tls = ServerTLS(KeyPair(*self_signed(["mx.example.test"], datetime.datetime.now(datetime.UTC))))

    async def converse(self, dialogue: Dialogue) -> None:
        """Carry out a conversation, and look at what was stored."""
        from twisted.internet import reactor

        implicit = not dialogue.cleartext
        mode = TLSMode.IMPLICIT if implicit else TLSMode.STARTTLS
        world = World(dialogue.listener, clock=reactor, **{"tls": mode, **dialogue.options})
        world.factory.tls = self.tls
        script = dialogue.script_under_tls if implicit else dialogue.script
        await converse(script, world.factory, reactor, implicit)
        self.assertEqual(world.store.bodies_delivered, list(dialogue.delivered))


def _test(dialogue: Dialogue) -> Callable[[SocketDialogueTests], Coroutine[Any, Any, None]]:
    async def test(self: SocketDialogueTests) -> None:
        await self.converse(dialogue)

    test.__doc__ = dialogue.about
    return test


for _dialogue in DIALOGUES:
    setattr(SocketDialogueTests, f"test_{_dialogue.name.replace('-', '_')}", _test(_dialogue))
