"""Processes killed without warning: the service comes back by itself, and nothing that was acknowledged is lost."""

import json
import poplib
import signal
import smtplib
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from mailsvc.testing.harness import PATIENCE, RunningServer, alive, wait_for

from .clients import pop, send, subjects


def healthy(server: RunningServer) -> dict[str, str]:
    """The checks of /health."""
    url = f"http://{server.host}:{server.ports['monitor']}/health"
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
            return dict(json.load(answer)["checks"])
    except urllib.error.HTTPError as error:  # 503
        return dict(json.load(error)["checks"])


def sends(server: RunningServer, subject: str) -> bool:
    """Whether a message is taken now; a temporary refusal or a cut line is not an error here."""
    try:
        send(server, subject)
    except (smtplib.SMTPException, OSError):
        return False
    return True


def reads(server: RunningServer, *expected: str) -> bool:
    """Whether these are the messages that a client sees; if it is told to come later, not yet."""
    try:
        return subjects(server) == list(expected)
    except poplib.error_proto as error:
        if b"[SYS/TEMP]" not in error.args[0]:
            raise
        return False


@pytest.mark.parametrize("workers", [1, 2])
def test_owner_killed(directory: Path, workers: int) -> None:
    """A killed owner is replaced; sessions that were open go on, mail is still there, and new mail is taken."""
    with RunningServer(directory, workers=workers) as server:
        send(server, "before")
        session = pop(server)
        killed = server.kill("owner")
        wait_for(lambda: server.processes().get("owner", killed) != killed, "a new owner")
        wait_for(lambda: sends(server, "after"), "mail is taken again")
        assert b"Subject: before" in session.retr(1)[1]
        session.quit()
        # The other worker may not have the new owner yet.
        wait_for(lambda: reads(server, "before", "after"), "both messages")


def test_worker_killed(directory: Path) -> None:
    """A killed worker is replaced; clients that connect meanwhile wait and are served; the other worker notices nothing."""
    with RunningServer(directory, workers=2) as server:
        send(server, "before")
        workers = {name: pid for name, pid in server.processes().items() if name.startswith("worker")}
        killed = server.kill("worker")
        connections = [server.connect("smtp") for _ in range(20)]
        greetings = [connection.recv(100) for connection in connections]
        for connection in connections:
            connection.close()
        assert all(greeting.startswith(b"220 ") for greeting in greetings)
        wait_for(lambda: len(server.processes()) == 4, "a new worker")
        assert killed not in server.processes().values()
        assert set(workers.values()) & set(server.processes().values())
        wait_for(lambda: healthy(server)["listeners"] == "ok", "all workers serve")
        for number in range(8):
            send(server, str(number))
        assert len(subjects(server)) == 9


def test_worker_holding_a_maildrop_killed(directory: Path) -> None:
    """The lock of a maildrop does not survive the worker that holds it."""
    with RunningServer(directory, workers=2) as server:
        sessions = [pop(server)]
        for pid in [pid for name, pid in server.processes().items() if name.startswith("worker")]:
            server.kill(pid)
        wait_for(lambda: healthy(server)["listeners"] == "ok", "workers again")
        sessions.append(pop(server))
        sessions[1].quit()
        sessions[0].close()


@pytest.mark.parametrize("workers", [1, 2])
def test_main_killed(directory: Path, workers: int) -> None:
    """When the main process is killed all others end by themselves, and the next start finds all mail and all ports."""
    with RunningServer(directory, workers=workers) as server:
        send(server, "kept")
        others = {pid for name, pid in server.processes().items() if name != "main"}
        server.kill("main")
        wait_for(lambda: not any(map(alive, others)), "the others end")
        server.start()
        assert subjects(server) == ["kept"]


@pytest.mark.parametrize("workers", [1, 2])
def test_owner_stuck(directory: Path, workers: int) -> None:
    """While the store does not answer, /health is 503 and says why; when it does again, all is well."""
    with RunningServer(directory, workers=workers) as server:
        server.kill("owner", signal.SIGSTOP)
        checks = healthy(server)
        assert checks["store"].startswith("no answer")
        assert checks["listeners"] == "ok"
        server.kill("owner", signal.SIGCONT)
        wait_for(lambda: set(healthy(server).values()) == {"ok"}, "health")


def test_worker_missing_is_seen(directory: Path) -> None:
    """/health names a worker that does not serve."""
    with RunningServer(directory, workers=2) as server:
        server.kill("worker 1")
        wait_for(lambda: healthy(server)["listeners"] in {f"not serving: worker {n}" for n in (0, 1)}, "it is seen")
        wait_for(lambda: healthy(server)["listeners"] == "ok", "a new worker")
