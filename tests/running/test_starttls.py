"""The change to TLS in the middle of a line, octet by octet and whole, with a client that speaks at the first moment it may."""

import socket
import ssl
from collections.abc import Callable, Iterator

import pytest

from mailsvc.testing.harness import RunningServer

STARTTLS = {
    "smtp": (b"EHLO x\r\n", b"STARTTLS\r\n", b"220 ", b"NOOP\r\n", b"250 "),
    "submission": (b"EHLO x\r\n", b"STARTTLS\r\n", b"220 ", b"NOOP\r\n", b"250 "),
    "pop3": (b"CAPA\r\n", b"STLS\r\n", b"+OK ", b"CAPA\r\n", b"+OK "),
    "imap": (b"a CAPABILITY\r\n", b"b STARTTLS\r\n", b"b OK ", b"c CAPABILITY\r\n", b"* CAPABILITY "),
}
"""Listener -> a first command, the one that begins TLS, its answer, a first command under TLS, its answer."""

Send = Callable[[socket.socket, bytes], object]


def whole(line: socket.socket, octets: bytes) -> None:
    """In one piece."""
    line.sendall(octets)


def one_by_one(line: socket.socket, octets: bytes) -> None:
    """Each octet in a segment of its own."""
    for octet in octets:
        line.sendall(bytes([octet]))


def more(line: socket.socket) -> bytes:
    """What the server says next."""
    octets = line.recv(65_536)
    assert octets, "the server has closed"
    return octets


@pytest.fixture
def line(server: RunningServer, name: str) -> Iterator[socket.socket]:
    """A connection that has been greeted, and has asked one thing."""
    with server.connect(name) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
        connection.recv(4096)
        connection.sendall(STARTTLS[name][0])
        connection.recv(4096)
        yield connection


def client(server: RunningServer) -> tuple[ssl.SSLObject, ssl.MemoryBIO, ssl.MemoryBIO]:
    """One end of TLS, what comes in and what goes out."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = server.tls_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    return tls, incoming, outgoing


@pytest.mark.parametrize("send", [whole, one_by_one])
@pytest.mark.parametrize("name", STARTTLS)
def test_first_command_with_the_end_of_the_handshake(
    server: RunningServer, line: socket.socket, name: str, send: Send
) -> None:
    """The first command may come in one piece with the client's last words of the handshake, as with what comes before it."""
    _, begin, begun, command, answer = STARTTLS[name]
    tls, incoming, outgoing = client(server)
    send(line, begin)
    assert line.recv(4096).startswith(begun)
    send(line, outgoing.read())
    while True:
        incoming.write(more(line))
        try:
            tls.do_handshake()
            break
        except ssl.SSLWantReadError:
            continue
    tls.write(command)
    send(line, outgoing.read())
    while True:
        try:
            assert tls.read(4096).startswith(answer)
            return
        except ssl.SSLWantReadError:
            incoming.write(more(line))


@pytest.mark.parametrize("name", STARTTLS)
def test_handshake_that_did_not_wait(server: RunningServer, line: socket.socket, name: str) -> None:
    """What was sent before the answer, a ClientHello too, is forgotten (RFC 3207 4.2); the next one counts."""
    _, begin, begun, *_ = STARTTLS[name]
    too_early, (tls, incoming, outgoing) = client(server)[2].read(), client(server)
    line.sendall(begin + too_early)
    assert line.recv(4096).startswith(begun)
    line.sendall(outgoing.read())
    while True:
        incoming.write(more(line))
        try:
            tls.do_handshake()
            return
        except ssl.SSLWantReadError:
            continue
