"""Ways to start, and what is said when it cannot be."""

import os
import signal
import smtplib
import socket
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
from cryptography import x509
from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse

from mailsvc.app.binding import bind_tcp
from mailsvc.app.config import load
from mailsvc.app.service import makeService
from mailsvc.net.certificates import self_signed
from mailsvc.store.connect import OwnerLink
from mailsvc.store.layout import Layout
from mailsvc.testing.harness import PATIENCE, TWISTD, RunningServer, free_ports, wait_for

from .clients import ALICE, send

TAC = Path(__file__).parents[2] / "etc" / "mailsvc.tac"

GUEST = "guest@example.test"
"""Somebody whose password is kept elsewhere."""


def twistd(*arguments: str) -> tuple[int, str]:
    """Exit code and all output of a twistd that ends by itself."""
    done = subprocess.run([*TWISTD, *arguments], capture_output=True, text=True, timeout=PATIENCE, check=False)
    return done.returncode, done.stdout + done.stderr


class TestFaults:
    def test_configuration(self, tmp_path: Path) -> None:
        """Every fault of the configuration is printed with file and line, no traceback, exit code 1."""
        file = tmp_path / "mailsvc.toml"
        file.write_text('workers = "many"\nhosntame = "mail.example.test"\n')
        code, output = twistd("-n", "--pidfile=", "mailsvc", "-c", str(file))
        assert code == 1
        assert "Traceback" not in output
        assert all(word in output for word in ("mailsvc.toml:1", "workers", "mailsvc.toml:2", "hosntame"))

    def test_no_configuration(self, tmp_path: Path) -> None:
        """A file that is not there is named."""
        code, output = twistd("-n", "--pidfile=", "mailsvc", "-c", str(tmp_path / "nowhere.toml"))
        assert code == 1
        assert "nowhere.toml" in output
        assert "Traceback" not in output

    @pytest.mark.parametrize("workers", [1, 2])
    @pytest.mark.parametrize("name", ["pop3", "monitor"])
    def test_port_taken(self, directory: Path, workers: int, name: str) -> None:
        """A port that somebody has is named with its listener, no traceback, exit code 1; nothing was started."""
        server = RunningServer(directory, workers=workers)
        with bind_tcp(server.host, server.ports[name]):
            code, output = twistd("-n", "--pidfile=", "mailsvc", "-c", str(server.file))
        assert code == 1
        assert f"{name}@127.0.0.1:{server.ports[name]}: Address already in use" in output
        assert "Traceback" not in output
        assert not (directory / "store").exists()

    def test_certificate(self, directory: Path) -> None:
        """A key that does not fit the certificate is found before anything starts."""
        server = RunningServer(directory)
        (directory / "key.pem").write_bytes(self_signed(["other.example.test"], datetime.now(UTC))[1])
        code, output = twistd("-n", "--pidfile=", "mailsvc", "-c", str(server.file))
        assert code == 1
        assert "key.pem do not make a usable certificate" in output
        assert "Traceback" not in output

    def test_unknown_checker(self, directory: Path) -> None:
        """An unknown kind of --auth is refused by name."""
        code, output = twistd("-n", "--pidfile=", "mailsvc", "--auth", "oracle:delphi")
        assert code == 1
        assert "oracle" in output
        assert "Traceback" not in output

    def test_checker_objects_and_workers(self, directory: Path) -> None:
        """Checker objects cannot be sent to other processes; the message says what to do instead."""
        server = RunningServer(directory, workers=2)
        with pytest.raises(ValueError, match=r"\[auth\] sources"):
            makeService(load(server.file), [InMemoryUsernamePasswordDatabaseDontUse()])


def logs_in(server: RunningServer, name: str, password: str) -> bool:
    """Whether submission lets somebody in."""
    with smtplib.SMTP_SSL(
        server.host, server.ports["submissions"], timeout=PATIENCE, context=server.tls_context()
    ) as smtp:
        try:
            smtp.login(name, password)
        except smtplib.SMTPAuthenticationError:
            return False
        return True


