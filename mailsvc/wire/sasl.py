"""The one SASL session under SMTP (RFC 4954), POP3 (RFC 5034) and what follows.

It carries a mechanism's challenges and the client's responses as base64 lines, within limits. It knows no protocol: ``ask`` sends one
challenge in the protocol's form (``334 ...``, ``+ ...``) and returns the client's next line; the :class:`Outcome` is translated into the
protocol's own reply. It knows no password either: the proof goes to the portal.

::

    proof = await authenticate(MECHANISMS[name](), initial, ask)
"""

import binascii
import enum
from collections.abc import Awaitable, Callable

from twisted.logger import Logger

from mailsvc.formats.sasl import Challenge, Mechanism, Proof, SaslError
from mailsvc.wire.framing import BadLine, Flaw

__all__ = ["LINE_LIMIT", "STEP_LIMIT", "Ask", "Outcome", "SaslFailure", "authenticate"]

log = Logger()

LINE_LIMIT = 12_288
"""Octets of one line of the exchange (RFC 4954 4: "sufficient ... for handling of deployed authentication mechanisms")."""

STEP_LIMIT = 8
"""Responses in one exchange. No mechanism needs more than four."""


class SaslFailure(enum.Enum):
    """Why an exchange ended without a proof."""

    CANCELLED = "cancelled"  # SMTP 501 5.7.0, POP3 -ERR
    MALFORMED = "malformed"  # SMTP 501 5.5.2: not base64, or not what the mechanism's grammar allows
    TOO_LONG = "too-long"  # SMTP 500 5.5.6: a line over LINE_LIMIT, or more than STEP_LIMIT responses


Outcome = Proof | SaslFailure
Ask = Callable[[bytes], Awaitable[bytes]]


class _Failed(Exception):
    def __init__(self, failure: SaslFailure) -> None:
        super().__init__(failure.value)
        self.failure = failure


async def authenticate(mechanism: Mechanism, initial: bytes | None, ask: Ask) -> Outcome:
    """Carry out one exchange.

    :param mechanism: a fresh one.
    :param initial: the initial response as it stood in the command, still in base64; None: there was none.
    :param ask: sends a challenge (given in base64, ``b""`` if empty) and returns the client's line without CRLF. What it raises goes
        through, but for a :class:`BadLine` that is only too long or has a stray control.
    :return: the proof, or why there is none.
    """
    try:
        return await _exchange(mechanism, initial, ask)
    except _Failed as failed:
        return failed.failure
    except SaslError as error:
        log.debug("SASL response refused: {reason}", reason=error.reason)
        return SaslFailure.MALFORMED
    except BadLine as bad:
        if bad.flaw is Flaw.ENDLESS:  # there is no next line to go on with
            raise
        return SaslFailure.TOO_LONG if bad.flaw is Flaw.TOO_LONG else SaslFailure.MALFORMED


async def _exchange(mechanism: Mechanism, initial: bytes | None, ask: Ask) -> Proof:
    response = await _opening(mechanism, initial, ask)
    for _ in range(STEP_LIMIT):
        step = mechanism.step(response)
        if not isinstance(step, Challenge):
            return step.proof
        response = await _answer(step.data, ask)
    raise _Failed(SaslFailure.TOO_LONG)


async def _opening(mechanism: Mechanism, initial: bytes | None, ask: Ask) -> bytes:
    """The first response: with the command, or asked for (RFC 4422 5.1: by an empty challenge if the client speaks first)."""
    challenge = mechanism.first()
    if initial is None:
        return await _answer(challenge or b"", ask)
    if not mechanism.initial:
        raise _Failed(SaslFailure.MALFORMED)  # RFC 4954 4: 501
    return b"" if initial == b"=" else _decode(initial)  # RFC 4954 4, RFC 5034 4: "=" is present but empty


async def _answer(challenge: bytes, ask: Ask) -> bytes:
    line = await ask(binascii.b2a_base64(challenge, newline=False))
    if line == b"*":  # RFC 4954 4, RFC 5034 4
        raise _Failed(SaslFailure.CANCELLED)
    return _decode(line)


def _decode(line: bytes) -> bytes:
    """Strict base64: a stray character or padding is refused, not ignored (RFC 4954 4)."""
    if len(line) > LINE_LIMIT:
        raise _Failed(SaslFailure.TOO_LONG)
    try:
        return binascii.a2b_base64(line, strict_mode=True)
    except binascii.Error:
        raise _Failed(SaslFailure.MALFORMED) from None
