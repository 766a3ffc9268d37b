"""What IMAP may expect of every backend of the store. Mixed into a test case together with :class:`StoreContract`."""

from zope.interface.verify import verifyObject

from mailsvc.core import operations as ops
from mailsvc.core.errors import Kind
from mailsvc.core.interfaces.store import Field
from mailsvc.core.interfaces.view import IMailboxView
from mailsvc.core.values import EVERY_UID, Body, SystemFlag
from mailsvc.formats.imap.describe import describe
from mailsvc.formats.imap.sets import STAR, NumberSet
from tests.store.contract import HEADERS, LARGE, delivery, uids

EVERYTHING = NumberSet(((1, STAR),))
MAIL = b"From: A <a@example.test>\r\nSubject: =?utf-8?q?caf=C3=A9?=\r\n\r\ntext\r\n"


def appended(account, mailbox="INBOX", data=MAIL, **fields):
    """An Append of a small message."""
    return ops.Append(account, mailbox, len(data), 1_700_000_000, data, **fields)


class ImapContract:
    """Mix in beside StoreContract."""

    async def do(self, *operations):
        """The result of the last of these."""
        return (await self.store.apply(operations))[-1]

    async def filled(self, count):
        """The account and the id of its INBOX, with messages 1 to ``count``."""
        (account,) = await self.add("a")
        await self.store.apply([appended(account) for _ in range(count)])
        return account, (await self.inbox(account)).id

    async def names(self, account):
        """Names of the mailboxes."""
        return [mailbox.name for mailbox in await self.store.mailboxes(account)]

    async def fetched(self, mailbox, *fields, uids=EVERY_UID):
        """All that ``fetch`` gives."""
        return [row async for rows in self.store.fetch(mailbox, uids, fields) for row in rows]

    # --- APPEND ---

    async def test_append(self):
        """An appended message has its flags, keywords and date, and the UID that APPENDUID tells."""
        (account,) = await self.add("a")
        flags = SystemFlag.SEEN | SystemFlag.UTF8
        mailbox, uid, validity = await self.do(appended(account, "inbox", flags=flags, keywords=("$Junk", "Work")))
        inbox = await self.inbox(account)
        assert (inbox.id, inbox.uidvalidity, inbox.keywords, inbox.unseen) == (mailbox, validity, ("$Junk", "Work"), 0)
        rows = await self.store.rows(mailbox)
        assert (list(rows.uids), list(rows.flags)) == ([uid], [flags | 3 * SystemFlag.KEYWORDS])
        assert await self.store.bodies.get(rows.contents[0]) == MAIL

    async def test_append_where_nothing_is(self):
        """Into a mailbox that does not exist nothing is put, and the refusal says that it could be made (TRYCREATE)."""
        (account,) = await self.add("a")
        error = await self.refused(Kind.NOT_FOUND, appended(account, "Sent"))
        assert error.reason == "no-such-target"
        assert await self.names(account) == ["INBOX"]

    async def test_append_of_several_is_all_or_nothing(self):
        """MULTIAPPEND: if the last message does not fit, none is there."""
        (account,) = await self.add("a", quota=2 * len(MAIL) + 1)
        await self.refused(Kind.QUOTA, *[appended(account)] * 3)
        assert (await self.inbox(account)).uidnext == 1
        placed = await self.store.apply([appended(account)] * 2)
        assert [uid for _, uid, _ in placed] == [1, 2]

    # --- flags ---

    async def test_keywords(self):
        """Keywords are known in any case, keep their first spelling, and are added and removed by name."""
        account, inbox = await self.filled(2)
        await self.do(ops.StoreFlags(inbox, uids(1, 2), add_keywords=("Work", "$Forwarded")))
        await self.do(
            ops.StoreFlags(inbox, uids(2), add_keywords=("WORK", "new"), remove_keywords=("$forwarded", "none"))
        )
        assert (await self.inbox(account)).keywords == ("Work", "$Forwarded", "new")
        bit = SystemFlag.KEYWORDS
        assert list((await self.store.rows(inbox)).flags) == [bit | bit << 1, bit | bit << 2]

    async def test_replacing_flags(self):
        """FLAGS without a sign replaces them all, but not what clients cannot see."""
        (account,) = await self.add("a")
        inbox, _, _ = await self.do(appended(account, flags=SystemFlag.UTF8 | SystemFlag.SEEN, keywords=("x",)))
        await self.do(ops.StoreFlags(inbox, uids(1), add=SystemFlag.DRAFT, add_keywords=("y",), replace=True))
        expected = SystemFlag.UTF8 | SystemFlag.DRAFT | SystemFlag.KEYWORDS << 1
        assert list((await self.store.rows(inbox)).flags) == [expected]
        assert (await self.inbox(account)).unseen == 1
        await self.do(ops.StoreFlags(inbox, uids(1), add=0xFFFF, remove=0xFFFF_FFC0))
        assert list((await self.store.rows(inbox)).flags) == [expected | SystemFlag.CLIENT]

    async def test_limit_of_keywords(self):
        """A mailbox learns 50 keywords; one more is refused, and nothing is changed."""
        account, inbox = await self.filled(1)
        names = tuple(f"k{number}" for number in range(50))
        await self.do(ops.StoreFlags(inbox, uids(1), add_keywords=names))
        before = await self.inbox(account)
        await self.refused(Kind.TOO_MANY, ops.StoreFlags(inbox, uids(1), add=1, add_keywords=("more",)))
        await self.refused(Kind.TOO_MANY, appended(account, keywords=("more",)))
        assert await self.inbox(account) == before
        for name in ("", "a b", "é", "a\n"):
            await self.refused(
                Kind.BAD_REQUEST, ops.StoreFlags(inbox, uids(1), remove_keywords=names, add_keywords=(name,))
            )

    async def test_unchanged_since(self):
        """Only messages that nobody changed meanwhile are changed; the others are named (CONDSTORE)."""
        account, inbox = await self.filled(4)
        known = (await self.inbox(account)).modseq
        await self.do(ops.StoreFlags(inbox, uids(2, 3), add=SystemFlag.FLAGGED))
        modseq, unmodified = await self.do(ops.StoreFlags(inbox, EVERY_UID, add=SystemFlag.SEEN, unchanged_since=known))
        assert unmodified == uids(2, 3)
        rows = await self.store.rows(inbox)
        assert list(rows.flags) == [1, 4, 4, 1]
        assert [row for row in rows.modseqs if row == modseq] == [modseq] * 2
        assert (await self.do(ops.StoreFlags(inbox, uids(1), add=8, unchanged_since=0)))[1] == uids(1)

    async def test_sets_of_100_000(self):
        """An enormous set of UIDs is no trouble; one that is not in order is refused, for it would count twice."""
        account, inbox = await self.filled(3)
        odd = tuple((uid, uid) for uid in range(1, 200_000, 2))
        await self.do(ops.StoreFlags(inbox, odd, add=SystemFlag.SEEN))
        assert (await self.inbox(account)).unseen == 1
        assert await self.do(ops.Expunge(inbox, odd)) == uids(1, 3)
        for nonsense in (((2, 1),), ((1, 3), (3, 4)), ((5, 5), (1, 1)), ((0, 1),)):
            await self.refused(Kind.BAD_REQUEST, ops.Expunge(inbox, nonsense))

    async def test_expunge_of_the_deleted(self):
        """EXPUNGE removes what is marked, UID EXPUNGE what is marked and named."""
        _, inbox = await self.filled(5)
        await self.do(ops.StoreFlags(inbox, uids(2, 3, 5), add=SystemFlag.DELETED))
        assert await self.do(ops.Expunge(inbox, ((1, 3),), deleted_only=True)) == uids(2, 3)
        assert await self.do(ops.Expunge(inbox, EVERY_UID, deleted_only=True)) == uids(5)
        assert list((await self.store.rows(inbox)).uids) == [1, 4]

    # --- COPY and MOVE ---

    async def test_copy(self):
        """Copies share the text, keep flags, keywords and date, and survive the original; COPYUID tells which is which."""
        account, inbox = await self.filled(3)
        await self.do(ops.StoreFlags(inbox, uids(3), add=SystemFlag.SEEN, add_keywords=("one", "two")))
        await self.do(ops.CreateMailbox(account, "Copies"), appended(account, "Copies", keywords=("two",)))
        validity, source, target = await self.do(ops.Copy(inbox, uids(1, 3, 9), "Copies"))
        copies = await self.store.mailbox(account, "Copies")
        assert (validity, source, target) == (copies.uidvalidity, uids(1, 3), uids(2, 3))
        assert (copies.messages, copies.unseen, copies.keywords) == (3, 2, ("two", "one"))
        rows, originals = await self.store.rows(copies.id), await self.store.rows(inbox)
        assert list(rows.flags) == [64, 0, 1 | 64 | 128]
        assert list(rows.contents)[1:] == [originals.contents[0], originals.contents[2]]
        await self.do(ops.Expunge(inbox, EVERY_UID))
        assert await self.store.bodies.get(rows.contents[2]) == MAIL

    async def test_copy_refused(self):
        """Without room nothing is copied; without a mailbox neither, and TRYCREATE only if it is the target that is missing."""
        (account,) = await self.add("a", quota=3 * len(MAIL))
        await self.store.apply([appended(account)] * 2)
        inbox = (await self.inbox(account)).id
        await self.do(ops.CreateMailbox(account, "x"))
        await self.refused(Kind.QUOTA, ops.Copy(inbox, uids(1, 2), "x"))
        assert (await self.store.mailbox(account, "x")).messages == 0
        assert (await self.refused(Kind.NOT_FOUND, ops.Copy(inbox, uids(1), "y"))).reason == "no-such-target"
        assert (await self.refused(Kind.NOT_FOUND, ops.Move(999, uids(1), "x"))).reason == "no-such-mailbox"
        _, source, target = await self.do(ops.Copy(inbox, uids(7), "x"))
        assert (source, target) == ((), ())

    async def test_move(self):
        """What is moved is in one place only, costs no room, and leaves a record in the mailbox that it left."""
        (account,) = await self.add("a", quota=2 * len(MAIL))
        await self.store.apply([appended(account)] * 2)
        known = await self.inbox(account)
        await self.do(ops.CreateMailbox(account, "x"))
        _, source, target = await self.do(ops.Move(known.id, uids(2), "X".lower()))
        assert (source, target) == (uids(2), uids(1))
        assert ((await self.inbox(account)).messages, (await self.store.mailbox(account, "x")).messages) == (1, 1)
        assert (await self.store.changes(known.id, known.modseq))[1] == [2]
        await self.refused(Kind.QUOTA, appended(account))

    async def test_move_onto_itself(self):
        """Moving into the same mailbox gives new UIDs and loses nothing."""
        account, inbox = await self.filled(2)
        _, source, target = await self.do(ops.Move(inbox, EVERY_UID, "INBOX"))
        assert (source, target) == (uids(1, 2), uids(3, 4))
        assert list((await self.store.rows(inbox)).uids) == [3, 4]
        assert (await self.inbox(account)).messages == 2

    # --- names ---

    async def test_create(self):
        """A mailbox is made with those above it; names are NFC, INBOX is INBOX in any case, also above others."""
        (account,) = await self.add("a")
        await self.do(ops.CreateMailbox(account, "a/b/c/"))
        await self.do(ops.CreateMailbox(account, "inbox/か\u3099"), ops.CreateMailbox(account, "..", ("\\Sent", "\\X")))
        assert await self.names(account) == ["..", "INBOX", "INBOX/が", "a", "a/b", "a/b/c"]
        assert (await self.store.mailbox(account, "..")).special_use == ("\\Sent", "\\X")
        assert (await self.refused(Kind.EXISTS, ops.CreateMailbox(account, "a/b"))).reason == "mailbox-exists"
        assert (
            await self.refused(Kind.EXISTS, ops.CreateMailbox(account, "y", ("\\Sent",)))
        ).reason == "special-use-taken"
        known = (await self.store.mailbox(account, "a/b")).id
        assert await self.do(ops.CreateMailbox(account, "a/b", ("\\Sent",), exist_ok=True)) == known
        for name in ("", "/", "a//b", "/a", "a\0b", "x" * 2000):
            assert (await self.refused(Kind.BAD_REQUEST, ops.CreateMailbox(account, name))).text

    async def test_delete(self):
        """A mailbox goes with its mail; those below it stay, and then its name has to; made again it is another mailbox."""
        account, _ = await self.filled(1)
        await self.do(ops.CreateMailbox(account, "a/b"), appended(account, "a"))
        before = await self.store.mailbox(account, "a")
        await self.do(ops.DeleteMailbox(account, "a"))
        assert await self.names(account) == ["INBOX", "a/b"]
        error = await self.refused(Kind.IN_USE, ops.DeleteMailbox(account, "a"))
        assert (error.reason, error.temporary) == ("has-children", False)
        await self.do(ops.CreateMailbox(account, "a"))
        after = await self.store.mailbox(account, "a")
        assert after.id != before.id
        assert after.uidvalidity > before.uidvalidity
        await self.refused(Kind.NOT_FOUND, ops.DeleteMailbox(account, "nothing"))
        await self.refused(Kind.BAD_REQUEST, ops.DeleteMailbox(account, "inbox"))

    async def test_rename_a_tree(self):
        """A mailbox takes along what is below it, into a place that is made for it; UIDVALIDITY stays."""
        (account,) = await self.add("a")
        for name in ("a/b/c", "a0", "A"):
            await self.do(ops.CreateMailbox(account, name))
        before = await self.store.mailbox(account, "a/b")
        await self.do(ops.RenameMailbox(account, "a", "x/y"))
        assert await self.names(account) == ["A", "INBOX", "a0", "x", "x/y", "x/y/b", "x/y/b/c"]
        after = await self.store.mailbox(account, "x/y/b")
        assert (after.id, after.uidvalidity) == (before.id, before.uidvalidity)
        await self.do(ops.DeleteMailbox(account, "x"), ops.RenameMailbox(account, "x/y", "x"))
        assert await self.names(account) == ["A", "INBOX", "a0", "x", "x/b", "x/b/c"]
        await self.do(ops.DeleteMailbox(account, "x"), ops.RenameMailbox(account, "x", "z"))
        assert await self.names(account) == ["A", "INBOX", "a0", "z/b", "z/b/c"]

    async def test_rename_refused(self):
        """Not onto something, not below itself, not from nothing."""
        (account,) = await self.add("a")
        await self.do(
            ops.CreateMailbox(account, "a/b"), ops.CreateMailbox(account, "c/d"), ops.DeleteMailbox(account, "c")
        )
        for old, new, kind in [
            ("a", "c", Kind.EXISTS), ("a", "c/d", Kind.EXISTS), ("a", "a", Kind.EXISTS), ("a", "inbox", Kind.EXISTS),
            ("INBOX", "a", Kind.EXISTS), ("a", "a/x", Kind.BAD_REQUEST), ("a", "", Kind.BAD_REQUEST),
            ("nothing", "x", Kind.NOT_FOUND), ("a/b/c", "x", Kind.NOT_FOUND), ("a", "x" * 999, Kind.BAD_REQUEST),
        ]:  # fmt: skip
            await self.refused(kind, ops.RenameMailbox(account, old, new))
        assert await self.names(account) == ["INBOX", "a", "a/b", "c/d"]

    async def test_rename_inbox(self):
        """INBOX cannot go: its mail moves, it stays empty with its UIDVALIDITY, and what is below it stays (RFC 3501 6.3.5)."""
        account, inbox = await self.filled(2)
        await self.do(ops.CreateMailbox(account, "INBOX/x"), ops.StoreFlags(inbox, uids(2), add_keywords=("k",)))
        before = await self.inbox(account)
        await self.do(ops.RenameMailbox(account, "Inbox", "old/mail"))
        after, moved = await self.inbox(account), await self.store.mailbox(account, "old/mail")
        assert (after.id, after.uidvalidity, after.uidnext, after.messages) == (inbox, before.uidvalidity, 3, 0)
        assert (moved.messages, moved.unseen, moved.octets, moved.keywords) == (2, 2, before.octets, ("k",))
        assert await self.names(account) == ["INBOX", "INBOX/x", "old", "old/mail"]
        assert (await self.store.changes(inbox, before.modseq))[1] == [1, 2]

    async def test_subscriptions(self):
        """Subscriptions are names: they need no mailbox, and survive it."""
        account, other = await self.add("a", "b")
        for name in ("z", "inbox", "gone/away", "z"):
            await self.do(ops.Subscribe(account, name))
        assert await self.store.subscriptions(account) == ["INBOX", "gone/away", "z"]
        await self.do(
            ops.CreateMailbox(account, "z"), ops.DeleteMailbox(account, "z"), ops.Subscribe(account, "never", False)
        )
        await self.do(ops.Subscribe(account, "gone/away", False))
        assert await self.store.subscriptions(account) == ["INBOX", "z"]
        assert await self.store.subscriptions(other) == []
        await self.refused(Kind.NOT_FOUND, ops.Subscribe(999, "x"))
        await self.refused(Kind.BAD_REQUEST, ops.Subscribe(account, ""))

    async def test_recent(self):
        """Each message is claimed as recent once; what comes later is recent for the next."""
        account, inbox = await self.filled(2)
        assert (await self.inbox(account)).recent == 1
        assert [await self.do(ops.ClaimRecent(inbox)) for _ in range(2)] == [1, 3]
        before = await self.inbox(account)
        assert (before.recent, before.uidnext) == (3, 3)
        await self.do(appended(account))
        assert (await self.inbox(account)).recent == 3
        await self.refused(Kind.NOT_FOUND, ops.ClaimRecent(999))

    # --- reading ---

    async def test_fetch(self):
        """Just what was asked for comes, in that order, by UID; messages that are gone are missing."""
        _, inbox = await self.filled(4)
        await self.do(ops.Expunge(inbox, uids(2)))
        assert await self.fetched(inbox, Field.SIZE, Field.DATE, uids=((2, 3), (9, 99))) == [
            (3, len(MAIL), 1_700_000_000)
        ]
        rows = await self.store.rows(inbox)
        expected = list(zip(rows.uids, rows.modseqs, rows.flags, rows.contents, strict=True))
        assert await self.fetched(inbox, Field.MODSEQ, Field.FLAGS, Field.CONTENT) == expected
        assert await self.fetched(inbox) == [(1,), (3,), (4,)]
        assert await self.fetched(999, Field.ENVELOPE) == []
        assert await self.fetched(inbox, Field.SIZE, uids=()) == []

    async def test_fetch_of_many(self):
        """More than a slice, by one interval or by thousands, comes whole and once."""
        (account,) = await self.add("a")
        for start in range(0, 3000, 1000):
            await self.store.apply([delivery(account, date=start + n, data=b"") for n in range(1000)])
        inbox = (await self.inbox(account)).id
        assert await self.fetched(inbox, Field.DATE) == [(n + 1, n) for n in range(3000)]
        for intervals in (
            tuple((uid, uid) for uid in range(1, 4000, 2)),
            ((1, 700), (702, 702), (800, 2500), (2999, 4000)),
            tuple((start, start + 500) for start in range(1, 3000, 502)),
        ):
            expected = [uid for low, high in intervals for uid in range(low, high + 1) if uid <= 3000]
            assert [uid for (uid,) in await self.fetched(inbox, uids=intervals)] == expected
            assert list((await self.store.rows_in(inbox, intervals)).uids) == expected

    async def test_descriptions(self):
        """ENVELOPE and BODYSTRUCTURE are the same whether rendered at delivery or when first asked for, of small and large mail."""
        (account,) = await self.add("a")
        for data in (MAIL, MAIL + LARGE, b"", b"\r\n", b"no header at all"):
            await self.put(account, data=data)
            body = Body(len(data), data=data)
            await self.put(account, data=data, description=await self.store.bodies.describe(HEADERS, body))
            writer = self.store.bodies.create()
            writer.write(data)
            body = await writer.close()
            description = await self.store.bodies.describe(HEADERS, body)
            operation = delivery(
                account, data=body.data, size=body.size, location=body.location, description=description
            )
            await self.do(operation)
        inbox = (await self.inbox(account)).id
        rows = await self.fetched(
            inbox, Field.ENVELOPE, Field.SIZE, Field.BODYSTRUCTURE, Field.HEADER_SIZE, Field.CONTENT
        )
        for _, envelope, size, structure, header, content in rows:
            whole = await self.store.bodies.get(content)
            made = describe(whole)
            assert (envelope, structure, header) == (made.envelope, made.bodystructure, made.message.body)
            assert size == len(whole)
        (kept,) = self.store.connection().execute("SELECT count(*) FROM content WHERE envelope IS NULL").fetchone()
        assert kept == 0

    async def test_headers_and_parts_of_many(self):
        """Many messages are read at once: headers, the same part of each, or all; None where a message is gone."""
        (account,) = await self.add("a")
        await self.put(account, data=MAIL)
        await self.put(account, data=MAIL + LARGE)
        await self.put(account, data=b"")
        await self.do(appended(account, data=MAIL))
        inbox = (await self.inbox(account)).id
        contents = [content for _, content in await self.fetched(inbox, Field.CONTENT)]
        texts = [HEADERS + MAIL, HEADERS + MAIL + LARGE, HEADERS, MAIL]
        header = MAIL[: MAIL.index(b"\r\n\r\n") + 4]
        assert await self.store.bodies.get_headers([*contents, 99]) == [
            HEADERS + header,
            HEADERS + header,
            HEADERS,
            header,
            None,
        ]
        for offset, length in (
            (0, -1),
            (3, 9),
            (len(HEADERS) - 2, 5),
            (len(HEADERS), 3),
            (len(HEADERS) + 4, -1),
            (0, 0),
            (9**9, 5),
        ):
            parts = [text[offset:] if length < 0 else text[offset : offset + length] for text in texts]
            assert await self.store.bodies.get_many([99, *contents], offset, length) == [None, *parts], (offset, length)
        assert await self.store.bodies.get_many([]) == []

    # --- views ---

    async def test_view_keeps_its_interface(self):
        """A view has all that IMailboxView names."""
        _, inbox = await self.filled(1)
        view = await self.store.view(inbox)
        verifyObject(IMailboxView, view)
        view.close()
        view.close()

    async def test_view_shows_the_mailbox(self):
        """Sequence numbers, UIDs and rows of a fresh view."""
        account, inbox = await self.filled(4)
        await self.do(ops.Expunge(inbox, uids(2)), ops.StoreFlags(inbox, uids(3), add=1, add_keywords=("k",)))
        view = await self.store.view(inbox)
        now = await self.inbox(account)
        assert (view.exists, view.uidnext, view.modseq, view.keywords, view.deleted) == (
            3,
            5,
            now.modseq,
            ("k",),
            False,
        )
        assert [view.uid(seq) for seq in (1, 2, 3)] == [1, 3, 4]
        assert [view.seq(uid) for uid in range(6)] == [None, 1, None, 2, 3, None]
        (run,) = view.runs(view.uids(NumberSet(((2, STAR),)), False))
        rows = await self.store.rows(inbox)
        assert run.first == 2
        for name in ("uids", "modseqs", "flags", "sizes", "dates", "contents"):
            assert list(getattr(run, name)) == list(getattr(rows, name))[1:]
        assert not view.advance(True)
        view.close()

    async def test_expunge_waits_until_it_may_be_told(self):
        """Where EXPUNGE must not be sent numbers stay as they are, though new messages and flags are told (RFC 3501 7.4.1)."""
        account, inbox = await self.filled(4)
        view = await self.store.view(inbox)
        await self.do(ops.Expunge(inbox, uids(1, 3)), ops.StoreFlags(inbox, uids(4), add=1), appended(account))
        await view.refresh()
        assert view.exists == 4
        updates = view.advance(False)
        assert (updates.expunged, updates.exists, [run.uids[0] for run in view.runs(updates.changed)]) == ([], 5, [4])
        assert [view.uid(seq) for seq in range(1, 6)] == [1, 2, 3, 4, 5]
        assert view.pending
        assert view.gone(view.uids(EVERYTHING, False)) == NumberSet.of([1, 3])
        assert [(run.first, list(run.uids)) for run in view.runs(view.uids(EVERYTHING, True))] == [
            (2, [2]),
            (4, [4, 5]),
        ]
        updates = view.advance(True)
        assert (updates.expunged, updates.vanished, updates.exists) == ([1, 2], NumberSet.of([1, 3]), None)
        assert [view.uid(seq) for seq in range(1, 4)] == [2, 4, 5]
        assert not view.pending
        view.close()

    async def test_views_share_and_differ(self):
        """Sessions of one mailbox have one set of arrays, each with its own picture; with the last one the arrays go."""
        _, inbox = await self.filled(3)
        one, other = await self.store.view(inbox), await self.store.view(inbox)
        assert len(self.store.views) == 1
        await self.do(ops.Expunge(inbox, uids(1)))
        await one.refresh()
        assert one.advance(True).expunged == [1]
        assert (one.exists, other.exists) == (2, 3)
        late = await self.store.view(inbox)
        assert (late.exists, late.pending, other.pending) == (2, False, True)
        for view in (one, other, late):
            view.close()
        assert len(self.store.views) == 0

    async def test_message_that_came_and_went(self):
        """A message that nobody was told of is never mentioned."""
        account, inbox = await self.filled(1)
        view = await self.store.view(inbox)
        _, uid, _ = await self.do(appended(account))
        await view.refresh()
        await self.do(ops.StoreFlags(inbox, uids(uid), add=1), ops.Expunge(inbox, uids(uid)))
        await view.refresh()
        assert not view.advance(True)
        assert (view.exists, view.uidnext) == (1, 3)
        view.close()

    async def test_idle_hears_of_changes(self):
        """Who waits is woken by new mail, flags, keywords and removal; not by what does not concern the picture."""
        account, inbox = await self.filled(2)
        view = await self.store.view(inbox)
        for operation in (
            appended(account),
            ops.StoreFlags(inbox, uids(1), add=1, add_keywords=("k",)),
            ops.Expunge(inbox, uids(1)),
        ):
            waiting = view.changed()
            assert not waiting.called
            await self.do(operation)
            await waiting
            assert view.advance(True)
        await self.do(ops.CreateMailbox(account, "x"), ops.Copy(inbox, EVERY_UID, "x"))
        waiting = view.changed()
        await self.store.ping()
        assert not waiting.called
        waiting.addErrback(lambda failure: None)
        waiting.cancel()
        await self.do(ops.DeleteMailbox(account, "x"))
        view.close()

    async def test_view_of_a_mailbox_that_goes(self):
        """Who has a mailbox selected learns that it was deleted."""
        (account,) = await self.add("a")
        mailbox = await self.do(ops.CreateMailbox(account, "x"), appended(account, "x")) and (
            await self.store.mailbox(account, "x")
        )
        idle, busy = await self.store.view(mailbox.id), await self.store.view(mailbox.id)
        waiting = idle.changed()
        await self.do(ops.DeleteMailbox(account, "x"))
        await waiting
        await busy.refresh()
        assert idle.deleted
        assert busy.deleted
        await idle.changed()
        for view in (idle, busy):
            view.close()
        error = None
        try:
            await self.store.view(mailbox.id)
        except Exception as caught:
            error = caught
        assert error.kind is Kind.NOT_FOUND
        assert len(self.store.views) == 0

    async def test_large_change(self):
        """More changes than an event can name are found all the same."""
        (account,) = await self.add("a")
        for _ in range(3):
            await self.store.apply([delivery(account, data=b"")] * 1000)
        inbox = (await self.inbox(account)).id
        view = await self.store.view(inbox)
        odd = NumberSet.of(range(1, 3001, 2))
        await self.do(ops.StoreFlags(inbox, odd.ranges, add=4))
        await view.refresh()
        updates = view.advance(True)
        assert [uid for run in view.runs(updates.changed) for uid in run.uids] == list(odd)
        await self.do(ops.Expunge(inbox, odd.ranges))
        await view.refresh()
        assert view.advance(True).vanished == odd
        assert [view.seq(2), view.seq(3000), view.exists] == [1, 1500, 1500]
        view.close()
