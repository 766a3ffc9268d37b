"""The ledger in the store: rows are indexed and forgotten a slice at a time, and survive what the store survives."""

import time
from pathlib import Path

import apsw
import pytest
from twisted.internet.task import Clock

from mailsvc.core.errors import Kind, MailError
from mailsvc.core.ledger import PART, Event, Happening, Query
from mailsvc.core.ledger_rows import pack
from mailsvc.core.operations import Deliver, KeepLedger, Record
from mailsvc.db.connection import open_writer
from mailsvc.ledger import Ledger, LedgerOptions
from mailsvc.ledger.finding import find
from mailsvc.store.chores import Chores
from mailsvc.store.connect import run
from mailsvc.store.direct import DirectStore
from mailsvc.store.layout import Layout
from mailsvc.store.rebuild import rebuild
from mailsvc.store.sql_ledger import IndexLedger


@pytest.fixture
def store(tmp_path: Path):
    """An empty one."""
    made = DirectStore(str(tmp_path / "store"))
    yield made
    made.close()


def event(number: int, at: int = 0) -> Event:
    """A row that can be told from others."""
    return Event(
        at=at or int(time.time()),
        what=Happening.ACCEPTED,
        queue_id=f"Q{number}",
        sender=f"s{number % 3}@example.com",
        account_id=number % 2 + 1,
    )


def write(store: DirectStore, events: list[Event]) -> None:
    """All in one transaction."""
    store.commit([Record(tuple(map(pack, events)))])


def count(store: DirectStore, table: str) -> int:
    """Rows of a table."""
    return store.connection().execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def do_chores(store: DirectStore) -> int:
    """Until there is nothing more to do; how many slices that took."""
    chores = Chores(store.layout, store.committer, lambda: None)
    slices = 0
    while chores.slice():
        slices += 1
    return slices


def ledger(store: DirectStore) -> Ledger:
    """For questions."""
    return Ledger(Clock(), store.apply, store.connection, LedgerOptions())


def found(store: DirectStore, **query: object) -> list[str]:
    """Queue ids."""
    return [one.queue_id for one in run(ledger(store).find(Query(**query)))]


def test_indexed_or_not_the_answers_are_the_same(store: DirectStore) -> None:
    """Rows of several parts, with and without index, are found newest first."""
    most = PART + 600
    write(store, [event(number) for number in range(most)])
    wanted = {"text": "s1@example.com", "most": most}
    before = found(store, **wanted)
    assert do_chores(store) > 1
    assert count(store, "ledger_term") > 2 * PART
    write(store, [event(most), event(most + 1)])
    expected = [f"Q{number}" for number in reversed(range(most + 2)) if number % 3 == 1]
    assert found(store, **wanted) == expected
    assert before == [one for one in expected if one not in (f"Q{most}", f"Q{most + 1}")]
    assert found(store, text="Q7") == ["Q7"]
    assert (
        found(store, text="s1@example.com", account_id=1, most=2)
        == [one for one in expected if int(one[1:]) % 2 == 0][:2]
    )


def test_old_rows_are_forgotten_in_slices(store: DirectStore) -> None:
    """Only rows over the limit go, a slice at a time, and what the index had of them too."""
    now = int(time.time())
    write(store, [event(number, now - 10_000) for number in range(PART + 100)] + [event(9999, now)])
    do_chores(store)
    assert count(store, "ledger") == PART + 101  # nobody has said how long to keep them
    store.commit([KeepLedger(5000)])
    assert do_chores(store) > 5
    assert (count(store, "ledger"), found(store)) == (1, ["Q9999"])
    assert count(store, "ledger_part") == 1
    assert found(store, text="Q7") == found(store, text="s1@example.com") == []
    assert count(store, "ledger_term") < 5 * 101
    assert do_chores(store) == 0


def test_a_row_from_the_future_does_not_keep_others(store: DirectStore) -> None:
    """A clock that was wrong once does not make the ledger grow for ever."""
    now = int(time.time())
    write(store, [event(1, now + 10**8), event(2, now - 10_000), event(3, now)])
    store.commit([KeepLedger(5000)])
    do_chores(store)
    assert found(store) == ["Q3"]


