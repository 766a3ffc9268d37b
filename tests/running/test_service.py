"""The running server: every listener serves, processes share ports and store, health and counters tell the truth, the log keeps secrets."""

import json
import smtplib
import socket
import urllib.error
import urllib.request

import pytest

from mailsvc.testing.harness import LISTENERS, PATIENCE, RunningServer, wait_for

from .clients import ALICE, pop, send, subjects


def fetch(server: RunningServer, path: str) -> tuple[int, bytes]:
    """A page of the monitoring port."""
    try:
        with urllib.request.urlopen(
            f"http://{server.host}:{server.ports['monitor']}{path}", timeout=PATIENCE
        ) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def test_processes(server: RunningServer) -> None:
    """One worker serves in the main process; two are processes of their own; the store's owner is one always."""
    assert set(server.processes()) in ({"main", "owner"}, {"main", "owner", "worker", "worker 1"})


@pytest.mark.parametrize("name", LISTENERS)
def test_greeting(server: RunningServer, name: str) -> None:
    """Every listener of the table greets in its protocol, TLS or not."""
    greetings = {"pop": b"+OK ", "ima": b"* OK [CAPABILITY IMAP4rev1 "}
    expected = greetings.get(name[:3], b"220 mail.example.test ")
    assert server.greeting(name).startswith(expected)


@pytest.mark.parametrize("name", LISTENERS)
def test_client_that_only_hangs_up(server: RunningServer, name: str) -> None:
    """A client that ends its half of the line sees ours end, whatever the protocol: no connection is kept until its time-out."""
    with server.connect(name) as connection:
        assert connection.recv(1024)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(1024):
            pass


@pytest.mark.parametrize("name", ["smtp", "lmtp"])
def test_in_and_out(server: RunningServer, name: str) -> None:
    """Mail that comes in can be read, whichever process took it and whichever shows it."""
    for number in range(6):
        send(server, f"{name} {number}", name=name)
    assert {f"{name} {number}" for number in range(6)} <= set(subjects(server))


def test_submission(server: RunningServer) -> None:
    """An account logs in under STARTTLS and sends to another."""
    with smtplib.SMTP(server.host, server.ports["submission"], timeout=PATIENCE) as smtp:
        smtp.starttls(context=server.tls_context())
        smtp.login(ALICE, server.accounts[ALICE])
        smtp.sendmail(ALICE, ["bob@example.test"], "Subject: from alice\r\n\r\n")
    assert "from alice" in subjects(server, "bob@example.test")


def test_health(server: RunningServer) -> None:
    """A healthy server says so, check by check."""
    status, body = fetch(server, "/health")
    assert (status, json.loads(body)) == (
        200,
        {"status": "ok", "checks": {"store": "ok", "intake": "ok", "listeners": "ok", "queue": "ok"}},
    )


def test_metrics(server: RunningServer) -> None:
    """What all processes count is one figure."""

    def accepted() -> float:
        lines = fetch(server, "/metrics")[1].decode().splitlines()
        name = 'mailsvc_messages_accepted_total{protocol="smtp"}'
        return sum(float(line.split()[-1]) for line in lines if line.startswith(name))

    before = accepted()
    for number in range(10):
        send(server, f"counted {number}")
    assert accepted() == before + 10


def test_no_secret_in_the_log(server: RunningServer) -> None:
    """Neither passwords that work nor those that do not are logged, also with the dialogue of all protocols."""
    with (
        smtplib.SMTP_SSL(
            server.host, server.ports["submissions"], timeout=PATIENCE, context=server.tls_context()
        ) as smtp,
        pytest.raises(smtplib.SMTPAuthenticationError),
    ):
        smtp.login(ALICE, "wrong-but-secret")
    pop(server).quit()
    wait_for(lambda: "alice@example.test" in server.log, "log-ins are logged")
    for secret in (*server.accounts.values(), "wrong-but-secret", "d3JvbmctYnV0LXNlY3JldA"):
        assert secret not in server.log


def test_log_lines(server: RunningServer) -> None:
    """Every event of every process is one line: time, level, room, words."""
    send(server, "logged")
    lines = server.log.splitlines()
    assert any(" info delivery: " in line for line in lines)
    assert all(line[:2] == "20" and line.split()[1] in {"debug", "info", "warn", "error"} for line in lines), lines
