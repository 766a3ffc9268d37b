"""Permissions to send (POP-before-SMTP) in the ledger: a row when one begins and one when it is ended, in the same transaction."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs
import pytest

from mailsvc.core.ledger import Event, Happening, Query
from mailsvc.core.operations import (
    AddAccount,
    AddDevice,
    ChangeAccount,
    DropMailbox,
    EndGrants,
    KeepLedger,
    Operation,
    ProveGrant,
    RegisterName,
    RemoveAccount,
    RemoveDevice,
    RemoveDomain,
    SetPassword,
)
from mailsvc.core.secrets import BY_HAND, ELSEWHERE, LOGIN, Scope
from mailsvc.core.values import AccountFlag
from mailsvc.ledger.finding import find
from mailsvc.store.direct import DirectStore
from mailsvc.testing.store import Made, make_store

HERE, PHONE = "203.0.113.9", 77
NOW, DAY = int(time.time()), 86_400


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Made]:
    """A store with people."""
    one = make_store(str(tmp_path / "store"))
    yield one
    one.store.close()


def proof(made: Made, name: str, **changes: object) -> ProveGrant:
    """Of somebody at one address."""
    account = made.accounts[f"{name}@example.test"]
    usual = ProveGrant(
        f"{name}-1",
        f"{HERE}/32",
        account,
        "pop",
        LOGIN,
        "pop3",
        "USER",
        "TLSv1.3",
        0,
        NOW,
        NOW + DAY,
        "b",
        0,
        DAY * 1000,
    )
    return attrs.evolve(usual, **changes)


def by_hand(made: Made, name: str, **changes: object) -> ProveGrant:
    """An administrator's word for somebody."""
    usual = proof(made, name, id=f"{name}-hand", credential=BY_HAND, protocol="hand", mechanism="", tls="")
    return attrs.evolve(usual, **changes)


def rows(store: DirectStore) -> Sequence[Event]:
    """What the ledger says of the address, the oldest first."""
    return find(store.connection(), Query(address=HERE))[::-1]


def test_begin(made: Made) -> None:
    """Who may send from where, how they had shown themselves, and until when; a renewal has no row."""
    before = time.time()
    made.store.commit([proof(made, "alice"), proof(made, "alice", id="alice-2", at=NOW + 1, expiry=NOW + DAY + 1)])
    (event,) = rows(made.store)
    alice = made.accounts["alice@example.test"]
    assert (event.what, event.reason) == (Happening.GRANTED, "log-in")
    assert (event.account, event.account_id) == ("alice@example.test", alice)
    assert before <= event.at <= time.time()
    assert dict(event.evidence) == {
        "grant": "alice-1",
        "rule": "pop",
        "protocol": "pop3",
        "mechanism": "USER",
        "tls": "TLSv1.3",
        "until": str(NOW + DAY),
    }


def test_extended_by_hand(made: Made) -> None:
    """Each time an administrator says so there is a row, with the time until which it lasts now; what lasts longer is not cut short."""
    longer = by_hand(made, "alice", id="alice-2", at=NOW + 1, expiry=NOW + 7 * DAY)
    shorter = by_hand(made, "alice", id="alice-3", at=NOW + 2, expiry=NOW + 60)
    made.store.commit([by_hand(made, "alice")])
    assert made.store.commit([longer, shorter]) == ["alice-hand", "alice-hand"]
    events = rows(made.store)
    assert {(event.what, event.reason) for event in events} == {(Happening.GRANTED, "by-hand")}
    assert [(seen["grant"], int(seen["until"])) for seen in (dict(event.evidence) for event in events)] == [
        ("alice-hand", NOW + DAY),
        ("alice-hand", NOW + 7 * DAY),
        ("alice-hand", NOW + 7 * DAY),
    ]


def test_by_hand_beside_a_log_in(made: Made) -> None:
    """What was given by hand is no log-in's, wherever its password is kept: neither becomes the other, nor ends with its session."""
    login = proof(made, "alice", credential=ELSEWHERE)
    assert made.store.commit([by_hand(made, "alice"), login, attrs.evolve(login, at=NOW + 1)]) == [
        "alice-hand",
        "alice-1",
        "alice-1",
    ]
    assert [event.reason for event in rows(made.store)] == ["by-hand", "log-in"]
    assert made.store.commit([EndGrants(NOW + 2, "logout", ids=("alice-1",))]) == [("alice-1",)]
    assert made.store.commit([by_hand(made, "alice", id="alice-2", at=NOW + 3)]) == ["alice-hand"]


def test_what_ends_one_by_hand(made: Made) -> None:
    """A new password does not; closing the account does."""
    alice = made.accounts["alice@example.test"]
    made.store.commit([by_hand(made, "alice"), SetPassword(alice, "$new")])
    assert [event.what for event in rows(made.store)] == [Happening.GRANTED]
    made.store.commit([ChangeAccount(alice, enabled=False)])
    assert [(event.what, event.reason) for event in rows(made.store)][1:] == [(Happening.ENDED, "account")]


