"""The queue, read: IQueue over the read-only connection of this process."""

# ruff: noqa: S608 - SQL is put together from constants of this module only

import json
import sys
from collections.abc import AsyncIterator, Sequence
from typing import Any

from zope.interface import implementer

from mailsvc.core.interfaces.queue import IQueue
from mailsvc.core.queued import Attempt, QueuedMessage, QueuedRecipient, State, Ticket
from mailsvc.store.reading import Reader

__all__ = ["Queue"]

SLICE = 2000
"""Rows of one answer to people."""

TICKETS = 500
"""Of one slice: some milliseconds, for others wait meanwhile."""

BLOCK = 20_000
"""Rows that are looked through for those that are due: some milliseconds too."""

_TICKET = (
    "SELECT r.id, q.queue_id, r.destination, iif(q.account, q.account, q.sender), r.due, r.attempts, q.arrived,"
    " c.size + length(c.prefix), q.sender=''"
)
_DUE = (  # of the next block of those that wait: its last id, and which are due by a time (or are not)
    "SELECT max(id), json_group_array(id) FILTER (WHERE (due<=?)=?) FROM (SELECT id, due FROM queued_recipient"
    f" WHERE id>? AND state={State.WAITING.value} ORDER BY id LIMIT ?) HAVING count(*)"
)
_WAITING = (
    f"{_TICKET} FROM json_each(?) w CROSS JOIN queued_recipient r ON r.id=w.value CROSS JOIN queued q ON q.id=r.message"
    f" CROSS JOIN content c ON c.id=q.content WHERE r.state={State.WAITING.value}"
)
_TICKETS = (
    f"{_TICKET} FROM json_each(?) w CROSS JOIN queued q ON q.queue_id=w.value CROSS JOIN content c ON c.id=q.content"
    f" CROSS JOIN queued_recipient r ON r.message=q.id WHERE r.state={State.WAITING.value} ORDER BY r.id"
)
_MESSAGE = "q.queue_id, q.content, c.size + length(c.prefix), q.sender, q.account, q.arrived, q.skip, q.body, q.utf8, q.ret, q.envid"
_RECIPIENT = (
    "r.id, q.queue_id, r.address, r.destination, r.notify, r.orcpt, r.state, r.due, r.attempts, r.warned, r.status, r.reply,"
    " r.host, r.at"
)
_LISTING = (
    f"SELECT q.id, {_MESSAGE}, {_RECIPIENT} FROM queued_recipient r CROSS JOIN queued q ON q.id=r.message"
    f" CROSS JOIN content c ON c.id=q.content WHERE (r.message, r.id)>(?, ?) AND r.state<{State.SENT.value}"
    f" ORDER BY r.message, r.id LIMIT {SLICE}"
)
_OPEN = (
    f"SELECT q.id, {_MESSAGE}, {_RECIPIENT} FROM json_each(?) w CROSS JOIN queued_recipient r ON r.id=w.value"
    f" CROSS JOIN queued q ON q.id=r.message CROSS JOIN content c ON c.id=q.content WHERE r.state<{State.SENT.value}"
)
_COLUMNS = _MESSAGE.count(",") + 1  # none of them has a comma of its own


