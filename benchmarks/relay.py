"""What the relay decision costs: nothing has changed, something has, and a log-in that gives a grant.

In one process over a real store with 10,000 accounts and 20,000 grants; commits are not synced, for they are shared with everybody
else's and measured elsewhere.
"""

import argparse
import tempfile
import time
from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet.task import Clock

from benchmarks import report
from mailsvc.auth.grants import Granting
from mailsvc.auth.relay_desk import RelayDesk
from mailsvc.auth.relay_permission import Permits
from mailsvc.auth.relay_rules import PopBeforeSmtp, SmtpAuth
from mailsvc.bus import Bus
from mailsvc.core.clocks import system_clocks
from mailsvc.core.operations import AddAccount, ProveGrant
from mailsvc.core.values import LoggedIn, Peer
from mailsvc.directory import Grants, Secrets
from mailsvc.formats.address import Address
from mailsvc.store.connect import run
from mailsvc.testing.store import make_store

ACCOUNTS = 10_000
GRANTS = 20_000
TURNS = 20_000
RULES = (PopBeforeSmtp(name="pop-before-smtp"), SmtpAuth(name="smtp-auth"))
ELSEWHERE = Address("somebody", "elsewhere.test")
GOAL = "below 20 us"


class Site:
    """A store with people and grants, and what decides over it."""

    def __init__(self, path: str, accounts: int, grants: int) -> None:
        """:param path: an empty directory. :param accounts: how many there are. :param grants: how many live, of different addresses."""
        self.made = make_store(path)
        store = self.store = self.made.store
        names = [f"user{number}@example.test" for number in range(accounts)]
        ids = store.commit([AddAccount(name) for name in names])
        self.clocks = system_clocks()
        now, steady = self.clocks.now, self.clocks.steady()
        for start in range(0, grants, 1000):
            store.commit(
                [
                    ProveGrant(
                        f"{number:x}", f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}/32", ids[number % accounts],
                        "pop-before-smtp", 0, "pop3", "USER", "TLSv1.3", 0, now, now + 3600, self.clocks.boot, steady,
                        steady + 3_600_000,
                    )
                    for number in range(start, min(start + 1000, grants))
                ]
            )  # fmt: skip
        reader = Grants(store.connection)
        self.bus = Bus()
        self.desk = RelayDesk(RULES, self.made.directory, reader, self.apply, self.clocks)
        self.permits = Permits(self.desk)
        self.granting = Granting(
            Clock(), RULES, reader, Secrets(store.connection), self.apply, self.clocks, ours=lambda address: False
        )
        self.granting.listen(self.bus)
        self.account = run(self.made.directory.account(ids[0]))

    async def apply(self, operations: Any) -> list[Any]:
        """The store's commit."""
        return self.store.commit(operations)

    async def nothing(self, operations: Any) -> list[Any]:
        """As if the owner had done it."""
        return ["id" for _ in operations]


def _microseconds(turn: Callable[[int], Awaitable[Any] | None], turns: int) -> float:
    begin = time.perf_counter()
    for number in range(turns):
        waiting = turn(number)
        if waiting is not None:
            run(waiting)  # type: ignore[arg-type]
    return (time.perf_counter() - begin) / turns * 1e6


def measure(site: Site, turns: int) -> dict[str, float]:
    """Microseconds of each."""
    granted = site.permits.permission(Peer("10.0.0.9", "smtp@x", "smtp"), 0, ELSEWHERE)

    def changed(number: int) -> Awaitable[Any]:
        site.desk.forget()
        return granted.check(ELSEWHERE)

    def new_connection(number: int) -> Awaitable[Any]:
        address = f"10.0.{number >> 8 & 63}.{number & 255}"
        return site.permits.permission(Peer(address, "smtp@x", "smtp"), 0, ELSEWHERE).check(ELSEWHERE)

    def log_in(number: int) -> None:
        peer = Peer(f"203.0.{number >> 8 & 255}.{number & 255}", "pop3@x", "pop3", tls="TLSv1.3", mechanism="USER")
        assert site.account is not None
        site.bus.publish(LoggedIn(site.account, peer, 0))

    found = {
        "a recipient, nothing has changed": _microseconds(lambda number: granted.check(ELSEWHERE), turns),
        "a recipient, something has changed": _microseconds(changed, turns),
        "the first recipient of a connection": _microseconds(new_connection, turns),
    }
    real, site.granting._apply = site.granting._apply, site.nothing
    found["a log-in to a proof"] = _microseconds(log_in, turns)
    site.granting._apply = real
    found["a proof in the store (a commit of its own)"] = _microseconds(log_in, min(turns, 500))
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=TURNS)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir="/dev/shm") as path:
        site = Site(path, ACCOUNTS, GRANTS)
        rounds = [measure(site, options.turns) for _ in range(options.rounds)]
        site.store.close()
    samples = [
        report.Sample(f"{name}, microseconds", "mailsvc", value, GOAL if "nothing" in name else "")
        for one in rounds
        for name, value in one.items()
    ]
    notes = [
        f"One process; {ACCOUNTS:,} accounts, {GRANTS:,} grants that live; {options.turns:,} turns, {options.rounds} rounds.",
        "The store is in memory (tmpfs), so a commit costs no sync here; real ones are shared with everybody else's.",
    ]
    report.show("relay", "Who may relay: the decision and the event", samples, notes, keep=options.turns >= TURNS)


if __name__ == "__main__":
    main()
