"""The next server for mail that leaves, in threads: it takes letters for everybody but ``nobody``, and remembers each copy.

It enters a letter before it says so, as a server must; whoever is killed before the answer reaches him will send a second copy.
"""

import random
import socketserver
import threading
import time
from contextlib import suppress
from typing import Self

from mailsvc.testing.audit import Findings

__all__ = ["NextHop"]


class NextHop:
    """Use it as a context manager. ``port``: where it listens, on the loopback."""

    def __init__(self, delay: float = 0.02) -> None:
        """:param delay: the longest time between taking a letter and saying so, in seconds."""
        self.delay = delay
        self._taken: list[tuple[float, list[str], bytes]] = []
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.hop = self
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def take(self, recipients: list[str], message: bytes) -> None:
        """Enter a letter."""
        with self._lock:
            self._taken.append((time.monotonic(), recipients, message))

    def collect(self, findings: Findings) -> None:
        """Put what has come since the last time into ``findings``."""
        with self._lock:
            taken, self._taken = self._taken, []
        for moment, recipients, message in taken:
            for address in recipients:
                findings.add(address, message, moment)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    hop: NextHop


class _Handler(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        """One connection."""
        with suppress(OSError):  # the other side was killed
            self._converse()

    def _converse(self) -> None:
        self._say(b"220 next hop")
        recipients: list[str] = []
        for line in self.rfile:
            verb, _, argument = line.decode("ascii").rstrip().partition(" ")
            address = argument.partition("<")[2].partition(">")[0]
            if verb == "DATA":
                self._take(recipients)
            elif verb == "RCPT" and address.startswith("nobody@"):
                self._say(b"550 5.1.1 nobody here")
            else:
                recipients = [*recipients, address] if verb == "RCPT" else []
                self._say(_REPLIES.get(verb, b"250 ok"))
            if verb == "QUIT":
                return

    def _take(self, recipients: list[str]) -> None:
        if not recipients:
            self._say(b"554 5.5.1 for nobody")
            return
        self._say(b"354 go on")
        lines: list[bytes] = []
        while (line := self.rfile.readline()) != b".\r\n":
            if not line.endswith(b"\n"):
                raise ConnectionError("cut off")
            lines.append(line.removeprefix(b"."))
        self.server.hop.take(recipients, b"".join(lines))
        time.sleep(random.uniform(0, self.server.hop.delay))  # noqa: S311 - no secret
        self._say(b"250 2.0.0 taken")

    def _say(self, text: bytes) -> None:
        self.wfile.write(text + b"\r\n")


_REPLIES = {"EHLO": b"250-next hop\r\n250 PIPELINING", "QUIT": b"221 bye"}