@implementer(IQueue)
class Queue:
    """The queue of one store."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def waiting(self, soon: int = 0) -> AsyncIterator[list[Ticket]]:
        """All recipients that wait, in slices: first those that are due by ``soon``, then the others. Raises NOT_NOW."""
        for first in (True, False) if soon else (False,):
            last = 0
            while rows := self._reader.all(_DUE, soon, first, last, BLOCK):
                last, listed = rows[0]
                ids = json.loads(listed)
                for start in range(0, len(ids), TICKETS):
                    yield _tickets(self._reader.all(_WAITING, json.dumps(ids[start : start + TICKETS])))
                    await self._reader.pause()
                await self._reader.pause()

    async def tickets(self, queue_ids: Sequence[str]) -> list[Ticket]:
        """The recipients of these messages that wait. Raises NOT_NOW."""
        return _tickets(self._reader.all(_TICKETS, json.dumps(queue_ids)))

    async def message(self, queue_id: str) -> QueuedMessage | None:
        """The message, while anybody of it waits or is held. Raises NOT_NOW."""
        rows = self._reader.all(
            f"SELECT {_MESSAGE} FROM queued q JOIN content c ON c.id=q.content WHERE queue_id=?", queue_id
        )
        return _message(rows[0]) if rows else None

    async def recipients(self, queue_id: str) -> list[QueuedRecipient]:
        """All its recipients, in the order in which they were given. Raises NOT_NOW."""
        rows = self._reader.all(
            f"SELECT {_RECIPIENT} FROM queued q JOIN queued_recipient r ON r.message=q.id WHERE queue_id=? ORDER BY r.id",
            queue_id,
        )
        return [_recipient(row) for row in rows]

    async def still_open(self, recipients: Sequence[int]) -> list[tuple[QueuedMessage, QueuedRecipient]]:
        """Those of these recipients that wait or are held, with their messages. Raises NOT_NOW."""
        return _pairs(self._reader.all(_OPEN, json.dumps(recipients)), {})

    async def attempts(self, queue_id: str) -> list[Attempt]:
        """Every try that is kept, oldest first. Raises NOT_NOW."""
        rows = self._reader.all(
            "SELECT a.recipient, a.at, a.state, a.status, a.host, a.tls, a.reply FROM queued q"
            " JOIN queued_recipient r ON r.message=q.id JOIN queued_attempt a ON a.recipient=r.id"
            " WHERE q.queue_id=? ORDER BY a.at, a.number, a.recipient",
            queue_id,
        )
        return [Attempt(recipient, at, State(state), *rest) for recipient, at, state, *rest in rows]

    async def bound_for(self, destination: str) -> list[int]:
        """The recipients that wait or are held for a destination. Raises NOT_NOW."""
        rows = self._reader.all(
            f"SELECT id FROM queued_recipient WHERE destination=? AND state<{State.SENT.value} ORDER BY id", destination
        )
        return [recipient for (recipient,) in rows]

    async def listing(self) -> AsyncIterator[list[tuple[QueuedMessage, QueuedRecipient]]]:
        """Every recipient that waits or is held with its message, oldest message first, in slices. Raises NOT_NOW."""
        last = (0, 0)
        messages: dict[int, QueuedMessage] = {}
        while rows := self._reader.all(_LISTING, *last):
            last = rows[-1][0], rows[-1][_COLUMNS + 1]
            yield _pairs(rows, messages)
            await self._reader.pause()


def _tickets(rows: Sequence[tuple[Any, ...]]) -> list[Ticket]:
    """There may be a million: equal texts are one object."""
    intern = sys.intern
    return [
        Ticket(recipient, intern(queue_id), intern(destination), intern(str(sender)), due, attempts, arrived, size, report == 1)
        for recipient, queue_id, destination, sender, due, attempts, arrived, size, report in rows
    ]  # fmt: skip


def _pairs(
    rows: Sequence[tuple[Any, ...]], messages: dict[int, QueuedMessage]
) -> list[tuple[QueuedMessage, QueuedRecipient]]:
    """Message and recipient of each row; recipients of one message share it, with those of the slice before (``messages``)."""
    shared = {row[0]: messages.get(row[0]) or _message(row[1 : _COLUMNS + 1]) for row in rows}
    messages.clear()
    messages.update(shared)
    return [(shared[row[0]], _recipient(row[_COLUMNS + 1 :])) for row in rows]


def _message(row: Sequence[Any]) -> QueuedMessage:
    queue_id, content, size, sender, account, arrived, skip, body, utf8, *rest = row
    return QueuedMessage(queue_id, content, size, sender, account, arrived, skip, body, bool(utf8), *rest)


def _recipient(row: Sequence[Any]) -> QueuedRecipient:
    recipient, queue_id, address, destination, notify, orcpt, state, due, attempts, warned, *rest = row
    return QueuedRecipient(
        recipient, queue_id, address, destination, notify, orcpt, State(state), due, attempts, bool(warned), *rest
    )
