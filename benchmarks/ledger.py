"""What the ledger costs: SMTP into 100 mailboxes as in ``smtp_delivery``, with the ledger and without it, in turn.

The ledger has a past when it begins, for an index that grows could cost more and more. Beside the rate, which other programs on the
machine disturb, the processor time of all processes of the server is measured, which they hardly do.
"""

import argparse
import os
from pathlib import Path

from benchmarks import load, report
from benchmarks.ours import Ours
from mailsvc.core.ledger import Event, Happening
from mailsvc.core.operations import Operation, Record
from mailsvc.core.ledger_rows import pack
from mailsvc.store import open_store

OCTETS, MESSAGES = 5_000, 4000
GOAL = "within 5 %"


def fill(server: Ours, rows: int) -> None:
    """Give the ledger a past."""
    store = open_store(str(server.root / "store"))
    for start in range(0, rows, 1000):
        operations: list[Operation] = [Record(tuple(pack(_event(start + number)) for number in range(1000)))]
        store.apply(operations)
    store.close()


def _event(number: int) -> Event:
    return Event(
        at=1_700_000_000,
        what=Happening.ACCEPTED,
        queue_id=f"{number:016X}",
        message_id=f"{number * 7919 % 1_000_003}@client.example",
        address=f"192.0.2.{number % 250}",
        sender=f"s{number % 5003}@example.com",
        recipients=(f"r{number % 997}@example.test",),
        size=OCTETS,
        reason="local",
    )


def measure(servers: list[Ours], rounds: int, messages: int) -> list[report.Sample]:
    """The servers take turns; who begins changes with each round."""
    samples = []
    for number in range(rounds + 1):
        for server in servers if number % 2 else servers[::-1]:
            before = processor_time(server)
            rate = load.deliver(server, messages, OCTETS)
            spent = (processor_time(server) - before) / messages * 1e6
            if number:  # round 0 warms up
                samples.append(report.Sample("5 kB, messages/s", server.name, rate, GOAL))
                samples.append(report.Sample("5 kB, microseconds of processor/message", server.name, spent, GOAL))
    return samples


def processor_time(server: Ours) -> float:
    """Seconds that all processes of a server have had so far."""
    ticks = 0
    for pid in server.pids():
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Run and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--scale", type=float, default=1.0, help="length of the rounds; below 1 nothing is written")
    parser.add_argument("--rows", type=int, default=200_000, help="rows that the ledger begins with")
    arguments = parser.parse_args()
    messages = max(200, int(MESSAGES * arguments.scale) // 200 * 200)
    with Ours(config="[ledger]\non = false\n") as without, Ours() as ours:
        without.name, ours.name = "without ledger", "with ledger"
        fill(ours, arguments.rows)
        samples = measure([without, ours], arguments.rounds, messages)
    notes = [
        f"{arguments.rounds} rounds of {messages} messages in turn; the ledger had {arguments.rows} rows when they began.",
    ]
    report.show("ledger", "The ledger's cost", samples, notes, keep=arguments.scale >= 1)


if __name__ == "__main__":
    main()
