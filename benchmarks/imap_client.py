"""An IMAP client that does as little as a client can: sends commands, and counts and skips what comes back until the tagged line."""

import socket

from benchmarks.servers import HOST, PASSWORD

__all__ = ["Imap"]


class Imap:
    """A logged-in IMAP session."""

    def __init__(self, port: int, user: str) -> None:
        """:param port: on loopback. :param user: a login; all have one password. Raises OSError, RuntimeError if refused."""
        self.socket = socket.create_connection((HOST, port), timeout=600)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._line()
        self.command(f"LOGIN {user} {PASSWORD}")

    def command(self, text: str) -> int:
        """Send a command; return the octets of its answer. Raises RuntimeError unless that is OK."""
        self.socket.sendall(b"x " + text.encode() + b"\r\n")
        return self.answer()

    def append(self, mailbox: str, messages: list[bytes]) -> None:
        """All messages by one command (RFC 3502, RFC 7888), as fast as the server takes them."""
        self.socket.sendall(b"x APPEND " + mailbox.encode())
        for message in messages:
            if len(message) > 4096:  # LITERAL- allows no more without waiting
                self.socket.sendall(b" {%d}\r\n" % len(message))
                self._line()
                self.socket.sendall(message)
            else:
                self.socket.sendall(b" {%d+}\r\n%b" % (len(message), message))
        self.socket.sendall(b"\r\n")
        self.answer()

    def answer(self) -> int:
        """Skip all until the tagged line; the octets. A tagged line ends what was received, for nothing is asked meanwhile."""
        size, tail = 0, b"\n"
        while True:
            data = self._receive()
            size += len(data)
            tail = (tail + data)[-1000:]
            last = tail[tail.rfind(b"\n", 0, -1) + 1 :]
            if last.startswith(b"x ") and last.endswith(b"\r\n"):
                if not last.startswith(b"x OK"):
                    raise RuntimeError(last)
                return size

    def logout(self) -> None:
        """End the session."""
        self.socket.sendall(b"x LOGOUT\r\n")
        self.socket.close()

    def _receive(self) -> bytes:
        data = self.socket.recv(1 << 20)
        if not data:
            raise ConnectionError("the server hung up")
        return data

    def _line(self) -> bytes:
        line = b""
        while not line.endswith(b"\r\n"):
            line += self._receive()
        if line[:1] not in b"*+":
            raise RuntimeError(line)
        return line
