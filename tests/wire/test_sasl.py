"""The SASL session: base64, initial responses, cancelling and limits, whatever the protocol around it."""

from base64 import b64encode
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailsvc.core.errors import MailError, temporary
from mailsvc.core.values import Peer
from mailsvc.formats.sasl import (
    MECHANISMS,
    Challenge,
    Circumstances,
    Done,
    Need,
    PasswordProof,
    Proof,
    SaslError,
    ScramSecrets,
)
from mailsvc.formats.sasl.exchange import Step
from mailsvc.wire.framing import BadLine, Flaw
from mailsvc.wire.sasl import (
    LINE_LIMIT,
    STEP_LIMIT,
    Exchange,
    Outcome,
    SaslFailure,
    authenticate,
    begin,
    offered,
)

TIM = PasswordProof("tim", "tanstaaftanstaaf")
PLAIN_TIM = b64encode(b"\0tim\0tanstaaftanstaaf")


class Dialogue:
    """A client that gives prepared answers and keeps the challenges."""

    def __init__(self, *answers: bytes | Exception) -> None:
        self.answers = list(answers)
        self.challenges: list[bytes] = []

    async def ask(self, challenge: bytes) -> bytes:
        """The next answer."""
        self.challenges.append(challenge)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


async def nobody(question: Any) -> Any:
    """Answers as for a name that nobody has, and a token that is no good."""
    return ScramSecrets(b"salt", 4096) if hasattr(question, "hash") else False


def run(mechanism: str | Exchange, initial: bytes | None, *answers: bytes | Exception) -> tuple[Outcome, list[bytes]]:
    """Outcome and challenges of one exchange."""
    dialogue = Dialogue(*answers)
    fresh = begin(mechanism, Circumstances(nonce="n", host="h")) if isinstance(mechanism, str) else mechanism
    outcomes: list[Outcome] = []
    Deferred.fromCoroutine(authenticate(fresh, initial, dialogue.ask, nobody)).addCallback(outcomes.append)
    return outcomes[0], dialogue.challenges


class Talkative:
    """A mechanism that never ends."""

    def first(self) -> bytes | None:
        """Speak first."""
        return b"more"

    def step(self, response: bytes) -> Step:
        """Ask again."""
        return Challenge(b"more")


class Silent:
    """A mechanism whose client may say nothing, as in EXTERNAL."""

    def first(self) -> bytes | None:
        """The client speaks first."""
        return None

    def step(self, response: bytes) -> Step:
        """Keep what it said."""
        return Done(PasswordProof("client", response.decode()))


@pytest.mark.parametrize(
    ("mechanism", "initial", "answers", "challenges"),
    [
        ("PLAIN", PLAIN_TIM, [], []),
        ("PLAIN", None, [PLAIN_TIM], [b""]),  # RFC 4422 5.1: an empty challenge
        ("LOGIN", None, [b"dGlt", b"dGFuc3RhYWZ0YW5zdGFhZg=="], [b"VXNlcm5hbWU6", b"UGFzc3dvcmQ6"]),
        ("LOGIN", b"dGlt", [b"dGFuc3RhYWZ0YW5zdGFhZg=="], [b"UGFzc3dvcmQ6"]),
    ],
)
def test_exchanges(mechanism: str, initial: bytes | None, answers: list[bytes], challenges: list[bytes]) -> None:
    """Each mechanism comes to the same proof with and without an initial response."""
    assert run(mechanism, initial, *answers) == (TIM, challenges)


