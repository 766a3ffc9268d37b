"""The arithmetic of SCRAM: what is stored of a password, and what the server shows in return (RFC 5802 3, RFC 7677)."""

import hashlib
import hmac
from collections.abc import Mapping
from types import MappingProxyType

import attrs

__all__ = ["HASHES", "ScramKeys", "ScramSecrets", "keys_of"]

HASHES: Mapping[str, str] = MappingProxyType({"SHA-256": "sha256", "SHA-1": "sha1"})
"""Name in the mechanism -> name in hashlib."""


@attrs.frozen
class ScramKeys:
    """What the server keeps of a password: enough to recognise it, too little to log in elsewhere."""

    stored_key: bytes = attrs.field(repr=False)
    server_key: bytes = attrs.field(repr=False)


@attrs.frozen
class ScramSecrets:
    """What one account can log in with by one hash.

    All of its passwords share salt and iteration count, for the client is told those before it shows by which password it comes.
    """

    salt: bytes = attrs.field(repr=False)
    iterations: int
    keys: tuple[ScramKeys, ...] = attrs.field(default=(), repr=False)


def keys_of(password: bytes, hash: str, salt: bytes, iterations: int) -> ScramKeys:
    """What to store of a password (prepared, RFC 4013). Slow on purpose."""
    digest = HASHES[hash]
    salted = hashlib.pbkdf2_hmac(digest, password, salt, iterations)
    client_key = hmac.digest(salted, b"Client Key", digest)
    return ScramKeys(hashlib.new(digest, client_key).digest(), hmac.digest(salted, b"Server Key", digest))
