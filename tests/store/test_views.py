"""Views against a naive model, in every interleaving that Hypothesis thinks of; and events that get lost."""

import itertools
import os

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from mailsvc.core.errors import Kind, MailError
from mailsvc.core.operations import AddAccount, Append, Copy, Deliver, Expunge, Move, StoreFlags
from mailsvc.core.values import EVERY_UID, MailboxChanged
from mailsvc.formats.imap.sets import STAR, NumberSet
from mailsvc.store import replica, views
from mailsvc.store.connect import run
from mailsvc.store.verify import verify
from mailsvc.testing.store import DOMAIN, make_store
from tests.store.contract import uids

EVERYTHING = NumberSet(((1, STAR),))
EXAMPLES = 1250 if os.environ.get("MAILSVC_LONG") == "1" else 60
RARELY = st.sampled_from([False, False, False, True])
NUMBERS = st.lists(st.integers(1, 12), min_size=1, max_size=4)


class Client:
    """What a client knows from untagged data alone: RFC 3501 5.5 says what a sequence number means to it."""

    def __init__(self, view):
        self.view = view
        self.uids = self.asked()
        self.flags = self.looked()

    def asked(self):
        """UIDs by sequence number, as FETCH UID would tell a client that trusts its own count."""
        return [self.view.uid(seq) for seq in range(1, self.view.exists + 1)]

    def looked(self):
        """Flags by UID of all messages that are still there."""
        parts = self.view.runs(self.view.uids(EVERYTHING, False), size=3)
        return {uid: flags for part in parts for uid, flags in zip(part.uids, part.flags, strict=True)}

    def hear(self, updates):
        """Take untagged responses in the order in which they come."""
        told = [self.uids.pop(seq - 1) for seq in updates.expunged]
        assert told == list(updates.vanished)
        for uid in told:
            self.flags.pop(uid, None)
        if updates.exists is not None:
            assert updates.exists > len(self.uids)
            new = [self.view.uid(seq) for seq in range(len(self.uids) + 1, updates.exists + 1)]
            assert all(uid > max(self.uids, default=0) for uid in new)
            self.uids += new
            self.flags.update((uid, flags) for uid, flags in self.looked().items() if uid in new)
        for part in self.view.runs(updates.changed):
            for seq, uid, flags in zip(
                range(part.first, part.first + len(part.uids)), part.uids, part.flags, strict=True
            ):
                assert self.uids[seq - 1] == uid
                self.flags[uid] = flags


