"""Making a store whole again: ``mailsvc store rebuild``. The server must not run.

While the database can be read, everything that is derived from the rows is made anew: counters, references, limits of UIDs. Messages
that lie nowhere any more go to the mailbox ``Recovered`` of the first domain's postmaster; nothing that has a text is thrown away.

If the database is gone or damaged, it is put aside and a new one is made from what :mod:`mailsvc.store.salvage` can read and from the
facts in the files of large messages (:mod:`mailsvc.store.bodyfile`). All mailboxes get a new UIDVALIDITY then, so that no client
mistakes one message for another, and the queue is held (:mod:`mailsvc.store.requeue`). What could not be saved is in the report.
"""

import os
import time
from collections.abc import Callable
from typing import TypeVar

import apsw
import attrs

from mailsvc.core.ledger import Row
from mailsvc.core.queued import Outgoing
from mailsvc.db.connection import open_writer
from mailsvc.db.schema import migrate
from mailsvc.store import bodyfile, orphans, rederive, requeue, salvage
from mailsvc.store.committer import take_lease
from mailsvc.store.layout import Layout, sync_directory
from mailsvc.store.rederive import Finding, Placer

__all__ = ["Finding", "rebuild"]

T = TypeVar("T")

_INTEGER_KEYS = {
    "domain": ("id, name", "id"),
    "account": ("id, domain, address, login, password_hash, enabled, quota, flags, mailbox", "id"),
    "content": ("id, refs, size, prefix, location", "id"),
    "body": ("content, data", "content"),
    "device": ("id, account, name, scopes, created, expires, used, address, key, mac, sealed", "id"),
    "erase_later": ("mailbox", "mailbox"),
    "queued": ("id, queue_id, content, sender, account, arrived, skip, body, utf8, ret, envid, open", "id"),
    "queued_recipient": (
        "id, message, address, destination, notify, orcpt, state, due, attempts, warned, status, reply, host, at",
        "id",
    ),
    "ledger": (f"id, {', '.join(Row._fields)}", "id"),
}
_PLAIN = {
    "domain_alias": "name, domain",
    "alias": "address, domain",
    "profile": "account, name, organisation, telephone, reply_to",
    "freed": "address, domain, until",
    "alias_target": "alias, position, target",
    "queued_attempt": "recipient, number, at, state, status, host, tls, reply",
    "scram": "account, credential, hash, salt, iterations, stored_key, server_key",
    "subscription": "account, name",
}


def rebuild(layout: Layout) -> list[Finding]:
    """Make the store whole; returns what was done and what was lost. Raises LeaseTaken, OSError, apsw.Error."""
    lease = take_lease(layout)
    try:
        layout.make()
        db = _open_whole(layout)
        findings: list[Finding] = []
        if db is None:
            db, findings = _from_what_is_left(layout)
        try:
            findings += _in_transaction(db, lambda: rederive.rederive(layout, db))
        finally:
            db.close()
        sync_directory(layout.root)
        return findings
    finally:
        os.close(lease)


def _in_transaction(db: apsw.Connection, work: Callable[[], T]) -> T:
    db.execute("BEGIN IMMEDIATE")
    try:
        result = work()
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
    return result


def _open_whole(layout: Layout) -> apsw.Connection | None:
    """The database, if there is one and SQLite finds no fault with it."""
    if not os.path.exists(layout.database):
        return None
    try:
        db = open_writer(layout.database)
    except apsw.Error:
        return None
    try:
        if db.execute("PRAGMA integrity_check(1)").fetchone() == ("ok",):
            migrate(db)
            return db
    except apsw.Error:
        pass
    db.close()
    return None


def _from_what_is_left(layout: Layout) -> tuple[apsw.Connection, list[Finding]]:
    """A new database with what the old one and the files still tell."""
    aside = _put_aside(layout)
    db = open_writer(layout.database)
    migrate(db)
    findings = [Finding("put-aside", aside)]
    old = salvage.open_damaged(os.path.join(aside, os.path.basename(layout.database)))
    if old is None:
        findings.append(Finding("nothing-readable", layout.database))
    else:
        _in_transaction(db, lambda: _copy(old, db))
        old.close()
    findings += _in_transaction(db, lambda: _adopt_files(layout, db))
    if held := _in_transaction(db, lambda: requeue.hold_all(db)):
        findings.append(Finding("held", str(held)))
    locked_out = "SELECT address FROM account WHERE password_hash='' AND address NOT LIKE 'postmaster@%'"
    findings += [Finding("password-missing", str(row[0])) for row in db.execute(locked_out).fetchall()]
    return db, findings


def _put_aside(layout: Layout) -> str:
    aside = os.path.join(layout.root, f"damaged-{int(time.time())}")
    os.makedirs(aside, mode=0o700)
    for suffix in ("", "-wal"):
        if os.path.exists(layout.database + suffix):
            os.rename(layout.database + suffix, os.path.join(aside, os.path.basename(layout.database) + suffix))
    if os.path.exists(layout.database + "-shm"):
        os.unlink(layout.database + "-shm")
    return aside


