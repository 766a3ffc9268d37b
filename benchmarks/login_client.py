"""Log-ins by POP3: a client for each mechanism that does as little as a client can, and many of them at once.

A log-in is a whole visit: connect, greeting, TLS if wanted, the exchange, the answer to it, ``QUIT``. What a client may remember of an
account (SCRAM's salted password, a TLS session) it remembers, as real ones do.
"""

import base64
import functools
import hashlib
import hmac
import multiprocessing
import re
import socket
import ssl
import time
from collections.abc import Callable, Sequence

from benchmarks.servers import HOST

__all__ = ["MECHANISMS", "Door", "Refused", "salted", "visit", "visits"]

CLIENTS = 8
"""Processes that log in at the same time."""


class Refused(Exception):
    """The server said no."""


class Door:
    """Where to knock.

    :ivar resumed: how many visits went on with the TLS session of an earlier one.
    """

    def __init__(self, port: int, tls: ssl.SSLContext | None = None, resume: bool = False, source: str = "") -> None:
        """:param port: of POP3 on loopback. :param tls: TLS from the first octet, trusting the server; None: no TLS.
        :param resume: keep the session for the next visit. :param source: the client's own IP address; ``""``: as the system chooses.
        """
        self.port = port
        self.tls = tls
        self.resume = resume
        self.source = source
        self._session: ssl.SSLSession | None = None
        self.resumed = 0

    def open(self) -> socket.socket:
        """A connection, TLS begun if there is any. Raises OSError (ssl.SSLError too)."""
        plain = socket.create_connection(
            (HOST, self.port), timeout=60, source_address=(self.source, 0) if self.source else None
        )
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.tls is None:
            return plain
        return self.tls.wrap_socket(plain, server_hostname="localhost", session=self._session)

    def close(self, connection: socket.socket) -> None:
        """Done with a connection of :meth:`open`; a TLS session has its ticket by now (RFC 8446 4.6.1)."""
        if self.resume and isinstance(connection, ssl.SSLSocket):
            self.resumed += bool(connection.session_reused)
            self._session = connection.session
        connection.close()


class _Line:
    """A conversation of single lines."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection

    def read(self) -> bytes:
        line = b""
        while not line.endswith(b"\n"):
            data = self._socket.recv(4096)
            if not data:
                raise ConnectionError("the server hung up")
            line += data
        if line.startswith(b"-"):
            raise Refused(line)
        return line

    def ask(self, text: bytes) -> bytes:
        self._socket.sendall(text + b"\r\n")
        return self.read()

    def challenge(self, text: bytes) -> bytes:
        return base64.b64decode(self.ask(text)[2:])


def _user(line: _Line, greeting: bytes, user: str, password: str) -> None:
    line.ask(b"USER " + user.encode())
    line.ask(b"PASS " + password.encode())


def _apop(line: _Line, greeting: bytes, user: str, password: str) -> None:
    stamp = re.search(rb"<[^>]*>", greeting)
    assert stamp is not None
    digest = hashlib.md5(stamp[0] + password.encode()).hexdigest()
    line.ask(f"APOP {user} {digest}".encode())


def _cram_md5(line: _Line, greeting: bytes, user: str, password: str) -> None:
    challenge = line.challenge(b"AUTH CRAM-MD5")
    digest = hmac.digest(password.encode(), challenge, "md5").hex()
    line.ask(base64.b64encode(f"{user} {digest}".encode()))


@functools.cache
def salted(hash: str, password: str, salt: bytes, iterations: int) -> bytes:
    """SCRAM's SaltedPassword (RFC 5802 3), which is slow, and remembered here and in processes forked afterwards.

    :param hash: its name as :mod:`hashlib` knows it. :return: as many octets as that hash has.
    """
    return hashlib.pbkdf2_hmac(hash, password.encode(), salt, iterations)


def _scram(hash: str) -> "Exchange":
    def exchange(line: _Line, greeting: bytes, user: str, password: str) -> None:
        bare = f"n={user},r=bench".encode()
        name = {"sha1": b"SCRAM-SHA-1", "sha256": b"SCRAM-SHA-256"}[hash]
        first = line.challenge(b"AUTH " + name + b" " + base64.b64encode(b"n,," + bare))
        told = dict(part.split(b"=", 1) for part in first.split(b","))
        secret = salted(hash, password, base64.b64decode(told[b"s"]), int(told[b"i"]))
        key = hmac.digest(secret, b"Client Key", hash)
        final = b"c=biws,r=" + told[b"r"]
        signature = hmac.digest(hashlib.new(hash, key).digest(), b",".join((bare, first, final)), hash)
        proof = base64.b64encode(bytes(a ^ b for a, b in zip(key, signature, strict=True)))
        answer = line.ask(base64.b64encode(final + b",p=" + proof))
        if answer.startswith(b"+ "):  # the server's signature; an empty answer ends the exchange
            line.ask(b"")

    return exchange


Exchange = Callable[[_Line, bytes, str, str], None]
"""Logs in: the conversation, the server's greeting, user, password. Raises Refused, ConnectionError."""

MECHANISMS: dict[str, Exchange] = {
    "USER and PASS": _user,
    "APOP": _apop,
    "CRAM-MD5": _cram_md5,
    "SCRAM-SHA-1": _scram("sha1"),
    "SCRAM-SHA-256": _scram("sha256"),
}
"""By what a client logs in: USER (RFC 1939 7), APOP (the same), CRAM-MD5 (RFC 2195), SCRAM (RFC 5802, RFC 7677)."""


def visit(door: Door, mechanism: str, user: str, password: str) -> float:
    """Log in and leave; the seconds from the connection to the log-in's answer.

    :param mechanism: one of :data:`MECHANISMS`. Raises Refused, OSError.
    """
    began = time.perf_counter()
    connection = door.open()
    try:
        line = _Line(connection)
        MECHANISMS[mechanism](line, line.read(), user, password)
        elapsed = time.perf_counter() - began
        line.ask(b"QUIT")
    finally:
        door.close(connection)
    return elapsed


def visits(door: Door, mechanism: str, people: Sequence[tuple[str, str]]) -> float:
    """Everybody logs in once, :data:`CLIENTS` at a time; seconds by the clock until the last one has left.

    :param people: user and password. Raises RuntimeError if anybody was refused, or no TLS session was resumed where that was wanted.
    """
    ready = multiprocessing.Barrier(CLIENTS + 1)
    ended: multiprocessing.Queue[tuple[str, int]] = multiprocessing.Queue()

    def client(share: Sequence[tuple[str, str]]) -> None:
        ready.wait()
        trouble = ""
        try:
            for user, password in share:
                visit(door, mechanism, user, password)
        except Exception as error:
            trouble = repr(error)
        ended.put((trouble, door.resumed))

    fork = multiprocessing.get_context("fork")
    clients = [fork.Process(target=client, args=(people[number::CLIENTS],)) for number in range(CLIENTS)]
    for each in clients:
        each.start()
    ready.wait(timeout=60)
    began = time.perf_counter()
    results = [ended.get(timeout=600) for _ in clients]
    elapsed = time.perf_counter() - began
    for each in clients:
        each.join()
    trouble = [text for text, _ in results if text]
    if trouble or (door.resume and not sum(resumed for _, resumed in results)):
        raise RuntimeError(trouble or "no TLS session was resumed")
    return elapsed
