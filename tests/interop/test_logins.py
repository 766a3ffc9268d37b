"""Clients log in by each mechanism that they know, over each TLS mode: the tables of log-ins in ``docs/interoperability.rst``."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from .login_servers import LoginServer, make_login_server
from .logins import ABILITIES, TOKENS, cells, mechanism_of, protocol_of
from .programs import Line, Login

pytestmark = pytest.mark.interop

PORTS = {
    "smtp": {"none": "submission", "starttls": "submission", "implicit": "submissions"},
    "pop3": {"none": "pop3", "starttls": "pop3", "implicit": "pop3s"},
    "imap": {"none": "imap", "starttls": "imap", "implicit": "imaps"},
}

WORDS = {
    "smtp": "AUTH {mechanism}\\b",
    "pop3": "AUTH {mechanism}\\b",
    "imap": "AUTHENTICATE {mechanism}\\b",
    "USER": "USER alice",
    "APOP": "APOP ",
    "LOGIN (IMAP)": "(LOGIN|AUTHENTICATE LOGIN)\\b",
}
"""Protocol or mechanism or operation -> what the client says by then."""

STRANGER = "stranger@example.test"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoginServer]:
    """One server for all."""
    made = make_login_server(tmp_path_factory.mktemp("server"), log='debug = ["submission", "pop3", "imap"]')
    try:
        yield made
    finally:
        made.server.destroy()


def credentials(house: LoginServer, mechanism: str, right: bool) -> Login:
    """Those of alice; or wrong ones: a password, a token by somebody else, a certificate of somebody without an account."""
    if mechanism in TOKENS:
        return Login(
            "alice@example.test", house.token(provider=None if right else ec.generate_private_key(ec.SECP256R1()))
        )
    if mechanism == "EXTERNAL":
        return Login("alice", "", house.certificate("alice@example.test" if right else STRANGER))
    return Login("alice", house.device if right else "wrong")


def _cells() -> list[object]:
    return [
        pytest.param(
            *cell, marks=() if cell[0] == "Python" else pytest.mark.need(cell[0]), id="-".join(cell).replace(" ", "-")
        )
        for cell in cells()
    ]


@pytest.mark.parametrize(("client", "tls", "operation"), _cells())
def test_log_in(house: LoginServer, client: str, tls: str, operation: str, tmp_path: Path) -> None:
    """The client gets in by this mechanism, under TLS if it should, and not with a wrong password, token or certificate."""
    server, mechanism, protocol = house.server, mechanism_of(operation), protocol_of(operation)
    line = Line(server.ports[PORTS[protocol][tls]], tls, server.certificate)
    enter = ABILITIES[client, protocol][0]
    before = len(server.log)
    outcome = enter(protocol, line, mechanism, credentials(house, mechanism, True), tmp_path)
    assert outcome.done, outcome.text
    said = server.log[before:]
    words = WORDS.get(operation) or WORDS.get(mechanism) or WORDS[protocol]
    assert re.search(r" C: (\S+ )?" + words.format(mechanism=mechanism), said), said
    (entered,) = re.findall(r".*alice@example.test logged in.*", said)
    assert ("TLSv1" in entered) == (tls != "none")
    if tls == "implicit":
        outcome = enter(protocol, line, mechanism, credentials(house, mechanism, False), tmp_path)
        assert not outcome.done
        assert len(re.findall(r"alice@example.test logged in", server.log[before:])) == 1
