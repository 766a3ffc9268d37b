"""Two worker processes and open sessions: what is taken away ends the sessions that it opened, in all processes.

How soon is a promise that the unit tests keep, with a clock of their own: the news is one message of the bus and one turn of the reactor
(tests/app/test_sessions.py), and a busy session has half a second (tests/wire/test_conversation.py). Here a busy machine may take its time,
as long as it is far less than that after which an idle session would end anyway.
"""

import contextlib
import imaplib
import poplib
import re
import signal
import smtplib
import socket
import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import pytest

from mailsvc.net.certificates import self_signed
from mailsvc.testing.harness import PATIENCE, RunningServer, wait_for

from .clients import ALICE, command

BOB = "bob@example.test"
SESSIONS = 6
"""So many of each kind that both workers have some of them."""


class HasSocket(Protocol):
    """poplib's and smtplib's clients."""

    sock: socket.socket | None


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Two workers, and a password service."""
    directory = tmp_path_factory.mktemp("server")
    with RunningServer(directory, workers=2) as running:
        yield running


def reader(server: RunningServer, address: str = ALICE, password: str = "") -> poplib.POP3:
    """A POP3 session before its log-in has locked anything."""
    session = poplib.POP3(server.host, server.ports["pop3"], timeout=PATIENCE)
    session.user(address)
    session.pass_(password or server.accounts[address])
    return session


def sender(server: RunningServer, address: str = ALICE, password: str = "") -> smtplib.SMTP:
    """A submission session, logged in."""
    session = smtplib.SMTP(server.host, server.ports["submission"], timeout=PATIENCE)
    session.ehlo()
    session.login(address, password or server.accounts[address])
    return session


def senders(server: RunningServer, address: str = ALICE, password: str = "") -> list[smtplib.SMTP]:
    """Several."""
    return [sender(server, address, password) for _ in range(SESSIONS)]


def closed(session: HasSocket) -> bytes | None:
    """What the server said when it closed; None if it did not."""
    assert session.sock is not None
    said, deadline = b"", time.monotonic() + PATIENCE
    while True:
        session.sock.settimeout(max(0.01, deadline - time.monotonic()))
        try:
            data = session.sock.recv(4096)
        except TimeoutError:
            return None
        except ConnectionResetError:
            return said
        if not data:
            return said
        said += data


def is_open(session: smtplib.SMTP) -> bool:
    """Whether it still answers."""
    assert session.sock is not None
    session.sock.settimeout(PATIENCE)
    return session.noop()[0] == 250


def test_disabled(server: RunningServer) -> None:
    """A disabled account's sessions are told and closed, whichever process has them; others go on."""
    mine, others, mail = senders(server), senders(server, BOB), reader(server)
    command(server, "user", "disable", ALICE)
    assert [closed(session) for session in mine] == [
        b"421 4.7.0 The password or account of this session is not valid any more; closing connection\r\n"
    ] * SESSIONS
    assert closed(mail) == b"-ERR [AUTH] the password or account of this session is not valid any more, goodbye\r\n"
    assert all(map(is_open, others))
    command(server, "user", "enable", ALICE)
    reader(server).quit()
    for session in others:
        session.quit()


def test_service_switched_off(server: RunningServer) -> None:
    """POP3 is switched off: its sessions end, sending goes on; a new log-in hears why, with the right password only."""
    mine, mail = senders(server), reader(server)
    command(server, "user", "set", ALICE, "--no-pop3")
    assert closed(mail) is not None
    assert all(map(is_open, mine))
    for session in mine:
        session.quit()
    with pytest.raises(poplib.error_proto, match="POP3 is switched off for this account"):
        reader(server)
    with pytest.raises(poplib.error_proto, match="wrong user name or password"):
        reader(server, password="not it")
    command(server, "user", "set", ALICE, "--pop3")
    reader(server).quit()