@pytest.mark.parametrize(
    ("mechanism", "initial", "answers", "failure"),
    [
        ("PLAIN", None, [b"*"], SaslFailure.CANCELLED),
        ("LOGIN", None, [b"*"], SaslFailure.CANCELLED),
        ("LOGIN", None, [b"dGlt", b"*"], SaslFailure.CANCELLED),
        ("PLAIN", b"=", [], SaslFailure.MALFORMED),  # present but empty: not a PLAIN message
        ("PLAIN", b"", [], SaslFailure.MALFORMED),
        ("PLAIN", b"*", [], SaslFailure.MALFORMED),  # cancels an exchange, and none has begun
        ("PLAIN", None, [b""], SaslFailure.MALFORMED),
        ("PLAIN", None, [b"="], SaslFailure.MALFORMED),  # "=" stands for nothing only in the command
        ("PLAIN", b"AHRpbQ", [], SaslFailure.MALFORMED),  # padding is missing
        ("PLAIN", b"=AAA", [], SaslFailure.MALFORMED),  # RFC 4954 4's own examples
        ("PLAIN", b"AAA=BBB", [], SaslFailure.MALFORMED),
        ("PLAIN", PLAIN_TIM + b" ", [], SaslFailure.MALFORMED),
        ("PLAIN", PLAIN_TIM[:8] + b"!" + PLAIN_TIM[8:], [], SaslFailure.MALFORMED),
        ("PLAIN", "あ".encode(), [], SaslFailure.MALFORMED),
        ("PLAIN", b64encode(b"tim"), [], SaslFailure.MALFORMED),
        ("PLAIN", b64encode(b"\0tim\0\xff\xfe"), [], SaslFailure.MALFORMED),
        ("LOGIN", b"=", [], SaslFailure.MALFORMED),
        ("LOGIN", None, [b"dGlt", b"%%%"], SaslFailure.MALFORMED),
        ("PLAIN", b"A" * (LINE_LIMIT + 1), [], SaslFailure.TOO_LONG),
        ("PLAIN", None, [b"A" * (LINE_LIMIT + 1)], SaslFailure.TOO_LONG),
        ("PLAIN", b"A" * LINE_LIMIT, [], SaslFailure.MALFORMED),  # long, but a line that we read
        ("PLAIN", None, [BadLine(Flaw.TOO_LONG)], SaslFailure.TOO_LONG),
        ("PLAIN", None, [BadLine(Flaw.BARE)], SaslFailure.MALFORMED),
    ],
)
def test_failures(
    mechanism: str, initial: bytes | None, answers: list[bytes | Exception], failure: SaslFailure
) -> None:
    """Each way to spoil an exchange has a named end and nothing raised."""
    assert run(mechanism, initial, *answers)[0] is failure


def test_an_initial_response_where_the_server_begins_is_refused() -> None:
    """A mechanism that opens with a challenge takes no initial response (RFC 4954 4)."""
    assert run(Exchange(Talkative(), initial=False), b"dGlt") == (SaslFailure.MALFORMED, [])


def test_an_empty_initial_response_is_an_equals_sign() -> None:
    """``AUTH EXTERNAL =`` says nothing at once, without waiting to be asked (RFC 4954 4); an empty line does so when asked."""
    nothing = PasswordProof("client", "")
    assert run(Exchange(Silent()), b"=") == (nothing, [])
    assert run(Exchange(Silent()), None, b"") == (nothing, [b""])


def test_an_exchange_has_an_end() -> None:
    """A mechanism that asks forever is cut off."""
    outcome, challenges = run(Exchange(Talkative()), None, *[b""] * 100)
    assert outcome is SaslFailure.TOO_LONG
    assert len(challenges) == STEP_LIMIT + 1


@given(st.sampled_from(sorted(MECHANISMS)), st.none() | st.binary(max_size=30), st.binary(max_size=60))
def test_any_lines_lead_to_an_outcome(mechanism: str, initial: bytes | None, line: bytes) -> None:
    """Whatever lines arrive, the exchange ends in a proof or a named failure."""
    outcome, _ = run(mechanism, initial, *[line] * 4)
    assert isinstance(outcome, Proof | SaslFailure)


