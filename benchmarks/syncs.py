"""What durability costs: syncs per message under load, and throughput on a disk where each sync takes 5 ms longer.

``strace -c`` counts; the slow disk is ``slowsync.c``: sleeps that overlap imitate an SSD or a cloud volume,
sleeps that queue a single spindle.
"""

import argparse
import contextlib
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks import load, report, slowsync
from benchmarks.ours import Ours
from benchmarks.peers import Peers
from benchmarks.servers import Server

CALLS = ("fsync", "fdatasync", "sync_file_range", "msync", "syncfs", "sync")
SLEEP_MS = 5
OCTETS = 5_000
SYNCS = "syncs per message"
DISKS = {
    f"messages/s, syncs {SLEEP_MS} ms longer and overlapping": False,
    f"messages/s, syncs {SLEEP_MS} ms longer and queued": True,
}


@contextlib.contextmanager
def traced(server: Server, table: Path) -> Iterator[None]:
    """Count the syncs of all the server's processes during the block, and leave strace's table in the file."""
    attach = [word for pid in server.pids() for word in ("-p", str(pid))]
    command = ["strace", "-f", "-c", "-e", f"trace={','.join(CALLS)}", "-o", str(table), *attach]
    strace = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert strace.stderr is not None
    strace.stderr.readline()  # "Process N attached"
    try:
        yield
    finally:
        strace.send_signal(signal.SIGINT)
        strace.communicate()


def calls(table: str) -> int:
    """The sum of the calls in a table of ``strace -c``: % time, seconds, usecs/call, calls, errors or nothing, name."""
    rows = (line.split() for line in table.splitlines())
    return sum(int(row[3]) for row in rows if len(row) >= 5 and row[-1] in CALLS)


def per_message(server: Server, messages: int, folder: Path) -> float:
    """Syncs of all processes of the server for each message that 10 connections bring."""
    table = folder / "strace"
    with traced(server, table):
        load.deliver(server, messages, OCTETS)
    return calls(table.read_text()) / messages


def measure(rounds: int, messages: int, folder: Path) -> list[report.Sample]:
    """Count on this disk, then deliver on slow ones."""
    samples = []
    with Peers() as peers, Ours() as ours:
        for server in (peers, ours):
            load.deliver(server, 200, OCTETS)
            samples.append(report.Sample(SYNCS, server.name, per_message(server, messages, folder), "at most 0.3"))
    for what, serial in DISKS.items():
        slow = slowsync.environment(folder, sleep_ms=SLEEP_MS, serial=serial)
        with Peers(environment=slow) as peers, Ours(environment=slow) as ours:
            for server in (peers, ours):
                load.deliver(server, 200, OCTETS)
            for server in (peers, ours) * rounds:
                samples.append(
                    report.Sample(what, server.name, load.deliver(server, messages, OCTETS), "at least 800/s")
                )
    return samples


def main() -> None:
    """Run and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--messages", type=int, default=2000, help="a multiple of 200")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)  # the peers' processes run under other users
        samples = measure(arguments.rounds, arguments.messages, folder)
    notes = [
        "10 connections of smtp-source, 5 kB into 100 mailboxes.",
        "Syncs: fsync, fdatasync and their like, of all processes, by strace.",
    ]
    report.show("syncs", "What durability costs", samples, notes, keep=arguments.messages >= 2000)


if __name__ == "__main__":
    main()
