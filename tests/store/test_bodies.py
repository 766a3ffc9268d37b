"""Bodies on their way in: bounded memory, the order of the steps, disks that fail."""

import errno
import os
import tracemalloc
from pathlib import Path

import pytest

from mailsvc.core.errors import Kind, MailError
from mailsvc.store import bodies as module
from mailsvc.store import bodyfile
from mailsvc.store.bodies import Bodies
from mailsvc.store.connect import run
from mailsvc.store.descriptions import Descriptions
from mailsvc.store.layout import Layout
from mailsvc.store.reading import Reader


@pytest.fixture
def layout(tmp_path):
    """Directories."""
    layout = Layout(str(tmp_path))
    layout.make()
    return layout


async def here(function, *args):
    """No thread."""
    return function(*args)


def make(layout, in_thread=here, limit=1000):
    """Bodies with a small limit."""
    reader = Reader(layout.database)
    return Bodies(layout, limit, reader, in_thread, Descriptions(layout, reader, in_thread, here))


def files(layout):
    """All files below the bodies' directory."""
    return [os.path.join(folder, name) for folder, _, names in os.walk(layout.bodies) for name in names]


@pytest.mark.parametrize("size", [0, 1, 999, 1000])
def test_small_body_travels_in_the_operation(layout, size):
    """Up to the limit nothing is written."""
    writer = make(layout).create()
    writer.write(b"x" * size)
    body = run(writer.close())
    assert (body.size, body.data, body.location) == (size, b"x" * size, None)
    assert files(layout) == []


@pytest.mark.parametrize("step", [1, 7, 1000, 100_000])
def test_large_body_is_a_file(layout, step):
    """Over the limit it is a file of its own, whatever the pieces it came in."""
    data = bytes(range(256)) * 8
    writer = make(layout).create()
    for start in range(0, len(data), step):
        writer.write(data[start : start + step])
    body = run(writer.close())
    (path,) = files(layout)
    assert path == layout.body(body.location)
    assert Path(path).read_bytes() == bodyfile.header(len(data)) + data
    assert os.stat(path).st_mode & 0o777 == 0o600
    assert bodyfile.size_of(path) == body.size == len(data)


def test_memory_is_bounded(layout):
    """However large the body, no more than a buffer of it is held."""
    writer = make(layout).create()
    for _ in range(1000):
        writer.write(b"x" * 10_000)
        assert sum(map(len, writer._chunks)) <= module._BUFFER
    writer.abort()
    assert files(layout) == []


def test_order_of_the_steps(layout, monkeypatch):
    """The file is synced before it gets its name, the directory after, and all before close returns."""
    steps = []
    for name in ("fdatasync", "rename"):
        original = getattr(os, name)
        monkeypatch.setattr(
            os, name, lambda *args, name=name, original=original: (steps.append(name), original(*args))[1]
        )
    original = module.sync_directory
    monkeypatch.setattr(module, "sync_directory", lambda path: (steps.append(path), original(path))[1])
    writer = make(layout).create()
    writer.write(b"x" * 2000)
    body = run(writer.close())
    assert steps == ["fdatasync", "rename", os.path.dirname(layout.body(body.location))]


@pytest.mark.parametrize("call", ["open", "write", "pwrite", "fdatasync", "rename", "fsync"])
def test_disk_that_fails(layout, monkeypatch, call):
    """Whichever call fails, close says NOT_NOW and nothing is left behind."""

    def fails(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    writer = make(layout).create()
    writer.write(b"x" * 10)
    monkeypatch.setattr(os, call, fails)
    writer.write(b"x" * 300_000)
    writer.write(b"x" * 300_000)
    with pytest.raises(MailError) as caught:
        run(writer.close())
    monkeypatch.undo()
    assert caught.value.kind is Kind.NOT_NOW
    writer.abort()
    assert writer.size == 600_010
    assert files(layout) == []


def test_abort_while_it_is_being_synced(layout):
    """A session that ends while the thread works leaves nothing, and no row can be made."""

    async def slowly(function, *args):
        writer.abort()
        return function(*args)

    writer = make(layout, slowly).create()
    writer.write(b"x" * 2000)
    with pytest.raises(MailError):
        run(writer.close())
    assert files(layout) == []


def test_abort_after_close_keeps_the_file(layout):
    """A body that may be delivered is not taken away."""
    writer = make(layout).create()
    writer.write(b"x" * 2000)
    run(writer.close())
    writer.abort()
    assert len(files(layout)) == 1


def test_facts_come_back(layout, tmp_path):
    """What is written behind the body is read again; a body that imitates facts is only a body."""
    writer = make(layout).create()
    writer.write(b"x" * 2000 + b"\x81\xa9addresses\x90")
    path = layout.body(run(writer.close()).location)
    assert bodyfile.read_facts(path) == {}
    bodyfile.label(path, {"addresses": ["a@example.test"]})
    assert bodyfile.read_facts(path) == {"addresses": ["a@example.test"]}
    os.truncate(path, os.path.getsize(path) - 1)
    assert bodyfile.read_facts(path) == {}
    assert bodyfile.read_facts(str(tmp_path / "missing")) == {}


def test_tiny_pieces_take_no_more_memory_than_large_ones(layout):
    """A message that a client sends in pieces of two octets takes little more memory than its size, and comes out whole."""
    writer = make(layout, limit=100_000).create()
    text = b"".join(b"%02d" % (number % 100) for number in range(40_000))
    tracemalloc.start()
    try:
        for offset in range(0, len(text), 2):
            writer.write(text[offset : offset + 2])
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 2 * len(text)
    assert run(writer.close()).data == text
