"""The delivery avatar over a real store: what is accepted is there, what is refused is not."""

from functools import partial
from pathlib import Path
from typing import Any

import attrs
from twisted.trial.unittest import TestCase
from zope.interface.verify import verifyObject

from mailsvc.auth.relay_desk import Asked
from mailsvc.auth.relay_permission import Permits
from mailsvc.core.errors import Kind, MailError
from mailsvc.core.interfaces.delivery import Envelope, IDelivery, ITransaction
from mailsvc.core.operations import AddAlias, ChangeAccount
from mailsvc.core.queued import Notify
from mailsvc.core.reports import Action
from mailsvc.core.values import INBOX, Account, Peer, SystemFlag
from mailsvc.delivery import Reception
from mailsvc.delivery.border import Border
from mailsvc.delivery.options import BorderOptions
from mailsvc.delivery.services import Services
from mailsvc.formats.address import Address
from mailsvc.testing.directory import MemoryDirectory
from mailsvc.testing.failing import FailingStore
from mailsvc.testing.relay import make_test_permits
from mailsvc.testing.reports import RememberedReports
from mailsvc.testing.store import make_store
from mailsvc.wire.options import ListenerOptions, Protocol

ALICE = Address("alice", "example.test")
BOB = Address("bob", "example.test")
SENDER = Envelope(Address("sender", "example.com"), "client.example")


def listener(protocol: str = "smtp", **options: Any) -> ListenerOptions:
    """Options of one listener."""
    return ListenerOptions(protocol=Protocol(protocol), port=25, **options)


class CountingBorder(Border):
    """Counts how often it is asked."""

    asked = 0

    def lets_out(self, address: Address, size: int) -> bool:
        """See Border."""
        self.asked += 1
        return super().lets_out(address, size)


