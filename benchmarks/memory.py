"""Memory: what a message far over the limit costs, and what a connection costs that does nothing.

Sizes are of all processes of the server together: ``VmHWM`` (the highest resident size, reset before) for the message, ``VmRSS`` for
connections.
"""

import argparse
import contextlib
import socket
import ssl
from pathlib import Path

from benchmarks import report
from benchmarks.ours import Ours
from benchmarks.servers import HOST, Server, mailboxes

LIMIT = 10_000_000
MEGABYTE = 1_000_000
LINE = b"x" * 998 + b"\r\n"


def resident(server: Server, field: str = "VmRSS") -> float:
    """Megabytes of all processes of the server: ``VmRSS`` now, ``VmHWM`` at most since :func:`forget_peaks`."""
    total = 0
    for pid in server.pids():
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        total += int(next(line for line in lines if line.startswith(field)).split()[1])
    return total * 1024 / MEGABYTE


def forget_peaks(server: Server) -> None:
    """Let ``VmHWM`` begin anew (proc(5), clear_refs)."""
    for pid in server.pids():
        Path(f"/proc/{pid}/clear_refs").write_text("5")


class Conversation:
    """Just enough SMTP to send what a library would refuse to."""

    def __init__(self, port: int) -> None:
        """:param port: of SMTP on loopback; the greeting has been read. Raises OSError."""
        self.socket = socket.create_connection((HOST, port), timeout=60)
        self.lines = self.socket.makefile("rb")
        self.reply()

    def reply(self) -> bytes:
        """The last line of the next reply."""
        while (line := self.lines.readline())[3:4] == b"-":
            pass
        return line

    def command(self, line: bytes) -> bytes:
        """Send a command, return the last line of its reply."""
        self.socket.sendall(line + b"\r\n")
        return self.reply()

    def begin(self) -> None:
        """A transaction that says nothing about the size to come."""
        for line in (b"EHLO client.test", b"MAIL FROM:<a@client.test>", b"RCPT TO:<" + mailboxes(1)[0].encode() + b">"):
            self.command(line)


def send_by_data(conversation: Conversation, octets: int) -> bytes:
    """A message by DATA; the reply to it."""
    conversation.command(b"DATA")
    block = LINE * 64
    for _ in range(octets // len(block)):
        conversation.socket.sendall(block)
    return conversation.command(b".")


def send_by_bdat(conversation: Conversation, octets: int) -> bytes:
    """The same as one chunk (RFC 3030); the reply to it."""
    block = LINE * 64
    count = octets // len(block)
    conversation.socket.sendall(b"BDAT %d LAST\r\n" % (count * len(block)))
    for _ in range(count):
        conversation.socket.sendall(block)
    return conversation.reply()


def growth(server: Server, octets: int) -> list[report.Sample]:
    """How much more the processes hold at most while a message over the limit arrives and is refused."""
    samples = []
    for name, send in (("DATA", send_by_data), ("BDAT", send_by_bdat)):
        forget_peaks(server)
        before = resident(server)
        conversation = Conversation(server.smtp)
        conversation.begin()
        answer = send(conversation, octets)
        if not answer.startswith(b"552"):
            raise RuntimeError(f"{name} over the limit was answered {answer!r}")
        what = f"{octets // MEGABYTE} MB by {name}, limit {LIMIT // MEGABYTE} MB: growth, MB"
        samples.append(report.Sample(what, server.name, resident(server, "VmHWM") - before, "at most 20"))
    return samples


def _connect(port: int, trust: ssl.SSLContext | None) -> socket.socket:
    connection = socket.create_connection((HOST, port), timeout=60)
    connection = trust.wrap_socket(connection, server_hostname="localhost") if trust else connection
    connection.recv(1000)
    return connection


def idle(listener: str, count: int) -> report.Sample:
    """What a connection costs that was greeted and then says nothing, at a server that has done nothing else yet."""
    with Ours(accounts=1, listener="connections = 5000") as ours, contextlib.ExitStack() as some:
        port = ours.server.ports[listener]
        trust = ours.server.tls_context() if listener.endswith("s") else None
        for _ in range(20):  # what the first connections cost once for all
            some.enter_context(_connect(port, trust))
        before = resident(ours)
        for _ in range(count):
            some.enter_context(_connect(port, trust))
        each = (resident(ours) - before) / count * 1000
        return report.Sample(f"idle connection to {listener}, kB", ours.name, each)


def main() -> None:
    """Run and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--connections", type=int, default=1000)
    arguments = parser.parse_args()
    with Ours(accounts=1, listener=f"message_size = {LIMIT}") as ours:
        samples = [report.Sample("all processes at rest, MB", ours.name, resident(ours))]
        samples += growth(ours, arguments.megabytes * MEGABYTE)
        notes = [
            f"{ours.description}. Sums over the main process, the owner and the workers; {arguments.connections} connections at once."
        ]
    samples += [idle(listener, arguments.connections) for listener in ("smtp", "pop3", "submissions", "pop3s")]
    report.show("memory", "Memory", samples, notes, keep=arguments.megabytes >= 100)


if __name__ == "__main__":
    main()
