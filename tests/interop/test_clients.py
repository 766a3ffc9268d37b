"""Clients that people use, each with each TLS mode and each operation: the cells of the table in ``docs/interoperability.rst``."""

import re
from pathlib import Path

import pytest

from mailsvc.core.operations import Settle
from mailsvc.core.queued import Outcome, State
from mailsvc.store.connect import gather, open_store, run
from mailsvc.testing.harness import RunningServer
from tests.letters import LETTERS, lf, without_trace

from .mailbox import empty, fetch
from .matrix import CELLS, DELIVERY, LMTP, READING, Cell
from .programs import Line, Login
from .readers import COUNTERS, READERS, hand_on
from .senders import SENDER, SENDERS

pytestmark = [pytest.mark.interop, pytest.mark.usefixtures("empty_mailbox")]

BOB = "bob@example.test"
ELSEWHERE = "somebody@elsewhere.test"
JAPANESE = ("utf-8", "iso-2022-jp")
"""Letters with a named attachment."""

PORTS = {
    "smtp": {"none": "smtp", "starttls": "smtp"},
    "lmtp": {"none": "lmtp", "starttls": "lmtp-starttls"},
    "submission": {"none": "submission", "starttls": "submission", "implicit": "submissions"},
    "pop3": {"none": "pop3", "starttls": "pop3", "implicit": "pop3s"},
}
"""Protocol -> TLS mode -> listener."""

REFUSALS = {
    "unknown user": ("nobody@example.test", r"550[ -]5\.1\.1 .*No such user here"),
    "relay denied": (ELSEWHERE, r"550[ -]5\.7\.1 .*Relaying denied"),
}
"""Operation -> recipient and what the client must show."""


def cells(*operations: str) -> list[object]:
    """Parameters for the cells of these operations that are for clients of this file."""
    chosen = sorted(cell for cell in CELLS if cell[2] in operations and cell[0] in {*SENDERS, *READERS})
    return [_parameters(cell) for cell in chosen if cell[0] in SENDERS or cell[2] in READING]


def _parameters(cell: Cell) -> object:
    needs = () if cell[0] == "Python" else (pytest.mark.need(cell[0]),)
    return pytest.param(*cell, marks=needs, id="-".join(cell).replace(" ", "-"))


def line(server: RunningServer, protocol: str, tls: str) -> Line:
    """The listener for this protocol and TLS mode."""
    return Line(server.ports[PORTS[protocol][tls]], tls, server.certificate)


def login(server: RunningServer, address: str, password: str = "") -> Login:
    """An account, with its own password or another."""
    return Login(address, password or server.accounts[address])


@pytest.mark.parametrize(("client", "tls", "operation"), cells("deliver", "submit", *LMTP))
def test_send(server: RunningServer, client: str, tls: str, operation: str, tmp_path: Path) -> None:
    """Two Japanese letters with attachments arrive octet for octet; Return-Path and Received are all that was added."""
    protocol = {"deliver": "smtp", "submit": "submission", "LMTP": "lmtp"}[operation]
    who = login(server, SENDER) if operation == "submit" else None
    for letter in JAPANESE:
        outcome = SENDERS[client](line(server, protocol, tls), letter, BOB, who, operation == "LMTP", tmp_path)
        assert outcome.done, outcome.text
    arrived = fetch(server, BOB)
    assert [without_trace(message) for message in arrived] == [LETTERS[letter] for letter in JAPANESE]
    assert all(message.startswith(b"Return-Path: <alice@example.test>\r\n") for message in arrived)
    assert all((b"using TLSv1" in message) == (tls != "none") for message in arrived)


@pytest.mark.parametrize(("client", "tls", "operation"), cells(*DELIVERY[1:]))
def test_refused(server: RunningServer, client: str, tls: str, operation: str, tmp_path: Path) -> None:
    """A recipient that cannot be is refused in words that the client shows: unknown, or elsewhere without a log-in."""
    recipient, reply = REFUSALS[operation]
    outcome = SENDERS[client](line(server, "smtp", tls), "utf-8", recipient, None, False, tmp_path)
    assert not outcome.done
    assert re.search(reply, outcome.text), outcome.text


@pytest.mark.parametrize(("client", "tls", "operation"), cells("outside"))
def test_outside(server: RunningServer, client: str, tls: str, operation: str, tmp_path: Path) -> None:
    """After a log-in a letter for somebody elsewhere is taken, and waits in the queue octet for octet."""
    outcome = SENDERS[client](
        line(server, "submission", tls), "utf-8", ELSEWHERE, login(server, SENDER), False, tmp_path
    )
    assert outcome.done, outcome.text
    assert [without_trace(b"Return-Path: <>\r\n" + message) for message in take_queued(server)] == [LETTERS["utf-8"]]


