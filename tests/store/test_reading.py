"""The reading half: slices, what is kept in memory, and databases that are not there."""

import os

import pytest

from mailsvc.core.errors import Kind, MailError
from mailsvc.core.operations import Expunge, StoreFlags
from mailsvc.store import queue, reading
from mailsvc.store.connect import run
from mailsvc.store.direct import DirectStore
from mailsvc.store.reading import Reader
from mailsvc.testing.store import make_store
from tests.store.contract import delivery, uids


@pytest.fixture
def made(tmp_path):
    """A store with ten messages for alice."""
    made = make_store(tmp_path / "store")
    made.store.commit([delivery(made.accounts["alice@example.test"], date=number) for number in range(10)])
    yield made
    made.store.close()


@pytest.fixture
def inbox(made):
    """Her INBOX's id."""
    return run(made.store.mailbox(made.accounts["alice@example.test"], "INBOX")).id


def counted(reader):
    """The list of SQL statements that a reader runs from now on."""
    statements = []
    reader.connection().exec_trace = lambda cursor, sql, bindings: statements.append(sql) or True
    return statements


def test_unchanged_mailbox_is_read_once(made, inbox):
    """The second look costs one small question; after a change it is read anew."""
    reader = Reader(made.store.layout.database)
    first = run(reader.rows(inbox))
    statements = counted(reader)
    assert run(reader.rows(inbox)) is first
    assert list(run(reader.rows(inbox, 3, 4)).uids) == [3, 4]
    assert len(statements) == 2
    made.store.commit([Expunge(inbox, uids(1)), StoreFlags(inbox, uids(2), add=4)])
    again = run(reader.rows(inbox))
    assert (list(again.uids), again.flags[0]) == (list(range(2, 11)), 4)
    assert list(first.uids) == list(range(1, 11))
    reader.close()


def test_cache_is_bounded(made, inbox):
    """Mailboxes that do not fit together push out the one that was not asked for the longest."""
    other = run(made.store.mailbox(made.accounts["bob@example.test"], "INBOX")).id
    made.store.commit([delivery(made.accounts["bob@example.test"])])
    reader = Reader(made.store.layout.database, cache_rows=10)
    first = run(reader.rows(inbox))
    assert run(reader.rows(inbox)) is first
    small = run(reader.rows(other))
    assert run(reader.rows(other)) is small
    assert run(reader.rows(inbox)) is not first
    reader.close()


def test_slices_are_of_one_moment(made, inbox, monkeypatch):
    """A long read lets others through, and what they change meanwhile does not mix with it."""
    monkeypatch.setattr(reading, "SLICE", 3)
    pauses = []

    async def pause():
        pauses.append(None)
        made.store.commit([Expunge(inbox, uids(9 - len(pauses))), delivery(made.accounts["alice@example.test"])])

    reader = Reader(made.store.layout.database, pause=pause)
    assert list(run(reader.rows(inbox)).uids) == list(range(1, 11))
    assert len(pauses) == 3
    monkeypatch.undo()
    assert list(run(reader.rows(inbox)).uids) == [1, 2, 3, 4, 5, 9, 10, 11, 12, 13]
    reader.close()


def test_large_numbers(made, inbox):
    """Sizes and modseqs beyond 32 bits come out as they went in."""
    made.store.committer._db.execute("UPDATE msg SET modseq=?, size=? WHERE uid=1", (2**62, 2**40)).fetchall()
    rows = run(made.store.rows(inbox))
    assert (rows.modseqs[0], rows.sizes[0]) == (2**62, 2**40)


def test_without_a_database(tmp_path):
    """A worker that starts before the store exists gets NOT_NOW, and an answer when it does."""
    reader = Reader(str(tmp_path / "store" / "mail.db"))
    for _ in range(2):
        with pytest.raises(MailError) as caught:
            reader.mailbox(1, "INBOX")
        assert caught.value.kind is Kind.NOT_NOW
    made = make_store(tmp_path / "store")
    assert reader.mailbox(made.accounts["bob@example.test"], "inbox") is not None
    reader.close()
    reader.close()
    made.store.close()


def test_body_file_that_is_gone(made, inbox):
    """A row without its file (damage) is a temporary failure, not an expunged message."""
    writer = made.store.bodies.create()
    writer.write(b"x" * 200_000)
    body = run(writer.close())
    alice = made.accounts["alice@example.test"]
    made.store.commit([delivery(alice, data=None, size=body.size, location=body.location)])
    content = run(made.store.rows(inbox)).contents[-1]
    path = made.store.layout.body(body.location)
    os.truncate(path, 1000)
    with pytest.raises(MailError) as caught:
        run(made.store.bodies.get(content))
    assert caught.value.kind is Kind.NOT_NOW
    os.unlink(path)
    with pytest.raises(MailError) as caught:
        run(made.store.bodies.get(content))
    assert caught.value.kind is Kind.NOT_NOW


@pytest.mark.parametrize("question", ["_WAITING", "_TICKETS", "_LISTING"])
def test_queue_is_read_by_its_indexes(tmp_path, question):
    """However long the queue is, a slice of it costs a slice: no table is gone through."""
    store = DirectStore(tmp_path)
    sql = getattr(queue, question)
    plan = store.connection().execute(f"EXPLAIN QUERY PLAN {sql}", ("[]", 0)[: sql.count("?")]).fetchall()
    steps = [step for *_, step in plan if "VIRTUAL TABLE" not in step]
    store.close()
    assert steps
    assert [step for step in steps if step.startswith("SCAN")] == []
