"""One contract for the real connector, opposite a scripted server, and for the one without a network that other tests use."""

from typing import Any

from twisted.internet import reactor
from twisted.internet.task import Clock, deferLater
from twisted.trial.unittest import TestCase
from zope.interface.verify import verifyObject

from mailsvc.core.interfaces.outbound import IConnector, IMailConnection
from mailsvc.core.outbound import Answer, Hop, HopFailed, Mail, MailRecipient, Terms, TLSDemand
from mailsvc.net.smtp_client import SMTPConnector
from mailsvc.testing.connector import FakeConnector
from mailsvc.testing.scripted_server import ScriptedServer

HELLO = "S: 220 mx\nC: EHLO …\nS: 250-mx\nS: 250-PIPELINING\nS: 250 {dsn}\n"
COMMANDS = (
    "C: MAIL FROM:<a@example.test>\nC: RCPT TO:<b@example.net>\nC: RCPT TO:<c@example.net>\nC: DATA\nS: 250 2.1.0 ok\n"
)
MESSAGE = b"Subject: x\r\n\r\ny\r\n"


async def read(offset: int, length: int) -> bytes:
    """Of the message, little by little."""
    return MESSAGE[offset : offset + min(length, 5)]


class Contract:
    """What the queue may rely on. ``behave`` makes a host that does so, ``hop`` leads to it."""

    hop: Hop
    connector: Any

    async def behave(
        self,
        rcpt: str = "",
        message: str = "",
        breaks: bool = False,
        forgets: bool = False,
        once: bool = False,
        dsn: bool = False,
    ) -> None:
        """:param rcpt: what is said to the second recipient."""
        raise NotImplementedError

    async def connect(self) -> Any:
        """Raises HopFailed."""
        connection = await self.connector.connect(self.hop, Terms("me.example.test", TLSDemand.NEVER))
        assert verifyObject(IConnector, self.connector)
        assert verifyObject(IMailConnection, connection)
        assert connection.hop == self.hop
        return connection

    async def send(self, connection: Any) -> list[Answer]:
        """To two recipients. Raises HopFailed."""
        recipients = [MailRecipient("b@example.net"), MailRecipient("c@example.net")]
        answers: list[Answer] = await connection.send(Mail("a@example.test", len(MESSAGE), read), recipients)
        return answers

    async def test_taken(self: Any) -> None:
        """Both recipients have the message; the connection is good for another one until it is closed."""
        await self.behave()
        connection = await self.connect()
        taken = Answer(250, "2.0.0", "2.0.0 taken", "end")
        self.assertEqual(await self.send(connection), [taken, taken])
        self.assertTrue(connection.usable)
        await connection.quit()
        self.assertFalse(connection.usable)

    async def test_dsn(self: Any) -> None:
        """A host that knows DSN takes over the duty to report success."""
        await self.behave(dsn=True, rcpt="550 5.1.1 no")
        self.assertEqual([answer.reports for answer in await self.send(await self.connect())], [True, False])

    async def test_one_refused(self: Any) -> None:
        """An answer for each, in order."""
        for reply in ("550 5.1.1 no", "450 4.2.0 later"):
            await self.behave(rcpt=reply)
            answers = await self.send(await self.connect())
            self.assertEqual(answers[0].code, 250)
            self.assertEqual(answers[1], Answer(int(reply[:3]), reply[4:9], reply[4:], "RCPT"))

    async def test_message_refused(self: Any) -> None:
        """What is said to the message is the answer for each."""
        await self.behave(message="554 5.7.1 spam")
        connection = await self.connect()
        self.assertEqual(await self.send(connection), [Answer(554, "5.7.1", "5.7.1 spam", "end")] * 2)
        self.assertTrue(connection.usable)

    async def test_breaks(self: Any) -> None:
        """A connection that breaks in the middle: nothing is in doubt."""
        await self.behave(breaks=True)
        connection = await self.connect()
        with self.assertRaises(HopFailed) as raised:
            await self.send(connection)
        self.assertEqual((raised.exception.in_doubt, raised.exception.answer.status), (False, "4.4.2"))
        self.assertFalse(connection.usable)

    async def test_forgets(self: Any) -> None:
        """One that breaks after the message: it is in doubt."""
        await self.behave(forgets=True)
        with self.assertRaises(HopFailed) as raised:
            await self.send(await self.connect())
        self.assertEqual((raised.exception.in_doubt, raised.exception.answer.phase), (True, "end"))

    async def test_closes_after_one(self: Any) -> None:
        """A host that takes one message and closes: it has that one, and the connection is not used again."""
        await self.behave(once=True)
        connection = await self.connect()
        self.assertEqual([answer.code for answer in await self.send(connection)], [250, 250])
        await self.settle(connection)
        self.assertFalse(connection.usable)
        with self.assertRaises(HopFailed) as raised:
            await self.send(connection)
        self.assertFalse(raised.exception.in_doubt)
        await connection.quit()

    async def test_abort(self: Any) -> None:
        """A connection that is cut is of no further use; to cut it twice does no harm."""
        await self.behave()
        connection = await self.connect()
        connection.abort()
        connection.abort()
        self.assertFalse(connection.usable)

    async def test_down(self: Any) -> None:
        """No connection comes about."""
        await self.down()
        with self.assertRaises(HopFailed) as raised:
            await self.connect()
        failure = raised.exception
        self.assertEqual((failure.hop, failure.answer.status, failure.answer.phase), (self.hop, "4.4.1", "connect"))


