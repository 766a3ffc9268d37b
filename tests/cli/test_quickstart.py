"""``mailsvc quickstart`` as a person meets it: start, paste, stop, start again."""

import datetime
import json
import os
import poplib
import re
import shlex
import shutil
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from pathlib import Path

import pytest
from click.testing import CliRunner

from mailsvc.app.config import load
from mailsvc.app.initial import CannotCreate, Initial, create
from mailsvc.app.quickstart import initial, pronounceable, remember
from mailsvc.cli.main import cli
from mailsvc.cli.output import plain_console
from mailsvc.testing.harness import PATIENCE
from mailsvc.wire.options import Protocol


@contextmanager
def running(folder: Path, language: str = "C.UTF-8") -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The quick start in ``folder``; yields the process and what it printed until it served."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "LC_ALL": language,
        "PYTHONIOENCODING": "utf-8",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "mailsvc.cli", "quickstart", str(folder)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
        encoding="utf-8",
    )
    assert process.stdout is not None
    try:
        screen = ""
        for line in process.stdout:
            screen += line
            if " serving smtp@" in line:
                break
        else:
            pytest.fail(f"it did not start:\n{screen}")
        yield process, screen
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def stop(process: "subprocess.Popen[str]") -> str:
    """Press Ctrl-C; returns what was printed until it ended."""
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, rest
    return rest


def paste(screen: str, program: str) -> subprocess.CompletedProcess[bytes]:
    """Run the line that begins with this program and has this word."""
    (line,) = re.findall(rf"^  ({program}.*)$", screen, re.MULTILINE)
    return subprocess.run(shlex.split(line), capture_output=True, timeout=PATIENCE)


def table(screen: str) -> list[str]:
    """What is printed without the lines of the log."""
    return [line for line in screen.splitlines() if not re.match(r"\d{4}-\d\d-\d\dT", line)]


@pytest.mark.interop
@pytest.mark.usefixtures("quickstart_ports")
def test_start_send_read_stop_start_again(tmp_path: Path) -> None:
    """The lines on the screen work as they stand; after Ctrl-C and a second start the same table is shown and the mail is there."""
    if shutil.which("curl") is None:
        assert os.environ.get("CI") != "true", "curl is missing"
        pytest.skip("curl is missing")
    with running(tmp_path / "q") as (process, screen):
        assert paste(screen, "curl.* smtp:").returncode == 0
        stop(process)
    with running(tmp_path / "q") as (process, again):
        got = paste(again, "curl.* pop3:")
        rest = stop(process)
    assert table(again) == table(screen)
    assert "Traceback" not in screen + again + rest
    message = message_from_bytes(got.stdout)
    text, attachment = message.get_payload()  # type: ignore[misc]
    assert text.get_payload(decode=True) == "はじめまして。".encode()  # type: ignore[union-attr]
    assert attachment.get_payload(decode=True) == (tmp_path / "q/certificate.pem").read_bytes()  # type: ignore[union-attr]


@pytest.mark.usefixtures("quickstart_ports")
def test_ports_have_four_digits_and_are_shown(tmp_path: Path) -> None:
    """Every port is the standard one plus a multiple of 100 from 8000 on, in the table as in the configuration, in Japanese too."""
    with running(tmp_path / "q", "ja_JP.UTF-8") as (process, screen):
        stop(process)
    config = load(tmp_path / "q/mailsvc.toml")
    ports = [listener.port for listener in config.listeners]
    offset = ports[0] - 25
    assert offset in range(8000, 9001, 100)
    assert ports == [offset + port for port in (25, 587, 465, 24, 110, 995, 143, 993)]
    assert all(f" {port} " in screen for port in ports)
    assert "送信（SMTP、要ログイン）" in screen


