"""Bearer tokens of an identity provider (RFC 6750): who issued it, for whom, until when; and which of our accounts that is.

A token is judged by the provider's keys (JWT, RFC 7519, 9068) or by asking the provider (RFC 7662, :mod:`mailsvc.auth.introspection`).
What it says of its owner, by one claim, is looked up like a log-in.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import jwt
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from zope.interface import implementer

from mailsvc.auth.credentials import AvatarId, IToken, TokenCredentials
from mailsvc.auth.names import admit, find, same_account
from mailsvc.core.errors import temporary
from mailsvc.core.interfaces.directory import IDirectory
from mailsvc.core.values import Account, Peer
from mailsvc.formats.sasl import TokenQuestion

__all__ = ["JwtVerifier", "TokenChecker", "TokenVerifier"]

log = Logger()

_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""Signatures by a key that only the provider has. None with a shared secret: whoever may check could issue."""


class TokenVerifier(Protocol):
    """Judges tokens."""

    async def claims(self, token: str) -> Mapping[str, Any] | None:
        """What a good token says; None if it is not good. Raises NOT_NOW."""


class JwtVerifier:
    """Judges tokens by the keys in a JWK Set (RFC 7517 5), a file that is read again when it has changed."""

    def __init__(self, keys: Path, issuer: str, audience: str) -> None:
        """:param audience: what the provider calls us; ``""``: tokens for anybody are taken."""
        self._path = keys
        self._issuer = issuer
        self._audience = audience
        self._stamp: tuple[int, ...] = ()
        self._keys: dict[str, jwt.PyJWK] = {}

    async def claims(self, token: str) -> Mapping[str, Any] | None:
        """What a good token says. Raises NOT_NOW if the keys cannot be read."""
        keys = self._current()
        try:
            key = keys.get(str(jwt.get_unverified_header(token).get("kid", "")))
            if key is None:
                return None
            options: Any = {"require": ["exp", "iss"], "verify_aud": bool(self._audience)}
            audience = self._audience or None
            return jwt.decode(token, key, _ALGORITHMS, options, audience=audience, issuer=self._issuer, leeway=30)
        except jwt.InvalidTokenError as error:
            log.debug("token refused: {reason}", reason=type(error).__name__)
            return None

    def _current(self) -> dict[str, jwt.PyJWK]:
        try:
            status = os.stat(self._path)
            stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
            if stamp != self._stamp:
                key_set = jwt.PyJWKSet.from_json(self._path.read_text("utf-8"))
                self._keys = {str(key.key_id or ""): key for key in key_set.keys}
                self._stamp = stamp
        except (OSError, ValueError, jwt.PyJWTError, json.JSONDecodeError) as error:
            raise temporary("token-keys-unreadable", f"{self._path}: {error}") from error
        return self._keys


@implementer(ICredentialsChecker)
class TokenChecker:
    """OAUTHBEARER and XOAUTH2."""

    credentialInterfaces = (IToken,)

    def __init__(self, directory: IDirectory, verifier: TokenVerifier, claim: str) -> None:
        """:param claim: which claim names the owner."""
        self._directory = directory
        self._verifier = verifier
        self._claim = claim

    async def answer(self, question: TokenQuestion, peer: Peer) -> bool:
        """Whether a token would let its owner in. Raises NOT_NOW."""
        try:
            admit(await self._account(question.token, question.account.encode("utf-8"), peer))
        except UnauthorizedLogin:
            return False
        return True

    def requestAvatarId(self, credentials: TokenCredentials) -> "Deferred[AvatarId]":
        """The account's address. Fails with UnauthorizedLogin, NOT_NOW."""
        return Deferred.fromCoroutine(self._check(credentials))

    async def _check(self, credentials: TokenCredentials) -> AvatarId:
        return admit(await self._account(credentials.proof.token, credentials.authzid, credentials.peer))

    async def _account(self, token: str, authzid: bytes, peer: Peer) -> Account:
        claims = await self._verifier.claims(token)
        if claims is None:
            raise UnauthorizedLogin("bad-token")
        name = claims.get(self._claim)
        if not isinstance(name, str):
            raise UnauthorizedLogin("token-names-nobody")
        account = await find(self._directory, name.encode("utf-8", "surrogatepass"), peer)
        if account is None:
            raise UnauthorizedLogin("no-account")
        await same_account(self._directory, account, authzid, peer)
        return account
