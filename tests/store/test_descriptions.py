"""Descriptions of stored messages: the same as of the whole message, kept when they can be, and never in the way of others."""

import os

import pytest

from mailsvc.core.errors import temporary
from mailsvc.core.interfaces.store import Field
from mailsvc.core.operations import Deliver
from mailsvc.core.options import Size
from mailsvc.core.values import EVERY_UID
from mailsvc.formats.imap.describe import describe as whole
from mailsvc.store import bodyfile
from mailsvc.store.connect import run
from mailsvc.store.descriptions import describe, describe_file
from mailsvc.store.options import StoreOptions
from mailsvc.testing.store import make_store

PREFIX = b"Received: from there by here;\r\n Mon, 7 Feb 1994 21:52:25 -0800\r\n"
SMALL = b"Subject: %d\r\n\r\ntext\r\n"
LARGE = (
    b"Subject: large\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n" + b"x" * 5000 + b"\r\n--b--\r\n"
)


@pytest.fixture
def made(tmp_path):
    """A store with a small, a large and a small message, none of them described."""
    made = make_store(tmp_path / "store", options=StoreOptions(inline_limit=Size(1000), low_disk=Size(0)))
    for data in (SMALL % 1, LARGE, SMALL % 2):
        writer = made.store.bodies.create()
        writer.write(data)
        body = run(writer.close())
        alice = made.accounts["alice@example.test"]
        made.store.commit([Deliver((alice,), PREFIX, body.size, 1, body.data, body.location)])
    yield made
    made.store.close()


def fetched(made, *fields):
    """All rows of the INBOX."""

    async def gather():
        return [row async for rows in made.store.fetch(2, EVERY_UID, fields) for row in rows]

    return run(gather())


def undescribed(made):
    """How many contents have no description."""
    return made.store.connection().execute("SELECT count(*) FROM content WHERE envelope IS NULL").fetchone()[0]


def test_made_once(made):
    """The first question renders and keeps; the second reads what was kept, and says the same."""
    first = fetched(made, Field.BODYSTRUCTURE, Field.ENVELOPE, Field.HEADER_SIZE)
    assert undescribed(made) == 0
    expected = [whole(PREFIX + data) for data in (SMALL % 1, LARGE, SMALL % 2)]
    assert [row[1:] for row in first] == [(one.bodystructure, one.envelope, one.message.body) for one in expected]
    made.store.reader.inline = None  # no text is opened any more
    assert fetched(made, Field.BODYSTRUCTURE, Field.ENVELOPE, Field.HEADER_SIZE) == first


def test_store_that_cannot_be_written(made):
    """On a full disk the answer comes all the same, and is made again the next time."""

    async def full(operations):
        raise temporary("commit-failed")

    made.store.apply = full
    assert [text[:9] for _, text in fetched(made, Field.ENVELOPE)] == [b'(NIL "1" ', b'(NIL "lar', b'(NIL "2" ']
    assert undescribed(made) == 3


@pytest.mark.parametrize("damage", [lambda path: os.truncate(path, 1000), os.unlink], ids=["cut", "gone"])
def test_damaged_file(made, damage):
    """A message whose text is damaged does not hide the others, and nothing wrong is kept for it."""
    (path,) = [os.path.join(folder, name) for folder, _, names in os.walk(made.store.layout.bodies) for name in names]
    damage(path)
    envelopes = [text for _, text in fetched(made, Field.ENVELOPE)]
    assert [text[:9] for text in envelopes] == [b'(NIL "1" ', b"(NIL NIL ", b'(NIL "2" ']
    assert undescribed(made) == 1


def test_real_messages(corpus, tmp_path):
    """Our header lines before a message change nothing, in memory or in a file."""
    for path in corpus:
        data = path.read_bytes()
        expected = whole(PREFIX + data)
        made = describe(len(PREFIX), data)
        assert made == (expected.message.body, expected.envelope, expected.bodystructure), path
        file = tmp_path / "body"
        file.write_bytes(bodyfile.header(len(data)) + data + b"facts")
        assert describe_file(len(PREFIX), str(file), len(data)) == made, path
