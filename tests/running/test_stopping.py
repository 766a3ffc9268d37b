"""The clean stop: no new connections, clients are told, running commands finish, nothing is left behind."""

import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from mailsvc.testing.harness import PATIENCE, TWISTD, RunningServer, wait_for

from .clients import ALICE, subjects

WORKERS = pytest.mark.parametrize("workers", [1, 2])


def dialogue(connection: socket.socket, *lines: bytes) -> bytes:
    """Say lines one after the other; the last answer."""
    answer = b""
    for line in lines:
        connection.sendall(line + b"\r\n")
        answer = connection.recv(4096)
    return answer


def to_the_end(connection: socket.socket) -> bytes:
    """All that the server says until it closes."""
    return b"".join(iter(lambda: connection.recv(4096), b""))


@WORKERS
def test_idle_clients_are_told(directory: Path, workers: int) -> None:
    """Idle clients of every protocol hear goodbye and are disconnected; then all processes have ended and the ports are free."""
    with RunningServer(directory, workers=workers) as server:
        connections = {name: server.connect(name) for name in ("smtp", "submissions", "lmtp", "pop3", "pop3s")}
        for connection in connections.values():
            connection.recv(1000)
        server.kill("main", signal.SIGTERM)
        for name, connection in connections.items():
            with connection:
                assert to_the_end(connection).startswith(b"-ERR" if name.startswith("pop3") else b"421 "), name
        server.wait_stopped()
        with pytest.raises(ConnectionRefusedError):
            server.connect("smtp")
        assert "Traceback" not in server.log


@WORKERS
def test_unix_sockets(directory: Path, workers: int) -> None:
    """Clients of a Unix socket are told goodbye like all others; the socket's file is removed once, without a complaint."""
    path = directory / "lmtp.sock"
    table = f'[[listener]]\nprotocol = "lmtp"\naddress = "unix:{path}"\ntls = "none"\n'
    with RunningServer(directory, workers=workers, config=table) as server:
        with socket.socket(socket.AF_UNIX) as local, server.connect("pop3") as remote:
            local.connect(str(path))
            assert local.recv(1000).startswith(b"220 ")
            remote.recv(1000)
            server.kill("main", signal.SIGTERM)
            assert to_the_end(local).startswith(b"421 ")
            assert to_the_end(remote).startswith(b"-ERR")
        server.wait_stopped()
        assert not path.exists()
        assert "Traceback" not in server.log


@WORKERS
def test_running_message_is_taken(directory: Path, workers: int) -> None:
    """Who is in the middle of a message may finish it, gets the answer, and is then told goodbye; meanwhile nobody new comes in."""
    with RunningServer(directory, workers=workers) as server:
        with server.connect("smtp") as connection:
            connection.recv(1000)
            hello = (b"EHLO there", b"MAIL FROM:<>", f"RCPT TO:<{ALICE}>".encode(), b"DATA")
            assert dialogue(connection, *hello).startswith(b"354")
            connection.sendall(b"Subject: half\r\n")
            server.kill("main", signal.SIGTERM)
            wait_for(lambda: not server.greeting("smtp"), "the port is closed")
            connection.sendall(b"\r\nand the rest\r\n.\r\n")
            answer, goodbye = to_the_end(connection).splitlines()
            assert answer.startswith(b"250 ")
            assert goodbye.startswith(b"421 ")
        server.wait_stopped()
        server.start()
        assert subjects(server) == ["half"]


@WORKERS
def test_control_c(directory: Path, workers: int) -> None:
    """Ctrl-C reaches all processes of the group at once, and is a clean stop all the same."""
    with RunningServer(directory, workers=workers, session=True) as server:
        with server.connect("smtp") as connection:
            connection.recv(1000)
            os.killpg(server.pid, signal.SIGINT)
            assert connection.recv(1000).startswith(b"421 ")
        server.wait_stopped()
        assert "Traceback" not in server.log
        assert " ended" not in server.log


@WORKERS
def test_start_again(directory: Path, workers: int) -> None:
    """A stopped server starts again at the same place at once."""
    with RunningServer(directory, workers=workers) as server:
        server.stop()
        server.start()
        server.stop()


def test_daemon(directory: Path) -> None:
    """``twistd mailsvc`` without -n goes to the background, writes its pid and its log, and stops cleanly."""
    server = RunningServer(directory, workers=2)
    pidfile, logfile = directory / "twistd.pid", directory / "daemon.log"
    options = [f"--pidfile={pidfile}", f"--logfile={logfile}"]
    subprocess.run([*TWISTD, *options, "mailsvc", "-c", str(server.file)], check=True, timeout=PATIENCE)
    pid = int(pidfile.read_text())
    try:
        wait_for(lambda: server.greeting("smtp").startswith(b"220 "), "the daemon answers")
        os.kill(pid, signal.SIGTERM)
        wait_for(lambda: not pidfile.exists(), "the daemon ends")
    finally:
        if Path(f"/proc/{pid}").exists() and pidfile.exists():
            os.kill(pid, signal.SIGKILL)
    assert " info app: serving " in logfile.read_text()
