"""Self-signed certificates: what clients check about them, and what people read about them."""

import datetime
import hashlib
import ssl
import stat
from pathlib import Path

import idna
import pytest

from mailsvc.net.certificates import LOOPBACK_NAMES, Facts, self_signed, write_pair

NOW = datetime.datetime.now(datetime.UTC)


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate and its key in two files."""
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    write_pair(certificate, key, self_signed(["mail.example.test", "例え.test", *LOOPBACK_NAMES], NOW))
    return certificate, key


def handshake(certificate: Path, key: Path, name: str) -> str | None:
    """Connect a verifying client that trusts just this certificate, in memory; returns the TLS version."""
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(certificate, key)
    client_context = ssl.create_default_context(cafile=str(certificate))
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    client = client_context.wrap_bio(to_client, to_server, server_hostname=name)
    pending = [client, server]
    for _ in range(10):
        for end in list(pending):
            try:
                end.do_handshake()
                pending.remove(end)
            except ssl.SSLWantReadError:
                pass
    return client.version()


@pytest.mark.parametrize("name", ["mail.example.test", "xn--r8jz45g.test", "localhost", "127.0.0.1", "::1"])
def test_clients_accept_every_name(pair: tuple[Path, Path], name: str) -> None:
    """A client that trusts the certificate is content with each of the names."""
    assert handshake(*pair, name) == "TLSv1.3"


def test_clients_refuse_other_names(pair: tuple[Path, Path]) -> None:
    """A client that asked for somebody else is told so."""
    with pytest.raises(ssl.SSLCertVerificationError, match=r"other\.test"):
        handshake(*pair, "other.test")


def test_key_is_private(pair: tuple[Path, Path]) -> None:
    """Nobody but its owner can read the key; everybody may read the certificate."""
    certificate, key = pair
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE(certificate.stat().st_mode) & 0o400


def test_nothing_is_overwritten(pair: tuple[Path, Path]) -> None:
    """A certificate in use is never replaced by accident."""
    before = pair[0].read_bytes()
    with pytest.raises(FileExistsError):
        write_pair(*pair, self_signed(["x.test"], NOW))
    assert pair[0].read_bytes() == before


def test_facts(pair: tuple[Path, Path]) -> None:
    """Names, validity and fingerprint are what the standard library sees in the same file."""
    facts = Facts.read(pair[0])
    assert facts.names == ("mail.example.test", "xn--r8jz45g.test", "localhost", "127.0.0.1", "::1")
    assert facts.begins < NOW < facts.ends
    assert (facts.ends - facts.begins).days == 825
    assert facts.self_signed
    der = ssl.PEM_cert_to_DER_cert(pair[0].read_text())
    assert facts.fingerprint.replace(":", "").lower() == hashlib.sha256(der).hexdigest()


def test_names_match_as_clients_match_them() -> None:
    """A wildcard stands for one label; an address only for itself (RFC 9525 6.3)."""
    facts = Facts(("*.example.test", "192.0.2.1"), NOW, NOW, "", True)
    assert facts.good_for("mail.example.test")
    assert facts.good_for("MAIL.example.test")
    assert facts.good_for("192.0.2.1")
    assert not facts.good_for("a.b.example.test")
    assert not facts.good_for("example.test")
    assert not facts.good_for("192.0.2.2")


def test_impossible_name_is_refused() -> None:
    """A name that no client could ask for makes no certificate."""
    with pytest.raises(idna.IDNAError):
        self_signed(["exa mple"], NOW)


def test_long_host_name_fits() -> None:
    """A host name longer than the 64 octets of a common name is still in the alternative names."""
    name = ".".join(["a" * 60, "b" * 60, "test"])
    certificate, _key = self_signed([name], NOW)
    assert ssl.PEM_cert_to_DER_cert(certificate.decode()).count(name.encode()) == 1
