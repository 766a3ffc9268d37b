"""Log-ins at a running server with two worker processes: what is revoked or changed counts in both at once; the log keeps secrets."""

import base64
import poplib
from collections.abc import Callable
from pathlib import Path

import pytest

from mailsvc.testing.harness import PATIENCE, RunningServer, wait_for
from tests.logins.test_clients import scram

from .clients import ALICE, command

CONNECTIONS = 8
"""So many that both processes get some of them."""


@pytest.fixture
def two(tmp_path: Path) -> RunningServer:
    """A server with two workers that logs everything."""
    return RunningServer(
        tmp_path / "server",
        workers=2,
        config='[log]\ndebug = ["smtp", "submission", "pop3"]\n[auth]\nsources = ["own"]',
        listener='apop = true\nmechanisms = ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "CRAM-MD5", "PLAIN"]',
    )


def plain(server: RunningServer, password: str) -> bool:
    """USER and PASS."""
    return _pop(server, lambda client: (client.user("alice"), client.pass_(password)))


def apop(server: RunningServer, password: str) -> bool:
    """APOP."""
    return _pop(server, lambda client: client.apop("alice", password))


def _pop(server: RunningServer, log_in: Callable[[poplib.POP3], object]) -> bool:
    client = poplib.POP3_SSL(server.host, server.ports["pop3s"], context=server.tls_context(), timeout=PATIENCE)
    try:
        log_in(client)
        client.quit()
    except poplib.error_proto:
        return False
    finally:
        client.close()
    return True


def by_scram(server: RunningServer, password: str) -> bool:
    """SCRAM bound to the channel, at the submission port."""
    return scram(server.ports["submissions"], False, "SCRAM-SHA-256-PLUS", password).startswith(b"235")


def test_revoked_and_changed_in_all_processes(two: RunningServer) -> None:
    """A lost device's password is worthless in both workers from the next log-in on, the other one is not; so is an old login password."""
    with two as server:
        lost = command(server, "device", "add", ALICE, "tablet", "--readable").strip()
        kept = command(server, "device", "add", ALICE, "phone", "--readable").strip()
        ways = (plain, apop, by_scram)
        assert all(way(server, password) for way in ways for password in (lost, kept) for _ in range(2))
        old = server.accounts[ALICE]
        assert all(plain(server, old) for _ in range(CONNECTIONS))  # remembered by both
        wait_for(lambda: by_scram(server, old), "the verifiers of a password that was shown")

        command(server, "device", "revoke", ALICE, "tablet")
        assert not any(way(server, lost) for way in ways for _ in range(2))
        assert all(way(server, kept) for way in ways for _ in range(2))

        command(server, "user", "passwd", ALICE, "--password-stdin", stdin="another secret\n")
        assert not any(plain(server, old) for _ in range(2))
        assert not by_scram(server, old)
        assert all(way(server, "another secret") for way in (plain, by_scram))

        command(server, "keys", "rotate")
        assert all(way(server, kept) for way in ways for _ in range(2))
        server.stop()
        secrets = [lost, kept, old, "another secret", (server.directory / "device-keys").read_text().split()[-1]]
        for secret in [*secrets, *(base64.b64encode(one.encode()).decode()[4:-4] for one in secrets)]:
            assert secret not in server.log
