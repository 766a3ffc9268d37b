"""What TLS knows that log-ins need: the data of channel bindings, and whom the client's certificate names.

Channel bindings: tls-exporter (RFC 9266) and tls-server-end-point (RFC 5929 4.1). Both are taken from a finished handshake.
"""

import hashlib
import secrets
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from mailsvc.core.values import Peer
from mailsvc.formats.sasl import Circumstances

__all__ = ["bindings", "certified_names", "circumstances"]

_EXPORTER = b"EXPORTER-Channel-Binding"
_OLD_HASHES = frozenset({"md5", "sha1"})  # RFC 5929 4.1: SHA-256 is used instead


def circumstances(transport: Any, peer: Peer, host: str, now: float) -> Circumstances:
    """What a mechanism that begins now must know. ``host``: our name, as the challenges of CRAM-MD5 and APOP show it."""
    return Circumstances(
        nonce=secrets.token_hex(16),
        host="".join(c if c.isascii() and (c.isalnum() or c in ".-") else "-" for c in host),
        now=int(now),
        bindings=bindings(transport.getHandle()) if peer.tls == "TLSv1.3" else {},
    )


def bindings(connection: Any) -> dict[str, bytes]:
    """Type -> data, for an OpenSSL connection whose handshake is over."""
    found = {"tls-exporter": connection.export_keying_material(_EXPORTER, 32, b"")}
    certificate = connection.get_certificate(as_cryptography=True)
    digest = certificate and _end_point_hash(certificate)
    if digest:
        found["tls-server-end-point"] = hashlib.new(digest, certificate.public_bytes(Encoding.DER)).digest()
    return found


def _end_point_hash(certificate: x509.Certificate) -> str | None:
    """That of the certificate's signature; None where it has none of its own (Ed25519)."""
    try:
        algorithm: hashes.HashAlgorithm | None = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return None
    if algorithm is None:
        return None
    return "sha256" if algorithm.name in _OLD_HASHES else algorithm.name


def certified_names(connection: Any) -> tuple[str, ...]:
    """The mail addresses in the client's certificate (RFC 5280 4.2.1.6). Whether to trust it is another question."""
    certificate = connection.get_peer_certificate(as_cryptography=True)
    if certificate is None:
        return ()
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return ()
    return tuple(names.get_values_for_type(x509.RFC822Name))
