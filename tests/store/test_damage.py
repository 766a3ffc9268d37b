"""store verify finds each kind of damage; store rebuild leaves nothing for it to find, and loses nothing that has a text."""

import os
import shutil
import subprocess
import sys
import time

import apsw
import pytest

from mailsvc.core.operations import (
    AddAccount,
    AddAlias,
    AddDomain,
    ClaimRecent,
    CreateMailbox,
    Deliver,
    Expunge,
    RemoveAccount,
    Settle,
    StoreFlags,
    Subscribe,
)
from mailsvc.core.options import Size
from mailsvc.core.queued import Outcome, Outgoing, OutgoingRecipient, State
from mailsvc.db.connection import open_reader
from mailsvc.store import verify as verification
from mailsvc.store.connect import run
from mailsvc.store.descriptions import describe
from mailsvc.store.direct import DirectStore
from mailsvc.store.layout import Layout
from mailsvc.store.options import StoreOptions
from mailsvc.store.rebuild import rebuild
from mailsvc.store.rederive import TEXTS as FINDINGS
from mailsvc.store.verify import TEXTS, verify
from tests.store.contract import uids

OPTIONS = StoreOptions(inline_limit=Size(1000), low_disk=Size(0))
SMALL = b"Subject: small\r\n\r\n%d\r\n"
LARGE = b"Subject: large\r\n\r\n" + b"x" * 5000
PREFIX = b"Received: here\r\n"
QUEUED = b"Subject: away\r\n\r\n"


