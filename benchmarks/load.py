"""The load: Postfix's ``smtp-source`` sends, a small POP3 client reads; the same programs for every server.

``smtp-source -N`` numbers its recipients from 1 and starts anew with each run, so 100 messages of one run go to 100 different mailboxes.
Two shell loops of 5 connections each keep 10 connections busy: while one loop reconnects, the other sends.
"""

import socket
import subprocess
import time
from collections.abc import Sequence

from benchmarks.servers import DOMAIN, HOST, PASSWORD, Server

__all__ = ["MAILBOXES", "Pop3", "counts", "deliver", "fill"]

MAILBOXES = 100
_LOOPS = 2
_PATIENCE = 600  # seconds
_SENDER = "sender@elsewhere.test"
_RUN = """\
for run in $(seq {runs}); do
    smtp-source -s {connections} -d -N -m {mailboxes} -l {size} -f {sender} -t u@{domain} {target} || exit 1
done
"""


def deliver(server: Server, messages: int, size: int, connections: int = 10) -> float:
    """Send messages by SMTP, one recipient each, evenly into 100 mailboxes; return messages per second until all are in.

    :param messages: a multiple of 200. :param size: octets of each body.
    """
    script = _RUN.format(
        runs=messages // (_LOOPS * MAILBOXES),
        connections=connections // _LOOPS,
        mailboxes=MAILBOXES,
        size=size,
        sender=_SENDER,
        domain=DOMAIN,
        target=f"{HOST}:{server.smtp}",
    )
    began = time.perf_counter()
    senders = [subprocess.Popen(["sh", "-c", script]) for _ in range(_LOOPS)]
    if [sender.wait() for sender in senders] != [0] * _LOOPS:
        raise RuntimeError(f"smtp-source failed at {server.name}")
    while not server.delivered():
        if time.perf_counter() > began + _PATIENCE:
            raise TimeoutError(f"{server.name} still holds back messages after {_PATIENCE} s")
        time.sleep(0.005)
    return messages / (time.perf_counter() - began)


def fill(server: Server, address: str, messages: int, size: int, connections: int = 4) -> None:
    """Put messages into one mailbox by LMTP, past any queue."""
    command = ["smtp-source", "-L", "-d", "-s", str(connections), "-m", str(messages), "-l", str(size)]
    subprocess.run([*command, "-f", _SENDER, "-t", address, server.lmtp], check=True)


class Pop3:
    """A logged-in POP3 session that does as little as a client can do."""

    def __init__(self, port: int, user: str) -> None:
        """:param port: on loopback. :param user: a login; all have one password. Raises OSError, RuntimeError if refused."""
        self.socket = socket.create_connection((HOST, port), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._line()
        self.command(f"USER {user}")
        self.command(f"PASS {PASSWORD}")

    def command(self, text: str) -> bytes:
        """Send a command with a single-line answer."""
        self.socket.sendall(text.encode() + b"\r\n")
        return self._line()

    def multiline(self, text: str) -> int:
        """Send a command with a multi-line answer; return the octets of the answer."""
        self.socket.sendall(text.encode() + b"\r\n")
        size, tail = 0, b""
        while not tail.endswith(b"\r\n.\r\n"):
            data = self._receive()
            size += len(data)
            tail = (tail + data)[-5:]
            if size < 5 or (size == len(data) and data.startswith(b"-")):
                raise RuntimeError(data)
        return size

    def messages(self) -> int:
        """How many messages there are."""
        return int(self.command("STAT").split()[1])

    def quit(self) -> None:
        """End the session and wait for the answer."""
        self.command("QUIT")
        self.socket.close()

    def _receive(self) -> bytes:
        data = self.socket.recv(1 << 16)
        if not data:
            raise ConnectionError("the server hung up")
        return data

    def _line(self) -> bytes:
        line = b""
        while not line.endswith(b"\n"):
            line += self._receive()
        if not line.startswith(b"+OK"):
            raise RuntimeError(line)
        return line


def counts(server: Server, addresses: Sequence[str]) -> int:
    """How many messages all these mailboxes hold, by logging in and asking each."""
    total = 0
    for address in addresses:
        session = Pop3(server.pop3, address)
        total += session.messages()
        session.quit()
    return total
