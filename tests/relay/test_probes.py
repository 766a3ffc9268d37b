"""Nobody sends mail to others through this server who may not: every probe over real sockets, and its permitted twin."""

import base64
import re

import pytest

from mailsvc.cli.relay_probes import PROBES, Facts, Probe, twin
from mailsvc.cli.relay_probing import Target, make_facts, probe, say
from mailsvc.testing.harness import RunningServer
from tests.relaying import ALLOWED

from .open_server import BUGS, SERVED, OpenServer

LOGIN = "AUTH PLAIN " + base64.b64encode(b"\0alice@example.test\0alice-secret").decode()
NAMES = [one.name for one in PROBES]
each = pytest.mark.parametrize("one", PROBES, ids=NAMES)


def facts(ip: str = "127.0.0.1") -> Facts:
    """Of the test server."""
    return make_facts("example.test", "bob@example.test", "mail.example.test", ip, "taro@example.com", LOGIN)


def target(server: RunningServer, listener: str, **fields: str) -> Target:
    """A listener of it."""
    return Target(host=server.host, port=server.ports[listener], **fields)  # type: ignore[arg-type]


def test_catalogue() -> None:
    """It has what it must, each under a name of its own, and a bug that each finds."""
    assert len(set(NAMES)) == len(NAMES) >= 40
    assert set(NAMES) == BUGS.keys() | SERVED.keys()


@each
def test_refused(server: RunningServer, one: Probe) -> None:
    """A stranger's mail is not sent on, however it is put."""
    verdict = probe(target(server, one.listener), one, facts())
    assert not verdict.taken, verdict
    assert verdict.code == 252 if one.name == "vrfy" else verdict.code >= 500, verdict


@each
def test_permitted_twin(server: RunningServer, one: Probe) -> None:
    """The same by somebody who has logged in is let out."""
    listener = "submission" if one.listener == "lmtp" else one.listener  # LMTP lets nobody out
    assert re.match(ALLOWED, say(target(server, listener), twin(one), facts(), one).reply)


@each
def test_found(server: RunningServer, one: Probe) -> None:
    """A server with the bug that a probe is about is found out; one without it is not accused."""
    key = server.certificate.with_name("key.pem")
    for bug in (one.name, ""):
        with OpenServer(bug, server.certificate, key) as careless:
            verdict = probe(Target(host="127.0.0.1", port=careless.port), one, facts())
        assert verdict.taken == bool(bug), verdict


def test_nothing_was_taken(server: RunningServer) -> None:
    """Not one message of a probe is in the log, whatever else the server has taken."""
    assert not [line for line in server.log.splitlines() if " octets, by " in line and "relay-test.example" in line]