def fill(path, count=30):
    """A store with two accounts, small and large mail, flags, something removed, and something in the queue."""
    store = DirectStore(path, options=OPTIONS)
    store.commit([AddDomain("example.test", ("mail.example.test",))])
    alice, bob = store.commit([AddAccount("alice@example.test"), AddAccount("bob@example.test", password_hash="$x")])
    store.commit([AddAlias("info@example.test", ("alice@example.test",))])
    for number in range(count):
        data = SMALL % number
        described = describe(len(PREFIX), data) if number % 2 else None
        store.commit([Deliver((alice, bob), PREFIX, len(data), number, data, description=described)])
    writer = store.bodies.create()
    writer.write(LARGE)
    body = run(writer.close())
    store.commit([Deliver((alice,), PREFIX, body.size, 99, location=body.location, mailbox="Big")])
    inbox = run(store.mailbox(alice, "INBOX"))
    store.commit([CreateMailbox(alice, "Sent", ("\\Sent",)), Subscribe(alice, "Sent"), ClaimRecent(inbox.id)])
    store.commit([StoreFlags(inbox.id, uids(1), add_keywords=("$Junk",))])
    store.commit([Expunge(inbox.id, uids(2, 3)), StoreFlags(inbox.id, uids(1, 5), add=1)])
    prefix = b"Return-Path: <>\r\n" + PREFIX
    recipients = tuple(OutgoingRecipient(f"{name}@far.example", "far.example") for name in "xyz")
    outgoing = Outgoing("Q1", "alice@example.test", alice, 99, 99, len(prefix) - len(PREFIX), recipients)
    store.commit([Deliver((), prefix, len(QUEUED), 99, QUEUED, outgoing=outgoing)])
    first, *_, last = [one.id for one in run(store.queue.recipients("Q1"))]
    store.commit([Settle((Outcome(first, State.WAITING, 500, 99, "4.0.0", "later"),))])
    store.commit([Settle((Outcome(last, State.SENT, 0, 99, "2.0.0", "fine"),))])
    store.close()
    return Layout(os.fspath(path))


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A store to copy from."""
    return fill(tmp_path_factory.mktemp("filled") / "store")


@pytest.fixture
def layout(filled, tmp_path):
    """A store to damage."""
    shutil.copytree(filled.root, tmp_path / "store")
    return Layout(str(tmp_path / "store"))


def sql(*statements):
    """Damage done by SQL."""

    def harm(layout):
        db = apsw.Connection(layout.database)
        for statement in statements:
            db.execute(statement).fetchall()
            assert db.changes(), statement
        db.close()

    return harm


def body_file(layout):
    """The one file of a large message."""
    (path,) = [os.path.join(folder, name) for folder, _, names in os.walk(layout.bodies) for name in names]
    return path


def truncated(layout):
    os.truncate(body_file(layout), 2000)


def overwritten(layout):
    with open(body_file(layout), "r+b") as file:
        file.write(b"\0" * 64)


def removed(layout):
    os.unlink(body_file(layout))


def forgotten_file(layout):
    path = layout.body("ab/abandoned")
    shutil.copy(body_file(layout), path)
    os.utime(path, (time.time() - 7200,) * 2)


def forgotten_tmp(layout):
    path = layout.body("tmp/abandoned")
    open(path, "wb").close()
    os.utime(path, (time.time() - 7200,) * 2)


DAMAGE = [
    ("mailbox-counters", sql("UPDATE mailbox SET messages=messages+1 WHERE id=2")),
    ("mailbox-counters", sql("UPDATE mailbox SET unseen=unseen-1 WHERE id=2")),
    ("mailbox-counters", sql("UPDATE mailbox SET octets=0 WHERE id=2")),
    ("account-counters", sql("UPDATE account SET messages=7 WHERE id=2")),
    ("account-counters", sql("UPDATE account SET octets=octets-1 WHERE id=2")),
    ("content-refs", sql("UPDATE content SET refs=refs+1 WHERE id=4")),
    ("description", sql("UPDATE content SET header=NULL WHERE id=4")),
    ("description", sql("UPDATE content SET envelope=NULL WHERE id=4")),
    ("description", sql("UPDATE content SET header=1000000 WHERE id=4")),
    ("keyword-unknown", sql("UPDATE msg SET flags=flags | 256 WHERE mailbox=2 AND uid=1")),
    ("subscription-of-nobody", sql("INSERT INTO subscription(account, name) VALUES(998, 'x')")),
    ("content-refs", sql("UPDATE content SET refs=0 WHERE id=(SELECT content FROM queued)")),
    ("content-refs", sql("UPDATE queued SET content=4")),
    ("content-without-body", sql("DELETE FROM body WHERE content=4")),
    ("content-without-body", sql("DELETE FROM body WHERE content=(SELECT content FROM queued)")),
    ("queue-counter", sql("UPDATE queued SET open=open+1")),
    ("queue-counter", sql("UPDATE queued_recipient SET state=0 WHERE address GLOB 'z@*'")),
    ("queue-counter", sql("DELETE FROM queued_recipient WHERE address GLOB 'x@*'")),
    ("queued-for-nobody", sql("UPDATE queued_recipient SET state=4")),
    ("queued-for-nobody", sql("DELETE FROM queued_recipient")),
    ("queued-without-content", sql("UPDATE queued SET content=998")),
    ("queued-skip", sql("UPDATE queued SET skip=1000")),
    ("recipient-without-message", sql("DELETE FROM queued")),
    ("recipient-without-message", sql("UPDATE queued_recipient SET message=998 WHERE address GLOB 'x@*'")),
    ("attempt-of-nobody", sql("UPDATE queued_attempt SET recipient=998 WHERE recipient=1")),
    ("body-without-content", sql("INSERT INTO body(content, data) VALUES(999, 'x')")),
    ("body-without-content", sql("DELETE FROM content WHERE id=4")),
    ("body-size", sql("UPDATE content SET size=size+1 WHERE id=4")),
    ("message-size", sql("UPDATE msg SET size=size+1 WHERE mailbox=2 AND uid=1")),
    ("file-missing", removed),
    ("file-damaged", truncated),
    ("file-damaged", overwritten),
    ("file-orphaned", forgotten_file),
    ("file-orphaned", forgotten_tmp),
    ("uid-too-high", sql("UPDATE mailbox SET uidnext=4 WHERE id=2")),
    ("modseq-too-high", sql("UPDATE mailbox SET modseq=4 WHERE id=2")),
    ("message-without-mailbox", sql("DELETE FROM mailbox WHERE id=2")),
    ("mailbox-to-be-erased", sql("INSERT INTO erase_later(mailbox) VALUES(2)")),
    ("message-without-content", sql("UPDATE msg SET content=998 WHERE mailbox=2 AND uid=1")),
    ("expunged-but-there", sql("INSERT INTO expunged(mailbox, modseq, uid) VALUES(2, 5, 1)")),
    ("mailbox-without-account", sql("DELETE FROM account WHERE id=2")),
    ("uidvalidity", sql("UPDATE mailbox SET uidvalidity=5 WHERE id IN (2, 3)")),
    ("uidvalidity", sql("UPDATE meta SET value=5 WHERE name='uidvalidity'")),
    ("account-without-inbox", sql("UPDATE mailbox SET name='x' WHERE id=2")),
    ("account-without-domain", sql("UPDATE account SET domain=77 WHERE id=2")),
    ("account-without-domain", sql("UPDATE domain_alias SET domain=77")),
    ("alias-without-target", sql("DELETE FROM alias_target")),
    ("alias-without-target", sql("DELETE FROM alias")),
    ("address-twice", sql("UPDATE alias SET address='bob@example.test'", "UPDATE alias_target SET alias='bob@example.test'")),
    ("no-postmaster", sql("DELETE FROM account WHERE id=1", "DELETE FROM mailbox WHERE account=1")),
]  # fmt: skip


def found(layout):
    """What verify says; or that nothing can be read, if the damage is in the schema itself."""
    try:
        db = open_reader(layout.database)
    except apsw.CorruptError:
        return ["unreadable"]
    try:
        return verify(layout, db)
    finally:
        db.close()


def texts_of(layout):
    """All message texts by mailbox, as an account holder would read them."""
    store = DirectStore(layout.root, options=OPTIONS)
    try:
        return texts_of_open(store)
    finally:
        store.close()


def texts_of_open(store):
    """The same, and what is in the queue."""
    names = store.connection().execute("SELECT a.address, b.name, b.id FROM mailbox b JOIN account a ON a.id=b.account")
    texts = {
        (address, name): [run(store.bodies.get(content)) for content in run(store.rows(mailbox)).contents]
        for address, name, mailbox in names
    }
    for queue_id, content in store.connection().execute("SELECT queue_id, content FROM queued"):
        texts["queue", queue_id] = [run(store.bodies.get(content))]
    return texts


def test_sound_store_has_no_damage(layout):
    """verify is silent about a store that is well, and rebuild has nothing to do."""
    assert found(layout) == []
    before = texts_of(layout)
    assert rebuild(layout) == []
    assert found(layout) == []
    assert texts_of(layout) == before


@pytest.mark.parametrize(("kind", "harm"), DAMAGE, ids=[f"{n}-{kind}" for n, (kind, _) in enumerate(DAMAGE)])
def test_damage_is_found_and_repaired(layout, kind, harm):
    """Each planted damage is named; after rebuild verify finds nothing."""
    harm(layout)
    damage = found(layout)
    assert kind in {one.kind for one in damage}
    assert all(one.where and one.text("en") and one.text("ja") for one in damage)
    findings = rebuild(layout)
    assert found(layout) == []
    assert all(one.text("en") and one.text("ja") for one in findings)


def test_every_kind_has_words_and_a_test():
    """No kind of damage without a text in both languages, and none that no test plants."""
    assert set(TEXTS) == {kind for kind, _ in DAMAGE} | {"database-damaged"}
    assert all(len(words) == 2 and all(words) for words in (*TEXTS.values(), *FINDINGS.values()))


@pytest.mark.parametrize(
    "harm",
    [
        sql("DELETE FROM mailbox WHERE id=2"),
        sql("DELETE FROM account WHERE id=2"),
        sql(
            "UPDATE msg SET content=998 WHERE mailbox=2 AND uid=1",
            "UPDATE msg SET content=998 WHERE mailbox=3 AND uid=1",
        ),
        sql("DELETE FROM queued"),
        sql("DELETE FROM queued_recipient"),
    ],
    ids=["mailbox", "account", "rows", "queue", "recipients"],
)
def test_rebuild_keeps_every_text(layout, harm):
    """Texts that lost their mailbox or account are in somebody's mailbox afterwards."""
    before = {text for texts in texts_of(layout).values() for text in texts}
    harm(layout)
    rebuild(layout)
    assert {text for texts in texts_of(layout).values() for text in texts} == before


