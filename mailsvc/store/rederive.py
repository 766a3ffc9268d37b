"""Making anew whatever follows from the rows, so that :mod:`mailsvc.store.verify` finds nothing afterwards.

The steps are in an order: first what was to be erased anyway is, then what points nowhere is removed, then texts that nobody has go
to ``Recovered``, then people get what everybody has, and the counters come last.
"""

# ruff: noqa: S608 - SQL is put together from constants of this module only

import os
import time

import apsw
import attrs

from mailsvc.store import bodyfile, orphans
from mailsvc.store.descriptions import describe, describe_file
from mailsvc.store.layout import Layout

__all__ = ["TEXTS", "Finding", "Placer", "rederive"]

RECOVERED = "Recovered"
_NOBODY = "postmaster@recovered.invalid"

TEXTS: dict[str, tuple[str, str]] = {
    "put-aside": ("the damaged database was moved to", "壊れたデータベースを移動しました"),
    "nothing-readable": ("nothing could be read from", "まったく読み出せませんでした"),
    "recovered": ("a message was recovered", "メッセージを復旧しました"),
    "lost": ("a message is lost", "メッセージが失われました"),
    "removed": ("an entry that led nowhere was removed", "参照先のない項目を削除しました"),
    "held": ("queued mail is held, for it may have been sent: see mailsvc queue",
             "送信済みかもしれないため、キューのメールを保留にしました（mailsvc queue で確認してください）"),
    "unsure": ("nobody knows whether this was sent", "送信済みかどうか分からないメールがあります"),
    "made": ("what was missing was made", "欠けていたものを作成しました"),
    "password-missing": ("an account needs a new password", "パスワードの再設定が必要なアカウントがあります"),
}  # fmt: skip


@attrs.frozen
class Finding:
    """One thing that was done, or could not be. ``kind`` is a key of :data:`TEXTS`."""

    kind: str
    where: str

    def text(self, language: str = "en") -> str:
        """For people, in ``"en"`` or ``"ja"``."""
        return f"{TEXTS[self.kind][language == 'ja']}: {self.where}"


class Placer:
    """Puts contents into mailboxes, making domains, accounts and mailboxes on the way."""

    def __init__(self, db: apsw.Connection) -> None:
        self._db = db

    def put(self, content: int, address: str, name: str, date: int, flags: int = 0) -> None:
        """One row for a content; counters are left to the end."""
        mailbox = self.mailbox(self.account(address), name or "INBOX")
        self._db.execute(
            "INSERT INTO msg(mailbox, uid, modseq, flags, size, date, content) SELECT ?1,"
            " max(b.uidnext, coalesce((SELECT max(uid)+1 FROM msg WHERE mailbox=?1), 1)), b.modseq + 1, ?2, 0, ?3, ?4"
            " FROM mailbox b WHERE b.id=?1",
            (mailbox, flags, date, content),
        )
        self._db.execute(
            "UPDATE mailbox SET modseq=modseq+1, uidnext=(SELECT max(uid)+1 FROM msg WHERE mailbox=?1) WHERE id=?1",
            (mailbox,),
        )

    def account(self, address: str) -> int:
        """The account of an address; a new one has no password."""
        domain = self.identify("domain", "name", address.rpartition("@")[2])
        self._db.execute("INSERT OR IGNORE INTO account(domain, address) VALUES(?, ?)", (domain, address))
        account = _number(self._db, "SELECT id FROM account WHERE address=?", address)
        self._db.execute("UPDATE account SET mailbox=1 WHERE id=?", (account,))
        self.mailbox(account, "INBOX")
        return account

    def mailbox(self, account: int, name: str) -> int:
        """The mailbox of this name."""
        found = self._db.execute("SELECT id FROM mailbox WHERE account=? AND name=?", (account, name)).fetchone()
        if found:
            return int(str(found[0]))
        validity = _number(
            self._db, "UPDATE meta SET value=max(value+1, ?) WHERE name='uidvalidity' RETURNING value", int(time.time())
        )
        self._db.execute("INSERT INTO mailbox(account, name, uidvalidity) VALUES(?, ?, ?)", (account, name, validity))
        return self._db.last_insert_rowid()

    def postmaster(self) -> str:
        """The address of the first domain's postmaster."""
        row = self._db.execute("SELECT name FROM domain ORDER BY id LIMIT 1").fetchone()
        return f"postmaster@{row[0]}" if row else _NOBODY

    def identify(self, table: str, column: str, value: str) -> int:
        """The id of the row with this value, made if it is missing."""
        self._db.execute(f"INSERT OR IGNORE INTO {table}({column}) VALUES(?)", (value,))
        return _number(self._db, f"SELECT id FROM {table} WHERE {column}=?", value)