def looked_into(store: DirectStore, **query: object) -> tuple[list[str], int]:
    """Queue ids, and into how many parts of the index was looked."""
    db, parts = store.connection(), 0

    def trace(cursor: object, sql: str, bindings: object) -> bool:
        nonlocal parts
        parts += "json_each" in sql
        return True

    db.exec_trace = trace
    try:
        return [one.queue_id for one in find(db, Query(**query))], parts
    finally:
        db.exec_trace = None


def test_who_asks_for_a_time_need_not_read_all(store: DirectStore) -> None:
    """Parts of the index that are older or younger are passed over, whatever was dated wrongly in others."""
    write(store, [event(number, 10_000 + number) for number in range(4 * PART)])
    write(store, [event(number, 10_000 + number) for number in range(4 * PART, 5 * PART)] + [event(99_999, 7)])
    do_chores(store)
    assert count(store, "ledger_part") == 6
    last = 10_000 + 5 * PART - 10
    expected = [f"Q{number}" for number in reversed(range(5 * PART - 10, 5 * PART)) if number % 3 == 1]
    assert looked_into(store, text="s1@example.com", since=last, most=99) == (expected, 2)  # the last has just begun
    early = {"text": "s1@example.com", "since": 10_000, "until": 10_010, "most": 99}
    assert looked_into(store, **early) == (["Q7", "Q4", "Q1"], 1)
    assert looked_into(store, text="Q99999", until=10)[0] == ["Q99999"]


def test_an_older_release_has_indexed_in_between(store: DirectStore) -> None:
    """It does not say what its rows cover; so what was said of that part counts no more, and they are found."""
    write(store, [event(number, 10_000) for number in range(10)])
    store.commit([IndexLedger()])
    write(store, [event(10, 20_000)])
    known = store.connection().execute("SELECT * FROM ledger_part").fetchall()
    store.commit([IndexLedger()])
    db = open_writer(store.layout.database)
    db.executemany("INSERT OR REPLACE INTO ledger_part VALUES(?, ?, ?, ?)", known)
    db.close()
    assert found(store, text="Q10", since=15_000) == ["Q10"]
    write(store, [event(11, 30_000)])
    store.commit([IndexLedger()])
    assert found(store, text="Q11", since=25_000) == ["Q11"]
    assert found(store, text="Q10", since=15_000, until=25_000) == ["Q10"]


def test_a_message_that_is_refused_leaves_no_row(store: DirectStore) -> None:
    """Message and row are one transaction."""
    with pytest.raises(MailError) as caught:
        store.commit([Record((pack(event(1)),)), Deliver((12345,), b"", 1, 1, b"x")])
    assert caught.value.kind is Kind.NOT_FOUND
    assert found(store) == []


def test_rows_of_a_wrong_shape(store: DirectStore) -> None:
    """A newer or older process cannot spoil a group of transactions."""
    with pytest.raises(MailError) as caught:
        store.commit([Record(((1, 2, 3),))])  # type: ignore[arg-type]
    assert caught.value.kind is Kind.BAD_REQUEST


def test_rows_survive_a_rebuild(tmp_path: Path) -> None:
    """From a damaged database the ledger is saved, but nobody reads what another account's number once stood for."""
    layout = Layout(str(tmp_path / "store"))
    store = DirectStore(layout.root)
    write(store, [event(number) for number in range(300)])
    store.close()
    db = apsw.Connection(layout.database)
    (page,) = db.execute("SELECT rootpage FROM sqlite_schema WHERE name='msg'").fetchone()
    db.close()
    with open(layout.database, "r+b") as file:
        file.seek(4096 * (int(page) - 1))
        file.write(b"\xa5" * 4096)
    assert rebuild(layout)[0].kind == "put-aside"
    store = DirectStore(layout.root)
    try:
        assert len(found(store, most=1000)) == 300
        assert found(store, text="Q7") == ["Q7"]
        assert found(store, account_id=2) == []
    finally:
        store.close()
