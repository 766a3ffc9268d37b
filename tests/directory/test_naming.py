"""Names that people choose: the rules of a domain, and what the store says."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mailsvc.core.errors import Kind, MailError
from mailsvc.core.operations import (
    AddAccount,
    AddAlias,
    AddDomain,
    DropMailbox,
    RegisterName,
    ReleaseName,
    RemoveAccount,
)
from mailsvc.core.values import AccountChanged
from mailsvc.directory import Directory
from mailsvc.directory.naming import NameRefused, NamingRules, fault, register
from mailsvc.formats.address import Address
from mailsvc.store import DirectStore
from mailsvc.store.connect import run

RULES = NamingRules(
    shortest=3,
    longest=12,
    pattern="[a-z][a-z0-9]*([._-][a-z0-9]+)*",
    reserved=frozenset({"root"}),
    words=frozenset({"baka"}),
)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("taro", None),
        ("Taro.Yamada", None),
        ("t", "name.length"),
        ("taro-yamada-of-kyoto", "name.length"),
        ("7taro", "name.pattern"),
        ("taro.", "name.pattern"),
        ("太郎です", "name.pattern"),
        ("taro\n", "name.pattern"),
        ("ROOT", "name.reserved"),
        ("obakasan", "name.words"),
    ],
)
def test_rules(name: str, key: str | None) -> None:
    """Each rule refuses what breaks it, in whatever case it is typed."""
    refusal = fault(name, RULES)
    assert (refusal and refusal.key) == key


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DirectStore]:
    """With alice, an alias, and a login that has no mailbox."""
    store = DirectStore(str(tmp_path))
    store.commit(
        [
            AddDomain("example.test"),
            AddAccount("alice@example.test", "u0001"),
            AddAlias("info@example.test", ("alice@example.test",)),
            AddAccount("U0002@example.test", password_hash="$x$", mailbox=False),
        ]
    )
    yield store
    store.close()


def refused(store: DirectStore, *operations: object) -> tuple[Kind, str]:
    """Kind and reason of a refusal."""
    with pytest.raises(MailError) as caught:
        store.commit(operations)  # type: ignore[arg-type]
    return caught.value.kind, caught.value.reason


def test_login_without_mailbox(store: DirectStore) -> None:
    """It can be found and be asked for a password, and nobody can write to it."""
    directory = Directory(store.connection)
    account = run(directory.find_login("u0002"))
    assert account is not None
    assert (account.login, account.mailbox) == ("u0002", False)
    assert run(store.mailbox(account.id, "INBOX")) is None
    with pytest.raises(MailError) as caught:
        run(directory.resolve(Address("u0002", "example.test")))
    assert caught.value.kind is Kind.NO_SUCH_USER


def test_registered(store: DirectStore) -> None:
    """A login gets one name; it goes on to be the login, and nobody's address."""
    directory = Directory(store.connection)
    account = run(directory.find_login("u0002"))
    assert account is not None
    assert run(register(store.apply, account, "Taro", RULES)) == "taro@example.test"
    found = run(directory.find_login("u0002"))
    assert found is not None
    assert (found.id, found.address, found.mailbox) == (account.id, "taro@example.test", True)
    assert run(store.mailbox(account.id, "INBOX")) is not None
    assert run(directory.resolve(Address("taro", "example.test"))).accounts == (found,)
    assert run(directory.find_account("u0002@example.test")) is None
    assert refused(store, RegisterName(account.id, "jiro")) == (Kind.IN_USE, "has-mailbox")


@pytest.mark.parametrize(
    ("name", "reason"),
    [("alice", "address-exists"), ("ALICE", "address-exists"), ("u0001", "login-exists"), ("info", "address-exists")],
)
def test_taken(store: DirectStore, name: str, reason: str) -> None:
    """Addresses, aliases and other people's logins cannot be registered."""
    account = run(Directory(store.connection).find_login("u0002"))
    assert account is not None
    assert refused(store, RegisterName(account.id, name)) == (Kind.EXISTS, reason)


def test_rule_first(store: DirectStore) -> None:
    """A name that breaks a rule is refused with the sentence for people."""
    account = run(Directory(store.connection).find_login("u0002"))
    assert account is not None
    with pytest.raises(NameRefused) as caught:
        run(register(store.apply, account, "root", RULES))
    assert caught.value.sentence.key == "name.reserved"


def test_quarantine(store: DirectStore) -> None:
    """The name of a removed mailbox is nobody's for a while, its former owner's neither, until it is released or time has passed."""
    directory = Directory(store.connection)
    alice = run(directory.find_login("alice"))
    assert alice is not None
    events: list[AccountChanged] = []
    store.bus.subscribe(AccountChanged, events.append)
    store.commit([DropMailbox(alice.id, 3600)])
    assert events == [AccountChanged(alice.id)]
    quarantined = (Kind.EXISTS, "name-in-quarantine")
    assert refused(store, RegisterName(alice.id, "alice")) == quarantined
    assert refused(store, AddAccount("alice@example.test")) == quarantined
    assert refused(store, AddAlias("alice@example.test", ("info@example.test",))) == quarantined
    assert [one.address for one in run(directory.freed())] == ["alice@example.test"]
    store.commit([ReleaseName("alice@example.test")])
    assert refused(store, ReleaseName("alice@example.test")) == (Kind.NOT_FOUND, "not-in-quarantine")
    assert store.commit([RegisterName(alice.id, "alice")]) == ["alice@example.test"]
    store.commit([RemoveAccount(alice.id, 3600)])
    assert refused(store, AddAccount("alice@example.test")) == quarantined
    store.committer._connected().execute("UPDATE freed SET until=1")
    assert run(directory.freed()) == []
    store.commit([AddAccount("alice@example.test")])


def test_nothing_to_drop(store: DirectStore) -> None:
    """An account without a login of its own cannot lose its mailbox and stay; a login without one has none to lose."""
    (bob,) = store.commit([AddAccount("bob@example.test")])
    login = run(Directory(store.connection).find_login("u0002"))
    assert login is not None
    assert refused(store, DropMailbox(bob)) == (Kind.BAD_REQUEST, "no-login-of-its-own")
    assert refused(store, DropMailbox(login.id)) == (Kind.BAD_REQUEST, "has-no-mailbox")
