"""Nobody sends mail to others through this server who may not: every probe over real sockets, and its permitted twin."""

import base64

import pytest

from mailsvc.cli.relay_probes import PROBES, Facts, Probe, dialogue, twin
from mailsvc.cli.relay_probing import Target, make_facts, probe, say
from mailsvc.testing.harness import RunningServer, wait_for
from tests.running.sink import Sink

from .open_server import BUGS, SERVED, OpenServer

LOGIN = "AUTH PLAIN " + base64.b64encode(b"\0alice@example.test\0alice-secret").decode()
STRANGER = "of a stranger:"
SOFT = {"vrfy": 252, "etrn": 459}
"""What is said to everybody, and leads nowhere (RFC 5321 3.5.3, RFC 1985 5.1)."""
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


def letter(subject: str) -> bytes:
    """What is sent when the server takes the recipient."""
    return f"Subject: {subject}\r\n\r\ntext\r\n.\r\n".encode()


@each
def test_refused(server: RunningServer, one: Probe) -> None:
    """A stranger's mail is not sent on, however it is put."""
    verdict = say(target(server, one.listener), dialogue(one), facts(), one, letter(f"{STRANGER} {one.name}"))
    assert not verdict.taken, verdict
    assert verdict.code == SOFT.get(one.name) or verdict.code >= 500, verdict


@each
def test_permitted_twin(server: RunningServer, sink: Sink, one: Probe) -> None:
    """The same by somebody who has logged in is let out, and reaches the next hop, once."""
    listener = "submission" if one.listener == "lmtp" else one.listener  # LMTP lets nobody out
    verdict = say(target(server, listener), twin(one), facts(), one, letter(one.name))
    assert (verdict.taken, verdict.code) == (True, 250), verdict
    wait_for(lambda: one.name in sink.subjects, "the letter is at the next hop")
    assert [len(recipients) for subject, recipients in sink.got if subject == one.name] == [1]


@each
def test_found(server: RunningServer, one: Probe) -> None:
    """A server with the bug that a probe is about is found out; one without it is not accused."""
    key = server.certificate.with_name("key.pem")
    for bug in (one.name, ""):
        with OpenServer(bug, server.certificate, key) as careless:
            verdict = probe(Target(host="127.0.0.1", port=careless.port), one, facts())
        assert verdict.taken == bool(bug), verdict


def test_nothing_else_came(server: RunningServer, sink: Sink) -> None:
    """Not one letter of a stranger has reached the next hop, and none is on its way; of the twins each came once."""
    wait_for(lambda: not server.command("queue", "list").strip(), "the queue is empty")
    assert not [subject for subject in sink.subjects if subject.startswith(STRANGER)]
    assert len(set(sink.subjects)) == len(sink.subjects)