class Sessions(RuleBasedStateMachine):
    """Sessions of one mailbox, and a world that changes it behind their backs."""

    sessions = Bundle("sessions")

    def __init__(self, store, account):
        super().__init__()
        self.store, self.account = store, account

    @initialize(target=sessions, count=st.integers(0, 12))
    def fill(self, count):
        self.inbox = run(self.store.mailbox(self.account, "INBOX")).id
        self.clients = []
        self.seen = {}  # the text that each UID ever had
        self.modseqs = {}
        self.texts = 0
        self.deliver(count)
        return self.select()

    def teardown(self):
        for client in self.clients:
            client.view.close()
        assert len(self.store.views) == 0

    @rule(target=sessions)
    def select(self):
        """One more session; its picture is the mailbox."""
        client = Client(run(self.store.view(self.inbox)))
        assert client.uids == list(run(self.store.rows(self.inbox)).uids)
        self.clients.append(client)
        return client

    @precondition(lambda self: len(self.clients) > 2)
    @rule(client=consumes(sessions))
    def unselect(self, client):
        self.clients.remove(client)
        client.view.close()

    @rule(count=st.integers(1, 3))
    def deliver(self, count):
        for _ in range(count):
            self.texts += 1
            self.store.commit([Deliver((self.account,), b"", 1, self.texts, b"x")])

    @rule(numbers=NUMBERS, add=st.integers(0, 31), name=st.sampled_from(["", "a", "b"]), replace=st.booleans())
    def flag(self, numbers, add, name, replace):
        wanted = self.somewhere(numbers)
        self.store.commit(
            [StoreFlags(self.inbox, wanted, add=add, add_keywords=(name,) if name else (), replace=replace)]
        )

    @rule(numbers=NUMBERS, deleted_only=RARELY)
    def expunge(self, numbers, deleted_only):
        self.store.commit([Expunge(self.inbox, self.somewhere(numbers), deleted_only)])

    @rule(numbers=NUMBERS, kind=st.sampled_from([Copy, Move]))
    def copy(self, numbers, kind):
        self.store.commit([kind(self.inbox, self.somewhere(numbers), "INBOX")])

    @rule(numbers=NUMBERS)
    def all_at_once(self, numbers):
        """Several kinds of change in one commit, which is one event."""
        wanted = self.somewhere(numbers)
        add = Append(self.account, "INBOX", 1, 1, b"y")
        self.store.commit([StoreFlags(self.inbox, wanted, add=4), add, Expunge(self.inbox, wanted[:1]), add])

    @rule()
    def lose_an_event(self):
        """A change that nobody is told of."""
        heard, self.store.views._heard = self.store.views._heard, None
        self.store.bus._listeners[MailboxChanged].remove(heard)
        self.deliver(1)
        self.store.bus.subscribe(MailboxChanged, heard)
        self.store.views._heard = heard

    def somewhere(self, numbers):
        """UIDs in the upper end of the mailbox, where things happen."""
        top = run(self.store.mailbox(self.account, "INBOX")).uidnext
        return uids(*{max(top - number, 1) for number in numbers})

    @rule(client=sessions, expunge=RARELY, poll=RARELY)
    def command(self, client, expunge, poll):
        """A session's turn."""
        if poll:
            self.store.views.poll()
        run(client.view.refresh())
        client.hear(client.view.advance(expunge))
        assert client.uids == client.asked()
        if expunge:
            assert not client.view.pending

    @rule(client=sessions, numbers=NUMBERS, by_uid=st.booleans())
    def resolve(self, client, numbers, by_uid):
        """A set means what a naive reading of the client's own list says, told or not."""
        wanted = NumberSet.of(numbers)
        meant = client.view.uids(wanted, by_uid)
        expected = [uid for seq, uid in enumerate(client.uids, 1) if (uid if by_uid else seq) in wanted]
        assert [uid for uid in client.uids if uid in meant] == expected
        assert client.view.beyond(wanted) == (max(numbers) > len(client.uids) or not client.uids)
        assert [client.view.seq(uid) for uid in client.uids] == list(range(1, len(client.uids) + 1))
        there = {uid for part in client.view.runs(meant) for uid in part.uids}
        assert there | set(client.view.gone(meant)) == set(expected)
        for part in client.view.runs(EVERYTHING):
            assert client.uids[part.first - 1 :][: len(part.uids)] == list(part.uids)

    @precondition(lambda self: self.texts % 3 == 0)
    @rule()
    def checkpoint(self):
        """Everybody is told everything: all pictures are what a new session sees."""
        self.store.views.poll()
        rows = run(self.store.rows(self.inbox))
        for client in self.clients:
            run(client.view.refresh())
            client.hear(client.view.advance(True))
            assert client.uids == list(rows.uids)
            assert client.flags == dict(zip(rows.uids, rows.flags, strict=True))
            assert list(client.view.keywords) == list(run(self.store.mailbox(self.account, "INBOX")).keywords)
            assert client.view.modseq == run(self.store.mailbox(self.account, "INBOX")).modseq

    @invariant()
    def numbers_only_rise(self):
        """A UID means one message for ever, and its modseq never falls."""
        rows = run(self.store.rows(self.inbox))
        for uid, modseq, content in zip(rows.uids, rows.modseqs, rows.contents, strict=True):
            assert self.seen.setdefault(uid, content) == content
            assert self.modseqs.get(uid, 0) <= modseq
            self.modseqs[uid] = modseq
        known = max(self.seen, default=0)
        assert run(self.store.mailbox(self.account, "INBOX")).uidnext > known


@pytest.fixture
def made(tmp_path):
    """A store with alice's INBOX of ten."""
    made = make_store(tmp_path / "store")
    alice = made.accounts["alice@example.test"]
    made.store.commit([Deliver((alice,), b"", 1, 1, b"x")] * 10)
    yield made
    made.store.close()


@pytest.fixture
def inbox(made):
    """Her INBOX's id."""
    return run(made.store.mailbox(made.accounts["alice@example.test"], "INBOX")).id


def test_sessions(made):
    """Several sessions, random changes: each picture follows by untagged data alone, and equals a fresh one at each checkpoint."""
    numbers = itertools.count()

    def machine():
        (account,) = made.store.commit([AddAccount(f"user{next(numbers)}@{DOMAIN}")])
        return Sessions(made.store, account)

    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
    assert verify(made.store.layout, made.store.connection()) == []


