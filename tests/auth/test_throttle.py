"""The throttle: what is slowed and blocked, what never is, and that nothing grows without bounds."""

from ipaddress import ip_network

import attrs
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from twisted.internet.task import Clock

from mailsvc.auth import throttle as module
from mailsvc.auth.throttle import Block, Limit, Report, Throttle

ADDRESS = Limit(6, 100.0, 60.0, 3600.0)
NETWORK = Limit(12, 50.0, 60.0, 900.0)
ACCOUNT = Limit(3, 300.0, 60.0, 900.0)
ALICE, BOB = "alice@example.test", "bob@example.test"
HOME, ABROAD = "192.0.2.7", "198.51.100.1"


def make(**changes: object) -> Throttle:
    """A throttle with small limits."""
    return Throttle(ADDRESS, NETWORK, ACCOUNT, **changes)  # type: ignore[arg-type]


def guess(throttle: Throttle, times: int, account: str = ALICE, address: str = ABROAD, now: float = 0.0) -> None:
    """So many different wrong passwords."""
    for _ in range(times):
        throttle.failed(account, address, now)


class TestBlocks:
    def test_one_too_many(self) -> None:
        """A bucket that is full is not blocked yet; the next wrong password blocks for a minute."""
        throttle = make()
        guess(throttle, 3)
        assert throttle.ask(ALICE, ABROAD, 0).until == 0
        guess(throttle, 1)
        assert throttle.ask(ALICE, ABROAD, 0).until == 60
        assert throttle.ask(ALICE, ABROAD, 60).until == 0

    def test_longer_each_time(self) -> None:
        """Who goes on after a block is blocked twice as long, up to the longest; who rests begins anew."""
        throttle, now, blocks = make(), 0.0, []
        for rest in (0.0,) * 8 + (3600.0,):
            now += rest
            while not (until := throttle.ask("", ABROAD, now).until):
                guess(throttle, 1, account="", now=now)
            blocks.append(until - now)
            now = until
        assert blocks == [60, 120, 240, 480, 960, 1920, 3600, 3600, 60]

    def test_delay_grows(self) -> None:
        """The first wrong passwords cost nothing, then each one waits longer, never more than some seconds."""
        throttle, delays = make(), []
        for _ in range(7):
            delays.append(throttle.ask("", ABROAD, 0).delay)
            guess(throttle, 1, account="")
        assert delays == [0, 0, 0, 1, 2, 4, 8]

    def test_an_account_from_everywhere(self) -> None:
        """Wrong passwords for one account from many addresses block it, for whoever is not known there."""
        throttle = make()
        for number in range(4):
            guess(throttle, 1, address=f"198.51.{number}.1")
        assert throttle.ask(ALICE, "203.0.113.1", 0).until
        assert not throttle.ask(BOB, "203.0.113.1", 0).until

    def test_a_network(self) -> None:
        """Guesses from all over a /24 block it, though no address and no account has had too many."""
        throttle = make()
        for number in range(13):
            guess(throttle, 1, account=f"{number}@example.test", address=f"198.51.100.{number}")
        assert throttle.ask(BOB, "198.51.100.200", 0).until
        assert not throttle.ask(BOB, "198.51.101.1", 0).until

    @pytest.mark.parametrize(("other", "blocked"), [("2001:db8::2", True), ("2001:db8:0:1::1", False)])
    def test_a_64_is_one_address(self, other: str, blocked: bool) -> None:
        """Whoever has one address of a /64 has them all."""
        throttle = make()
        guess(throttle, 7, account="", address="2001:db8::1")
        assert bool(throttle.ask("", other, 0).until) is blocked

    def test_unknown_names(self) -> None:
        """A name that nobody has is treated as any other: the state knows no difference."""
        told = []
        for name in (ALICE, "nobody@example.test"):
            throttle = make()
            throttle.succeeded(ALICE, "203.0.113.1", 0)
            guess(throttle, 4, account=name)
            told.append(throttle.ask(name, HOME, 0))
        assert told[0] == told[1]
        assert told[0].until == 60

    def test_old_password(self) -> None:
        """A program that tries the same old password every minute blocks nobody."""
        throttle = make()
        for minute in range(1000):
            throttle.failed(ALICE, HOME, minute * 60.0, mark=b"old")
            assert not throttle.ask(BOB, HOME, minute * 60.0).until
        assert not throttle.ask(ALICE, HOME, 60_000.0).until

    def test_the_same_password_for_no_name(self) -> None:
        """Where no name is given nobody's old password is tried: each guess counts in full."""
        throttle = make()
        assert [throttle.failed("", ABROAD, 0, mark=b"x") for _ in range(3)] == [1.0] * 3

    @pytest.mark.parametrize("address", ["", "127.0.0.1", "192.0.2.1"])
    def test_never(self, address: str) -> None:
        """From a local socket and from networks that are exempt nobody is blocked or slowed, and nobody suffers by them."""
        throttle = make(never=[ip_network("127.0.0.0/8"), ip_network("192.0.2.0/24")])
        guess(throttle, 1000, address=address)
        assert (throttle.ask(ALICE, address, 0).until, throttle.ask(ALICE, address, 0).delay) == (0, 0)
        assert not throttle.ask(ALICE, ABROAD, 0).until


