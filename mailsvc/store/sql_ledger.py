"""The SQL of the ledger: rows are appended as they come, and indexed by the chores.

A row can be found by a handful of words: queue id, Message-ID, addresses, accounts. An index of its own for each would dirty as many
pages in the commit that accepts a message, and the larger the ledger the worse. So a commit only appends the row; later the chores index
some hundred rows at a time, in order, into a part of the index that belongs to these 4096 rows, so that few pages are written for many
rows. Who searches looks at each part, newest first, and reads the rows that have no index yet (:mod:`mailsvc.ledger.finding`).

Rows lie in the order in which they were written, which is not that of their times: somebody may have set the clock. So a part knows the
first and the last time in it, as far as all of its rows up to ``last`` were seen: an older release, which knows nothing of this, may have
indexed further ones.
"""

# ruff: noqa: S608 - SQL is put together from constants of this module only

from collections.abc import Iterable
from itertools import groupby

import attrs

from mailsvc.core import operations as ops
from mailsvc.core.ledger import PART, Event, Row, hashed, terms
from mailsvc.core.ledger_rows import pack
from mailsvc.core.operations import Operation
from mailsvc.store.context import Context

__all__ = ["FORGETTABLE", "UNINDEXED", "ForgetLedger", "IndexLedger", "forget", "index", "keep", "record", "write"]

_PENDING = 256
_INDEXED_AT_ONCE = 512
_FORGOTTEN_AT_ONCE = 500
_TERMS_FORGOTTEN_AT_ONCE = 5000

_FIELDS = ", ".join(Row._fields)
_INSERT = f"INSERT INTO ledger({_FIELDS}) VALUES({', '.join('?' * len(Row._fields))})"
_OLDEST = "SELECT id, at FROM ledger ORDER BY id LIMIT"
_KEPT_SINCE = "unixepoch() - (SELECT value FROM meta WHERE name='ledger_keep')"
_TERMS_OF_NOBODY = f"SELECT part, term, id FROM ledger_term WHERE part<(SELECT min(id)/{PART} FROM ledger)"

UNINDEXED = f"SELECT 1 FROM meta WHERE name='ledger_indexed' AND value+{_PENDING}<=(SELECT max(id) FROM ledger)"
"""Whether there is something to do for :class:`IndexLedger`."""

FORGETTABLE = (
    f"SELECT 1 WHERE EXISTS(SELECT 1 FROM ({_OLDEST} 20) WHERE at<{_KEPT_SINCE}) OR EXISTS({_TERMS_OF_NOBODY} LIMIT 1)"
)
"""Whether there is something to do for :class:`ForgetLedger`."""


@attrs.frozen
class IndexLedger(Operation):
    """Index some of the rows that are not yet."""


@attrs.frozen
class ForgetLedger(Operation):
    """Take some of the rows that need not be kept any longer, and what the index has of such rows."""


_ON = "SELECT 1 WHERE NOT EXISTS(SELECT 1 FROM meta WHERE name='ledger_on' AND NOT value)"


def write(context: Context, events: Iterable[Event]) -> None:
    """Rows of what the store itself does, in the transaction that does it; none if the ledger is switched off."""
    rows = [pack(event) for event in events]
    if rows and context.one(_ON):
        context.db.executemany(_INSERT, rows)


def record(context: Context, operation: ops.Record) -> None:
    """:class:`~mailsvc.core.operations.Record`."""
    context.db.executemany(_INSERT, [Row(*row) for row in operation.rows])


def keep(context: Context, operation: ops.KeepLedger) -> None:
    """:class:`~mailsvc.core.operations.KeepLedger`."""
    context.db.executemany(
        "INSERT OR REPLACE INTO meta(name, value) VALUES(?, ?)",
        [("ledger_keep", operation.seconds), ("ledger_on", operation.on)],
    )


def index(context: Context, operation: IndexLedger) -> None:
    """:class:`IndexLedger`."""
    rows = context.all(
        f"SELECT id, {_FIELDS} FROM ledger WHERE id>(SELECT value FROM meta WHERE name='ledger_indexed')"
        f" ORDER BY id LIMIT {_INDEXED_AT_ONCE}"
    )
    if not rows:
        return
    found = {(row[0] // PART, hashed(term), row[0]) for row in rows for term in terms(Row(*row[1:]))}
    context.db.executemany("INSERT OR IGNORE INTO ledger_term(part, term, id) VALUES(?, ?, ?)", sorted(found))
    for part, group in groupby(rows, lambda row: row[0] // PART):
        _cover(context, part, [(row[0], row[1]) for row in group])
    context.db.execute("UPDATE meta SET value=? WHERE name='ledger_indexed'", (rows[-1][0],))


def _cover(context: Context, part: int, rows: list[tuple[int, float]]) -> None:
    """``rows``: id and time of those of this part that were indexed now; they count only if those before them do."""
    (first, _), (last, _) = rows[0], rows[-1]
    times = [at for _, at in rows]
    if first == max(part * PART, 1):
        context.db.execute(
            "INSERT OR REPLACE INTO ledger_part(part, last, oldest, newest) VALUES(?, ?, ?, ?)",
            (part, last, min(times), max(times)),
        )
        return
    context.db.execute(
        "UPDATE ledger_part SET last=?, oldest=min(oldest, ?), newest=max(newest, ?) WHERE part=? AND last=?",
        (last, min(times), max(times), part, first - 1),
    )


def forget(context: Context, operation: ForgetLedger) -> None:
    """:class:`ForgetLedger`. The oldest go first; one that a wrong clock has dated into the future goes with its neighbours."""
    (newest,) = context.one(f"SELECT max(id) FROM ({_OLDEST} {_FORGOTTEN_AT_ONCE}) WHERE at<{_KEPT_SINCE}")
    if newest is not None:
        context.db.execute("DELETE FROM ledger WHERE id<=?", (newest,))
        context.db.execute("DELETE FROM ledger_part WHERE part<?", (newest // PART,))
    context.db.execute(
        f"DELETE FROM ledger_term WHERE (part, term, id) IN ({_TERMS_OF_NOBODY} LIMIT {_TERMS_FORGOTTEN_AT_ONCE})"
    )
