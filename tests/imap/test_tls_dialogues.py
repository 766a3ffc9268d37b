"""Every written IMAP conversation over a real socket with real TLS: begun by STARTTLS where it is about that, else from the first byte."""

import datetime
from collections.abc import Callable, Coroutine
from typing import Any

from twisted.trial.unittest import TestCase

from mailsvc.net.certificates import self_signed
from mailsvc.net.tls import KeyPair, ServerTLS
from mailsvc.testing.sockets import converse
from mailsvc.wire.options import TLSMode
from tests.imap.dialogues.all import DIALOGUES
from tests.imap.dialogues.base import MESSAGES, Dialogue
from tests.imap.world import World


class SocketDialogueTests(TestCase):
    """One test for each conversation; they are added below."""

    timeout = 120
    tls = ServerTLS(KeyPair(*self_signed(["imap.example.test"], datetime.datetime.now(datetime.UTC))))

    async def converse(self, dialogue: Dialogue) -> None:
        """Carry out a conversation."""
        from twisted.internet import reactor

        implicit = not dialogue.cleartext
        world = World(*MESSAGES, tls=TLSMode.IMPLICIT if implicit else TLSMode.STARTTLS)
        world.factory.tls = self.tls
        await converse(dialogue.script, world.factory, reactor, implicit)


def _test(dialogue: Dialogue) -> Callable[[SocketDialogueTests], Coroutine[Any, Any, None]]:
    async def test(self: SocketDialogueTests) -> None:
        await self.converse(dialogue)

    test.__doc__ = dialogue.about
    return test


for _dialogue in DIALOGUES:
    setattr(SocketDialogueTests, f"test_{_dialogue.name.replace('-', '_')}", _test(_dialogue))
