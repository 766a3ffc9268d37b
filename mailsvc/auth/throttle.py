"""Who has guessed too much, as pure state: no I/O, no clock of its own, memory that is bounded.

Each wrong password fills three leaky buckets: that of the address, of its network (/24, /48) and of the account, whether the account
exists or not. The fuller they are, the longer an attempt waits; one that overflows is blocked for a time, twice as long each time it
overflows again. For IPv6 a /64 counts as one address, for whoever has one has all of it. What is refused while a block lasts is not
looked at, so it does not count, and a block ends when it said it would.

Places from which an account was used of late are *known*: from there it is measured by a bucket of its own, which strangers cannot
fill. So neither the guesses of a whole campus behind one address nor those of the whole world at one account lock anybody out who was
in before. First the very address counts as the place, then its network.

The same wrong password again is a program with an old password, and no guess: it counts a tenth.

::

    ask(account, address) -> Verdict    failed(...) | succeeded(...)    report() -> what happened since the last one
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from ipaddress import ip_address, ip_network

import attrs

from mailsvc.core.options import Network

__all__ = ["Block", "Key", "Limit", "Report", "Throttle", "Verdict"]

Key = tuple[str, str]
"""What is counted: ``"address"``, ``"network"`` or ``"account"`` with its name; ``"known"`` with account and place."""

REPEATED = 0.1
"""How much the same wrong password counts when it comes again."""

MOST_BUCKETS = 50_000
MOST_KNOWN = 50_000
MOST_WATCHED = 10_000
MOST_NETWORKS = 1000
MOST_MARKS = 8

SUSPICIOUS = 10
"""From so many networks in one report, wrong passwords for one account are an attack on it."""

_SLOWEST = 8.0
_NEVER = 0.0
_LONG_AGO = float("-inf")


@attrs.frozen
class Limit:
    """How much a bucket holds.

    :ivar failures: wrong passwords until it overflows. :ivar forget: seconds in which it loses one.
    :ivar first: seconds of the first block; ``longest``: of the longest.
    """

    failures: int
    forget: float
    first: float
    longest: float

    def delay(self, level: float) -> float:
        """Seconds that an attempt waits: none up to a third of the bucket, then doubling."""
        over = level - self.failures / 3
        return float(min(_SLOWEST, 0.5 * 2**over)) if over > 0 else 0.0


@attrs.define
class _Bucket:
    """A level as of a time, and the block that lasts until ``until``."""

    at: float
    level: float = 0.0
    until: float = _NEVER
    blocks: int = 0
    marks: tuple[bytes, ...] = ()

    def drain(self, limit: Limit, now: float) -> None:
        """What was forgotten since."""
        self.level = max(0.0, self.level - max(0.0, now - self.at) / limit.forget)
        self.at = now
        if not self.level and now - self.until >= limit.longest:
            self.blocks = 0  # a long block empties the bucket too: only rest after it is a new beginning

    def fill(self, limit: Limit, weight: float, now: float) -> bool:
        """One more; True if it overflows."""
        self.drain(limit, now)
        self.level += weight
        if self.level <= limit.failures:
            return False
        self.level = float(limit.failures)
        self.blocks += 1
        self.until = now + min(limit.first * 2.0 ** min(self.blocks - 1, 30), limit.longest)
        return True


@attrs.frozen
class Verdict:
    """What becomes of an attempt.

    :ivar until: when the block ends, seconds since the epoch; 0: it is looked at, after ``delay`` seconds.
    :ivar known: the account was used from there of late. :ivar never: nobody is blocked from there.
    """

    until: float = _NEVER
    delay: float = 0.0
    known: bool = False
    never: bool = False


@attrs.frozen
class Block:
    """One block that lasts."""

    kind: str
    name: str
    until: float


@attrs.frozen
class Report:
    """What happened.

    :ivar wrong: wrong passwords; ``refused``: attempts that were not looked at; ``networks``: from how many /24 or /48 (0xFFFF at most).
    :ivar blocks: how often somebody was blocked. :ivar accounts: those that were tried from many networks, with how many.
    """

    wrong: int = 0
    refused: int = 0
    networks: int = 0
    blocks: int = 0
    accounts: tuple[tuple[str, int], ...] = ()


class Throttle:
    """The state."""

    def __init__(
        self,
        address: Limit,
        network: Limit,
        account: Limit,
        never: Iterable[Network] = (),
        remember: float = 30 * 86400,
    ) -> None:
        """:param never: networks from which nobody is blocked. :param remember: seconds for which a place stays known."""
        # At a known place nobody is blocked for more than a minute: a neighbour who guesses there must not lock the owner out either.
        known = Limit(2 * account.failures, account.forget / 10, min(account.first, 60.0), min(account.first, 60.0))
        self._limits = {"address": address, "network": network, "account": account, "known": known}
        self._never = tuple(never)
        self._remember = remember
        self._buckets: OrderedDict[Key, _Bucket] = OrderedDict()
        self._known: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._wrong = self._refused = self._blocks = 0
        self._networks: set[str] = set()
        self._watched: OrderedDict[str, set[str]] = OrderedDict()

    # --- attempts ---

    def ask(self, account: str, address: str, now: float) -> Verdict:
        """What to do with an attempt. ``account``: its canonical address, ``""`` if the client names none. ``address``: ``""`` is local."""
        if self._is_never(address):
            return Verdict(never=True)
        place = self._known_place(account, address, now)
        verdicts = [self._look(key, now) for key in self._keys(account, address, place)]
        until = max(verdict.until for verdict in verdicts)
        return Verdict(until, 0.0 if until else max(one.delay for one in verdicts), known=place is not None)

    def failed(
        self, account: str, address: str, now: float, mark: bytes = b"", weight: float = 1.0, count: int = 1
    ) -> float:
        """A wrong password; ``count`` of them that together weigh ``weight``. Returns by how much that counted.

        :param mark: the same for the same password, ``b""`` if that cannot be told.
        """
        self._wrong += count
        if self._is_never(address):
            return 0.0
        if mark and account:
            weight *= self._weight(account, mark, now)
        for key in self._keys(account, address, self._known_place(account, address, now)):
            bucket = self._bucket(key, now)
            if bucket.fill(self._limits[key[0]], weight, now):
                self._blocks += 1
        self._watch(account, address)
        return weight

    def refused(self, count: int = 1) -> None:
        """So many attempts were not looked at."""
        self._refused += count

    def succeeded(self, account: str, address: str, now: float) -> bool:
        """A right password: these places are known from now on. Returns whether that is news."""
        if not account or not address:
            return False
        news = False
        for place in _places(address):
            key = (account, place)
            news = news or self._known.get(key, _LONG_AGO) < now - self._remember / 30
            self._known[key] = now
            self._known.move_to_end(key)
        while len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)
        return news

    # --- what is known ---

    def blocks(self, now: float) -> list[Block]:
        """The blocks that last, those that end last first."""
        found = [Block(*key, bucket.until) for key, bucket in self._buckets.items() if bucket.until > now]
        return sorted(found, key=lambda block: -block.until)

    def block(self, block: Block, now: float) -> None:
        """Another process has blocked this."""
        bucket = self._bucket((block.kind, block.name), now)
        bucket.until = max(bucket.until, block.until)

    def known(self, now: float) -> list[tuple[str, str, float]]:
        """Account, place and when it was last used from there."""
        return [(*key, when) for key, when in self._known.items() if when > now - self._remember]

    def know(self, rows: Iterable[tuple[str, str, float]]) -> None:
        """Take over what another process knows."""
        for account, place, when in rows:
            key = (account, place)
            self._known[key] = max(self._known.get(key, _LONG_AGO), when)
        while len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)

    def clear(self, name: str = "") -> int:
        """Forget the failures of an address (and its network), a network or an account; ``""``: of all. Returns how many were blocked."""
        names = {name, *_places(name), *_counted(name)} if _is_address(name) else {name}
        gone = [key for key in self._buckets if not name or not names.isdisjoint(key[1].split(" "))]
        return sum(bool(self._buckets.pop(key).until) for key in gone)

    def report(self) -> Report:
        """What happened since the last report."""
        attacked = ((account, len(networks)) for account, networks in self._watched.items())
        accounts = sorted((one for one in attacked if one[1] >= SUSPICIOUS), key=lambda one: -one[1])
        report = Report(self._wrong, self._refused, len(self._networks), self._blocks, tuple(accounts))
        self._wrong = self._refused = self._blocks = 0
        self._networks.clear()
        self._watched.clear()
        return report

    # --- inside ---

    def _is_never(self, address: str) -> bool:
        return not address or any(_in(address, network) for network in self._never)

    def _known_place(self, account: str, address: str, now: float) -> str | None:
        places = _places(address)
        return next((one for one in places if self._known.get((account, one), _LONG_AGO) > now - self._remember), None)

    def _keys(self, account: str, address: str, place: str | None) -> Iterator[Key]:
        """The buckets that an attempt is measured by."""
        if place is not None:
            yield "known", f"{account} {place}"
            return
        one, network = _counted(address)
        yield "address", one
        yield "network", network
        if account:
            yield "account", account

    def _look(self, key: Key, now: float) -> Verdict:
        bucket = self._buckets.get(key)
        if bucket is None:
            return Verdict()
        limit = self._limits[key[0]]
        bucket.drain(limit, now)
        if bucket.until > now:
            return Verdict(bucket.until)
        return Verdict(delay=0.0 if key[0] == "network" else limit.delay(bucket.level))

    def _bucket(self, key: Key, now: float) -> _Bucket:
        bucket = self._buckets.setdefault(key, _Bucket(now))
        self._buckets.move_to_end(key)
        while len(self._buckets) > MOST_BUCKETS:
            self._buckets.popitem(last=False)
        return bucket

    def _weight(self, account: str, mark: bytes, now: float) -> float:
        bucket = self._bucket(("account", account), now)
        if mark in bucket.marks:
            return REPEATED
        bucket.marks = (*bucket.marks, mark)[-MOST_MARKS:]
        return 1.0

    def _watch(self, account: str, address: str) -> None:
        _, network = _counted(address)
        if len(self._networks) < 0xFFFF:
            self._networks.add(network)
        if account:
            networks = self._watched.setdefault(account, set())
            self._watched.move_to_end(account)
            if len(networks) < MOST_NETWORKS:
                networks.add(network)
            while len(self._watched) > MOST_WATCHED:
                self._watched.popitem(last=False)


@lru_cache(maxsize=4096)
def _counted(address: str) -> tuple[str, str]:
    """What counts as an address, and the network that it is in."""
    if ip_address(address).version == 4:
        return address, str(ip_network((address, 24), strict=False))
    return str(ip_network((address, 64), strict=False)), str(ip_network((address, 48), strict=False))


@lru_cache(maxsize=4096)
def _places(address: str) -> Sequence[str]:
    """Where somebody is who has this address: first exactly, then the /24 or /64."""
    one, network = _counted(address)
    return (address, network) if ip_address(address).version == 4 else (address, one)


@lru_cache(maxsize=4096)
def _in(address: str, network: Network) -> bool:
    ip = ip_address(address)
    return ip.version == network.version and ip in network


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