def _number(db: apsw.Connection, sql: str, *bindings: str | int) -> int:
    row = db.execute(sql, bindings).fetchone()
    assert row is not None
    return int(str(row[0]))


# What is to be erased anyway must not come back as found. Counts of references may be wrong here, so the rows themselves are asked.
_ERASED = "(SELECT mailbox FROM erase_later WHERE mailbox NOT IN (SELECT id FROM mailbox))"
_UNUSED = (
    "(SELECT id FROM temp.erased WHERE id NOT IN (SELECT content FROM main.msg UNION ALL SELECT content FROM queued))"
)
_ERASE = (
    f"CREATE TEMP TABLE erased AS SELECT DISTINCT content id FROM main.msg WHERE mailbox IN {_ERASED}",
    f"DELETE FROM msg WHERE mailbox IN {_ERASED}",
    f"DELETE FROM expunged WHERE mailbox IN {_ERASED}",
    "INSERT OR IGNORE INTO unlink_later(location) SELECT location FROM content WHERE location IS NOT NULL"
    f" AND id IN {_UNUSED} AND location NOT IN (SELECT location FROM content WHERE location IS NOT NULL AND id NOT IN {_UNUSED})",
    f"DELETE FROM body WHERE content IN {_UNUSED}",
    f"DELETE FROM content WHERE id IN {_UNUSED}",
    "DELETE FROM erase_later",
    "DROP TABLE temp.erased",
)  # fmt: skip

# What leads nowhere: the text of the finding, and the statement that removes it.
_NOWHERE = (
    ("removed", "SELECT 'mailbox ' || id FROM mailbox WHERE account NOT IN (SELECT id FROM account)",
     "DELETE FROM mailbox WHERE account NOT IN (SELECT id FROM account)"),
    ("removed", "SELECT format('mailbox %d, UID %d', mailbox, uid) FROM msg WHERE mailbox NOT IN (SELECT id FROM mailbox)",
     "DELETE FROM msg WHERE mailbox NOT IN (SELECT id FROM mailbox)"),
    ("removed", "SELECT DISTINCT 'removed UIDs of mailbox ' || mailbox FROM expunged WHERE mailbox NOT IN (SELECT id FROM mailbox)",
     "DELETE FROM expunged WHERE mailbox NOT IN (SELECT id FROM mailbox)"),
    ("removed", "SELECT format('mailbox %d, removed UID %d', g.mailbox, g.uid) FROM expunged e"
     " JOIN msg g ON g.mailbox=e.mailbox AND g.uid=e.uid",
     "DELETE FROM expunged WHERE EXISTS (SELECT 1 FROM msg g WHERE g.mailbox=expunged.mailbox AND g.uid=expunged.uid)"),
    ("removed", "SELECT address FROM alias WHERE address NOT IN (SELECT alias FROM alias_target)"
     " OR (address NOT LIKE 'postmaster@%' AND address IN (SELECT address FROM account))",
     "DELETE FROM alias WHERE address NOT IN (SELECT alias FROM alias_target)"
     " OR (address NOT LIKE 'postmaster@%' AND address IN (SELECT address FROM account))"),
    ("removed", "SELECT alias || ' -> ' || target FROM alias_target WHERE alias NOT IN (SELECT address FROM alias)",
     "DELETE FROM alias_target WHERE alias NOT IN (SELECT address FROM alias)"),
    ("removed", "SELECT format('subscription of account %d: %s', account, name) FROM subscription"
     " WHERE account NOT IN (SELECT id FROM account)",
     "DELETE FROM subscription WHERE account NOT IN (SELECT id FROM account)"),
    ("removed", "SELECT name FROM domain_alias WHERE domain NOT IN (SELECT id FROM domain)",
     "DELETE FROM domain_alias WHERE domain NOT IN (SELECT id FROM domain)"),
    ("lost", "SELECT format('%s, %s, UID %d', coalesce(a.address, '?'), coalesce(b.name, '?'), g.uid) FROM msg g"
     " LEFT JOIN mailbox b ON b.id=g.mailbox LEFT JOIN account a ON a.id=b.account"
     " WHERE g.content NOT IN (SELECT id FROM content)",
     "DELETE FROM msg WHERE content NOT IN (SELECT id FROM content)"),
    ("lost", "SELECT format('queued %s from <%s> to %s', q.queue_id, q.sender, r.address) FROM queued q"
     " JOIN queued_recipient r ON r.message=q.id WHERE r.state<2 AND q.content NOT IN (SELECT id FROM content)",
     "DELETE FROM queued WHERE content NOT IN (SELECT id FROM content)"),
    ("removed", "SELECT format('queued %s from <%s>', queue_id, sender) FROM queued"
     " WHERE id NOT IN (SELECT message FROM queued_recipient WHERE state<2)",
     "DELETE FROM queued WHERE id NOT IN (SELECT message FROM queued_recipient WHERE state<2)"),
    ("removed", "SELECT format('queued recipient %s', address) FROM queued_recipient"
     " WHERE state<2 AND message NOT IN (SELECT id FROM queued)",
     "DELETE FROM queued_recipient WHERE message NOT IN (SELECT id FROM queued)"),
    ("removed", "SELECT DISTINCT format('attempts of recipient %d', recipient) FROM queued_attempt"
     " WHERE recipient NOT IN (SELECT id FROM queued_recipient)",
     "DELETE FROM queued_attempt WHERE recipient NOT IN (SELECT id FROM queued_recipient)"),
)  # fmt: skip

