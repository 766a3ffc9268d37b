"""The server's side of TLS: certificates in, OpenSSL connections out.

:class:`Certificates` holds what was read from files (:mod:`mailsvc.net.certificate_files`, while the process may still read them);
:class:`ServerTLS` makes connections from it, for listeners with implicit TLS and for ``transport.startTLS`` alike. A client that asks
for a name (SNI, RFC 6066 3) is shown the certificate that has it, everybody else the first one. ``replace`` changes all of them for the
connections made from then on.

Profiles stand for versions and suites (RFC 8996, RFC 9325 4.2). Sessions are resumed by tickets, under keys that OpenSSL makes for each
process and that end with :meth:`ServerTLS.renew_tickets`: decision 0016 says why workers do not share them.

Client certificates are asked for where authorities are configured, but a bad one does not end the handshake, for other mail servers show
theirs to everybody: :meth:`ServerTLS.vouches` judges it afterwards, against the revocation lists as they are now, resumed sessions too.
"""

from collections.abc import Sequence
from pathlib import Path

import attrs
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID
from OpenSSL import SSL, crypto
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.logger import Logger
from zope.interface import implementer

from mailsvc.net.certificates import names_of
from mailsvc.net.options import TLSProfile

__all__ = ["Certificates", "KeyPair", "ServerTLS", "load_crls"]

_log = Logger(namespace="mailsvc.tls")

_OPTIONS = SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION | SSL.OP_CIPHER_SERVER_PREFERENCE


@attrs.frozen
class _Profile:
    """The oldest version, and the suites of those before TLS 1.3, which has its own list and needs no choice."""

    minimum: int
    ciphers: bytes


_FORWARD = b"ECDHE+AESGCM:ECDHE+CHACHA20"  # RFC 9325 4.2.1: forward secrecy and AEAD only

_PROFILES = {
    TLSProfile.MODERN: _Profile(SSL.TLS1_3_VERSION, _FORWARD),
    TLSProfile.INTERMEDIATE: _Profile(SSL.TLS1_2_VERSION, _FORWARD),
    TLSProfile.OLD: _Profile(SSL.TLS1_VERSION, _FORWARD + b":ECDHE+AES:RSA+AESGCM:RSA+AES:@SECLEVEL=0"),
}


@attrs.frozen
class KeyPair:
    """A certificate with its chain, leaf first, and the private key, both PEM."""

    certificate: bytes
    key: bytes = attrs.field(repr=False)

    @classmethod
    def read(cls, certificate: Path, key: Path) -> "KeyPair":
        """Read and check both files. Raises OSError, or ValueError naming what is wrong with them."""
        pair = cls(certificate.read_bytes(), key.read_bytes())
        try:
            pair.context()
        except (ValueError, TypeError, SSL.Error) as error:
            raise ValueError(f"{certificate} and {key} do not make a usable certificate: {error}") from None
        return pair

    def context(self, profile: TLSProfile = TLSProfile.INTERMEDIATE) -> SSL.Context:
        """A server context with this certificate. Raises ValueError or SSL.Error if the parts do not fit together."""
        leaf, *chain = x509.load_pem_x509_certificates(self.certificate)
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        context.set_min_proto_version(_PROFILES[profile].minimum)
        context.set_options(_OPTIONS)
        context.set_cipher_list(_PROFILES[profile].ciphers)
        context.set_mode(SSL.MODE_RELEASE_BUFFERS)  # idle connections are many, their buffers need not be
        context.set_session_id(b"mailsvc")  # without it OpenSSL refuses to resume a session
        context.use_certificate(leaf)
        for certificate in chain:
            context.add_extra_chain_cert(certificate)
        context.use_privatekey(load_pem_private_key(self.key, None))  # type: ignore[arg-type]  # any key X.509 knows
        context.check_privatekey()
        return context

    @property
    def names(self) -> Sequence[str]:
        """Host names that the certificate is for, in lower case."""
        return [name.lower() for name in names_of(x509.load_pem_x509_certificate(self.certificate))]