@pytest.mark.parametrize("damaged", [False, True])
def test_rebuild_does_not_bring_removed_people_back(layout, damaged):
    """Mail of a removed account that is not erased yet is gone after a rebuild, and in nobody's mailbox; what others share stays."""
    store = DirectStore(layout.root, options=OPTIONS)
    (alice,) = store.connection().execute("SELECT id FROM account WHERE address LIKE 'alice@%'").fetchone()
    store.commit([RemoveAccount(alice)])
    before = texts_of_open(store)
    ((page_of_index,),) = store.connection().execute("SELECT rootpage FROM sqlite_schema WHERE name='account_domain'")
    store.close()
    assert found(layout) == []
    if damaged:
        scribble(layout, page_of_index - 1)
    findings = rebuild(layout)
    assert damaged == ("put-aside" in {one.kind for one in findings})
    assert found(layout) == []
    assert texts_of(layout) == before
    assert [name for _, _, names in os.walk(layout.bodies) for name in names] == []


def test_damaged_page_is_found(layout):
    """Rubbish inside the database file is noticed."""
    scribble(layout, 9)
    assert "database-damaged" in {one.kind for one in found(layout)}


def scribble(layout, page):
    """Overwrite one page of the database."""
    with open(layout.database, "r+b") as file:
        file.seek(4096 * page)
        file.write(b"\xa5" * 4096)


