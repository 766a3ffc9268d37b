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

from mailsvc.net.certificate_files import CertificateFiles, TLSFiles
from mailsvc.net.certificates import self_signed, write_pair
from mailsvc.net.options import TLSProfile
from mailsvc.net.tls import Certificates, KeyPair, ServerTLS

from .authority import Authority

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


def session_of(one: SSL.Connection, two: SSL.Connection) -> SSL.Session:
    """The session of a client that has read something: under TLS 1.3 the ticket comes after the handshake."""
    two.send(b"hello")
    one.bio_write(two.bio_read(65536))
    assert one.recv(100) == b"hello"
    session = one.get_session()
    assert session is not None
    return session


def reused(one: SSL.Connection) -> bool:
    """Whether a connection has resumed a session."""
    return bool(SSL._lib.SSL_session_reused(one._ssl))  # type: ignore[attr-defined]  # pyOpenSSL does not tell


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

    def test_modern_profile(self) -> None:
        """Under the profile modern a TLS 1.2 client is refused."""
        with pytest.raises(SSL.Error):
            shake_hands(ServerTLS(pair(), TLSProfile.MODERN), client(maximum=SSL.TLS1_2_VERSION))

    @pytest.mark.parametrize("version", [SSL.TLS1_VERSION, SSL.TLS1_1_VERSION, SSL.TLS1_3_VERSION])
    def test_old_profile(self, version: int) -> None:
        """Under the profile old a client of 1999 is served, and one of today as well as ever."""
        one = client(version, version)
        shake_hands(ServerTLS(pair(), TLSProfile.OLD), one)
        assert one.get_protocol_version() == version

    def test_replace(self) -> None:
        """After replace, new connections see the new certificate; a running one is not disturbed."""
        tls = ServerTLS(pair("old.example.test"))
        old, new = client(), client()
        ours = shake_hands(tls, old)
        tls.replace(Certificates(pair("new.example.test")))
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


class TestNames:
    """SNI: a client that asks for a name is shown the certificate that has it."""

    @pytest.mark.parametrize(
        ("asked", "shown"),
        [
            (b"", "mail.example.test"),
            (b"mail.example.test", "mail.example.test"),
            (b"mail.other.test", "mail.other.test"),
            (b"MAIL.Other.Test", "mail.other.test"),
            (b"imap.wild.test", "*.wild.test"),
            (b"a.b.wild.test", "mail.example.test"),
            (b"unknown.test", "mail.example.test"),
            (b"\xff\xfe", "mail.example.test"),
        ],
    )
    @pytest.mark.parametrize("version", [SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION])
    def test_choice(self, asked: bytes, shown: str, version: int) -> None:
        """The very name first, then a wildcard; everybody else sees the default."""
        further = (pair("mail.other.test"), KeyPair(*Authority("CA", NOW).server("*.wild.test")))
        one = client(version, version)
        if asked:
            one.set_tlsext_host_name(asked)
        shake_hands(ServerTLS(Certificates(pair(), further)), one)
        assert subject(one) == shown


@pytest.fixture(scope="module")
def authority() -> Authority:
    """Who signs clients' certificates."""
    return Authority("Example CA", NOW)


class TestClients:
    """Client certificates: asked for where authorities are known, never required, judged by the lists of today."""

    def test_nobody_asked(self, authority: Authority) -> None:
        """Without authorities a client is not asked, and nobody is vouched for."""
        tls = ServerTLS(pair())
        assert not tls.vouches(shake_hands(tls, authority.client("alice@example.test")))

    def test_good(self, authority: Authority) -> None:
        """A certificate of the authority is taken; a client without one is served all the same."""
        tls = ServerTLS(Certificates(pair(), authorities=authority.pem))
        assert tls.vouches(shake_hands(tls, authority.client("alice@example.test")))
        assert not tls.vouches(shake_hands(tls, client()))

    def test_strange(self, authority: Authority) -> None:
        """The certificate of somebody else's authority opens nothing, but other mail servers may show one and go on."""
        tls = ServerTLS(Certificates(pair(), authorities=authority.pem))
        ours = shake_hands(tls, Authority("Example CA", NOW).client("alice@example.test"))
        assert ours.get_peer_certificate() is not None
        assert not tls.vouches(ours)

    def test_for_servers(self, authority: Authority) -> None:
        """A certificate that is meant for servers is no log-in."""
        tls = ServerTLS(Certificates(pair(), authorities=authority.pem))
        assert not tls.vouches(shake_hands(tls, authority.client("alice@example.test", server=True)))

    def test_revoked(self, authority: Authority) -> None:
        """A certificate on the list is not taken; one that is not on it is."""
        lost, kept = authority.client("alice@example.test", serial=77), authority.client("bob@example.test", serial=78)
        tls = ServerTLS(Certificates(pair(), authorities=authority.pem, revoked=authority.revoked(77)))
        assert not tls.vouches(shake_hands(tls, lost))
        assert tls.vouches(shake_hands(tls, kept))

    def test_old_list(self, authority: Authority) -> None:
        """A list that ran out says nothing of today, so nobody is taken."""
        revoked = authority.revoked(77, until=NOW - datetime.timedelta(days=1))
        tls = ServerTLS(Certificates(pair(), authorities=authority.pem, revoked=revoked))
        assert not tls.vouches(shake_hands(tls, authority.client("bob@example.test")))

    @pytest.mark.parametrize("version", [SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION])
    def test_revoked_then_resumed(self, authority: Authority, version: int) -> None:
        """A resumed session is judged by the list of today, not by that of its beginning."""
        first = authority.client("alice@example.test", serial=77, version=version)
        again = SSL.Connection(first.get_context())
        again.set_connect_state()
        tls = ServerTLS(Certificates(pair(), authorities=authority.pem, revoked=authority.revoked(1)))
        ours = shake_hands(tls, first)
        assert tls.vouches(ours)
        again.set_session(session_of(first, ours))
        # The list alone is new: the tickets are still good.
        tls._trust = ServerTLS(Certificates(pair(), authorities=authority.pem, revoked=authority.revoked(77)))._trust
        ours = shake_hands(tls, again)
        assert reused(again)
        assert not tls.vouches(ours)


