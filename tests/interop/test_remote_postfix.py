"""Our SMTP client opposite Postfix: TLS, pipelining, chunking, DSN and addresses beyond ASCII."""

import datetime
import email
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from mailsvc.core.outbound import Answer, Hop, HopFailed, Mail, MailRecipient, Terms, TLSDemand
from mailsvc.core.queued import Notify
from mailsvc.net.certificates import self_signed, write_pair
from mailsvc.net.smtp_client import SMTPConnector
from mailsvc.net.smtp_client.tls import ClientTLS

from .remote_postfix import RemotePostfix

pytestmark = [
    pytest.mark.interop,
    pytest.mark.need("postfix"),
    pytest.mark.skipif(os.geteuid() != 0, reason="Postfix needs root"),
]

NAME = "mx.remote.test"
TEXT = b"Subject: hello\r\n\r\n.\r\n..two\r\nplain\r\n"
LARGE = b"Subject: large\r\n\r\n" + (b"." + b"x" * 70 + b"\r\n") * 20_000


@pytest.fixture(scope="module")
def postfix() -> Iterator[RemotePostfix]:
    """A remote Postfix; pytest's folders are private, and Postfix's own user must enter this one."""
    folder = Path(tempfile.mkdtemp(prefix="mailsvc-remote-"))
    folder.chmod(0o755)
    try:
        pair = self_signed([NAME], datetime.datetime.now(datetime.UTC))
        write_pair(folder / "certificate.pem", folder / "key.pem", pair)
        with RemotePostfix(folder / "postfix", folder / "certificate.pem", folder / "key.pem") as running:
            yield running
    finally:
        shutil.rmtree(folder)


def mail(content: bytes = TEXT, sender: str = "sender@remote.test", **given: Any) -> Mail:
    """A message."""

    async def read(offset: int, length: int) -> bytes:
        return content[offset : offset + length]

    return Mail(sender, len(content), read, **given)