def validities(layout):
    """UIDVALIDITY by account and mailbox."""
    db = open_reader(layout.database)
    try:
        rows = db.execute("SELECT a.address, b.name, b.uidvalidity FROM mailbox b JOIN account a ON a.id=b.account")
        return {(address, name): value for address, name, value in rows}
    finally:
        db.close()


def test_rebuild_without_a_database(layout):
    """The database is gone: every large message comes back to its owner under a new UIDVALIDITY, with our headers."""
    os.unlink(layout.database)
    findings = rebuild(layout)
    assert "recovered" in {one.kind for one in findings}
    assert "password-missing" in {one.kind for one in findings}
    texts = texts_of(layout)
    assert texts["alice@example.test", "Big"] == [PREFIX + LARGE]
    assert texts["alice@example.test", "INBOX"] == []
    assert found(layout) == []


def test_rebuild_with_rubbish_for_a_database(layout):
    """The database is not one any more: it is put aside, large messages come back."""
    with open(layout.database, "wb") as file:
        file.write(b"\xa5" * 100_000)
    kinds = {one.kind for one in rebuild(layout)}
    assert {"put-aside", "nothing-readable", "recovered"} <= kinds
    assert texts_of(layout)["alice@example.test", "Big"] == [PREFIX + LARGE]
    assert [name for name in os.listdir(layout.root) if name.startswith("damaged-")]


def test_file_without_facts_goes_to_postmaster(layout):
    """A large message that does not say whose it is is not thrown away."""
    with open(body_file(layout), "r+b") as file:
        file.truncate(64 + len(LARGE))
    os.unlink(layout.database)
    rebuild(layout)
    assert [LARGE] in texts_of(layout).values()


def test_rebuild_from_a_damaged_database(tmp_path):
    """Wherever one page is damaged, rebuild gives a sound store with nearly all messages, none invented, UIDs under a new validity."""
    original = fill(tmp_path / "original", count=60)
    expected = {text for texts in texts_of(original).values() for text in texts}
    before = validities(original)
    pages = os.path.getsize(original.database) // 4096
    kept = []
    for page in range(1, pages, 3):
        shutil.copytree(original.root, tmp_path / str(page))
        layout = Layout(str(tmp_path / str(page)))
        scribble(layout, page)
        if not found(layout):
            continue  # an empty page
        rebuild(layout)
        assert found(layout) == []
        texts = {text for texts in texts_of(layout).values() for text in texts}
        recovered = set(map(with_headers, texts))
        assert recovered <= expected
        kept.append(len(recovered))
        after = validities(layout)
        assert all(after[key] > before[key] for key in before.keys() & after.keys())
        shutil.rmtree(layout.root)
    assert kept
    assert max(kept) == len(expected)
    assert sum(kept) / len(kept) > len(expected) * 0.6