class WaitingTests(SynchronousTestCase):
    """An exchange waits for the client as long as the protocol lets it."""

    def test_waits_for_each_answer(self) -> None:
        """The exchange goes on when the answer comes, not before."""
        answers: list[Deferred[bytes]] = []

        def ask(challenge: bytes) -> Deferred[bytes]:
            answers.append(Deferred())
            return answers[-1]

        done = Deferred.fromCoroutine(authenticate(begin("LOGIN", Circumstances()), None, ask))
        self.assertNoResult(done)
        answers[0].callback(b"dGlt")
        self.assertNoResult(done)
        answers[1].callback(b"dGFuc3RhYWZ0YW5zdGFhZg==")
        self.assertEqual(self.successResultOf(done), TIM)

    def test_a_lost_client_ends_it(self) -> None:
        """What the protocol raises when the client goes away passes through to the protocol."""
        dialogue = Dialogue(ConnectionError())
        self.failureResultOf(
            Deferred.fromCoroutine(authenticate(begin("PLAIN", Circumstances()), None, dialogue.ask)), ConnectionError
        )

    def test_an_endless_line_is_the_protocols_matter(self) -> None:
        """Bytes without an end of line are no answer: the connection cannot go on."""
        dialogue = Dialogue(BadLine(Flaw.ENDLESS))
        self.failureResultOf(
            Deferred.fromCoroutine(authenticate(begin("PLAIN", Circumstances()), None, dialogue.ask)), BadLine
        )


@attrs.define
class Curious:
    """A mechanism that asks before it goes on."""

    def first(self) -> bytes | None:
        """The client speaks first."""
        return None

    def step(self, response: bytes) -> Step:
        """Ask twice."""
        return Need("one", lambda one: Need("two", lambda two: Done(PasswordProof(one, two))))


class QuestionTests(SynchronousTestCase):
    """Mechanisms that must know something on the way."""

    def test_the_exchange_waits_for_the_answer(self) -> None:
        """A question is answered in its own time, and the mechanism goes on with the answer."""
        asked: list[tuple[str, Deferred[str]]] = []

        def lookup(question: str) -> Deferred[str]:
            asked.append((question, Deferred()))
            return asked[-1][1]

        done = Deferred.fromCoroutine(authenticate(Exchange(Curious()), b"=", Dialogue().ask, lookup))
        self.assertNoResult(done)
        asked[0][1].callback("tim")
        self.assertNoResult(done)
        asked[1][1].callback("secret")
        self.assertEqual(self.successResultOf(done), PasswordProof("tim", "secret"))
        self.assertEqual([question for question, _ in asked], ["one", "two"])

    def test_an_answer_that_cannot_be_had(self) -> None:
        """A directory that is down is not a wrong password: its error reaches the protocol."""

        async def lookup(question: str) -> str:
            raise temporary("store-down")

        done = Deferred.fromCoroutine(authenticate(Exchange(Curious()), b"=", Dialogue().ask, lookup))
        self.failureResultOf(done, MailError)

    def test_a_refusal_is_a_failed_log_in(self) -> None:
        """What is well-formed but not to be believed ends as a wrong password does, not as a syntax error."""

        class Refusing(Talkative):
            def step(self, response: bytes) -> Step:
                raise SaslError("downgraded", refused=True)

        self.assertEqual(run(Exchange(Refusing()), b"=")[0], SaslFailure.REFUSED)


OPEN = Peer("192.0.2.1", "pop3@[::]:110", "pop3")
READABLE = {"PLAIN", "LOGIN", "OAUTHBEARER", "XOAUTH2"}
PLUS = {"SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS"}


@pytest.mark.parametrize(
    ("peer", "missing"),
    [  # R3: refuse is the default, for mechanisms that hide the password too
        (OPEN, set(MECHANISMS)),
        (attrs.evolve(OPEN, auth_needs_tls=False), {"EXTERNAL"} | READABLE | PLUS),
        (attrs.evolve(OPEN, cleartext_ok=True), {"EXTERNAL"} | PLUS),
        (attrs.evolve(OPEN, tls="TLSv1.2"), {"EXTERNAL"} | PLUS),
        (attrs.evolve(OPEN, tls="TLSv1.3"), {"EXTERNAL"}),
        (attrs.evolve(OPEN, tls="TLSv1.3", certificate=("tim@example.test",)), set()),
    ],
)
def test_what_is_offered_where(peer: Peer, missing: set[str]) -> None:
    """Each line gets the mechanisms that fit it, in the order of the table, and only those that the listener wants."""
    assert offered(MECHANISMS, peer) == tuple(name for name in MECHANISMS if name not in missing)
    assert set(offered(("PLAIN", "CRAM-MD5"), peer)) == {"PLAIN", "CRAM-MD5"} - missing
