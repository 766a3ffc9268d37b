"""SMTP into 100 different mailboxes over 10 connections: messages per second until the last one can be read.

The clock stops when the server has every message in its mailbox; afterwards all mailboxes are read by POP3 and their messages counted.
"""

import argparse

from benchmarks import load, report
from benchmarks.ours import Ours
from benchmarks.peers import Peers
from benchmarks.servers import Server, mailboxes

SIZES = {"5 kB": (5_000, 4000, "at least 3 x"), "100 kB": (100_000, 1000, "at least 2 x")}


def measure(servers: list[Server], rounds: int, scale: float) -> list[report.Sample]:
    """Each size in ``rounds`` rounds, the servers taking turns. ``scale`` shortens the rounds for a trial run."""
    samples = []
    sent = dict.fromkeys(servers, 0)
    for size, (octets, messages, goal) in SIZES.items():
        messages = max(200, int(messages * scale) // 200 * 200)
        for number in range(rounds + 1):
            for server in servers:
                rate = load.deliver(server, messages, octets)
                sent[server] += messages
                if number:  # round 0 warms up
                    samples.append(report.Sample(f"{size}, messages/s", server.name, rate, goal))
    for server in servers:
        held = load.counts(server, mailboxes(load.MAILBOXES))
        if held != sent[server]:
            raise RuntimeError(f"{server.name} answered 250 to {sent[server]} messages; its mailboxes hold {held}")
    return samples


def main() -> None:
    """Run and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scale", type=float, default=1.0, help="length of the rounds; below 1 nothing is written")
    parser.add_argument("--storage", default="sdbox", choices=["sdbox", "mdbox", "maildir"], help="Dovecot's format")
    arguments = parser.parse_args()
    with Peers(storage=arguments.storage) as peers, Ours() as ours:
        samples = measure([peers, ours], arguments.rounds, arguments.scale)
        notes = [
            f"{peers.name}: {peers.description}; {ours.name}: {ours.description}.",
            f"{arguments.rounds} rounds in turn; 10 connections of smtp-source on the same cores, one recipient a message.",
            "Every message was found in its mailbox by POP3 afterwards.",
        ]
    report.show("smtp_delivery", "SMTP into 100 mailboxes", samples, notes, keep=arguments.scale >= 1)


if __name__ == "__main__":
    main()
