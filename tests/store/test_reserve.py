"""Room that is kept for deleting: who may use it, when it is given up and taken back. On a real full disk: ``tests/running``."""

import errno
import os

import apsw
import pytest

from mailsvc.core.errors import Kind, MailError
from mailsvc.core.operations import AddAccount, AddDomain, Expunge, Record, StoreFlags, Subscribe
from mailsvc.core.values import SystemFlag
from mailsvc.db.connection import open_reader, open_writer
from mailsvc.store import backup, orphans
from mailsvc.store import committer as committing
from mailsvc.store.bodies import BodyWriter
from mailsvc.store.chores import Chores
from mailsvc.store.committer import Committer
from mailsvc.store.connect import run
from mailsvc.store.housekeeping import Housekeeper
from mailsvc.store.layout import Layout
from mailsvc.store.reserve import SIZE, Reserve, is_short
from mailsvc.store.space import Space
from mailsvc.store.verify import verify
from tests.store.contract import delivery

ALICE = 2
SEEN = StoreFlags(2, ((1, 1),), add=SystemFlag.SEEN)


class Disk:
    """A disk for the store's database that is full, but for the room of the reserve while that is given up.

    :ivar full: whether it is. :ivar room: octets that the reserve finds when it is taken.
    """

    def __init__(self, layout, monkeypatch):
        self.full = False
        self.room = SIZE
        self._layout = layout
        self._allocate = os.posix_fallocate
        monkeypatch.setattr(committing, "open_writer", lambda path: Connection(open_writer(path), self))
        monkeypatch.setattr(os, "posix_fallocate", self._fallocate)

    def check(self, error):
        """Raise the error if there is no room."""
        reserve = self._layout.reserve
        if self.full and (not os.path.exists(reserve) or os.path.getsize(reserve)):
            raise error

    def _fallocate(self, descriptor, offset, length):
        if offset + length > self.room:
            raise OSError(errno.ENOSPC, "planted")
        self._allocate(descriptor, offset, length)


class Connection:
    """A connection that needs room for each COMMIT."""

    def __init__(self, connection, disk):
        self._connection, self._disk = connection, disk

    def __getattr__(self, name):
        return getattr(self._connection, name)

    def execute(self, sql, *bindings):
        """The real thing, or the error of a full disk."""
        if sql == "COMMIT":
            self._disk.check(apsw.FullError("planted"))
        return self._connection.execute(sql, *bindings)


@pytest.fixture
def layout(tmp_path):
    """A directory."""
    return Layout(str(tmp_path / "store"))


@pytest.fixture
def disk(layout, monkeypatch):
    """The disk below it, with room."""
    return Disk(layout, monkeypatch)


@pytest.fixture
def committer(layout, disk):
    """A writer that has its reserve, with one account, number 2, and two messages."""
    committer = Committer(layout, lambda text: None)
    committer.open()
    committer.reserve.take()
    committer.commit([[AddDomain("example.test"), AddAccount("a@example.test")], [delivery(2)], [delivery(2)]])
    yield committer
    committer.close()


def refused(answer):
    """Whether it is a "later"."""
    return isinstance(answer, MailError) and answer.kind is Kind.NOT_NOW


def test_deleting_goes_on(committer, disk, layout):
    """On a full disk flags are changed and messages removed, and the reserve is short from then on."""
    disk.full = True
    assert [refused(answer) for answer in committer.commit([[SEEN]]).answers] == [False]
    assert committer.reserve.short
    assert is_short(layout.reserve)
    assert committer.commit([[Expunge(2, ((1, 1),))]]).answers == [[((1, 1),)]]
    assert committer.look("SELECT uid FROM msg") == [(2,)]


def test_deliveries_never_use_it(committer, disk):
    """A delivery to a full disk is put off with the reserve untouched; beside a deletion, which gives it up, just as well."""
    disk.full = True
    assert refused(committer.commit([[delivery(2)]]).answers[0])
    assert not committer.reserve.short
    answers = committer.commit([[delivery(2)], [Expunge(2, ((1, 1),))], [SEEN, delivery(2)]]).answers
    assert [refused(answer) for answer in answers] == [True, False, True]
    disk.full = False  # what is free now is the reserve's
    assert refused(committer.commit([[delivery(2)]]).answers[0])
    committer.reserve.take()
    assert not refused(committer.commit([[delivery(2)]]).answers[0])


@pytest.mark.parametrize(
    ("request_", "may"),
    [
        ([SEEN, Expunge(2, ((1, 1),))], True),
        ([SEEN, Record(())], True),
        ([Record(())], False),
        ([Subscribe(2, "x")], False),
        ([], False),
    ],
    ids=["QUIT", "removal-with-its-row", "ledger", "subscription", "nothing"],
)
def test_who_may_use_it(committer, disk, request_, may):
    """What takes something away or changes flags, with its row in the ledger; not what strangers can make."""
    disk.full = True
    committer.commit([request_])
    assert committer.reserve.short == may


