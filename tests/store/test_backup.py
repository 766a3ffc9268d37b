"""A backup made while mail comes in can be restored, and is the same mail."""

import os

import pytest
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from mailsvc.core.operations import AddAccount, AddDomain, Deliver, Expunge
from mailsvc.core.options import Size
from mailsvc.core.queued import State
from mailsvc.db.connection import open_reader
from mailsvc.store.backup import SKIPPED_UIDS, Restored, backup, restore
from mailsvc.store.connect import run
from mailsvc.store.direct import DirectStore
from mailsvc.store.layout import Layout
from mailsvc.store.options import StoreOptions
from mailsvc.store.verify import verify
from tests.store.contract import LARGE, MESSAGE, delivery, uids
from tests.store.test_client import OwnerTestCase
from tests.store.test_damage import fill, texts_of

OPTIONS = StoreOptions(inline_limit=Size(1000), low_disk=Size(0))


def test_restored_store_is_the_same(tmp_path):
    """Every message, UID, flag and UIDVALIDITY is as it was at the time of the backup."""
    layout = fill(tmp_path / "store")
    count = backup(layout, str(tmp_path / "backup"))
    restored = Layout(str(tmp_path / "restored"))
    assert restore(str(tmp_path / "backup"), restored) == Restored(59, 2)
    assert count == 59
    assert texts_of(restored) == texts_of(layout)
    for question in ("SELECT * FROM msg", "SELECT * FROM account", "SELECT * FROM alias_target", "SELECT * FROM expunged",
                     "SELECT * FROM queued", "SELECT * FROM queued_attempt",
                     "SELECT id, account, name, uidvalidity, messages, unseen, octets FROM mailbox"):  # fmt: skip
        assert rows(restored, question) == rows(layout, question)


def rows(layout, question):
    """The answer of a store's database."""
    db = open_reader(layout.database)
    try:
        return db.execute(question).fetchall()
    finally:
        db.close()


def test_no_uid_is_given_again_after_a_restore(tmp_path):
    """Mail that came after the backup had UIDs; the restored store gives others."""
    layout = fill(tmp_path / "store")
    backup(layout, str(tmp_path / "backup"))
    restored = Layout(str(tmp_path / "restored"))
    restore(str(tmp_path / "backup"), restored)
    store = DirectStore(restored.root, options=OPTIONS)
    (((_, uid, _),),) = store.commit([Deliver((2,), b"", len(MESSAGE), 1, MESSAGE)])
    store.close()
    assert uid > SKIPPED_UIDS


def test_restored_queue_is_held(tmp_path):
    """What waited when the backup was made may have been sent since: it waits for a person's word, with all that was known of it."""
    layout = fill(tmp_path / "store")
    backup(layout, str(tmp_path / "backup"))
    restored = Layout(str(tmp_path / "restored"))
    restore(str(tmp_path / "backup"), restored)
    question = "SELECT id, address, state, due, attempts, reply FROM queued_recipient"
    before, after = rows(layout, question), rows(restored, question)
    assert [row[2] for row in before] == [State.WAITING, State.WAITING, State.SENT]
    assert after == [(*row[:2], max(row[2], State.HELD), *row[3:]) for row in before]
    assert rows(Layout(str(tmp_path / "backup")), question) == before  # the backup itself stays as it is


def test_nothing_is_overwritten(tmp_path):
    """A backup or a store that is there stays."""
    layout = fill(tmp_path / "store")
    backup(layout, str(tmp_path / "backup"))
    with pytest.raises(FileExistsError):
        backup(layout, str(tmp_path / "backup"))
    with pytest.raises(FileExistsError):
        restore(str(tmp_path / "backup"), layout)
    with pytest.raises(FileNotFoundError):
        restore(str(tmp_path / "nothing"), Layout(str(tmp_path / "new")))
    assert not os.path.exists(tmp_path / "new" / "mail.db")


class BackupUnderLoadTests(OwnerTestCase):
    """With a running owner."""

    async def test_backup_under_load_is_whole(self):
        """While large messages come and go, every row of the backup has its text; verify finds nothing."""
        (_, account) = await self.store.apply([AddDomain("example.test"), AddAccount("a@example.test")])
        stop = []

        async def load():
            while not stop:
                writer = self.store.bodies.create()
                writer.write(LARGE)
                body = await writer.close()
                ((placed,),) = await self.store.apply(
                    [delivery(account, data=None, size=body.size, location=body.location)]
                )
                await self.store.apply([delivery(account), Expunge(placed[0], uids(max(1, placed[1] - 4)))])

        async def backups():
            for number in range(3):
                await deferLater(reactor, 0.05)
                target = Layout(os.path.join(self.path, f"backup{number}"))
                assert await deferToThread(backup, Layout(self.path), target.root) > 0
                db = open_reader(target.database)
                damage = [one for one in verify(target, db) if one.kind != "file-orphaned"]
                db.close()
                assert damage == []
            stop.append(True)

        await gatherResults([Deferred.fromCoroutine(one) for one in (load(), load(), backups())])
        assert len(os.listdir(self.path)) > 3

    async def test_files_stay_while_held(self):
        """A file whose message is removed during a backup goes only when the backup is over."""
        (_, account) = await self.store.apply([AddDomain("example.test"), AddAccount("a@example.test")])
        writer = self.store.bodies.create()
        writer.write(LARGE)
        body = await writer.close()
        ((placed,),) = await self.store.apply([delivery(account, data=None, size=body.size, location=body.location)])
        await self.store._request("hold")
        await self.store.apply([Expunge(placed[0], uids(placed[1]))])
        file = Layout(self.path).body(body.location)
        await deferLater(reactor, 0.3)
        assert os.path.exists(file)
        await self.store._request("release")
        while os.path.exists(file):
            await deferLater(reactor, 0.01)


def test_backup_without_a_server(tmp_path):
    """No owner runs: the backup keeps owners away meanwhile, and not afterwards."""
    layout = fill(tmp_path / "store")
    backup(layout, str(tmp_path / "backup"))
    store = DirectStore(layout.root, options=OPTIONS)
    assert run(store.mailbox(2, "INBOX")).messages == 28
    store.close()
