"""A client that sends commands and does not take the replies costs a bounded amount of memory."""

from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from mailsvc.wire.framing import CROWDED
from tests.wire.echo import Transport, connect, said


class FullTransport(Transport):
    """Says, like a TCP transport, that it is full once more than 64 kB wait to be sent."""

    def write(self, data: bytes) -> None:
        super().write(data)
        if self.producer is not None and len(self.value()) > 65_536:
            self.producer.pauseProducing()


class SlowReaderTests(TestCase):
    """Commands wait while their replies would have to be kept."""

    def flood(self) -> tuple[Clock, FullTransport]:
        """An Echo that was sent far more commands than it can send replies for; the clock gives it its turns."""
        clock = Clock()
        echo, transport = connect(clock)
        transport.__class__ = FullTransport
        said(transport)
        for _ in range(4):
            echo.dataReceived((b"say " + b"x" * 90 + b"\r\n") * 500)
            clock.pump([0] * 10)
        return clock, transport

    def test_commands_wait_while_replies_are_not_taken(self) -> None:
        """Replies that wait to be sent stay within the buffers, and no more is read from the network."""
        _, transport = self.flood()
        self.assertLess(len(transport.value()), 65_536 + 2 * CROWDED)
        self.assertEqual(transport.producerState, "paused")

    def test_large_replies_of_one_turn_are_not_gathered(self) -> None:
        """Pipelined commands with large replies are written out in between, or nobody could say that the transport is full."""
        echo, transport = connect()
        transport.__class__ = FullTransport
        echo.dataReceived(b"much 30000\r\n" * 50)
        self.assertLess(len(transport.value()), 65_536 + CROWDED + 2 * 30_000)

    def test_commands_go_on_when_replies_are_taken(self) -> None:
        """No command is lost: each is answered once the client reads again."""
        clock, transport = self.flood()
        answers = 0
        while heard := said(transport):
            answers += heard.count(b"\r\n")
            transport.producer.resumeProducing()
            clock.pump([0] * 10)
        self.assertEqual(answers, 2000)
        self.assertEqual(transport.producerState, "producing")
