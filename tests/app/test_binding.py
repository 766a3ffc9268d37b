"""Listening sockets: shared by workers, dual-stack, and honest about ports that are taken."""

import errno
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailsvc.app.binding import CannotBind, bind_listener, unlink_unix
from mailsvc.testing.harness import free_ports
from mailsvc.wire.options import ListenerOptions, Protocol


@pytest.fixture
def port() -> int:
    """A TCP port that is free right now, and that no outgoing connection is given."""
    return free_ports(1)[0]


@pytest.fixture
def opened() -> Iterator[list[socket.socket]]:
    """Sockets to close afterwards."""
    sockets: list[socket.socket] = []
    yield sockets
    for each in sockets:
        each.close()


def listener(address: str = "127.0.0.1", port: int = 0) -> ListenerOptions:
    """An LMTP listener somewhere."""
    return ListenerOptions(protocol=Protocol.LMTP, address=address, port=port)


def test_one_per_worker(port: int, opened: list[socket.socket]) -> None:
    """Each worker has a queue of its own; while one socket is open its waiting clients are kept, whoever serves the others."""
    opened += bind_listener(listener(port=port), 2)
    clients = [socket.create_connection(("127.0.0.1", port), timeout=5) for _ in range(40)]
    opened += clients
    served = [0, 0]
    for index, each in enumerate(opened[:2]):
        while True:
            try:
                connection, _ = each.accept()
            except BlockingIOError:
                break
            connection.close()
            served[index] += 1
    assert sum(served) == 40
    assert min(served) > 0


def test_taken(port: int, opened: list[socket.socket]) -> None:
    """A port that another server has is refused by the listener's name, with one worker and with two."""
    opened += bind_listener(listener(port=port), 2)
    for copies in (1, 2):
        with pytest.raises(CannotBind, match=rf"lmtp@127\.0\.0\.1:{port}: Address already in use"):
            bind_listener(listener(port=port), copies)


def test_foreign_address() -> None:
    """An address that this machine does not have is refused by name."""
    with pytest.raises(CannotBind, match=r"lmtp@192\.0\.2\.1:2525: Cannot assign"):
        bind_listener(listener("192.0.2.1", 2525), 1)


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
def test_dual_stack(port: int, opened: list[socket.socket]) -> None:
    """``::`` takes clients of both kinds, any other IPv6 address its own only."""
    opened += bind_listener(listener("::", port), 1)
    for host in ("127.0.0.1", "::1"):
        opened.append(socket.create_connection((host, port), timeout=5))
    (own,) = free_ports(1)
    opened += bind_listener(listener("::1", own), 1)
    opened.append(socket.create_connection(("::1", own), timeout=5))
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", own), timeout=5)


class TestUnixSocket:
    def test_shared(self, tmp_path: Path, opened: list[socket.socket]) -> None:
        """All workers share one queue, and the file is open to local clients."""
        path = tmp_path / "lmtp.sock"
        copies = bind_listener(listener(f"unix:{path}"), 3)
        opened += copies
        assert len({each.fileno() for each in copies}) == 1
        assert stat.S_IMODE(path.stat().st_mode) == 0o666

    def test_left_over(self, tmp_path: Path, opened: list[socket.socket]) -> None:
        """The file of a killed server is replaced."""
        path = tmp_path / "lmtp.sock"
        bind_listener(listener(f"unix:{path}"), 1)[0].close()
        assert path.exists()
        opened += bind_listener(listener(f"unix:{path}"), 1)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))

    def test_in_use(self, tmp_path: Path, opened: list[socket.socket]) -> None:
        """The file of a running server is not."""
        path = tmp_path / "lmtp.sock"
        opened += bind_listener(listener(f"unix:{path}"), 1)
        with pytest.raises(CannotBind, match="Address already in use"):
            bind_listener(listener(f"unix:{path}"), 1)

    def test_not_a_socket(self, tmp_path: Path) -> None:
        """Another file of that name is never removed."""
        path = tmp_path / "lmtp.sock"
        path.write_text("precious")
        with pytest.raises(CannotBind):
            bind_listener(listener(f"unix:{path}"), 1)
        assert path.read_text() == "precious"

    def test_unlink(self, tmp_path: Path) -> None:
        """After a clean stop the file is gone."""
        path = tmp_path / "lmtp.sock"
        bind_listener(listener(f"unix:{path}"), 1)[0].close()
        unlink_unix(listener(f"unix:{path}"))
        unlink_unix(listener("127.0.0.1", 25))
        assert not path.exists()


def test_hint_for_low_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the right to bind, the message says what is needed."""

    def refuse(self: socket.socket, address: object) -> None:
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(socket.socket, "bind", refuse)
    with pytest.raises(CannotBind, match="needs root"):
        bind_listener(listener(port=25), 1)