class ReceptionTests(TestCase):
    """With a store in a directory of the test."""

    def setUp(self) -> None:
        self.made = make_store(self.mktemp())
        self.store = self.made.store
        self.addCleanup(self.store.close)
        self.asked: list[Asked] = []
        self.reached = ""
        self.reports = RememberedReports()
        self.border = CountingBorder(BorderOptions())

    def permits(self) -> Permits:
        """The real decision, with what it was asked remembered."""
        permits = make_test_permits(self.made.directory)
        permits.desk.decide = partial(self.decide, permits.desk.decide)  # type: ignore[method-assign]
        return permits

    async def decide(self, real: Any, asked: Asked) -> Any:
        """Remember."""
        self.asked.append(asked)
        return await real(asked)

    def avatar(self, account: Account | None = None, protocol: str = "smtp", **options: Any) -> Any:
        """The avatar that a client on such a listener is given."""
        chosen = listener(protocol, **options)
        services = Services(
            store=self.store,
            directory=self.made.directory,
            permits=self.permits(),
            reports=self.reports,
            hostname="mx.example.test",
            border=self.border,
        )
        avatar, logout = Reception(services, {chosen.name: chosen}).avatar(
            account,
            Peer("192.0.2.1", chosen.name, protocol, host=self.reached, mechanism="PLAIN" if account else ""),
        )
        self.addCleanup(logout)
        return avatar

    async def inbox(self, name: str) -> list[bytes]:
        """The messages of an account."""
        mailbox = await self.store.mailbox(self.made.accounts[f"{name}@example.test"], INBOX)
        if mailbox is None:
            return []
        rows = await self.store.rows(mailbox.id)
        return [await self.store.bodies.get(content) for content in rows.contents]

    async def refusal(self, awaitable: Any) -> MailError:
        """The MailError that it raises."""
        try:
            await awaitable
        except MailError as error:
            return error
        raise AssertionError("not refused")

    async def test_interfaces(self) -> None:
        """Avatar and transaction keep to the interfaces that SMTP knows."""
        avatar = self.avatar()
        self.assertTrue(verifyObject(IDelivery, avatar))
        self.assertTrue(verifyObject(ITransaction, await avatar.mail(SENDER)))

    async def test_a_message_for_two(self) -> None:
        """Both have it, trace and all, and it is one content."""
        transaction = await self.avatar().mail(SENDER)
        await transaction.rcpt(ALICE)
        await transaction.rcpt(BOB)
        transaction.write(b"Subject: x\r\n")
        transaction.write(b"\r\nbody\r\n")
        queue_id = await transaction.commit()
        (message,) = await self.inbox("alice")
        self.assertEqual(await self.inbox("bob"), [message])
        self.assertTrue(message.startswith(b"Return-Path: <sender@example.com>\r\nReceived: from client.example"))
        self.assertIn(queue_id.encode(), message)
        self.assertTrue(message.endswith(b"\r\nSubject: x\r\n\r\nbody\r\n"))

    async def test_large_messages_are_exact(self) -> None:
        """A message that becomes a file is as exact as one that does not."""
        body = b"".join(b"%d " % n * 10 + b"\r\n" for n in range(20_000))
        transaction = await self.avatar().mail(SENDER)
        await transaction.rcpt(ALICE)
        for start in range(0, len(body), 10_000):
            transaction.write(body[start : start + 10_000])
        await transaction.commit()
        (message,) = await self.inbox("alice")
        self.assertGreater(len(body), 128_000)
        self.assertTrue(message.endswith(body))

    async def test_refused_messages_leave_nothing(self) -> None:
        """After a refusal no row and no file of the message exist."""
        for bad in (b"a\nb\r\n", b"x" * 20_000 + b"\r\n", b"\0\r\n", b"x\r\n" * 100_000):
            transaction = await self.avatar(message_size=200_000).mail(SENDER)
            await transaction.rcpt(ALICE)
            transaction.write(b"ok\r\n" * 40_000)
            transaction.write(bad)
            error = await self.refusal(transaction.commit())
            self.assertIn(error.kind, (Kind.BAD_CONTENT, Kind.TOO_BIG))
        self.assertEqual(await self.inbox("alice"), [])
        layout = Path(self.store.layout.tmp)
        self.assertEqual(list(layout.iterdir()), [])

    async def test_abort_leaves_nothing(self) -> None:
        """An aborted transaction leaves no file."""
        transaction = await self.avatar().mail(SENDER)
        await transaction.rcpt(ALICE)
        transaction.write(b"ok\r\n" * 100_000)
        transaction.abort()
        transaction.abort()
        self.assertEqual(list(Path(self.store.layout.tmp).iterdir()), [])

    async def test_smtputf8_is_marked(self) -> None:
        """A message that came with SMTPUTF8 is marked for readers that cannot have it."""
        transaction = await self.avatar().mail(Envelope(None, "a", utf8=True))
        await transaction.rcpt(ALICE)
        await transaction.commit()
        mailbox = await self.store.mailbox(self.made.accounts["alice@example.test"], INBOX)
        assert mailbox is not None
        self.assertEqual(list((await self.store.rows(mailbox.id)).flags), [SystemFlag.UTF8])

    async def test_one_full_mailbox_of_two(self) -> None:
        """A mailbox that turns out full refuses the message for all: taken for all recipients or for none."""
        self.store.commit([ChangeAccount(self.made.accounts["bob@example.test"], quota=1000)])
        transaction = await self.avatar().mail(SENDER)
        await transaction.rcpt(ALICE)
        await transaction.rcpt(BOB)
        transaction.write(b"x\r\n" * 1000)
        self.assertEqual((await self.refusal(transaction.commit())).kind, Kind.QUOTA)
        self.assertEqual((await self.inbox("alice"), await self.inbox("bob")), ([], []))

    async def test_announced_size_is_held_against_the_quota(self) -> None:
        """SIZE that does not fit is said at RCPT."""
        self.store.commit([ChangeAccount(self.made.accounts["bob@example.test"], quota=1000)])
        transaction = await self.avatar().mail(Envelope(None, "a", size=2000))
        self.assertEqual((await self.refusal(transaction.rcpt(BOB))).reason, "mailbox-full")
        await transaction.rcpt(ALICE)

    async def test_room_for_the_message_alone_is_no_room(self) -> None:
        """A mailbox that the fields before the message would overfill is full at RCPT, and keeps the message from nobody else."""
        self.store.commit([ChangeAccount(self.made.accounts["bob@example.test"], quota=1050)])
        transaction = await self.avatar().mail(Envelope(None, "a", size=1000))
        await transaction.rcpt(ALICE)
        self.assertEqual((await self.refusal(transaction.rcpt(BOB))).reason, "mailbox-full")
        transaction.write(b"x" * 998 + b"\r\n")
        await transaction.commit()
        self.assertEqual(len(await self.inbox("alice")), 1)

    async def test_one_address_many_times(self) -> None:
        """An alias is looked up once, however often a stranger names it: an alias of thousands would fill the memory."""
        transaction = await self.avatar().mail(SENDER)
        first = await transaction.rcpt(ALICE)
        other = Address(ALICE.local.upper(), ALICE.domain)
        again = await transaction.rcpt(other, notify=2)
        self.assertIs(again.accounts, first.accounts)
        self.assertEqual((again.forward_path, again.notify, first.notify), (other, 2, 0))
        transaction.write(b"x\r\n")
        await transaction.commit()
        self.assertEqual(len(await self.inbox("alice")), 1)

    async def test_an_alias_of_many_many_times(self) -> None:
        """Each address behind an alias is thought about once for a message, and has it once, however often the alias was named."""
        targets = tuple(f"x{number}@example.com" for number in range(30))
        self.store.commit([AddAlias("far@example.test", (*targets, "alice@example.test"))])
        transaction = await self.avatar().mail(SENDER)
        for number in range(100):
            spelled = "far" if number % 2 else "FAR"
            await transaction.rcpt(Address(spelled, "example.test"), Notify.SUCCESS if number else Notify.NEVER)
        self.assertEqual(len(transaction.recipients), 100)
        transaction.write(b"x\r\n")
        queue_id = await transaction.commit()
        self.assertLessEqual(self.border.asked, 2 * len(targets))
        self.assertEqual(
            [(one.address, one.orcpt) for one in await self.store.queue.recipients(queue_id)],
            [(target, "rfc822;FAR@example.test") for target in targets],
        )
        ((_, told),) = self.reports.told
        self.assertEqual([(one.address, one.action) for one in told], [("FAR@example.test", Action.EXPANDED)])
        self.assertEqual(len(await self.inbox("alice")), 1)

    async def test_a_recipient_elsewhere_named_twice(self) -> None:
        """It is accepted twice and sent once, with all that was asked for."""
        account = await self.made.directory.find_account("alice@example.test")
        transaction = await self.avatar(account).mail(SENDER)
        await transaction.rcpt(Address("x", "example.com"), Notify.FAILURE, "rfc822;one@example.com")
        await transaction.rcpt(Address("x", "Example.COM"), Notify.DELAY, "rfc822;two@example.com")
        (recipient,) = await self.store.queue.recipients(await transaction.commit())
        self.assertEqual((recipient.address, recipient.orcpt), ("x@example.com", "rfc822;one@example.com"))
        self.assertEqual(recipient.notify, Notify.FAILURE | Notify.DELAY)

    async def test_the_limit_counts_each_rcpt(self) -> None:
        """Also one of an address that was named before."""
        transaction = await self.avatar(recipients=2).mail(SENDER)
        await transaction.rcpt(ALICE)
        await transaction.rcpt(ALICE)
        self.assertEqual((await self.refusal(transaction.rcpt(ALICE))).kind, Kind.TOO_MANY)

    async def test_outside_recipients(self) -> None:
        """Strangers are refused for good; who has logged in may send to them."""
        outside = Address("x", "example.com")
        transaction = await self.avatar().mail(SENDER)
        self.assertEqual((await self.refusal(transaction.rcpt(outside))).kind, Kind.RELAY_DENIED)
        account = await self.made.directory.find_account("alice@example.test")
        transaction = await self.avatar(account).mail(SENDER)
        self.assertEqual((await transaction.rcpt(outside)).outside, (outside,))
        assert account is not None
        self.assertEqual([asked.account for asked in self.asked], [0, account.id])
        self.assertEqual(self.asked[0].sender, SENDER.reverse_path)

    async def test_here_and_elsewhere(self) -> None:
        """A message for people here and elsewhere is one transaction: a mailbox and the queue, under one queue id."""
        account = await self.made.directory.find_account("alice@example.test")
        transaction = await self.avatar(account).mail(attrs.evolve(SENDER, ret="HDRS", envid="e-1"))
        await transaction.rcpt(BOB)
        await transaction.rcpt(Address("x", "Example.COM"), Notify.SUCCESS, "rfc822;x@example.com")
        await transaction.rcpt(Address("a b", "[192.0.2.9]"))
        transaction.write(b"Subject: \xe3\x81\x82\r\n\r\n")
        queue_id = await transaction.commit()
        queued = await self.store.queue.message(queue_id)
        assert queued is not None
        assert account is not None
        self.assertEqual((queued.sender, queued.account), ("sender@example.com", account.id))
        self.assertEqual((queued.body, queued.ret, queued.envid), ("8BITMIME", "HDRS", "e-1"))
        (kept,) = await self.inbox("bob")
        sent = await self.store.bodies.get(queued.content, queued.skip)
        self.assertEqual(kept, b"Return-Path: <sender@example.com>\r\n" + sent)
        self.assertTrue(sent.startswith(b"Received: from client.example"))
        self.assertEqual(
            [
                (one.address, one.destination, one.notify, one.orcpt)
                for one in await self.store.queue.recipients(queue_id)
            ],
            [
                ("x@Example.COM", "example.com", Notify.SUCCESS, "rfc822;x@example.com"),
                ('"a b"@[192.0.2.9]', "[192.0.2.9]", 0, ""),
            ],
        )

    async def test_outside_recipients_over_lmtp(self) -> None:
        """LMTP never relays, and nobody is asked."""
        transaction = await self.avatar(protocol="lmtp").mail(SENDER)
        error = await self.refusal(transaction.rcpt(Address("x", "example.com")))
        self.assertEqual((error.kind, error.reason), (Kind.RELAY_DENIED, "lmtp-never-relays"))
        self.assertEqual(self.asked, [])

    async def test_alias_that_leads_outside(self) -> None:
        """Anybody may write to an alias that leads elsewhere: the reverse-path stays, nobody here answers for it, ORCPT tells the alias."""
        self.store.commit([AddAlias("far@example.test", ("alice@example.test", "x@example.com"))])
        transaction = await self.avatar().mail(SENDER)
        await transaction.rcpt(Address("Far", "example.test"))
        queue_id = await transaction.commit()
        queued = await self.store.queue.message(queue_id)
        assert queued is not None
        self.assertEqual((queued.sender, queued.account), ("sender@example.com", 0))
        (recipient,) = await self.store.queue.recipients(queue_id)
        self.assertEqual((recipient.address, recipient.orcpt), ("x@example.com", "rfc822;Far@example.test"))
        self.assertEqual(len(await self.inbox("alice")), 1)
        self.assertEqual(self.asked, [])

    async def test_postmaster_without_a_domain(self) -> None:
        """RFC 5321 4.5.1: postmaster alone is always a recipient."""
        transaction = await self.avatar().mail(SENDER)
        recipient = await transaction.rcpt(Address("Postmaster", ""))
        self.assertEqual([account.address for account in recipient.accounts], ["postmaster@example.test"])

    async def test_postmaster_of_this_host(self) -> None:
        """Mail for postmaster at our host name, or at the address the client has reached us by, is for the postmaster; for no one else."""
        for reached in ("192.0.2.25", "2001:db8::25"):
            self.reached = reached
            transaction = await self.avatar().mail(SENDER)
            literal = "[IPv6:2001:DB8:0::25]" if ":" in reached else "[192.0.2.25]"
            for domain in ("mx.example.test", "MX.Example.Test", literal):
                recipient = await transaction.rcpt(Address("POSTMASTER", domain))
                self.assertEqual([account.address for account in recipient.accounts], ["postmaster@example.test"])
                refusal = await self.refusal(transaction.rcpt(Address("alice", domain)))
                self.assertEqual(refusal.kind, Kind.RELAY_DENIED)
            for domain in ("[192.0.2.26]", "[IPv6:2001:db8::26]", "[odd]", "other.test"):
                refusal = await self.refusal(transaction.rcpt(Address("postmaster", domain)))
                self.assertEqual(refusal.kind, Kind.RELAY_DENIED)

    async def test_postmaster_is_never_full(self) -> None:
        """A postmaster's quota refuses no mail, neither when the recipient is named nor when the message is stored."""
        self.store.commit([ChangeAccount(self.made.accounts["postmaster@example.test"], quota=1)])
        transaction = await self.avatar().mail(attrs.evolve(SENDER, size=1000))
        await transaction.rcpt(Address("postmaster", "example.test"))
        transaction.write(b"Subject: x\r\n\r\n" + b"x" * 1000 + b"\r\n")
        await transaction.commit()
        self.assertEqual(len(await self.inbox("postmaster")), 1)

    async def test_too_many_recipients(self) -> None:
        """One more than the limit is a temporary refusal, and the accepted ones stay."""
        transaction = await self.avatar(recipients=1).mail(SENDER)
        await transaction.rcpt(ALICE)
        error = await self.refusal(transaction.rcpt(BOB))
        self.assertEqual((error.kind, error.temporary), (Kind.TOO_MANY, True))
        self.assertEqual(len(transaction.recipients), 1)

    async def test_too_big_by_size(self) -> None:
        """SIZE over the limit is refused at MAIL."""
        avatar = self.avatar(message_size=1000)
        self.assertEqual((await self.refusal(avatar.mail(Envelope(None, "a", size=1001)))).kind, Kind.TOO_BIG)


