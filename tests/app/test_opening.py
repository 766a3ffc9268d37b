"""When the first client may come in."""

from collections.abc import Sequence

import pytest
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from mailsvc.app.config import Config
from mailsvc.app.opening import Opening
from mailsvc.app.options import DomainOptions
from mailsvc.core.errors import Kind, MailError, temporary
from mailsvc.core.operations import AddDomain, Operation
from mailsvc.testing.directory import MemoryDirectory


class Store:
    """Takes operations, or fails, or does not answer."""

    def __init__(self, failure: MailError | None = None, silent: bool = False) -> None:
        self.failure = failure
        self.silent = silent
        self.taken: list[Operation] = []

    async def apply(self, operations: Sequence[Operation]) -> list[None]:
        """As IStore."""
        if self.silent:
            await Deferred()
        if self.failure:
            raise self.failure
        self.taken += operations
        return [None] * len(operations)


class House:
    """An Opening with fakes around it."""

    def __init__(self, store: Store, directory: MemoryDirectory, *domains: str) -> None:
        self.clock = Clock()
        self.inner = Service()
        self.store = store
        self.directory = directory
        names = domains or ("example.test",)
        config = Config(domain=tuple(DomainOptions(name=name, aliases=(f"mail.{name}",)) for name in names))
        self.opening = Opening(self.clock, store, directory, config, self.inner)
        self.opening.startService()

    def wait(self, seconds: float) -> bool:
        """Let time pass; whether clients are let in now."""
        self.clock.pump([0.1] * round(seconds * 10 + 1))
        return bool(self.inner.running)


@pytest.fixture
def full_disk() -> Store:
    """A store that cannot commit."""
    return Store(temporary("store-full"))


def test_at_once() -> None:
    """With a store that answers, the domains are made and clients come in at once."""
    house = House(Store(), MemoryDirectory())
    assert house.inner.running
    assert house.store.taken == [AddDomain("example.test", ("mail.example.test",))]


def test_store_late(full_disk: Store) -> None:
    """A store that needs a moment is waited for."""
    house = House(full_disk, MemoryDirectory("other.test"))
    assert not house.wait(3)
    full_disk.failure = None
    assert house.wait(0.1)


def test_full_disk_known_domain(full_disk: Store) -> None:
    """When nothing can be written but our domains are known, clients come in after a while: reading works, the rest is told to wait."""
    house = House(full_disk, MemoryDirectory("example.test"))
    assert not house.wait(Opening.PATIENCE - 1)
    assert house.wait(2)
    full_disk.failure = None
    house.wait(0.2)
    assert full_disk.taken


def test_missing_domain(full_disk: Store) -> None:
    """While a declared domain is missing in a store that can be read, nobody comes in: their mail would be refused for good."""
    house = House(full_disk, MemoryDirectory("other.test"))
    assert not house.wait(Opening.PATIENCE * 10)
    full_disk.failure = None
    assert house.wait(0.1)


def test_unreadable_store(full_disk: Store) -> None:
    """When the store can neither be read nor written, clients come in after a while and are told to try again later."""
    directory = MemoryDirectory()
    directory.failure = temporary("store-unusable")
    assert House(full_disk, directory).wait(Opening.PATIENCE + 1)


def test_impossible_domain() -> None:
    """A domain that cannot be made for good, an alias that another domain has, does not keep the service closed."""
    house = House(Store(MailError(Kind.EXISTS, "domain-exists")), MemoryDirectory())
    assert house.inner.running


def test_impossible_domain_costs_no_other() -> None:
    """What one domain of the configuration lacks is no reason to refuse the mail of the others."""

    class Picky(Store):
        async def apply(self, operations: Sequence[Operation]) -> list[None]:
            if any(isinstance(one, AddDomain) and one.name == "taken.test" for one in operations):
                raise MailError(Kind.EXISTS, "domain-exists")
            return await super().apply(operations)

    store = Picky()
    assert House(store, MemoryDirectory(), "taken.test", "example.test").inner.running
    assert store.taken == [AddDomain("example.test", ("mail.example.test",))]


def test_stopped_before_open(full_disk: Store) -> None:
    """A service that stops before it opened opens nothing afterwards and leaves no timer."""
    house = House(full_disk, MemoryDirectory())
    house.wait(1)
    house.opening.stopService()
    assert not house.wait(Opening.PATIENCE * 2)
    assert house.clock.getDelayedCalls() == []


def test_stopped_while_asking() -> None:
    """The same while the store has not answered yet."""
    house = House(Store(silent=True), MemoryDirectory())
    house.opening.stopService()
    assert not house.inner.running
