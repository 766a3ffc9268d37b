"""What the SQL of messages and of mailboxes share: UIDs as intervals in one statement, the state of a mailbox, and telling of a change."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import attrs

from mailsvc.core.errors import Kind, MailError
from mailsvc.core.values import Intervals, MailboxChanged
from mailsvc.formats.imap.sets import NumberSet
from mailsvc.store.context import Context

__all__ = ["LISTED", "WANTED", "Box", "box", "changed", "intervals", "joined", "wanted"]

LISTED = "IN (SELECT value FROM json_each(?))"
"""A list of ids as JSON: one statement, whatever their number."""

WANTED = "json_each(?2) w CROSS JOIN msg ON msg.mailbox=?1 AND msg.uid BETWEEN w.value->>0 AND w.value->>1"
"""Rows of mailbox ``?1`` in the intervals ``?2``, by UID. CROSS JOIN: SQLite shall go through the intervals, not through the mailbox."""


@attrs.frozen
class Box:
    """A mailbox as an operation finds it."""

    id: int
    account: int
    uidvalidity: int
    modseq: int
    keywords: tuple[str, ...]


def box(context: Context, mailbox: int) -> Box:
    """The mailbox with this id. Raises NOT_FOUND."""
    row = context.one("SELECT id, account, uidvalidity, modseq, keywords FROM mailbox WHERE id=?", mailbox)
    if not row:
        raise MailError(Kind.NOT_FOUND, "no-such-mailbox", detail=str(mailbox))
    return from_row(row)


def from_row(row: tuple[Any, ...]) -> Box:
    """The value of a row as :func:`box` selects it."""
    return Box(*row[:-1], tuple(row[-1].split()))  # type: ignore[call-arg]  # mypy cannot count the columns


def wanted(uids: Intervals) -> str:
    """Intervals for :data:`WANTED`. Raises BAD_REQUEST if they overlap or are not ascending: rows would count twice."""
    last = 0
    for low, high in uids:
        if not last < low <= high:
            raise MailError(Kind.BAD_REQUEST, "bad-intervals", detail=f"{low}:{high} after {last}")
        last = high
    return json.dumps(uids)


def intervals(rows: Sequence[tuple[Any, ...]]) -> Intervals:
    """The UIDs of rows that begin with them, ascending."""
    return NumberSet.ascending([row[0] for row in rows]).ranges


def joined(pieces: Iterable[tuple[int, int]]) -> Intervals:
    """Intervals that may come in any order and overlap, as intervals that do not."""
    result: list[tuple[int, int]] = []
    for low, high in sorted(pieces):
        if result and low <= result[-1][1] + 1:
            result[-1] = (result[-1][0], max(high, result[-1][1]))
        else:
            result.append((low, high))
    return tuple(result)


def changed(context: Context, account: int, mailbox: int, modseq: int, uids: Intervals) -> None:
    """After the commit, tell that rows in ``uids`` were added, changed or removed under ``modseq``, the one after the one before."""
    context.changed.append(MailboxChanged(account, mailbox, modseq, modseq - 1, uids))
