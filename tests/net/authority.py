"""A certificate authority for tests: clients' certificates, and lists of those that were lost."""

import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from OpenSSL import SSL

__all__ = ["Authority"]

_DAY = datetime.timedelta(days=1)


class Authority:
    """Signs. ``pem``: its own certificate."""

    def __init__(self, name: str, now: datetime.datetime) -> None:
        self._now = now
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        constraints = x509.BasicConstraints(ca=True, path_length=None)
        certificate = self._builder(self._name, self._key).add_extension(constraints, critical=True)
        self.pem = certificate.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, serial: int = 0) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(serial or x509.random_serial_number())
            .not_valid_before(self._now - _DAY)
            .not_valid_after(self._now + 30 * _DAY)
        )

    def pair(
        self, address: str, serial: int = 0, server: bool = False
    ) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
        """A certificate for the owner of a mail address, and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        usage = ExtendedKeyUsageOID.SERVER_AUTH if server else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = (
            self._builder(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, address)]), key, serial)
            .add_extension(x509.SubjectAlternativeName([x509.RFC822Name(address)]), critical=False)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        )
        return builder.sign(self._key, hashes.SHA256()), key

    def server(self, *names: str) -> tuple[bytes, bytes]:
        """A server's certificate for these names, wildcards too, and its key: two PEM texts."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = self._builder(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])]), key)
        builder = builder.add_extension(x509.SubjectAlternativeName(list(map(x509.DNSName, names))), critical=False)
        pem = builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        form, encryption = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        return pem, key.private_bytes(serialization.Encoding.PEM, form, encryption)

    def client(
        self, address: str, serial: int = 0, server: bool = False, version: int = SSL.TLS1_3_VERSION
    ) -> SSL.Connection:
        """A client that shows such a certificate."""
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_max_proto_version(version)
        certificate, key = self.pair(address, serial, server)
        context.use_certificate(certificate)
        context.use_privatekey(key)
        connection = SSL.Connection(context)
        connection.set_connect_state()
        return connection

    def revoked(self, *serials: int, until: datetime.datetime | None = None) -> bytes:
        """The list of certificates that were lost, as PEM."""
        until = until or self._now + 30 * _DAY
        builder = x509.CertificateRevocationListBuilder().issuer_name(self._name).next_update(until)
        builder = builder.last_update(min(self._now, until) - _DAY)
        for serial in serials:
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(self._now - _DAY).build()
            builder = builder.add_revoked_certificate(entry)
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
