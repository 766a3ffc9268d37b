"""The SQL of messages that arrive, by delivery or APPEND.

Counters of mailboxes and accounts change in the statement beside the rows that they count.
"""

# ruff: noqa: S608 - SQL is put together from constants of this package only

import json

import attrs

from mailsvc.core import operations as ops
from mailsvc.core.errors import Kind, MailError, temporary
from mailsvc.core.values import SystemFlag
from mailsvc.formats.imap.names import canonical, parents
from mailsvc.store.context import Context, Labelled
from mailsvc.store.sql_common import LISTED, Box, box, changed
from mailsvc.store.sql_keywords import extended, keep
from mailsvc.store.sql_queue import enqueue

__all__ = ["append", "charge", "deliver", "describe", "named", "new_mailbox"]


def named(context: Context, account: int, name: str) -> Box | None:
    """The mailbox of this name."""
    row = context.one("SELECT id FROM mailbox WHERE account=? AND name=?", account, canonical(name))
    return box(context, row[0]) if row else None


def new_mailbox(context: Context, account: int, name: str) -> int:
    """Insert a mailbox under a UIDVALIDITY that was never given before, in any mailbox, and those above it. Returns its id."""
    for parent in parents(name):
        if named(context, account, parent) is None:
            new_mailbox(context, account, parent)
    (uidvalidity,) = context.one(
        "UPDATE meta SET value=max(value + 1, ?) WHERE name='uidvalidity' RETURNING value", context.now
    )
    context.db.execute("INSERT INTO mailbox(account, name, uidvalidity) VALUES(?, ?, ?)", (account, name, uidvalidity))
    return context.db.last_insert_rowid()


def deliver(context: Context, operation: ops.Deliver) -> tuple[tuple[int, int, int], ...]:
    """:class:`~mailsvc.core.operations.Deliver`: one content row, shared by a message row for each account and one in the queue."""
    _check_body(context, operation)
    size = len(operation.prefix) + operation.size
    for account in operation.accounts:
        charge(context, account, size, operation.check_quota)
    content = _new_content(context, operation)
    if operation.outgoing is not None:
        enqueue(context, operation.outgoing, content)
    name = canonical(operation.mailbox)
    return tuple(_put(context, account, name, content, size, operation) for account in operation.accounts)


def _check_body(context: Context, operation: ops.Deliver) -> None:
    if not (operation.accounts or operation.outgoing) or len(set(operation.accounts)) != len(operation.accounts):
        raise MailError(Kind.BAD_REQUEST, "bad-recipients")
    if (operation.data is None) == (operation.location is None):
        raise MailError(Kind.BAD_REQUEST, "body-here-or-there")
    if operation.data is not None:
        if len(operation.data) != operation.size:
            raise MailError(Kind.BAD_REQUEST, "body-size-differs")
    elif context.locate(operation.location) != operation.size:
        raise temporary("body-file-missing", f"{operation.location} is not there with {operation.size} octets")


def charge(context: Context, account: int, size: int, check_quota: bool, messages: int = 1) -> None:
    """Count messages of ``size`` octets in all for an account. Raises QUOTA, NOT_FOUND."""
    row = context.one(
        "UPDATE account SET messages=messages+?4, octets=octets+?2 WHERE id=?1"
        " AND (quota=0 OR NOT ?3 OR octets+?2<=quota OR address GLOB 'postmaster@*') RETURNING id",
        account, size, check_quota, messages,
    )  # fmt: skip
    if row:
        return
    known = context.one("SELECT address FROM account WHERE id=?", account)
    if not known:
        raise MailError(Kind.NOT_FOUND, "no-such-account", detail=str(account))
    raise MailError(Kind.QUOTA, "over-quota", detail=known[0])


def _new_content(context: Context, operation: ops.Deliver) -> int:
    db = context.db
    db.execute(
        "INSERT INTO content(refs, size, prefix, location, header, envelope, bodystructure) VALUES(?, ?, ?, ?, ?, ?, ?)",
        (
            len(operation.accounts) + (operation.outgoing is not None),
            operation.size,
            operation.prefix,
            operation.location,
            *(operation.description or (None, None, None)),
        ),
    )
    content = db.last_insert_rowid()
    if operation.data is not None:
        db.execute("INSERT INTO body(content, data) VALUES(?, ?)", (content, operation.data))
    else:
        context.labelled.append(_label(context, operation))
    return content


def _label(context: Context, operation: ops.Deliver) -> Labelled:
    rows = context.all(f"SELECT address FROM account WHERE id {LISTED}", json.dumps(operation.accounts))
    facts = {
        "addresses": [address for (address,) in rows],
        "mailbox": operation.mailbox,
        "date": operation.date,
        "flags": operation.flags,
        "prefix": operation.prefix,
    }
    if operation.outgoing is not None:
        facts["queue"] = operation.outgoing
    assert operation.location is not None
    return Labelled(operation.location, facts)


def _put(
    context: Context, account: int, name: str, content: int, size: int, operation: ops.Deliver
) -> tuple[int, int, int]:
    unseen = 0 if operation.flags & SystemFlag.SEEN else 1
    bump = (
        "UPDATE mailbox SET uidnext=uidnext+1, modseq=modseq+1, messages=messages+1, unseen=unseen+?3, octets=octets+?4"
        " WHERE account=?1 AND name=?2 RETURNING id, uidnext-1, uidvalidity, modseq"
    )
    row = context.one(bump, account, name, unseen, size)
    if row is None:
        new_mailbox(context, account, name)
        row = context.one(bump, account, name, unseen, size)
    mailbox, uid, uidvalidity, modseq = row
    context.db.execute(
        "INSERT INTO msg(mailbox, uid, modseq, flags, size, date, content) VALUES(?, ?, ?, ?, ?, ?, ?)",
        (mailbox, uid, modseq, operation.flags, size, operation.date, content),
    )
    changed(context, account, mailbox, modseq, ((uid, uid),))
    return mailbox, uid, uidvalidity


def append(context: Context, operation: ops.Append) -> tuple[int, int, int]:
    """:class:`~mailsvc.core.operations.Append`: a delivery into a mailbox that must be there."""
    mailbox = named(context, operation.account, operation.mailbox)
    if mailbox is None:
        raise MailError(Kind.NOT_FOUND, "no-such-target", detail=operation.mailbox)
    fields = attrs.asdict(operation, recurse=False, filter=lambda field, _: field.name not in ("account", "keywords"))
    fields["flags"] &= SystemFlag.CLIENT | SystemFlag.UTF8
    bits, keywords = extended(mailbox, operation.keywords)
    keep(context, mailbox, keywords)
    fields["flags"] |= bits
    (placed,) = deliver(context, ops.Deliver(accounts=(operation.account,), prefix=b"", **fields))
    return placed


def describe(context: Context, operation: ops.Describe) -> None:
    """:class:`~mailsvc.core.operations.Describe`. Nobody is told: it was always so."""
    context.db.execute(
        "UPDATE content SET header=?, envelope=?, bodystructure=? WHERE id=? AND envelope IS NULL",
        (*operation.description, operation.content),
    )
