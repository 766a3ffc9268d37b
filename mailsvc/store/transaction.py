"""One transaction: the table from operation to SQL, and what must happen after its commit.

Each request of a group runs in a savepoint of its own, so that one that is refused does not spoil the others. Functions get the
:class:`Context`, whose lists say what to do after the commit: whom to tell, which files to remove, which files to label.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

import apsw
import attrs

from mailsvc.core import operations as ops
from mailsvc.core.errors import Kind, MailError, temporary
from mailsvc.core.queued import QueueChanged
from mailsvc.core.relay import RelayFactsChanged
from mailsvc.core.values import MailboxChanged
from mailsvc.store import (
    sql_accounts,
    sql_chores,
    sql_directory,
    sql_grants,
    sql_ledger,
    sql_mail,
    sql_mailboxes,
    sql_messages,
    sql_queue,
    sql_secrets,
)
from mailsvc.store.context import Context
from mailsvc.store.sql_common import joined

__all__ = ["Touch", "apply", "frees"]


@attrs.frozen
class Touch(ops.Operation):
    """Write something: shows that a commit is possible (health)."""


def _touch(context: Context, operation: Touch) -> None:
    context.db.execute("UPDATE meta SET value=? WHERE name='touched'", (int(time.time()),))


_TABLE: dict[type[ops.Operation], Callable[[Context, Any], Any]] = {
    ops.AddDomain: sql_directory.add_domain,
    ops.RemoveDomain: sql_directory.remove_domain,
    ops.AddAccount: sql_directory.add_account,
    ops.SetPassword: sql_secrets.set_password,
    ops.ChangeAccount: sql_accounts.change_account,
    ops.SetProfile: sql_accounts.set_profile,
    ops.RegisterName: sql_accounts.register_name,
    ops.DropMailbox: sql_accounts.drop_mailbox,
    ops.ReleaseName: sql_accounts.release_name,
    ops.RemoveAccount: sql_directory.remove_account,
    ops.AddAlias: sql_directory.add_alias,
    ops.RemoveAlias: sql_directory.remove_alias,
    ops.AddDevice: sql_secrets.add_device,
    ops.RemoveDevice: sql_secrets.remove_device,
    ops.UseDevices: sql_secrets.use_devices,
    ops.ResealDevice: sql_secrets.reseal_device,
    ops.ProveGrant: sql_grants.prove,
    ops.EndGrants: sql_grants.end,
    ops.SpendGrant: sql_grants.spend,
    ops.Record: sql_ledger.record,
    ops.KeepLedger: sql_ledger.keep,
    ops.Deliver: sql_mail.deliver,
    ops.Append: sql_mail.append,
    ops.Describe: sql_mail.describe,
    ops.Settle: sql_queue.settle,
    ops.ChangeQueued: sql_queue.change_queued,
    ops.StoreFlags: sql_messages.store_flags,
    ops.Copy: sql_messages.copy,
    ops.Move: sql_messages.move,
    ops.Expunge: sql_messages.expunge,
    ops.CreateMailbox: sql_mailboxes.create_mailbox,
    ops.DeleteMailbox: sql_mailboxes.delete_mailbox,
    ops.RenameMailbox: sql_mailboxes.rename_mailbox,
    ops.Subscribe: sql_mailboxes.subscribe,
    ops.ClaimRecent: sql_mailboxes.claim_recent,
    sql_chores.Erase: sql_chores.erase,
    sql_chores.Prune: sql_chores.prune,
    sql_chores.GiveBack: sql_chores.give_back,
    sql_ledger.IndexLedger: sql_ledger.index,
    sql_ledger.ForgetLedger: sql_ledger.forget,
    Touch: _touch,
}


_RELAY_FACTS = frozenset(
    {
        ops.AddDomain,
        ops.RemoveDomain,
        ops.AddAccount,
        ops.ChangeAccount,
        ops.RegisterName,
        ops.DropMailbox,
        ops.RemoveAccount,
        ops.AddAlias,
        ops.RemoveAlias,
        ops.SetPassword,
        ops.RemoveDevice,
    }
)
"""After these, relay decisions are made anew."""


_FREEING = frozenset(
    {
        ops.StoreFlags,
        ops.Move,
        ops.Expunge,
        ops.DeleteMailbox,
        ops.RemoveDomain,
        ops.RemoveAccount,
        ops.DropMailbox,
        ops.RemoveAlias,
        ops.RemoveDevice,
        ops.ChangeAccount,
        ops.EndGrants,
        ops.AddDomain,  # with each start; it writes nothing where there is the domain
        sql_chores.Erase,
        sql_chores.Prune,
        sql_chores.GiveBack,
        sql_ledger.ForgetLedger,
    }
)
_BESIDE = _FREEING | {ops.Record}


def frees(operations: Sequence[ops.Operation]) -> bool:
    """Whether a request only takes things away, or changes flags: then it may use the reserve. Its row in the ledger may come along."""
    kinds = set(map(type, operations))
    return kinds <= _BESIDE and not kinds.isdisjoint(_FREEING)


def apply(context: Context, operations: Sequence[ops.Operation]) -> list[Any] | MailError:
    """Carry out one request inside the open transaction: its results, or why nothing of it was done.

    Raises apsw.Error when the database itself failed: then the whole group is lost. Wrong types in an operation are the caller's
    error (BAD_REQUEST), and whatever else goes wrong in one request is that request's misfortune alone.
    """
    mark = context.mark()
    context.db.execute("SAVEPOINT request")
    try:
        results = [_carry_out(context, operation) for operation in operations]
    except MailError as error:
        refusal = error
    except (apsw.ConstraintError, apsw.MismatchError, TypeError, ValueError) as error:
        refusal = MailError(Kind.BAD_REQUEST, "bad-operation", detail=repr(error))
    else:
        context.db.execute("RELEASE request")
        return results
    if not context.db.in_transaction:  # SQLite gave up the transaction by itself (disk full)
        raise temporary("transaction-lost", repr(refusal))
    context.db.execute("ROLLBACK TO request")
    context.db.execute("RELEASE request")
    context.forget(mark)
    return refusal


def _carry_out(context: Context, operation: ops.Operation) -> Any:
    result = _TABLE[type(operation)](context, operation)
    if type(operation) in _RELAY_FACTS:
        context.relay.append(RelayFactsChanged())
    return result


MAX_INTERVALS = 1000
"""Of one event; where more was changed, listeners look for themselves."""
MAX_QUEUE_IDS = 1000
"""The same for the queue."""


def changes(context: Context) -> list[MailboxChanged]:
    """One event for each mailbox that changed, from its first modseq to its last."""
    merged: dict[int, list[MailboxChanged]] = {}
    for event in context.changed:
        merged.setdefault(event.mailbox, []).append(event)
    return [_short(events[0] if len(events) == 1 else _merge(events)) for events in merged.values()]


def _short(event: MailboxChanged) -> MailboxChanged:
    return event if len(event.uids or ()) <= MAX_INTERVALS else attrs.evolve(event, uids=None)


def _merge(events: list[MailboxChanged]) -> MailboxChanged:
    pieces = [piece for event in events for piece in event.uids or ()]
    return attrs.evolve(events[-1], since=events[0].since, uids=joined(pieces))


def queue_change(context: Context) -> QueueChanged | None:
    """What to tell of the queue, if anything."""
    if not context.queued:
        return None
    queue_ids = tuple(dict.fromkeys(context.queued))
    return QueueChanged(queue_ids if len(queue_ids) <= MAX_QUEUE_IDS else ())
