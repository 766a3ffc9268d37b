"""What senders are told when their mail is taken: in the transaction that takes it, with the real store and the real reports."""

from collections.abc import Sequence
from email import message_from_bytes, policy
from typing import Any

from twisted.trial.unittest import TestCase

from mailsvc.core.errors import MailError, temporary
from mailsvc.core.interfaces.delivery import Envelope
from mailsvc.core.operations import AddAlias, Operation
from mailsvc.core.options import Size
from mailsvc.core.queued import Notify
from mailsvc.core.values import INBOX, Peer
from mailsvc.delivery import Reception
from mailsvc.delivery.border import Border
from mailsvc.delivery.options import BorderOptions
from mailsvc.delivery.services import Services
from mailsvc.delivery.trace import make_queue_ids
from mailsvc.formats.address import Address
from mailsvc.queue.reports import Reports
from mailsvc.testing.relay import make_test_permits
from mailsvc.testing.store import make_store
from mailsvc.wire.options import ListenerOptions, Protocol

HOST = "mx.example.test"
NOW = 1_795_000_000.0
LISTENER = ListenerOptions(protocol=Protocol.SMTP, port=25)
ALICE, BOB = Address("alice", "example.test"), Address("bob", "example.test")
SENDER, X = Address("sender", "example.com"), Address("x", "example.net")
SUCCESS = Notify.SUCCESS