class RemoteTests(TestCase):
    """Everything over a real connection."""

    remote: RemotePostfix
    timeout = 120

    @pytest.fixture(autouse=True)
    def use(self, postfix: RemotePostfix) -> None:
        """The Postfix of this module; each test sends to recipients of its own."""
        self.remote = postfix

    async def connect(self, demand: TLSDemand = TLSDemand.VERIFIED, name: str = NAME) -> Any:
        """With the certificate as the only one that is trusted. Raises HopFailed."""
        authorities = (self.remote.root / "etc/certificate.pem").read_bytes()
        connector = SMTPConnector(reactor, tls=ClientTLS(authorities))
        return await connector.connect(Hop(name, "127.0.0.1", self.remote.port), Terms("me.example.test", demand))

    async def send(self, connection: Any, message: Mail, *recipients: str | MailRecipient) -> list[Answer]:
        """Send a message."""
        wanted = [MailRecipient(one) if isinstance(one, str) else one for one in recipients]
        answers: list[Answer] = await connection.send(message, wanted)
        return answers

    async def arrived(self, name: str, count: int) -> list[bytes]:
        """The messages for ``name@remote.test``, when so many have come, with their line ends as they were sent."""
        while len(self.remote.messages(name)) < count:
            await deferLater(reactor, 0.05)
        return [message.replace(b"\n", b"\r\n") for message in self.remote.messages(name)]

    async def counted(self, **expected: str) -> dict[str, str]:
        """What Postfix has counted on a connection, once it has logged one with these numbers."""
        while True:
            for commands in self.remote.commands():
                if expected.items() <= commands.items():
                    return commands
            await deferLater(reactor, 0.05)

    async def test_one_after_the_other(self) -> None:
        """Three messages on one connection with verified TLS, pipelined and chunked, octet for octet."""
        connection = await self.connect()
        self.assertEqual(connection.tls, "TLSv1.3")
        for content in (TEXT, LARGE, b"no header, no end"):
            (answer,) = await self.send(connection, mail(content), "one@remote.test")
            self.assertEqual((answer.code, answer.status, answer.phase), (250, "2.0.0", "end"))
            self.assertIn("queued as", answer.text)
        arrived = await self.arrived("one", 3)
        for content in (TEXT, LARGE, b"no header, no end\r\n"):
            self.assertEqual(sum(message.endswith(content) for message in arrived), 1)
        await connection.quit()
        commands = await self.counted(ehlo="2", starttls="1", mail="3", quit="1")
        self.assertGreater(int(commands["bdat"]), 10)
        self.assertNotIn("data", commands)

    async def test_data(self) -> None:
        """The same with DATA, for hosts without CHUNKING, in plain text."""
        connection = await self.connect(TLSDemand.NEVER)
        connection._able = attrs.evolve(connection._able, chunking=False)
        for content in (TEXT, LARGE):
            await self.send(connection, mail(content), "data@remote.test")
        arrived = await self.arrived("data", 2)
        for content in (TEXT, LARGE):
            self.assertEqual(sum(message.endswith(content) for message in arrived), 1)
        await connection.quit()
        self.assertNotIn("starttls", await self.counted(data="2", quit="1"))

    async def test_each_recipient(self) -> None:
        """One is refused, one is put off, one is accepted; where nobody is, the connection is good for the next message."""
        connection = await self.connect(TLSDemand.OPPORTUNISTIC)
        refused, put_off, taken = await self.send(
            connection, mail(), "nobody@remote.test", "grey@remote.test", "someone@remote.test"
        )
        self.assertEqual((refused.code, refused.status, refused.phase), (550, "5.1.1", "RCPT"))
        self.assertIn("nobody here", refused.text)
        self.assertEqual((put_off.code, put_off.status), (450, "4.2.0"))
        self.assertTrue(taken.success)
        for chunking in (True, False):
            connection._able = attrs.evolve(connection._able, chunking=chunking)
            (answer,) = await self.send(connection, mail(), "nobody@remote.test")
            self.assertEqual((answer.code, answer.phase), (550, "RCPT"))
            (answer,) = await self.send(connection, mail(), "elsewhere@example.test")
            self.assertEqual(answer.status[:2], "5.")
        (answer,) = await self.send(connection, mail(), "someone@remote.test")
        self.assertTrue(answer.success)
        await connection.quit()

    async def test_dsn(self) -> None:
        """Postfix knows DSN, and reports success to the sender with the name and address that the sender had said."""
        connection = await self.connect()
        recipient = MailRecipient("someone@remote.test", Notify.SUCCESS, "rfc822;first+choice@example.test")
        (answer,) = await self.send(
            connection, mail(sender="asks@remote.test", ret="HDRS", envid="my envelope=1"), recipient
        )
        self.assertTrue(answer.reports)
        (report,) = await self.arrived("asks", 1)
        status = email.message_from_bytes(report).get_payload()[1].as_string()  # type: ignore[union-attr, index]
        self.assertIn("Original-Envelope-Id: my envelope=1", status)
        self.assertIn(
            "Original-Recipient: rfc822;first+2Bchoice@example.test", status.replace("first+choice", "first+2Bchoice")
        )
        self.assertIn("Action: delivered", status)
        await connection.quit()

    async def test_beyond_ascii(self) -> None:
        """Addresses and a header in UTF-8 are taken by SMTPUTF8."""
        connection = await self.connect()
        content = "Subject: 表\r\nFrom: 太郎@remote.test\r\n\r\nGrüße\r\n".encode()
        message = mail(content, "太郎@remote.test", body="8BITMIME", utf8=True)
        (answer,) = await self.send(connection, message, "花子@remote.test")
        self.assertEqual(answer.code, 250)
        (arrived,) = await self.arrived("花子", 1)
        self.assertIn("Delivered-To: 花子@remote.test".encode(), arrived)
        self.assertTrue(arrived.endswith(content))
        await connection.quit()

    async def test_too_large(self) -> None:
        """Postfix says how much it takes; more is not even begun."""
        connection = await self.connect()
        (answer,) = await self.send(connection, mail(b"x" * 5_000_001), "someone@remote.test")
        self.assertEqual((answer.code, answer.status), (0, "5.3.4"))
        connection._able = attrs.evolve(connection._able, size=0)
        (answer,) = await self.send(connection, mail(b"x\r\n" * 1_700_000), "someone@remote.test")
        self.assertEqual((answer.code, answer.status, answer.phase), (552, "5.3.4", "MAIL"))
        await connection.quit()

    async def test_another_name(self) -> None:
        """Where the certificate must be verified, it must be for the host's name."""
        with self.assertRaises(HopFailed) as raised:
            await self.connect(name="mx.example.net")
        self.assertEqual(raised.exception.answer.status, "4.7.5")