class TestKnownPlaces:
    """What strangers cannot do to somebody who was in before."""

    def test_campus(self) -> None:
        """A campus behind one address: others' wrong passwords do not lock out those who were in from there."""
        throttle = make()
        throttle.succeeded(ALICE, HOME, 0)
        guess(throttle, 1000, account="", address=HOME)
        assert throttle.ask(BOB, HOME, 0).until
        assert throttle.ask(ALICE, HOME, 0) == module.Verdict(known=True)

    def test_victim(self) -> None:
        """The whole world guesses at one account: its owner gets in from where she always does, and from her neighbourhood."""
        throttle = make()
        throttle.succeeded(ALICE, HOME, 0)
        for number in range(255):
            guess(throttle, 20, address=f"198.51.{number}.1")
        assert throttle.ask(ALICE, HOME, 0).until == 0
        assert throttle.ask(ALICE, "192.0.2.99", 0).until == 0
        assert throttle.ask(ALICE, "203.0.113.1", 0).until

    def test_neighbour(self) -> None:
        """Somebody in her network who guesses at her account is stopped there, and she is not."""
        throttle = make()
        throttle.succeeded(ALICE, HOME, 0)
        guess(throttle, 50, address="192.0.2.66")
        assert throttle.ask(ALICE, "192.0.2.66", 0).until
        assert not throttle.ask(ALICE, HOME, 0).until

    @pytest.mark.parametrize(("account", "address"), [("", HOME), (ALICE, "")])
    def test_nobody_and_nowhere_are_not_known(self, account: str, address: str) -> None:
        """A log-in without a name, or from a local socket, makes no place known."""
        throttle = make()
        assert not throttle.succeeded(account, address, 0)
        assert throttle.known(0) == []

    def test_known_is_not_boundless(self) -> None:
        """From a known address too there are only so many guesses, but no block is longer than a minute."""
        throttle = make()
        throttle.succeeded(ALICE, HOME, 0)
        guess(throttle, 1000, address=HOME)
        assert throttle.ask(ALICE, HOME, 0).until == 60

    def test_forgotten(self) -> None:
        """A place from which nobody came for long is as strange as any other."""
        throttle = make(remember=1000.0)
        throttle.succeeded(ALICE, HOME, 0)
        assert throttle.ask(ALICE, HOME, 999).known
        assert not throttle.ask(ALICE, HOME, 1000).known

    def test_taken_over(self) -> None:
        """A process that begins takes over what another one knows, and its blocks."""
        old, new = make(), make()
        old.succeeded(ALICE, HOME, 5)
        guess(old, 4, account=BOB, now=5)
        new.know(old.known(6))
        for block in old.blocks(6):
            new.block(block, 6)
        assert new.ask(ALICE, HOME, 6) == old.ask(ALICE, HOME, 6)
        assert new.ask(BOB, HOME, 6).until == old.ask(BOB, HOME, 6).until == 65


class TestAdministration:
    def test_list(self) -> None:
        """Blocks are listed by kind, name and end; those that are over are not."""
        throttle = make()
        guess(throttle, 7)
        assert throttle.blocks(1) == [
            Block("account", ALICE, 480.0),
            Block("address", ABROAD, 60.0),
        ]
        assert throttle.blocks(100) == [Block("account", ALICE, 480.0)]

    @pytest.mark.parametrize(("name", "left"), [(ALICE, 1), (ABROAD, 1), ("", 0), ("192.0.2.1", 2)])
    def test_clear(self, name: str, left: int) -> None:
        """An address, an account or everything is forgiven."""
        throttle = make()
        guess(throttle, 7)
        throttle.clear(name)
        assert len(throttle.blocks(1)) == left

    @pytest.mark.parametrize(
        ("guesses", "cleared"), [("198.51.100.{}", "198.51.100.77"), ("2001:db8:0:{}::1", "2001:db8:0:77::2")]
    )
    def test_clear_an_address_of_a_network(self, guesses: str, cleared: str) -> None:
        """Whoever frees an address frees it of what its neighbours did, too."""
        throttle = make()
        for number in range(1, 14):
            guess(throttle, 1, account="", address=guesses.format(number))
        assert throttle.ask("", cleared, 0).until
        throttle.clear(cleared)
        assert not throttle.ask("", cleared, 0).until

    def test_report(self) -> None:
        """The morning's line: how much, from where, and the accounts that were tried from many networks, however slowly."""
        throttle = make()
        for hour in range(24):
            guess(throttle, 1, address=f"198.51.{hour}.1", now=hour * 3600.0)
        guess(throttle, 2, account=BOB, now=90_000)
        throttle.refused(7)
        assert throttle.report() == Report(26, 7, 25, 0, ((ALICE, 24),))
        assert throttle.report() == Report()