class TellingTests(TestCase):
    """The border is at 1000 octets."""

    def setUp(self) -> None:
        self.made = make_store(self.mktemp())
        self.store = self.made.store
        self.addCleanup(self.store.close)
        self.transactions: list[list[Operation]] = []
        self.down = False
        apply = self.store.apply

        async def counted(operations: Sequence[Operation]) -> list[Any]:
            self.transactions.append(list(operations))
            if self.down:
                raise temporary("store-down")
            return await apply(operations)

        self.patch(self.store, "apply", counted)

    async def send(
        self,
        sender: Address | None,
        *recipients: tuple[Address, int],
        size: int = 100,
        envid: str = "",
        data: bytes = b"",
    ) -> str:
        """Hand a message in as alice."""
        directory = self.made.directory
        services = Services(
            store=self.store,
            directory=directory,
            permits=make_test_permits(directory),
            reports=Reports(self.store.bodies, directory, HOST, make_queue_ids(lambda: NOW), lambda: NOW),
            hostname=HOST,
            border=Border(BorderOptions(message_size=Size(1000))),
            now=lambda: NOW,
        )
        account = await directory.find_account("alice@example.test")
        avatar, logout = Reception(services, {LISTENER.name: LISTENER}).avatar(
            account, Peer("192.0.2.1", LISTENER.name, "smtp", mechanism="PLAIN")
        )
        self.addCleanup(logout)
        transaction = await avatar.mail(Envelope(sender, "client.example", envid=envid))
        for address, notify in recipients:
            await transaction.rcpt(address, notify)
        transaction.write(
            data or b"Subject: news\r\nMessage-ID: <1@example.com>\r\n\r\n" + b"x" * (size - 60) + b"\r\n"
        )
        return await transaction.commit()

    async def inbox(self, name: str) -> list[bytes]:
        """The messages of an account."""
        mailbox = await self.store.mailbox(self.made.accounts[f"{name}@example.test"], INBOX)
        assert mailbox is not None
        return [await self.store.bodies.get(content) for content in (await self.store.rows(mailbox.id)).contents]

    async def queued(self) -> list[tuple[str, str, bytes]]:
        """What waits in the queue: sender, recipient, octets as they will be sent."""
        found = []
        async for rows in self.store.queue.listing():
            for message, recipient in rows:
                octets = await self.store.bodies.get(message.content, message.skip)
                found.append((message.sender, recipient.address, octets))
        return found

    def fields(self, report: bytes) -> list[dict[str, str]]:
        """The parts of the delivery status of a report."""
        parsed = message_from_bytes(report, policy=policy.default)
        self.assertEqual(parsed.get_content_type(), "multipart/report")
        status = next(part for part in parsed.walk() if part.get_content_type() == "message/delivery-status")
        return [dict(part.items()) for part in status.get_payload()]  # type: ignore[union-attr, arg-type]

    async def test_delivery(self) -> None:
        """NOTIFY=SUCCESS: message and report are one transaction; the report goes to the sender's server with the null sender."""
        await self.send(SENDER, (ALICE, SUCCESS), (BOB, 0), envid="e+1")
        self.assertEqual([len(operations) for operations in self.transactions], [2])
        self.assertEqual((len(await self.inbox("alice")), len(await self.inbox("bob"))), (1, 1))
        ((reverse_path, recipient, octets),) = await self.queued()
        self.assertEqual((reverse_path, recipient), ("", "sender@example.com"))
        message, *recipients = self.fields(octets)
        self.assertEqual(message["Original-Envelope-Id"], "e+1")
        self.assertEqual(
            [(one["Final-Recipient"], one["Action"]) for one in recipients],
            [("rfc822; alice@example.test", "delivered")],
        )
        self.assertIn(b"Subject: news", octets)

    async def test_sender_here(self) -> None:
        """A sender of ours has the report in his mailbox, with the same commit."""
        await self.send(BOB, (ALICE, SUCCESS))
        (report,) = await self.inbox("bob")
        self.assertEqual(self.fields(report)[1]["Action"], "delivered")
        self.assertEqual((len(self.transactions), await self.queued()), (1, []))

    async def test_expansion(self) -> None:
        """An alias that leads here and outside: "expanded" now, and no success is reported for what comes after (RFC 3461 5.2.7.3 (c))."""
        self.store.commit([AddAlias("list@example.test", ("bob@example.test", "x@example.net"))])
        queue_id = await self.send(ALICE, (Address("list", "example.test"), SUCCESS | Notify.FAILURE))
        (report,) = await self.inbox("alice")
        self.assertEqual(self.fields(report)[1]["Action"], "expanded")
        (recipient,) = await self.store.queue.recipients(queue_id)
        self.assertEqual(recipient.notify, Notify.FAILURE)

    async def test_border(self) -> None:
        """Too big to leave: delivered inside, and the sender is told of the one outside, in the same transaction."""
        await self.send(ALICE, (BOB, 0), (X, 0), size=1500)
        self.assertEqual(len(self.transactions), 1)
        (report,) = await self.inbox("alice")
        status = self.fields(report)[1]
        self.assertEqual(
            (status["Final-Recipient"], status["Action"], status["Status"]),
            ("rfc822; x@example.net", "failed", "5.3.4"),
        )
        self.assertIn(b"1000 bytes", report)
        self.assertNotIn(b"xxxx", report)  # it would not get through the border either
        self.assertEqual((len(await self.inbox("bob")), await self.queued()), (1, []))

    async def test_a_loop_through_another_server(self) -> None:
        """An alias whose other server sends its mail back: at the second round it is refused, or told if others have it."""
        self.store.commit([AddAlias("list@example.test", ("bob@example.test", "x@example.net"))])
        listed = Address("list", "example.test")
        await self.send(ALICE, (listed, 0))
        ((_, recipient, octets),) = await self.queued()
        self.assertEqual(recipient, "x@example.net")
        back = b"Received: from mx.example.test by mx.example.net;\r\n\tyesterday\r\n" + octets
        with self.assertRaises(MailError) as caught:
            await self.send(ALICE, (listed, 0), data=back)
        self.assertEqual(caught.exception.reason, "mail-loop")
        await self.send(ALICE, (listed, 0), (Address("postmaster", "example.test"), 0), data=back)
        (report,) = await self.inbox("alice")
        status = self.fields(report)[1]
        self.assertEqual((status["Final-Recipient"], status["Status"]), ("rfc822; list@example.test", "5.4.6"))
        self.assertEqual((len(await self.inbox("postmaster")), len(await self.inbox("bob"))), (1, 1))
        self.assertEqual(len(await self.queued()), 1)

    async def test_nobody_is_told(self) -> None:
        """NOTIFY without FAILURE, and no report of success to the null sender."""
        await self.send(ALICE, (BOB, 0), (X, SUCCESS), size=1500)
        await self.send(None, (BOB, SUCCESS))
        self.assertEqual((await self.inbox("alice"), await self.queued()), ([], []))

    async def test_postmaster_hears_of_what_has_no_sender(self) -> None:
        """A failure of mail with the null sender is told to postmaster (RFC 3461 5.2)."""
        await self.send(None, (BOB, 0), (X, 0), size=1500)
        (report,) = await self.inbox("postmaster")
        self.assertEqual(self.fields(report)[1]["Final-Recipient"], "rfc822; x@example.net")

    async def test_all_or_nothing(self) -> None:
        """A store that fails: no copy, nothing in the queue, no report."""
        self.down = True
        try:
            await self.send(ALICE, (BOB, SUCCESS), (X, 0))
        except MailError as error:
            self.assertTrue(error.temporary)
        else:
            self.fail("taken")
        self.assertEqual(len(self.transactions), 1)
        self.assertEqual((await self.inbox("alice"), await self.inbox("bob"), await self.queued()), ([], [], []))
