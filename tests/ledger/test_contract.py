"""What every ILedger does: the one in the store, with its index as it happens to be, and the one in memory."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from zope.interface.verify import verifyObject

from mailsvc.core.interfaces.ledger import ILedger
from mailsvc.core.ledger import Event, Happening, Query
from mailsvc.core.ledger_rows import pack, unpack
from mailsvc.core.relay import Limits, Miss, RelayDecision
from mailsvc.ledger import Ledger, LedgerOptions
from mailsvc.ledger.finding import whole
from mailsvc.ledger.nowhere import Nowhere
from mailsvc.store.connect import run
from mailsvc.store.direct import DirectStore
from mailsvc.store.sql_ledger import IndexLedger
from mailsvc.testing.ledger import MemoryLedger

GRANTED = RelayDecision(
    allowed=True,
    rule="pop-before-smtp",
    kind="pop-before-smtp",
    account="hanako@example.test",
    account_id=7,
    reason="granted",
    evidence=(("address", "203.0.113.9"), ("last", "1000")),
    limits=Limits(messages=100),
    grant="abc",
    network="203.0.113.9/32",
    expiry=1300,
)
DENIED = RelayDecision(
    allowed=False, reason="no-grant", misses=(Miss("pop-before-smtp", "no-grant"), Miss("x", "y", 5))
)


def accepted(number: int, **fields: object) -> Event:
    """A message."""
    usual: dict[str, object] = {
        "at": 1000 + number,
        "what": Happening.ACCEPTED,
        "queue_id": f"Q{number}",
        "message_id": f"M{number}@client.example",
        "address": "203.0.113.9",
        "sender": "hanako@example.test",
        "recipients": (f"r{number}@example.com",),
    }
    return Event(**(usual | fields))  # type: ignore[arg-type]


class Written:
    """A ledger, and a way to put events into it that does not wait."""

    def __init__(self, kind: str, path: Path) -> None:
        self.store: DirectStore | None = None
        self.ledger: Ledger | MemoryLedger = MemoryLedger()
        if kind != "memory":
            self.store = DirectStore(str(path))
            self.ledger = Ledger(Clock(), self.store.apply, self.store.connection, LedgerOptions())
        self.kind = kind

    def write(self, *events: Event) -> None:
        """As a transaction that is committed."""
        operations = self.ledger.within(events)
        if self.store is None:
            for operation in operations:
                operation.carry_out()  # type: ignore[attr-defined]
        else:
            self.store.commit(operations)
            if self.kind == "indexed":
                self.store.commit([IndexLedger()])

    def find(self, **query: object) -> list[Event]:
        """The answer to a question."""
        return run(self.ledger.find(Query(**query)))  # type: ignore[arg-type]


@pytest.fixture(params=["memory", "not indexed", "indexed"])
def book(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Written]:
    """An empty ledger."""
    written = Written(request.param, tmp_path / "store")
    yield written
    if written.store is not None:
        written.store.close()


def test_interface(book: Written) -> None:
    """All keep to what was agreed."""
    assert verifyObject(ILedger, book.ledger)
    assert verifyObject(ILedger, Nowhere())


def test_rows_come_back_whole(book: Written) -> None:
    """Decision, evidence, recipients, readers: as they were, the newest row first."""
    events = [
        accepted(1, decision=GRANTED, account="hanako@example.test", account_id=7, reason="granted"),
        accepted(2, recipients=("a@example.test", "b@example.test"), readers=((1, 2), (3,)), evidence=(("x", "y"),)),
        Event(at=1003, what=Happening.REFUSED, address="2001:db8::1", reason="no-grant", reply="no", decision=DENIED),
    ]
    book.write(*events)
    assert book.find() == events[::-1]
    assert book.find(most=1) == events[-1:]


@pytest.mark.parametrize(
    "text", ["Q2", "q2", "M2@client.example", "<m2@CLIENT.example>", " r2@example.com ", "R2@Example.com"]
)
def test_found_by_what_people_quote(book: Written, text: str) -> None:
    """Queue id, Message-ID and addresses find a row, in any case and with angle brackets or without."""
    book.write(*(accepted(number) for number in range(4)))
    assert [event.queue_id for event in book.find(text=text)] == ["Q2"]
    assert book.find(text="Q") == book.find(text="client.example") == []


def test_all_that_is_asked_must_fit(book: Written) -> None:
    """Address, time and account narrow a search."""
    book.write(accepted(1), accepted(2, address="192.0.2.1"), accepted(3, account_id=7))
    assert [event.queue_id for event in book.find(text="hanako@example.test")] == ["Q3", "Q2", "Q1"]
    assert [event.queue_id for event in book.find(text="hanako@example.test", address="192.0.2.1")] == ["Q2"]
    assert [event.queue_id for event in book.find(since=1002)] == ["Q3", "Q2"]
    assert [event.queue_id for event in book.find(since=1002, until=1003)] == ["Q2"]
    assert [event.queue_id for event in book.find(text="hanako@example.test", account_id=7)] == ["Q3"]


def test_in_the_order_in_which_it_happened(book: Written) -> None:
    """A refusal is written up to a second after it was said, and after the acceptance that followed it: it is told before it."""
    accepted_, refused = accepted(1, at=1000.7), accepted(1, at=1000.2, what=Happening.REFUSED, queue_id="")
    book.write(accepted(0, at=1000.1), accepted_)
    book.write(refused, accepted(2, at=1000.7))
    found = book.find(text="hanako@example.test")
    assert [(event.at, event.queue_id) for event in found] == [
        (1000.7, "Q2"),
        (1000.7, "Q1"),
        (1000.2, ""),
        (1000.1, "Q0"),
    ]


def test_a_clock_that_was_wrong_hides_nothing(book: Written) -> None:
    """Rows of an hour in which the clock was years behind or ahead are passed over, and those before them found."""
    book.write(accepted(1, at=9000), accepted(2, at=5), accepted(3, at=10**6), accepted(4, at=9100))
    assert [event.queue_id for event in book.find(text="hanako@example.test", since=8000, until=9999)] == ["Q4", "Q1"]
    assert [event.queue_id for event in book.find(since=8000, until=9999)] == ["Q4", "Q1"]
    assert [event.queue_id for event in book.find(text="hanako@example.test", until=1000)] == ["Q2"]
    # Few are wanted: those that were written last, and not for ever what was dated into the future.
    assert {event.queue_id for event in book.find(text="hanako@example.test", most=2)} == {"Q3", "Q4"}
    assert [event.queue_id for event in book.find(text="hanako@example.test", most=1)] == ["Q4"]


def test_everybody_sees_what_is_theirs(book: Written) -> None:
    """Who answers for a message sees all of its row; who received it only how it came to them; others nothing."""
    sent = accepted(
        1,
        account="hanako@example.test",
        account_id=7,
        recipients=("taro@example.test", "hidden@example.test"),
        readers=((8,), (9,)),
        decision=GRANTED,
        evidence=(("not-kept", "3"),),
    )
    book.write(sent, accepted(2, readers=((88,),)))
    assert book.find(account_id=7) == [sent]
    (received,) = book.find(account_id=8)
    assert (received.recipients, received.sender, received.queue_id) == (("taro@example.test",), sent.sender, "Q1")
    assert (received.account, received.account_id, received.decision, received.evidence) == ("", 0, None, ())
    assert book.find(account_id=8, text="hidden@example.test") == book.find(account_id=10) == []


def test_the_query_of_a_reader_tells_nothing_more(book: Written) -> None:
    """Whether somebody else was a recipient too cannot be found out by asking for both."""
    book.write(accepted(1, recipients=("taro@example.test", "hidden@example.test"), readers=((8,), (9,))))
    assert book.find(account_id=8, text="hidden@example.test") == []
    assert len(book.find(account_id=8, text="taro@example.test")) == 1


def test_whole_story(book: Written) -> None:
    """Who asks by a Message-ID hears what became of the message afterwards too; who asks by an address, of each row once."""
    sent = Event(
        at=1100, what=Happening.SENT, queue_id="Q1", sender="hanako@example.test", recipients=("r1@example.com",)
    )
    events = [accepted(1), accepted(2), sent]
    book.write(*events)
    ask = lambda query: run(book.ledger.find(query))  # noqa: E731
    assert whole(ask, Query(text="<m1@client.example>")) == [sent, events[0]]
    assert whole(ask, Query(text="hanako@example.test")) == events[::-1]
    assert whole(ask, Query(text="M1@client.example", most=1)) == [sent]


def test_whole_story_of_one_second(book: Written) -> None:
    """Also where a release that knew whole seconds has written it: what came of a message stands after its acceptance."""
    sent = accepted(1, what=Happening.SENT, message_id="")
    book.write(accepted(1), sent)
    assert whole(lambda query: run(book.ledger.find(query)), Query(text="M1@client.example")) == [sent, accepted(1)]


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\n"), max_size=8)
RECIPIENTS = st.lists(TEXT.filter(bool), min_size=1, max_size=3).map(tuple)


@settings(max_examples=100, deadline=None)
@given(
    st.builds(
        Event,
        at=st.floats(0, 2**40),
        what=st.sampled_from(Happening),
        sender=TEXT,
        recipients=RECIPIENTS,
        reply=TEXT,
        evidence=st.lists(st.tuples(TEXT, TEXT), max_size=2).map(tuple),
        decision=st.sampled_from([None, GRANTED, DENIED]),
    )
)
def test_rows_say_the_same(event: Event) -> None:
    """An event survives being a row."""
    assert unpack(pack(event)) == event


def test_text_that_cannot_be_kept() -> None:
    """Half a surrogate pair does not keep a message from being accepted."""
    assert unpack(pack(accepted(1, helo="\udc80"))).helo == "?"
