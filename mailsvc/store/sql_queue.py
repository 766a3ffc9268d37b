"""The SQL of the queue: messages and their recipients elsewhere.

A message in the queue refers to its content as a row of a mailbox does, and lets go of it when the last recipient is settled. Mail of
an account that is removed goes on: it was accepted, and whoever sent it may have left the house since.
"""

# ruff: noqa: S608 - SQL is put together from constants of this package only

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from mailsvc.core import operations as ops
from mailsvc.core.errors import Kind, MailError
from mailsvc.core.queued import Outcome, Outgoing, State
from mailsvc.store.context import Context
from mailsvc.store.sql_common import LISTED
from mailsvc.store.sql_content import let_go

__all__ = ["KEPT_ATTEMPTS", "change_queued", "enqueue", "settle"]

KEPT_ATTEMPTS = 50
"""Of each recipient."""

_OPEN = f"state<{State.SENT.value}"
"""Waits, or is held."""

_MESSAGE = (
    "INSERT INTO queued(queue_id, content, sender, account, arrived, skip, body, utf8, ret, envid, open)"
    " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_RECIPIENT = "INSERT INTO queued_recipient(message, due, address, destination, notify, orcpt) VALUES(?, ?, ?, ?, ?, ?)"
_WORD = (  # who was held meanwhile stays so: only a person releases
    f"UPDATE queued_recipient SET state=CASE WHEN state={State.HELD.value} AND ?2={State.WAITING.value} THEN state ELSE ?2 END,"
    " due=?3, at=?4, status=?5, reply=?6, host=?7, attempts=attempts+?8, warned=max(warned, ?9) WHERE id=?1"
)
_ATTEMPT = (
    "INSERT INTO queued_attempt(recipient, number, at, state, status, host, tls, reply)"
    " SELECT id, attempts, ?2, ?3, ?4, ?5, ?6, ?7 FROM queued_recipient WHERE id=?1"
)
_FORGET = (
    "DELETE FROM queued_attempt WHERE recipient=?1"
    f" AND number<=(SELECT attempts FROM queued_recipient WHERE id=?1) - {KEPT_ATTEMPTS}"
)


def enqueue(context: Context, outgoing: Outgoing, content: int) -> None:
    """The queue's part of :class:`~mailsvc.core.operations.Deliver`. Whoever made the content counts the queue among its references."""
    if not outgoing.recipients:
        raise MailError(Kind.BAD_REQUEST, "bad-recipients")
    queue_id, sender, account, arrived, due, skip, recipients, *rest = outgoing
    fields = (queue_id, content, sender, account, arrived, skip, *rest, len(recipients))
    context.db.execute(_MESSAGE, fields)
    message = context.db.last_insert_rowid()
    context.db.executemany(_RECIPIENT, [(message, due, *recipient) for recipient in recipients])
    context.queued.append(queue_id)


def settle(context: Context, operation: ops.Settle) -> tuple[str, ...]:
    """:class:`~mailsvc.core.operations.Settle`."""
    outcomes = operation.outcomes
    messages = _messages_of(context, outcomes)
    if not all(one.tried for one in outcomes):
        _tell(context, messages.values())
    finished = Counter(messages[one.recipient] for one in outcomes if one.state >= State.SENT)
    left = _count_down(context, finished)
    _write(context, [one for one in outcomes if messages[one.recipient] not in left])
    _remove(context, left)
    return tuple(queue_id for queue_id, _ in left.values())


def _messages_of(context: Context, outcomes: Sequence[Outcome]) -> dict[int, int]:
    """The message of each recipient. Raises NOT_FOUND if one of them is settled, or warned already of what it is to be warned of;
    BAD_REQUEST if one comes twice."""
    wanted = {one.recipient: one.warned for one in outcomes}
    if len(wanted) < len(outcomes):
        raise MailError(Kind.BAD_REQUEST, "recipient-twice")
    sql = f"SELECT id, message, warned FROM queued_recipient WHERE {_OPEN} AND id {LISTED}"
    found = {
        recipient: message
        for recipient, message, warned in context.all(sql, json.dumps(list(wanted)))
        if not (warned and wanted[recipient])
    }
    if len(found) < len(wanted):
        raise MailError(Kind.NOT_FOUND, "settled", detail=", ".join(map(str, sorted(wanted - found.keys()))))
    return found


def _count_down(context: Context, finished: Mapping[int, int]) -> dict[int, tuple[str, int]]:
    """So many recipients less for each message; queue id and content of those that nobody is left for."""
    sql = "UPDATE queued SET open=open-? WHERE id=? RETURNING open, queue_id, content"
    rows = [(message, *context.one(sql, number, message)) for message, number in finished.items()]
    return {message: (queue_id, content) for message, still_open, queue_id, content in rows if not still_open}


def _write(context: Context, outcomes: Sequence[Outcome]) -> None:
    """The last word about recipients of messages that stay, and the attempt."""
    db = context.db
    db.executemany(_WORD, [
        (one.recipient, one.state, one.due, one.at, one.status, one.reply, one.host, one.tried, one.warned)
        for one in outcomes
    ])  # fmt: skip
    tried = [one for one in outcomes if one.tried]
    db.executemany(_ATTEMPT, [
        (one.recipient, one.at, one.state, one.status, one.host, one.tls, one.reply) for one in tried
    ])  # fmt: skip
    db.executemany(_FORGET, [(one.recipient,) for one in tried])


def _remove(context: Context, left: Mapping[int, tuple[str, int]]) -> None:
    """The messages, all that was known of their recipients, and the queue's reference to their contents."""
    if not left:
        return
    ids = json.dumps(list(left))
    recipients = f"SELECT id FROM queued_recipient WHERE message {LISTED}"
    context.db.execute(f"DELETE FROM queued_attempt WHERE recipient IN ({recipients})", (ids,))
    context.db.execute(f"DELETE FROM queued_recipient WHERE message {LISTED}", (ids,))
    context.db.execute(f"DELETE FROM queued WHERE id {LISTED}", (ids,))
    let_go(context, (content for _, content in left.values()))


def change_queued(context: Context, operation: ops.ChangeQueued) -> int:
    """:class:`~mailsvc.core.operations.ChangeQueued`."""
    state = None if operation.held is None else State.HELD if operation.held else State.WAITING
    messages = context.all(
        "UPDATE queued_recipient SET state=coalesce(?2, state), destination=coalesce(?4, destination),"
        " due=coalesce(max(?3, (SELECT arrived + 1 FROM queued WHERE queued.id=message)), due)"
        f" WHERE {_OPEN} AND id IN (SELECT value FROM json_each(?1)) RETURNING message",
        json.dumps(operation.recipients), state, operation.due, operation.destination,
    )  # fmt: skip
    _tell(context, [message for (message,) in messages])
    return len(messages)


def _tell(context: Context, messages: Iterable[int]) -> None:
    """After the commit, tell of changes that the schedule does not know of."""
    listed = json.dumps(sorted(set(messages)))
    context.queued += [
        queue_id for (queue_id,) in context.all(f"SELECT queue_id FROM queued WHERE id {LISTED}", listed)
    ]
