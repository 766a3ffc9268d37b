"""Log-ins without a password at running servers: tokens that only the provider can judge, and client certificates that go astray."""

import json
import signal
import smtplib
import threading
from base64 import b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from cryptography import x509

from mailsvc.testing.harness import PATIENCE, RunningServer, wait_for
from tests.interop.login_servers import ISSUER, US, make_login_server
from tests.interop.logins import TOKENS, python
from tests.interop.programs import Line, Login

ALICE = "alice@example.test"


class Provider(BaseHTTPRequestHandler):
    """Knows one good token (RFC 7662), and fails with another."""

    def do_POST(self) -> None:
        """What a token is worth."""
        token = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())["token"][0]
        good = {"active": True, "iss": ISSUER, "aud": US, "email": ALICE}
        body = json.dumps(good if token == "good-token" else {"active": False}).encode()
        self.send_response(500 if token == "trouble" else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing."""


@pytest.fixture
def provider() -> Iterator[int]:
    """The port of a provider."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Provider) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_introspection(tmp_path: Path, provider: int) -> None:
    """Good tokens get in by SMTP and IMAP at both workers, others do not, and a provider in trouble means "later"."""
    house = make_login_server(tmp_path / "server", 2, judge=f'introspection = "http://127.0.0.1:{provider}/introspect"')
    server = house.server
    try:
        for protocol, port in (("smtp", "submissions"), ("imap", "imaps")):
            line = Line(server.ports[port], "implicit", server.certificate)
            for mechanism in TOKENS:
                outcomes = [
                    python(protocol, line, mechanism, Login(ALICE, token), tmp_path)
                    for token in ("good-token", "good-token", "good-token", "bad-token", "trouble")
                ]
                assert [outcome.done for outcome in outcomes] == [True, True, True, False, False], outcomes
                assert ("454" if protocol == "smtp" else "UNAVAILABLE") in outcomes[-1].text
                assert ("535" if protocol == "smtp" else "AUTHENTICATIONFAILED") in outcomes[-2].text
        said = pop(server, b"AUTH XOAUTH2 " + b64encode(f"user={ALICE}\x01auth=Bearer good-token\x01\x01".encode()))
        assert said.startswith(b"+OK maildrop")
        assert "Traceback" not in server.log
    finally:
        server.destroy()


def pop(server: RunningServer, command: bytes) -> bytes:
    """The answer to one command."""
    with server.connect("pop3s") as line, line.makefile("rwb") as file:
        file.readline()
        file.write(command + b"\r\n")
        file.flush()
        return file.readline()


def test_external(tmp_path: Path) -> None:
    """EXTERNAL: what is malformed, somebody else, revoked or not shown at all is refused, and the connection lives on."""
    house = make_login_server(tmp_path / "server", 2)
    server = house.server

    def session(address: str) -> smtplib.SMTP_SSL:
        context = server.tls_context()
        if address:
            shown = house.certificate(address)
            context.load_cert_chain(shown.certificate, shown.key)
        client = smtplib.SMTP_SSL(server.host, server.ports["submissions"], context=context, timeout=PATIENCE)
        client.ehlo()
        return client

    def answers(address: str, *responses: str) -> list[int]:
        with session(address) as client:
            codes = [client.docmd("AUTH EXTERNAL", response)[0] for response in responses]
            assert client.noop()[0] == 250
            return codes

    bob = b64encode(b"bob@example.test").decode()
    try:
        assert answers(ALICE, "%", b64encode(b"\xff").decode(), "A" * 12_289, bob, "=") == [501, 501, 500, 535, 235]
        assert answers(ALICE, b64encode(ALICE.encode()).decode()) == [235]
        assert answers("stranger@example.test", "=") == [535]
        assert answers("", "=") == [504]
        with session(ALICE) as client:
            assert client.docmd("AUTH EXTERNAL")[0] == 334
            assert client.docmd("*")[0] == 501
            assert client.noop()[0] == 250
        assert "Traceback" not in server.log
    finally:
        server.destroy()


def test_revoked_certificates(tmp_path: Path) -> None:
    """A new revocation list is used by both workers without a restart: the lost certificate opens nothing, open sessions go on."""
    house = make_login_server(tmp_path / "server")
    server, authority = house.server, house.authority
    revoked = server.directory / "revoked.pem"
    revoked.write_bytes(authority.revoked())
    server.stop()
    text = server.file.read_text().replace("[tls]\n", f'[tls]\nclient_revoked = "{revoked}"\n')
    server.file.write_text(text.replace("workers = 1", "workers = 2"))
    shown = house.certificate()
    serial = serial_number(shown.certificate)
    with server:

        def enters() -> bool:
            context = server.tls_context()
            context.load_cert_chain(shown.certificate, shown.key)
            with smtplib.SMTP_SSL(
                server.host, server.ports["submissions"], context=context, timeout=PATIENCE
            ) as client:
                client.ehlo()
                return client.docmd("AUTH EXTERNAL", "=")[0] == 235

        context = server.tls_context()
        context.load_cert_chain(shown.certificate, shown.key)
        with smtplib.SMTP_SSL(server.host, server.ports["submissions"], context=context, timeout=PATIENCE) as kept:
            kept.ehlo()
            assert kept.docmd("AUTH EXTERNAL", "=")[0] == 235
            assert all(enters() for _ in range(6))
            revoked.write_bytes(authority.revoked(serial))
            server.kill("main", signal.SIGHUP)
            wait_for(lambda: not any(enters() for _ in range(6)), "both workers know of the loss")
            assert kept.noop()[0] == 250


def serial_number(certificate: Path) -> int:
    """The serial number of a certificate."""
    return x509.load_pem_x509_certificate(certificate.read_bytes()).serial_number