def take_queued(server: RunningServer) -> list[bytes]:
    """What waits for somebody elsewhere; it is removed."""
    store = open_store(server.directory / "store")
    try:
        waiting = list(gather(store.queue.listing()))
        messages = [run(store.bodies.get(message.content, message.skip)) for message, _ in waiting]
        removed = [Outcome(one.id, State.REMOVED, 0, 0, "2.0.0", "") for _, one in waiting]
        store.apply([Settle(tuple(removed))])
    finally:
        store.close()
    assert {one.address for _, one in waiting} == {ELSEWHERE}
    return messages


@pytest.mark.parametrize(("client", "tls", "operation"), cells("wrong password"))
def test_wrong_password_sending(server: RunningServer, client: str, tls: str, operation: str, tmp_path: Path) -> None:
    """A wrong password is told as such, and nothing is sent."""
    wrong = login(server, SENDER, "wrong")
    outcome = SENDERS[client](line(server, "submission", tls), "utf-8", BOB, wrong, False, tmp_path)
    assert not outcome.done
    assert re.search(r"535[ -]5\.7\.8 .*Authentication credentials invalid", outcome.text), outcome.text
    assert fetch(server, BOB) == []


def fill(server: RunningServer) -> None:
    """Two letters for bob."""
    for letter in JAPANESE:
        assert SENDERS["Python"](line(server, "smtp", "none"), letter, BOB, None, False, Path()).done


@pytest.mark.parametrize(("client", "tls", "operation"), cells("list"))
def test_list(server: RunningServer, client: str, tls: str, operation: str, tmp_path: Path) -> None:
    """The client counts the messages as they are."""
    fill(server)
    assert COUNTERS[client](line(server, "pop3", tls), login(server, BOB), tmp_path) == 2


@pytest.mark.parametrize(("client", "tls", "operation"), cells("read", "delete"))
def test_read(server: RunningServer, client: str, tls: str, operation: str, tmp_path: Path) -> None:
    """Two Japanese letters come out octet for octet (line ends as the client keeps them), and stay, or are gone if deleted."""
    fill(server)
    stored = fetch(server, BOB)
    before = len(server.log)
    outcome, messages = READERS[client](line(server, "pop3", tls), login(server, BOB), operation == "delete", tmp_path)
    assert outcome.done, outcome.text
    assert sorted(map(lf, messages)) == sorted(map(lf, stored))
    here = f"pop3@{server.host}:{line(server, 'pop3', tls).port}: {server.host}"
    sessions = [text for text in server.log[before:].splitlines() if here in text and " logged in" in text]
    assert sessions
    assert all(("(TLSv1" in text) == (tls != "none") for text in sessions), sessions
    assert empty(server, BOB) == (0 if operation == "delete" else 2)


@pytest.mark.need("fetchmail")
@pytest.mark.parametrize(("client", "tls"), [("fetchmail", "none")])
@pytest.mark.parametrize("operation", ["deliver", "LMTP"])
def test_fetchmail_hands_on(server: RunningServer, client: str, tls: str, operation: str, tmp_path: Path) -> None:
    """fetchmail fetches from a mailbox and hands in again: what it fetched comes out octet for octet, its sender is kept."""
    fill(server)
    fetched = fetch(server, BOB)
    protocol = "lmtp" if operation == "LMTP" else "smtp"
    target = line(server, protocol, tls)
    assert hand_on(line(server, "pop3", "implicit"), login(server, BOB), target, protocol, BOB, tmp_path).done
    sender = b"Return-Path: <alice@example.test>\r\n"  # which fetchmail takes for the envelope
    arrived = [without_trace(message) for message in fetch(server, BOB)]
    assert [sender + message for message in arrived] == fetched


@pytest.mark.parametrize(("client", "tls", "operation"), cells("wrong password (POP3)"))
def test_wrong_password_reading(server: RunningServer, client: str, tls: str, operation: str, tmp_path: Path) -> None:
    """A wrong password is told as such, and nothing is shown."""
    fill(server)
    outcome, messages = READERS[client](line(server, "pop3", tls), login(server, BOB, "wrong"), True, tmp_path)
    assert not outcome.done
    assert re.search("(?i)auth|log-?in|denied|password", outcome.text), outcome.text
    assert messages == []
    assert empty(server, BOB) == 2
