"""The whole round trip with stock clients, under the presets of the two universities: refused, receive, send, somewhere else, too late.

The window is the domain's own, some seconds instead of minutes; everything else is the preset's.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mailsvc.testing.harness import RunningServer, wait_for
from tests.relaying import STAY, allowed

from .imap_copiers import Mbsync
from .programs import HOST, Line, Login, execute
from .readers import READERS

pytestmark = [pytest.mark.interop, pytest.mark.need("swaks")]

ALICE = "alice@example.test"
ELSEWHERE = "127.0.0.3"
WINDOW = 6
"""Seconds; receiving and sending take less than one, unless the machine is busy with other things: then they are repeated."""


@pytest.fixture
def server(preset: str, tmp_path: Path) -> Iterator[RunningServer]:
    """A server with a preset."""
    config = f'[relay]\npreset = "{preset}"\ngrants_on_loopback_for_tests = true\n\n{STAY}'
    options = f'relay_window = "{WINDOW} s"'
    plain = 'mechanisms = ["PLAIN"]'  # the accounts of this server have no verifiers for others
    with RunningServer(tmp_path / "server", config=config, domain_options=options, listener=plain) as running:
        yield running


def send(server: RunningServer, place: str = "") -> bool:
    """Whether swaks may send from there, with any sender address."""
    outcome = execute(
        *["swaks", "--server", HOST, "--port", str(server.ports["smtp"]), "--helo", "pc.example"],
        *["--from", "anybody@where.test", "--to", "somebody@elsewhere.test"],
        *(["--local-interface", place] if place else []),
    )
    return allowed(outcome.text)


Receive = Callable[[RunningServer, Path], bool]


def _by_pop3(client: str) -> Receive:
    def receive(server: RunningServer, folder: Path) -> bool:
        line = Line(server.ports["pop3s"], "implicit", server.certificate)
        outcome, _ = READERS[client](line, Login(ALICE, server.accounts[ALICE]), False, folder)
        return outcome.done or "No mail" in outcome.text

    return receive


def _by_imap(server: RunningServer, folder: Path) -> bool:
    line = Line(server.ports["imaps"], "implicit", server.certificate)
    Mbsync(line, Login(ALICE, server.accounts[ALICE]), folder).run()
    return True


CLIENTS: dict[str, Receive] = {"fetchmail": _by_pop3("fetchmail"), "mpop": _by_pop3("mpop"), "mbsync": _by_imap}


@pytest.mark.parametrize(
    ("preset", "client"),
    [
        pytest.param(preset, client, marks=pytest.mark.need(client))
        for preset, client in (("kyoto", "fetchmail"), ("kyoto", "mbsync"), ("tohoku", "mpop"))
    ],
)
def test_round_trip(server: RunningServer, client: str, tmp_path: Path) -> None:
    """Refused, receive, send; from another address never; and after a while no more."""
    assert not send(server)

    def receive_and_send() -> bool:
        folder = tmp_path / f"mail{os.urandom(4).hex()}"
        folder.mkdir()
        assert CLIENTS[client](server, folder)
        return send(server)

    wait_for(receive_and_send, "the client that has received may send")
    assert not send(server, ELSEWHERE)
    wait_for(lambda: not send(server), "it is over")