def test_every_switch(server: RunningServer) -> None:
    """Sending, IMAP and POP3 are switched off one by one: the sessions of that service end in both workers, all others go on."""
    folders = [imaplib.IMAP4(server.host, server.ports["imap"], timeout=PATIENCE) for _ in range(SESSIONS)]
    for session in folders:
        session.login(ALICE, server.accounts[ALICE])
    mine, mail = senders(server), reader(server)
    command(server, "user", "set", ALICE, "--no-imap")
    assert None not in [closed(session) for session in folders]
    assert all(map(is_open, mine))
    with pytest.raises(imaplib.IMAP4.error, match="IMAP is switched off"):
        imaplib.IMAP4(server.host, server.ports["imap"], timeout=PATIENCE).login(ALICE, server.accounts[ALICE])
    command(server, "user", "set", ALICE, "--no-send")
    assert None not in [closed(session) for session in mine]
    assert mail.noop()
    with pytest.raises(smtplib.SMTPResponseException, match="Sending is switched off"):
        sender(server)
    command(server, "user", "set", ALICE, "--no-pop3")
    assert closed(mail) is not None
    command(server, "user", "set", ALICE, "--imap", "--send", "--pop3")
    for session in senders(server):
        session.quit()


def test_password_changed(server: RunningServer) -> None:
    """A changed password ends the sessions that the old one opened, and the old one opens nothing from then on."""
    mine, others, mail = senders(server), senders(server, BOB), reader(server)
    command(server, "user", "passwd", ALICE, "--password-stdin", stdin="a new secret\n")
    assert None not in [closed(session) for session in [*mine, mail]]
    assert all(map(is_open, others))
    for _ in range(SESSIONS):  # both workers remember the old one as right
        with pytest.raises(smtplib.SMTPAuthenticationError):
            sender(server)
    for session in senders(server, ALICE, "a new secret"):
        session.quit()
    command(server, "user", "passwd", ALICE, "--password-stdin", stdin=server.accounts[ALICE] + "\n")


def test_device_revoked(server: RunningServer) -> None:
    """The lost tablet's password is revoked alone: its sessions end, those of the phone and of the login password do not."""
    made = {name: re.findall(r"\S+", command(server, "device", "add", ALICE, name))[-1] for name in ("tablet", "phone")}
    tablet, phone = (senders(server, ALICE, made[name]) for name in ("tablet", "phone"))
    mine = senders(server)
    command(server, "device", "revoke", ALICE, "tablet")
    assert None not in [closed(session) for session in tablet]
    assert all(map(is_open, [*phone, *mine]))
    with pytest.raises(smtplib.SMTPAuthenticationError):
        sender(server, ALICE, made["tablet"])
    for session in [*phone, *mine]:
        session.quit()


def test_busy_session(server: RunningServer) -> None:
    """A session in the middle of a message, which could go on for ten minutes, is ended like the others."""
    mine = senders(server)
    busy = mine[0]
    busy.mail(ALICE)
    busy.rcpt(BOB)
    busy.docmd("DATA")
    assert busy.sock is not None
    busy.sock.sendall(b"Subject: half a message\r\n")
    command(server, "user", "disable", ALICE)
    assert None not in [closed(session) for session in mine]
    command(server, "user", "enable", ALICE)


def test_owner_restarted(server: RunningServer) -> None:
    """While the store's owner was away nobody heard of a change; sessions are compared when it is back."""
    mine = senders(server)
    server.kill("owner")
    with contextlib.suppress(Exception):  # either before or after the owner has come back
        command(server, "user", "disable", ALICE)
    wait_for(lambda: "owner" in server.processes(), "the owner is back")
    wait_for(lambda: _disabled(server), "the account is disabled")
    assert None not in [closed(session) for session in mine]
    command(server, "user", "enable", ALICE)


def _disabled(server: RunningServer) -> bool:
    with contextlib.suppress(Exception):
        command(server, "user", "disable", ALICE)
        return True
    return False


