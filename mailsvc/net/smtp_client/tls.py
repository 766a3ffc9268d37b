"""The client's side of TLS: as much of it as the next hop must have (RFC 7435, RFC 9325).

Opportunistic TLS takes what it can get, old versions and any certificate included: the alternative is plain text. Where TLS is demanded it
is at least 1.2; where it is to be verified, the chain must end at an authority that the system trusts, and the certificate be for the name
of the host (RFC 6125, by service-identity).
"""

from collections.abc import Mapping
from ipaddress import ip_address
from types import MappingProxyType

import attrs
from cryptography import x509
from OpenSSL import SSL, crypto
from service_identity import CertificateError, VerificationError
from service_identity.pyopenssl import verify_hostname, verify_ip_address
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from zope.interface import implementer

from mailsvc.core.outbound import TLSDemand
from mailsvc.formats.address import ascii_domain

__all__ = ["ClientTLS", "check_name"]


@attrs.frozen
class _Level:
    minimum: int
    ciphers: bytes
    verify: bool


_LEVELS: Mapping[TLSDemand, _Level] = MappingProxyType(
    {
        TLSDemand.OPPORTUNISTIC: _Level(SSL.TLS1_VERSION, b"DEFAULT:@SECLEVEL=0", False),
        TLSDemand.REQUIRED: _Level(SSL.TLS1_2_VERSION, b"DEFAULT", False),
        TLSDemand.VERIFIED: _Level(SSL.TLS1_2_VERSION, b"ECDHE+AESGCM:ECDHE+CHACHA20", True),
    }
)


class ClientTLS:
    """Makes what ``transport.startTLS`` takes; one OpenSSL context for each demand."""

    def __init__(self, authorities: bytes = b"") -> None:
        """:param authorities: PEM of those to trust instead of the system's. Raises ValueError."""
        self._authorities = authorities
        self._contexts: dict[TLSDemand, SSL.Context] = {}

    def creator(self, host: str, demand: TLSDemand) -> IOpenSSLClientConnectionCreator:
        """For one connection to ``host``."""
        if demand not in self._contexts:
            self._contexts[demand] = self._context(_LEVELS[demand])
        return _Creator(self._contexts[demand], host)

    def _context(self, level: _Level) -> SSL.Context:
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_min_proto_version(level.minimum)
        context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION)
        context.set_cipher_list(level.ciphers)
        context.set_mode(SSL.MODE_RELEASE_BUFFERS)
        if level.verify:
            self._trust(context)
            context.set_verify(SSL.VERIFY_PEER, lambda connection, certificate, error, depth, good: bool(good))
        return context

    def _trust(self, context: SSL.Context) -> None:
        if not self._authorities:
            context.set_default_verify_paths()
            return
        store = context.get_cert_store()
        assert store is not None
        for authority in x509.load_pem_x509_certificates(self._authorities):
            store.add_cert(crypto.X509.from_cryptography(authority))


@implementer(IOpenSSLClientConnectionCreator)
class _Creator:
    """One connection; a host with a name is told which (SNI, RFC 6066 3)."""

    def __init__(self, context: SSL.Context, host: str) -> None:
        self._context = context
        self._host = host

    def clientConnectionForTLS(self, tlsProtocol: object) -> SSL.Connection:
        """A fresh connection."""
        connection = SSL.Connection(self._context, None)
        if _literal(self._host) is None:
            connection.set_tlsext_host_name(ascii_domain(self._host).rstrip(".").encode("ascii"))
        return connection


def check_name(connection: SSL.Connection, host: str) -> None:
    """Whether the certificate shown is for this host (its name, or the literal). Raises ValueError, which says why not."""
    literal = _literal(host)
    try:
        if literal is None:
            verify_hostname(connection, ascii_domain(host).rstrip("."))
        else:
            verify_ip_address(connection, literal)
    except (VerificationError, CertificateError) as error:
        raise ValueError(f"the certificate is not for {host}: {type(error).__name__}") from None


def _literal(host: str) -> str | None:
    text = host.strip("[]")
    text = text[5:] if text[:5].upper() == "IPV6:" else text
    try:
        return str(ip_address(text))
    except ValueError:
        return None
