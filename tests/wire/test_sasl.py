"""The SASL session: base64, initial responses, cancelling and limits, whatever the protocol around it."""

from base64 import b64encode
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailsvc.formats.sasl import MECHANISMS, Challenge, Done, Mechanism, PasswordProof
from mailsvc.formats.sasl.exchange import Step
from mailsvc.wire.framing import BadLine, Flaw
from mailsvc.wire.sasl import LINE_LIMIT, STEP_LIMIT, Outcome, SaslFailure, authenticate

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


def run(mechanism: str | Mechanism, initial: bytes | None, *answers: bytes | Exception) -> tuple[Outcome, list[bytes]]:
    """Outcome and challenges of one exchange."""
    dialogue = Dialogue(*answers)
    fresh = MECHANISMS[mechanism]() if isinstance(mechanism, str) else mechanism
    outcomes: list[Outcome] = []
    Deferred.fromCoroutine(authenticate(fresh, initial, dialogue.ask)).addCallback(outcomes.append)
    return outcomes[0], dialogue.challenges


class Talkative:
    """A mechanism that never ends."""

    cleartext: ClassVar[bool] = False
    initial: ClassVar[bool] = False

    def first(self) -> bytes | None:
        """Speak first."""
        return b"more"

    def step(self, response: bytes) -> Step:
        """Ask again."""
        return Challenge(b"more")


class Silent:
    """A mechanism whose client may say nothing, as in EXTERNAL."""

    cleartext: ClassVar[bool] = False
    initial: ClassVar[bool] = True

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
    assert run(Talkative(), b"dGlt") == (SaslFailure.MALFORMED, [])


def test_an_empty_initial_response_is_an_equals_sign() -> None:
    """``AUTH EXTERNAL =`` says nothing at once, without waiting to be asked (RFC 4954 4); an empty line does so when asked."""
    nothing = PasswordProof("client", "")
    assert run(Silent(), b"=") == (nothing, [])
    assert run(Silent(), None, b"") == (nothing, [b""])


def test_an_exchange_has_an_end() -> None:
    """A mechanism that asks forever is cut off."""
    outcome, challenges = run(Talkative(), None, *[b""] * 100)
    assert outcome is SaslFailure.TOO_LONG
    assert len(challenges) == STEP_LIMIT + 1


@given(st.sampled_from(sorted(MECHANISMS)), st.none() | st.binary(max_size=30), st.binary(max_size=60))
def test_any_lines_lead_to_an_outcome(mechanism: str, initial: bytes | None, line: bytes) -> None:
    """Whatever lines arrive, the exchange ends in a proof or a named failure."""
    outcome, _ = run(mechanism, initial, *[line] * 4)
    assert isinstance(outcome, PasswordProof | SaslFailure)


class WaitingTests(SynchronousTestCase):
    """An exchange waits for the client as long as the protocol lets it."""

    def test_waits_for_each_answer(self) -> None:
        """The exchange goes on when the answer comes, not before."""
        answers: list[Deferred[bytes]] = []

        def ask(challenge: bytes) -> Deferred[bytes]:
            answers.append(Deferred())
            return answers[-1]

        done = Deferred.fromCoroutine(authenticate(MECHANISMS["LOGIN"](), None, ask))
        self.assertNoResult(done)
        answers[0].callback(b"dGlt")
        self.assertNoResult(done)
        answers[1].callback(b"dGFuc3RhYWZ0YW5zdGFhZg==")
        self.assertEqual(self.successResultOf(done), TIM)

    def test_a_lost_client_ends_it(self) -> None:
        """What the protocol raises when the client goes away passes through to the protocol."""
        dialogue = Dialogue(ConnectionError())
        self.failureResultOf(
            Deferred.fromCoroutine(authenticate(MECHANISMS["PLAIN"](), None, dialogue.ask)), ConnectionError
        )

    def test_an_endless_line_is_the_protocols_matter(self) -> None:
        """Bytes without an end of line are no answer: the connection cannot go on."""
        dialogue = Dialogue(BadLine(Flaw.ENDLESS))
        self.failureResultOf(Deferred.fromCoroutine(authenticate(MECHANISMS["PLAIN"](), None, dialogue.ask)), BadLine)