class TestTickets:
    """Resumption: cheaper second handshakes within a process, until the keys are made anew."""

    @pytest.mark.parametrize("version", [SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION])
    @pytest.mark.parametrize("name", [b"mail.example.test", b"mail.other.test"])
    def test_resumed(self, version: int, name: bytes) -> None:
        """A client that comes again resumes its session, whichever certificate it asked for."""
        tls = ServerTLS(Certificates(pair(), (pair("mail.other.test"),)))
        context = client(version, version).get_context()
        first, again = (SSL.Connection(context) for _ in range(2))
        for one in (first, again):
            one.set_connect_state()
            one.set_tlsext_host_name(name)
        again.set_session(session_of(first, shake_hands(tls, first)))
        shake_hands(tls, again)
        assert reused(again)

    def test_renewed(self) -> None:
        """After the keys were made anew an old ticket is worth a full handshake, and nothing fails."""
        tls = ServerTLS(pair())
        context = client().get_context()
        first, again = (SSL.Connection(context) for _ in range(2))
        for one in (first, again):
            one.set_connect_state()
        session = session_of(first, shake_hands(tls, first))
        tls.renew_tickets()
        again.set_session(session)
        shake_hands(tls, again)
        assert not reused(again)


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
    def files(self, tmp_path: Path) -> TLSFiles:
        """A pair on disk, and one for another name."""
        pairs = [(tmp_path / f"c{number}.pem", tmp_path / f"k{number}.pem") for number in range(2)]
        for number, paths in enumerate(pairs):
            write_pair(*paths, self_signed([f"old{number}.example.test"], NOW))
        return TLSFiles(pairs[0], (pairs[1],))

    def test_unchanged(self, files: TLSFiles) -> None:
        """Nothing is read while nothing changes."""
        seen: list[Certificates] = []
        CertificateFiles(files, seen.append).check()
        assert seen == []

    @pytest.mark.parametrize("place", [0, 1])
    def test_renewed(self, files: TLSFiles, place: int) -> None:
        """A renewed pair is noticed, in whatever order the files arrive; halfway through nothing happens."""
        seen: list[Certificates] = []
        watch = CertificateFiles(files, seen.append)
        new = pair("new.example.test")
        certificate, key = (files.default, *files.further)[place]
        certificate.write_bytes(new.certificate)
        watch.check()
        assert seen == []
        key.write_bytes(new.key)
        watch.check()
        assert [(one.default, *one.further)[place] for one in seen] == [new]

    def test_removed(self, files: TLSFiles) -> None:
        """A vanished file leaves the old certificates in use."""
        seen: list[Certificates] = []
        watch = CertificateFiles(files, seen.append)
        files.further[0][1].unlink()
        watch.check()
        assert seen == []

    def test_revocation_list(self, files: TLSFiles, tmp_path: Path) -> None:
        """A new revocation list is used as a new certificate is; a damaged one is not."""
        authority = Authority("Example CA", NOW)
        paths = tmp_path / "ca.pem", tmp_path / "crl.pem"
        for path, pem in zip(paths, (authority.pem, authority.revoked(1)), strict=True):
            path.write_bytes(pem)
        seen: list[Certificates] = []
        watch = CertificateFiles(TLSFiles(files.default, (), *paths), seen.append)
        paths[1].write_bytes(b"nonsense")
        watch.check()
        assert seen == []
        paths[1].write_bytes(authority.revoked(1, 2))
        watch.check()
        assert [one.revoked for one in seen] == [paths[1].read_bytes()]

    def test_ending(self, files: TLSFiles) -> None:
        """A certificate is warned of three weeks before its end, and when it has ended; not before."""
        (ends,) = {when for _, when in files.ending(NOW + datetime.timedelta(days=2000))}
        assert [path for path, _ in files.ending(ends - datetime.timedelta(days=20))] == [
            files.default[0],
            files.further[0][0],
        ]
        assert list(files.ending(ends - datetime.timedelta(days=22))) == []
