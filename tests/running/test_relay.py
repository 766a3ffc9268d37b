"""POP-before-SMTP on a running server with two workers: refused, receive, send; and what ends it."""

import imaplib
import itertools
import poplib
import re
import smtplib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailsvc.testing.harness import PATIENCE, RunningServer, wait_for
from tests.relaying import STAY, allowed

from .clients import command

ALICE, BOB = "alice@example.test", "bob@example.test"
CONFIG = (
    """
[relay]
preset = "kyoto"
grants_on_loopback_for_tests = true
url = "https://mail.example.test/send"
contact = "postmaster@example.test"

"""
    + STAY
)

_places = itertools.count(10)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Two workers."""
    with RunningServer(tmp_path_factory.mktemp("server"), workers=2, config=CONFIG) as running:
        yield running


@pytest.fixture
def place() -> str:
    """An address that no other test uses."""
    return f"127.0.7.{next(_places)}"


class Pop3From(poplib.POP3_SSL):
    """poplib from an address of our choice."""

    def __init__(self, server: RunningServer, place: str) -> None:
        self._place = place
        super().__init__(server.host, server.ports["pop3s"], timeout=PATIENCE, context=server.tls_context())

    def _create_socket(self, timeout: float) -> socket.socket:
        plain = socket.create_connection((self.host, self.port), timeout, source_address=(self._place, 0))
        return self.context.wrap_socket(plain, server_hostname="localhost")


def receive(server: RunningServer, place: str, address: str = ALICE) -> None:
    """Read mail by POP3."""
    session = Pop3From(server, place)
    session.user(address)
    session.pass_(server.accounts[address])
    session.quit()


def connect(server: RunningServer, place: str) -> smtplib.SMTP:
    """An SMTP connection, not logged in."""
    session = smtplib.SMTP(server.host, server.ports["smtp"], timeout=PATIENCE, source_address=(place, 0))
    session.ehlo("pc.example")
    return session


def ask(session: smtplib.SMTP, sender: str = "anybody@where.test") -> bool:
    """Whether a recipient elsewhere is allowed now."""
    session.rset()
    assert session.mail(sender)[0] == 250
    code, text = session.rcpt("somebody@elsewhere.test")
    return allowed(f"{code} {text.decode()}")


def soon_allowed(session: smtplib.SMTP) -> None:
    """The grant is written, and known in this process."""
    wait_for(lambda: ask(session), "the grant counts")


def test_refused_receive_send_on_one_connection(server: RunningServer, place: str) -> None:
    """A program that stays connected is refused in words that help, and can send as soon as mail was received."""
    session = connect(server, place)
    session.mail("anybody@where.test")
    code, text = session.rcpt("somebody@elsewhere.test")
    assert code == 550
    for words in (
        "Receive your mail first (IPv4",
        "5 minutes",
        "SMTP authentication",
        "https://mail.example.test/send",
    ):
        assert words in text.decode()
    receive(server, place)
    soon_allowed(session)
    assert ask(session, "")
    assert not ask(connect(server, place + "9"))


def test_imap_counts_too(server: RunningServer, place: str) -> None:
    """A log-in by IMAP is as good as one by POP3."""
    session = connect(server, place)
    assert not ask(session)
    imap = imaplib.IMAP4_SSL.__new__(imaplib.IMAP4_SSL)
    imap._create_socket = lambda timeout: server.tls_context().wrap_socket(  # type: ignore[method-assign]
        socket.create_connection((server.host, server.ports["imaps"]), PATIENCE, source_address=(place, 0)),
        server_hostname="localhost",
    )
    imaplib.IMAP4_SSL.__init__(imap, server.host, server.ports["imaps"], ssl_context=server.tls_context())
    imap.login(ALICE, server.accounts[ALICE])
    soon_allowed(session)
    imap.logout()


def test_revoked_by_hand(server: RunningServer, place: str) -> None:
    """``mailsvc relay revoke``: the next recipient is refused, on connections of both workers, whichever way it is named."""
    sessions = [connect(server, place) for _ in range(6)]
    for what in (place, ALICE, ""):
        receive(server, place)
        for session in sessions:
            soon_allowed(session)
        command(
            server, "relay", "revoke", what or re.search(rf"(\w+)\t{place}/32", command(server, "relay", "status"))[1]
        )  # type: ignore[index]
        wait_for(lambda: not any(ask(session) for session in sessions), "the grant is gone")


def test_password_change_ends_it(server: RunningServer, place: str) -> None:
    """What the old password proved is worth nothing from the moment on in which it is changed."""
    session = connect(server, place)
    receive(server, place, BOB)
    soon_allowed(session)
    command(server, "user", "passwd", BOB, "--password-stdin", stdin=server.accounts[BOB] + "\n")
    wait_for(lambda: not ask(session), "the grant is gone")


def test_disabling_ends_it(server: RunningServer, place: str) -> None:
    """Switched off and on again: mail has to be received anew."""
    session = connect(server, place)
    receive(server, place, BOB)
    soon_allowed(session)
    command(server, "user", "disable", BOB)
    wait_for(lambda: not ask(session), "the grant is gone")
    command(server, "user", "enable", BOB)
    assert not ask(session)


def test_given_by_hand(server: RunningServer, place: str) -> None:
    """``mailsvc relay grant`` lets an address send; ``explain`` says who answers for it."""
    session = connect(server, place)
    command(server, "relay", "grant", place, ALICE, "--for", "5 min")
    soon_allowed(session)
    assert "alice@example.test answers for this mail." in command(server, "relay", "explain", "--ip", place)


def inbox(server: RunningServer, address: str) -> list[bytes]:
    """All messages of an account, deleted afterwards."""
    session = poplib.POP3_SSL(server.host, server.ports["pop3s"], timeout=PATIENCE, context=server.tls_context())
    session.user(address)
    session.pass_(server.accounts[address])
    numbers = range(1, session.stat()[0] + 1)
    found = [b"\n".join(session.retr(number)[1]) for number in numbers]
    for number in numbers:
        session.dele(number)
    session.quit()
    return found


def test_granted_mail_is_a_submission(server: RunningServer, place: str) -> None:
    """Date and Message-ID are added, Received says POP-before-SMTP and nothing of the account, and who owns it is told once."""
    receive(server, place)
    session = connect(server, place)
    soon_allowed(session)
    inbox(server, ALICE)
    for _ in range(2):
        session.rset()
        session.mail("anybody@where.test")
        session.rcpt("somebody@elsewhere.test")
        session.rcpt(BOB)
        assert session.data("Subject: x\r\n\r\ntext\r\n")[0] == 250
    message = inbox(server, BOB)[0].partition(b"\n\n")[0]
    assert b" with ESMTP (POP-before-SMTP) id " in message
    assert re.search(rb"^Message-ID: <\w{16}@mail\.example\.test>$", message, re.MULTILINE)
    assert re.search(rb"^Date: ", message, re.MULTILINE)
    assert b"alice" not in message
    found: list[bytes] = []
    wait_for(lambda: bool(found.extend(inbox(server, ALICE)) or found), "alice is told")
    (letter,) = found
    assert b"Auto-Submitted: auto-generated" in letter
    assert inbox(server, ALICE) == []


def test_survives_whatever_is_killed(tmp_path: Path) -> None:
    """A grant that was written survives kill -9 of the owner, of a worker and of all; so does its revocation."""
    place = "127.0.7.9"
    with RunningServer(tmp_path / "server", workers=2, config=CONFIG) as server:
        receive(server, place)
        soon_allowed(connect(server, place))
        for victim in ("owner", "worker", "main"):
            server.kill(victim)
            if victim == "main":
                server.destroy()
                server.start()
            wait_for(server.answers, "the listeners answer")
            wait_for(lambda: ask_again(server, place), f"the grant counts after {victim} died")
        command(server, "relay", "revoke", place)
        server.kill("owner")
        wait_for(lambda: not ask_again(server, place), "the revocation counts")


def ask_again(server: RunningServer, place: str) -> bool:
    """As :func:`ask` on a new connection; while the store is away nothing is known."""
    session = connect(server, place)
    if session.mail("anybody@where.test")[0] != 250:
        return False
    code, text = session.rcpt("somebody@elsewhere.test")
    return code != 451 and allowed(f"{code} {text.decode()}")
