"""The writer: groups, and what happens when the database fails."""

import apsw
import pytest

from mailsvc.core.errors import Kind, MailError
from mailsvc.core.operations import AddAccount, AddDomain
from mailsvc.db.connection import DatabaseRefused, open_writer
from mailsvc.store import committer as module
from mailsvc.store.committer import Committer, LeaseTaken
from mailsvc.store.layout import Layout
from tests.store.contract import delivery


@pytest.fixture
def layout(tmp_path):
    """A directory."""
    return Layout(str(tmp_path / "store"))


@pytest.fixture
def committer(layout):
    """A writer with one account, number 2."""
    committer = Committer(layout, lambda text: None)
    committer.open()
    committer.commit([[AddDomain("example.test"), AddAccount("a@example.test")]])
    yield committer
    committer.close()


def count(layout):
    """Messages that are committed."""
    db = open_writer(layout.database)
    try:
        return db.execute("SELECT count(*) FROM msg").fetchone()[0]
    finally:
        db.close()


def test_group_is_one_commit(committer, layout):
    """Ten requests are one transaction; the one that is refused takes nobody along."""
    commits = committer.commits
    group = committer.commit([[delivery(2)]] * 4 + [[delivery(2), delivery(999)]] + [[delivery(2)]] * 5)
    assert committer.commits == commits + 1
    assert [isinstance(answer, MailError) for answer in group.answers] == [False] * 4 + [True] + [False] * 5
    assert count(layout) == 9
    assert [event.modseq for event in group.changed] == [10]


class FailingConnection:
    """A connection that fails at one statement."""

    def __init__(self, connection, statement, error):
        self._connection, self._statement, self._error = connection, statement, error

    def __getattr__(self, name):
        return getattr(self._connection, name)

    def execute(self, sql, *bindings):
        """The real thing, or the error."""
        if sql.startswith(self._statement):
            raise self._error("planted")
        return self._connection.execute(sql, *bindings)


@pytest.mark.parametrize("statement", ["BEGIN", "SAVEPOINT", "INSERT INTO msg", "RELEASE", "COMMIT"])
@pytest.mark.parametrize("error", [apsw.FullError, apsw.IOError])
def test_database_that_fails(committer, layout, statement, error):
    """Everybody in the group hears NOT_NOW, nothing of it exists, and the next group gets a new connection."""
    broken = committer._db
    committer._db = FailingConnection(broken, statement, error)
    group = committer.commit([[delivery(2)], [delivery(2)]])
    assert [answer.kind for answer in group.answers] == [Kind.NOT_NOW] * 2
    assert group.changed == []
    assert count(layout) == 0
    (answer,) = committer.commit([[delivery(2)]]).answers
    assert answer == [((2, 1, answer[0][0][2]),)]
    assert committer._db is not broken
    assert count(layout) == 1


def test_database_that_cannot_be_opened_again(committer, monkeypatch):
    """As long as it cannot be opened every group hears NOT_NOW; then it goes on."""

    def refused(path):
        raise DatabaseRefused("planted")

    committer._disconnect()
    monkeypatch.setattr(module, "open_writer", refused)
    assert committer.commit([[delivery(2)]]).answers[0].kind is Kind.NOT_NOW
    monkeypatch.undo()
    assert isinstance(committer.commit([[delivery(2)]]).answers[0], list)


def test_full_disk_is_not_half_a_message(committer, layout):
    """The database may not grow: the message is refused for now and nothing of it exists; small things go on afterwards."""
    committer._db.execute("PRAGMA max_page_count=150").fetchall()
    answers = committer.commit([[delivery(2, data=b"x" * 1_000_000)]]).answers
    assert answers[0].kind is Kind.NOT_NOW
    assert count(layout) == 0
    assert isinstance(committer.commit([[delivery(2)]]).answers[0], list)


def test_lease_is_exclusive_and_given_back(committer, layout):
    """A second writer is kept out as long as the first lives, and only so long."""
    with pytest.raises(LeaseTaken):
        Committer(layout, print).open()
    committer.close()
    second = Committer(layout, print)
    second.open()
    second.close()


def test_lease_is_given_back_when_opening_fails(layout):
    """A store that is refused is not locked by the attempt."""
    Layout(layout.root).make()
    with open(layout.database, "wb") as file:
        file.write(b"rubbish" * 1000)
    for _ in range(2):
        with pytest.raises(apsw.NotADBError):
            Committer(layout, print).open()
