"""Looking for damage: every promise that the tables make to each other and to the files, as one table of questions.

Reading only, in one read transaction: safe beside a running server. The texts are for people; ``kind`` is for programs.
"""

from collections.abc import Container, Iterator

import apsw
import attrs

from mailsvc.store import bodyfile, orphans
from mailsvc.store.layout import Layout

__all__ = ["TEXTS", "Damage", "verify", "verify_directory"]


@attrs.frozen
class Damage:
    """One thing that is wrong.

    :ivar kind: a key of :data:`TEXTS`. :ivar where: which row or file, such as ``"mailbox 3: 5 instead of 4"``.
    """

    kind: str
    where: str

    def text(self, language: str = "en") -> str:
        """For people, in ``"en"`` or ``"ja"``."""
        return f"{TEXTS[self.kind][language == 'ja']}: {self.where}"


TEXTS: dict[str, tuple[str, str]] = {
    "database-damaged": ("the database itself is damaged", "データベース自体が壊れています"),
    "mailbox-counters": ("a mailbox miscounts its messages", "メールボックスの件数や容量の記録が実際と合いません"),
    "account-counters": ("an account miscounts its messages", "アカウントの件数や容量の記録が実際と合いません"),
    "content-refs": ("a message miscounts who refers to it", "メッセージの参照数が実際と合いません"),
    "content-without-body": ("a message has lost its text", "メッセージの本文がありません"),
    "body-without-content": ("a text belongs to no message", "どのメッセージにも属さない本文があります"),
    "body-size": ("a message's text has the wrong length", "メッセージの本文の長さが記録と合いません"),
    "message-size": ("a mailbox row tells the wrong size", "メールボックスの行のサイズが実際と合いません"),
    "file-missing": ("the file of a large message is missing", "大きなメッセージのファイルがありません"),
    "file-damaged": (
        "the file of a large message is cut short or overwritten",
        "大きなメッセージのファイルが途切れているか、上書きされています",
    ),
    "file-orphaned": ("a file belongs to no message", "どのメッセージにも属さないファイルがあります"),
    "uid-too-high": ("a message has a UID that was not given yet", "まだ割り当てられていない UID を持つメッセージがあります"),
    "modseq-too-high": ("a change is newer than its mailbox", "メールボックスより新しい変更番号があります"),
    "message-without-mailbox": ("a message lies in no mailbox", "どのメールボックスにも属さないメッセージがあります"),
    "mailbox-to-be-erased": ("a mailbox is there and marked as removed", "削除済みの印が付いたメールボックスが残っています"),
    "message-without-content": ("a mailbox row points to no message", "実体のないメッセージを指す行があります"),
    "description": ("what is kept of a message for IMAP cannot be right", "IMAP のために保存されたメッセージの情報が正しくありません"),
    "queue-counter": ("a queued message miscounts whom it waits for", "送信待ちメッセージの残り宛先数の記録が実際と合いません"),
    "queued-for-nobody": ("a queued message waits for nobody", "送信待ちの宛先がないのにキューに残っているメッセージがあります"),
    "queued-without-content": ("a queued message points to no message", "実体のないメッセージがキューにあります"),
    "queued-skip": ("a queued message would be sent without its beginning", "送信待ちメッセージの先頭の位置の記録が正しくありません"),
    "recipient-without-message": ("somebody waits for a message that is not queued", "キューにないメッセージを待つ宛先があります"),
    "attempt-of-nobody": ("an attempt belongs to no queued recipient", "どの宛先にも属さない送信の記録があります"),
    "keyword-unknown": ("a message has a keyword without a name", "名前のないキーワードを持つメッセージがあります"),
    "subscription-of-nobody": ("a subscription belongs to nobody", "どのアカウントにも属さない購読の記録があります"),
    "expunged-but-there": ("a message is there and recorded as removed", "削除済みと記録されたメッセージが残っています"),
    "mailbox-without-account": ("a mailbox belongs to nobody", "持ち主のいないメールボックスがあります"),
    "uidvalidity": (
        "a UIDVALIDITY is not unique, or newer than the last one given",
        "UIDVALIDITY が重複しているか、発行記録より新しい値です",
    ),
    "account-without-inbox": ("an account has no INBOX", "INBOX のないアカウントがあります"),
    "account-without-domain": ("an account or alias is in no domain of ours", "どのドメインにも属さないアカウントまたは別名があります"),
    "alias-without-target": ("an alias leads nowhere, or targets belong to no alias", "転送先のない別名、または別名のない転送先があります"),
    "address-twice": ("an address is an account and an alias", "アカウントと別名の両方に使われているアドレスがあります"),
    "no-postmaster": ("nobody takes a domain's postmaster mail", "postmaster 宛てのメールを受け取る人がいないドメインがあります"),
}  # fmt: skip

