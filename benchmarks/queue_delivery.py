"""Mail that waits for 200 other servers: how fast the queue empties; what one slow server does to the others; a large queue.

Each destination is an address of its own on the loopback (127.1.0.1 ...), all of them one ``smtp-sink``. The queue is filled first and the
clock starts when delivery may begin: Postfix is told ``postqueue -f``; ours is filled with mail that is due at that second.
"""

import argparse
import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import report
from benchmarks.ours import Ours
from benchmarks.peers import Peers
from benchmarks.servers import DOMAIN, HOST, free_port
from mailsvc.core.operations import Deliver
from mailsvc.core.queued import Outgoing, OutgoingRecipient
from mailsvc.store.direct import DirectStore

DESTINATIONS = 200
OCTETS = 5_000
MESSAGES = 20_000
SLOW_MESSAGES = 50
WAITING = 100_000

_SLOW = "slow.test"
_PATIENCE = 1200
_HEAD_START = 8.0  # seconds for the server to start before the mail is due

BODY = b"Subject: benchmark\r\nFrom: sender@bench.test\r\n\r\n" + (b"x" * 70 + b"\r\n") * (OCTETS // 72)


def destination(number: int) -> str:
    """The domain of a message."""
    return f"d{number % DESTINATIONS}.test"


def address(number: int) -> str:
    """The address of its server."""
    return f"127.1.0.{number % DESTINATIONS + 1}"


@contextmanager
def sink(*arguments: str) -> Iterator[int]:
    """An smtp-sink on every loopback address; its port."""
    port = free_port()
    command = ["smtp-sink", "-u", "nobody", *arguments, f"inet::{port}", "1000"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        time.sleep(0.3)
        yield port
    finally:
        process.terminate()
        process.wait()


def wait_until(condition: Callable[[], bool], pause: float = 0.02) -> None:
    """Ask again and again."""
    deadline = time.perf_counter() + _PATIENCE
    while not condition():
        if time.perf_counter() > deadline:
            raise TimeoutError("the queue is not empty")
        time.sleep(pause)


# --- ours ---


def config(port: int, slow: int = 0) -> str:
    """A route for each destination."""
    routes = {destination(number): f"{address(number)}:{port}" for number in range(DESTINATIONS)}
    if slow:
        routes[_SLOW] = f"127.2.0.1:{slow}"
    return "".join(f'[[route]]\ndomains = ["{domain}"]\nhosts = ["{host}"]\n' for domain, host in routes.items())


def enqueue(ours: Ours, domains: list[str], due: int, first: int = 0) -> None:
    """Put messages into the queue of a server that does not run."""
    store = DirectStore(ours.root / "store")
    now = int(time.time())
    numbered = list(enumerate(domains, first))
    for start in range(0, len(numbered), 500):
        store.commit([_deliver(number, domain, now, due) for number, domain in numbered[start : start + 500]])
    store.close()


def _deliver(number: int, domain: str, now: int, due: int) -> Deliver:
    recipient = OutgoingRecipient(f"user@{domain}", domain)
    queue_id = f"B{number:07}"
    outgoing = Outgoing(queue_id, f"sender{number % 50}@{DOMAIN}", 0, now, due, 0, (recipient,))
    return Deliver(accounts=(), prefix=b"", size=len(BODY), date=now, data=BODY, outgoing=outgoing)


def left(ours: Ours, but: str = "") -> int:
    """Recipients that wait, but for those at one domain."""
    database = sqlite3.connect(f"file:{ours.root / 'store' / 'mail.db'}?mode=ro", uri=True)
    try:
        (count,) = database.execute(
            "SELECT count(*) FROM queued_recipient WHERE destination<>? AND state<2", (but,)
        ).fetchone()
    finally:
        database.close()
    return int(count)


def waits(ours: Ours, queue_id: str) -> bool:
    """Whether a message is still in the queue; cheap enough to be asked all the time."""
    database = sqlite3.connect(f"file:{ours.root / 'store' / 'mail.db'}?mode=ro", uri=True)
    try:
        return database.execute("SELECT 1 FROM queued WHERE queue_id=?", (queue_id,)).fetchone() is not None
    finally:
        database.close()


def drain_ours(messages: int, slow: bool = False) -> float:
    """Messages per second to all but the slow destination."""
    with sink() as port, sink("-w", "10") as slow_port:
        ours = Ours(1, workers=1, config=config(port, slow_port if slow else 0))
        ours.server.start()
        ours.server.stop()
        domains = [destination(number) for number in range(messages)]
        begin = int(time.time() + _HEAD_START + messages / 2000)
        enqueue(ours, [_SLOW] * (SLOW_MESSAGES if slow else 0) + domains, begin)
        with ours:
            if time.time() > begin:
                raise RuntimeError("the server was not ready in time: give it a longer head start")
            time.sleep(begin - time.time())
            began = time.perf_counter()
            wait_until(lambda: not left(ours, _SLOW))
            return messages / (time.perf_counter() - began)


# --- Postfix ---


def drain_postfix(messages: int) -> float:
    """Messages per second."""
    with sink() as port:
        peers = Peers(1)
        with peers:
            etc = peers.root / "postfix/etc"
            main = (etc / "main.cf").read_text()
            lines = (f"{destination(number)} smtp:[{address(number)}]:{port}\n" for number in range(DESTINATIONS))
            (etc / "transport").write_text("".join(lines))
            (etc / "main.cf").write_text(f"{main}transport_maps = texthash:{etc}/transport\ndefer_transports = smtp\n")
            _postfix(etc, "reload")
            _fill_postfix(peers, messages)
            (etc / "main.cf").write_text(f"{main}transport_maps = texthash:{etc}/transport\n")
            _postfix(etc, "reload")
            time.sleep(2)
            began = time.perf_counter()
            subprocess.run(["postqueue", "-c", etc, "-f"], check=True)
            wait_until(peers.delivered, 0.1)
            return messages / (time.perf_counter() - began)


def _postfix(etc: Path, command: str) -> None:
    subprocess.run(["postfix", "-c", etc, command], check=True, stderr=subprocess.DEVNULL)


def _fill_postfix(peers: Peers, messages: int) -> None:
    """By smtp-source, a run for each destination; all of it ends in the deferred queue."""
    for number in range(DESTINATIONS):
        count = len(range(number, messages, DESTINATIONS))
        if count:
            command = ["smtp-source", "-s", "4", "-d", "-m", str(count), "-l", str(OCTETS), "-f", f"sender@{DOMAIN}"]
            subprocess.run([*command, "-t", f"user@{destination(number)}", f"{HOST}:{peers.smtp}"], check=True)
    spool = peers.root / "postfix/spool"
    wait_until(lambda: not any((spool / "incoming").iterdir()) and not any((spool / "active").iterdir()), 0.2)


# --- a large queue ---


def large_queue(waiting: int, whole: bool = False) -> tuple[float, float]:
    """Seconds from kill -9 of the process that sends to the first delivery by another, and the memory of that in MB.

    :param whole: kill all processes and start the service again at once.
    """
    with sink() as port:
        ours = Ours(1, workers=2, config=config(port))
        ours.server.start()
        ours.server.stop()
        enqueue(ours, [destination(number) for number in range(1, waiting)], int(time.time()) + 86400)
        begin = int(time.time() + _HEAD_START + 5)
        enqueue(ours, [destination(0)], begin, first=waiting)
        with ours:
            time.sleep(max(begin - time.time() - 0.01, 0))
            began = time.perf_counter()
            if whole:
                ours.server.destroy()
                ours.server.start_only()
            else:
                os.kill(_sender(ours), signal.SIGKILL)
            wait_until(lambda: not waits(ours, f"B{waiting:07}"), 0.005)
            seconds = time.perf_counter() - began
            time.sleep(5)
            return seconds, _resident(_sender(ours))


def _sender(ours: Ours) -> int:
    """The process that sends: who has the most memory of the workers."""
    workers = [pid for name, pid in ours.server.processes().items() if name.startswith("worker")]
    return max(workers, key=_resident)


def _resident(pid: int) -> float:
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1000


# --- all ---


def measure(rounds: int, scale: float) -> list[report.Sample]:
    """The rows of the smaller queues; ``scale`` shortens them."""
    messages, samples = int(MESSAGES * scale), []
    for number in range(rounds):
        plain = 0.0
        for server, run in (("Postfix", drain_postfix), ("mailsvc", drain_ours)):
            plain = run(messages)
            samples.append(report.Sample("5 kB to 200 destinations, messages/s", server, plain, "at least 1.5 x"))
        slow = drain_ours(messages, slow=True)
        samples.append(
            report.Sample("speed beside a destination of 10 s a message", "mailsvc", slow / plain, "above 0.95")
        )
        print(f"round {number + 1}: {samples[-3:]}")
    return samples


def measure_restart(rounds: int, scale: float) -> list[report.Sample]:
    """The rows of the large queue."""
    samples = []
    for number in range(rounds):
        seconds, memory = large_queue(int(WAITING * scale))
        anew, _ = large_queue(int(WAITING * scale), whole=True)
        samples.append(report.Sample("100,000 waiting: kill -9 to first delivery, s", "mailsvc", seconds, "below 2"))
        samples.append(report.Sample("100,000 waiting: kill -9 of all and start to first delivery, s", "mailsvc", anew))
        samples.append(report.Sample("100,000 waiting: memory of the sender, MB", "mailsvc", memory, "below 300"))
        print(f"restart {number + 1}: {seconds:.3f} s, {memory:.0f} MB; of all: {anew:.3f} s")
    return samples


def main() -> None:
    """Run and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1.0, help="size of the queues; below 1 nothing is written")
    parser.add_argument("--restart", action="store_true", help="the large queue only; nothing is written")
    arguments = parser.parse_args()
    samples = measure_restart(arguments.rounds, arguments.scale)
    if arguments.restart:
        return
    samples = measure(arguments.rounds, arguments.scale) + samples
    notes = [
        f"{MESSAGES:,} messages of 5 kB, {DESTINATIONS} destinations, each an address of one smtp-sink on the same cores, no TLS, no DNS.",
        "The queue is filled first; Postfix: from postqueue -f until its queue is empty; mailsvc: from the second at which all is due.",
        "mailsvc: one process that serves and sends, one that commits. Postfix: its defaults, up to 100 processes that send.",
        f"The slow destination: {SLOW_MESSAGES} messages for an smtp-sink -w 10, beside the 20,000.",
    ]
    report.show("queue_delivery", "The queue", samples, notes, keep=arguments.scale >= 1)


if __name__ == "__main__":
    main()
