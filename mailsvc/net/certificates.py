"""Self-signed certificates, and what people need to know about any certificate.

``self_signed`` makes a pair for the first start (RFC 5280; names by subjectAltName only, RFC 9525 6.3); ``write_pair`` puts it beside the
configuration, the key readable by its owner only; ``Facts`` tells names, validity and fingerprint of the certificate in use.
"""

import datetime
import os
from collections.abc import Iterable
from ipaddress import ip_address
from pathlib import Path

import attrs
import idna
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

__all__ = ["LOOPBACK_NAMES", "Facts", "names_of", "self_signed", "write_pair"]

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
"""What a client on the same machine may call us."""

_DAYS = 825  # the longest that Apple's systems accept, also from a certificate that the user trusts by hand
_COMMON_NAME_OCTETS = 64  # RFC 5280 appendix A.1, ub-common-name


def self_signed(names: Iterable[str], now: datetime.datetime) -> tuple[bytes, bytes]:
    """A certificate for these host names and IP addresses, and its ECDSA P-256 key: two PEM texts.

    :param names: the first one is the subject; repetitions are dropped. :param now: an aware time, the start of validity (less a day, for
        clients whose clock is behind). Raises idna.IDNAError for a name that cannot be a domain.
    """
    alternatives = [_general_name(name) for name in dict.fromkeys(names)]
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _subject(str(alternatives[0].value))
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=_DAYS - 1))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    certificate = builder.sign(key, hashes.SHA256())
    key_pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM), key_pem


def _subject(name: str) -> x509.Name:
    """The subject for people to recognise; clients look at the alternative names."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:_COMMON_NAME_OCTETS])])


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(idna.encode(name, uts46=True).decode())


def write_pair(certificate: Path, key: Path, pair: tuple[bytes, bytes]) -> None:
    """Write both files, durable, the key with mode 0600. Raises FileExistsError if one of them is there already, OSError."""
    for path, pem, mode in ((certificate, pair[0], 0o644), (key, pair[1], 0o600)):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with open(descriptor, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(descriptor)


@attrs.frozen
class Facts:
    """What a certificate says.

    :ivar names: host names and addresses it is good for. :ivar begins: and ``ends``: validity, aware times in UTC.
    :ivar fingerprint: SHA-256 of the DER form, ``AB:CD:...`` as mail clients show it. :ivar self_signed: issued by itself.
    """

    names: tuple[str, ...]
    begins: datetime.datetime
    ends: datetime.datetime
    fingerprint: str
    self_signed: bool

    @classmethod
    def read(cls, path: Path) -> "Facts":
        """The facts of the first certificate in a PEM file. Raises OSError, or ValueError if there is none."""
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
        return cls(
            names_of(certificate),
            certificate.not_valid_before_utc,
            certificate.not_valid_after_utc,
            certificate.fingerprint(hashes.SHA256()).hex(":").upper(),
            certificate.subject == certificate.issuer,
        )

    def good_for(self, name: str) -> bool:
        """Whether a client that asked for this host name (or address) is content with the certificate (RFC 9525 6.3)."""
        wanted = str(_general_name(name).value).lower()
        parent = wanted.partition(".")[2]
        return any(own.lower() in (wanted, f"*.{parent}") for own in self.names)


def names_of(certificate: x509.Certificate) -> tuple[str, ...]:
    """Host names and addresses that a certificate is for."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(str(name.value) for name in names if isinstance(name, x509.DNSName | x509.IPAddress))
