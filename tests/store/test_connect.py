"""The store for commands."""

import os
import socket

import pytest

from mailsvc.core.errors import Kind, MailError
from mailsvc.core.operations import AddDomain
from mailsvc.directory import Directory
from mailsvc.store.committer import take_lease
from mailsvc.store.connect import open_store, run
from mailsvc.store.layout import Layout
from mailsvc.store.orphans import find, sweep


def test_without_a_server_it_is_made(tmp_path):
    """No server, no store: the command makes one, and leaves it for the next."""
    for _ in range(2):
        store = open_store(tmp_path / "store")
        store.apply([AddDomain("example.test")])
        assert [domain.name for domain in run(Directory(store.connection).domains())] == ["example.test"]
        store.close()


def test_socket_of_a_dead_owner(tmp_path):
    """A socket file that nobody listens at is no obstacle."""
    os.mkdir(tmp_path / "store")
    with socket.socket(socket.AF_UNIX) as left_over:
        left_over.bind(str(tmp_path / "store" / "owner.sock"))
    open_store(tmp_path / "store").close()


def test_somebody_else_has_it(tmp_path):
    """The lease is taken and nobody answers: the refusal says what and where."""
    lease = take_lease(Layout(str(tmp_path)))
    with pytest.raises(MailError) as caught:
        open_store(tmp_path)
    assert caught.value.kind is Kind.NOT_NOW
    assert str(tmp_path) in caught.value.detail
    os.close(lease)


def test_not_a_database(tmp_path):
    """Rubbish where the database should be is told in words."""
    (tmp_path / "mail.db").write_bytes(b"rubbish" * 1000)
    with pytest.raises(MailError) as caught:
        open_store(tmp_path)
    assert caught.value.reason == "store-unusable"


def test_run_refuses_what_waits():
    """Only coroutines that never wait can be run without a reactor."""
    from twisted.internet.defer import Deferred

    async def waits():
        await Deferred()

    with pytest.raises(RuntimeError):
        run(waits())


def test_orphans_are_old_and_nameless(tmp_path):
    """Only files older than an hour that no row names are orphans; sweeping removes just those."""
    store = open_store(tmp_path)
    layout = store.layout
    for path, age in (("aa/young", 60), ("aa/old", 7200), ("tmp/young", 60), ("tmp/old", 7200)):
        open(layout.body(path), "wb").close()
        then = os.stat(layout.body(path)).st_mtime - age
        os.utime(layout.body(path), (then, then))
    assert find(layout, store.connection()) == ["aa/old", "tmp/old"]
    assert sweep(layout, store.connection()) == ["aa/old", "tmp/old"]
    assert find(layout, store.connection()) == []
    assert sorted(find(layout, store.connection(), age=0)) == ["aa/young", "tmp/young"]
    store.close()
