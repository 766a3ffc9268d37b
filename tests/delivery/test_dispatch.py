"""What becomes of a message, recipient by recipient (RFC 3461 5.2)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsvc.core.errors import Kind, MailError
from mailsvc.core.interfaces.delivery import Recipient
from mailsvc.core.options import Size
from mailsvc.core.queued import Notify
from mailsvc.core.reports import Action
from mailsvc.core.values import Account
from mailsvc.delivery.border import Border
from mailsvc.delivery.dispatch import MOST_PASSES, Dispatch, dispatch
from mailsvc.delivery.options import BorderOptions
from mailsvc.formats.address import Address

ALICE, BOB = Account(1, "alice@example.test"), Account(2, "bob@example.test")
LIST = Address("list", "example.test")
ALICE_ADDRESS = Address("alice", "example.test")
X, Y = Address("x", "example.com"), Address("y", "Example.COM")
SUCCESS, FAILURE, DELAY, NEVER = Notify.SUCCESS, Notify.FAILURE, Notify.DELAY, Notify.NEVER


def plan(
    *recipients: Recipient, size: int = 100, limit: int = 0, inside: tuple[str, ...] = (), passes: tuple[str, ...] = ()
) -> Dispatch:
    """What becomes of a message for them."""
    return dispatch(recipients, Border(BorderOptions(message_size=Size(limit), domains=inside)), size, passes)


def outside(address: Address, notify: int = 0, orcpt: str = "") -> Recipient:
    """A recipient elsewhere who was named himself."""
    return Recipient(address, (), (address,), notify, orcpt)


def told(result: Dispatch) -> list[tuple[str, Action, str]]:
    """What the sender is told: of whom, what, and the status."""
    return [(one.address, one.action, one.status) for one in result.told]


def test_named_outside() -> None:
    """NOTIFY and ORCPT of a recipient elsewhere go along as they are; what is not said stays unsaid (5.2.1); nothing is told yet."""
    result = plan(outside(X, SUCCESS | DELAY, "rfc822;X@example.com"), outside(Y))
    assert [tuple(one) for one in result.outgoing] == [
        ("x@example.com", "example.com", SUCCESS | DELAY, "rfc822;X@example.com"),
        ("y@Example.COM", "example.com", 0, ""),
    ]
    assert (result.accounts, result.told) == ((), ())


@pytest.mark.parametrize("notify", [0, FAILURE, DELAY, FAILURE | DELAY, NEVER])
def test_delivered_without_a_word(notify: int) -> None:
    """Only NOTIFY=SUCCESS makes a report of a delivery (5.2.3)."""
    assert plan(Recipient(LIST, (ALICE,), (), notify)).told == ()


def test_delivered() -> None:
    """NOTIFY=SUCCESS: delivery is told, of the address that the sender named, also if several people here share it (5.2.3 (a))."""
    result = plan(Recipient(LIST, (ALICE, BOB), (), SUCCESS, "rfc822;list@example.test"))
    assert told(result) == [("list@example.test", Action.DELIVERED, "2.1.5")]
    assert result.told[0].orcpt == "rfc822;list@example.test"
    assert result.accounts == (1, 2)


def test_alias_with_one_target() -> None:
    """A single target elsewhere: all parameters go along, and nothing is told here (5.2.7.2)."""
    result = plan(Recipient(LIST, (), (X,), SUCCESS | FAILURE))
    assert [tuple(one) for one in result.outgoing] == [
        ("x@example.com", "example.com", SUCCESS | FAILURE, "rfc822;list@example.test")
    ]
    assert result.told == ()


@pytest.mark.parametrize(
    ("given", "passed"),
    [
        (SUCCESS | FAILURE, FAILURE),
        (SUCCESS | DELAY, DELAY),
        (SUCCESS, NEVER),
        (FAILURE, FAILURE),
        (NEVER, NEVER),
        (0, 0),
    ],
)
@pytest.mark.parametrize(("accounts", "targets"), [((), (X, Y)), ((ALICE,), (X,)), ((ALICE, BOB), (X, Y))])
def test_alias_with_several_targets(
    given: int, passed: int, accounts: tuple[Account, ...], targets: tuple[Address, ...]
) -> None:
    """Several targets: SUCCESS stays here and makes a report of the expansion (5.2.7.3 (c)); the rest goes along."""
    result = plan(Recipient(LIST, accounts, targets, given))
    assert {one.notify for one in result.outgoing} == {passed}
    assert len(result.outgoing) == len(targets)
    assert told(result) == ([("list@example.test", Action.EXPANDED, "2.0.0")] if given & SUCCESS else [])


def test_original_recipient() -> None:
    """ORCPT is the sender's own; through an alias, the alias; beyond ASCII with a type of its own (RFC 6533 3)."""
    utf8 = Address("太郎", "example.test")
    assert plan(Recipient(utf8, (), (X,))).outgoing[0].orcpt == "utf-8;太郎@example.test"
    assert plan(Recipient(LIST, (), (X,), 0, "x400;c=jp")).outgoing[0].orcpt == "x400;c=jp"


