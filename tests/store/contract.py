"""What every backend of the store promises. A backend's test case mixes this in and gives ``open_store`` and ``reopen``."""

import os
import shutil
import tempfile

import attrs
from zope.interface.verify import verifyObject

from mailsvc.core import operations as ops
from mailsvc.core.errors import Kind, MailError
from mailsvc.core.interfaces.store import IBodies, IBodyWriter, ILock, IStore
from mailsvc.core.values import MailboxChanged, SystemFlag
from mailsvc.directory import Directory
from mailsvc.formats.imap.sets import NumberSet

HEADERS = b"Received: from there by here\r\n"
MESSAGE = b"Subject: hello\r\n\r\n\x00\xff line\r\n.\r\n"
LARGE = bytes(range(256)) * 1000  # over any inline limit that the tests use


def delivery(*accounts, data=MESSAGE, **changes):
    """A Deliver of a small message."""
    fields = {"prefix": HEADERS, "size": len(data or b""), "date": 1_700_000_000, "data": data}
    return ops.Deliver(accounts=tuple(accounts), **{**fields, **changes})


def uids(*numbers):
    """UIDs as operations take and return them."""
    return NumberSet.of(numbers).ranges


def new_path(test):
    """A path for a store that is gone after the test."""
    folder = tempfile.mkdtemp()
    test.addCleanup(shutil.rmtree, folder)
    return os.path.join(folder, "store")


