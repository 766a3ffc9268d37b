"""``mailsvc check``: what it finds, and its exit code."""

import datetime
import json
import os
import pwd
import shutil
import socket
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import apsw
import attrs
import pytest

from mailsvc.app.checkup import Finding, Grade, examine
from mailsvc.app.config import Config, load
from mailsvc.app.initial import Initial, create
from mailsvc.app.options import DomainOptions
from mailsvc.auth.keyring import Key, KeyFile, KeyRing
from mailsvc.net.certificates import self_signed, write_pair
from mailsvc.testing.harness import PATIENCE, free_offset
from mailsvc.texts import Texts
from tests.net.authority import Authority

from .conftest import Run

NOW = datetime.datetime.now(datetime.UTC)
"""Real, for `mailsvc init` and the verification of certificates have no other clock."""


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """The configuration of a new server on ports that nobody uses."""
    return load(create(tmp_path, Initial(domain="example.test", port_offset=free_offset()), NOW))


def bad(findings: Iterable[Finding]) -> list[tuple[str, str]]:
    """What is not in order, but for the remark that the certificate is self-signed."""
    return [
        (finding.subject, finding.text.key)
        for finding in findings
        if finding.grade is not Grade.OK and finding.text.key != "check.self-signed"
    ]


def test_new_server_is_in_order(config: Config) -> None:
    """Nothing is wrong with what init made; that nobody has signed the certificate is said."""
    findings = list(examine(config, NOW))
    assert bad(findings) == []
    assert [finding.grade for finding in findings if finding.text.key == "check.self-signed"] == [Grade.LOOK]
    assert len([finding for finding in findings if finding.text.key == "check.port-free"]) == 8


@pytest.mark.parametrize(
    ("days", "found"),
    [
        (-2, "check.not-yet"),
        (0, None),
        (800, "check.ends-soon"),
        (900, "check.expired"),
    ],
)
def test_validity_of_the_certificate(config: Config, days: int, found: str | None) -> None:
    """A certificate that is not valid yet, any more, or not for long is reported."""
    expected = [("tls.certificate", found)] if found else []
    assert bad(examine(config, NOW + datetime.timedelta(days=days))) == expected


def replace_pair(folder: Path, name: str, which: tuple[str, ...] = ("certificate.pem", "key.pem")) -> None:
    """Put another certificate, or half of one, in the place of the first."""
    pair = self_signed([name], NOW)
    write_pair(folder / "new-certificate.pem", folder / "new-key.pem", pair)
    for file in which:
        (folder / f"new-{file}").replace(folder / file)


def test_certificate_for_somebody_else(config: Config, tmp_path: Path) -> None:
    """A certificate without our host name is reported with the names it has."""
    replace_pair(tmp_path, "other.test")
    assert bad(examine(config, NOW)) == [("tls.certificate", "check.names")]


def test_key_of_another_certificate(config: Config, tmp_path: Path) -> None:
    """A key that does not fit is found before a client meets it."""
    replace_pair(tmp_path, "mail.example.test", ("key.pem",))
    assert bad(examine(config, NOW)) == [("tls.certificate", "check.pair")]


def test_key_that_others_can_read(config: Config, tmp_path: Path) -> None:
    """The private key must be private."""
    (tmp_path / "key.pem").chmod(0o640)
    assert bad(examine(config, NOW)) == [("tls.key", "check.key-mode")]


ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


@pytest.fixture
def services(config: Config) -> Iterator[Config]:
    """The same server, to be started by root and run by nobody, in a directory that others can enter (pytest's own are closed)."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        assert config.tls.key is not None
        key = Path(shutil.copy2(config.tls.key, folder))
        yield attrs.evolve(
            config,
            user="nobody",
            tls=attrs.evolve(config.tls, key=key),
            log=attrs.evolve(config.log, file=folder / "log" / "mailsvc.log"),
            store=attrs.evolve(config.store, path=folder / "none" / "store"),
        )


def about(config: Config, subject: str) -> list[str]:
    """What is not in order with one thing."""
    return [key for where, key in bad(examine(config, NOW)) if where == subject]


@ROOT_ONLY
def test_key_that_the_service_cannot_read_again(services: Config) -> None:
    """A key that only root can read is good for the start, but not for a renewed certificate; its own user's or group's is good."""
    nobody, key = pwd.getpwnam("nobody"), services.tls.key
    assert key is not None
    assert about(services, "tls.key") == ["check.key-unreadable"]
    os.chown(key, nobody.pw_uid, 0)
    assert about(services, "tls.key") == []
    os.chown(key, 0, nobody.pw_gid)
    key.chmod(0o640)
    assert about(services, "tls.key") == []
    key.chmod(0o644)
    assert about(services, "tls.key") == ["check.key-mode"]


@ROOT_ONLY
def test_log_that_cannot_be_rotated(services: Config) -> None:
    """A log in a directory where the service's user may not write, or that root is going to make, grows for ever: that is said."""
    nobody, file = pwd.getpwnam("nobody"), services.log.file
    assert file is not None
    assert about(services, "log.file") == ["check.log-folder"]
    file.parent.mkdir()
    assert about(services, "log.file") == ["check.log-folder"]
    os.chown(file.parent, nobody.pw_uid, nobody.pw_gid)
    assert about(services, "log.file") == []
    os.chown(file.parent, 0, 0)
    assert about(attrs.evolve(services, log=attrs.evolve(services.log, rotate_size=0)), "log.file") == []


