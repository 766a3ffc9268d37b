"""Recipients that were named several times are one."""

import pytest

from mailsvc.core.interfaces.delivery import Recipient
from mailsvc.core.queued import Notify
from mailsvc.core.values import Account
from mailsvc.delivery.named_twice import each_once
from mailsvc.formats.address import Address

ALICE = Account(1, "alice@example.test")
X = Address("x", "example.com")


def ours(local: str, domain: str = "example.test", notify: int = 0, orcpt: str = "") -> Recipient:
    """An address of ours: an alias for a person here and one elsewhere."""
    return Recipient(Address(local, domain), (ALICE,), (X,), notify, orcpt)


def elsewhere(local: str, domain: str = "example.com") -> Recipient:
    """A recipient elsewhere."""
    address = Address(local, domain)
    return Recipient(address, outside=(address,))


def test_each_address_once() -> None:
    """In the order and in the spelling in which they were named first."""
    first, other, last = ours("List"), elsewhere("x"), elsewhere("y")
    again = [ours("list", "EXAMPLE.test."), elsewhere("x", "Example.COM"), ours("LIST")]
    assert each_once([first, other, *again, last]) == [first, other, last]


def test_local_parts_of_others() -> None:
    """Whether these differ by their case, only their server knows."""
    both = [elsewhere("x"), elsewhere("X")]
    assert each_once(both) == both


@pytest.mark.parametrize(
    ("notifies", "together"),
    [
        ((0, 0, 0), 0),
        ((Notify.NEVER, Notify.NEVER), Notify.NEVER),
        ((Notify.NEVER, Notify.SUCCESS, Notify.NEVER), Notify.SUCCESS),
        ((Notify.SUCCESS, Notify.DELAY, Notify.FAILURE), Notify.SUCCESS | Notify.DELAY | Notify.FAILURE),
        ((0, Notify.SUCCESS), Notify.SUCCESS | Notify.DELAY | Notify.FAILURE),
    ],
)
def test_what_was_asked_for(notifies: tuple[int, ...], together: int) -> None:
    """All that any NOTIFY asked for is done (RFC 3461 4.1); the original recipient is that of the first."""
    named = [ours("list", notify=notify, orcpt=f"rfc822;{number}@a") for number, notify in enumerate(notifies)]
    assert each_once(named) == [ours("list", notify=together, orcpt="rfc822;0@a")]
