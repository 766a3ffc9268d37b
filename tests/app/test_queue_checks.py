"""What is said about a configuration of the queue that makes no sense, and what ``mailsvc check`` finds about routes."""

import datetime
from pathlib import Path

import attrs
import pytest

from mailsvc.app.checkup import Grade, examine
from mailsvc.app.config import load
from mailsvc.app.initial import Initial, create, values
from mailsvc.app.quickstart import initial
from mailsvc.core.options import ReadableFile
from mailsvc.queue.options import RelayDomainOptions, RouteOptions

from .test_config import MINIMAL, said, write

SMARTHOST = '[[route]]\ndomains = ["*"]\nhosts = ["smart.example:587"]\n'


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("[queue]\nretry_first = 0\n", "retry_first"),
        ("[queue]\nconnections_per_destination = 0\n", "connections_per_destination"),
        ("[queue]\nport = 70000\n", "port"),
        ('[queue]\nsources = ["mail.example.test"]\n', "sources"),
        ('[[domain]]\nname = "b.test"\nsources = ["192.0.2.1", "b.test"]\n', "sources[2]"),
        ('[queue]\ntls = "always"\n', "tls"),
        ('[[route]]\nhosts = ["a"]\n', "domains"),
        ('[[route]]\ndomains = ["*"]\nhosts = ["a:b:c", "[192.0.2.1]"]\n', "hosts"),
        (f'{SMARTHOST}user = "we"\n', "password"),
        (f'{SMARTHOST}password = "mailsvc.toml"\n', "user"),
        (f'{SMARTHOST}user = "we"\npassword = "mailsvc.toml"\ntls = "opportunistic"\n', "tls"),
        ('[[route]]\ndomains = ["*"]\nuser = "we"\npassword = "mailsvc.toml"\n', "user"),
        ('[[route]]\ndomains = ["*"]\nlmtp = true\n', "lmtp"),
        (f'{SMARTHOST}[[route]]\ndomains = ["a.example", "*"]\n', "domains[2]"),
        ('[[relay_domain]]\nname = "no domain"\n', "name"),
    ],
)
def test_mistakes_are_found(tmp_path: Path, text: str, key: str) -> None:
    """Each mistake is said once, at its key."""
    (line,) = said(tmp_path, f"{MINIMAL}{text}")
    assert key in line


def test_what_is_right_is_taken(tmp_path: Path) -> None:
    """A smarthost with a log-in, an inner server by LMTP and MX records for the rest."""
    more = '[[route]]\ndomains = ["inner.example"]\nhosts = ["[2001:db8::1]:24"]\nlmtp = true\n'
    config = load(write(tmp_path, f'{MINIMAL}{SMARTHOST}user = "we"\npassword = "mailsvc.toml"\n{more}'))
    assert [route.hosts for route in config.routes] == [("smart.example:587",), ("[2001:db8::1]:24",)]


def test_check_looks_at_routes(tmp_path: Path) -> None:
    """``mailsvc check`` says which next server has no address, and whose password file others can read."""
    now = datetime.datetime.now(datetime.UTC)
    config = load(create(tmp_path / "new", Initial(domain="example.test", port_offset=31000), now))
    secret = tmp_path / "secret"
    secret.write_text("x")
    secret.chmod(0o644)
    routes = (
        RouteOptions(
            domains=("a",), hosts=("127.0.0.1:25", "no-such-host.invalid"), user="we", password=ReadableFile(secret)
        ),
        RouteOptions(domains=("*",), hold=True),
    )
    found = {
        (finding.text.key, finding.grade)
        for finding in examine(attrs.evolve(config, route=routes), now)
        if finding.subject.startswith("route ")
    }
    assert found == {
        ("check.route-ok", Grade.OK),
        ("check.route-host", Grade.BAD),
        ("check.key-mode", Grade.LOOK),
        ("check.route-hold", Grade.LOOK),
    }


def test_check_reads_passwords(tmp_path: Path) -> None:
    """A password file that is not UTF-8 is found before mail waits for it."""
    now = datetime.datetime.now(datetime.UTC)
    config = load(create(tmp_path / "new", Initial(domain="example.test", port_offset=31000), now))
    secret = tmp_path / "secret"
    secret.write_bytes(b"gr\xfc\xdf\n")
    secret.chmod(0o600)
    smarthost = RouteOptions(domains=("*",), hosts=("127.0.0.1",), user="we", password=ReadableFile(secret))
    found = [
        (finding.text.key, finding.grade)
        for finding in examine(attrs.evolve(config, route=(smarthost,)), now)
        if finding.subject.startswith("route ")
    ]
    assert found == [("check.route-ok", Grade.OK), ("check.route-encoding", Grade.BAD)]


def test_check_warns_of_backscatter(tmp_path: Path) -> None:
    """A relay domain without a list of its recipients is one to look at, one with a list is not."""
    now = datetime.datetime.now(datetime.UTC)
    config = load(create(tmp_path / "new", Initial(domain="example.test", port_offset=31000), now))
    (tmp_path / "list").write_text("bob\n")
    domains = (
        RelayDomainOptions(name="known.test", recipients=ReadableFile(tmp_path / "list")),
        RelayDomainOptions(name="any.test"),
    )
    found = [
        (finding.subject, finding.grade, finding.text.key)
        for finding in examine(attrs.evolve(config, relay_domain=domains), now)
        if finding.subject.startswith("relay_domain")
    ]
    assert found == [("relay_domain any.test", Grade.LOOK, "check.relay-anybody")]


def test_quick_start_lets_nothing_out() -> None:
    """The configuration of a quick start holds what is for other servers; that of a real server does not."""
    assert values(initial("en"))["route"] == [{"domains": ["*"], "hold": True}]
    assert "route" not in values(Initial(domain="example.test"))
