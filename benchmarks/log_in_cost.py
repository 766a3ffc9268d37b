"""What a log-in costs a server: CPU time of all its processes, which a busy machine changes little where it spoils rates.

One client after another, people who have logged in before (:mod:`benchmarks.log_ins` has the servers, the people and the ways to log in).
Counted is what the kernel has charged to the server's processes, those that have ended included.
"""

import argparse
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import report
from benchmarks.log_ins import CLEAR, PASSWORD, REUSED, Hasher, InlineWorker, password_of, people, rivals, run
from benchmarks.login_client import MECHANISMS, Door, visit
from benchmarks.servers import Server

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(server: Server) -> float:
    """CPU time of the server's processes and of their children that have ended."""
    return sum(map(_seconds, server.pids()))


def _seconds(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / _TICKS  # utime, stime, cutime, cstime


def cost(server: Server, log_in: Callable[[str], object], group: list[str], times: int) -> float:
    """Milliseconds of CPU for each log-in."""
    before = cpu_seconds(server)
    for _ in range(times):
        for user in group:
            log_in(user)
    return (cpu_seconds(server) - before) * 1000 / (len(group) * times)


def costs(count: int, times: int, hashed: str, only: str, further: str) -> Iterator[report.Sample]:
    """Each mechanism, then TLS."""
    ways = [(mechanism, mechanism, None) for mechanism in MECHANISMS]
    ways += [(CLEAR, "USER and PASS", None)]
    ways += [("TLS, full handshakes", "USER and PASS", False), ("TLS, sessions resumed", "USER and PASS", True)]
    with rivals(count, hashed, further) as (peers, pop3s, ours):
        trust = ours.server.tls_context()
        for what, by, resume in ways:
            if only not in what:
                continue
            for server, tls_port in ((peers, pop3s), (ours, ours.server.ports["pop3s"])):
                group = people(CLEAR if resume is not None else what, count)
                password = PASSWORD if resume is not None else password_of(what)
                door = Door(server.pop3) if resume is None else Door(tls_port, trust, resume)

                def log_in(user: str, door: Door = door, by: str = by, password: str = password) -> None:
                    visit(door, by, user, password)

                cost(server, log_in, group, 5)  # so that each of our workers knows them
                yield report.Sample(f"{what}, CPU ms", server.name, cost(server, log_in, group, times))


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--times", type=int, default=25)
    parser.add_argument("--only", default="")
    parser.add_argument("--reuse", action="store_true", help="Dovecot uses its session processes again")
    arguments = parser.parse_args()
    hashed = run(Hasher(InlineWorker()).hash(PASSWORD))
    samples = list(costs(arguments.people, arguments.times, hashed, arguments.only, REUSED if arguments.reuse else ""))
    report.show("log_in_cost", "What a log-in costs", samples, [], keep=False)


if __name__ == "__main__":
    main()