def test_log_stays_short(made, inbox):
    """A session that never asks does not make the others' log grow, and is told everything in the end."""
    lazy, busy = run(made.store.view(inbox)), run(made.store.view(inbox))
    for number in range(3 * views._MAX_LOG):
        made.store.commit([StoreFlags(inbox, uids(1 + number % 9), add=1 + number % 30, replace=True)])
        run(busy.refresh())
        busy.advance(True)
        assert len(busy._replica.log) <= views._MAX_LOG
    made.store.commit([Expunge(inbox, uids(10))])
    run(lazy.refresh())
    updates = lazy.advance(True)
    assert (updates.expunged, list(updates.changed)) == ([10], list(range(1, 10)))


def test_idle_view_reads_nothing(made, inbox, monkeypatch):
    """Changes of a mailbox in which nobody waits are noted, not read, and never more than so many are noted."""
    monkeypatch.setattr(replica, "_MAX_NOTED", 5)
    view = run(made.store.view(inbox))
    statements = []
    made.store.connection().exec_trace = lambda cursor, sql, bindings: statements.append(sql) or True
    for number in range(20):
        made.store.commit([StoreFlags(inbox, uids(1 + number % 10), add=16 if number < 10 else 2)])
    assert statements == []
    assert len(view._replica._dirty) <= 5
    run(view.refresh())
    assert len(list(view.advance(True).changed)) == 10


def test_one_change_is_read_alone(made, inbox):
    """However large the mailbox, a change of one message reads one row."""
    view = run(made.store.view(inbox))
    made.store.commit([StoreFlags(inbox, uids(5), add=1)])
    seen = []
    reader = made.store.reader
    real = reader.marks_in

    async def marks_in(mailbox, intervals):
        rows = await real(mailbox, intervals)
        seen.append(list(rows.uids))
        return rows

    reader.marks_in = marks_in
    run(view.refresh())
    assert seen == [[5]]


def test_pruned_records(made, inbox):
    """Where the records of expunged messages are not complete, the whole list of UIDs is compared."""
    view = run(made.store.view(inbox))
    made.store.bus._listeners.clear()
    made.store.commit([Expunge(inbox, uids(2, 4)), StoreFlags(inbox, uids(3), add=1), Deliver((2,), b"", 1, 1, b"z")])
    db = made.store.committer._db
    db.execute("DELETE FROM expunged")
    db.execute("UPDATE mailbox SET expunge_floor=modseq WHERE id=?", (inbox,))
    made.store.views.poll()
    run(view.refresh())
    updates = view.advance(True)
    assert (list(updates.vanished), list(updates.changed), updates.exists) == ([2, 4], [3], 9)


def test_numbers_outgrow_their_columns(made, inbox):
    """Modseqs, sizes and flags beyond what the arrays began with."""
    view = run(made.store.view(inbox))
    db = made.store.committer._db
    db.execute("UPDATE mailbox SET modseq=? WHERE id=?", (2**40, inbox))
    made.store.commit([StoreFlags(inbox, EVERY_UID, add_keywords=tuple(f"k{n}" for n in range(50)))])
    db.execute("UPDATE mailbox SET uidnext=? WHERE id=?", (2**31, inbox))
    made.store.commit([Deliver((2,), b"", 1, 2**33, b"z")])
    run(view.refresh())
    assert view.advance(True).exists == 11
    (part,) = view.runs(view.uids(EVERYTHING, True))
    assert (part.uids[-1], part.dates[-1], part.modseqs[0]) == (2**31, 2**33, 2**40 + 1)
    assert part.flags[0] == ((1 << 50) - 1) << 6


def test_store_that_cannot_be_read(made, inbox):
    """A refresh that fails says NOT_NOW and is made up for by the next."""
    view = run(made.store.view(inbox))
    made.store.commit([Expunge(inbox, uids(1))])
    real = made.store.reader.marks_in

    async def broken(mailbox, intervals):
        raise MailError(Kind.NOT_NOW, "store-unreadable")

    made.store.reader.marks_in = broken
    with pytest.raises(MailError):
        run(view.refresh())
    assert view.exists == 10
    made.store.reader.marks_in = real
    made.store.commit([Expunge(inbox, uids(2))])
    run(view.refresh())
    assert view.advance(True).expunged == [1, 1]