# What follows from the rows. A statement that finds all in order changes nothing.
_DERIVED = (
    "UPDATE content SET size=length(b.data) FROM body b WHERE b.content=content.id AND length(b.data)<>size",
    "UPDATE content SET refs=0",
    "UPDATE content SET refs=r.n FROM (SELECT content, count(*) n FROM (SELECT content FROM msg UNION ALL SELECT content FROM queued)"
    " GROUP BY content) r WHERE r.content=content.id",
    "UPDATE queued SET open=(SELECT count(*) FROM queued_recipient WHERE message=queued.id AND state<2)",
    "UPDATE queued SET skip=max(0, min(skip, (SELECT length(prefix) FROM content WHERE id=queued.content)))",
    "UPDATE msg SET size=c.size + length(c.prefix) FROM content c WHERE c.id=msg.content AND msg.size<>c.size + length(c.prefix)",
    "UPDATE mailbox SET uidnext=max(uidnext, coalesce((SELECT max(uid)+1 FROM msg WHERE mailbox=mailbox.id), 1),"
    " coalesce((SELECT max(uid)+1 FROM expunged WHERE mailbox=mailbox.id), 1)),"
    " modseq=max(modseq, coalesce((SELECT max(modseq) FROM msg g WHERE g.mailbox=mailbox.id), 1),"
    " coalesce((SELECT max(modseq) FROM expunged e WHERE e.mailbox=mailbox.id), 1))",
    "UPDATE mailbox SET recent=min(recent, uidnext)",
    "UPDATE msg SET flags=flags & ((64 << n) - 1) FROM (SELECT id,"  # 64: SystemFlag.KEYWORDS; n: how many have names
    " length(keywords) - length(replace(keywords, ' ', '')) + (keywords<>'') n FROM mailbox) b"
    " WHERE b.id=msg.mailbox AND flags >> (6 + n) <> 0",
    "UPDATE mailbox SET (messages, unseen, octets)=(SELECT count(*), coalesce(sum(1 - (flags & 1)), 0), coalesce(sum(size), 0)"
    " FROM msg WHERE mailbox=mailbox.id)",
    "UPDATE account SET (messages, octets)=(SELECT coalesce(sum(messages), 0), coalesce(sum(octets), 0)"
    " FROM mailbox WHERE account=account.id)",
    "UPDATE meta SET value=max(value, coalesce((SELECT max(uidvalidity) FROM mailbox), 0)) WHERE name='uidvalidity'",
)  # fmt: skip


def rederive(layout: Layout, db: apsw.Connection) -> list[Finding]:
    """Inside an open transaction: make everything derived anew. Returns what was done and lost."""
    placer = Placer(db)
    for statement in _ERASE:
        db.execute(statement)
    findings = [
        *_reunite(db, placer),
        *_without_text(layout, db),
        *_nowhere(db),
        *_nobodys(db, placer),
        *_everybody(db, placer),
    ]
    _new_validities(db)
    for statement in _DERIVED:
        db.execute(statement)
    _describe(layout, db)
    orphans.sweep(layout, db)
    return findings


def _describe(layout: Layout, db: apsw.Connection) -> None:
    """What IMAP asks for, rendered anew from each text."""
    for (content,) in db.execute("SELECT id FROM content").fetchall():
        (row,) = db.execute(
            "SELECT length(prefix), size, location, CAST(data AS BLOB), header, envelope, bodystructure FROM content"
            " LEFT JOIN body ON content=id WHERE id=?",
            (content,),
        )
        prefix, size, location, data, *known = row
        made = describe(prefix, data) if location is None else describe_file(prefix, layout.body(location), size)
        if tuple(known) != made:
            db.execute("UPDATE content SET header=?, envelope=?, bodystructure=? WHERE id=?", (*made, content))


