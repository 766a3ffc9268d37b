"""The SQL of what may wait: each function is one slice, small enough that others wait for it some 20 ms at most.

=================  ==========================================================================================================
:class:`Erase`     messages and records of a mailbox that is gone for everybody (``erase_later``)
:class:`Prune`     the oldest records of expunged messages, where there are more of them than anybody may expect us to keep
:class:`GiveBack`  free pages of the database, back to the file system
=================  ==========================================================================================================

What is done stays done: after a crash the next slice goes on where the last commit was.
"""

# ruff: noqa: S608 - SQL is put together from constants of this module only

from itertools import accumulate

import attrs

from mailsvc.core.operations import Operation
from mailsvc.store.context import Context
from mailsvc.store.sql_content import let_go

__all__ = ["OVERGROWN", "TO_ERASE", "Erase", "GiveBack", "Prune", "erase", "give_back", "prune"]

_MESSAGES = 500
_OCTETS = 8_000_000
_RECORDS = 5000

TO_ERASE = "SELECT mailbox FROM erase_later WHERE mailbox NOT IN (SELECT id FROM mailbox) LIMIT 1"
"""A mailbox for :class:`Erase`."""

OVERGROWN = (
    "SELECT b.id FROM expunged e JOIN mailbox b ON b.id=e.mailbox GROUP BY b.id"
    " HAVING count(*)>? OR min(e.modseq)<=b.expunge_floor"
)
"""Mailboxes for :class:`Prune`, given how many records may stay."""


@attrs.frozen
class Erase(Operation):
    """Take some of what is left of ``mailbox``."""

    mailbox: int


@attrs.frozen
class Prune(Operation):
    """Take some of the records of ``mailbox``, until only the newest ``keep`` are there. Returns how many were taken: 0 for done."""

    mailbox: int
    keep: int


@attrs.frozen
class GiveBack(Operation):
    """Take this many pages from the list of free ones; the file gets shorter with the next checkpoint."""

    pages: int


def erase(context: Context, operation: Erase) -> None:
    """:class:`Erase`: messages first, then records, then the reminder itself."""
    mailbox = operation.mailbox
    rows = context.all("SELECT size, uid, content FROM msg WHERE mailbox=? ORDER BY uid LIMIT ?", mailbox, _MESSAGES)
    if rows:
        sizes = accumulate(size for size, _, _ in rows)
        slice_ = [row for row, total in zip(rows, sizes, strict=True) if total <= _OCTETS] or rows[:1]
        context.db.execute("DELETE FROM msg WHERE mailbox=? AND uid<=?", (mailbox, slice_[-1][1]))
        let_go(context, (content for _, _, content in slice_))
    elif not _take_records(context, "e.mailbox=?", mailbox):
        context.db.execute("DELETE FROM erase_later WHERE mailbox=?", (mailbox,))


def prune(context: Context, operation: Prune) -> int:
    """:class:`Prune`. All records of one modseq go or stay: ``expunge_floor`` says from where on they are complete."""
    context.db.execute(
        "UPDATE mailbox SET expunge_floor=max(expunge_floor, coalesce((SELECT modseq FROM expunged WHERE mailbox=?1"
        " ORDER BY modseq DESC LIMIT 1 OFFSET ?2), 0)) WHERE id=?1",
        (operation.mailbox, operation.keep),
    )
    old = "e.mailbox=? AND e.modseq<=(SELECT expunge_floor FROM mailbox WHERE id=e.mailbox)"
    return _take_records(context, old, operation.mailbox)


def _take_records(context: Context, where: str, mailbox: int) -> int:
    some = f"SELECT mailbox, modseq, uid FROM expunged e WHERE {where} ORDER BY modseq LIMIT ?"
    context.db.execute(f"DELETE FROM expunged WHERE (mailbox, modseq, uid) IN ({some})", (mailbox, _RECORDS))
    return int(context.db.changes())


def give_back(context: Context, operation: GiveBack) -> None:
    """:class:`GiveBack`. The statement frees one page for each row that is fetched from it."""
    context.db.execute(f"PRAGMA incremental_vacuum({operation.pages})").fetchall()