def test_alias_that_leads_to_nobody(house: Run, tmp_path: Path) -> None:
    """An alias whose local target does not exist, or not any more, is named; what leads elsewhere is not our business."""
    house("user", "add", "alice@example.test", "--password-stdin", stdin="long enough a secret\n")
    house("alias", "add", "staff@example.test", "alice@example.test", "friend@example.com")
    config = load(tmp_path / "mailsvc.toml")
    assert bad(examine(config, NOW)) == []
    house("user", "remove", "alice@example.test", "--yes")
    findings = [one for one in examine(config, NOW) if one.subject == "alias"]
    assert [(one.grade, one.text.key) for one in findings] == [(Grade.LOOK, "check.alias-target")]
    assert "staff@example.test leads to alice@example.test" in Texts("en").tell(findings[0].text)


def test_domain_that_is_part_of_another(house: Run, tmp_path: Path) -> None:
    """A host alias of the configuration that is a domain of its own in the store is named."""
    house("domain", "add", "other.test")
    path = tmp_path / "mailsvc.toml"
    text = path.read_text().replace('name = "example.test"', 'name = "example.test"\naliases = ["Other.test"]')
    path.write_text(text)
    found = list(examine(load(path), NOW))
    assert bad(found) == [("domain", "check.domain-taken")]
    assert any("Other.test belongs to other.test" in Texts("en").tell(each.text) for each in found)


def test_login_domain_in_other_letters(house: Run, tmp_path: Path) -> None:
    """The domain of bare logins may be written in capitals."""
    path = tmp_path / "mailsvc.toml"
    path.write_text(path.read_text() + 'domain = "EXAMPLE.test"\n')
    assert bad(examine(load(path), NOW)) == []


def test_store_that_is_broken(config: Config) -> None:
    """A store that cannot be opened is named with the reason."""
    config.store.path.mkdir()
    (config.store.path / "mail.db").write_bytes(b"no database at all" * 1000)
    assert bad(examine(config, NOW)) == [("store.path", "check.store")]


@ROOT_ONLY
def test_store_that_is_somebody_elses(config: Config) -> None:
    """A store that root made cannot be used by the service's own user: how to hand it over is said, and then all is well."""
    nobody = pwd.getpwnam("nobody")
    with tempfile.TemporaryDirectory() as name:  # pytest's own directories are closed to other users
        Path(name).chmod(0o755)
        store = attrs.evolve(config.store, path=Path(name, "store"))
        ours = attrs.evolve(config, store=store)
        assert bad(examine(ours, NOW)) == []
        theirs = attrs.evolve(ours, user="nobody")
        assert about(theirs, "store.path") == ["check.store-owner"]
        for path in [store.path, *store.path.rglob("*")]:
            os.chown(path, nobody.pw_uid, nobody.pw_gid)
        assert about(theirs, "store.path") == []
        assert {path.stat().st_uid for path in store.path.rglob("*")} == {nobody.pw_uid}


def test_store_that_is_damaged(house: Run, tmp_path: Path) -> None:
    """Damage that is found without reading any message is found by check already."""
    db = apsw.Connection(str(tmp_path / "store/mail.db"))
    db.execute("DELETE FROM account")
    db.close()
    assert "example.test); see `mailsvc store verify`" in house("check", code=1).stdout


def test_disk_that_is_full(config: Config, tmp_path: Path) -> None:
    """Less free space than the mark is reported."""
    path = tmp_path / "mailsvc.toml"
    path.write_text(path.read_text().replace('#low_disk = "200 MB"', 'low_disk = "1000000 GB"'))
    assert bad(examine(load(path), NOW)) == [("store.path", "check.low-disk")]


def test_passwords_in_clear_text(tmp_path: Path) -> None:
    """Networks beyond this machine that may log in without TLS deserve a look."""
    text = create(tmp_path, Initial(domain="example.test", port_offset=free_offset()), NOW)
    text.write_text(
        text.read_text().replace('#cleartext = ["192.0.2.0/24"]', 'cleartext = ["127.0.0.1", "192.0.2.0/24"]')
    )
    found = [finding for finding in examine(load(text), NOW) if finding.text.key == "check.cleartext"]
    assert [(one.subject, one.grade) for one in found] == [(f"smtp@127.0.0.1:{free_offset() + 25}", Grade.LOOK)]
    assert Texts().tell(found[0].text) == "passwords may cross the network in clear text from 192.0.2.0/24"