# Each question selects the text of "where"; no row means no damage.
_QUESTIONS: tuple[tuple[str, str], ...] = (
    ("mailbox-counters",
     "SELECT format('mailbox %d: %d messages, %d unseen, %d octets instead of %d, %d, %d', id, m, u, o, cm, cu, co) FROM ("
     " SELECT b.id, b.messages m, b.unseen u, b.octets o, count(g.uid) cm, coalesce(sum(1 - (g.flags & 1)), 0) cu,"
     " coalesce(sum(g.size), 0) co FROM mailbox b LEFT JOIN msg g ON g.mailbox=b.id GROUP BY b.id)"
     " WHERE (m, u, o) <> (cm, cu, co)"),
    ("account-counters",
     "SELECT format('%s: %d messages, %d octets instead of %d, %d', address, m, o, cm, co) FROM ("
     " SELECT a.address, a.messages m, a.octets o, count(g.uid) cm, coalesce(sum(g.size), 0) co FROM account a"
     " LEFT JOIN mailbox b ON b.account=a.id LEFT JOIN msg g ON g.mailbox=b.id GROUP BY a.id) WHERE (m, o) <> (cm, co)"),
    ("content-refs",
     "SELECT format('content %d: %d instead of %d', id, refs, n) FROM (SELECT c.id, c.refs, coalesce(r.n, 0) n FROM content c"
     " LEFT JOIN (SELECT content, count(*) n FROM (SELECT content FROM msg UNION ALL SELECT content FROM queued)"
     " GROUP BY content) r ON r.content=c.id) WHERE refs<>n"),
    ("content-without-body",
     "SELECT format('content %d', id) FROM content WHERE location IS NULL AND id NOT IN (SELECT content FROM body)"),
    ("body-without-content",
     "SELECT format('content %d', content) FROM body WHERE content NOT IN (SELECT id FROM content WHERE location IS NULL)"),
    ("body-size",
     "SELECT format('content %d: %d octets instead of %d', c.id, length(b.data), c.size) FROM content c"
     " JOIN body b ON b.content=c.id WHERE length(b.data)<>c.size"),
    ("message-size",
     "SELECT format('mailbox %d, UID %d: %d instead of %d', g.mailbox, g.uid, g.size, c.size + length(c.prefix)) FROM msg g"
     " JOIN content c ON c.id=g.content WHERE g.size<>c.size + length(c.prefix)"),
    ("uid-too-high",
     "SELECT format('mailbox %d, UID %d', b.id, g.uid) FROM mailbox b JOIN msg g ON g.mailbox=b.id WHERE g.uid>=b.uidnext"
     " UNION ALL SELECT format('mailbox %d, removed UID %d', b.id, e.uid) FROM mailbox b JOIN expunged e ON e.mailbox=b.id"
     " WHERE e.uid>=b.uidnext"),
    ("modseq-too-high",
     "SELECT format('mailbox %d, UID %d', b.id, g.uid) FROM mailbox b JOIN msg g ON g.mailbox=b.id WHERE g.modseq>b.modseq"
     " UNION ALL SELECT format('mailbox %d, removed UID %d', b.id, e.uid) FROM mailbox b JOIN expunged e ON e.mailbox=b.id"
     " WHERE e.modseq>b.modseq"),
    ("message-without-mailbox",
     "SELECT format('mailbox %d, UID %d', mailbox, uid) FROM msg WHERE mailbox NOT IN (SELECT id FROM mailbox"
     " UNION ALL SELECT mailbox FROM erase_later)"
     " UNION ALL SELECT format('mailbox %d, removed UID %d', mailbox, uid) FROM expunged"
     " WHERE mailbox NOT IN (SELECT id FROM mailbox UNION ALL SELECT mailbox FROM erase_later)"),
    ("mailbox-to-be-erased",
     "SELECT format('mailbox %d', mailbox) FROM erase_later WHERE mailbox IN (SELECT id FROM mailbox)"),
    ("message-without-content",
     "SELECT format('mailbox %d, UID %d: content %d', mailbox, uid, content) FROM msg"
     " WHERE content NOT IN (SELECT id FROM content)"),
    ("description",
     "SELECT format('content %d', id) FROM content WHERE (header IS NULL)<>(envelope IS NULL)"
     " OR (header IS NULL)<>(bodystructure IS NULL) OR header NOT BETWEEN length(prefix) AND length(prefix) + size"),
    ("queue-counter",
     "SELECT format('%s: %d instead of %d', queue_id, open, n) FROM (SELECT q.queue_id, q.open, count(r.id) n FROM queued q"
     " LEFT JOIN queued_recipient r ON r.message=q.id AND r.state<2 GROUP BY q.id) WHERE open<>n"),
    ("queued-for-nobody",
     "SELECT queue_id FROM queued WHERE id NOT IN (SELECT message FROM queued_recipient WHERE state<2)"),
    ("queued-without-content",
     "SELECT format('%s: content %d', queue_id, content) FROM queued WHERE content NOT IN (SELECT id FROM content)"),
    ("queued-skip",
     "SELECT format('%s: %d of %d octets', q.queue_id, q.skip, length(c.prefix)) FROM queued q JOIN content c ON c.id=q.content"
     " WHERE q.skip NOT BETWEEN 0 AND length(c.prefix)"),
    ("recipient-without-message",
     "SELECT format('%d, %s', id, address) FROM queued_recipient WHERE message NOT IN (SELECT id FROM queued)"),
    ("attempt-of-nobody",
     "SELECT DISTINCT format('recipient %d', recipient) FROM queued_attempt"
     " WHERE recipient NOT IN (SELECT id FROM queued_recipient)"),
    ("keyword-unknown",
     "SELECT format('mailbox %d, UID %d', b.id, g.uid) FROM mailbox b JOIN msg g ON g.mailbox=b.id WHERE g.flags >> (6"
     " + length(b.keywords) - length(replace(b.keywords, ' ', '')) + (b.keywords<>'')) <> 0"),
    ("subscription-of-nobody",
     "SELECT format('account %d: %s', account, name) FROM subscription WHERE account NOT IN (SELECT id FROM account)"),
    ("expunged-but-there",
     "SELECT format('mailbox %d, UID %d', g.mailbox, g.uid) FROM expunged e JOIN msg g ON g.mailbox=e.mailbox AND g.uid=e.uid"),
    ("mailbox-without-account",
     "SELECT format('mailbox %d', id) FROM mailbox WHERE account NOT IN (SELECT id FROM account)"),
    ("uidvalidity",
     "SELECT format('%d mailboxes have %d', count(*), uidvalidity) FROM mailbox GROUP BY uidvalidity HAVING count(*)>1"
     " UNION ALL SELECT format('mailbox %d: %d', id, uidvalidity) FROM mailbox"
     " WHERE uidvalidity>(SELECT value FROM meta WHERE name='uidvalidity')"),
    ("account-without-inbox",
     "SELECT address FROM account WHERE mailbox AND id NOT IN (SELECT account FROM mailbox WHERE name='INBOX')"),
    ("account-without-domain",
     "SELECT address FROM (SELECT address, domain FROM account UNION ALL SELECT address, domain FROM alias"
     " UNION ALL SELECT name, domain FROM domain_alias) t"
     " LEFT JOIN domain d ON d.id=t.domain WHERE d.id IS NULL"
     " OR (instr(address, '@') AND substr(address, -length(d.name)-1)<>'@'||d.name)"),
    ("alias-without-target",
     "SELECT address FROM alias WHERE address NOT IN (SELECT alias FROM alias_target)"
     " UNION SELECT alias FROM alias_target WHERE alias NOT IN (SELECT address FROM alias)"),
    ("address-twice",
     "SELECT address FROM alias WHERE address IN (SELECT address FROM account) AND address NOT LIKE 'postmaster@%'"),
    ("no-postmaster",
     "SELECT name FROM domain WHERE 'postmaster@'||name NOT IN (SELECT address FROM account UNION SELECT address FROM alias)"),
)  # fmt: skip


