"""Doubles of the relay decision: grants in memory, clocks that stand still, and permits over them."""

from collections.abc import Callable, Sequence
from typing import Any

from zope.interface import implementer

from mailsvc.auth.relay_desk import USUAL, RelayDesk
from mailsvc.auth.relay_permission import Permits
from mailsvc.auth.relay_rules import Rule
from mailsvc.auth.relay_words import RelayWords
from mailsvc.core.clocks import Clocks
from mailsvc.core.interfaces.directory import IDirectory
from mailsvc.core.interfaces.grants import IGrants
from mailsvc.core.operations import Operation
from mailsvc.core.relay import Grant, Spent

__all__ = ["FakeClocks", "MemoryGrants", "make_desk", "make_test_permits"]


@implementer(IGrants)
class MemoryGrants:
    """Has the grants that a test puts there.

    :ivar grants: all of them. :ivar used: subject -> what went out. :ivar asked: how often somebody looked.
    """

    def __init__(self, *grants: Grant) -> None:
        self.grants = list(grants)
        self.used: dict[str, Spent] = {}
        self.asked = 0

    async def at(self, networks: Sequence[str]) -> list[Grant]:
        """The latest proof first."""
        self.asked += 1
        return sorted((one for one in self.grants if one.network in networks), key=lambda one: -one.last)

    async def find(self, account: int = 0, network: str = "", since: int = 0, most: int = 1000) -> list[Grant]:
        """Those that fit."""
        fit = (one for one in self.grants if account in (0, one.account) and network in ("", one.network))
        return [one for one in fit if one.expiry > since][:most]

    async def epoch(self, account: int) -> int:
        """Nothing changes."""
        return 0

    async def spent(self, subjects: Sequence[str], since: int) -> Spent:
        """What a test says."""
        found = [self.used.get(subject, Spent()) for subject in subjects]
        most = max(found, key=lambda one: one.recipients, default=Spent())
        return Spent(max((one.messages for one in found), default=0), most.recipients)

    async def told(self, account: int) -> bool:
        """Nobody is told."""
        return False


class FakeClocks:
    """Two clocks that a test moves.

    :ivar wall: seconds since the epoch. :ivar steady: milliseconds.
    """

    def __init__(self, wall: float = 1_795_000_000.0, boot: str = "boot-1") -> None:
        self.wall = wall
        self.steady = 5_000_000
        self.boot = boot

    def advance(self, seconds: float) -> None:
        """Time passes."""
        self.wall += seconds
        self.steady += int(seconds * 1000)

    def set_wall(self, seconds: float) -> None:
        """Somebody sets the clock."""
        self.wall = seconds

    @property
    def clocks(self) -> Clocks:
        """For who takes clocks."""
        return Clocks(wall=lambda: self.wall, steady=lambda: self.steady, boot=self.boot)


async def _nowhere(operations: Sequence[Operation]) -> list[Any]:
    return [None for _ in operations]


def make_desk(
    directory: IDirectory,
    rules: Sequence[Rule] = USUAL,
    grants: IGrants | None = None,
    clocks: Clocks | None = None,
    apply: Callable[[Sequence[Operation]], Any] = _nowhere,
) -> RelayDesk:
    """A desk; without grants, nobody has one."""
    return RelayDesk(rules, directory, grants or MemoryGrants(), apply, clocks)


def make_test_permits(directory: IDirectory, rules: Sequence[Rule] = USUAL, **settings: Any) -> Permits:
    """Permits over such a desk."""
    desk = make_desk(directory, rules, **settings)
    return Permits(desk, RelayWords(rules=desk.rules))
