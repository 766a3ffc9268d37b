"""What may wait: mail of removed accounts, old records, free pages. Slice by slice, over a crash, and never what somebody still has."""

import os
from pathlib import Path
from types import SimpleNamespace

import apsw
import pytest

from mailsvc.core.errors import MailError
from mailsvc.core.operations import AddAccount, AddDomain, Deliver, Expunge, RemoveAccount, StoreFlags
from mailsvc.core.options import Size
from mailsvc.db.connection import open_reader, open_writer
from mailsvc.store import bodyfile
from mailsvc.store import chores as module
from mailsvc.store.chores import Chores
from mailsvc.store.committer import Committer
from mailsvc.store.connect import run
from mailsvc.store.direct import DirectStore
from mailsvc.store.housekeeping import PASSIVE, Housekeeper
from mailsvc.store.layout import Layout
from mailsvc.store.space import Space
from mailsvc.store.sql_chores import OVERGROWN, Erase, GiveBack, Prune
from mailsvc.store.verify import verify

TEXT = b"x" * 5000
ALICE, BOB = 2, 3


class House:
    """A writer with the accounts alice (2, with mailbox 2) and bob (3, with mailbox 3), and its chores."""

    def __init__(self, root):
        self.layout = Layout(str(root))
        self.shrunk = []
        self.start()
        self.commit(AddDomain("example.test"), AddAccount("alice@example.test"), AddAccount("bob@example.test"))

    def start(self):
        """As after a crash."""
        self.committer = Committer(self.layout, pytest.fail)
        self.committer.open()
        self.chores = Chores(self.layout, self.committer, lambda: self.shrunk.append(True))

    def crash(self):
        """Stop in the middle and start again."""
        self.committer.close()
        self.start()

    def commit(self, *operations):
        """Results of one request."""
        (answer,) = self.committer.commit([operations]).answers
        assert not isinstance(answer, MailError), answer
        return answer

    def fill(self, count, *accounts, data=TEXT):
        """So many messages for all of these accounts."""
        self.commit(*[Deliver(accounts, b"", len(data), 1, data) for _ in range(count)])

    def number(self, sql):
        """The one number that a question gives."""
        return self.committer.look(sql)[0][0]

    def damage(self):
        """What verify finds."""
        db = open_reader(self.layout.database)
        try:
            return verify(self.layout, db)
        finally:
            db.close()

    def checkpoint(self):
        """Bring the log into the database, as the housekeeper does."""
        db = open_writer(self.layout.database)
        db.wal_checkpoint()
        db.close()


@pytest.fixture
def house(tmp_path):
    """A house that is closed at the end."""
    house = House(tmp_path / "store")
    yield house
    house.committer.close()


def test_nothing_to_do(house):
    """A store that is well is left alone: no commit."""
    house.fill(10, ALICE, BOB)
    commits = house.committer.commits
    assert not house.chores.slice()
    assert house.committer.commits == commits


def test_removed_account_is_erased_in_slices(house):
    """The account is gone at once; its mail goes by 500 messages, over a crash; what bob shares stays; verify is content throughout."""
    house.fill(600, ALICE, data=b"small")
    house.fill(600, ALICE, BOB, data=b"small")
    house.commit(RemoveAccount(ALICE))
    assert house.number("SELECT count(*) FROM mailbox WHERE account=2") == 0
    (refused,) = house.committer.commit([[Deliver((ALICE,), b"", 1, 1, b"x")]]).answers
    assert isinstance(refused, MailError)
    left = [1200]
    while house.chores.slice():
        assert house.damage() == []
        left.append(house.number("SELECT count(*) FROM msg WHERE mailbox=2"))
        house.crash()
    assert left[:4] == [1200, 700, 200, 0]
    for table, count in (("erase_later", 0), ("msg", 600), ("content", 600), ("body", 600)):
        assert house.number(f"SELECT count(*) FROM {table}") == count, table
    assert house.damage() == []