def verify(layout: Layout, db: apsw.Connection) -> list[Damage]:
    """All damage that can be found. :param db: a read-only connection to the store in ``layout``."""
    db.execute("BEGIN")
    try:
        return [*_database(db), *_tables(db), *_files(layout, db)]  # in this order: the last ends the transaction
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")


_DIRECTORY = {
    "mailbox-to-be-erased",
    "subscription-of-nobody",
    "mailbox-without-account",
    "uidvalidity",
    "account-without-inbox",
    "account-without-domain",
    "alias-without-target",
    "address-twice",
    "no-postmaster",
}


def verify_directory(db: apsw.Connection) -> list[Damage]:
    """Only what can be asked without reading any message: quick on a store of any size. :param db: a read-only connection."""
    return list(_tables(db, _DIRECTORY))


def _database(db: apsw.Connection) -> Iterator[Damage]:
    try:
        for (line,) in db.execute("PRAGMA integrity_check(100)"):
            if line != "ok":
                yield Damage("database-damaged", str(line))
    except apsw.Error as error:
        yield Damage("database-damaged", str(error))


def _tables(db: apsw.Connection, kinds: Container[str] = TEXTS) -> Iterator[Damage]:
    for kind, question in _QUESTIONS:
        if kind not in kinds:
            continue
        try:
            for (where,) in db.execute(question):
                yield Damage(kind, str(where))
        except apsw.Error as error:
            yield Damage("database-damaged", f"{kind}: {error}")


def _files(layout: Layout, db: apsw.Connection) -> list[Damage]:
    """Ends the read transaction: a running server may have removed a message, and so its file, since it began."""
    wanted = "SELECT location, size FROM content WHERE location IS NOT NULL"
    try:
        suspects = [(str(row[0]), int(str(row[1]))) for row in db.execute(wanted) if not _whole(layout, *row)]
        db.execute("ROLLBACK")
        missed = [_file_damage(layout, *one) for one in suspects if orphans.named(db, one[0])]
        return [*missed, *(Damage("file-orphaned", path) for path in orphans.find(layout, db))]
    except apsw.Error as error:
        return [Damage("database-damaged", f"files: {error}")]


def _whole(layout: Layout, location: object, size: object) -> bool:
    return bodyfile.size_of(layout.body(str(location))) == size


def _file_damage(layout: Layout, location: str, size: int) -> Damage:
    if not layout.has(location):
        return Damage("file-missing", location)
    found = bodyfile.size_of(layout.body(location))
    return Damage("file-damaged", f"{location}: {'no' if found is None else found} octets instead of {size}")
