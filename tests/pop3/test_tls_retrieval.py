"""Retrieval over a real TLS socket: whole messages, wherever their pieces are cut."""

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from mailsvc.pop3 import transaction
from mailsvc.wire.options import TLSMode
from tests.pop3.world import World
from tests.tls import converse_over_tls

LOGIN = "S: +OK …\nC: USER alice\nS: +OK …\nC: PASS correct horse\nS: +OK …\n"
LINES = ["Subject: x", "", "ab", ".", "+OK forged", "."]


class SocketTests(TestCase):
    """POP3 with TLS from the first byte."""

    timeout = 120

    async def test_dot_at_every_piece_offset(self) -> None:
        """A line that is a dot is doubled wherever the pieces are cut."""
        self.patch(transaction, "WHOLE", 0)
        message = "".join(line + "\r\n" for line in LINES).encode()
        answer = "".join(f"S: {'.' * line.startswith('.')}{line}\n" for line in LINES) + "S: .\n"
        script = LOGIN + "C: RETR 1\nS: +OK …\n" + answer + "C: TOP 1 99\nS: +OK …\n" + answer
        for size in range(1, len(message) + 2):
            self.patch(transaction, "PIECE", size)
            await converse_over_tls(script, World(message, clock=reactor, tls=TLSMode.IMPLICIT))

    async def test_dot_at_every_offset_of_a_real_piece(self) -> None:
        """The same with pieces of the size that is used, the dot on each side of a border."""
        for shift in range(-4, 3):
            head = "a: " + "x" * (transaction.PIECE + shift - 5)
            tail = "y" * max(100, transaction.WHOLE)
            script = LOGIN + f"C: RETR 1\nS: +OK …\nS: {head}\nS: ..\nS: {tail}\nS: .\n"
            message = f"{head}\r\n.\r\n{tail}\r\n".encode()
            await converse_over_tls(script, World(message, clock=reactor, tls=TLSMode.IMPLICIT))
