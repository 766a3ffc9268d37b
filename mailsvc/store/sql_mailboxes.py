"""The SQL of mailboxes and subscriptions: a tree of names without nodes.

A name exists if it has a row, or if a longer name goes on below it: then LIST shows it, but there is nothing to select (RFC 3501 6.3.4:
a mailbox deleted above others "acquires the \\Noselect" attribute). So deleting and renaming touch no other rows than their own.
"""

# ruff: noqa: S608 - SQL is put together from constants of this package only

from mailsvc.core import operations as ops
from mailsvc.core.errors import Kind, MailError
from mailsvc.core.values import INBOX
from mailsvc.formats.imap.errors import BadName
from mailsvc.formats.imap.names import DELIMITER, canonical, check_new, parents
from mailsvc.store import sql_common, sql_messages
from mailsvc.store.context import Context
from mailsvc.store.sql_mail import named, new_mailbox

__all__ = [
    "MAX_NAMES",
    "claim_recent",
    "create_mailbox",
    "delete_mailbox",
    "erase_mailbox",
    "rename_mailbox",
    "subscribe",
]

MAX_NAMES = 10_000
"""Mailboxes of an account, and subscriptions."""

# "/" is followed by "0": all names below a name lie between the two.
_BELOW = "account=? AND name>? AND name<?"


def create_mailbox(context: Context, operation: ops.CreateMailbox) -> int:
    """:class:`~mailsvc.core.operations.CreateMailbox`."""
    account, name = operation.account, _valid(operation.name)
    _check_account(context, account)
    existing = context.one("SELECT id FROM mailbox WHERE account=? AND name=?", account, name)
    if existing and operation.exist_ok:
        return int(existing[0])
    if existing:
        raise MailError(Kind.EXISTS, "mailbox-exists", detail=name)
    _check_special_use(context, account, operation.special_use)
    mailbox = _make(context, account, name)
    context.db.execute("UPDATE mailbox SET special_use=? WHERE id=?", (" ".join(operation.special_use), mailbox))
    return mailbox


def _make(context: Context, account: int, name: str) -> int:
    mailbox = new_mailbox(context, account, name)
    _check_number(context, "mailbox", account)
    return mailbox


def _check_special_use(context: Context, account: int, attributes: tuple[str, ...]) -> None:
    for (taken,) in context.all("SELECT special_use FROM mailbox WHERE account=? AND special_use<>''", account):
        if set(taken.split()) & set(attributes):
            raise MailError(Kind.EXISTS, "special-use-taken", detail=taken)


def _check_account(context: Context, account: int) -> None:
    if not context.one("SELECT 1 FROM account WHERE id=?", account):
        raise MailError(Kind.NOT_FOUND, "no-such-account", detail=str(account))


def _check_number(context: Context, table: str, account: int) -> None:
    (number,) = context.one(f"SELECT count(*) FROM {table} WHERE account=?", account)
    if number > MAX_NAMES:
        raise MailError(Kind.TOO_MANY, f"too-many-{table}s")


def _valid(name: str) -> str:
    try:
        return check_new(name)
    except BadName as error:
        raise MailError(Kind.BAD_REQUEST, "bad-mailbox-name", str(error)) from error


def delete_mailbox(context: Context, operation: ops.DeleteMailbox) -> None:
    """:class:`~mailsvc.core.operations.DeleteMailbox`."""
    account, name = operation.account, canonical(operation.name)
    if name == INBOX:
        raise MailError(Kind.BAD_REQUEST, "inbox-stays", "INBOX cannot be deleted")
    row = context.one("SELECT id, messages, octets FROM mailbox WHERE account=? AND name=?", account, name)
    if row is None and _below(context, account, name):
        raise MailError(Kind.IN_USE, "has-children", "There are mailboxes below this name", temporary=False)
    if row is None:
        raise MailError(Kind.NOT_FOUND, "no-such-mailbox", detail=name)
    mailbox, messages, octets = row
    context.db.execute(
        "UPDATE account SET messages=messages-?, octets=octets-? WHERE id=?", (messages, octets, account)
    )
    erase_mailbox(context, mailbox)


