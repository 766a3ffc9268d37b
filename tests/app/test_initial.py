"""The configuration that ``mailsvc init`` writes."""

import datetime
import tomllib
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from mailsvc.app.config import load
from mailsvc.app.initial import LAST_OFFSET, CannotCreate, Initial, create, values
from mailsvc.app.presets import PRESETS
from mailsvc.core.options import Network
from mailsvc.net.certificates import Facts, self_signed, write_pair
from mailsvc.wire.options import BareNewlines, Protocol, TLSMode

NOW = datetime.datetime.now(datetime.UTC)


def ports(config: Any) -> list[tuple[str, int, str]]:
    """Protocol, port and TLS of each listener."""
    return [(one.protocol.value, one.port, one.tls.value) for one in config.listeners]


def test_ports_are_the_standard_ones_plus_the_offset(tmp_path: Path) -> None:
    """``--port-offset 20000`` puts SMTP on 20025 and every other service as far from its own port."""
    config = load(create(tmp_path / "mail", Initial(domain="example.test", port_offset=20000), NOW))
    assert ports(config) == [
        ("smtp", 20025, "starttls"),
        ("submission", 20587, "starttls"),
        ("submission", 20465, "implicit"),
        ("lmtp", 20024, "none"),
        ("pop3", 20110, "starttls"),
        ("pop3", 20995, "implicit"),
        ("imap", 20143, "starttls"),
        ("imap", 20993, "implicit"),
    ]


def test_every_port_exists_at_the_highest_offset(tmp_path: Path) -> None:
    """The highest offset still gives a valid file, one more would not."""
    assert load(create(tmp_path, Initial(domain="example.test", port_offset=LAST_OFFSET), NOW))
    too_far = values(Initial(domain="example.test", port_offset=LAST_OFFSET + 1))
    assert max(one["port"] for one in too_far["listener"]) == 65536


def test_what_is_written_is_what_was_said(tmp_path: Path) -> None:
    """Domain, host name, address, networks and store are as the command said, in the directory it said."""
    networks: tuple[Network, ...] = (ip_network("127.0.0.0/8"), ip_network("::1"))
    initial = Initial(domain="example.test", hostname="mx.example.test", bind="::", cleartext=networks)
    config = load(create(tmp_path, initial, NOW))
    assert config.hostname == "mx.example.test"
    assert [domain.name for domain in config.domains] == ["example.test"]
    addresses = {one.protocol: one.address for one in config.listeners}
    assert addresses == {
        Protocol.SMTP: "::",
        Protocol.SUBMISSION: "::",
        Protocol.LMTP: "127.0.0.1",
        Protocol.POP3: "::",
        Protocol.IMAP: "::",
    }
    with_login = [one for one in config.listeners if one.tls is TLSMode.STARTTLS]
    assert {one.cleartext for one in with_login} == {networks}
    assert {one.cleartext for one in config.listeners if one not in with_login} == {()}


def test_certificate_is_for_every_name(tmp_path: Path) -> None:
    """The certificate covers the host name, the domain, this machine and the address that clients reach."""
    config = load(create(tmp_path, Initial(domain="例え.test", bind="192.0.2.7"), NOW))
    assert config.tls.certificate is not None
    names = Facts.read(config.tls.certificate).names
    assert names == ("mail.xn--r8jz45g.test", "xn--r8jz45g.test", "localhost", "127.0.0.1", "::1", "192.0.2.7")


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("language", ["en", "ja"])
def test_every_preset_loads(tmp_path: Path, preset: str, language: str) -> None:
    """Each preset gives a valid file that says just the values that were meant."""
    initial = Initial(domain="example.test", preset=preset, language=language)
    path = create(tmp_path, initial, NOW)
    assert load(path)
    written = tomllib.loads(path.read_text())
    assert {key: value for key, value in written.items() if value} == values(initial)


def test_presets_differ_as_documented(tmp_path: Path) -> None:
    """Hokkaido limits mail that crosses the border to 10 MB, IMail mends the line ends of old clients; modern does neither."""
    configs = {
        preset: load(create(tmp_path / preset, Initial(domain="example.test", preset=preset), NOW))
        for preset in PRESETS
    }
    sizes = {preset: config.border.message_size for preset, config in configs.items()}
    assert sizes == dict.fromkeys(PRESETS, 0) | {"hokkaido": 10_000_000}
    mending = {
        preset for preset, config in configs.items() if config.listeners[1].bare_newlines is BareNewlines.NORMALISE
    }
    assert mending == {"imail"}


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """A second init in the same directory refuses and changes nothing."""
    path = create(tmp_path, Initial(domain="example.test"), NOW)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    with pytest.raises(CannotCreate) as caught:
        create(tmp_path, Initial(domain="other.test"), NOW)
    assert caught.value.sentence.facts == {"path": path}
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_own_certificate_is_kept(tmp_path: Path) -> None:
    """An administrator who puts a certificate there first keeps it."""
    pair = self_signed(["mail.example.test"], NOW)
    write_pair(tmp_path / "certificate.pem", tmp_path / "key.pem", pair)
    create(tmp_path, Initial(domain="example.test"), NOW)
    assert (tmp_path / "certificate.pem").read_bytes() == pair[0]


def test_certificate_without_its_key_is_refused(tmp_path: Path) -> None:
    """Half a pair is a mistake that is named, not mended."""
    (tmp_path / "key.pem").touch()
    with pytest.raises(CannotCreate) as caught:
        create(tmp_path, Initial(domain="example.test"), NOW)
    assert caught.value.sentence.key == "init.half-a-pair"
    assert not (tmp_path / "mailsvc.toml").exists()
