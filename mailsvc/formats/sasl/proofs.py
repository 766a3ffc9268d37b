"""What an exchange ends with: the evidence that a client has shown, for a checker to judge against what it knows.

No proof says of itself that it is good. Those that do not hold the password can be held against one secret after the other
(``shown_by``), in constant time each.
"""

import binascii
import hashlib
import hmac

import attrs

from mailsvc.formats.sasl.scram_keys import HASHES

__all__ = ["CertificateProof", "DigestProof", "PasswordProof", "Proof", "ScramProof", "TokenProof"]

_HASH = {"SHA-1": hashlib.sha1, "SHA-256": hashlib.sha256}
"""Ready-made: to look a hash up by its name in OpenSSL costs more than the hash of a key."""


@attrs.frozen
class PasswordProof:
    """A name and a password, as the client typed them.

    :ivar authcid: whose password it is. :ivar authzid: as whom to act; ``""``: as the same.
    """

    authcid: str
    password: str = attrs.field(repr=False)
    authzid: str = ""


@attrs.frozen
class DigestProof:
    """A digest over a challenge of ours and a secret that both sides must be able to read (CRAM-MD5, APOP).

    :ivar challenge: with its angle brackets. :ivar digest: 32 hexadecimal digits in lower case.
    :ivar keyed: HMAC-MD5 (RFC 2195 2); else MD5 over challenge and secret (RFC 1939 7, APOP).
    """

    authcid: str
    challenge: bytes
    digest: bytes = attrs.field(repr=False)
    keyed: bool = True
    authzid: str = ""

    def shown_by(self, secret: bytes) -> bool:
        """Whether the client knew ``secret``."""
        if self.keyed:
            expected = hmac.new(secret, self.challenge, "md5").digest()
        else:
            expected = hashlib.md5(self.challenge + secret, usedforsecurity=False).digest()
        return hmac.compare_digest(binascii.hexlify(expected), self.digest)


@attrs.frozen
class ScramProof:
    """A client's proof that it could make the key whose hash we hold (RFC 5802 3).

    :ivar hash: name of the hash, a key of ``HASHES``. :ivar message: the AuthMessage. :ivar proof: the ClientProof.
    """

    authcid: str
    hash: str
    message: bytes = attrs.field(repr=False)
    proof: bytes = attrs.field(repr=False)
    authzid: str = ""

    def shown_by(self, stored_key: bytes) -> bool:
        """Whether the client's key is the one that ``stored_key`` is the hash of."""
        digest = HASHES[self.hash]
        signature = hmac.digest(stored_key, self.message, digest)
        client_key = int.from_bytes(signature) ^ int.from_bytes(self.proof)
        shown = _HASH[self.hash](client_key.to_bytes(len(signature))).digest()
        return hmac.compare_digest(shown, stored_key)


@attrs.frozen
class TokenProof:
    """A bearer token (RFC 6750), which says itself who it is for.

    :ivar authzid: the account that the client named, ``""`` if it left that to the token.
    """

    token: str = attrs.field(repr=False)
    authzid: str = ""

    @property
    def authcid(self) -> str:
        """Whom the client claims to be."""
        return self.authzid


@attrs.frozen
class CertificateProof:
    """Nothing but the certificate that TLS has checked already (RFC 4422 appendix A).

    :ivar authzid: as whom to act; ``""``: as the certificate says.
    """

    authzid: str = ""

    @property
    def authcid(self) -> str:
        """Whom the client claims to be."""
        return self.authzid


Proof = PasswordProof | DigestProof | ScramProof | TokenProof | CertificateProof
"""Each kind becomes credentials of its own (:func:`mailsvc.auth.credentials.credentials_of`)."""
