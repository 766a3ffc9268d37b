"""The client's side of log-ins, for smarthosts: PLAIN, LOGIN, CRAM-MD5 and SCRAM-SHA-256 (RFC 4616, RFC 2195, RFC 5802, RFC 7677).

Each mechanism is a generator: it yields what the client says, and is sent what the server says. The first thing yielded is the initial
response, or None where the server speaks first. It may end before the server does; what makes no sense raises SaslError.
"""

import base64
import binascii
import hmac
import re
from collections.abc import Callable, Generator, Mapping
from hashlib import pbkdf2_hmac, sha256
from types import MappingProxyType

from mailsvc.formats.sasl.exchange import SaslError
from mailsvc.formats.sasl.prepare import saslprep

__all__ = ["CLIENTS", "Dialogue"]

Dialogue = Generator[bytes | None, bytes, None]
"""What the client says -> what the server says."""

_ITERATIONS = range(4096, 1_000_001)
"""Rounds that a server may ask for: fewer protect nothing (RFC 7677 4), more would only keep us busy."""

_SERVER_FIRST = re.compile(rb"r=([\x21-\x2b\x2d-\x7e]+),s=([A-Za-z0-9+/=]+),i=([0-9]{1,7})(?:,.*)?")


def _plain(name: str, password: str, nonce: str) -> Dialogue:
    yield f"\0{name}\0{password}".encode()


def _login(name: str, password: str, nonce: str) -> Dialogue:
    yield None
    yield name.encode()
    yield password.encode()


def _cram_md5(name: str, password: str, nonce: str) -> Dialogue:
    challenge = yield None
    yield f"{name} {hmac.new(password.encode(), challenge, 'md5').hexdigest()}".encode()


def _scram(name: str, password: str, nonce: str) -> Dialogue:
    bare = f"n={name.replace('=', '=3D').replace(',', '=2C')},r={nonce}".encode()
    server_first = yield b"n,," + bare
    found = _SERVER_FIRST.fullmatch(server_first)
    if found is None or not found[1].startswith(nonce.encode()) or int(found[3]) not in _ITERATIONS:
        raise SaslError("bad-server-message")
    salted = pbkdf2_hmac("sha256", _prepared(password), _base64(found[2]), int(found[3]))
    without_proof = b"c=biws,r=" + found[1]
    message = b",".join((bare, server_first, without_proof))
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    signature = hmac.digest(sha256(client_key).digest(), message, "sha256")
    proof = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
    server_final = yield without_proof + b",p=" + base64.b64encode(proof)
    expected = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), message, "sha256")
    if not hmac.compare_digest(server_final, b"v=" + base64.b64encode(expected)):
        raise SaslError("not-the-server")  # it does not know the password: somebody else answers in its name
    yield b""


def _prepared(password: str) -> bytes:
    try:
        return saslprep(password).encode()
    except ValueError:
        return password.encode()


def _base64(octets: bytes) -> bytes:
    try:
        return binascii.a2b_base64(octets, strict_mode=True)
    except (binascii.Error, ValueError):
        raise SaslError("not-base64") from None


CLIENTS: Mapping[str, Callable[[str, str, str], Dialogue]] = MappingProxyType(
    {"SCRAM-SHA-256": _scram, "PLAIN": _plain, "LOGIN": _login, "CRAM-MD5": _cram_md5}
)
"""Mechanism -> ``(name, password, nonce)`` -> its dialogue; the best one first. The nonce: printable, never used before."""
