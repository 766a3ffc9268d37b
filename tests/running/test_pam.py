"""PAM under a server that has given up being root: one helper for all workers, users of the system."""

import os
import signal
import smtplib
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailsvc.testing.harness import PATIENCE, RunningServer, wait_for
from tests.pam import UNIX, pam_service, system_user

from .test_starting import open_folder, python_of_nobody

__all__ = ["open_folder"]

HELPER = "mailsvc.auth.pam_helper"


def log_in(server: RunningServer, name: str, password: str) -> str:
    """By submission; what the server says if it does not let in."""
    with smtplib.SMTP(server.host, server.ports["submission"], timeout=PATIENCE) as session:
        session.ehlo()
        code, text = session.docmd("AUTH PLAIN", b64encode(f"\0{name}\0{password}".encode()).decode())
    return "" if code == 235 else f"{code} {text.decode()}"


def helpers(server: RunningServer) -> list[int]:
    """The helper's processes, the keeper first."""
    keeper = next(pid for pid in children(server.pid) if HELPER in text_of(pid, "cmdline"))
    return [keeper, *children(keeper)]


def children(pid: int) -> list[int]:
    """Of a process."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def text_of(pid: int, what: str) -> str:
    """A file of a process."""
    return Path(f"/proc/{pid}/{what}").read_bytes().decode("utf-8", "replace")


@pytest.fixture(params=[1, 2], ids=["1-worker", "2-workers"])
def site(request: pytest.FixtureRequest, open_folder: Path) -> Iterator[tuple[RunningServer, str, str]]:
    """A server that runs as nobody, with a user of the system who has an account; that user's name and password."""
    with pam_service(UNIX) as service, system_user() as (name, password):
        python, path = python_of_nobody()
        server = RunningServer(
            open_folder / "server",
            workers=request.param,
            top='user = "nobody"',
            config=f'[log]\ndebug = ["smtp", "submission", "pop3"]\n[auth]\nsources = ["own", "pam:{service}"]\n'
            '[throttle]\nnever_block = ["127.0.0.0/8"]',
            python=python,
            environment={"PYTHONPATH": path},
        )
        (open_folder / "server" / "store").mkdir(mode=0o700)
        os.chown(open_folder / "server" / "store", 65534, 65534)
        with server:
            server.command("user", "add", f"{name}@example.test", "--no-password")
            yield server, name, password
            server.stop()
            assert not [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if _of(server, pid)]
            assert password not in server.log


def _of(server: RunningServer, pid: int) -> bool:
    try:
        return HELPER in text_of(pid, "cmdline") and text_of(pid, "stat").rpartition(")")[2].split()[1] == "1"
    except OSError:
        return False


def test_pam(site: tuple[RunningServer, str, str]) -> None:
    """System users get in at each worker by the helper, which alone is still root; without it the answer is "later", never "wrong"."""
    server, name, password = site
    for who in (name, f"{name}@example.test"):
        assert [log_in(server, who, password) for _ in range(4)] == [""] * 4
    for who, tried in ((name, "wrong"), (f"{name}@elsewhere.test", password), ("root", "wrong"), ("nobody-here", "x")):
        assert log_in(server, who, tried).startswith("535 5.7.8")
    assert log_in(server, "alice", server.accounts["alice@example.test"]) == ""  # our own people are asked first

    keeper, child = helpers(server)
    assert text_of(keeper, "status").split("Uid:")[1].split()[0] == "0"
    assert password not in "".join(text_of(pid, what) for pid in (keeper, child) for what in ("cmdline", "environ"))

    os.kill(child, signal.SIGKILL)
    wait_for(lambda: len(helpers(server)) == 2 and helpers(server)[1] != child, "the helper goes on")
    assert [log_in(server, name, password) for _ in range(4)] == [""] * 4

    for pid in helpers(server):
        os.kill(pid, signal.SIGKILL)
    assert all(log_in(server, name, password).startswith("454 4.7.0") for _ in range(4))
    assert "the PAM helper has ended; start the service anew" in server.log