def erase_mailbox(context: Context, mailbox: int) -> None:
    """Gone for everybody at once; its messages and records are erased later (:mod:`mailsvc.store.chores`).

    The counters of the account are left alone.
    """
    box = sql_common.box(context, mailbox)
    context.db.execute("INSERT INTO erase_later(mailbox) VALUES(?)", (mailbox,))
    context.db.execute("DELETE FROM mailbox WHERE id=?", (mailbox,))
    sql_common.changed(context, box.account, mailbox, box.modseq + 1, ())


def _below(context: Context, account: int, name: str) -> list[tuple[int, str]]:
    """Ids and names of the mailboxes below a name, by name."""
    limits = (name + DELIMITER, name + chr(ord(DELIMITER) + 1))
    return context.all(f"SELECT id, name FROM mailbox WHERE {_BELOW} ORDER BY name", account, *limits)


def rename_mailbox(context: Context, operation: ops.RenameMailbox) -> None:
    """:class:`~mailsvc.core.operations.RenameMailbox`."""
    account, old, new = operation.account, canonical(operation.name), _valid(operation.new)
    if new.startswith(old + DELIMITER) and old != INBOX:
        raise MailError(Kind.BAD_REQUEST, "into-itself", "A mailbox cannot be renamed to a name below itself")
    moving = _tree(context, account, old) if old != INBOX else []
    if not moving and named(context, account, old) is None:
        raise MailError(Kind.NOT_FOUND, "no-such-mailbox", detail=old)
    staying = {mailbox for mailbox, _ in _tree(context, account, new)} - {mailbox for mailbox, _ in moving}
    if staying or new == old:
        raise MailError(Kind.EXISTS, "mailbox-exists", detail=new)
    if old == INBOX:
        _empty_inbox(context, account, new)
        return
    # In the order of the names: where a tree moves up over its own place, each name is free when it is needed.
    for mailbox, name in moving:
        context.db.execute("UPDATE mailbox SET name=? WHERE id=?", (_valid(new + name[len(old) :]), mailbox))
    for parent in parents(new):
        if named(context, account, parent) is None:
            _make(context, account, parent)


def _tree(context: Context, account: int, name: str) -> list[tuple[int, str]]:
    top = context.all("SELECT id, name FROM mailbox WHERE account=? AND name=?", account, name)
    return [*top, *_below(context, account, name)]


def _empty_inbox(context: Context, account: int, new: str) -> None:
    """RFC 3501 6.3.5: "moves all messages in INBOX to a new mailbox with the given name, leaving INBOX empty"."""
    inbox = named(context, account, INBOX)
    assert inbox is not None
    target = sql_common.box(context, _make(context, account, new))
    sql_messages.move_all(context, inbox, target)


def subscribe(context: Context, operation: ops.Subscribe) -> None:
    """:class:`~mailsvc.core.operations.Subscribe`."""
    entry = (operation.account, _valid(operation.name))
    _check_account(context, operation.account)
    if operation.on:
        context.db.execute("INSERT OR IGNORE INTO subscription(account, name) VALUES(?, ?)", entry)
        _check_number(context, "subscription", operation.account)
    else:
        context.db.execute("DELETE FROM subscription WHERE account=? AND name=?", entry)


def claim_recent(context: Context, operation: ops.ClaimRecent) -> int:
    """:class:`~mailsvc.core.operations.ClaimRecent`. Changes nothing that other sessions see, so nobody is told."""
    sql_common.box(context, operation.mailbox)
    (recent,) = context.one("SELECT recent FROM mailbox WHERE id=?", operation.mailbox)
    context.db.execute("UPDATE mailbox SET recent=uidnext WHERE id=?", (operation.mailbox,))
    return int(recent)
