"""The SQL of messages that are in mailboxes: flags, copies, moves, removal.

Each function writes by intervals: 50,000 messages that follow each other are one statement; and where it must know the rows that it
changes, it looks at them once. Counters of mailboxes and accounts change in the statement beside the rows that they count.
"""

# ruff: noqa: S608 - SQL is put together from constants of this package only

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from mailsvc.core import operations as ops
from mailsvc.core.errors import Kind, MailError
from mailsvc.core.values import EVERY_UID, Intervals, SystemFlag
from mailsvc.store.context import Context
from mailsvc.store.sql_common import WANTED, Box, box, changed, intervals, wanted
from mailsvc.store.sql_content import let_go
from mailsvc.store.sql_keywords import bits_of, extended, keep, translation
from mailsvc.store.sql_mail import charge, named

__all__ = ["copy", "expunge", "move", "move_all", "store_flags"]

_ALL_BITS = 0x7FFF_FFFF_FFFF_FFFF
_ANY_MODSEQ = 0x7FFF_FFFF_FFFF_FFFF


class _Row(NamedTuple):
    uid: int
    flags: int
    size: int
    date: int
    content: int


def store_flags(context: Context, operation: ops.StoreFlags) -> tuple[int, Intervals]:
    """:class:`~mailsvc.core.operations.StoreFlags`."""
    mailbox = box(context, operation.mailbox)
    remove = (operation.remove & SystemFlag.CLIENT) | bits_of(mailbox, operation.remove_keywords)
    if operation.replace:
        remove = _ALL_BITS & ~SystemFlag.UTF8
    bits, keywords = extended(mailbox, operation.add_keywords)
    add = (operation.add & SystemFlag.CLIENT) | bits
    limit = _ANY_MODSEQ if operation.unchanged_since is None else operation.unchanged_since
    listed = wanted(operation.uids)
    unmodified: Intervals = ()
    if limit < mailbox.modseq:
        unmodified = intervals(context.all(f"SELECT uid FROM {WANTED} AND modseq>?3", mailbox.id, listed, limit))
    count, seen, first, last = context.one(
        f"SELECT count(*), sum(flags & 1), min(uid), max(uid) FROM {WANTED} AND modseq<=?3 AND flags <> ((flags & ~?4) | ?5)",
        mailbox.id, listed, limit, remove, add,
    )  # fmt: skip
    if not count:
        return 0, unmodified
    keep(context, mailbox, keywords)
    modseq = mailbox.modseq + 1
    uids = tuple((max(low, first), min(high, last)) for low, high in operation.uids if low <= last and high >= first)
    context.db.executemany(
        "UPDATE msg SET flags=(flags & ~?1) | ?2, modseq=?3 WHERE mailbox=?4 AND uid BETWEEN ?5 AND ?6"
        " AND modseq<=?7 AND flags <> ((flags & ~?1) | ?2)",
        ((remove, add, modseq, mailbox.id, low, high, limit) for low, high in uids),
    )
    after = count if add & SystemFlag.SEEN else 0 if remove & SystemFlag.SEEN else seen
    context.db.execute("UPDATE mailbox SET modseq=?, unseen=unseen+? WHERE id=?", (modseq, seen - after, mailbox.id))
    changed(context, mailbox.account, mailbox.id, modseq, uids)
    return modseq, unmodified


def copy(context: Context, operation: ops.Copy) -> tuple[int, Intervals, Intervals]:
    """:class:`~mailsvc.core.operations.Copy`: new rows for the same contents."""
    source, target = _source_and_target(context, operation)
    rows = _take(context, source, operation.uids)
    if not rows:
        return target.uidvalidity, (), ()
    charge(context, source.account, sum(row.size for row in rows), True, len(rows))
    context.db.executemany(
        "UPDATE content SET refs=refs+? WHERE id=?",
        [(count, content) for content, count in Counter(row.content for row in rows).items()],
    )
    return target.uidvalidity, intervals(rows), _add(context, source, target, rows)