class FailingStoreTests(TestCase):
    """With a store that always fails."""

    async def test_every_step(self) -> None:
        """Whatever fails in the store, commit raises NOT_NOW and the body is given up unless it was already promised."""
        chosen = listener()
        directory = MemoryDirectory()
        directory.add("alice@example.test")
        for step in ("create", "write", "close", "apply"):
            store = FailingStore(bodies=() if step == "apply" else (step,))
            services = Services(
                store=store,
                directory=directory,
                permits=make_test_permits(directory),
                reports=RememberedReports(),
                hostname="mx.example.test",
            )
            avatar, _ = Reception(services, {chosen.name: chosen}).avatar(None, Peer("192.0.2.1", chosen.name, "smtp"))
            transaction = await avatar.mail(SENDER)
            await transaction.rcpt(ALICE)
            transaction.write(b"x\r\n")
            try:
                await transaction.commit()
            except MailError as error:
                self.assertEqual(error.kind, Kind.NOT_NOW, step)
            else:
                self.fail(f"{step} did not fail")
            self.assertEqual(store.asked, ["apply"] if step == "apply" else [], step)

    async def test_low_disk(self) -> None:
        """Below the mark no transaction begins."""
        chosen = listener()
        services = Services(
            store=FailingStore(space=True),
            directory=MemoryDirectory(),
            permits=make_test_permits(MemoryDirectory()),
            reports=RememberedReports(),
            hostname="mx",
        )
        avatar, _ = Reception(services, {chosen.name: chosen}).avatar(None, Peer("192.0.2.1", chosen.name, "smtp"))
        with self.assertRaises(MailError):
            await avatar.mail(SENDER)
