"""Mail goes out of the running service: by real DNS and sockets, to hosts on loopback addresses of their own."""

import os
import re
import signal
import smtplib
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mailsvc.testing.dns_server import DNSServer, Zone
from mailsvc.testing.harness import PATIENCE, RunningServer, wait_for

from .clients import ALICE, command, pop
from .sink import Sink

HOST, OTHER = "127.0.0.5", "127.0.0.6"
ZONE: Zone = {
    "there.test": {"MX": ["10 down.there.test.", "20 mx.there.test."]},
    "down.there.test": {"A": [OTHER]},
    "mx.there.test": {"A": [HOST]},
    "nomail.test": {"MX": ["0 ."]},
}


@contextmanager
def service(
    directory: Path, sink: Sink, zone: Zone = ZONE, workers: int = 1, queue: str = ""
) -> Iterator[RunningServer]:
    """A server that asks a DNS of the test's own and sends to the sink's port."""
    with DNSServer(zone) as names:
        config = f'[dns]\nnameservers = ["127.0.0.1"]\nport = {names.port}\n\n[queue]\nport = {sink.port}\n{queue}'
        with RunningServer(directory, workers=workers, config=config) as server:
            yield server


def submit(server: RunningServer, subject: str, *recipients: str) -> None:
    """Hand a message in as alice."""
    with smtplib.SMTP(server.host, server.ports["submission"], timeout=PATIENCE) as smtp:
        smtp.login(ALICE, server.accounts[ALICE])
        smtp.sendmail(ALICE, recipients, f"From: {ALICE}\r\nSubject: {subject}\r\n\r\ntext\r\n")


def letters(server: RunningServer) -> list[str]:
    """The messages of alice."""
    session = pop(server, ALICE)
    try:
        return [b"\n".join(session.retr(number)[1]).decode() for number in range(1, session.stat()[0] + 1)]
    finally:
        session.quit()


def empty(server: RunningServer) -> bool:
    """Whether nothing waits."""
    return not command(server, "queue", "list").strip()


def test_mail_goes_and_reports_come(directory: Path) -> None:
    """A colleague gets my mail, at the second MX since the first is down; mistyped addresses come back to me at once."""
    with Sink(HOST) as sink, service(directory, sink) as server:
        submit(server, "hello", "bob@there.test", "nobody@there.test", "x@no-such-domain.test", "y@nomail.test")
        wait_for(lambda: len(letters(server)) == 3, "the reports come")
        wait_for(lambda: empty(server), "the queue is empty")
        assert sink.got == [("hello", ["bob@there.test"])]
        reports = "\n".join(letters(server))
        for status, address in (
            ("5.1.1", "nobody@there.test"),
            ("5.1.2", "x@no-such-domain.test"),
            ("5.1.10", "y@nomail.test"),
        ):
            assert re.search(rf"Final-Recipient: rfc822; {address}\n(.+\n)*?Status: {re.escape(status)}\n", reports), (
                address
            )
        assert "550 5.1.1 nobody here" in reports
        metrics = urllib.request.urlopen(
            f"http://{server.host}:{server.ports['monitor']}/metrics", timeout=PATIENCE
        ).read()
        assert b'mailsvc_queue_outcomes_total{result="failed"} 3.0' in metrics
        assert b'mailsvc_queue_outcomes_total{result="sent"} 1.0' in metrics
        assert b"mailsvc_queue_recipients 0.0" in metrics


def test_mx_that_leads_back_to_us(directory: Path) -> None:
    """A foreign domain whose MX is our own listener: returned as a loop, not sent round and round."""
    zone: Zone = {"loop.test": {"MX": ["10 us.loop.test."]}, "us.loop.test": {"A": ["127.0.0.1"]}}
    with Sink(HOST) as sink, service(directory, sink, zone) as server:
        text = server.file.read_text()
        server.stop()
        server.file.write_text(text.replace(f"[queue]\nport = {sink.port}", f"[queue]\nport = {server.ports['smtp']}"))
        server.start()
        submit(server, "round", "x@loop.test")
        wait_for(lambda: len(letters(server)) == 1, "the report comes")
        assert "Status: 5.4.6" in letters(server)[0]


