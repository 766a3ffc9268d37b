"""Changing a password by the poppassd protocol, over a real store."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from mailsvc.app.portal import make_portal
from mailsvc.app.realm import Realm
from mailsvc.auth.doors import make_doors
from mailsvc.auth.hashing import Hasher
from mailsvc.auth.options import AuthOptions, OAuthOptions
from mailsvc.auth.password_change import PasswordChanges
from mailsvc.auth.password_rules import PasswordRules
from mailsvc.core.errors import MailError, temporary
from mailsvc.core.interfaces.password import IPasswordChange
from mailsvc.core.operations import AddAccount, AddDomain, ChangeAccount, Operation
from mailsvc.core.values import AccountChanged, AccountFlag
from mailsvc.directory import Directory, Secrets
from mailsvc.poppassd import build
from mailsvc.store import DirectStore
from mailsvc.store.connect import run
from mailsvc.testing.auth import InlineWorker
from mailsvc.testing.transcript import CUTS, Cut, replay
from mailsvc.wire.factory import ConversationFactory
from mailsvc.wire.options import ListenerOptions, Protocol, TLSMode

OLD, NEW = "an old secret", "  a quite new secret  "
ADDRESS = IPv4Address("TCP", "127.0.0.1", 40000)


class Line(StringTransport):
    """A line on which TLS never begins."""

    tls = None


class House:
    """A store with alice and bob, who has no password of ours, and a listener."""

    def __init__(self, path: Path) -> None:
        self.store = DirectStore(str(path / "store"))
        self.directory, self.hasher = Directory(self.store.connection), Hasher(InlineWorker())
        self.failure: MailError | None = None
        secrets, apply = Secrets(self.store.connection), self.apply
        alice = AddAccount("alice@example.test", password_hash=run(self.hasher.hash(OLD)))
        _, self.alice = self.store.commit([AddDomain("example.test"), alice])
        changes = PasswordChanges(self.directory, secrets, self.hasher, apply, lambda domain: PasswordRules())
        auth = AuthOptions(keys=path / "none")
        doors = make_doors(None, auth, OAuthOptions(), self.directory, secrets, apply, self.hasher, lambda *_: None)
        portal = make_portal(Realm(self.directory, {IPasswordChange: changes.avatar}), doors, lambda event: None)
        listener = ListenerOptions(protocol=Protocol.POPPASSD, tls=TLSMode.NONE, port=106)
        self.factory = ConversationFactory(listener, build(listener, portal, "mail.example.test"), Clock())

    async def apply(self, operations: Sequence[Operation]) -> list[Any]:
        """The store's, unless it fails."""
        if self.failure is not None:
            raise self.failure
        return await self.store.apply(operations)

    def play(self, script: str, cut: Cut = CUTS[0]) -> None:
        """A connection that goes like this."""
        protocol, transport = self.factory.buildProtocol(ADDRESS), Line(peerAddress=ADDRESS)
        protocol.makeConnection(transport)
        replay("S: 200 mail.example.test password service ready\n" + script, protocol, transport, cut)

    def has(self, password: str) -> bool:
        """Whether this is alice's password now."""
        stored = run(self.directory.password_hash(self.alice))
        return run(self.hasher.verify(stored, password.encode()))


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """One for a test."""
    house = House(tmp_path)
    yield house
    house.store.close()


USER = "C: USER alice@example.test\nS: 200 Your password please\n"
LOG_IN = f"{USER}C: PASS {OLD}\nS: 200 Your new password please\n"
BYE = "C: QUIT\nS: 200 Bye\nCLOSED"


@pytest.mark.parametrize("cut", CUTS)
def test_changed(house: House, cut: Cut) -> None:
    """The old password is shown, the new one counts from then on, spaces and all; who opened sessions by the old one is told."""
    events: list[AccountChanged] = []
    house.store.bus.subscribe(AccountChanged, events.append)
    change = f'{LOG_IN}C= b"NEWPASS {NEW}\\r\\n"\nS: 200 Password changed\n{BYE}'
    house.play(change, cut)
    assert (house.has(NEW), house.has(OLD)) == (True, False)
    assert events == [AccountChanged(house.alice, 0)]


@pytest.mark.parametrize(
    ("new", "answer"),
    [
        ("short", "A password has 8 to 255 characters"),
        ("iloveyou", "This password is one of those that are guessed first"),
        ("alice1234", "A password is not made of one's own name"),
        ("aaaaaaaaaaaaaa", "A password has at least four different characters"),
    ],
)
def test_weak(house: House, new: str, answer: str) -> None:
    """A new password that breaks a rule is refused with the rule, and another one may be tried at once."""
    house.play(f"{LOG_IN}C: NEWPASS {new}\nS: 500 {answer}\nC: NEWPASS a better one\nS: 200 Password changed\n{BYE}")
    assert house.has("a better one")


def test_wrong(house: House) -> None:
    """A wrong password, or a name that nobody has, opens nothing; the third failure ends the connection."""
    nobody = "C: USER nobody@example.test\nS: 200 Your password please\n"
    wrong = "S: 500 Wrong user name or password\n"
    house.play(
        f"{USER}C: PASS wrong\n{wrong}{nobody}C: PASS {OLD}\n{wrong}C: NEWPASS {NEW}\nS: 500 Say USER and PASS first\nCLOSED"
    )
    assert house.has(OLD)


def test_out_of_order(house: House) -> None:
    """Nothing works before its time, and one log-in changes the password once."""
    house.play(
        "C: PASS x\nS: 500 Say USER first\nC: NEWPASS x\nS: 500 Say USER and PASS first\nC: HELP\nS: 500 Unknown…\nCLOSED"
    )
    house.play(
        f"{LOG_IN}C: NEWPASS a better one\nS: 200 Password changed\nC: NEWPASS {NEW}\nS: 500 Say USER and PASS first\n{BYE}"
    )
    assert house.has("a better one")


def test_forbidden(house: House) -> None:
    """Who may not change the password is told so, with the right one only."""
    house.store.commit([ChangeAccount(house.alice, set_flags=AccountFlag.NO_PASSWORD_CHANGE)])
    house.play(
        f"{USER}C: PASS wrong\nS: 500 Wrong user name or password\n{USER}C: PASS {OLD}\n"
        f"S: 500 Changing the password is switched off for this account\n{BYE}"
    )


def test_store_down(house: House) -> None:
    """A store that cannot answer is a failure for now; the old password stays."""
    house.failure = temporary("store-restarting")
    house.play(f"{LOG_IN}C: NEWPASS a better one\nS: 500 Not possible now, please try again later\n{BYE}")
    assert house.has(OLD)