class StoreContract:
    """Mix into a trial TestCase. ``self.store`` is a fresh IStore when a test begins."""

    async def add(self, *names, **fields):
        """Accounts in example.test; their ids."""
        await self.store.apply([ops.AddDomain("example.test")])
        return [(await self.store.apply([ops.AddAccount(f"{name}@example.test", **fields)]))[0] for name in names]

    async def put(self, *accounts, data=MESSAGE, **changes):
        """Deliver through a body writer, as a session does."""
        writer = self.store.bodies.create()
        for start in range(0, len(data), 1000):
            writer.write(data[start : start + 1000])
        body = await writer.close()
        operation = delivery(*accounts, data=body.data, size=body.size, location=body.location, **changes)
        return (await self.store.apply([operation]))[0]

    async def inbox(self, account):
        """The INBOX as it is now."""
        return await self.store.mailbox(account, "INBOX")

    async def refused(self, kind, *operations):
        """The refusal of a transaction, which must be of this kind."""
        with self.assertRaises(MailError) as caught:
            await self.store.apply(operations)
        assert caught.exception.kind is kind, caught.exception
        return caught.exception

    # --- the interface ---

    async def test_keeps_its_interfaces(self):
        """The backend has every method that the interfaces name."""
        (account,) = await self.add("a")
        verifyObject(IStore, self.store)
        verifyObject(IBodies, self.store.bodies)
        verifyObject(IBodyWriter, self.store.bodies.create())
        mailbox = await self.inbox(account)
        lock = await self.store.lock(mailbox.id)
        verifyObject(ILock, lock)
        lock.release()

    async def test_ping(self):
        """A healthy store answers ping."""
        assert await self.store.ping() is None

    # --- delivery ---

    async def test_message_comes_back_byte_for_byte(self):
        """What was delivered is read back exactly, our headers first."""
        (account,) = await self.add("a")
        ((mailbox, uid, _uidvalidity),) = await self.put(account)
        rows = await self.store.rows(mailbox)
        assert list(rows.uids) == [uid]
        assert list(rows.sizes) == [len(HEADERS + MESSAGE)]
        assert list(rows.dates) == [1_700_000_000]
        assert await self.store.bodies.get(rows.contents[0]) == HEADERS + MESSAGE

    async def test_large_message_comes_back_in_any_part(self):
        """A message in a file of its own can be read from any offset, across the border between our headers and the body."""
        (account,) = await self.add("a")
        ((mailbox, _, _),) = await self.put(account, data=LARGE)
        content = (await self.store.rows(mailbox)).contents[0]
        whole = HEADERS + LARGE
        for offset, length in [(0, -1), (0, 10), (len(HEADERS) - 3, 6), (len(HEADERS), 5), (100_000, 65536),
                               (len(whole) - 4, 100), (len(whole), 5), (len(whole) + 9, -1), (5, 0)]:  # fmt: skip
            end = len(whole) if length < 0 else offset + length
            assert await self.store.bodies.get(content, offset, length) == whole[offset:end], (offset, length)

    async def test_small_message_comes_back_in_any_part(self):
        """The same for a message that lives in the database."""
        (account,) = await self.add("a")
        ((mailbox, _, _),) = await self.put(account)
        content = (await self.store.rows(mailbox)).contents[0]
        whole = HEADERS + MESSAGE
        for offset in range(len(whole) + 2):
            for length in (-1, 0, 1, 7, 1000):
                end = len(whole) if length < 0 else offset + length
                assert await self.store.bodies.get(content, offset, length) == whole[offset:end], (offset, length)

    async def test_empty_message(self):
        """A message without a single octet is a message."""
        (account,) = await self.add("a")
        ((mailbox, _, _),) = await self.put(account, data=b"")
        assert await self.store.bodies.get((await self.store.rows(mailbox)).contents[0]) == HEADERS

    async def test_all_recipients_share_one_content(self):
        """One message to three accounts is stored once and has a UID of its own in each mailbox."""
        accounts = await self.add("a", "b", "c")
        await self.put(accounts[1])
        placed = await self.put(*accounts)
        assert [uid for _, uid, _ in placed] == [1, 2, 1]
        contents = {(await self.store.rows(mailbox, uid)).contents[0] for mailbox, uid, _ in placed}
        assert len(contents) == 1

    async def test_counters_follow(self):
        """Mailbox counters tell what was delivered, seen, flagged and removed."""
        (account,) = await self.add("a")
        await self.put(account)
        await self.put(account, flags=SystemFlag.SEEN)
        size = len(HEADERS + MESSAGE)
        mailbox = await self.inbox(account)
        assert (mailbox.messages, mailbox.unseen, mailbox.octets, mailbox.uidnext) == (2, 1, 2 * size, 3)
        await self.store.apply([ops.StoreFlags(mailbox.id, uids(1, 2), add=SystemFlag.SEEN)])
        assert (await self.inbox(account)).unseen == 0
        await self.store.apply([ops.StoreFlags(mailbox.id, uids(1, 2), remove=SystemFlag.SEEN)])
        assert (await self.inbox(account)).unseen == 2
        await self.store.apply([ops.Expunge(mailbox.id, uids(1))])
        mailbox = await self.inbox(account)
        assert (mailbox.messages, mailbox.unseen, mailbox.octets, mailbox.uidnext) == (1, 1, size, 3)

    async def test_delivery_makes_the_mailbox(self):
        """A named mailbox that is missing is made; INBOX is INBOX in any case."""
        (account,) = await self.add("a")
        await self.put(account, mailbox="Junk")
        await self.put(account, mailbox="inbox")
        assert [mailbox.name for mailbox in await self.store.mailboxes(account)] == ["INBOX", "Junk"]
        assert (await self.inbox(account)).messages == 1

    async def test_quota_refuses_for_all_recipients(self):
        """If one account has no room nobody gets the message, and the refusal names the account."""
        poor, rich = await self.add("poor", "rich")
        await self.store.apply([ops.ChangeAccount(poor, quota=len(HEADERS + MESSAGE) + 1)])
        await self.put(poor)
        error = await self.refused(Kind.QUOTA, delivery(rich, poor))
        assert "poor@example.test" in error.detail
        assert (await self.inbox(rich)).messages == 0
        await self.store.apply([delivery(rich, poor, check_quota=False)])
        assert (await self.inbox(poor)).messages == 2

    async def test_delivery_to_nobody(self):
        """An account that does not exist refuses the whole message."""
        (account,) = await self.add("a")
        await self.refused(Kind.NOT_FOUND, delivery(account, 999))
        assert (await self.inbox(account)).messages == 0

    async def test_nonsense_is_refused(self):
        """Operations that make no sense are told so, and harm nothing."""
        (account,) = await self.add("a")
        for operation in (
            delivery(),
            delivery(account, account),
            delivery(account, size=3),
            delivery(account, data=None, size=3),
            delivery(account, location="00/x"),
            ops.CreateMailbox(account, ""),
            ops.AddAccount("no at sign"),
            ops.AddDomain("a b"),
            ops.AddAlias("x@example.test", ()),
        ):
            await self.refused(Kind.BAD_REQUEST, operation)

    async def test_delivery_without_its_file(self):
        """A row never points to a file that is not there."""
        (account,) = await self.add("a")
        await self.refused(Kind.NOT_NOW, delivery(account, data=None, size=3, location="00/missing"))
        assert (await self.inbox(account)).messages == 0

    async def test_transaction_is_whole_or_nothing(self):
        """If the last operation is refused the first has not happened."""
        (account,) = await self.add("a")
        await self.refused(Kind.NOT_FOUND, delivery(account), ops.Expunge(999, uids(1)))
        assert (await self.inbox(account)).messages == 0
        assert (await self.inbox(account)).uidnext == 1

    # --- UIDs and changes ---

    async def test_uids_are_never_given_twice(self):
        """The UID of a removed message is not used again, nor is a mailbox's UIDVALIDITY."""
        (account,) = await self.add("a")
        ((mailbox, first, _),) = await self.put(account)
        await self.store.apply([ops.Expunge(mailbox, uids(first))])
        ((_, second, _),) = await self.put(account)
        assert second > first
        made = [await self.store.mailbox(account, "INBOX")]
        for name in ("x", "y"):
            await self.store.apply([ops.CreateMailbox(account, name)])
            made.append(await self.store.mailbox(account, name))
        validities = [mailbox.uidvalidity for mailbox in made]
        assert validities == sorted(set(validities))

    async def test_account_id_is_never_given_twice(self):
        """A new account of the same name is another account, with other mailboxes."""
        (first,) = await self.add("a")
        before = await self.inbox(first)
        await self.store.apply([ops.RemoveAccount(first)])
        (second,) = await self.add("a")
        after = await self.inbox(second)
        assert second > first
        assert after.id > before.id
        assert after.uidvalidity > before.uidvalidity
        assert await self.store.mailboxes(first) == []

    async def test_changes_tell_what_happened_since(self):
        """From a known modseq on: new and changed rows, and the UIDs that are gone."""
        (account,) = await self.add("a")
        for _ in range(4):
            await self.put(account)
        known = await self.inbox(account)
        await self.store.apply([ops.StoreFlags(known.id, uids(2), add=SystemFlag.FLAGGED)])
        await self.store.apply([ops.Expunge(known.id, uids(1, 3, 77))])
        await self.put(account)
        rows, gone, complete = await self.store.changes(known.id, known.modseq)
        assert list(rows.uids) == [2, 5]
        assert rows.flags[0] == SystemFlag.FLAGGED
        assert (gone, complete) == ([1, 3], True)
        now = await self.inbox(account)
        rows, gone, complete = await self.store.changes(known.id, now.modseq)
        assert (list(rows.uids), gone, complete) == ([], [], True)

    async def test_modseq_rises_with_every_change_only(self):
        """Each change gets a higher modseq; asking for what is already so changes nothing."""
        (account,) = await self.add("a")
        ((mailbox, uid, _),) = await self.put(account)
        first = (await self.inbox(account)).modseq
        ((second, _),) = await self.store.apply([ops.StoreFlags(mailbox, uids(uid), add=SystemFlag.SEEN)])
        ((third, _),) = await self.store.apply([ops.StoreFlags(mailbox, uids(uid, 55), add=SystemFlag.SEEN)])
        assert first < second == (await self.inbox(account)).modseq
        assert third == 0
        assert await self.store.apply([ops.Expunge(mailbox, uids(55))]) == [()]
        assert (await self.inbox(account)).modseq == second
        assert await self.store.apply([ops.Expunge(mailbox, uids(55, uid))]) == [uids(uid)]
        assert (await self.inbox(account)).modseq > second

    async def test_rows_in_a_range(self):
        """Rows come in UID order and only those asked for."""
        (account,) = await self.add("a")
        for _ in range(5):
            await self.put(account)
        mailbox = (await self.inbox(account)).id
        assert list((await self.store.rows(mailbox, 2, 4)).uids) == [2, 3, 4]
        assert list((await self.store.rows(mailbox)).uids) == [1, 2, 3, 4, 5]
        assert list((await self.store.rows(mailbox, 4)).uids) == [4, 5]
        assert list((await self.store.rows(mailbox, 4, 2)).uids) == []
        await self.store.apply([ops.Expunge(mailbox, uids(1, 2, 3))])
        assert list((await self.store.rows(mailbox, 2, 4)).uids) == [4]

    async def test_rows_of_many(self):
        """A mailbox larger than a slice is read whole, as of one moment."""
        (account,) = await self.add("a")
        for start in range(0, 9000, 1000):
            await self.store.apply([delivery(account, date=start + n, data=b"") for n in range(1000)])
        rows = await self.store.rows((await self.inbox(account)).id)
        assert list(rows.uids) == list(range(1, 9001))
        assert list(rows.dates) == list(range(9000))
        assert set(rows.sizes) == {len(HEADERS)}

    async def test_unknown_mailbox(self):
        """A mailbox that is not there is not found, whatever is asked."""
        for question in (self.store.rows(999), self.store.changes(999, 0)):
            with self.assertRaises(MailError) as caught:
                await question
            assert caught.exception.kind is Kind.NOT_FOUND
        await self.refused(Kind.NOT_FOUND, ops.StoreFlags(999, uids(1), add=1))
        await self.refused(Kind.NOT_FOUND, ops.Expunge(999, uids(1)))
        await self.refused(Kind.NOT_FOUND, ops.CreateMailbox(999, "x"))
        assert await self.store.mailbox(999, "INBOX") is None

    async def test_expunged_body_says_so(self):
        """Reading a message that somebody removed is EXPUNGED, small or large; a message others still have stays."""
        one, other = await self.add("a", "b")
        for data in (MESSAGE, LARGE):
            placed = await self.put(one, other, data=data)
            content = (await self.store.rows(placed[0][0], placed[0][1])).contents[0]
            await self.store.apply([ops.Expunge(placed[0][0], uids(placed[0][1]))])
            assert await self.store.bodies.get(content) == HEADERS + data
            await self.store.apply([ops.Expunge(placed[1][0], uids(placed[1][1]))])
            with self.assertRaises(MailError) as caught:
                await self.store.bodies.get(content)
            assert caught.exception.kind is Kind.EXPUNGED

    async def test_one_file_under_two_prefixes(self):
        """A large body may be delivered twice with different headers: removing one leaves the other."""
        one, other = await self.add("a", "b")
        writer = self.store.bodies.create()
        writer.write(LARGE)
        body = await writer.close()
        fields = {"data": None, "size": body.size, "location": body.location}
        placed = await self.store.apply([delivery(one, **fields), delivery(other, prefix=b"X: y\r\n", **fields)])
        ((mailbox, uid, _),), ((second, _, _),) = placed
        content = (await self.store.rows(second)).contents[0]
        await self.store.apply([ops.Expunge(mailbox, uids(uid))])
        await self.store.ping()
        assert await self.store.bodies.get(content) == b"X: y\r\n" + LARGE

    # --- events and locks ---

    async def test_commit_is_told(self):
        """Who subscribed hears of each mailbox that changed, after it changed; not of refused transactions."""
        one, other = await self.add("a", "b")
        heard = []
        end = self.store.subscribe(heard.append)
        placed = await self.put(one, other)
        await self.store.ping()
        assert {(event.account, event.mailbox) for event in heard} == {(one, placed[0][0]), (other, placed[1][0])}
        modseq = (await self.inbox(one)).modseq
        assert heard[0] == MailboxChanged(one, placed[0][0], modseq, modseq - 1, uids(1))
        heard.clear()
        await self.refused(Kind.NOT_FOUND, delivery(one, 999))
        await self.store.ping()
        assert heard == []
        end()
        await self.put(one)
        await self.store.ping()
        assert heard == []

    async def test_lock_is_exclusive(self):
        """Only one session has a mailbox's lock; released, it can be taken again."""
        one, other = await self.add("a", "b")
        mailbox, second = (await self.inbox(one)).id, (await self.inbox(other)).id
        lock = await self.store.lock(mailbox)
        assert lock.held
        with self.assertRaises(MailError) as caught:
            await self.store.lock(mailbox)
        assert caught.exception.kind is Kind.IN_USE
        (await self.store.lock(second)).release()
        lock.release()
        lock.release()
        assert not lock.held
        (await self.store.lock(mailbox)).release()

    # --- bodies ---

    async def test_aborted_body_leaves_nothing(self):
        """A body given up, small or large, before or after the first octets, can be aborted twice."""
        for data in (b"", MESSAGE, LARGE):
            writer = self.store.bodies.create()
            writer.write(data)
            writer.abort()
            writer.abort()
            with self.assertRaises(MailError):
                await writer.close()

    async def test_low_disk_is_said_early(self):
        """check_ready says nothing while there is room."""
        assert self.store.check_ready() is None

    # --- directory operations ---

    async def test_domain_has_a_postmaster(self):
        """A new domain can receive mail for postmaster at once; making it again only adds host aliases."""
        (domain,) = await self.store.apply([ops.AddDomain("Example.Test", ("mail.example.test",))])
        assert await self.store.apply([ops.AddDomain("example.test", ("www.example.test",))]) == [domain]
        await self.refused(Kind.EXISTS, ops.AddDomain("mail.example.test"))
        await self.refused(Kind.EXISTS, ops.AddDomain("other.test", ("example.test",)))
        await self.refused(Kind.EXISTS, ops.AddDomain("other.test", ("www.example.test",)))
        await self.refused(Kind.EXISTS, ops.AddAccount("postmaster@example.test"))

    async def test_domain_with_accounts_stays(self):
        """A domain is removed only when nobody but postmaster is left; the refusal says who is."""
        (account,) = await self.add("a")
        error = await self.refused(Kind.IN_USE, ops.RemoveDomain("example.test"))
        assert "a@example.test" in error.detail
        await self.store.apply([ops.RemoveAccount(account), ops.RemoveDomain("EXAMPLE.test")])
        await self.refused(Kind.NOT_FOUND, ops.RemoveDomain("example.test"))
        await self.refused(Kind.NO_SUCH_DOMAIN, ops.AddAccount("a@example.test"))

    async def test_addresses_and_logins_are_unique(self):
        """No address, login or alias can mean two accounts."""
        await self.add("a")
        await self.store.apply([ops.AddAccount("b@example.test", login="U123")])
        await self.store.apply([ops.AddAlias("info@example.test", ("a@example.test",))])
        for clash in (
            ops.AddAccount("A@Example.Test"),
            ops.AddAccount("c@example.test", login="u123"),
            ops.AddAccount("u123@example.test"),
            ops.AddAccount("c@example.test", login="a"),
            ops.AddAccount("info@example.test"),
            ops.AddAlias("a@example.test", ("b@example.test",)),
        ):
            await self.refused(Kind.EXISTS, clash)
        await self.store.apply([ops.AddAccount("c@example.test", login="c")])

    async def test_logins_of_other_domains_do_not_clash(self):
        """The same login may exist in two domains."""
        (one,) = await self.add("a", login="u1")
        _, other = await self.store.apply([ops.AddDomain("other.test"), ops.AddAccount("a@other.test", login="u1")])
        directory = Directory(self.store.connection)
        assert [(await directory.claimed(f"u1@{domain}.test"))[0].id for domain in ("example", "other")] == [one, other]

    async def test_postmaster_stays_reachable(self):
        """postmaster's account goes only if an alias takes its place, and then the alias stays."""
        await self.add("a")
        row = await self.store.apply([ops.AddDomain("p.test"), ops.AddAccount("x@p.test")])
        postmaster = row[1] - 1
        await self.refused(Kind.IN_USE, ops.RemoveAccount(postmaster))
        await self.store.apply([ops.AddAlias("postmaster@p.test", ("a@example.test",)), ops.RemoveAccount(postmaster)])
        await self.refused(Kind.IN_USE, ops.RemoveAlias("postmaster@p.test"))
        await self.store.apply([ops.AddAccount("postmaster@p.test"), ops.RemoveAlias("postmaster@p.test")])

    async def test_accounts_change(self):
        """Password, quota and switch of an account can be changed; of nobody's cannot."""
        (account,) = await self.add("a")
        await self.store.apply([ops.SetPassword(account, "$argon2id$x"), ops.ChangeAccount(account, False, quota=1)])
        directory = Directory(self.store.connection)
        assert await directory.password_hash(account) == "$argon2id$x"
        changed = await directory.account(account)
        assert (changed.enabled, changed.quota) == (False, 1)
        await self.refused(Kind.QUOTA, delivery(account))
        await self.store.apply([ops.ChangeAccount(account, enabled=True)])
        changed = await directory.account(account)
        assert (changed.enabled, changed.quota) == (True, 1)
        for operation in (ops.SetPassword(999, ""), ops.ChangeAccount(999), ops.RemoveAccount(999),
                          ops.RemoveAlias("x@example.test")):  # fmt: skip
            await self.refused(Kind.NOT_FOUND, operation)

    async def test_removed_account_takes_its_mail_along(self):
        """Nothing of a removed account remains; mail that others share does."""
        one, other = await self.add("a", "b")
        placed = await self.put(one, other, data=LARGE)
        await self.put(one)
        await self.store.apply([ops.RemoveAccount(one)])
        with self.assertRaises(MailError):
            await self.store.rows(placed[0][0])
        content = (await self.store.rows(placed[1][0])).contents[0]
        assert await self.store.bodies.get(content) == HEADERS + LARGE

    async def test_it_is_all_there_after_a_restart(self):
        """Stop and start: messages, flags, counters and UIDs are as they were."""
        (account,) = await self.add("a")
        ((mailbox, uid, _),) = await self.put(account)
        await self.put(account, data=LARGE)
        await self.store.apply([ops.StoreFlags(mailbox, uids(uid), add=SystemFlag.ANSWERED)])
        before, rows = await self.inbox(account), await self.store.rows(mailbox)
        await self.reopen()
        assert await self.inbox(account) == before
        again = await self.store.rows(mailbox)
        assert [list(column) for column in attrs.astuple(again)] == [list(column) for column in attrs.astuple(rows)]
        assert await self.store.bodies.get(again.contents[1]) == HEADERS + LARGE
