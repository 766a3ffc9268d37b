"""Server TLS: what a client may negotiate, and how a renewed certificate comes into use."""

import contextlib
import datetime
from pathlib import Path

import pytest
from cryptography.x509 import Certificate
from cryptography.x509.oid import NameOID
from OpenSSL import SSL
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import StringTransport
from twisted.protocols.tls import TLSMemoryBIOFactory

from mailsvc.net.certificates import self_signed, write_pair
from mailsvc.net.options import TLSVersion
from mailsvc.net.tls import CertificateFiles, KeyPair, ServerTLS

NOW = datetime.datetime.now(datetime.UTC)


def pair(name: str = "mail.example.test") -> KeyPair:
    """A self-signed pair for a name."""
    return KeyPair(*self_signed([name], NOW))


def client(minimum: int = SSL.TLS1_2_VERSION, maximum: int = SSL.TLS1_3_VERSION) -> SSL.Connection:
    """A client that checks nothing and speaks the versions given."""
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_cipher_list(b"ALL:@SECLEVEL=0")
    context.set_min_proto_version(minimum)
    context.set_max_proto_version(maximum)
    connection = SSL.Connection(context)
    connection.set_connect_state()
    return connection


def shake_hands(tls: ServerTLS, one: SSL.Connection) -> SSL.Connection:
    """Complete a handshake in memory, or raise what one side raises. Returns the server's end."""
    two = tls.serverConnectionForTLS(None)
    two.set_accept_state()
    for _ in range(6):
        for end, other in ((one, two), (two, one)):
            with contextlib.suppress(SSL.WantReadError):
                end.do_handshake()
            with contextlib.suppress(SSL.WantReadError):
                other.bio_write(end.bio_read(65536))
    return two


def subject(connection: SSL.Connection) -> str:
    """The common name of the certificate that the client was shown."""
    certificate = connection.get_peer_certificate(as_cryptography=True)
    assert certificate is not None
    return common_name(certificate)


def common_name(certificate: Certificate) -> str:
    """``CN`` of the subject."""
    return str(certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


class TestHandshake:
    def test_modern(self) -> None:
        """A client of today gets TLS 1.3 and our certificate."""
        one = client()
        shake_hands(ServerTLS(pair()), one)
        assert (one.get_protocol_version_name(), subject(one)) == ("TLSv1.3", "mail.example.test")

    def test_tls12(self) -> None:
        """A client that knows TLS 1.2 only gets a suite with forward secrecy and authenticated encryption."""
        one = client(maximum=SSL.TLS1_2_VERSION)
        shake_hands(ServerTLS(pair()), one)
        name = one.get_cipher_name()
        assert name is not None
        assert name.startswith("ECDHE-")
        assert "GCM" in name or "CHACHA20" in name

    @pytest.mark.parametrize("version", [SSL.TLS1_VERSION, SSL.TLS1_1_VERSION])
    def test_old(self, version: int) -> None:
        """TLS 1.0 and 1.1 are refused (RFC 8996)."""
        with pytest.raises(SSL.Error):
            shake_hands(ServerTLS(pair()), client(version, version))

    def test_minimum(self) -> None:
        """With minimum = 1.3 a TLS 1.2 client is refused."""
        with pytest.raises(SSL.Error):
            shake_hands(ServerTLS(pair(), TLSVersion.TLS1_3), client(maximum=SSL.TLS1_2_VERSION))

    def test_replace(self) -> None:
        """After replace, new connections see the new certificate; a running one is not disturbed."""
        tls = ServerTLS(pair("old.example.test"))
        old, new = client(), client()
        ours = shake_hands(tls, old)
        tls.replace(pair("new.example.test"))
        shake_hands(tls, new)
        old.send(b"still here")
        ours.bio_write(old.bio_read(65536))
        assert ours.recv(100) == b"still here"
        assert (subject(old), subject(new)) == ("old.example.test", "new.example.test")

    def test_is_what_twisted_takes(self) -> None:
        """The object serves Twisted's own TLS wrapper."""
        factory = TLSMemoryBIOFactory(ServerTLS(pair()), False, Factory.forProtocol(Protocol))
        wrapped = factory.buildProtocol(None)
        transport = StringTransport()
        wrapped.makeConnection(transport)
        one = client()
        with pytest.raises(SSL.WantReadError):
            one.do_handshake()
        wrapped.dataReceived(one.bio_read(65536))
        assert transport.value().startswith(b"\x16\x03")  # a handshake record


class TestKeyPair:
    def test_secret(self) -> None:
        """The key does not show up when the value is printed."""
        assert "PRIVATE" not in repr(pair())

    def test_mismatch(self, tmp_path: Path) -> None:
        """A key that belongs to another certificate is refused, naming both files."""
        (tmp_path / "c.pem").write_bytes(pair().certificate)
        (tmp_path / "k.pem").write_bytes(pair().key)
        with pytest.raises(ValueError, match=r"c\.pem and .*k\.pem"):
            KeyPair.read(tmp_path / "c.pem", tmp_path / "k.pem")

    def test_chain(self) -> None:
        """Intermediate certificates behind the first are sent too."""
        chained = pair()
        chained = KeyPair(chained.certificate + pair("intermediate.example.test").certificate, chained.key)
        one = client()
        shake_hands(ServerTLS(chained), one)
        chain = one.get_peer_cert_chain(as_cryptography=True)
        assert chain is not None
        assert [common_name(each) for each in chain] == ["mail.example.test", "intermediate.example.test"]


class TestCertificateFiles:
    @pytest.fixture
    def files(self, tmp_path: Path) -> tuple[Path, Path]:
        """A pair on disk."""
        paths = tmp_path / "c.pem", tmp_path / "k.pem"
        write_pair(*paths, self_signed(["old.example.test"], NOW))
        return paths

    def test_unchanged(self, files: tuple[Path, Path]) -> None:
        """Nothing is read while nothing changes."""
        seen: list[KeyPair] = []
        CertificateFiles(*files, seen.append).check()
        assert seen == []

    def test_renewed(self, files: tuple[Path, Path]) -> None:
        """A renewed pair is noticed, in whatever order the files arrive; halfway through nothing happens."""
        seen: list[KeyPair] = []
        watch = CertificateFiles(*files, seen.append)
        new = pair("new.example.test")
        files[0].write_bytes(new.certificate)
        watch.check()
        assert seen == []
        files[1].write_bytes(new.key)
        watch.check()
        assert seen == [new]

    def test_removed(self, files: tuple[Path, Path]) -> None:
        """A vanished file leaves the old certificate in use."""
        seen: list[KeyPair] = []
        watch = CertificateFiles(*files, seen.append)
        files[1].unlink()
        watch.check()
        assert seen == []