def test_addresses_once() -> None:
    """However many recipients lead to an account or an address elsewhere, it has the message once; local parts differ by case."""
    result = plan(
        Recipient(LIST, (ALICE,), (X,)),
        Recipient(ALICE_ADDRESS, (ALICE,)),
        outside(Address("x", "EXAMPLE.com.")),
        outside(Address("X", "example.com")),
    )
    assert result.accounts == (1,)
    assert [one.address for one in result.outgoing] == ["x@example.com", "X@example.com"]


@pytest.mark.parametrize(
    ("first", "second", "both"),
    [
        (0, 0, 0),
        (SUCCESS, SUCCESS, SUCCESS),
        (NEVER, NEVER, NEVER),
        (NEVER, SUCCESS, SUCCESS),
        (0, NEVER, 0),
        (SUCCESS, 0, SUCCESS | FAILURE | DELAY),
        (SUCCESS, FAILURE, SUCCESS | FAILURE),
    ],
)
def test_named_twice(first: int, second: int, both: int) -> None:
    """What was asked for either time is done."""
    assert plan(outside(X, first), outside(X, second)).outgoing[0].notify == both
    assert plan(outside(X, second), outside(X, first)).outgoing[0].notify == both


def test_reached_by_two_aliases() -> None:
    """An address elsewhere that two aliases lead to stands in the queue once; if the border stops it, it is told of once."""
    aliases = [Recipient(Address(name, "example.test"), (ALICE,), (X, Y)) for name in ("one", "two")]
    assert [one.address for one in plan(*aliases, outside(X)).outgoing] == ["x@example.com", "y@Example.COM"]
    stopped = plan(*aliases, outside(X), size=1001, limit=1000).told
    assert [(one.address, one.orcpt) for one in stopped] == [
        ("x@example.com", "rfc822;one@example.test"),
        ("y@Example.COM", "rfc822;one@example.test"),
    ]


class Compared(Address):
    """An address that counts how often it is held against another."""

    comparisons = 0

    def __eq__(self, other: object) -> bool:
        Compared.comparisons += 1
        return super().__eq__(other)

    __hash__ = Address.__hash__


@pytest.mark.parametrize("inside", [(), ("example.com",)])
def test_an_alias_of_hundreds(inside: tuple[str, ...]) -> None:
    """Each address behind an alias is looked at by itself, and held against no other, whether it may leave or not."""
    many = tuple(Compared(f"{number}", "example.com" if number % 2 else "near.test") for number in range(300))
    Compared.comparisons = 0
    result = plan(Recipient(LIST, (ALICE,), many), size=1001, limit=1000, inside=inside)
    assert len(result.outgoing) + len(result.told) == len(many)
    assert Compared.comparisons <= len(many)


