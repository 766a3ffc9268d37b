"""Postfix relays to us over SMTP and LMTP, and what we answer makes it do the right thing."""

import os
import re
import shutil
import signal
import smtplib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from mailsvc.testing.harness import PATIENCE, RunningServer, wait_for
from tests.letters import LETTERS, without_trace

from .mailbox import empty, fetch
from .postfix import Postfix
from .servers import make_server

pytestmark = [
    pytest.mark.interop,
    pytest.mark.need("postfix"),
    pytest.mark.skipif(os.geteuid() != 0, reason="Postfix needs root"),
]

ROUTES = ("smtp-none", "smtp-starttls", "lmtp-none", "lmtp-starttls", "lmtp-socket")
"""Each has three accounts; the mail of all others goes by SMTP without TLS."""

SENDER = "sender@example.test"


def accounts(route: str) -> list[str]:
    """The accounts whose mail takes this route."""
    return [f"{name}.{route}@example.test" for name in ("ichiro", "jiro", "saburo")]


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder that Postfix's own user can enter; pytest's are private."""
    path = Path(tempfile.mkdtemp(prefix="postfix-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def server(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A running server with accounts for all routes, on which a store that sleeps is found out soon, and a slow one is not."""
    everybody = [SENDER, *(name for route in ROUTES for name in accounts(route))]
    directory = tmp_path_factory.mktemp("server")
    with make_server(directory, folder / "lmtp.sock", dict.fromkeys(everybody, "secret"), 'timeout = "5 s"') as running:
        yield running


@pytest.fixture(scope="module")
def postfix(folder: Path, server: RunningServer) -> Iterator[Postfix]:
    """A Postfix that hands mail for the accounts to the server, each on its route."""
    hops = {
        "smtp-none": f"smtp-none:[localhost]:{server.ports['smtp']}",
        "smtp-starttls": f"smtp-starttls:[localhost]:{server.ports['smtp']}",
        "lmtp-none": f"lmtp-none:inet:[localhost]:{server.ports['lmtp']}",
        "lmtp-starttls": f"lmtp-starttls:inet:[localhost]:{server.ports['lmtp-starttls']}",
        "lmtp-socket": f"lmtp-none:unix:{folder / 'lmtp.sock'}",
    }
    routes = {name: hops[route] for route in ROUTES for name in accounts(route)}
    routes |= {f"nobody.{route}@example.test": hops[route] for route in ROUTES}
    with Postfix(folder / "postfix", {**routes, "example.test": hops["smtp-none"]}, server.certificate) as running:
        yield running


def send(postfix: Postfix, letter: str, recipients: Sequence[str]) -> None:
    """Hand a letter to Postfix."""
    with smtplib.SMTP("127.0.0.1", postfix.port, timeout=PATIENCE) as client:
        client.sendmail(SENDER, recipients, LETTERS[letter], ["BODY=8BITMIME"])


def after_postfix(message: bytes) -> bytes:
    """A message without our trace and the Received of Postfix."""
    return re.sub(rb"\AReceived: .*?\r\n(?!\s)", b"", without_trace(message), flags=re.DOTALL)


@pytest.fixture
def cells(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> Callable[[str, str], None]:
    """Says which cell of the table a test fills."""
    return lambda route, operation: record_property(
        "cell", ["Postfix", "starttls" if "tls" in route else "none", operation]
    )


@pytest.mark.parametrize("route", ROUTES)
def test_relays(server: RunningServer, postfix: Postfix, route: str, cells: Callable[[str, str], None]) -> None:
    """A letter for three accounts comes in one transaction, by verified TLS where the route says so, and out octet for octet."""
    cells(route, "LMTP" if "lmtp" in route else "deliver")
    logged = len(postfix.log)
    for letter in ("utf-8", "iso-2022-jp", "dots"):
        send(postfix, letter, accounts(route))
    for address in accounts(route):
        wait_for(lambda address=address: len(fetch(server, address)) == 3, "three letters")  # type: ignore[misc]
        arrived = fetch(server, address)
        assert sorted(map(after_postfix, arrived)) == sorted(LETTERS[name] for name in ("utf-8", "iso-2022-jp", "dots"))
        assert all(message.startswith(b"Return-Path: <sender@example.test>\r\n") for message in arrived)
        assert all((b"using TLSv1" in message) == ("starttls" in route) for message in arrived)
        assert all((b" with LMTP" in message) == ("lmtp" in route) for message in arrived)
        empty(server, address)
    assert ("Verified TLS connection established" in postfix.log[logged:]) == ("starttls" in route)


@pytest.mark.parametrize("route", ["smtp-none", "smtp-starttls", "lmtp-none"])
def test_unknown_user(server: RunningServer, postfix: Postfix, route: str, cells: Callable[[str, str], None]) -> None:
    """An unknown recipient among known ones: they have the letter, and Postfix's bounce with our reason reaches the sender."""
    cells(route, "unknown user")
    known, unknown = accounts(route)[0], f"nobody.{route}@example.test"
    send(postfix, "utf-8", [known, unknown])
    wait_for(lambda: len(fetch(server, SENDER)) == 1, "a bounce")
    (bounce,) = fetch(server, SENDER)
    assert bounce.startswith(b"Return-Path: <>\r\n")
    assert b"Final-Recipient: rfc822; %s" % unknown.encode() in bounce
    assert b"\r\nStatus: 5.1.1\r\n" in bounce
    assert b"550 5.1.1" in bounce
    assert known.encode() not in bounce
    assert empty(server, known) == 1
    empty(server, SENDER)


@pytest.mark.parametrize("route", ["smtp-none", "lmtp-socket"])
def test_deferred(server: RunningServer, postfix: Postfix, route: str, cells: Callable[[str, str], None]) -> None:
    """While the store does not answer, Postfix is told 4xx and keeps the letter; when it does again, the letter arrives, once."""
    cells(route, "deferred")
    (address, *_) = accounts(route)
    logged = len(postfix.log)
    stopped = server.kill("owner", signal.SIGSTOP)
    try:
        send(postfix, "utf-8", [address])
        wait_for(lambda: re.search(r"status=deferred .*said: 451 4\.3\.0", postfix.log[logged:]) is not None, "451")
    finally:
        os.kill(stopped, signal.SIGCONT)
    wait_for(lambda: postfix.queued() == 0, "an empty queue")
    assert [after_postfix(message) for message in fetch(server, address)] == [LETTERS["utf-8"]]
    assert fetch(server, SENDER) == []
    empty(server, address)
