"""The letter to who owns an account, when somebody sends by POP-before-SMTP on it for the first time ever."""

from collections.abc import Iterator
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.logger import capturedLogs

from mailsvc.app.config import Config
from mailsvc.app.first_use import FirstUse
from mailsvc.auth.relay_options import RelayOptions
from mailsvc.core.errors import temporary
from mailsvc.core.ledger import FIRST_USE, Query
from mailsvc.core.operations import AddAccount
from mailsvc.core.relay import RelayDecision
from mailsvc.ledger.ledger import Ledger
from mailsvc.ledger.options import LedgerOptions
from mailsvc.store.connect import run
from mailsvc.testing.store import Made, make_store


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Made]:
    """A store with alice."""
    made = make_store(tmp_path / "store", ("alice",))
    yield made
    made.store.close()


def ledger_of(made: Made) -> Ledger:
    """The ledger in the same store."""
    return Ledger(Clock(), made.store.apply, made.store.connection, LedgerOptions())


def tell(made: Made, account: int, store: Any = None, **relay: Any) -> None:
    """Somebody at 203.0.113.9 used a grant of the account."""
    config = Config(hostname="mail.example.test", relay=RelayOptions(contact="help@example.test", **relay))
    decision = RelayDecision(allowed=True, reason="granted", account_id=account, evidence=(("address", "203.0.113.9"),))
    FirstUse(config, store or made.store, made.directory, ledger_of(made)).tell(decision)


def letters(made: Made, account: int) -> list[bytes]:
    """What is in the INBOX."""
    inbox = run(made.store.mailbox(account, "INBOX"))
    assert inbox is not None
    rows = run(made.store.rows(inbox.id))
    return [run(made.store.bodies.get(content)) for content in rows.contents]


def test_the_owner_is_told(made: Made) -> None:
    """It lies in the INBOX of the account that answers, says from where and whom to ask, in both languages."""
    alice = made.accounts["alice@example.test"]
    tell(made, alice)
    (data,) = letters(made, alice)
    assert data.count(b"\n") == data.count(b"\r\n")
    letter = message_from_bytes(data, policy=policy.SMTP)
    assert letter["To"] == "alice@example.test"
    assert letter["Auto-Submitted"] == "auto-generated"
    text = letter.get_content()
    assert "the computer at 203.0.113.9" in text
    (event,) = run(ledger_of(made).find(Query(text="alice@example.test")))
    assert (event.message_id, event.reason) == (letter["Message-ID"].strip("<>"), FIRST_USE)
    assert text.count("alice@example.test") == text.count("203.0.113.9") == text.count("help@example.test") == 2


def test_who_does_not_want_it(made: Made) -> None:
    """Nothing is written where the letter is switched off."""
    alice = made.accounts["alice@example.test"]
    tell(made, alice, tell_first_use=False)
    assert letters(made, alice) == []


def test_nobody_to_tell(made: Made) -> None:
    """A log-in without a mailbox, and an account that is gone, get nothing; nothing breaks."""
    (login,) = made.store.commit([AddAccount("only-a-login@example.test", mailbox=False)])
    with capturedLogs() as events:
        tell(made, login)
        tell(made, 4711)
    assert events == []


def test_a_store_that_fails(made: Made) -> None:
    """The letter is lost then, and the log says so; the mail that was sent is not held up."""

    class Failing:
        async def apply(self, operations: object) -> None:
            raise temporary("store-down")

    alice = made.accounts["alice@example.test"]
    with capturedLogs() as events:
        tell(made, alice, Failing())
    assert letters(made, alice) == []
    assert [event["log_namespace"] for event in events] == ["mailsvc.relay"]
