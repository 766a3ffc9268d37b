"""The SQL of mailboxes and messages. Counters of mailboxes and accounts change in the statement beside the rows that they count."""

# ruff: noqa: S608 - SQL is put together from constants of this module only

import json
import unicodedata
from collections import Counter
from collections.abc import Iterable

from mailsvc.core import operations as ops
from mailsvc.core.errors import Kind, MailError, temporary
from mailsvc.core.values import INBOX, MailboxChanged, SystemFlag
from mailsvc.store.context import Context, Labelled

__all__ = [
    "INBOX",
    "create_mailbox",
    "deliver",
    "expunge",
    "let_go",
    "mailbox_name",
    "new_mailbox",
    "store_flags",
]

# The functions below take lists of ids as JSON: one statement, whatever their number.
_LISTED = "IN (SELECT value FROM json_each(?))"


def mailbox_name(name: str) -> str:
    """The name under which a mailbox is stored: NFC, and INBOX in any case is INBOX (RFC 9051 5.1)."""
    normal = unicodedata.normalize("NFC", name)
    return INBOX if normal.upper() == INBOX else normal


def create_mailbox(context: Context, operation: ops.CreateMailbox) -> int:
    """:class:`~mailsvc.core.operations.CreateMailbox`."""
    name = mailbox_name(operation.name)
    if not name:
        raise MailError(Kind.BAD_REQUEST, "mailbox-without-name")
    if not context.one("SELECT 1 FROM account WHERE id=?", operation.account):
        raise MailError(Kind.NOT_FOUND, "no-such-account")
    if context.one("SELECT 1 FROM mailbox WHERE account=? AND name=?", operation.account, name):
        raise MailError(Kind.EXISTS, "mailbox-exists", detail=name)
    return new_mailbox(context, operation.account, name)


def new_mailbox(context: Context, account: int, name: str) -> int:
    """Insert a mailbox under a UIDVALIDITY that was never given before, in any mailbox. Returns its id."""
    (uidvalidity,) = context.one(
        "UPDATE meta SET value=max(value + 1, ?) WHERE name='uidvalidity' RETURNING value", context.now
    )
    context.db.execute("INSERT INTO mailbox(account, name, uidvalidity) VALUES(?, ?, ?)", (account, name, uidvalidity))
    return context.db.last_insert_rowid()


def deliver(context: Context, operation: ops.Deliver) -> tuple[tuple[int, int, int], ...]:
    """:class:`~mailsvc.core.operations.Deliver`: one content row, shared by a message row for each account."""
    _check_body(context, operation)
    size = len(operation.prefix) + operation.size
    for account in operation.accounts:
        _charge(context, account, size, operation.check_quota)
    content = _new_content(context, operation)
    name = mailbox_name(operation.mailbox)
    return tuple(_put(context, account, name, content, size, operation) for account in operation.accounts)


def _check_body(context: Context, operation: ops.Deliver) -> None:
    if not operation.accounts or len(set(operation.accounts)) != len(operation.accounts):
        raise MailError(Kind.BAD_REQUEST, "bad-recipients")
    if (operation.data is None) == (operation.location is None):
        raise MailError(Kind.BAD_REQUEST, "body-here-or-there")
    if operation.data is not None:
        if len(operation.data) != operation.size:
            raise MailError(Kind.BAD_REQUEST, "body-size-differs")
    elif context.locate(operation.location) != operation.size:
        raise temporary("body-file-missing", f"{operation.location} is not there with {operation.size} octets")


def _charge(context: Context, account: int, size: int, check_quota: bool) -> None:
    row = context.one(
        "UPDATE account SET messages=messages+1, octets=octets+?2 WHERE id=?1"
        " AND (quota=0 OR NOT ?3 OR octets+?2<=quota OR address GLOB 'postmaster@*') RETURNING id",
        account, size, check_quota,
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
        "INSERT INTO content(refs, size, prefix, location) VALUES(?, ?, ?, ?)",
        (len(operation.accounts), operation.size, operation.prefix, operation.location),
    )
    content = db.last_insert_rowid()
    if operation.data is not None:
        db.execute("INSERT INTO body(content, data) VALUES(?, ?)", (content, operation.data))
    else:
        context.labelled.append(_label(context, operation))
    return content