def test_border_stops_those_outside() -> None:
    """Whoever may have it has it; of each other address the sender is told, with the limit in bytes."""
    near = Address("n", "Near.Test")
    recipients = (Recipient(LIST, (ALICE,), (Y,), SUCCESS), outside(X, FAILURE), outside(near))
    result = plan(*recipients, size=1001, limit=1000, inside=("near.test",))
    assert (result.accounts, [one.address for one in result.outgoing]) == ((1,), ["n@Near.Test"])
    assert told(result) == [
        ("list@example.test", Action.DELIVERED, "2.1.5"),
        ("y@Example.COM", Action.FAILED, "5.3.4"),
        ("x@example.com", Action.FAILED, "5.3.4"),
    ]
    assert result.told[1].orcpt == "rfc822;list@example.test"
    assert (result.told[2].notify, result.told[2].limit) == (FAILURE, 1000)
    assert "1000 bytes" in result.told[2].reply
    assert "a third" in result.told[2].reply
    assert len(plan(*recipients, size=1000, limit=1000).outgoing) == 3


def test_border_stops_all() -> None:
    """A message that nobody may have is refused as a whole."""
    with pytest.raises(MailError) as caught:
        plan(outside(X), Recipient(LIST, (), (Y,)), size=1001, limit=1000)
    assert caught.value.kind is Kind.TOO_BIG


NOTIFIES = st.sampled_from([0, NEVER, SUCCESS, FAILURE, DELAY, SUCCESS | FAILURE, SUCCESS | FAILURE | DELAY])
OUTSIDE = st.builds(Address, st.sampled_from("abc"), st.sampled_from(["example.com", "near.test"]))
RECIPIENTS = st.one_of(
    st.builds(lambda address, notify: Recipient(address, (), (address,), notify), OUTSIDE, NOTIFIES),
    st.builds(
        lambda accounts, targets, notify: Recipient(LIST, tuple(accounts), tuple(targets), notify),
        st.lists(st.sampled_from([ALICE, BOB]), max_size=2, unique=True),
        st.lists(OUTSIDE, min_size=1, max_size=3, unique=True),
        NOTIFIES,
    ),
)


@given(st.lists(RECIPIENTS, min_size=1, max_size=5), st.sampled_from([0, 1000]), st.sampled_from([1000, 1001]))
def test_nobody_is_lost(recipients: list[Recipient], limit: int, size: int) -> None:
    """Every account has the message; every address elsewhere is in the queue or told of as failed, never both; or all is refused."""
    accounts = {account.id for one in recipients for account in one.accounts}
    addresses = {f"{address.local}@{address.domain}" for one in recipients for address in one.outside}
    stopped = {address for address in addresses if limit and size > limit and address.endswith("example.com")}
    try:
        result = plan(*recipients, size=size, limit=limit, inside=("near.test",))
    except MailError:
        assert not accounts
        assert addresses == stopped
        return
    queued = [one.address for one in result.outgoing]
    assert sorted(result.accounts) == sorted(accounts)
    assert sorted(queued) == sorted(addresses - stopped)
    assert {one.address for one in result.told if one.action is Action.FAILED} == stopped


def test_an_alias_that_leads_back() -> None:
    """What was sent on by an alias and comes back to it goes no further, not even to people here again; its sender is told."""
    alias = Recipient(Address("List", "Example.test"), (ALICE,), (X,), FAILURE, "rfc822;a@b")
    result = plan(alias, Recipient(LIST, (BOB,)), outside(Y), passes=("", "list@example.test"))
    assert (result.accounts, [one.address for one in result.outgoing]) == ((2,), ["y@Example.COM"])
    assert told(result) == [("List@Example.test", Action.FAILED, "5.4.6")]
    assert (result.told[0].notify, result.told[0].orcpt) == (FAILURE, "rfc822;a@b")
    with pytest.raises(MailError) as caught:
        plan(alias, passes=("list@example.test",))
    assert (caught.value.kind, caught.value.reason) == (Kind.BAD_CONTENT, "mail-loop")


def test_a_loop_by_many_ways() -> None:
    """Whoever it was for: what has been here so often is sent on by no alias any more. People here and elsewhere still have their mail."""
    alias = Recipient(LIST, (), (X,))
    assert plan(alias, passes=("",) * (MOST_PASSES - 1)).outgoing
    with pytest.raises(MailError, match="loop"):
        plan(alias, passes=("",) * MOST_PASSES)
    assert plan(Recipient(LIST, (ALICE,)), outside(Y), passes=("",) * 50).told == ()
