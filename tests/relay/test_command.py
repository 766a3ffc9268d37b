"""``mailsvc relay test`` and ``mailsvc trace`` beside a running server."""

import json
import smtplib

import pytest
from click.testing import CliRunner, Result

from mailsvc.cli.main import cli
from mailsvc.testing.harness import PATIENCE, RunningServer, wait_for

from .open_server import OpenServer


def run(*arguments: str, code: int = 0) -> Result:
    """The command, which must end with this code."""
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == code, result.output
    return result


def test_closed(server: RunningServer) -> None:
    """This server is not open, from none of two addresses; which is said in the language that was asked for."""
    where = ("--server", server.host, "--port", str(server.ports["smtp"]))
    done = run("relay", "test", *where, "--from-address", "127.0.0.1", "--from-address", "127.0.0.2")
    assert done.stdout == ""
    assert "let none of 1" in done.stderr
    done = run("--lang", "ja", "relay", "test", *where, "--json", "--timeout", "20")
    tried = json.loads(done.stdout)
    assert len(tried) >= 60
    assert not any(one["taken"] for one in tried)
    assert "すべて拒否しました" in done.stderr


def test_open(server: RunningServer) -> None:
    """Of a server that undoes percent hacks it is said by what it was found out."""
    key = server.certificate.with_name("key.pem")
    with OpenServer("percent-hack", server.certificate, key) as careless:
        done = run("relay", "test", "--port", str(careless.port), "--recipient", "taro@example.com", code=1)
    lines = done.stdout.splitlines()
    assert lines[0].startswith("OPEN to 127.0.0.1 (percent-hack): RCPT TO:<taro%example.com@example.test> -> 250")
    assert " is open: " in done.stderr


def test_nobody_there() -> None:
    """Where no server is, it is not said that it was closed."""
    assert "refused" in run("relay", "test", "--port", "1", code=1).stderr.lower()


@pytest.mark.parametrize(("language", "words"), [("en", "no rule is asked"), ("ja", "規則は問われません")])
def test_story_of_a_message(server: RunningServer, language: str, words: str) -> None:
    """A message that was just taken is told of by its Message-ID, its queue id and its addresses; by an IP address too."""
    identity = f"{language}.1@client.example"
    with smtplib.SMTP(server.host, server.ports["smtp"], timeout=PATIENCE) as smtp:
        smtp.sendmail("sender@elsewhere.test", ["alice@example.test"], f"Message-ID: <{identity}>\r\n\r\n")
    told = run("-c", str(server.file), "--lang", language, "trace", f"<{identity}>").stdout
    assert words in told
    queue_id = told.split()[2].rstrip(":")
    story = told.partition(queue_id)[2]  # with milliseconds where something else happened in this second
    for what in (queue_id, "alice@example.test", "127.0.0.1"):
        assert (
            queue_id + story in run("-c", str(server.file), "--lang", language, "trace", what, "--since", "1h").stdout
        )
    (row,) = json.loads(run("-c", str(server.file), "trace", identity, "--json").stdout)
    assert (row["what"], row["queue_id"], row["message_id"]) == ("accepted", queue_id, identity)
    assert run("-c", str(server.file), "trace", identity, "--as", "bob@example.test", code=1).stdout == ""
    assert queue_id in run("-c", str(server.file), "trace", identity, "--as", "alice@example.test").stdout


def test_story_of_a_refusal(server: RunningServer) -> None:
    """Why a stranger's mail was refused is in the ledger a second later."""
    # From an address of its own: so many refusals as the probes make are not all kept.
    with smtplib.SMTP(server.host, server.ports["smtp"], timeout=PATIENCE, source_address=("127.0.0.9", 0)) as smtp:
        smtp.ehlo_or_helo_if_needed()
        smtp.mail("a@x.example")
        assert smtp.rcpt("refused@elsewhere.example")[0] == 550
    arguments = ("-c", str(server.file), "trace", "refused@elsewhere.example")
    wait_for(lambda: CliRunner().invoke(cli, arguments).exit_code == 0, "the row is written")
    told = run(*arguments).stdout
    assert "The recipient is at another server, and no rule lets this client send there:" in told
    assert "The mail program had not logged in" in told


def test_nothing_is_known(server: RunningServer) -> None:
    """What is not in the ledger gives a sentence and a code."""
    assert "nothing is known" in run("-c", str(server.file), "trace", "nobody@nowhere.example", code=1).stderr