def test_it_is_taken_back_as_room_comes(committer, disk, layout):
    """As much as there is; until it is whole only deleting goes on, and no process takes messages."""
    disk.full = True
    committer.commit([[SEEN]])
    disk.room = SIZE - 1
    committer.reserve.take()
    assert committer.reserve.short
    assert 0 < os.path.getsize(layout.reserve) < SIZE
    with pytest.raises(MailError, match="low-disk"):
        Space(layout.root, 0).check()
    disk.room = SIZE
    committer.reserve.take()
    assert not committer.reserve.short
    assert os.path.getsize(layout.reserve) == SIZE
    Space(layout.root, 0).check()


def test_large_message_stops_where_it_is(committer, disk, layout):
    """A message that is arriving when the reserve is given up writes no further, and nothing of it is left."""

    async def here(function, *args):
        return function(*args)

    writer = BodyWriter(layout, 1000, here)
    writer.write(b"x" * 300_000)
    disk.full = True
    committer.commit([[SEEN]])
    writer.write(b"x" * 300_000)
    with pytest.raises(MailError, match="disk-failed"):
        run(writer.close())
    assert os.listdir(layout.tmp) == []


def test_crash_before_it_is_taken_back(committer, disk, layout):
    """The next owner finds a short reserve, and takes it."""
    disk.full = True
    committer.commit([[SEEN]])
    committer.close()
    disk.room = SIZE // 2
    after = Committer(layout, lambda text: None)
    after.open()
    after.reserve.take()
    assert after.reserve.short
    assert os.path.getsize(layout.reserve) == SIZE // 2
    disk.room = SIZE
    after.reserve.take()
    assert not after.reserve.short
    after.close()


def test_opening_on_a_full_disk(committer, disk, layout, monkeypatch):
    """A store that needs room to be opened has that of the reserve: SQLite makes a new index of its log."""
    committer.close()
    disk.full = True
    migrate = committing.migrate

    def needs_room(db):
        disk.check(OSError(errno.ENOSPC, "planted"))
        return migrate(db)

    monkeypatch.setattr(committing, "migrate", needs_room)
    after = Committer(layout, lambda text: None)
    after.open()
    assert after.reserve.short
    after.close()


def test_housekeeper_takes_it_back(committer, disk, layout):
    """First it empties the log, whose room comes back."""
    disk.full = True
    committer.commit([[SEEN]])
    keeper = Housekeeper(layout, committer, pytest.fail)
    db = open_writer(layout.database)
    assert os.path.getsize(layout.database + "-wal") > 0
    keeper._take_reserve(db)
    db.close()
    assert not committer.reserve.short
    assert os.path.getsize(layout.database + "-wal") == 0


def test_chores_that_make_room_are_not_kept_waiting(committer, disk, monkeypatch):
    """What the full disk does not take (the ledger's index) stands in the way of nothing that gives room back."""
    done = []
    commit = committer.commit
    monkeypatch.setattr(committer, "commit", lambda requests: done.append(type(requests[0][0])) or commit(requests))
    monkeypatch.setattr("mailsvc.store.chores.UNINDEXED", "SELECT 1")
    chores = Chores(committer._layout, committer, lambda: None)
    monkeypatch.setattr(chores, "_too_roomy", lambda: True)
    disk.full = True
    assert chores.slice()
    assert [kind.__name__ for kind in done] == ["IndexLedger", "GiveBack"]


def test_store_without_reserve(tmp_path, monkeypatch):
    """Where no such file can be made the store works as if the reserve were whole, and says so once."""

    def impossible(descriptor, offset, length):
        raise OSError(errno.EOPNOTSUPP, "planted")

    monkeypatch.setattr(os, "posix_fallocate", impossible)
    said = []
    reserve = Reserve(str(tmp_path / "reserve"), said.append)
    reserve.take()
    assert not reserve.short
    assert not is_short(str(tmp_path / "reserve"))
    assert len(said) == 1
    with reserve.given_up():
        assert not reserve.short


def test_it_is_no_part_of_the_mail(committer, layout, tmp_path):
    """Verify and the look for orphans pass it over, and a backup does not have it."""
    db = open_reader(layout.database)
    assert verify(layout, db) == []
    assert orphans.find(layout, db, age=-1) == []
    db.close()
    committer.close()
    backup.backup(layout, str(tmp_path / "copy"))
    assert sorted(os.listdir(tmp_path / "copy")) == ["bodies", "mail.db"]
