"""Bearer tokens: judged by the provider's keys, or by asking the provider."""

import datetime
import json
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from twisted.internet import task
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase, TestCase
from twisted.web.client import Agent, HTTPConnectionPool
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

from mailsvc.auth.credentials import credentials_of
from mailsvc.auth.introspection import ANSWER_LIMIT, Introspection
from mailsvc.auth.tokens import JwtVerifier, TokenChecker
from mailsvc.core.errors import MailError
from mailsvc.formats.sasl import TokenProof, TokenQuestion
from mailsvc.testing.directory import MemoryDirectory
from tests.auth.people import PEER, scratch

ISSUER = "https://login.example.test"
US = "mail.example.test"
KEYS = {
    "rsa": ("RS256", rsa.generate_private_key(65537, 2048), jwt.algorithms.RSAAlgorithm),
    "ec": ("ES256", ec.generate_private_key(ec.SECP256R1()), jwt.algorithms.ECAlgorithm),
    "ed": ("EdDSA", ed25519.Ed25519PrivateKey.generate(), jwt.algorithms.OKPAlgorithm),
}


def jwks(*names: str) -> str:
    """The public keys as a provider publishes them."""
    keys = []
    for name in names:
        _, key, algorithm = KEYS[name]
        keys.append({**json.loads(algorithm.to_jwk(key.public_key())), "kid": name, "use": "sig"})
    return json.dumps({"keys": keys})


def now() -> float:
    """The time."""
    return datetime.datetime.now(datetime.UTC).timestamp()


def token(key: str = "rsa", algorithm: str = "", kid: str | None = None, **claims: Any) -> str:
    """A token of Tim's, with some claims changed; None leaves one out."""
    usual, secret, _ = KEYS[key]
    told = {"iss": ISSUER, "aud": US, "exp": now() + 300, "email": "tim@example.test", **claims}
    told = {name: value for name, value in told.items() if value is not None}
    return jwt.encode(told, secret, algorithm or usual, {"kid": kid or key})


class JwtTests(SynchronousTestCase):
    """Tokens that can be checked by keys."""

    def setUp(self) -> None:
        self.directory = MemoryDirectory()
        self.tim = self.directory.add("tim@example.test", login="u0123")
        self.directory.add("tom@example.test")
        self.path = scratch(self, "keys.json")
        self.path.write_text(jwks("rsa", "ec", "ed"))
        self.checker = TokenChecker(self.directory, JwtVerifier(self.path, ISSUER, US), "email")
        self.events: list[Any] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def enter(self, text: str, account: str = "") -> str:
        """The outcome of a log-in, after asking as an exchange does."""
        asked = Deferred.fromCoroutine(self.checker.answer(TokenQuestion(text, account), PEER))
        credentials = credentials_of(TokenProof(text, account), PEER, "OAUTHBEARER")
        deferred = maybeDeferred(self.checker.requestAvatarId, credentials)
        found: Any = self.successResultOf(deferred.addErrback(lambda failure: failure.value))
        good = isinstance(found, bytes)
        if not isinstance(found, MailError):
            self.assertEqual(self.successResultOf(asked), good)
        else:
            self.failureResultOf(asked, MailError)
        return found.decode() if good else str(found)

    def test_good_tokens(self) -> None:
        """Each kind of key is taken; the account may be named, by any name of its own."""
        for key in KEYS:
            self.assertEqual(self.enter(token(key)), "tim@example.test")
        for account in ("tim@example.test", "tim", "u0123"):
            self.assertEqual(self.enter(token(), account), "tim@example.test")
        self.assertEqual(self.enter(token(aud=["other", US])), "tim@example.test")

    def test_bad_tokens(self) -> None:
        """Another's signature, a past date, another service or provider, a missing claim: each is refused."""
        elsewhere = rsa.generate_private_key(65537, 2048)
        pem = KEYS["rsa"][1].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        good = token()
        for bad in (
            "",
            "x",
            "x.y.z",
            good[:-6] + "AAAAAA",
            jwt.encode(
                {"iss": ISSUER, "aud": US, "exp": now() + 9, "email": "tim"}, elsewhere, "RS256", {"kid": "rsa"}
            ),
            jwt.encode({"iss": ISSUER, "aud": US, "exp": now() + 9, "email": "tim"}, None, "none", {"kid": "rsa"}),
            _hs256(pem),
            token(kid="unknown"),
            token("ec", kid="rsa"),
            token(exp=now() - 60),
            token(exp=None),
            token(nbf=now() + 600),
            token(aud="other"),
            token(aud=None),
            token(iss="https://elsewhere.test"),
            token(iss=None),
        ):
            self.assertEqual(self.enter(bad), "bad-token", bad)

    def test_whose(self) -> None:
        """A good token opens its owner's account and no other."""
        self.assertEqual(self.enter(token(), "tom"), "other-identity")
        self.assertEqual(self.enter(token(email="stranger@example.test")), "no-account")
        self.assertEqual(self.enter(token(email=None)), "token-names-nobody")
        self.assertEqual(self.enter(token(email=["tim"])), "token-names-nobody")
        self.directory.change(self.tim, enabled=False)
        self.assertEqual(self.enter(token()), "disabled")

    def test_new_keys(self) -> None:
        """The keys are read again when their file changes; without it, or with rubbish, nobody's token is wrong."""
        self.path.write_text(jwks("ec"))
        self.assertEqual(self.enter(token("rsa")), "bad-token")
        self.assertEqual(self.enter(token("ec")), "tim@example.test")
        self.path.write_text("{")
        self.assertIn("token-keys-unreadable", self.enter(token("ec")))
        self.path.unlink()
        self.assertIn("token-keys-unreadable", self.enter(token("ec")))

    def test_tokens_are_not_logged(self) -> None:
        """Neither good nor bad tokens appear in the log."""
        for text in (token(), token(exp=now() - 60)):
            self.enter(text)
            logged = "\n".join(filter(None, map(formatEvent, self.events))) + repr(self.events)
            self.assertNotIn(text, logged)
            self.assertNotIn(text.rpartition(".")[2], logged)