def move(context: Context, operation: ops.Move) -> tuple[int, Intervals, Intervals]:
    """:class:`~mailsvc.core.operations.Move`: the contents stay where they are, the rows get other UIDs."""
    source, target = _source_and_target(context, operation)
    rows = _take(context, source, operation.uids)
    if not rows:
        return target.uidvalidity, (), ()
    added = _add(context, source, target, rows)
    _remove(context, box(context, source.id), rows)
    return target.uidvalidity, intervals(rows), added


def move_all(context: Context, source: Box, target: Box) -> None:
    """Whatever is in one mailbox goes into another of the same account."""
    rows = _take(context, source, EVERY_UID)
    if rows:
        _add(context, source, target, rows)
        _remove(context, source, rows)


def expunge(context: Context, operation: ops.Expunge) -> Intervals:
    """:class:`~mailsvc.core.operations.Expunge`: remembers the UIDs under the new modseq, for those who ask what changed."""
    mailbox = box(context, operation.mailbox)
    rows = _take(context, mailbox, operation.uids, SystemFlag.DELETED if operation.deleted_only else 0)
    if not rows:
        return ()
    _remove(context, mailbox, rows)
    context.db.execute(
        "UPDATE account SET messages=messages-?, octets=octets-? WHERE id=?",
        (len(rows), sum(row.size for row in rows), mailbox.account),
    )
    let_go(context, (row.content for row in rows))
    return intervals(rows)


def _source_and_target(context: Context, operation: ops.Copy | ops.Move) -> tuple[Box, Box]:
    source = box(context, operation.mailbox)
    target = named(context, source.account, operation.target)
    if target is None:
        raise MailError(Kind.NOT_FOUND, "no-such-target", detail=operation.target)
    return source, target


def _take(context: Context, mailbox: Box, uids: Intervals, flags: int = 0) -> list[_Row]:
    """The rows in these intervals that have these flags, by UID."""
    rows = context.all(
        f"SELECT uid, flags, size, date, content FROM {WANTED} AND flags & ?3 = ?3", mailbox.id, wanted(uids), flags
    )
    return [_Row(*row) for row in rows]


def _add(context: Context, source: Box, target: Box, rows: Sequence[_Row]) -> Intervals:
    """Put rows of one mailbox into another, keywords as the other counts them; the new UIDs, in the order of the rows."""
    flags = translation(context, source, target, {row.flags for row in rows})
    next_uid, modseq = context.one(
        "UPDATE mailbox SET uidnext=uidnext+?2, modseq=modseq+1, messages=messages+?2, unseen=unseen+?3, octets=octets+?4"
        " WHERE id=?1 RETURNING uidnext, modseq",
        target.id, len(rows), _unseen(rows), sum(row.size for row in rows),
    )  # fmt: skip
    first = next_uid - len(rows)
    context.db.executemany(
        "INSERT INTO msg(mailbox, uid, modseq, flags, size, date, content) VALUES(?, ?, ?, ?, ?, ?, ?)",
        (
            (target.id, uid, modseq, flags[row.flags], row.size, row.date, row.content)
            for uid, row in enumerate(rows, first)
        ),
    )
    added = ((first, next_uid - 1),)
    changed(context, target.account, target.id, modseq, added)
    return added


def _remove(context: Context, mailbox: Box, rows: Sequence[_Row]) -> None:
    """Take rows out of a mailbox; what they pointed to is the caller's business."""
    uids = intervals(rows)
    modseq = mailbox.modseq + 1
    context.db.executemany(
        "DELETE FROM msg WHERE mailbox=? AND uid BETWEEN ? AND ?", ((mailbox.id, low, high) for low, high in uids)
    )
    context.db.execute(
        "INSERT INTO expunged(mailbox, modseq, uid) SELECT ?, ?, value FROM json_each(?)",
        (mailbox.id, modseq, json.dumps([row.uid for row in rows])),
    )
    context.db.execute(
        "UPDATE mailbox SET modseq=?, messages=messages-?, unseen=unseen-?, octets=octets-? WHERE id=?",
        (modseq, len(rows), _unseen(rows), sum(row.size for row in rows), mailbox.id),
    )
    changed(context, mailbox.account, mailbox.id, modseq, uids)


def _unseen(rows: Iterable[_Row]) -> int:
    return sum(1 for row in rows if not row.flags & SystemFlag.SEEN)
