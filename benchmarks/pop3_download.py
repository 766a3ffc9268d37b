"""POP3: ten clients at once, each downloading the 1,000 messages of its own account; and one mailbox of 100,000 messages.

A client is a process that has logged in and waits; all begin together with ``UIDL``, then ``RETR`` for each message, then ``QUIT``. What
the clients themselves cost is stated: it is CPU that the servers do not get.
"""

import argparse
import multiprocessing
import time
from multiprocessing.synchronize import Barrier

from benchmarks import load, report
from benchmarks.ours import Ours
from benchmarks.peers import Peers
from benchmarks.servers import Server, mailboxes

CLIENTS = 10


def _client(port: int, user: str, ready: Barrier, costs: "multiprocessing.Queue[float]") -> None:
    session = load.Pop3(port, user)
    messages = session.messages()
    ready.wait()
    before = time.process_time()
    session.multiline("UIDL")
    for number in range(1, messages + 1):
        session.multiline(f"RETR {number}")
    session.quit()
    costs.put(time.process_time() - before)


def download(server: Server, users: list[str]) -> tuple[float, float]:
    """Download all these mailboxes at once; return seconds by the clock, and seconds of CPU that the clients used."""
    ready = multiprocessing.Barrier(len(users) + 1)
    costs: multiprocessing.Queue[float] = multiprocessing.Queue()
    clients = [multiprocessing.Process(target=_client, args=(server.pop3, user, ready, costs)) for user in users]
    for client in clients:
        client.start()
    ready.wait(timeout=120)
    began = time.perf_counter()
    used = [costs.get(timeout=300) for _ in clients]
    elapsed = time.perf_counter() - began
    for client in clients:
        client.join()
    return elapsed, sum(used)


def stat(server: Server, user: str, messages: int) -> dict[str, float]:
    """Milliseconds that a log-in to a large mailbox takes, and its first STAT."""
    began = time.perf_counter()
    session = load.Pop3(server.pop3, user)
    logged_in = time.perf_counter()
    held = session.messages()
    answered = time.perf_counter()
    session.quit()
    if held != messages:
        raise RuntimeError(f"{server.name} holds {held} messages, not {messages}")
    return {"log-in": (logged_in - began) * 1000, "STAT": (answered - logged_in) * 1000}


def measure(servers: list[Server], rounds: int, messages: int, large: int) -> list[report.Sample]:
    """Fill the mailboxes, then download and ask, the servers taking turns."""
    *users, big = mailboxes(CLIENTS + 1)
    for server in servers:
        for user in users:
            load.fill(server, user, messages, 5_000)
        load.fill(server, big, large, 500)
    samples = []
    for _ in range(rounds):
        for server in servers:
            elapsed, cost = download(server, users)
            rate = messages * CLIENTS / elapsed
            samples.append(report.Sample("download of 5 kB, messages/s", server.name, rate, "at least 1 x"))
            samples.append(
                report.Sample("CPU of the clients, ms per message", server.name, cost / messages / CLIENTS * 1000)
            )
            for name, value in stat(server, big, large).items():
                goal = "below 50 ms" if name == "STAT" else ""
                samples.append(report.Sample(f"{name} with {large:,} messages, ms", server.name, value, goal))
    return samples


def main() -> None:
    """Run and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--messages", type=int, default=1000, help="in each of the ten mailboxes")
    parser.add_argument("--large", type=int, default=100_000, help="messages of the large mailbox")
    arguments = parser.parse_args()
    with Peers(accounts=CLIENTS + 1) as peers, Ours(accounts=CLIENTS + 1) as ours:
        samples = measure([peers, ours], arguments.rounds, arguments.messages, arguments.large)
        notes = [
            f"{peers.name}: {peers.description}; {ours.name}: {ours.description}.",
            f"{CLIENTS} clients at once, different accounts; they had logged in before the clock began; {arguments.rounds} rounds.",
            "The log-in includes the verification of the password: in clear at Dovecot, argon2id at ours.",
        ]
    report.show("pop3_download", "POP3 download", samples, notes, keep=arguments.large >= 100_000)


if __name__ == "__main__":
    main()