@attrs.frozen
class Certificates:
    """All that a process needs to know for TLS.

    :ivar default: for clients that ask for no name of ours. :ivar further: by their own names.
    :ivar authorities: of client certificates, PEM; ``b""``: none are asked for. :ivar revoked: their CRLs, PEM; ``b""``: not looked at.
    """

    default: KeyPair
    further: tuple[KeyPair, ...] = ()
    authorities: bytes = b""
    revoked: bytes = b""


@implementer(IOpenSSLServerConnectionCreator)
class ServerTLS:
    """Makes the server's end of TLS connections."""

    def __init__(self, certificates: Certificates | KeyPair, profile: TLSProfile = TLSProfile.INTERMEDIATE) -> None:
        """Raises what :meth:`KeyPair.context` raises."""
        self._profile = profile
        self.replace(certificates if isinstance(certificates, Certificates) else Certificates(certificates))

    def replace(self, certificates: Certificates) -> None:
        """Use others from the next connection on; running ones keep theirs. Raises as the constructor does."""
        context = certificates.default.context(self._profile)
        contexts = dict.fromkeys(certificates.default.names, context)
        for pair in certificates.further:
            further = pair.context(self._profile)
            for name in pair.names:
                contexts.setdefault(name, further)
        trust = _trust(certificates)
        if trust is not None:
            context.set_verify(SSL.VERIFY_PEER, lambda *_: True)
        context.set_tlsext_servername_callback(self._choose)
        self._certificates, self._context, self._contexts, self._trust = certificates, context, contexts, trust

    def renew_tickets(self) -> None:
        """Forget the keys of session tickets: who comes with an older one makes a full handshake."""
        self.replace(self._certificates)

    def serverConnectionForTLS(self, tlsProtocol: object) -> SSL.Connection:
        """A fresh connection."""
        return SSL.Connection(self._context)

    def vouches(self, connection: SSL.Connection) -> bool:
        """Whether the client has shown a certificate that may log in: of an authority of ours, valid today, not revoked."""
        certificate = connection.get_peer_certificate()
        if certificate is None or self._trust is None:
            return False
        try:
            crypto.X509StoreContext(self._trust, certificate, connection.get_peer_cert_chain()).verify_certificate()
        except crypto.X509StoreContextError as error:
            _log.info("client certificate not taken: {reason}", reason=str(error))
            return False
        return _is_for_clients(certificate.to_cryptography())

    def _choose(self, connection: SSL.Connection) -> None:
        asked = (connection.get_servername() or b"").decode("ascii", "replace").lower()
        wildcard = "*." + asked.partition(".")[2]
        context = self._contexts.get(asked) or self._contexts.get(wildcard)
        if context is not None:
            connection.set_context(context)


def _trust(certificates: Certificates) -> crypto.X509Store | None:
    """The authorities and their lists, None if there are none. Raises ValueError."""
    if not certificates.authorities:
        return None
    store = crypto.X509Store()
    for authority in x509.load_pem_x509_certificates(certificates.authorities):
        store.add_cert(crypto.X509.from_cryptography(authority))
    if certificates.revoked:
        for revoked in load_crls(certificates.revoked):
            store.add_crl(revoked)
        store.set_flags(crypto.X509StoreFlags.CRL_CHECK | crypto.X509StoreFlags.CRL_CHECK_ALL)
    return store


_CRL_END = b"-----END X509 CRL-----"


def load_crls(pem: bytes) -> list[x509.CertificateRevocationList]:
    """All revocation lists of a PEM text. Raises ValueError if there is none, or one is damaged."""
    texts = [text + _CRL_END for text in pem.split(_CRL_END)[:-1]]
    if not texts:
        raise ValueError("there is no revocation list in it")
    return [x509.load_pem_x509_crl(text[text.index(b"-----BEGIN X509 CRL-----") :]) for text in texts]


def _is_for_clients(certificate: x509.Certificate) -> bool:
    """RFC 5280 4.2.1.12: without an extended key usage it is for everything."""
    try:
        usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return ExtendedKeyUsageOID.CLIENT_AUTH in usages or ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in usages