def _label(context: Context, operation: ops.Deliver) -> Labelled:
    rows = context.all(f"SELECT address FROM account WHERE id {_LISTED}", json.dumps(operation.accounts))
    facts = {
        "addresses": [address for (address,) in rows],
        "mailbox": operation.mailbox,
        "date": operation.date,
        "flags": operation.flags,
        "prefix": operation.prefix,
    }
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
    context.changed.append(MailboxChanged(account, mailbox, modseq))
    return mailbox, uid, uidvalidity


def store_flags(context: Context, operation: ops.StoreFlags) -> int:
    """:class:`~mailsvc.core.operations.StoreFlags`. Messages whose flags stay as they were keep their modseq."""
    account, modseq = _mailbox(context, operation.mailbox)
    bindings = (operation.add, operation.remove, operation.mailbox, json.dumps(operation.uids))
    (count, unseen) = context.one(
        "SELECT count(*), coalesce(sum((flags & 1) - (((flags | ?1) & ~?2) & 1)), 0) FROM msg"
        f" WHERE mailbox=?3 AND uid {_LISTED.replace('?', '?4')} AND flags <> ((flags | ?1) & ~?2)",
        *bindings,
    )
    if not count:
        return modseq
    context.db.execute(
        f"UPDATE msg SET flags=(flags | ?1) & ~?2, modseq=?5 WHERE mailbox=?3 AND uid {_LISTED.replace('?', '?4')}"
        " AND flags <> ((flags | ?1) & ~?2)",
        (*bindings, modseq + 1),
    )
    context.db.execute(
        "UPDATE mailbox SET modseq=?, unseen=unseen+? WHERE id=?", (modseq + 1, unseen, operation.mailbox)
    )
    context.changed.append(MailboxChanged(account, operation.mailbox, modseq + 1))
    return modseq + 1


def expunge(context: Context, operation: ops.Expunge) -> tuple[int, ...]:
    """:class:`~mailsvc.core.operations.Expunge`: remembers the UIDs under the new modseq, for those who ask what changed."""
    account, modseq = _mailbox(context, operation.mailbox)
    rows = context.all(
        f"SELECT uid, size, flags, content FROM msg WHERE mailbox=? AND uid {_LISTED} ORDER BY uid",
        operation.mailbox,
        json.dumps(operation.uids),
    )
    if not rows:
        return ()
    uids = tuple(row[0] for row in rows)
    octets = sum(row[1] for row in rows)
    unseen = sum(1 for row in rows if not row[2] & SystemFlag.SEEN)
    listed = json.dumps(uids)
    context.db.execute(f"DELETE FROM msg WHERE mailbox=? AND uid {_LISTED}", (operation.mailbox, listed))
    context.db.execute(
        "INSERT INTO expunged(mailbox, modseq, uid) SELECT ?, ?, value FROM json_each(?)",
        (operation.mailbox, modseq + 1, listed),
    )
    context.db.execute(
        "UPDATE mailbox SET modseq=?, messages=messages-?, unseen=unseen-?, octets=octets-? WHERE id=?",
        (modseq + 1, len(rows), unseen, octets, operation.mailbox),
    )
    context.db.execute(
        "UPDATE account SET messages=messages-?, octets=octets-? WHERE id=?", (len(rows), octets, account)
    )
    let_go(context, (row[3] for row in rows))
    context.changed.append(MailboxChanged(account, operation.mailbox, modseq + 1))
    return uids


def _mailbox(context: Context, mailbox: int) -> tuple[int, int]:
    row = context.one("SELECT account, modseq FROM mailbox WHERE id=?", mailbox)
    if not row:
        raise MailError(Kind.NOT_FOUND, "no-such-mailbox", detail=str(mailbox))
    return row[0], row[1]


def let_go(context: Context, contents: Iterable[int]) -> None:
    """One reference less for each; what nobody refers to any more is removed, its file after the commit."""
    counted = Counter(contents)
    context.db.executemany(
        "UPDATE content SET refs=refs-? WHERE id=?", [(n, content) for content, n in counted.items()]
    )
    listed = json.dumps(list(counted))
    gone = context.all(f"SELECT id, location FROM content WHERE refs<=0 AND id {_LISTED}", listed)
    ids = json.dumps([content for content, _ in gone])
    context.db.execute(f"DELETE FROM body WHERE content {_LISTED}", (ids,))
    context.db.execute(f"DELETE FROM content WHERE id {_LISTED}", (ids,))
    for location in {location for _, location in gone if location is not None}:
        if not context.one("SELECT 1 FROM content WHERE location=?", location):  # one file may serve two prefixes
            context.db.execute("INSERT OR IGNORE INTO unlink_later(location) VALUES(?)", (location,))
            context.unlinked.append(location)