def test_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred thousand names from a hundred thousand addresses take no more room than the limits say."""
    for name in ("MOST_BUCKETS", "MOST_KNOWN", "MOST_WATCHED", "MOST_NETWORKS"):
        monkeypatch.setattr(module, name, 50)
    throttle = make()
    for number in range(2000):
        address = f"198.{number % 199}.{number % 251}.1"
        throttle.failed(f"{number}@example.test", address, number, mark=b"%d" % number)
        throttle.failed(ALICE, address, number, mark=b"%d" % number)
        throttle.succeeded(f"{number}@example.test", address, number)
    assert len(throttle._buckets) <= 50
    assert len(throttle._known) <= 50
    assert len(throttle._watched) <= 50
    assert max(map(len, throttle._watched.values())) <= 50
    assert max(len(bucket.marks) for bucket in throttle._buckets.values()) <= module.MOST_MARKS


@attrs.define
class Model:
    """One leaky bucket, told in the plainest way: the wrong passwords that are remembered, each until it leaks out."""

    limit: Limit
    level: float = 0.0
    at: float = 0.0
    until: float = 0.0
    blocks: int = 0

    def pass_to(self, now: float) -> None:
        self.level = max(0.0, self.level - (now - self.at) / self.limit.forget)
        self.at = now
        if self.level == 0 and now - self.until >= self.limit.longest:
            self.blocks = 0

    def fail(self, now: float) -> None:
        self.pass_to(now)
        self.level += 1
        if self.level > self.limit.failures:
            self.level, self.blocks = self.limit.failures, self.blocks + 1
            self.until = now + min(self.limit.first * 2 ** (self.blocks - 1), self.limit.longest)


ACCOUNTS = [ALICE, BOB, "nobody@example.test"]
ADDRESSES = ["192.0.2.1", "192.0.2.2", "198.51.100.1", "2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"]
NETS = {"192.0.2.1": "v", "192.0.2.2": "v", "198.51.100.1": "w"}
SAME = {"2001:db8::2": "2001:db8::1"}


class ThrottleMachine(RuleBasedStateMachine):
    """The throttle against a model of single buckets, while the clock goes on."""

    @initialize()
    def begin(self) -> None:
        self.clock = Clock()
        self.throttle = make(remember=5000.0)
        self.models: dict[tuple[str, str], Model] = {}
        self.known: dict[tuple[str, str], float] = {}

    def now(self) -> float:
        return float(self.clock.seconds())

    def place(self, account: str, address: str) -> str | None:
        net = NETS.get(address, SAME.get(address, address) + "/64")
        return next((p for p in (address, net) if self.known.get((account, p), -1e9) > self.now() - 5000), None)

    def measured_by(self, account: str, address: str) -> list[Model]:
        place = self.place(account, address)
        if place is not None:
            limit = Limit(6, 30.0, 60.0, 60.0)
            return [self.models.setdefault(("known", f"{account} {place}"), Model(limit))]
        one = SAME.get(address, address)
        return [
            self.models.setdefault(("address", one), Model(ADDRESS)),
            self.models.setdefault(("network", NETS.get(address, "x")), Model(NETWORK)),
            self.models.setdefault(("account", account), Model(ACCOUNT)),
        ]

    @rule(account=st.sampled_from(ACCOUNTS), address=st.sampled_from(ADDRESSES), times=st.integers(1, 5))
    def wrong(self, account: str, address: str, times: int) -> None:
        for _ in range(times):
            if self.throttle.ask(account, address, self.now()).until:
                return  # refused, and so not counted
            self.throttle.failed(account, address, self.now())
            for model in self.measured_by(account, address):
                model.fail(self.now())

    @rule(account=st.sampled_from(ACCOUNTS), address=st.sampled_from(ADDRESSES))
    def right(self, account: str, address: str) -> None:
        if not self.throttle.ask(account, address, self.now()).until:
            self.throttle.succeeded(account, address, self.now())
            for place in (address, NETS.get(address, SAME.get(address, address) + "/64")):
                self.known[account, place] = self.now()

    @rule(seconds=st.sampled_from([1, 29, 60, 61, 300, 1000, 5000]))
    def wait(self, seconds: int) -> None:
        self.clock.advance(seconds)

    @invariant()
    def agrees(self) -> None:
        if not hasattr(self, "throttle"):
            return
        for account in ACCOUNTS:
            for address in ADDRESSES:
                models = self.measured_by(account, address)
                ends = [model.until for model in models if model.until > self.now()]
                verdict = self.throttle.ask(account, address, self.now())
                assert verdict.until == pytest.approx(max(ends, default=0.0))
                assert verdict.known == (self.place(account, address) is not None)
                assert 0 <= verdict.delay <= 8


TestModel = ThrottleMachine.TestCase
TestModel.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
