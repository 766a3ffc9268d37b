"""The process that asks PAM: ``python -m mailsvc.auth.pam_helper LINES SERVICE...``, started before the service stops being root.

It keeps the rights that PAM's modules need (to read /etc/shadow), and nothing else of the service does. From descriptor 3 on lie LINES
sockets, one to each serving process; packets are :func:`request` and :func:`reply`. Only the services named are asked, and passwords come
by these sockets alone: never by arguments, environment or files, and they are never logged.

Three kinds of processes::

    keeper: starts the server again if it dies -> server: reads requests -> one child for each request, which asks PAM and ends

So a module that crashes, hangs or leaks costs one log-in. The end of all sockets means stop. No Twisted here: what runs as root is small.
"""

import os
import resource
import select
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence

from mailsvc.auth.libpam import FAILED, LibPam

__all__ = ["AT_ONCE", "FIRST_LINE", "PATIENCE", "reply", "request", "serve"]

FIRST_LINE = 3
"""The descriptor of the first line."""

AT_ONCE = 8
"""Requests of one line that are judged at the same time."""

PATIENCE = 20
"""Seconds that PAM gets for an answer; then its process is killed."""

_LARGEST = 8192
_RESTART = 1.0

Check = Callable[[bytes, bytes, bytes, bytes], tuple[bytes, bytes]]
"""LibPam.check."""


def request(number: int, *words: bytes) -> bytes:
    """A question: service, name, password, address of the client. None of them may have a NUL in it."""
    return b"\0".join([b"%d" % number, *words])


def reply(number: bytes, verdict: bytes, text: bytes) -> bytes:
    """The answer to the question of this number: a verdict of :mod:`mailsvc.auth.libpam` and its text."""
    return b"\0".join([number, verdict, text])


class _Server:
    """Reads requests, and has a child answer each."""

    def __init__(self, lines: Sequence[socket.socket], services: frozenset[bytes], check: Check) -> None:
        self._services = services
        self._check = check
        self._most = AT_ONCE * len(lines)
        self._children: dict[int, tuple[int, socket.socket, bytes]] = {}  # by the descriptor that tells of their end
        self._lines = set(lines)
        self._selector = selectors.DefaultSelector()
        for line in lines:
            self._selector.register(line, selectors.EVENT_READ)

    def run(self) -> None:
        """Until nobody is left to ask."""
        while self._lines:
            for key, _ in self._selector.select():
                if isinstance(key.fileobj, socket.socket):
                    self._heard(key.fileobj)
                elif key.fd in self._children:
                    self._ended(key.fd)

    def _heard(self, line: socket.socket) -> None:
        packet = line.recv(_LARGEST)
        words = packet.split(b"\0")
        if not packet:
            self._lines.discard(line)
            self._selector.unregister(line)
        elif len(words) != 5 or words[1] not in self._services:
            _tell(line, reply(words[0], FAILED, b"not a question for this helper"))
        else:
            self._begin(line, words)

    def _begin(self, line: socket.socket, words: list[bytes]) -> None:
        while len(self._children) >= self._most:  # of those that have answered, some have not ended yet
            for ended in select.select(self._children, [], [])[0]:
                self._ended(ended)
        pid = os.fork()
        if pid == 0:
            os._exit(self._judge(line, words))
        ended = os.pidfd_open(pid)
        self._children[ended] = (pid, line, words[0])
        self._selector.register(ended, selectors.EVENT_READ)

    def _judge(self, line: socket.socket, words: list[bytes]) -> int:
        """In the child."""
        signal.alarm(PATIENCE)
        try:
            verdict, text = self._check(words[1], words[2], words[3], words[4])
        except Exception as error:
            verdict, text = FAILED, type(error).__name__.encode()
        _tell(line, reply(words[0], verdict, text))
        return 0

    def _ended(self, descriptor: int) -> None:
        """A child has gone; if it was killed or crashed, we answer for it."""
        pid, line, number = self._children.pop(descriptor)
        self._selector.unregister(descriptor)
        os.close(descriptor)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if status != 0:
            _tell(line, reply(number, FAILED, b"the process that asked PAM ended with %d" % status))


def _tell(line: socket.socket, packet: bytes) -> None:
    """Whoever does not read, or is not there any more, misses it."""
    try:
        line.send(packet, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
    except OSError:
        return


def serve(lines: Sequence[socket.socket], services: frozenset[bytes], check: Check) -> None:
    """Answer until all lines have ended, in a child that is started again whenever it dies."""
    while True:
        pid = os.fork()
        if pid == 0:
            _Server(lines, services, check).run()
            os._exit(0)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if status == 0 or _over(lines):
            return
        print(f"the PAM server ended with {status}; a new one begins", file=sys.stderr, flush=True)
        time.sleep(_RESTART)


def _over(lines: Sequence[socket.socket]) -> bool:
    """Whether nobody is at the other end of any line."""
    poll = select.poll()
    for line in lines:
        poll.register(line, 0)
    return sum(bool(event & select.POLLHUP) for _, event in poll.poll(0)) == len(lines)


def main() -> None:
    """Serve on the sockets that we were given."""
    # Ctrl-C reaches the whole group; the end of the sockets says when to stop.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crashed module must not leave a password on the disk
    count, *services = sys.argv[1:]
    try:
        check = LibPam().check
    except OSError as error:
        sys.exit(f"PAM cannot be used: {error}")
    lines = [socket.socket(fileno=FIRST_LINE + place) for place in range(int(count))]
    serve(lines, frozenset(map(os.fsencode, services)), check)


if __name__ == "__main__":
    main()
