"""``mailsvc relay``: without a server, on a store of its own."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mailsvc.cli.main import cli

MINIMAL = """\
hostname = "mail.example.test"
[relay]
preset = "kyoto"
networks = ["192.0.2.0/24"]
[store]
path = "store"
[[domain]]
name = "example.test"
[[listener]]
protocol = "smtp"
port = 2525
tls = "none"
[[relay_domain]]
name = "branch.example"
"""

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs ``mailsvc`` with a store in which there is alice."""
    (tmp_path / "mailsvc.toml").write_text(MINIMAL)

    def command(*words: str, lang: str = "en") -> Result:
        return CliRunner().invoke(cli, ["-c", str(tmp_path / "mailsvc.toml"), "--lang", lang, *words])

    assert command("user", "add", "alice@example.test", "--no-password").exit_code == 0
    return command


def test_status(run: Run) -> None:
    """The rules in order, and who may send just now."""
    assert run("relay", "status").output.startswith("smtp-auth\tsmtp-auth\t\tany\t\n")
    run("relay", "grant", "203.0.113.9", "alice@example.test")
    found = json.loads(run("relay", "status", "--json").output)
    assert [rule["name"] for rule in found["rules"]] == ["smtp-auth", "trusted-network", "pop-before-smtp"]
    (grant,) = found["grants"]
    assert (grant["network"], grant["account"], grant["protocol"]) == ("203.0.113.9/32", "alice@example.test", "hand")


def test_grant_and_revoke(run: Run) -> None:
    """Given by hand for as long as is said; taken back by address, account or id."""
    for by in ("203.0.113.9", "alice@example.test", ""):
        grant = run("relay", "grant", "203.0.113.9", "alice@example.test", "--for", "1 h").output.strip()
        assert json.loads(run("relay", "explain", "--ip", "::ffff:203.0.113.9", "--json").output)["allowed"]
        assert "1 permission(s) were taken back" in run("relay", "revoke", by or grant).output
        assert not json.loads(run("relay", "explain", "--ip", "203.0.113.9", "--json").output)["allowed"]


def test_extended(run: Run) -> None:
    """Given again for longer, the same permission is told of twice, and the second time until when it lasts now."""
    first, second = (
        run("relay", "grant", "203.0.113.9", "alice@example.test", "--for", time).output for time in ("1 h", "1 d")
    )
    assert first == second
    recorded = json.loads(run("relay", "explain", "--ip", "203.0.113.9", "--json").output)["recorded"]
    assert len({lasts for _, lasts in recorded}) == len(recorded) == 2


def test_what_cannot_be_granted(run: Run) -> None:
    """Not to an address of many, not on behalf of who may not send, not for nobody."""
    assert "shared by many people" in run("relay", "grant", "100.64.0.1", "alice@example.test").output
    assert run("relay", "grant", "127.0.0.1", "alice@example.test").exit_code == 1
    assert run("relay", "grant", "203.0.113.9", "nobody@example.test").exit_code == 1
    assert run("relay", "grant", "nonsense", "alice@example.test").exit_code == 2
    run("user", "set", "alice@example.test", "--no-send")
    assert "may not send" in run("relay", "grant", "203.0.113.9", "alice@example.test").output


def test_explain(run: Run) -> None:
    """In both languages, for a network, a log-in, an address here, and a time gone by."""
    assert "in a network whose computers" in run("relay", "explain", "--ip", "192.0.2.7").output
    assert "ネットワークの中" in run("relay", "explain", "--ip", "192.0.2.7", lang="ja").output
    assert (
        "has logged in as alice"
        in run("relay", "explain", "--ip", "203.0.113.9", "--account", "alice@example.test").output
    )
    for recipient in ("alice@example.test", "x@Branch.example"):
        assert "no rule is asked" in run("relay", "explain", "--ip", "203.0.113.9", "--to", recipient).output
    run("relay", "grant", "203.0.113.9", "alice@example.test")
    assert "Yes: mail from 203.0.113.9" in run("relay", "explain", "--ip", "203.0.113.9").output
    assert "What was recorded of that address" in run("relay", "explain", "--ip", "203.0.113.9").output
    then = run("relay", "explain", "--ip", "203.0.113.9", "--at", "2001-02-03 04:05").output
    assert then.startswith("No: at 2001-02-03 04:05:59")
    assert run("relay", "explain", "--ip", "203.0.113.9", "--at", "soon").exit_code == 2


def test_received_over_the_other_family(run: Run) -> None:
    """The administrator is told what the refusal may not tell: where the sender's account was seen."""
    run("relay", "grant", "2001:db8::5", "alice@example.test")
    said = run("relay", "explain", "--ip", "203.0.113.9", "--from", "alice@example.test").output
    assert "from 2001:db8::5, which is an IPv6 address" in said
