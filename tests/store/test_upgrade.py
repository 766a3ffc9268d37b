"""Yesterday's data opens with today's code. Each release leaves a dump of a small store in ``data/``."""

from pathlib import Path

import apsw
import pytest

from mailsvc.core.interfaces.store import Field
from mailsvc.core.ledger import Event, Happening, Query
from mailsvc.core.ledger_rows import pack
from mailsvc.core.operations import Deliver, Record, RemoveDevice, Settle
from mailsvc.core.queued import Outcome, State
from mailsvc.core.secrets import Device, Scope, Verifier
from mailsvc.core.values import EVERY_UID
from mailsvc.db.connection import open_reader
from mailsvc.db.schema import migrations, version_of
from mailsvc.directory import Directory, Secrets
from mailsvc.formats.address import Address
from mailsvc.formats.sasl import ScramKeys
from mailsvc.ledger.finding import find
from mailsvc.store.connect import run
from mailsvc.store.direct import DirectStore
from mailsvc.store.layout import Layout
from mailsvc.store.sql_ledger import IndexLedger
from mailsvc.store.verify import verify

DUMPS = sorted((Path(__file__).parent / "data").glob("schema-*.sql"))


def test_there_is_a_dump_of_every_schema():
    """Who adds a migration adds a dump of the schema that it makes."""
    assert [int(dump.stem.partition("-")[2]) for dump in DUMPS] == [step.number for step in migrations()]


async def everything(slices):
    """All that an asynchronous iterator gives."""
    return [one async for one in slices]


@pytest.mark.parametrize("dump", DUMPS, ids=lambda path: path.stem)
def test_old_store_opens(dump, tmp_path):
    """People, aliases, mail and flags are there; verify finds nothing; new mail gets the next UID."""
    layout = Layout(str(tmp_path))
    old = apsw.Connection(layout.database)
    old.execute(dump.read_text("utf-8")).fetchall()
    old.close()
    store = DirectStore(layout.root)
    try:
        assert version_of(store.connection()) == migrations()[-1].number
        directory = Directory(store.connection)
        (alice,) = run(directory.resolve(Address("info", "mail.example.test"))).accounts
        assert (alice.address, alice.messages) == ("alice@example.test", 2)
        inbox = run(store.mailbox(alice.id, "INBOX"))
        rows = run(store.rows(inbox.id))
        assert (list(rows.uids), list(rows.flags)) == ([1, 3], [1, 0])
        assert run(store.bodies.get(rows.contents[0])) == b"Received: here\r\nSubject: 0\r\n\r\n\xe2\x82\xac\r\n"
        assert run(store.changes(inbox.id, 1))[1:] == ([2], True)
        (envelopes,) = run(everything(store.fetch(inbox.id, EVERY_UID, (Field.ENVELOPE,))))
        assert [(uid, text[:9]) for uid, text in envelopes] == [(1, b'(NIL "0" '), (3, b'(NIL "2" ')]
        assert (inbox.recent, inbox.keywords, inbox.special_use) == (1, (), ())
        (((_, uid, validity),),) = store.commit([Deliver((alice.id,), b"", 1, 1, b"x")])
        assert (uid, validity) == (4, inbox.uidvalidity)
    finally:
        store.close()
    db = open_reader(layout.database)
    assert verify(layout, db) == []
    db.close()


@pytest.mark.parametrize("dump", DUMPS[5:], ids=lambda path: path.stem)
def test_old_queue_goes_on(dump, tmp_path):
    """What waited waits, what was held is held, with what was said about it; it can be settled."""
    layout = Layout(str(tmp_path))
    old = apsw.Connection(layout.database)
    old.execute(dump.read_text("utf-8")).fetchall()
    old.close()
    store = DirectStore(layout.root)
    try:
        message = run(store.queue.message("q6"))
        assert run(store.bodies.get(message.content, message.skip)) == b"Received: here\r\nSubject: out\r\n\r\nhi\r\n."
        recipients = run(store.queue.recipients("q6"))
        assert [one.state for one in recipients] == [State.WAITING, State.HELD, State.SENT]
        assert [one.reply for one in run(store.queue.attempts("q6"))] == ["connection refused", "250 ok"]
        outcomes = tuple(Outcome(one.id, State.FAILED, 0, 1, "5.0.0", "no") for one in recipients[:2])
        assert store.commit([Settle(outcomes)]) == [("q6",)]
    finally:
        store.close()
    db = open_reader(layout.database)
    assert verify(layout, db) == []
    db.close()


@pytest.mark.parametrize("dump", DUMPS[7:], ids=lambda path: path.stem)
def test_old_ledger_is_read_on(dump, tmp_path):
    """Rows of earlier releases, which knew whole seconds only, and new ones within the same second are found, in order."""
    layout = Layout(str(tmp_path))
    old = apsw.Connection(layout.database)
    old.execute(dump.read_text("utf-8")).fetchall()
    old.close()
    second = 1_790_000_000
    store = DirectStore(layout.root)
    try:
        rows = [Event(at=at, what=Happening.HELD, sender="a@example.com") for at in (second + 0.9, second + 0.8)]
        store.commit([Record(tuple(map(pack, rows))), IndexLedger()])
        found = find(store.connection(), Query(text="a@example.com", since=second))
        known = {8: [0], 9: [0.75, 0.25, 0]}[int(dump.stem.partition("-")[2])]
        assert [one.at - second for one in found] == pytest.approx([0.9, 0.8, *known])
        assert found[-1].queue_id == "Q1"
        assert find(store.connection(), Query(text="a@example.com", since=second, until=second + 0.1)) == found[-1:]
    finally:
        store.close()


@pytest.mark.parametrize("dump", DUMPS, ids=lambda path: path.stem)
def test_what_people_log_in_with(dump, tmp_path):
    """Hashes, device passwords, verifiers, the key of the salts and names in quarantine are there as they were; older stores get a key."""
    layout, number = Layout(str(tmp_path)), int(dump.stem.partition("-")[2])
    old = apsw.Connection(layout.database)
    old.execute(dump.read_text("utf-8")).fetchall()
    old.close()
    store = DirectStore(layout.root)
    try:
        directory, secrets = Directory(store.connection), Secrets(store.connection)
        alice = run(directory.find_login("u1"))
        assert (alice.address, alice.enabled, alice.mailbox) == ("alice@example.test", True, True)
        assert run(directory.password_hash(alice.id)) == "$argon2id$v=19$x"
        devices, verifiers = run(secrets.all_devices()), run(secrets.verifiers(alice.id, "SHA-256"))
        if number >= 4:
            assert devices == [Device(77, alice.id, "phone", Scope.ALL, 1700000000, 0, 0, "", "k1", b"\x0c", None)]
            assert verifiers == [Verifier(0, b"\x01\x02", 4096, ScramKeys(b"\x0a", b"\x0b"))]
            assert run(secrets.salt_key()) == b"Z" * 32
        else:
            assert (devices, verifiers, len(run(secrets.salt_key()))) == ([], [], 32)
        freed = [(one.address, one.until) for one in run(directory.freed())]
        assert freed == ([("gone@example.test", 4000000000)] if number >= 5 else [])
        store.commit([RemoveDevice(alice.id, device.id) for device in devices])
        assert run(secrets.all_devices()) == []
    finally:
        store.close()
