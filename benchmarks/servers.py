"""What every server under measurement looks like to the programs here."""

import abc
import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Self

__all__ = ["DOMAIN", "HOST", "PASSWORD", "Server", "free_port", "mailboxes", "processes_below"]

HOST = "127.0.0.1"
DOMAIN = "bench.test"
PASSWORD = "benchmark-password"  # the same for every mailbox: nobody but us can reach these servers


def mailboxes(count: int) -> list[str]:
    """Addresses in the form that ``smtp-source -N -t u@bench.test`` makes by counting from 1."""
    return [f"{number}u@{DOMAIN}" for number in range(1, count + 1)]


def free_port() -> int:
    """A TCP port of the loopback interface that nobody uses now."""
    with contextlib.closing(socket.create_server((HOST, 0))) as listener:
        return int(listener.getsockname()[1])


def processes_below(pid: int) -> Iterator[int]:
    """The process and all its descendants, from /proc."""
    yield pid
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            yield from processes_below(int(child))


class Server(abc.ABC):
    """A running mail server with ``accounts`` mailboxes; use it as a context manager, it ends with the block.

    :ivar name: for the tables. :ivar description: versions and settings that matter, for the results.
    :ivar smtp, lmtp, pop3, imap: ports on loopback (``lmtp`` may be a socket's path in the form of ``smtp-source``).
    """

    name: str
    description: str
    smtp: int
    lmtp: str
    pop3: int
    imap: int

    @abc.abstractmethod
    def __enter__(self) -> Self:
        """Start, and return when it answers."""

    @abc.abstractmethod
    def __exit__(self, *exc_info: object) -> None:
        """Stop every process and remove every file."""

    @abc.abstractmethod
    def delivered(self) -> bool:
        """Whether every message that was accepted so far is in its mailbox: asked often, so it must cost next to nothing."""

    @abc.abstractmethod
    def pids(self) -> list[int]:
        """All processes of the server."""