def test_slice_is_small_in_octets_too(house):
    """Large messages make slices of fewer messages; one that is larger than a slice goes all the same."""
    house.fill(12, ALICE, data=bytes(1_000_000))
    house.fill(1, ALICE, data=bytes(9_000_000))
    house.commit(RemoveAccount(ALICE))
    left = []
    while house.number("SELECT count(*) FROM msg"):
        house.commit(Erase(2))
        left.append(house.number("SELECT count(*) FROM msg"))
    assert left == [5, 1, 0]


def test_files_of_a_removed_account_go(house):
    """The file of a large message is removed with its row."""
    location = "ab/large"
    Path(house.layout.body(location)).write_bytes(bodyfile.header(5) + b"large")
    house.commit(Deliver((ALICE,), b"", 5, 1, location=location))
    house.commit(RemoveAccount(ALICE))
    assert house.layout.has(location)
    while house.chores.slice():
        pass
    assert not house.layout.has(location)


def test_records_of_a_removed_account_go(house):
    """What was remembered of expunged messages is erased with the rest."""
    house.fill(3, ALICE)
    house.commit(Expunge(2, ((1, 2),)))
    house.commit(RemoveAccount(ALICE))
    while house.chores.slice():
        pass
    assert house.number("SELECT count(*) FROM expunged") == 0
    assert house.number("SELECT count(*) FROM erase_later") == 0


def test_living_mailbox_is_never_erased(house):
    """A mark on a mailbox that is there is damage, and no reason to erase it."""
    house.fill(3, ALICE)
    db = open_writer(house.layout.database)
    db.execute("INSERT INTO erase_later(mailbox) VALUES(2)")
    db.close()
    assert not house.chores.slice()
    assert house.number("SELECT count(*) FROM msg") == 3
    assert [one.kind for one in house.damage()] == ["mailbox-to-be-erased"]


def overgrown(house, keep):
    """Mailboxes that the housekeeper would find."""
    db = open_reader(house.layout.database)
    try:
        return [row[0] for row in db.execute(OVERGROWN, (keep,))]
    finally:
        db.close()


def test_old_records_are_pruned(house, monkeypatch):
    """The newest records stay; who asks from before them hears that the answer is not complete, who asks from later gets all."""
    monkeypatch.setattr(module, "RECORDS", 4)
    house.fill(12, ALICE)
    for uids in ((1, 2), (3, 3), (4, 6), (7, 7), (8, 8)):  # modseq 14 to 18
        house.commit(Expunge(2, (uids,)))
    assert overgrown(house, 4) == [2]
    house.chores.overgrown.extend(overgrown(house, 4))
    while house.chores.slice():
        pass
    assert not house.chores.overgrown
    assert overgrown(house, 4) == []
    assert house.number("SELECT expunge_floor FROM mailbox WHERE id=2") == 16
    assert house.damage() == []
    house.committer.close()
    store = DirectStore(house.layout.root)
    try:
        assert run(store.changes(2, 15))[1:] == ([7, 8], False)
        assert run(store.changes(2, 16))[1:] == ([7, 8], True)
        assert run(store.changes(2, 17))[1:] == ([8], True)
        store.commit([StoreFlags(2, ((9, 9),), add=1)])
        assert run(store.changes(2, 18))[1:] == ([], True)
    finally:
        store.close()


def test_pruning_goes_on_after_a_crash(house):
    """Ten thousand records of one moment go in slices; the mailbox is found again if the first was the last before a crash."""
    house.fill(10, ALICE, data=b"")
    house.commit(Expunge(2, ((1, 1),)))
    db = open_writer(house.layout.database)
    db.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1000 UNION ALL SELECT i+1 FROM n WHERE i<10999)"
        " INSERT INTO expunged SELECT 2, 12, i FROM n"
    )
    db.execute("UPDATE mailbox SET modseq=12, uidnext=11000 WHERE id=2")
    db.close()
    assert house.commit(Prune(2, 100)) == [5000]
    house.crash()
    assert overgrown(house, 20_000) == [2]
    house.chores.overgrown.append(2)
    while house.chores.slice():
        pass
    assert house.number("SELECT count(*) FROM expunged") == 0
    assert house.number("SELECT expunge_floor FROM mailbox WHERE id=2") == 12