def _nowhere(db: apsw.Connection) -> list[Finding]:
    findings = []
    for kind, question, statement in _NOWHERE:
        findings += [Finding(kind, str(where)) for (where,) in db.execute(question).fetchall()]
        db.execute(statement)
    return findings


def _reunite(db: apsw.Connection, placer: Placer) -> list[Finding]:
    """Accounts and aliases get their domain back, and texts without a message become messages."""
    for table in ("account", "alias"):
        for (address,) in db.execute(f"SELECT address FROM {table}").fetchall():
            domain = placer.identify("domain", "name", str(address).rpartition("@")[2])
            db.execute(f"UPDATE {table} SET domain=? WHERE address=? AND domain<>?", (domain, address, domain))
    db.execute("DELETE FROM body WHERE content IN (SELECT id FROM content WHERE location IS NOT NULL)")
    db.execute(
        "INSERT INTO content(id, refs, size, prefix) SELECT content, 0, length(data), x'' FROM body"
        " WHERE content NOT IN (SELECT id FROM content)"
    )
    return []


def _without_text(layout: Layout, db: apsw.Connection) -> list[Finding]:
    """Contents whose text is gone are removed; a damaged file is kept in ``lost/`` for people to look at."""
    db.execute("DELETE FROM content WHERE location IS NULL AND id NOT IN (SELECT content FROM body)")
    findings = []
    for content, location, size in db.execute(
        "SELECT id, location, size FROM content WHERE location IS NOT NULL"
    ).fetchall():
        found = bodyfile.size_of(layout.body(str(location)))
        if found == size:
            continue
        if found is None:
            findings += _set_aside(layout, str(location))
            db.execute("DELETE FROM content WHERE id=?", (content,))
        else:
            db.execute("UPDATE content SET size=? WHERE id=?", (found, content))
    return findings


def _set_aside(layout: Layout, location: str) -> list[Finding]:
    if not layout.has(location):
        return [Finding("lost", location)]
    lost = os.path.join(layout.root, "lost")
    os.makedirs(lost, mode=0o700, exist_ok=True)
    os.rename(layout.body(location), os.path.join(lost, os.path.basename(location)))
    return [Finding("lost", f"{location} (what is left of it is in {lost})")]


def _nobodys(db: apsw.Connection, placer: Placer) -> list[Finding]:
    """Contents that no row names go to the postmaster."""
    rows = db.execute(
        "SELECT id FROM content WHERE id NOT IN (SELECT content FROM msg UNION ALL SELECT content FROM queued)"
    ).fetchall()
    address = placer.postmaster()
    for row in rows:
        placer.put(int(str(row[0])), address, RECOVERED, int(time.time()))
    return [Finding("recovered", f"content {row[0]}: {address}, {RECOVERED}") for row in rows]


def _everybody(db: apsw.Connection, placer: Placer) -> list[Finding]:
    """Each account has an INBOX, each domain somebody who takes postmaster's mail."""
    findings = []
    for (name,) in db.execute("SELECT name FROM domain").fetchall():
        address = f"postmaster@{name}"
        if not db.execute(
            "SELECT 1 FROM account WHERE address=?1 UNION ALL SELECT 1 FROM alias WHERE address=?1", (address,)
        ).fetchone():
            placer.account(address)
            findings.append(Finding("made", address))
    lacking = (
        "SELECT id, address FROM account WHERE mailbox AND id NOT IN (SELECT account FROM mailbox WHERE name='INBOX')"
    )
    for account, owner in db.execute(lacking).fetchall():
        placer.mailbox(int(str(account)), "INBOX")
        findings.append(Finding("made", f"INBOX of {owner}"))
    return findings


def _new_validities(db: apsw.Connection) -> None:
    """Where two mailboxes have the same UIDVALIDITY the younger gets a new one."""
    db.execute(
        "UPDATE meta SET value=max(value, coalesce((SELECT max(uidvalidity) FROM mailbox), 0)) WHERE name='uidvalidity'"
    )
    twice = "SELECT id FROM mailbox b WHERE EXISTS (SELECT 1 FROM mailbox o WHERE o.uidvalidity=b.uidvalidity AND o.id<b.id)"
    for (mailbox,) in db.execute(twice).fetchall():
        validity = _number(db, "UPDATE meta SET value=value+1 WHERE name='uidvalidity' RETURNING value")
        db.execute("UPDATE mailbox SET uidvalidity=? WHERE id=?", (validity, mailbox))
