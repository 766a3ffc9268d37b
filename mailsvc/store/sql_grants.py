"""The SQL of POP-before-SMTP: proofs become grants, grants end, and what goes out by them is counted.

Whatever is taken from an account ends its grants in the same commit, and its *epoch* grows: a proof that was on its way at that moment,
or comes from a session that was open before, finds another epoch than it knows and counts for nothing.

The ledger has a row of each grant that begins, of each that an administrator extends and of each that is ended, in the transaction that
does it, under the name that the account has at that moment: who answered for mail from where, and until when, is to be read there when
account and grant have gone.
"""

# ruff: noqa: S608 - SQL is put together from constants of this module only

from typing import Any

import attrs

from mailsvc.core import operations as ops
from mailsvc.core.errors import Kind, MailError
from mailsvc.core.ledger import Event, Happening
from mailsvc.core.relay import RelayFactsChanged
from mailsvc.core.secrets import BY_HAND, LOGIN
from mailsvc.core.values import AccountChanged, AccountFlag
from mailsvc.store import sql_ledger
from mailsvc.store.context import Context

__all__ = ["HOUR", "SLOT", "end", "prove", "spend", "take_from"]

HOUR = 3600

SLOT = 60
"""Seconds of a slot in which messages are counted together."""

TOLERANCE = 5
"""Seconds by which a proof may be older than another one that was written before it: processes gather them for a while."""

_NOT_TAKEN = ("logout", "clock")
"""Ends by which nothing was taken from the account: its other sessions may go on to prove themselves."""

_ALIVE = (
    "SELECT id, expiry FROM relay_grant WHERE account=? AND network=? AND rule=? AND credential=? AND ended=0 AND last<=? AND expiry>?"
    " AND (boot<>? OR deadline>?) ORDER BY last DESC LIMIT 1"
)


def prove(context: Context, operation: ops.ProveGrant) -> str:
    """:class:`~mailsvc.core.operations.ProveGrant`."""
    one = operation
    if one.forget:
        context.db.execute("DELETE FROM relay_grant WHERE expiry<?", (one.forget,))
    if not _answers(context, one.account) or epoch(context, one.account) != one.epoch:
        return ""
    # The clock was set back: how long these would last nobody knows.
    _end(context, one.at, "clock", "account=? AND network=? AND last>?", one.account, one.network, one.at + TOLERANCE)
    context.relay.append(RelayFactsChanged())
    key = (one.account, one.network, one.rule, one.credential)
    alive = context.one(_ALIVE, *key, one.at + TOLERANCE, one.at, one.boot, one.steady)
    if alive:
        grant, expiry = alive
        context.db.execute(
            "UPDATE relay_grant SET last=max(last, ?1), expiry=max(expiry, ?2), deadline=iif(boot=?3, max(deadline, ?4), ?4), boot=?3,"
            " protocol=?5, mechanism=?6, tls=?7 WHERE id=?8",
            (one.at, one.expiry, one.boot, one.deadline, one.protocol, one.mechanism, one.tls, grant),
        )
        if one.credential == BY_HAND:  # a log-in is renewed with every command; this is somebody's decision
            sql_ledger.write(context, [_begun(context, attrs.evolve(one, id=grant, expiry=max(expiry, one.expiry)))])
        return str(grant)
    context.db.execute(
        "INSERT INTO relay_grant(id, account, network, rule, credential, protocol, mechanism, tls, first, last, expiry, boot, deadline)"
        " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (one.id, *key, one.protocol, one.mechanism, one.tls, one.at, one.at, one.expiry, one.boot, one.deadline),
    )
    sql_ledger.write(context, [_begun(context, one)])
    return one.id


def _begun(context: Context, proof: ops.ProveGrant) -> Event:
    seen = {
        "grant": proof.id,
        "rule": proof.rule,
        "protocol": proof.protocol,
        "mechanism": proof.mechanism,
        "tls": proof.tls,
        "until": proof.expiry,
    }
    reason = "by-hand" if proof.credential == BY_HAND else "log-in"
    return _event(context, Happening.GRANTED, reason, proof.account, proof.address or _address(proof.network), seen)


def _event(context: Context, what: Happening, reason: str, account: int, address: str, seen: dict[str, Any]) -> Event:
    row = context.one("SELECT address FROM account WHERE id=?", account)
    return Event(
        at=context.wall,
        what=what,
        account=row[0] if row else "",
        account_id=account,
        address=address,
        reason=reason,
        evidence=tuple((name, str(value)) for name, value in seen.items() if value),
    )


def _address(network: str) -> str:
    """That of a network of one address, or the first one."""
    return network.partition("/")[0]