def test_slice_of_pages_is_a_whole_one(house):
    """One slice gives back all of its pages, not one; and no more."""
    house.fill(400, ALICE)
    house.commit(Expunge(2, ((1, 400),)))
    free = house.number("PRAGMA freelist_count")
    assert free > 300
    house.commit(GiveBack(256))
    assert house.number("PRAGMA freelist_count") == free - 256


class Disk:
    """A disk of ``size`` octets with nothing on it but a store."""

    def __init__(self, size, root):
        self._size, self._root = size, root

    def statvfs(self, path):
        """What is free."""
        used = sum(
            os.path.getsize(os.path.join(folder, name)) for folder, _, names in os.walk(self._root) for name in names
        )
        return SimpleNamespace(f_bavail=self._size - used, f_frsize=1)


def test_deleting_ends_the_low_space_mark(house, monkeypatch):
    """Filled to the mark, mail is put off; users delete, the file shrinks, and mail is taken again."""
    monkeypatch.setattr(os, "statvfs", Disk(40_000_000, house.layout.root).statvfs)

    def low():
        try:
            Space(house.layout.root, Size(10_000_000)).check()
        except MailError:
            return True
        return False

    count = 0
    while not low():
        house.fill(200, ALICE)
        house.checkpoint()
        count += 200
    size = os.path.getsize(house.layout.database)
    house.commit(Expunge(2, ((1, count // 2 - 1),)))
    house.checkpoint()
    assert low()
    assert os.path.getsize(house.layout.database) == size
    slices = 0
    while house.chores.slice():
        slices += 1
    assert slices > 5
    assert house.shrunk == [True]
    house.checkpoint()
    assert os.path.getsize(house.layout.database) < size * 6 // 10
    assert not low()
    assert house.damage() == []


def test_a_few_free_pages_are_kept(house, monkeypatch):
    """On a disk with room a small part of the database stays free for the next messages."""
    monkeypatch.setattr(os, "statvfs", Disk(2**40, house.layout.root).statvfs)
    house.fill(4000, ALICE)
    house.commit(Expunge(2, ((1, 400),)))
    assert house.number("PRAGMA freelist_count") > 400
    assert not house.chores.slice()


def test_housekeeper_finds_overgrown_mailboxes(house, monkeypatch):
    """The hourly look tells the chores; a checkpoint that was asked for is made, however short the log."""
    monkeypatch.setattr("mailsvc.store.housekeeping.RECORDS", 1)
    house.fill(3, ALICE)
    house.commit(Expunge(2, ((1, 2),)))
    keeper = Housekeeper(house.layout, house.committer, pytest.fail)
    db = open_writer(house.layout.database)
    keeper._sweep(db)
    assert list(keeper.chores.overgrown) == [2]
    assert os.path.getsize(house.layout.database) < 200_000
    house.fill(100, ALICE)
    keeper._checkpoint(db)
    assert os.path.getsize(house.layout.database) < 200_000
    keeper.checkpoint()
    keeper._checkpoint(db)
    assert os.path.getsize(house.layout.database) > 400_000
    db.close()


class Checkpoints:
    """A connection that counts them."""

    def __init__(self, layout):
        self.modes = []
        self._db = open_writer(layout.database)
        self._db.set_busy_timeout(0)

    def wal_checkpoint(self, mode):
        """Make one."""
        self.modes.append(mode)
        return self._db.wal_checkpoint(mode=mode)

    def close(self):
        """It is done."""
        self._db.close()


def test_checkpoints_wait_for_enough(house):
    """One for each 8 MB that the log has gathered since the last, whatever size its file has; above 64 MB the log begins anew."""
    keeper, db = Housekeeper(house.layout, house.committer, pytest.fail), Checkpoints(house.layout)
    reader = open_reader(house.layout.database)
    reading = reader.execute("SELECT 1 FROM meta")  # meanwhile the log cannot begin anew
    for _ in range(20):
        house.fill(200, ALICE, data=TEXT * 4)
        keeper._checkpoint(db)
        assert len(db.modes) <= house.committer.pages // PASSIVE
    passive = db.modes.count(apsw.SQLITE_CHECKPOINT_PASSIVE)
    assert passive >= 5
    assert set(db.modes[passive:]) == {apsw.SQLITE_CHECKPOINT_RESTART}
    reading.close()
    reader.close()
    db.close()
