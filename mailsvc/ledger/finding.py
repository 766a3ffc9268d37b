"""Searching the ledger: the parts of the index, newest first, after the rows that have no index yet (see ``store.sql_ledger``)."""

# ruff: noqa: S608 - SQL is put together from constants of this module only

import json
from collections.abc import Callable, Iterator

import apsw
import attrs

from mailsvc.core.ledger import PART, Event, Query, Row, account_term, address_term, hashed, terms, text_term
from mailsvc.ledger.privacy import shown
from mailsvc.ledger.rows import unpack

__all__ = ["find", "whole"]

_CLOCK_STEP = 86400
"""Seconds by which a row may be dated before those that were written before it: somebody may have set the clock."""

_FIELDS = ", ".join(Row._fields)
_ROWS = f"SELECT {_FIELDS} FROM ledger"


def find(db: apsw.Connection, query: Query) -> list[Event]:
    """The rows that fit, newest first; in one read transaction, or rows could be indexed between two looks. Raises apsw.Error."""
    found: list[Event] = []
    with db:
        for row in _candidates(db, query):
            if row.at < query.since - _CLOCK_STEP:
                break
            if row.at < query.since or (query.until and row.at >= query.until):
                continue
            event = shown(unpack(row), query)
            if event is not None:
                found.append(event)
            if len(found) >= query.most:
                break
    return found


def whole(ask: Callable[[Query], list[Event]], query: Query) -> list[Event]:
    """The same for people: who asks by a Message-ID hears what became of that message afterwards, where only its queue id is known.

    :param ask: answers a query, such as :func:`find` does.
    """
    found = ask(query)
    messages = {one.queue_id for one in found if one.queue_id and text_term(one.message_id) == text_term(query.text)}
    later = [event for queue_id in messages for event in ask(attrs.evolve(query, text=queue_id))]
    found += [event for event in later if event not in found]
    return sorted(found, key=lambda event: -event.at)[: query.most]


def _wanted(query: Query) -> list[str]:
    """The terms of a query, the one that fits the fewest rows first."""
    return [
        *([text_term(query.text)] if query.text else ()),
        *([address_term(query.address)] if query.address else ()),
        *([account_term(query.account_id)] if query.account_id else ()),
    ]


def _candidates(db: apsw.Connection, query: Query) -> Iterator[Row]:
    """Rows with all terms, newest first."""
    wanted = _wanted(query)
    if not wanted:
        yield from (Row(*row) for row in db.execute(f"{_ROWS} ORDER BY id DESC"))
        return
    (indexed,) = db.execute("SELECT value FROM meta WHERE name='ledger_indexed'").fetchone() or (0,)
    for row in db.execute(f"{_ROWS} WHERE id>? ORDER BY id DESC", (indexed,)):
        if terms(Row(*row)).issuperset(wanted):
            yield Row(*row)
    for row in _indexed(db, hashed(wanted[0]), int(indexed), query.since):
        if terms(row).issuperset(wanted):
            yield row


def _indexed(db: apsw.Connection, term: int, newest: int, since: int) -> Iterator[Row]:
    (oldest,) = db.execute("SELECT min(id) FROM ledger").fetchone() or (None,)
    for part in range(newest // PART, (newest if oldest is None else int(oldest)) // PART - 1, -1):
        ids = [row[0] for row in db.execute("SELECT id FROM ledger_term WHERE part=? AND term=?", (part, term))]
        if ids:
            some = f"{_ROWS} WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id DESC"
            yield from (Row(*row) for row in db.execute(some, (json.dumps(ids),)))
        if since and _begin(db, part) < since:
            return


def _begin(db: apsw.Connection, part: int) -> int:
    """When the part's first row was written."""
    (at,) = db.execute("SELECT at FROM ledger WHERE id>=? ORDER BY id LIMIT 1", (part * PART,)).fetchone() or (0,)
    return int(at)
