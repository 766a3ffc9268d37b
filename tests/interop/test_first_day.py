"""The first day of somebody who has just installed this, with nothing but what is on the screen: start, send, read, stop, start again."""

import os
import poplib
import re
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from pathlib import Path

import pytest

from mailsvc.testing.harness import PATIENCE, TWISTD, wait_for
from tests.cli.test_quickstart import paste, running, stop

pytestmark = [pytest.mark.interop, pytest.mark.need("curl"), pytest.mark.usefixtures("quickstart_ports")]


def passwords(screen: str) -> dict[str, str]:
    """Address -> password, from the table of accounts."""
    return dict(re.findall(r"^ +(\S+@\S+) +(\S+) *$", screen, re.MULTILINE))


def port(screen: str, service: str, security: str) -> int:
    """The port of a service, from the table of settings."""
    (number,) = re.findall(rf"^ +{service}.* localhost +(\d+) +{security} *$", screen, re.MULTILINE)
    return int(number)


def read(screen: str, folder: Path) -> bytes:
    """Taro's only letter, read by POP3 with STLS, with the certificate that lies in the folder."""
    session = poplib.POP3("localhost", port(screen, r"Reading \(POP3\)", "STARTTLS"), timeout=PATIENCE)
    session.stls(ssl.create_default_context(cafile=str(folder / "certificate.pem")))
    session.user("taro@example.test")
    session.pass_(passwords(screen)["taro@example.test"])
    assert session.stat()[0] == 1
    letter = b"\r\n".join(session.retr(1)[1])
    session.quit()
    return letter


@contextmanager
def twistd(folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """``twistd -n mailsvc -c FILE``, started in another folder."""
    elsewhere = folder.parent / "elsewhere"
    elsewhere.mkdir()
    process = subprocess.Popen(
        [*TWISTD, "-n", "mailsvc", "-c", str(folder / "mailsvc.toml")],
        cwd=elsewhere,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def test_first_day(tmp_path: Path) -> None:
    """A Japanese letter with an attachment, sent as the screen says, is read by POP3 and IMAP; after Ctrl-C, twistd has it still."""
    folder = tmp_path / "mail"
    with running(folder) as (process, screen):
        sent = paste(screen, "curl.* smtp:")
        assert sent.returncode == 0, sent.stderr
        letter = read(screen, folder)
        stop(process)
    text, attachment = message_from_bytes(letter).get_payload()  # type: ignore[misc]
    assert text.get_payload(decode=True) == "はじめまして。".encode()  # type: ignore[union-attr]
    assert attachment.get_payload(decode=True) == (folder / "certificate.pem").read_bytes()  # type: ignore[union-attr]

    def answers() -> bool:
        try:
            poplib.POP3("localhost", port(screen, r"Reading \(POP3\)", "STARTTLS"), timeout=PATIENCE).quit()
        except OSError:
            assert server.poll() is None, "it has ended"
            return False
        return True

    with twistd(folder) as server:
        wait_for(answers, "twistd's server answers")
        assert read(screen, folder) == letter
        assert paste(screen, "curl.* pop3:").stdout == letter + b"\r\n"
        assert paste(screen, "curl.*imap:").stdout == letter + b"\r\n"
        server.send_signal(signal.SIGINT)
        assert server.wait(PATIENCE) == -signal.SIGINT  # twistd ends by the signal it was sent
