"""Searching the ledger: the parts of the index, newest first, after the rows that have no index yet (see ``store.sql_ledger``)."""

# ruff: noqa: S608 - SQL is put together from constants of this module only

import json
import math
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

import apsw
import attrs

from mailsvc.core.ledger import PART, Event, Query, Row, account_term, address_term, hashed, terms, text_term
from mailsvc.core.ledger_rows import unpack
from mailsvc.ledger.privacy import shown

__all__ = ["find", "in_order", "whole"]

_FIELDS = ", ".join(Row._fields)
_ROWS = f"SELECT {_FIELDS} FROM ledger WHERE at>=?1 AND at<?2"

_TIMES = (
    "SELECT oldest, newest FROM ledger_part"
    f" WHERE part=?1 AND last>=min(?1*{PART}+{PART - 1}, (SELECT value FROM meta WHERE name='ledger_indexed'))"
)


def find(db: apsw.Connection, query: Query) -> list[Event]:
    """The rows that fit, the last that happened first; in one read transaction, or rows could be indexed between two looks.

    Which ``query.most`` they are is told by the order in which they were written: a clock that was wrong for a while hides no rows. A row
    may be written up to a second after what it tells of, and after rows of what happened later: they are put in order here.
    Raises apsw.Error.
    """
    with db:
        events = (shown(unpack(row), query) for row in _candidates(db, query))
        found = list(islice((event for event in events if event is not None), query.most))
    return in_order(found)


def in_order(events: Iterable[Event]) -> list[Event]:
    """The last that happened first; of those of one time, as they stand."""
    return sorted(events, key=lambda event: -event.at)


def whole(ask: Callable[[Query], list[Event]], query: Query) -> list[Event]:
    """The same for people: who asks by a Message-ID hears what became of that message afterwards, where only its queue id is known.

    :param ask: answers a query, such as :func:`find` does.
    """
    found = ask(query)
    messages = {one.queue_id for one in found if one.queue_id and text_term(one.message_id) == text_term(query.text)}
    later = [event for queue_id in messages for event in ask(attrs.evolve(query, text=queue_id))]
    return in_order(later + [event for event in found if event not in later])[: query.most]


def _wanted(query: Query) -> list[str]:
    """The terms of a query, the one that fits the fewest rows first."""
    return [
        *([text_term(query.text)] if query.text else ()),
        *([address_term(query.address)] if query.address else ()),
        *([account_term(query.account_id)] if query.account_id else ()),
    ]


def _candidates(db: apsw.Connection, query: Query) -> Iterator[Row]:
    """Rows of that time with all terms, the last written first."""
    wanted, span = _wanted(query), (query.since, query.until or math.inf)
    if not wanted:
        yield from (Row(*row) for row in db.execute(f"{_ROWS} ORDER BY id DESC", span))
        return
    (indexed,) = db.execute("SELECT value FROM meta WHERE name='ledger_indexed'").fetchone() or (0,)
    for row in db.execute(f"{_ROWS} AND id>?3 ORDER BY id DESC", (*span, indexed)):
        if terms(Row(*row)).issuperset(wanted):
            yield Row(*row)
    for row in _indexed(db, hashed(wanted[0]), int(indexed), span):
        if terms(row).issuperset(wanted):
            yield row


def _indexed(db: apsw.Connection, term: int, newest: int, span: tuple[float, float]) -> Iterator[Row]:
    (oldest,) = db.execute("SELECT min(id) FROM ledger").fetchone() or (None,)
    for part in range(newest // PART, (newest if oldest is None else int(oldest)) // PART - 1, -1):
        ids = [row[0] for row in db.execute("SELECT id FROM ledger_term WHERE part=? AND term=?", (part, term))]
        if ids and _may_have(db, part, span):
            some = f"{_ROWS} AND id IN (SELECT value FROM json_each(?3)) ORDER BY id DESC"
            yield from (Row(*row) for row in db.execute(some, (*span, json.dumps(ids))))


def _may_have(db: apsw.Connection, part: int, span: tuple[float, float]) -> bool:
    """Whether a part of the index may have rows of that time."""
    times = db.execute(_TIMES, (part,)).fetchone()
    return times is None or (times[1] >= span[0] and times[0] < span[1])
