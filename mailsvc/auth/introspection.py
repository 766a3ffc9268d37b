"""Asking the identity provider what a token is worth (RFC 7662). Answers are remembered for a short time.

A provider that does not answer, or not in time, or not sensibly, is trouble of its own: the client hears "try again later".
"""

import base64
import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any
from urllib.parse import urlencode

from twisted.internet import protocol
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.client import Agent, FileBodyProducer, ResponseDone
from twisted.web.http_headers import Headers

from mailsvc.core.errors import temporary

__all__ = ["Introspection"]

log = Logger()

ANSWER_LIMIT = 65_536
TIMEOUT = 10.0
REMEMBERED = 10_000
REMEMBER_SECONDS = 60.0


class Introspection:
    """A :class:`~mailsvc.auth.tokens.TokenVerifier` that asks a URL."""

    def __init__(
        self,
        agent: Agent,
        url: str,
        client: str,
        secret: str,
        issuer: str,
        audience: str,
        reactor: Any,
        now: Callable[[], float] = time.time,
    ) -> None:
        """:param client: our name at the provider, and our ``secret`` there (RFC 6749 2.3.1).
        :param issuer: and ``audience``: what an answer must say, if it says anything about them.
        """
        credentials = base64.b64encode(f"{client}:{secret}".encode()).decode("ascii")
        self._agent = agent
        self._url = url.encode("ascii")
        self._headers = Headers(
            {
                "Authorization": [f"Basic {credentials}"],
                "Content-Type": ["application/x-www-form-urlencoded"],
                "Accept": ["application/json"],
            }
        )
        self._issuer = issuer
        self._audience = audience
        self._reactor = reactor
        self._now = now
        self._answers: OrderedDict[bytes, tuple[float, Mapping[str, Any] | None]] = OrderedDict()

    async def claims(self, token: str) -> Mapping[str, Any] | None:
        """What a good token says. Raises NOT_NOW."""
        mark = hashlib.sha256(token.encode("utf-8")).digest()
        until, claims = self._answers.get(mark, (0.0, None))
        if until > self._now():
            return claims
        claims = self._judged(await self._ask(token))
        until = self._now() + REMEMBER_SECONDS
        if claims is not None and isinstance(claims.get("exp"), int | float):
            until = min(until, float(claims["exp"]))
        self._answers[mark] = until, claims
        self._answers.move_to_end(mark)
        while len(self._answers) > REMEMBERED:
            self._answers.popitem(last=False)
        return claims

    def _judged(self, answer: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """RFC 7662 2.2: ``active`` decides."""
        if answer.get("active") is not True:
            return None
        expires = answer.get("exp")
        if isinstance(expires, int | float) and expires <= self._now():
            return None
        audience = answer.get("aud", self._audience)
        audiences = audience if isinstance(audience, list) else [audience]
        if answer.get("iss", self._issuer) != self._issuer or (self._audience and self._audience not in audiences):
            return None
        return answer

    async def _ask(self, token: str) -> Mapping[str, Any]:
        body = FileBodyProducer(BytesIO(urlencode({"token": token}).encode("ascii")))
        asking: Deferred[bytes] = Deferred.fromCoroutine(self._post(body))
        asking.addTimeout(TIMEOUT, self._reactor)
        try:
            answer = json.loads(await asking)
        except Exception as error:  # whatever a network and a stranger's server come up with
            raise temporary("introspection-failed", repr(error)) from error
        if not isinstance(answer, dict):
            raise temporary("introspection-failed", "the answer is no JSON object")
        return answer

    async def _post(self, body: FileBodyProducer) -> bytes:
        response: Any = await self._agent.request(b"POST", self._url, self._headers, body)
        reader = _Reader()
        response.deliverBody(reader)
        answer = await reader.done
        if response.code != 200:
            raise ValueError(f"status {response.code}")
        return answer


class _Reader(protocol.Protocol):
    """A body of bounded length."""

    def __init__(self) -> None:
        self.done: Deferred[bytes] = Deferred()
        self._body = b""

    def dataReceived(self, data: bytes) -> None:
        """A piece."""
        self._body += data
        if len(self._body) > ANSWER_LIMIT and self.transport is not None:
            self.transport.loseConnection()

    def connectionLost(self, reason: Failure = ConnectionDone) -> None:  # type: ignore[assignment]
        """The end."""
        if reason.check(ResponseDone) and len(self._body) <= ANSWER_LIMIT:
            self.done.callback(self._body)
        else:
            self.done.errback(
                reason if len(self._body) <= ANSWER_LIMIT else Failure(ValueError("the answer is too long"))
            )