@pytest.mark.parametrize("workers", [1, 2])
def test_auth_option(directory: Path, workers: int) -> None:
    """``--auth`` adds a source of passwords behind those of the configuration, in every worker; accounts stay our own.

    Who has a password of our own has no other one.
    """
    people = f"{GUEST}:second:eve@example.test:third:{ALICE}:fourth"
    with RunningServer(directory, workers=workers, arguments=["--auth", f"memory:{people}"]) as server:
        server.command("user", "add", GUEST, "--no-password")
        for _ in range(4):
            assert logs_in(server, ALICE, server.accounts[ALICE])
            assert logs_in(server, GUEST, "second")
            assert not logs_in(server, GUEST, "third")
            assert not logs_in(server, "eve@example.test", "third")
            assert not logs_in(server, ALICE, "fourth")
        assert f"'{ALICE}' has a password in two sources" in server.log
        assert not any(secret in server.log for secret in ("second", "third", "fourth"))


def test_tac(directory: Path) -> None:
    """The tac file of the distribution serves, with its own source of passwords, logs as the configuration says, and stops cleanly."""
    server = RunningServer(
        directory,
        twistd=["-n", "--pidfile=", "-y", str(TAC)],
        environment={"MAILSVC_CONFIG": str(directory / "mailsvc.toml")},
    )
    with server:
        server.command("user", "add", GUEST, "--no-password")
        assert logs_in(server, GUEST, "change this")
        assert " info app: serving " in server.log
        server.stop()
        assert "Traceback" not in server.log


def shown_certificate(server: RunningServer) -> str:
    """The name in the certificate that a client sees now."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection((server.host, server.ports["pop3s"]), timeout=PATIENCE) as plain,
        context.wrap_socket(plain) as tls,
    ):
        certificate = x509.load_der_x509_certificate(tls.getpeercert(binary_form=True) or b"")
    return str(certificate.subject.rdns[0].rfc4514_string())


@pytest.mark.parametrize("workers", [1, 2])
def test_renewed_certificate(directory: Path, workers: int) -> None:
    """After SIGHUP every process shows the renewed certificate; a pair that does not fit changes nothing; sessions go on."""
    with RunningServer(directory, workers=workers) as server, server.connect("smtp") as session:
        session.recv(1000)
        certificate, key = self_signed(["renewed.example.test"], datetime.now(UTC))
        server.certificate.write_bytes(certificate)
        os.kill(server.pid, signal.SIGHUP)
        wait_for(lambda: "the old certificates stay in use" in server.log, "the half-renewed pair is refused")
        assert {shown_certificate(server) for _ in range(10)} == {"CN=mail.example.test"}
        (directory / "key.pem").write_bytes(key)
        os.kill(server.pid, signal.SIGHUP)
        wait_for(lambda: shown_certificate(server) == "CN=renewed.example.test", "the renewed certificate")
        wait_for(
            lambda: {shown_certificate(server) for _ in range(10)} == {"CN=renewed.example.test"}, "in all workers"
        )
        session.sendall(b"NOOP\r\n")
        assert session.recv(1000).startswith(b"250 ")


@pytest.mark.skipif(not Path("/proc/net/if_inet6").exists(), reason="this machine has no IPv6")
@pytest.mark.parametrize("workers", [1, 2])
def test_dual_stack_and_unix_socket(directory: Path, workers: int) -> None:
    """A listener on ``::`` serves IPv4 and IPv6; one on a socket file serves both workers' clients, and the file goes at the end."""
    (port,) = free_ports(1)
    path = directory / "lmtp.sock"
    listeners = (
        f'[[listener]]\nprotocol = "smtp"\naddress = "::"\nport = {port}\n'
        f'[[listener]]\nprotocol = "lmtp"\naddress = "unix:{path}"\ntls = "none"\n'
    )
    with RunningServer(directory, workers=workers, config=listeners) as server:
        for host in ("127.0.0.1", "::1"):
            with smtplib.SMTP(host, port, timeout=PATIENCE) as smtp:
                smtp.sendmail("a@elsewhere.test", [ALICE], f"Subject: {host}\r\n\r\n")
        for _ in range(6):
            with smtplib.LMTP(str(path)) as lmtp:
                lmtp.sendmail("a@elsewhere.test", [ALICE], "Subject: by socket\r\n\r\n")
        server.stop()
        assert not path.exists()


