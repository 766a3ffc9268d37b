"""What is told after a commit: where to look, in one event for each mailbox."""

import pytest

from mailsvc.core.operations import CreateMailbox, Deliver, Expunge, Move, StoreFlags
from mailsvc.core.values import EVERY_UID, MailboxChanged
from mailsvc.store import transaction
from mailsvc.testing.store import make_store
from tests.store.contract import uids


@pytest.fixture
def heard(tmp_path):
    """A store with ten messages, and the list of events from now on."""
    made = make_store(tmp_path / "store")
    alice = made.accounts["alice@example.test"]
    made.store.commit([Deliver((alice,), b"", 1, 1, b"x")] * 10 + [CreateMailbox(alice, "other")])
    events = []
    made.store.subscribe(events.append)
    yield made.store, alice, events
    made.store.close()


INBOX = 2
OTHER = 4


def test_changes_of_one_commit_are_one_event(heard):
    """From the first modseq to the last, with all UIDs; overlapping and neighbouring ones joined."""
    store, alice, events = heard
    store.commit(
        [StoreFlags(INBOX, uids(2, 5), add=1), StoreFlags(INBOX, uids(3, 5, 9), add=2), Expunge(INBOX, uids(8))]
    )
    assert events == [MailboxChanged(alice, INBOX, 14, 11, ((2, 3), (5, 5), (8, 9)))]


def test_both_sides_of_a_move_are_told(heard):
    """The mailbox that lost the messages and the one that got them."""
    store, alice, events = heard
    store.commit([Move(INBOX, uids(1, 2), "other")])
    assert events == [
        MailboxChanged(alice, OTHER, 2, 1, ((1, 2),)),
        MailboxChanged(alice, INBOX, 12, 11, ((1, 2),)),
    ]


def test_what_changes_nothing_is_not_told(heard):
    """Flags that are so already, messages that are gone."""
    store, _, events = heard
    store.commit([StoreFlags(INBOX, EVERY_UID, remove=1), Expunge(INBOX, uids(77)), Move(INBOX, uids(77), "other")])
    assert events == []


def test_event_has_a_limit(heard, monkeypatch):
    """Changes in too many places are not listed."""
    store, _, events = heard
    monkeypatch.setattr(transaction, "MAX_INTERVALS", 2)
    store.commit([StoreFlags(INBOX, uids(1, 3), add=1)])
    store.commit([StoreFlags(INBOX, uids(1, 3, 5), add=2)])
    assert [event.uids for event in events] == [uids(1, 3), None]
