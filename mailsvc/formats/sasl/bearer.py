"""OAUTHBEARER (RFC 7628) and its forerunner XOAUTH2: a bearer token in key=value pairs between Control-A's.

A bad token is answered with JSON that says why; the client acknowledges that, and only then the exchange fails (RFC 7628 3.2.3).
"""

import json
import re

from mailsvc.formats.sasl.exchange import NAME_LIMIT, Challenge, Done, Need, SaslError, Step, text
from mailsvc.formats.sasl.gs2 import gs2_header
from mailsvc.formats.sasl.proofs import TokenProof
from mailsvc.formats.sasl.questions import TokenQuestion

__all__ = ["OAuthBearer", "XOAuth2"]

TOKEN_LIMIT = 8192
"""Octets of a token: JWTs with many groups reach some thousand."""

_BEARER = re.compile(rb"bearer +([A-Za-z0-9._~+/-]+=*)", re.IGNORECASE)  # RFC 6750 2.1
_KEY = re.compile(rb"[A-Za-z]+")  # RFC 7628 3.1


class _Bearer:
    """What both have in common."""

    refusal: dict[str, str]

    def __init__(self) -> None:
        self._proof: TokenProof | None = None

    def first(self) -> bytes | None:
        """The client speaks first."""
        return None

    def step(self, response: bytes) -> Step:
        """The token; or, after a refusal, whatever acknowledges it."""
        if self._proof is not None:
            return Done(self._proof)
        self._proof = self.read(response)
        return Need(TokenQuestion(self._proof.token, self._proof.authzid), self._judged)

    def _judged(self, good: bool) -> Step:
        """Go on with a good token, explain a bad one."""
        assert self._proof is not None
        return Done(self._proof) if good else Challenge(json.dumps(self.refusal).encode("ascii"))

    def read(self, message: bytes) -> TokenProof:
        """The client's message. Raises SaslError."""
        raise NotImplementedError


class OAuthBearer(_Bearer):
    """An OAUTHBEARER exchange."""

    refusal = {"status": "invalid_token"}  # noqa: RUF012  # never changed

    def read(self, message: bytes) -> TokenProof:
        """``gs2-header kvsep *kvpair kvsep`` (RFC 7628 3.1)."""
        header, separator, rest = message.partition(b"\x01")
        found = gs2_header(header)
        if not separator or found is None or found.rest:
            raise SaslError("no-gs2-header")
        if found.flag == "p":
            raise SaslError("no-channel-binding-here", refused=True)  # RFC 7628 3: defined for -PLUS variants only
        return TokenProof(_token(_pairs(rest)), found.authzid)


class XOAuth2(_Bearer):
    """An XOAUTH2 exchange: ``user=name ^A auth=Bearer token ^A ^A`` (Google's and Microsoft's documentation; no RFC)."""

    refusal = {"status": "401", "schemes": "bearer", "scope": ""}  # noqa: RUF012

    def read(self, message: bytes) -> TokenProof:
        """Both pairs are needed."""
        pairs = _pairs(message)
        return TokenProof(_token(pairs), text(pairs.get(b"user", b""), NAME_LIMIT, "name"))


def _pairs(message: bytes) -> dict[bytes, bytes]:
    """``*(key "=" value kvsep) kvsep``. Raises SaslError."""
    if message == b"\x01":
        return {}
    if not message.endswith(b"\x01\x01"):
        raise SaslError("no-end")
    pairs = {}
    for pair in message[:-2].split(b"\x01"):
        key, equals, value = pair.partition(b"=")
        if not equals or not _KEY.fullmatch(key) or key.lower() in pairs:
            raise SaslError("bad-pair")
        pairs[key.lower()] = value
    return pairs


def _token(pairs: dict[bytes, bytes]) -> str:
    found = _BEARER.fullmatch(pairs.get(b"auth", b""))
    if found is None or len(found[1]) > TOKEN_LIMIT:
        raise SaslError("no-token")
    return found[1].decode("ascii")