@pytest.mark.parametrize("workers", [1, 2])
def test_log_level_while_running(directory: Path, workers: int) -> None:
    """The dialogue of a protocol can be switched on in all processes at once, and off again."""
    with RunningServer(directory, workers=workers) as server:

        def dialogue_logged(level: str) -> bool:
            with OwnerLink(Layout(str(directory / "store"))) as owner:
                owner.announce("log-level", ["smtp", level])
            before = server.log.count(" debug smtp: ")
            for _ in range(10):
                send(server, level)
            return server.log.count(" debug smtp: ") > before

        wait_for(lambda: dialogue_logged("debug"), "the dialogue is logged")
        wait_for(lambda: not dialogue_logged("info"), "the dialogue is not logged any more")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can enter. Pytest's are private, and whoever starts it closes the one above them again."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize(("workers", "option"), [(1, False), (2, False), (2, True)])
def test_privileges(open_folder: Path, workers: int, option: bool) -> None:
    """Started as root with a key that only root can read, every process serves as the configured user, with a port below 1024.

    ``user`` in the configuration and ``twistd --uid`` do the same.
    """
    directory = open_folder / "server"
    log = open_folder / "log" / "mailsvc.log"
    python, path = python_of_nobody()
    server = RunningServer(
        directory,
        workers=workers,
        top="" if option else 'user = "nobody"',
        config=f'[log]\nfile = "{log}"',
        python=python,
        environment={"PYTHONPATH": path},
        twistd=["-n", "--pidfile=", "--uid=nobody", "mailsvc", "-c", str(directory / "mailsvc.toml")] if option else (),
    )
    low = next(port for port in range(600, 1023) if _free(port))
    server.file.write_text(server.file.read_text().replace(f"port = {server.ports['smtp']}\n", f"port = {low}\n"))
    server.ports["smtp"] = low
    (directory / "store").mkdir(mode=0o700)
    nobody = 65534
    os.chown(directory / "store", nobody, nobody)
    with server:
        for pid in server.processes().values():
            status = Path(f"/proc/{pid}/status").read_text()
            ids = {
                line.split(":")[0]: set(line.split()[1:]) for line in status.splitlines() if line[:3] in ("Uid", "Gid")
            }
            assert ids == {"Uid": {str(nobody)}, "Gid": {str(nobody)}}
            groups = next(line.split()[1:] for line in status.splitlines() if line.startswith("Groups:"))
            assert "0" not in groups
        send(server, "privileged")
        for victim in [pid for name, pid in server.processes().items() if name != "main"]:
            server.kill(victim)
        wait_for(lambda: server.answers() and len(server.processes()) == (2 if workers == 1 else 4), "service again")
        assert option or log.stat().st_uid == nobody
        server.stop()


@cache
def python_of_nobody() -> tuple[str, str]:
    """A Python that everybody may run, and the search path with which it finds us. (One below root's home is root's alone.)"""
    path = os.pathsep.join(os.path.abspath(entry) for entry in sys.path if "site-packages" in entry or not entry)
    path = os.pathsep.join([os.getcwd(), path])
    for python in (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}"):
        trial = [python, "-c", "import mailsvc.app.service, mailsvc.store.owner"]
        try:
            subprocess.run(trial, user="nobody", env={"PYTHONPATH": path}, check=True, capture_output=True, cwd="/")
        except (OSError, subprocess.CalledProcessError):
            continue
        return python, path
    pytest.skip("no Python here that another user may run")


def _free(port: int) -> bool:
    try:
        bind_tcp("127.0.0.1", port).close()
    except OSError:
        return False
    return True
