"""Probes from addresses that may send and from their neighbours: grants that are over or taken back, networks that end somewhere."""

import re
from collections.abc import Iterator

import pytest

from mailsvc.cli.relay_probes import PROBES, Probe
from mailsvc.cli.relay_probing import Target, Verdict, make_facts, say
from mailsvc.testing.harness import RunningServer, wait_for
from tests.relaying import ALLOWED
from tests.running.clients import command
from tests.running.sink import Sink

ALICE = "alice@example.test"
PLAIN = next(one for one in PROBES if one.name == "plain")
GRANTED, TRUSTED = "127.0.8.10", "127.0.9.10"
TRICKS = tuple(one for one in PROBES if one.permitted and not re.search(r"@(\{host\}|\[\{ip\}\])", one.rcpt))
"""Those at a domain of ours, or at none; this host by its own name or number is another server to the relay decision."""

CONFIG = """
[relay]
preset = "tohoku"
networks = ["127.0.9.0/24"]
grants_on_loopback_for_tests = true
"""

TO_SINK = """
[[route]]
domains = ["*"]
hosts = ["127.0.0.1:{}"]
"""


@pytest.fixture(scope="module")
def open_to_some(tmp_path_factory: pytest.TempPathFactory, sink: Sink) -> Iterator[RunningServer]:
    """A server that lets a network out, and who has received mail."""
    with RunningServer(tmp_path_factory.mktemp("server"), config=CONFIG + TO_SINK.format(sink.port)) as running:
        granted(running, GRANTED)
        yield running


def tried(
    server: RunningServer, place: str, one: Probe = PLAIN, recipient: str = "", letter: bytes | None = None
) -> Verdict:
    """A probe from there, or the same with another recipient; ``letter``: what is sent if it is taken."""
    target = Target(host=server.host, port=server.ports["smtp"], source=place)
    facts = make_facts("example.test", "bob@example.test", "mail.example.test", server.host, "taro@example.com")
    lines = (one.hello, *one.before, f"MAIL FROM:{one.sender}", *one.after, f"RCPT TO:{recipient or one.rcpt}")
    return say(target, lines, facts, one, letter)


def may(server: RunningServer, place: str) -> bool:
    """Whether a plain recipient elsewhere is allowed from there."""
    verdict = tried(server, place)
    if re.match(ALLOWED, verdict.reply):
        return True
    assert verdict.code == 550, verdict
    return False


def granted(server: RunningServer, place: str, time: str = "10 min") -> None:
    """The address may send. What lasts for seconds only is given again if it was over before we could look."""

    def counts() -> bool:
        command(server, "relay", "grant", place, ALICE, "--for", time)
        return may(server, place)

    wait_for(counts, "the grant counts")


def test_mail_goes_out(open_to_some: RunningServer, sink: Sink) -> None:
    """Who received mail, and who is in the network, has his letter at the next hop; that of a neighbour is nowhere."""
    for place in (GRANTED, TRUSTED, "127.0.8.11", "127.0.10.1"):
        tried(open_to_some, place, letter=f"Subject: from {place}\r\n\r\n.\r\n".encode())
    expected = [f"from {GRANTED}", f"from {TRUSTED}"]
    wait_for(lambda: set(expected) <= set(sink.subjects), "the letters are at the next hop")
    wait_for(lambda: not command(open_to_some, "queue", "list").strip(), "the queue is empty")
    assert sorted(subject for subject in sink.subjects if subject.startswith("from ")) == sorted(expected)


def test_neighbours_of_a_grant(open_to_some: RunningServer) -> None:
    """A grant is for one address, not for those beside it."""
    assert not [place for place in ("127.0.8.9", "127.0.8.11", "127.0.8.1", "127.0.8.100") if may(open_to_some, place)]
    assert may(open_to_some, GRANTED)


def test_revoked_grant(open_to_some: RunningServer) -> None:
    """After it was taken back it is worth nothing; that of another address stays."""
    granted(open_to_some, "127.0.8.20")
    command(open_to_some, "relay", "revoke", "127.0.8.20")
    wait_for(lambda: not may(open_to_some, "127.0.8.20"), "the grant is gone")
    assert may(open_to_some, GRANTED)


def test_expired_grant(open_to_some: RunningServer) -> None:
    """After its time it is worth nothing, though nobody took it back."""
    granted(open_to_some, "127.0.8.30", "2 s")
    wait_for(lambda: not may(open_to_some, "127.0.8.30"), "the grant is over")


def test_edges_of_a_network(open_to_some: RunningServer) -> None:
    """From the first to the last address of it mail goes out, from those before and after it does not."""
    assert all(may(open_to_some, place) for place in ("127.0.9.1", TRUSTED, "127.0.9.254"))
    assert not [place for place in ("127.0.8.254", "127.0.10.1", "127.0.0.1") if may(open_to_some, place)]


@pytest.mark.parametrize("one", TRICKS, ids=[one.name for one in TRICKS])
def test_tricks_work_for_nobody(open_to_some: RunningServer, one: Probe) -> None:
    """Ways through other servers are not taken from those who may send either; the plain address is."""
    for place in (GRANTED, TRUSTED):
        assert tried(open_to_some, place, one).code >= 500
        assert re.match(ALLOWED, tried(open_to_some, place, one, one.permitted).reply)
