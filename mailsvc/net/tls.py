"""The server's side of TLS: certificate files in, OpenSSL connections out.

``KeyPair.read`` takes the PEM files (while the process may still read them), :class:`ServerTLS` makes connections from it, for listeners
with implicit TLS and for ``transport.startTLS`` alike; ``replace`` changes the certificate of every connection made from then on.
:class:`CertificateFiles` notices renewed files. TLS 1.2 and later (RFC 8996, RFC 8314 4.1); suites after RFC 9325 4.2.
"""

import os
from collections.abc import Callable
from pathlib import Path

import attrs
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.logger import Logger
from zope.interface import implementer

from mailsvc.net.options import TLSVersion

__all__ = ["CertificateFiles", "KeyPair", "ServerTLS"]

_log = Logger(namespace="mailsvc.tls")

# RFC 9325 4.2.1: forward secrecy and AEAD only. TLS 1.3 has its own list and needs no choice.
_TLS12_CIPHERS = b"ECDHE+AESGCM:ECDHE+CHACHA20"
_VERSIONS = {TLSVersion.TLS1_2: SSL.TLS1_2_VERSION, TLSVersion.TLS1_3: SSL.TLS1_3_VERSION}
_OPTIONS = SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION | SSL.OP_CIPHER_SERVER_PREFERENCE


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

    def context(self, minimum: TLSVersion = TLSVersion.TLS1_2) -> SSL.Context:
        """A server context with this certificate. Raises ValueError or SSL.Error if the parts do not fit together.

        :param minimum: the oldest protocol version that a client may use.
        """
        leaf, *chain = x509.load_pem_x509_certificates(self.certificate)
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        context.set_min_proto_version(_VERSIONS[minimum])
        context.set_options(_OPTIONS)
        context.set_cipher_list(_TLS12_CIPHERS)
        context.set_mode(SSL.MODE_RELEASE_BUFFERS)  # idle connections are many, their buffers need not be
        context.set_session_id(b"mailsvc")  # without it OpenSSL refuses to resume a session
        context.use_certificate(leaf)
        for certificate in chain:
            context.add_extra_chain_cert(certificate)
        context.use_privatekey(load_pem_private_key(self.key, None))  # type: ignore[arg-type]  # any key X.509 knows
        context.check_privatekey()
        return context


@implementer(IOpenSSLServerConnectionCreator)
class ServerTLS:
    """Makes the server's end of TLS connections."""

    def __init__(self, pair: KeyPair, minimum: TLSVersion = TLSVersion.TLS1_2) -> None:
        """Raises what :meth:`KeyPair.context` raises."""
        self._minimum = minimum
        self.replace(pair)

    def replace(self, pair: KeyPair) -> None:
        """Use another certificate from the next connection on; running ones keep theirs. Raises as the constructor does."""
        self._context = pair.context(self._minimum)

    def serverConnectionForTLS(self, tlsProtocol: object) -> SSL.Connection:
        """A fresh connection. (Choosing among certificates by the client's SNI will happen here, by a servername callback.)"""
        return SSL.Connection(self._context)


class CertificateFiles:
    """Watches the two files of one certificate. Renewal tools replace both within a moment, in either order."""

    def __init__(self, certificate: Path, key: Path, on_change: Callable[[KeyPair], None]) -> None:
        """``on_change`` gets each new pair that is whole and fits together."""
        self._paths = (certificate, key)
        self._on_change = on_change
        self._seen = self._stamp()

    def _stamp(self) -> tuple[tuple[int, int, int] | None, ...]:
        return tuple(_identity(path) for path in self._paths)

    def check(self) -> None:
        """Compare and, if something changed, read. A pair that does not fit (yet) is logged, and tried again at the next change."""
        stamp = self._stamp()
        if stamp != self._seen:
            self._seen = stamp
            self.reload()

    def reload(self) -> None:
        """Read both files whether they changed or not."""
        certificate, key = self._paths
        try:
            pair = KeyPair.read(certificate, key)
        except (OSError, ValueError) as error:
            _log.warn("the old certificate stays in use: {error}", error=str(error))
            return
        self._on_change(pair)
        _log.info("certificate {path} loaded again", path=str(certificate))


def _identity(path: Path) -> tuple[int, int, int] | None:
    # Inode and size too: a file restored from a copy keeps its time.
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino, status.st_size