def test_smarthost(directory: Path) -> None:
    """All mail goes through a provider, by a log-in over TLS with a certificate for the provider's name; a wrong password costs no mail."""
    carol = "carol@provider.test"
    hold = '[throttle]\nnever_block = ["127.0.0.0/8"]\n\n[[route]]\ndomains = ["*"]\nhold = true\n'
    provider = RunningServer(directory / "provider", {carol: "carol-secret"}, domain="provider.test", config=hold)
    secret = directory / "provider.secret"
    secret.write_text("wrong\n")
    with provider, DNSServer({"localhost": {"A": ["127.0.0.1"]}}) as names:
        config = (
            f'[dns]\nnameservers = ["127.0.0.1"]\nport = {names.port}\n\n[[route]]\ndomains = ["*"]\n'
            f'hosts = ["localhost:{provider.ports["submission"]}"]\nuser = "{carol}"\npassword = "{secret}"\n'
        )
        trusted = {"SSL_CERT_FILE": str(provider.certificate)}
        with RunningServer(directory / "ours", config=config, environment=trusted) as server:
            submit(server, "first", "bob@anywhere.test", "carol@elsewhere.test")
            wait_for(lambda: "4.7.8" in command(server, "queue", "list"), "the password is refused")
            secret.write_text("carol-secret\n")
            server.command("queue", "retry", "--all")
            wait_for(lambda: empty(server), "it is sent")
            assert letters(server) == []
        waiting = provider.command("queue", "list")
        assert "bob@anywhere.test" in waiting
        assert "carol@elsewhere.test" in waiting


def sender(server: RunningServer) -> int:
    """The process that says that it sends."""
    return int(re.findall(r"process (\d+) sends the queue's mail", server.log)[-1])


def test_main_is_killed(directory: Path) -> None:
    """kill -9 of the main process while another server is just taking a message: that is written down, and it gets no second copy."""
    with Sink(HOST, delay=2) as sink, service(directory, sink, workers=2) as server:
        submit(server, "once", "bob@there.test")
        wait_for(lambda: sink.begun == 1, "it is under way")
        others = [pid for name, pid in server.processes().items() if name != "main"]
        server.kill("main")
        wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in others), "the others end")
        server.start()
        wait_for(lambda: empty(server), "the queue is empty")
        assert sink.subjects == ["once"]


def test_sender_is_killed(directory: Path) -> None:
    """kill -9 of the worker that sends, in the middle of it: the other goes on, and only what was under way comes twice."""
    most = 3
    with (
        Sink(HOST, delay=0.05) as sink,
        service(directory, sink, workers=2, queue=f"connections_per_destination = {most}") as server,
    ):
        wait_for(lambda: "sends the queue's mail" in server.log, "somebody sends")
        for number in range(60):
            submit(server, str(number), f"u{number}@there.test")
            if number in (20, 40):
                victim = sender(server)
                os.kill(victim, signal.SIGKILL)
                wait_for(lambda gone=victim: sender(server) != gone, "another one sends")
        wait_for(lambda: empty(server), "the queue is empty")
        copies = Counter(sink.subjects)
    assert set(copies) == {str(number) for number in range(60)}
    assert sum(copies.values()) <= 60 + 2 * most


def test_stop_in_the_middle(directory: Path) -> None:
    """Stopped in the middle of a transaction, the service ends it first: the message comes once, and does not wait after the next start."""
    with Sink(HOST) as sink, service(directory, sink) as server:
        sink.may_answer.clear()
        submit(server, "last", "bob@there.test")
        wait_for(lambda: sink.begun > 0, "the message is under way")
        server.kill("main", signal.SIGTERM)
        wait_for(lambda: not server.greeting("smtp"), "it is about to stop")
        assert sink.subjects == []
        sink.may_answer.set()
        server.wait_stopped()
        assert sink.subjects == ["last"]
        server.start()
        wait_for(lambda: empty(server), "the queue is empty")
        assert sink.subjects == ["last"]