def test_login_without_mailbox(server: RunningServer) -> None:
    """A login that has no mailbox yet may send and not read; it registers a name, and reads; the name has its quarantine."""
    new, secret = "u1234567@example.test", "its own secret"
    command(server, "user", "add", new, "--no-mailbox", "--password-stdin", stdin=secret + "\n")
    sender(server, "u1234567", secret).quit()
    with pytest.raises(poplib.error_proto, match="You have no mailbox yet"):
        reader(server, "u1234567", secret)
    assert _rcpt(server, new) == 550
    assert command(server, "user", "register", new, "taro") == "taro@example.test\n"
    reader(server, "u1234567", secret).quit()
    assert (_rcpt(server, "taro@example.test"), _rcpt(server, new)) == (250, 550)
    session = reader(server, "u1234567", secret)
    command(server, "user", "unregister", "taro@example.test", "--yes")
    assert closed(session) is not None
    assert _rcpt(server, "taro@example.test") == 550
    assert command(server, "user", "freed").startswith("taro@example.test\t")
    command(server, "user", "release", "taro@example.test")
    assert command(server, "user", "register", new, "taro") == "taro@example.test\n"


def _rcpt(server: RunningServer, address: str) -> int:
    with smtplib.SMTP(server.host, server.ports["smtp"], timeout=PATIENCE) as smtp:
        smtp.ehlo()
        smtp.mail("sender@elsewhere.test")
        return smtp.rcpt(address)[0]


def _shown(server: RunningServer, name: str) -> bytes:
    """The certificate that a client sees that asks for a name, from several connections: both workers answer."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    seen = set()
    for _ in range(SESSIONS):
        with (
            socket.create_connection((server.host, server.ports["pop3s"]), timeout=PATIENCE) as plain,
            context.wrap_socket(plain, server_hostname=name) as line,
        ):
            seen.add(line.getpeercert(binary_form=True))
    return seen.pop() or b"" if len(seen) == 1 else b""


def test_certificates_reloaded(tmp_path: Path) -> None:
    """Each domain shows its own certificate; renewed ones are used by both workers without a restart, open sessions go on."""
    directory = tmp_path / "server"
    directory.mkdir()
    own = [directory / "other.pem", directory / "other.key"]

    def renew() -> None:
        for path, pem in zip(own, self_signed(["mail.other.test"], datetime.now(UTC)), strict=True):
            path.write_bytes(pem)

    renew()
    config = '[[domain]]\nname = "other.test"\ncertificate = "other.pem"\nkey = "other.key"'
    with RunningServer(directory, workers=2, config=config) as server:
        default = _shown(server, "mail.example.test")
        before = _shown(server, "mail.other.test")
        assert len({default, before, b""}) == 3
        assert _shown(server, "elsewhere.test") == default
        session = sender(server)
        renew()
        server.kill("main", signal.SIGHUP)
        wait_for(lambda: _shown(server, "mail.other.test") not in (before, b""), "the new certificate is shown")
        assert _shown(server, "mail.example.test") == default
        assert is_open(session)


def test_guessing(tmp_path: Path) -> None:
    """Guesses are refused by both workers with the end of the block; the command lists and forgives; known places are let in."""
    config = "[throttle]\nnever_block = []\naccount_failures = 4"
    with RunningServer(tmp_path / "server", workers=2, config=config) as server:
        sender(server).quit()  # from here ALICE is known
        for number in range(8):
            with contextlib.suppress(smtplib.SMTPException):
                sender(server, BOB, f"guess {number}")

        def refusal() -> str:
            try:
                sender(server, BOB).quit()
            except smtplib.SMTPAuthenticationError as error:
                return error.smtp_error.decode()
            return ""

        wait_for(lambda: all("try again after" in refusal() for _ in range(SESSIONS)), "both workers refuse")
        assert f"account\t{BOB}\t" in command(server, "throttle", "list")
        assert "Blocked until: 20" in command(server, "throttle", "test", "203.0.113.1", BOB)
        for session in senders(server):
            session.quit()
        command(server, "throttle", "clear", BOB)
        wait_for(lambda: not any(refusal() for _ in range(SESSIONS)), "both workers forgive")