def test_login_domain_that_is_not_ours(tmp_path: Path) -> None:
    """A listener whose bare logins belong to nobody is reported."""
    text = create(tmp_path, Initial(domain="example.test", port_offset=free_offset()), NOW)
    text.write_text(text.read_text().replace('#domain = "example.test"', 'domain = "other.test"'))
    assert bad(examine(load(text), NOW)) == [(f"smtp@127.0.0.1:{free_offset() + 25}", "check.login-domain")]


@pytest.mark.parametrize(
    ("greeting", "found"), [(b"220 mail.example.test ESMTP\r\n", []), (b"220 other\r\n", ["check.port-taken"])]
)
def test_port_in_use(config: Config, greeting: bytes, found: list[str]) -> None:
    """A port is fine if it is we who answer there, and reported if it is another program."""
    with socket.create_server(("127.0.0.1", free_offset() + 25)) as server, ThreadPoolExecutor() as pool:
        answered = pool.submit(answer_once, server, greeting)
        findings = bad(examine(config, NOW))
        answered.result()
    assert [key for _, key in findings] == found


def answer_once(server: socket.socket, greeting: bytes) -> None:
    """Greet one client."""
    server.settimeout(PATIENCE)
    line, _ = server.accept()
    with line:
        line.sendall(greeting)


def test_device_keys(config: Config) -> None:
    """The key file of device passwords must be readable for us, and for nobody else; without any there is nothing to say."""
    KeyFile(config.auth.keys).write(KeyRing([Key.new()]))
    assert bad(examine(config, NOW)) == []
    config.auth.keys.chmod(0o640)
    assert bad(examine(config, NOW)) == [("auth.keys", "check.key-mode")]
    config.auth.keys.write_text("rubbish")
    assert bad(examine(config, NOW)) == [("auth.keys", "check.device-keys")]


def test_command(house: Run, tmp_path: Path) -> None:
    """The command prints a line per finding, JSON on request, and fails exactly if something is bad."""
    lines = house("check").stdout.splitlines()
    assert {line.split("\t")[0] for line in lines} == {"good", "look"}
    (tmp_path / "key.pem").chmod(0o644)
    grades = [one["grade"] for one in json.loads(house("check", "--json", code=1).stdout)]
    assert grades.count("bad") == 1


def test_further_certificates(config: Config, tmp_path: Path) -> None:
    """A domain's own certificate is looked at like the first one."""
    paths = tmp_path / "own.pem", tmp_path / "own.key"
    write_pair(*paths, self_signed(["mail.own.test"], NOW - datetime.timedelta(days=810)))
    config = attrs.evolve(
        config, domain=(*config.domains, DomainOptions(name="own.test", certificate=paths[0], key=paths[1]))
    )
    assert bad(examine(config, NOW)) == [("domain own.test", "check.ends-soon")]
    paths[0].write_text("nonsense")
    assert bad(examine(config, NOW)) == [("domain own.test", "check.pair")]


def test_revocation_lists(config: Config, tmp_path: Path) -> None:
    """A revocation list that ran out, or that is none, is told of before it keeps people out."""
    authority = Authority("Example CA", NOW)
    paths = tmp_path / "ca.pem", tmp_path / "crl.pem"
    paths[0].write_bytes(authority.pem)
    paths[1].write_bytes(authority.revoked(1))
    tls = attrs.evolve(config.tls, client_authorities=paths[0], client_revoked=paths[1])
    config = attrs.evolve(config, tls=tls)
    assert bad(examine(config, NOW)) == []
    assert bad(examine(config, NOW + datetime.timedelta(days=31))) == [("tls.client_revoked", "check.revoked-old")]
    paths[1].write_text("nonsense")
    assert bad(examine(config, NOW)) == [("tls.client_authorities", "check.clients")]


def test_a_password_here_and_in_a_file(run: Run, config: Config, tmp_path: Path) -> None:
    """A name with a password of our own and one in a file is named; who has only one of them is not."""
    (tmp_path / "passwd").write_text("hanako:x\ntaro@example.test:x\nstranger:x\n")
    for name, given in (("hanako", ["--password-stdin"]), ("taro", ["--no-password"]), ("jiro", ["--password-stdin"])):
        run("-c", str(config.file), "user", "add", f"{name}@example.test", *given, stdin="a long secret 1\n")
    source = f"passwd:{tmp_path}/passwd"
    auth = attrs.evolve(config.auth, sources=("own", source))
    twice = [one for one in examine(attrs.evolve(config, auth=auth), NOW) if one.text.key == "check.two-passwords"]
    assert [(one.subject, one.grade, one.text.facts) for one in twice] == [
        ("auth.sources", Grade.BAD, {"source": source, "names": "hanako"})
    ]
