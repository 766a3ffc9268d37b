"""The whole service sends to other people's servers: Postfix with TLS, found by DNS, and smtp-sink."""

import datetime
import os
import shutil
import smtplib
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailsvc.net.certificates import self_signed, write_pair
from mailsvc.testing.dns_server import DNSServer
from mailsvc.testing.harness import PATIENCE, RunningServer, free_ports, wait_for

from .remote_postfix import RemotePostfix

pytestmark = [pytest.mark.interop, pytest.mark.skipif(os.geteuid() != 0, reason="Postfix and smtp-sink need root")]

ALICE = "alice@example.test"


@pytest.fixture
def postfix() -> Iterator[RemotePostfix]:
    """A remote Postfix, in a folder that its own user may enter."""
    folder = Path(tempfile.mkdtemp(prefix="mailsvc-queue-"))
    folder.chmod(0o755)
    try:
        pair = self_signed(["mx.remote.test"], datetime.datetime.now(datetime.UTC))
        write_pair(folder / "certificate.pem", folder / "key.pem", pair)
        with RemotePostfix(folder / "postfix", folder / "certificate.pem", folder / "key.pem") as running:
            yield running
    finally:
        shutil.rmtree(folder)


def submit(server: RunningServer, subject: str, *recipients: str) -> None:
    """Hand a message in as alice."""
    with smtplib.SMTP(server.host, server.ports["submission"], timeout=PATIENCE) as smtp:
        smtp.login(ALICE, server.accounts[ALICE])
        smtp.sendmail(
            ALICE, recipients, f"From: {ALICE}\r\nSubject: {subject}\r\n\r\n.dot\r\n", ["RET=HDRS", "ENVID=e1"]
        )


def listed(server: RunningServer) -> str:
    """What waits."""
    return server.command("queue", "list")


@pytest.mark.need("postfix")
def test_postfix(postfix: RemotePostfix, tmp_path: Path) -> None:
    """One message to Postfix over TLS: one recipient gets it, one is reported, and one waits with Postfix's words."""
    zone = {"remote.test": {"MX": ["10 mx.remote.test."]}, "mx.remote.test": {"A": ["127.0.0.1"]}}
    with DNSServer(zone) as names:
        config = f'[dns]\nnameservers = ["127.0.0.1"]\nport = {names.port}\n\n[queue]\nport = {postfix.port}\ntls = "required"\n'
        with RunningServer(tmp_path / "ours", config=config) as server:
            submit(server, "hello", "bob@remote.test", "nobody@remote.test", "grey@remote.test")
            wait_for(lambda: len(postfix.messages("bob")) == 1, "it arrives")
            wait_for(lambda: "4.2.0" in listed(server), "one waits")
            assert "grey@remote.test" in listed(server)
            assert "nobody@remote.test" not in listed(server)
            (message,) = postfix.messages("bob")
            assert b"\n.dot" in message
            assert message.count(b"Return-Path:") == 1
            assert "TLSv1.3" in next(line for line in server.log.splitlines() if "sent to bob@remote.test" in line)
            assert "report" in server.log


@pytest.mark.need("smtp-sink")
def test_sink(tmp_path: Path) -> None:
    """Two hundred messages to smtp-sink at many destinations: all go, and nothing waits."""
    (port,) = free_ports(1)
    command = ["smtp-sink", "-u", "nobody", f"inet::{port}", "100"]
    sink = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        routes = "".join(f'[[route]]\ndomains = ["d{n}.test"]\nhosts = ["127.1.0.{n + 1}:{port}"]\n' for n in range(10))
        with RunningServer(tmp_path / "ours", config=routes) as server:
            for number in range(20):
                submit(server, str(number), *(f"u{number}@d{n}.test" for n in range(10)))
            wait_for(lambda: not listed(server).strip(), "the queue is empty")
            assert server.log.count("sent to u") == 200
    finally:
        sink.terminate()
        sink.wait()