def test_port_taken_later(tmp_path: Path) -> None:
    """If another program took a port since, the message names it and the file in which it stands."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        path = create(tmp_path / "q", Initial(domain="example.test"), datetime.datetime.now(datetime.UTC))
        path.write_text(re.sub(r"^port = \d+$", f"port = {port}", path.read_text(), count=1, flags=re.MULTILINE))
        refused = subprocess.run(
            [sys.executable, "-m", "mailsvc.cli", "quickstart", str(tmp_path / "q")],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "LC_ALL": "C.UTF-8"},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
    assert refused.returncode == 1
    assert refused.stdout == ""
    assert re.match(rf"already in use: port .*\b{port}\b", refused.stderr)
    assert f"{tmp_path}/q/mailsvc.toml" in refused.stderr


def test_next_free_ports_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the first start all ports move on together until none is taken; if that is never so, a sentence says what to do."""
    taken = {8110, 8224}
    monkeypatch.setattr("mailsvc.app.quickstart._is_free", lambda address, port: port not in taken)
    assert initial("en").port_offset == 8100
    taken.add(8695)
    assert initial("en").port_offset == 8100
    taken.add(9095)
    assert initial("en").port_offset == 8300
    monkeypatch.setattr("mailsvc.app.quickstart._is_free", lambda address, port: False)
    with pytest.raises(CannotCreate) as caught:
        initial("en")
    assert caught.value.sentence.key == "quickstart.no-ports"


def test_accounts_are_remembered_in_private(tmp_path: Path) -> None:
    """The passwords are in a file that only its owner can read, and are the same the next time."""
    accounts = remember(tmp_path)
    assert [one.address for one in accounts] == ["hanako@example.test", "taro@example.test"]
    assert stat.S_IMODE((tmp_path / "accounts.json").stat().st_mode) == 0o600
    assert remember(tmp_path) == accounts
    assert json.loads((tmp_path / "accounts.json").read_text())[0]["password"] == accounts[0].password
    assert accounts[0].password not in repr(accounts)


def test_passwords_can_be_read_aloud() -> None:
    """Each password is eight random syllables; no two are alike."""
    passwords = {pronounceable() for _ in range(100)}
    assert len(passwords) == 100
    assert all(re.fullmatch(r"([bdfghkmnprstyz][aeiou]){4}-([bdfghkmnprstyz][aeiou]){4}", one) for one in passwords)


@pytest.mark.usefixtures("quickstart_ports")
def test_commands_beside_the_running_server(tmp_path: Path) -> None:
    """While the server runs, accounts are made and can be used at once, the log's level changes, and check knows its ports."""
    with running(tmp_path / "q") as (process, _):
        config = load(tmp_path / "q/mailsvc.toml")
        port = next(one.port for one in config.listeners if one.protocol is Protocol.POP3)

        def mailsvc(*arguments: str, stdin: str = "") -> str:
            result = CliRunner().invoke(cli, ["--lang", "en", "-c", str(config.file), *arguments], input=stdin)
            assert result.exit_code == 0, result.output
            return result.stdout

        mailsvc("user", "add", "new@example.test", "--password-stdin", stdin="s3cret\n")
        mailsvc("log", "level", "pop3", "debug")
        client = poplib.POP3("127.0.0.1", port, timeout=PATIENCE)
        client.user("new@example.test")
        client.pass_("s3cret")
        assert client.stat() == (0, 0)
        client.quit()
        assert mailsvc("check").count("we are listening there") == len(config.listeners)
        mailsvc("store", "verify")
        mailsvc("backup", str(tmp_path / "copy"))
        log = stop(process)
    assert re.search(r" debug pop3.*STAT", log), log
    assert "s3cret" not in log


def test_fingerprint_is_shown_as_it_is() -> None:
    """The terminal makes no picture of ``:AB:`` in a certificate's fingerprint, and nothing of brackets."""
    console = plain_console()
    with console.capture() as shown:
        console.print("FD:AB:B4:CD [bold] x")
    assert shown.get() == "FD:AB:B4:CD [bold] x\n"