def with_headers(text):
    """A message with the headers that a lost content row loses."""
    if text.endswith(QUEUED):
        return b"Return-Path: <>\r\n" + PREFIX + QUEUED
    return text if text.startswith(PREFIX) else PREFIX + text


@pytest.mark.parametrize("rows_are_lost", [True, False])
@pytest.mark.parametrize("here_too", [True, False])
def test_large_message_in_the_queue(tmp_path, rows_are_lost, here_too):
    """The index is lost: a large message that waited is in the queue again, held; was it in a mailbox too, nobody knows if it was sent."""
    layout = fill(tmp_path / "store")
    store = DirectStore(layout.root, options=OPTIONS)
    writer = store.bodies.create()
    writer.write(LARGE)
    body = run(writer.close())
    outgoing = Outgoing("Q2", "a@b.example", 0, 9, 9, 0, (OutgoingRecipient("x@far.example", "far.example"),))
    accounts = (2,) if here_too else ()
    store.commit([Deliver(accounts, PREFIX, body.size, 99, location=body.location, mailbox="In", outgoing=outgoing)])
    ((page_of_index,),) = store.connection().execute("SELECT rootpage FROM sqlite_schema WHERE name='account_domain'")
    store.close()
    if rows_are_lost:
        os.unlink(layout.database)
    else:
        sql("DELETE FROM content WHERE location IS NOT NULL")(layout)
        scribble(layout, page_of_index - 1)
    findings = {one.kind for one in rebuild(layout)}
    assert found(layout) == []
    texts = texts_of(layout)
    unsure = rows_are_lost and here_too
    assert ("unsure" in findings) == unsure
    assert (texts.get(("queue", "Q2")) is None) == unsure
    assert ("held" in findings) == (not unsure)
    if not unsure:
        db = open_reader(layout.database)
        states = db.execute(
            "SELECT address, state FROM queued JOIN queued_recipient r ON message=queued.id WHERE queue_id='Q2'"
        )
        assert states.fetchall() == [("x@far.example", State.HELD)]
        db.close()


def test_message_removed_while_verify_looks(layout, monkeypatch):
    """A running server may remove a message and its file during the search: that is no damage."""
    store = DirectStore(layout.root, options=OPTIONS)
    (big,) = store.connection().execute("SELECT id FROM mailbox WHERE name='Big'").fetchone()
    monkeypatch.setattr(verification, "_tables", lambda db: store.commit([Expunge(big, uids(1))]) and ())
    monkeypatch.setattr(verification, "_database", lambda db: db.execute("SELECT 1 FROM msg").fetchall() and ())
    try:
        assert found(layout) == []
    finally:
        store.close()
    assert not os.listdir(os.path.dirname(layout.body("00/x")))


def test_rebuild_uses_the_log(tmp_path):
    """What was committed but not yet copied from the log into the database file is saved too."""
    layout = fill(tmp_path / "store")
    program = (
        "import os, sys; from mailsvc.store.direct import DirectStore; from mailsvc.core.operations import Deliver\n"
        "store = DirectStore(sys.argv[1]); store.commit([Deliver((2,), b'', 4, 1, b'late')]); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", program, layout.root], check=False)
    assert os.path.getsize(layout.database + "-wal")
    expected = {text for texts in texts_of_copy(layout, tmp_path).values() for text in texts}
    assert b"late" in expected
    scribble(layout, 1)
    rebuild(layout)
    assert b"late" in {text for texts in texts_of(layout).values() for text in texts}
    assert found(layout) == []


def texts_of_copy(layout, tmp_path):
    """The texts, without touching the store itself."""
    shutil.copytree(layout.root, tmp_path / "copy")
    return texts_of(Layout(str(tmp_path / "copy")))