def _answers(context: Context, account: int) -> bool:
    """Whether an account answers for mail, and has a mailbox that it could have read."""
    row = context.one("SELECT enabled, mailbox, flags FROM account WHERE id=?", account)
    return bool(row and row[0] and row[1] and not row[2] & AccountFlag.NO_SEND)


def epoch(context: Context, account: int) -> int:
    """The account's epoch now."""
    row = context.one("SELECT epoch FROM relay_account WHERE account=?", account)
    return int(row[0]) if row else 0


def end(context: Context, operation: ops.EndGrants) -> tuple[str, ...]:
    """:class:`~mailsvc.core.operations.EndGrants`."""
    wanted = [("account=?", operation.account), ("network=?", operation.network)]
    wanted = [(condition, value) for condition, value in wanted if value]
    which = " AND ".join(("expiry>?", *(condition for condition, _ in wanted)))
    ids = operation.ids or None
    ended = _end(context, operation.at, operation.why, which, operation.at, *(value for _, value in wanted), ids=ids)
    if operation.why not in _NOT_TAKEN:
        for account in {account for _, account in ended} | {operation.account} - {0}:
            _next_epoch(context, account)
    if ended:
        context.relay.append(RelayFactsChanged())
    return tuple(grant for grant, _ in ended)


_SEEN = ("grant", "rule", "protocol", "mechanism", "tls", "first", "last", "until")
"""What the ledger says of a grant that is ended; in the order of the query."""


def _end(
    context: Context, at: int, why: str, which: str, *bindings: Any, ids: tuple[str, ...] | None = None
) -> list[tuple[str, int]]:
    """End those that nothing has ended before. ``which``: a condition; ``ids``: of no others. Result: (id, account) of each."""
    rows = context.all(
        "SELECT account, network, id, rule, protocol, mechanism, tls, first, last, expiry FROM relay_grant"
        f" WHERE ended=0 AND {which}",
        *bindings,
    )
    rows = [row for row in rows if ids is None or row[2] in ids]
    context.db.executemany("UPDATE relay_grant SET ended=?, why=? WHERE id=?", [(at, why, row[2]) for row in rows])
    sql_ledger.write(
        context,
        [
            _event(context, Happening.ENDED, why, account, _address(network), dict(zip(_SEEN, seen, strict=True)))
            for account, network, *seen in rows
        ],
    )
    return [(row[2], row[0]) for row in rows]


def _next_epoch(context: Context, account: int) -> None:
    context.db.execute(
        "INSERT INTO relay_account(account, epoch) VALUES(?, 1) ON CONFLICT(account) DO UPDATE SET epoch=epoch+1",
        (account,),
    )


def take_from(context: Context, account: int, credential: int | None = None) -> None:
    """Something is taken from an account: its sessions are told after the commit, and the grants that it proved by that, or all, end now.

    To be called while the account still has its name. ``credential``: see :class:`~mailsvc.core.values.AccountChanged`.
    """
    context.accounts.append(AccountChanged(account, credential))
    context.relay.append(RelayFactsChanged())
    _next_epoch(context, account)
    which, by = ("", ()) if credential is None else (" AND credential=?", (credential,))
    _end(context, context.now, _why(credential), f"account=? AND expiry>?{which}", account, context.now, *by)


def _why(credential: int | None) -> str:
    if credential is None:
        return "account"
    return "password" if credential == LOGIN else "device"


def spend(context: Context, operation: ops.SpendGrant) -> bool:
    """:class:`~mailsvc.core.operations.SpendGrant`."""
    for subject in operation.subjects:
        _count(context, subject, operation)
    if not operation.account:
        return False
    context.db.execute(
        "INSERT INTO relay_account(account, told) VALUES(?, 1) ON CONFLICT(account) DO UPDATE SET told=1 WHERE told=0",
        (operation.account,),
    )
    return bool(context.db.changes())


def _count(context: Context, subject: str, operation: ops.SpendGrant) -> None:
    messages, recipients = context.one(
        "SELECT coalesce(sum(messages), 0), coalesce(sum(recipients), 0) FROM relay_spent WHERE subject=? AND slot>?",
        subject,
        operation.at - HOUR,
    )
    for most, spent in (
        (operation.most_messages, messages + 1),
        (operation.most_recipients, recipients + operation.recipients),
    ):
        if most and spent > most:
            raise MailError(Kind.TOO_MANY, "relay-limit", detail=f"{subject}: {spent} within an hour", temporary=True)
    context.db.execute("DELETE FROM relay_spent WHERE slot<?", (operation.at - 2 * HOUR,))
    context.db.execute(
        "INSERT INTO relay_spent(subject, slot, messages, recipients) VALUES(?, ?, 1, ?)"
        " ON CONFLICT(subject, slot) DO UPDATE SET messages=messages+1, recipients=recipients+excluded.recipients",
        (subject, operation.at // SLOT * SLOT, operation.recipients),
    )