def _copy(old: apsw.Connection, db: apsw.Connection) -> None:
    """All readable rows; mailboxes under a new UIDVALIDITY, messages with the UIDs that they had."""
    for table, (wanted, key) in _INTEGER_KEYS.items():
        columns = salvage.columns_of(old, table, wanted)
        for row in salvage.rows(old, columns, table, key) if columns else ():
            _insert(db, table, columns, row)
    for table, wanted in _PLAIN.items():
        columns = salvage.columns_of(old, table, wanted)
        for row in sorted(salvage.plain(old, columns, table)) if columns else ():
            _insert(db, table, columns, row)
    _copy_secrets(old, db)
    columns = salvage.columns_of(old, "mailbox", "id, account, name, uidnext, modseq, keywords, special_use, recent")
    mailboxes = list(salvage.rows(old, columns, "mailbox", "id")) if columns else []
    validity = int(time.time())
    for row in salvage.rows(old, "1, value", "meta", "1", "name='uidvalidity'"):
        validity = max(validity, row[1])
    for mailbox, *rest in mailboxes:
        validity += 1
        _insert(db, "mailbox", columns.replace("id,", "id, uidvalidity,", 1), (mailbox, validity, *rest))
        _copy_messages(old, db, mailbox)
    for (mailbox,) in db.execute("SELECT mailbox FROM erase_later").fetchall():
        _copy_messages(old, db, mailbox)
    db.execute("UPDATE meta SET value=? WHERE name='uidvalidity'", (validity,))


def _copy_messages(old: apsw.Connection, db: apsw.Connection, mailbox: object) -> None:
    columns = "uid, mailbox, modseq, flags, size, date, content"
    for row in salvage.rows(old, columns, "msg", "uid", "mailbox=?", (mailbox,)):
        _insert(db, "msg", columns, row)


def _copy_secrets(old: apsw.Connection, db: apsw.Connection) -> None:
    """The salt key; and neither password nor mail's story of an account that is lost, for one made anew may get its number."""
    for row in salvage.plain(old, "name, value", "secret"):
        db.execute("INSERT OR REPLACE INTO secret(name, value) VALUES(?, ?)", row)
    db.execute("DELETE FROM device WHERE account NOT IN (SELECT id FROM account)")
    db.execute("DELETE FROM scram WHERE account NOT IN (SELECT id FROM account)")
    db.execute("UPDATE ledger SET readers='', account_id=iif(account_id IN (SELECT id FROM account), account_id, 0)")


def _insert(db: apsw.Connection, table: str, columns: str, row: tuple[object, ...]) -> None:
    marks = ", ".join("?" * len(row))
    db.execute(f"INSERT OR IGNORE INTO {table}({columns}) VALUES({marks})", row)


def _adopt_files(layout: Layout, db: apsw.Connection) -> list[Finding]:
    """A message for each file that no saved row names: to those whom its facts name, else to ``Recovered``."""
    placer = Placer(db)
    findings = []
    for location, _ in orphans.body_files(layout):
        size = bodyfile.size_of(layout.body(location))
        if size is None or db.execute("SELECT 1 FROM content WHERE location=?", (location,)).fetchone():
            continue
        facts = _Facts.read(layout, location)
        db.execute(
            "INSERT INTO content(refs, size, prefix, location) VALUES(0, ?, ?, ?)", (size, facts.prefix, location)
        )
        content = db.last_insert_rowid()
        for address in facts.addresses:
            placer.put(content, address, facts.mailbox, facts.date, facts.flags)
            findings.append(Finding("recovered", f"{location}: {address}"))
        findings += _adopt_queued(db, location, content, facts)
    return findings


def _adopt_queued(db: apsw.Connection, location: str, content: int, facts: "_Facts") -> list[Finding]:
    """A message that was to be sent goes back to the queue; one that lies in a mailbox as well may have been sent long ago."""
    outgoing = facts.outgoing
    if outgoing is None or requeue.relink(db, outgoing.queue_id, content):
        return []
    where = f"{location}: <{outgoing.sender}> to {', '.join(one.address for one in outgoing.recipients)}"
    if facts.addresses:
        return [Finding("unsure", where)]
    requeue.take_in(db, outgoing, content)
    return [Finding("recovered", where)]


@attrs.frozen
class _Facts:
    """What a file says about itself, whatever is in it."""

    addresses: list[str]
    mailbox: str
    date: int
    flags: int
    prefix: bytes
    outgoing: Outgoing | None = None

    @classmethod
    def read(cls, layout: Layout, location: str) -> "_Facts":
        facts = bodyfile.read_facts(layout.body(location))
        try:
            return cls(
                [address for address in facts["addresses"] if "@" in address],
                str(facts["mailbox"]),
                int(facts["date"]),
                int(facts["flags"]),
                bytes(facts["prefix"]),
                requeue.envelope(facts),
            )
        except (KeyError, TypeError, ValueError):
            return cls([], "", int(os.stat(layout.body(location)).st_mtime), 0, b"")
