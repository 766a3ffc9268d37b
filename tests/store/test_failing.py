"""The store that always fails, which other rooms are tested with, keeps the interfaces too."""

import pytest
from zope.interface.verify import verifyObject

from mailsvc.core.errors import Kind, MailError
from mailsvc.core.interfaces.store import IBodies, IBodyWriter, IStore
from mailsvc.store.connect import run
from mailsvc.testing.failing import FailingBodies, FailingStore

NEW = ["subscriptions", "view", "rows_in", "fetch"]


def test_interfaces():
    """It can stand wherever a store can."""
    verifyObject(IStore, FailingStore())
    verifyObject(IBodies, FailingStore().bodies)
    verifyObject(IBodyWriter, FailingBodies(OSError(), ()).create())


def test_everything_fails():
    """Every question and every request raises NOT_NOW."""
    store = FailingStore(space=True)
    questions = [
        store.apply([]), store.mailbox(1, "INBOX"), store.mailboxes(1), store.rows(1), store.changes(1, 1), store.lock(1),
        store.subscriptions(1), store.view(1), store.rows_in(1, ()), anext(store.fetch(1, (), ())),
        store.ping(), store.bodies.get(1), store.bodies.get_many([1]), store.bodies.get_headers([1]),
    ]  # fmt: skip
    for question in questions:
        with pytest.raises(MailError) as caught:
            run(question)
        assert caught.value.kind is Kind.NOT_NOW
    for function in (store.check_ready, store.bodies.create):
        with pytest.raises(MailError):
            function()
    assert store.asked == ["apply", "mailbox", "mailboxes", "rows", "changes", "lock", *NEW, "ping", "check_ready"]


def test_error_of_ones_choice():
    """Also one that nobody expects."""
    store = FailingStore(ZeroDivisionError("unexpected"), bodies=("close",))
    with pytest.raises(ZeroDivisionError):
        run(store.apply([]))
    writer = store.bodies.create()
    writer.write(b"x")
    with pytest.raises(ZeroDivisionError):
        run(writer.close())
    writer.abort()
    assert store.bodies.writers == [writer]
    assert writer.aborted
