"""What TLS tells log-ins: channel bindings, and the names in a client's certificate."""

import datetime
import hashlib
from contextlib import suppress
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from OpenSSL import SSL
from OpenSSL.crypto import X509

from mailsvc.core.values import Peer
from mailsvc.net.certificates import self_signed
from mailsvc.net.tls import KeyPair
from mailsvc.wire.channel import bindings, certified_names, circumstances

NOW = datetime.datetime.now(datetime.UTC)
PAIR = KeyPair(*self_signed(["mail.example.test"], NOW))


def shake(server: SSL.Context, client: SSL.Context) -> tuple[SSL.Connection, SSL.Connection]:
    """Both ends after the handshake."""
    ends = SSL.Connection(server), SSL.Connection(client)
    ends[0].set_accept_state()
    ends[1].set_connect_state()
    for _ in range(6):
        for here, there in ((ends[1], ends[0]), (ends[0], ends[1])):
            with suppress(SSL.WantReadError):
                here.do_handshake()
            with suppress(SSL.WantReadError):
                there.bio_write(here.bio_read(65536))
    return ends


def client() -> SSL.Context:
    """A client that asks for no names."""
    return SSL.Context(SSL.TLS_CLIENT_METHOD)


def test_both_ends_have_the_same_bindings() -> None:
    """The exporter's octets are the same at both ends of a connection and of no other; the certificate's hash is what clients compute."""
    server, other = shake(PAIR.context(), client())
    found = bindings(server)
    exported = other.export_keying_material(b"EXPORTER-Channel-Binding", 32, b"")
    certificate = other.get_peer_certificate(as_cryptography=True)
    assert certificate is not None
    assert found == {
        "tls-exporter": exported,
        "tls-server-end-point": certificate.fingerprint(hashes.SHA256()),
    }
    assert bindings(shake(PAIR.context(), client())[0])["tls-exporter"] != exported


def certificate(key: Any, algorithm: Any, *names: x509.GeneralName) -> x509.Certificate:
    """A self-signed one."""
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "somebody")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW - datetime.timedelta(days=1))
        .not_valid_after(NOW + datetime.timedelta(days=1))
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(key, algorithm)


@pytest.mark.parametrize(("algorithm", "expected"), [(hashes.SHA384(), "sha384"), (hashes.SHA512(), "sha512")])
def test_the_hash_is_that_of_the_signature(algorithm: hashes.HashAlgorithm, expected: str) -> None:
    """RFC 5929 4.1: the end point is hashed as its certificate was signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    made = certificate(key, algorithm)
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.use_certificate(made)
    context.use_privatekey(key)
    server, _ = shake(context, client())
    digest = made.fingerprint(algorithm)
    assert bindings(server)["tls-server-end-point"] == digest
    assert len(digest) == hashlib.new(expected).digest_size


def test_a_signature_without_a_hash() -> None:
    """Ed25519 has no hash of its own, so there is no end point to bind to (RFC 5929 4.1); the exporter is there."""
    key = ed25519.Ed25519PrivateKey.generate()
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.use_certificate(certificate(key, None))
    context.use_privatekey(key)
    server, _ = shake(context, client())
    assert list(bindings(server)) == ["tls-exporter"]


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ((x509.RFC822Name("tim@example.test"), x509.DNSName("pc.example.test")), ("tim@example.test",)),
        ((x509.RFC822Name("a@example.test"), x509.RFC822Name("b@example.test")), ("a@example.test", "b@example.test")),
        ((x509.DNSName("pc.example.test"),), ()),
        ((), ()),
    ],
)
def test_names_of_a_client(names: tuple[x509.GeneralName, ...], found: tuple[str, ...]) -> None:
    """The mail addresses of a trusted client certificate, and nothing else in it, say who the client is."""
    key = ec.generate_private_key(ec.SECP256R1())
    made = certificate(key, hashes.SHA256(), *names)
    server, user = PAIR.context(), client()
    server.set_verify(SSL.VERIFY_PEER)
    store = server.get_cert_store()
    assert store is not None
    store.add_cert(X509.from_cryptography(made))
    user.use_certificate(made)
    user.use_privatekey(key)
    assert certified_names(shake(server, user)[0]) == found


def test_a_certificate_nobody_asked_for() -> None:
    """Where nobody was told whom to trust, a client's certificate is not even asked for."""
    user = client()
    user.use_certificate(x509.load_pem_x509_certificate(PAIR.certificate))
    user.use_privatekey(load_pem_private_key(PAIR.key, None))  # type: ignore[arg-type]
    assert certified_names(shake(PAIR.context(), user)[0]) == ()


def test_circumstances_without_tls() -> None:
    """A plain line has nothing to bind to; nonces are never the same; our name is fit for a timestamp."""
    peer = Peer("192.0.2.1", "pop3@[::]:110", "pop3")
    one, two = (circumstances(None, peer, "mail_server.例え.test", 1.9) for _ in range(2))
    assert (one.bindings, one.now, one.host) == ({}, 1, "mail-server.---.test".replace("---", "--"))
    assert one.nonce != two.nonce
    assert len(one.nonce) >= 32
