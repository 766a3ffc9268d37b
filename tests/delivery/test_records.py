"""What the ledger is told of messages: with the message, or not at all."""

from collections.abc import Sequence
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from mailsvc.core.errors import MailError
from mailsvc.core.interfaces.delivery import Envelope, Recipient
from mailsvc.core.ledger import Event, Happening, Query
from mailsvc.core.ledger_rows import pack, unpack
from mailsvc.core.operations import AddAlias
from mailsvc.core.options import Size
from mailsvc.core.values import Account, Peer
from mailsvc.delivery import Reception
from mailsvc.delivery.border import Border
from mailsvc.delivery.options import BorderOptions
from mailsvc.delivery.records import accepted
from mailsvc.delivery.services import Sender, Services
from mailsvc.formats.address import Address
from mailsvc.ledger import Ledger, LedgerOptions
from mailsvc.testing.relay import make_test_permits
from mailsvc.testing.reports import RememberedReports
from mailsvc.testing.store import make_store
from mailsvc.wire.options import ListenerOptions, Protocol

ALICE, BOB = Address("alice", "example.test"), Address("bob", "example.test")
ELSEWHERE = Address("taro", "example.com")
SENDER = Envelope(Address("sender", "example.com"), "client.example")


class RecordTests(TestCase):
    """Over a real store."""

    def setUp(self) -> None:
        self.made = make_store(self.mktemp())
        self.store = self.made.store
        self.addCleanup(self.store.close)
        self.ledger = Ledger(Clock(), self.store.apply, self.store.connection, LedgerOptions())

    def account(self, name: str) -> Account:
        """One of them."""
        address = f"{name}@example.test"
        return Account(self.made.accounts[address], address)

    def avatar(self, account: Account | None = None, border: int = 0, **options: Any) -> Any:
        """What a client on port 25 is given."""
        listener = ListenerOptions(protocol=Protocol("smtp"), port=25, **options)
        permits = make_test_permits(self.made.directory)
        permits.ledger = self.ledger
        services = Services(
            store=self.store,
            directory=self.made.directory,
            permits=permits,
            reports=RememberedReports(),
            hostname="mx.example.test",
            border=Border(BorderOptions(message_size=Size(border))),
            ledger=self.ledger,
        )
        peer = Peer("192.0.2.1", listener.name, "smtp", mechanism="PLAIN" if account else "")
        avatar, logout = Reception(services, {listener.name: listener}).avatar(account, peer)
        self.addCleanup(logout)
        return avatar

    async def sent(self, header: bytes, *recipients: Address, account: Account | None = None) -> str:
        """The queue id of a message."""
        transaction = await self.avatar(account).mail(SENDER)
        for recipient in recipients:
            await transaction.rcpt(recipient)
        transaction.write(header + b"\r\nbody\r\n")
        return str(await transaction.commit())

    async def rows(self, **query: Any) -> Sequence[Event]:
        """The answer to a question, with all that was noted."""
        await self.ledger.write()
        return await self.ledger.find(Query(**query))

    async def test_one_row_a_message(self) -> None:
        """It has who, from where, to whom, and what people call it; each recipient reads of it, and of no other."""
        queue_id = await self.sent(b"Subject: x\r\nMessage-Id:\r\n <one@client.example>\r\n", ALICE, BOB)
        (event,) = await self.rows(text="one@client.example")
        self.assertEqual((event.what, event.queue_id, event.reason), (Happening.ACCEPTED, queue_id, "local"))
        self.assertEqual(
            (event.sender, event.address, event.helo), ("sender@example.com", "192.0.2.1", "client.example")
        )
        self.assertEqual(event.recipients, ("alice@example.test", "bob@example.test"))
        self.assertEqual((event.account, event.decision), ("", None))
        (seen,) = await self.rows(account_id=self.account("alice").id)
        self.assertEqual(seen.recipients, ("alice@example.test",))

    async def test_a_message_id_of_ours(self) -> None:
        """A submission that lacks a Message-ID is found by the one that we gave it."""
        queue_id = await self.sent(b"Subject: x\r\n", ALICE, account=self.account("bob"))
        (event,) = await self.rows(text=f"{queue_id}@mx.example.test")
        self.assertEqual((event.account, event.account_id), ("bob@example.test", self.account("bob").id))

    async def test_an_alias_named_many_times(self) -> None:
        """A row is as long as there are addresses and people, however often a stranger named an alias."""
        self.store.commit([AddAlias("all@example.test", ("alice@example.test", "bob@example.test"))])
        await self.sent(b"Subject: x\r\n", *[Address("all", "example.test")] * 50)
        (event,) = await self.rows()
        self.assertEqual(event.recipients, ("all@example.test",))
        self.assertEqual(event.readers, ((self.account("alice").id, self.account("bob").id),))

    def test_people_who_are_on_many_lists(self) -> None:
        """They stand with the first list, and where they were named themselves: no row is as long as lists times people."""
        peer = Peer("192.0.2.1", "smtp", "smtp")
        permission = make_test_permits(self.made.directory).permission(peer, 0, ELSEWHERE)
        sender = Sender(peer=peer, account=None, envelope=SENDER, permission=permission)
        people = tuple(Account(number, f"{number}@example.test") for number in range(1, 101))
        lists = [Recipient(Address(f"list{number}", "example.test"), people) for number in range(100)]
        (event,) = accepted(sender, [*lists, Recipient(Address("7", "example.test"), people[6:7])], 1, "Q", "m", 9)
        self.assertEqual(event.readers[0], tuple(range(1, 101)))
        self.assertEqual(event.readers[1:], ((),) * 99 + ((7,),))
        self.assertEqual(unpack(pack(event)), event)

    async def test_refused_recipients(self) -> None:
        """A refusal stands with its reason; one by the relay decision once, with why each rule said nothing."""
        transaction = await self.avatar().mail(SENDER)
        for recipient in (ELSEWHERE, Address("nobody", "example.test")):
            with self.assertRaises(MailError):
                await transaction.rcpt(recipient)
        unknown, denied = await self.rows(address="192.0.2.1")
        self.assertEqual((denied.recipients, denied.reason), (("taro@example.com",), "no-rule"))
        assert denied.decision is not None
        self.assertEqual([miss.reason for miss in denied.decision.misses], ["not-authenticated"])
        self.assertEqual((unknown.recipients, unknown.decision), (("nobody@example.test",), None))

    async def test_in_order(self) -> None:
        """A refusal is written after the acceptance that follows it at once; it is told before that."""
        transaction = await self.avatar().mail(SENDER)
        with self.assertRaises(MailError):
            await transaction.rcpt(ELSEWHERE)
        await transaction.rcpt(ALICE)
        transaction.write(b"Subject: x\r\n\r\n")
        await transaction.commit()
        rows = await self.rows(address="192.0.2.1")
        self.assertEqual([event.what for event in rows], [Happening.ACCEPTED, Happening.REFUSED])

    async def test_refused_messages(self) -> None:
        """A message that is refused as a whole has a row that says so, and none that says otherwise."""
        transaction = await self.avatar(message_size=100).mail(SENDER)
        await transaction.rcpt(ALICE)
        transaction.write(b"x" * 200)
        with self.assertRaises(MailError):
            await transaction.commit()
        (event,) = await self.rows()
        self.assertEqual((event.what, event.reason, event.recipients), (Happening.REFUSED, "too-big", ()))

    async def test_who_is_beyond_the_border(self) -> None:
        """A recipient to whom an accepted message does not go has a row that says so, and why."""
        bob = self.account("bob")
        transaction = await self.avatar(bob, border=100).mail(SENDER)
        for recipient in (ALICE, ELSEWHERE):
            await transaction.rcpt(recipient)
        transaction.write(b"x" * 200)
        queue_id = await transaction.commit()
        failed, accepted = await self.rows(text="taro@example.com")
        self.assertEqual((accepted.what, failed.what), (Happening.ACCEPTED, Happening.FAILED))
        self.assertEqual((failed.queue_id, failed.account_id, failed.reason), (queue_id, bob.id, "5.3.4"))
        self.assertIn("100 bytes", failed.reply)
        self.assertEqual([one.what for one in await self.rows(text="alice@example.test")], [Happening.ACCEPTED])

    async def test_each_decision_has_its_row(self) -> None:
        """Recipients elsewhere stand with the decision that allowed them; those here with none."""
        bob = self.account("bob")
        peer = Peer("192.0.2.1", "smtp", "submission", mechanism="PLAIN")
        permission = make_test_permits(self.made.directory).permission(peer, bob.id, BOB)
        await permission.check(ELSEWHERE)
        sender = Sender(peer=peer, account=bob, envelope=SENDER, permission=permission)
        recipients = [Recipient(ALICE, (self.account("alice"),)), Recipient(ELSEWHERE, ())]
        here, elsewhere = accepted(sender, recipients, 1, "Q", "m", 9)
        self.assertEqual((here.recipients, here.reason, here.account), (("alice@example.test",), "local", bob.address))
        self.assertEqual((elsewhere.recipients, elsewhere.reason), (("taro@example.com",), "authenticated"))
        assert elsewhere.decision is not None
        self.assertEqual((elsewhere.decision.rule, elsewhere.account_id), ("smtp-auth", bob.id))