def _hs256(key: bytes) -> str:
    """The provider's public key used as a shared secret: an old trick."""
    import base64
    import hmac

    def part(value: Any) -> bytes:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")

    head = part({"alg": "HS256", "typ": "JWT", "kid": "rsa"})
    signed = head + b"." + part({"iss": ISSUER, "aud": US, "exp": now() + 9, "email": "tim"})
    mac = base64.urlsafe_b64encode(hmac.digest(key, signed, "sha256")).rstrip(b"=")
    return (signed + b"." + mac).decode()


class Provider(Resource):
    """An introspection endpoint whose answer the test decides."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.answer: Any = {"active": True, "email": "tim@example.test"}
        self.code = 200
        self.asked: list[tuple[bytes, bytes]] = []

    def render_POST(self, request: Any) -> Any:
        """The prepared answer."""
        self.asked.append((request.getHeader("authorization").encode(), request.args[b"token"][0]))
        request.setResponseCode(self.code)
        if self.answer is None:
            return NOT_DONE_YET
        return self.answer if isinstance(self.answer, bytes) else json.dumps(self.answer).encode()


class IntrospectionTests(TestCase):
    """Tokens that only the provider can judge, over a real socket."""

    timeout = 120

    def setUp(self) -> None:
        from twisted.internet import reactor

        self.provider = Provider()
        self.site = Site(self.provider)
        port: Any = reactor.listenTCP(0, self.site, interface="127.0.0.1")  # type: ignore[attr-defined]
        self.addCleanup(port.stopListening)
        self.pool = HTTPConnectionPool(reactor, persistent=False)
        self.clock = task.Clock()
        self.time = [1_800_000_000.0]
        self.verifier = Introspection(
            Agent(reactor, pool=self.pool),  # type: ignore[arg-type]
            f"http://127.0.0.1:{port.getHost().port}/introspect",
            "mailsvc",
            "s3cret",
            ISSUER,
            US,
            self.clock,
            lambda: self.time[0],
        )

    async def test_asked_once(self) -> None:
        """We name ourselves, pass the token on, and remember the answer for a minute."""
        for _ in range(3):
            claims = await self.verifier.claims("to+ken/=")
            self.assertEqual(claims and claims["email"], "tim@example.test")
        self.assertEqual(self.provider.asked, [(b"Basic bWFpbHN2YzpzM2NyZXQ=", b"to+ken/=")])
        self.time[0] += 61
        await self.verifier.claims("to+ken/=")
        self.assertEqual(len(self.provider.asked), 2)

    async def test_an_answer_ends_with_the_token(self) -> None:
        """What expires within the minute is not remembered longer than that."""
        self.provider.answer["exp"] = self.time[0] + 10
        self.assertIsNotNone(await self.verifier.claims("t"))
        self.time[0] += 11
        self.assertIsNone(await self.verifier.claims("t"))

    async def test_not_good(self) -> None:
        """Only ``active: true`` of our provider and for us lets somebody in."""
        for number, answer in enumerate(
            (
                {"active": False, "email": "tim"},
                {"email": "tim"},
                {"active": "true", "email": "tim"},
                {"active": True, "exp": self.time[0] - 1},
                {"active": True, "iss": "https://elsewhere.test"},
                {"active": True, "aud": ["other"]},
                {},
            )
        ):
            self.provider.answer = answer
            self.assertIsNone(await self.verifier.claims(f"token{number}"), answer)

    async def test_trouble_is_temporary(self) -> None:
        """An error, rubbish, an endless answer: "try again later", and nothing is remembered of it."""
        for code, answer in ((500, {"active": True}), (200, b"<html>"), (200, b"[]"), (200, b" " * (ANSWER_LIMIT + 1))):
            self.provider.code, self.provider.answer = code, answer
            try:
                await self.verifier.claims("token")
            except MailError as error:
                self.assertTrue(error.temporary)
            else:
                self.fail(f"{code} {answer!r:.20}")
        self.provider.code, self.provider.answer = 200, {"active": True}
        self.assertIsNotNone(await self.verifier.claims("token"))

    async def test_silence_has_an_end(self) -> None:
        """A provider that does not answer keeps nobody waiting for long."""
        self.provider.answer = None
        asking = Deferred.fromCoroutine(self.verifier.claims("token"))
        while not self.provider.asked:
            await task.deferLater(_reactor(), 0.01)
        self.clock.advance(11)
        with self.assertRaises(MailError):
            await asking


def _reactor() -> Any:
    from twisted.internet import reactor

    return reactor