def test_an_address_in_a_network(made: Made) -> None:
    """Where a network stands for the client, the row has the address of who logged in."""
    made.store.commit([proof(made, "alice", network="203.0.113.0/24", address=HERE)])
    assert [event.address for event in rows(made.store)] == [HERE]


def alice_has(made: Made, why: str) -> tuple[list[Operation], Operation]:
    """What there must be before, and what ends her permission."""
    alice = made.accounts["alice@example.test"]
    phone = AddDevice(alice, PHONE, "phone", int(Scope.ALL), 0, "key", b"mac")
    ends: dict[str, tuple[list[Operation], Operation]] = {
        "password": ([], SetPassword(alice, "$new")),
        "device": ([phone], RemoveDevice(alice, PHONE)),
        "account": ([], ChangeAccount(alice, enabled=False)),
        "flag": ([], ChangeAccount(alice, set_flags=AccountFlag.NO_SEND)),
        "removal": ([], RemoveAccount(alice)),
        "revoked": ([], EndGrants(NOW + 1, "revoked", account=alice)),
        "logout": ([], EndGrants(NOW + 1, "logout", ids=("alice-1",))),
    }
    return ends[why]


@pytest.mark.parametrize(
    ("why", "reason"),
    [
        ("password", "password"),
        ("device", "device"),
        ("account", "account"),
        ("flag", "account"),
        ("removal", "account"),
        ("revoked", "revoked"),
        ("logout", "logout"),
    ],
)
def test_end(made: Made, why: str, reason: str) -> None:
    """Whatever ends a permission: whose it was, at which address, since when, until when it would have lasted; that of another stays."""
    before, operation = alice_has(made, why)
    credential = PHONE if why == "device" else LOGIN
    made.store.commit([*before, proof(made, "alice", credential=credential), proof(made, "bob")])
    made.store.commit([operation])
    made.store.commit([EndGrants(NOW + 2, "revoked", ids=("alice-1",))])  # it is over already
    *_, ended = rows(made.store)
    assert (ended.what, ended.account, ended.address) == (Happening.ENDED, "alice@example.test", HERE)
    assert ended.reason == reason
    seen = dict(ended.evidence)
    assert (seen["grant"], seen["first"], seen["until"]) == ("alice-1", str(NOW), str(NOW + DAY))
    assert [event.what for event in rows(made.store)].count(Happening.ENDED) == 1


def test_the_name_that_was_given_up(made: Made) -> None:
    """Who loses a mailbox loses its name; the row has the name by which the mail was sent."""
    (login,) = made.store.commit([AddAccount("u7@example.test", mailbox=False)])
    made.store.commit([RegisterName(login, "tim")])
    made.accounts["tim@example.test"] = login
    made.store.commit([proof(made, "tim")])
    made.store.commit([DropMailbox(login)])
    assert [event.account for event in rows(made.store)] == ["tim@example.test", "tim@example.test"]


def test_what_is_over_has_no_end(made: Made) -> None:
    """A permission whose time was over is not ended again."""
    made.store.commit([proof(made, "alice", at=NOW - 600, expiry=NOW - 300)])
    made.store.commit([SetPassword(made.accounts["alice@example.test"], "$new")])
    assert [event.what for event in rows(made.store)] == [Happening.GRANTED]


def test_a_clock_that_was_set_back(made: Made) -> None:
    """What it ends has a row too."""
    made.store.commit([proof(made, "alice")])
    made.store.commit([proof(made, "alice", id="alice-2", at=NOW - 3600, expiry=NOW - 3300)])
    assert sorted((event.what.value, event.reason) for event in rows(made.store)) == [
        ("ended", "clock"),
        ("granted", "log-in"),
        ("granted", "log-in"),
    ]


def test_switched_off(made: Made) -> None:
    """Without a ledger nothing is written, by the store neither; and again when it is switched on."""
    made.store.commit([KeepLedger(1000, on=False)])
    made.store.commit([proof(made, "alice")])
    assert rows(made.store) == []
    made.store.commit([KeepLedger(1000)])
    made.store.commit([SetPassword(made.accounts["alice@example.test"], "$new")])
    assert [event.what for event in rows(made.store)] == [Happening.ENDED]


def test_together_or_not_at_all(made: Made) -> None:
    """A change that is refused ends nothing, and leaves no row."""
    made.store.commit([proof(made, "alice")])
    with pytest.raises(Exception, match="no-such-domain"):
        made.store.commit([SetPassword(made.accounts["alice@example.test"], "$new"), RemoveDomain("nowhere.test")])
    assert [event.what for event in rows(made.store)] == [Happening.GRANTED]
