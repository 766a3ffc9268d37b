"""What the ledger costs: SMTP into 100 mailboxes as in ``smtp_delivery``, with the ledger and without it, in turn.

Two servers run at once and are loaded in turn, for a second or so each, many times: ``without, with, with, without, ...``. Each pair of
rounds gives a ratio of the rates and one of the processor time that a message takes (all processes of the server, user and system), which
other programs on the machine disturb far less. See :mod:`benchmarks.paired` for what is said of them.

The ledger has a past when it begins, for an index that grows could cost more and more. Rows are indexed after their commit: the next round
begins when that is done, and the time that it took counts as that of the round before.

::

    python -m benchmarks.ledger                  # under four minutes; writes results/ledger.md
    python -m benchmarks.ledger --seconds 20     # a look; writes nothing
"""

import argparse
import os
import statistics
import time
from itertools import count

import attrs

from benchmarks import load, report
from benchmarks.ours import Ours
from benchmarks.paired import Ratio, processor_seconds, ratio
from mailsvc.core.ledger import Event, Happening
from mailsvc.core.ledger_rows import pack
from mailsvc.core.operations import Operation, Record
from mailsvc.store import open_store

OCTETS, MESSAGES = 5_000, 800
SECONDS, FEWEST = 150.0, 8
RATE, COST = "5 kB, messages/s", "5 kB, microseconds of processor/message"
GOALS = {RATE: "at least 0.95", COST: "at most 1.05"}

_UNINDEXED = 256  # rows that the chores wait for, see store.sql_ledger


def fill(server: Ours, rows: int) -> None:
    """Give the ledger a past."""
    store = open_store(str(server.root / "store"))
    for start in range(0, rows, 1000):
        operations: list[Operation] = [Record(tuple(pack(_event(start + number)) for number in range(1000)))]
        store.apply(operations)
    store.close()


def _event(number: int) -> Event:
    return Event(
        at=1_700_000_000 + number / 100,
        what=Happening.ACCEPTED,
        queue_id=f"{number:016X}",
        message_id=f"{number * 7919 % 1_000_003}@client.example",
        address=f"192.0.2.{number % 250}",
        sender=f"s{number % 5003}@example.com",
        recipients=(f"r{number % 997}@example.test",),
        size=OCTETS,
        reason="local",
    )


def settle(server: Ours) -> None:
    """Return when the chores have indexed what there is."""
    store = open_store(str(server.root / "store"))
    try:
        waiting = "SELECT coalesce(max(id), 0)-(SELECT value FROM meta WHERE name='ledger_indexed') FROM ledger"
        while store.connection().execute(waiting).fetchone()[0] >= _UNINDEXED:
            time.sleep(0.05)
    finally:
        store.close()


@attrs.define
class Side:
    """One server and what was measured of it: messages per second and seconds of the processor per message, for each round."""

    server: Ours
    rates: list[float] = attrs.Factory(list)
    costs: list[float] = attrs.Factory(list)

    def round(self, messages: int) -> None:
        """One, from quiet to quiet."""
        before = processor_seconds(self.server.pids())
        self.rates.append(load.deliver(self.server, messages, OCTETS))
        settle(self.server)
        self.costs.append((processor_seconds(self.server.pids()) - before) / messages)


def measure(sides: tuple[Side, Side], seconds: float, messages: int) -> None:
    """Rounds in pairs, each beginning with the server that the one before ended with, for so many seconds; one pair more to warm up."""
    end = time.monotonic() + seconds
    for number in count():
        for side in sides if number % 2 else sides[::-1]:
            side.round(messages)
        if not number:
            for side in sides:
                side.rates.clear()
                side.costs.clear()
        elif number >= FEWEST and time.monotonic() > end:
            return


def samples(side: Side) -> list[report.Sample]:
    """For the table."""
    rates = [report.Sample(RATE, side.server.name, value, GOALS[RATE]) for value in side.rates]
    costs = [report.Sample(COST, side.server.name, value * 1e6, GOALS[COST]) for value in side.costs]
    return [sample for pair in zip(rates, costs, strict=True) for sample in pair]


def verdict(what: str, found: Ratio, is_kept: bool | None) -> str:
    """One line for the results."""
    words = {True: "kept", False: "not kept", None: "not decided by these rounds"}
    return f"{what}, with / without: **{found}**, 95 % confidence, {found.pairs} pairs; the goal is {words[is_kept]}"


def main() -> None:
    """Run and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--seconds", type=float, default=SECONDS, help="how long to measure; below the default nothing is written"
    )
    parser.add_argument("--messages", type=int, default=MESSAGES, help="of one round, a multiple of 200")
    parser.add_argument("--rows", type=int, default=100_000, help="rows that the ledger begins with")
    arguments = parser.parse_args()
    load_average = os.getloadavg()[0]
    with Ours(config="[ledger]\non = false\n") as without, Ours() as ours:
        without.name, ours.name = "without ledger", "with ledger"
        fill(ours, arguments.rows)
        settle(ours)
        sides = Side(without), Side(ours)
        measure(sides, arguments.seconds, arguments.messages)
    rates, costs = ratio(sides[0].rates, sides[1].rates), ratio(sides[0].costs, sides[1].costs)
    notes = [
        verdict("messages/s", rates, True if rates.least >= 0.95 else False if rates.most < 0.95 else None),
        verdict(
            "processor time of a message", costs, True if costs.most <= 1.05 else False if costs.least > 1.05 else None
        ),
        f"{_difference(sides):+.0f} microseconds of the processor a message, the median of the pairs.",
        f"Rounds of {arguments.messages} messages in turn; the ledger had {arguments.rows:,} rows when they began.",
        f"Programs that wanted a processor when they began (load average of a minute): {load_average:.1f}.",
    ]
    every = [sample for side in sides for sample in samples(side)]
    report.show("ledger", "The ledger's cost", every, notes, keep=arguments.seconds >= SECONDS)


def _difference(sides: tuple[Side, Side]) -> float:
    return statistics.median(b - a for a, b in zip(sides[0].costs, sides[1].costs, strict=True)) * 1e6


if __name__ == "__main__":
    main()