class FakeTests(Contract, TestCase):
    """:class:`mailsvc.testing.connector.FakeConnector`."""

    def setUp(self) -> None:
        """One host."""
        self.connector = FakeConnector(Clock())
        self.hop = Hop("mx", "192.0.2.1")
        self.host = self.connector.host("mx")

    async def behave(
        self,
        rcpt: str = "",
        message: str = "",
        breaks: bool = False,
        forgets: bool = False,
        once: bool = False,
        dsn: bool = False,
    ) -> None:
        """Set up the host."""
        self.host.refuse("c@example.net", rcpt)
        self.host.message = message
        self.host.breaks = "4.4.2 broken" if breaks else ""
        self.host.forgets = "4.4.2 broken" if forgets else ""
        self.host.messages_each = int(once)
        self.host.dsn = dsn

    async def down(self) -> None:
        """Nobody is there."""
        self.host.down = "4.4.1 connection refused"

    async def settle(self, connection: Any) -> None:
        """Nothing is under way."""

    async def test_what_was_taken(self) -> None:
        """The host keeps what it took and for whom, and counts its connections."""
        await self.behave(rcpt="550 5.1.1 no")
        connection = await self.connect()
        await self.send(connection)
        (taken,) = self.host.taken
        self.assertEqual((taken.recipients, taken.content), (("b@example.net",), MESSAGE))
        self.assertEqual((self.host.connections, self.host.connected), (1, 1))
        await connection.quit()
        self.assertEqual((self.host.connections, self.host.most_connections), (0, 1))


class RealTests(Contract, TestCase):
    """:class:`mailsvc.net.smtp_client.SMTPConnector`."""

    def setUp(self) -> None:
        """A real connector."""
        self.connector = SMTPConnector(reactor)

    async def behave(
        self,
        rcpt: str = "",
        message: str = "",
        breaks: bool = False,
        forgets: bool = False,
        once: bool = False,
        dsn: bool = False,
    ) -> None:
        """Write the script."""
        script = HELLO.format(dsn="DSN" if dsn else "HELP") + COMMANDS
        if breaks:
            script += "CLOSE\n"
        else:
            script += f"S: 250 2.1.5 ok\nS: {rcpt or '250 2.1.5 ok'}\nS: 354 go\nMESSAGE\n"
            script += "CLOSE\n" if forgets else f"S: {message or '250 2.0.0 taken'}\n"
        script += "CLOSE" if once else "C: QUIT\nS: 221 bye\nCLOSE"
        self.server = ScriptedServer(reactor, script)
        self.addCleanup(self.server.stop)
        self.hop = Hop("mx", "127.0.0.1", self.server.port)

    async def down(self) -> None:
        """Nobody listens."""
        await self.behave()
        await self.server.stop()

    async def settle(self, connection: Any) -> None:
        """Until our side has noticed that the server's is gone."""
        while connection.usable:
            await deferLater(reactor, 0)
