"""A mailbox that its owner gives up while the login stays."""

from pathlib import Path

from mailsvc.core import operations as ops
from mailsvc.core.values import INBOX
from mailsvc.db.connection import open_reader
from mailsvc.formats.address import Address
from mailsvc.store.connect import run
from mailsvc.store.layout import Layout
from mailsvc.store.verify import verify
from mailsvc.testing.store import make_store


def test_a_dropped_mailbox_leaves_nothing_behind(tmp_path: Path) -> None:
    """Mail, folders, subscriptions and used quota go, the login gets a new, empty mailbox, and verify finds nothing."""
    made = make_store(tmp_path / "store", ())
    (account,) = made.store.commit([ops.AddAccount("carol@example.test", login="c1")])
    made.store.commit([ops.CreateMailbox(account, "Work"), ops.Subscribe(account, "Work")])
    for name in (INBOX, "Work"):
        made.store.commit([ops.Deliver((account,), b"", 1, 1, b"x", mailbox=name)])
    made.store.commit([ops.DropMailbox(account)])
    made.store.commit([ops.RegisterName(account, "carol2")])
    assert [box.name for box in run(made.store.mailboxes(account))] == [INBOX]
    assert run(made.store.subscriptions(account)) == []
    found = run(made.directory.resolve(Address("carol2", "example.test"))).accounts[0]
    assert (found.id, found.messages, found.octets) == (account, 0, 0)
    made.store.close()
    layout = Layout(str(tmp_path / "store"))
    db = open_reader(layout.database)
    assert verify(layout, db) == []
    db.close()
