"""The one SASL session under SMTP (RFC 4954), POP3 (RFC 5034), IMAP (RFC 9051 6.2.2) and what follows.

It carries a mechanism's challenges and the client's responses as base64 lines, within limits. It knows no protocol: ``ask`` sends one
challenge in the protocol's form (``334 ...``, ``+ ...``) and returns the client's next line; the :class:`Outcome` is translated into the
protocol's own reply. It knows no password either: what a mechanism must know (a salt) it asks of ``lookup``, and the proof goes to the
portal::

    if name not in offered(options.mechanisms, peer): ...
    outcome = await authenticate(begin(name, circumstances), initial, ask, lookup)
"""

import binascii
import enum
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import attrs
from twisted.logger import Logger

from mailsvc.core.values import Peer
from mailsvc.formats.sasl import MECHANISMS, SPA, Challenge, Circumstances, Done, Mechanism, Need, Proof, SaslError
from mailsvc.wire.framing import BadLine, Flaw

__all__ = [
    "LINE_LIMIT",
    "STEP_LIMIT",
    "Ask",
    "Exchange",
    "Lookup",
    "NotOffered",
    "Outcome",
    "SaslFailure",
    "authenticate",
    "begin",
    "offered",
    "why_not",
]

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
    # SMTP 535, POP3 [AUTH]: well-formed, but not to be believed (another channel, a replayed nonce)
    REFUSED = "refused"


class NotOffered(enum.Enum):
    """Why a mechanism that a client asks for is not carried out."""

    SPA = "spa"  # never; its user has to switch something off
    UNPROTECTED = "unprotected"  # not before TLS
    UNKNOWN = "unknown"


Outcome = Proof | SaslFailure
Ask = Callable[[bytes], Awaitable[bytes]]
Lookup = Callable[[Any], Awaitable[Any]]
"""Answers a question of :mod:`mailsvc.formats.sasl.questions`. What it raises (NOT_NOW) goes through to the protocol."""


async def _nothing_known(question: Any) -> Any:
    raise LookupError("this session answers no questions")


@attrs.frozen
class Exchange:
    """A mechanism before its first step. ``initial``: whether the client may speak with its command (RFC 4954 4)."""

    mechanism: Mechanism
    initial: bool = True


class _Failed(Exception):
    def __init__(self, failure: SaslFailure) -> None:
        super().__init__(failure.value)
        self.failure = failure


def offered(wanted: Iterable[str], peer: Peer) -> tuple[str, ...]:
    """The mechanisms of ``wanted`` (a listener's) that this client may use on this line as it is now, best first.

    What can be read on the way needs a line where a password may be asked for; nothing at all is offered where log-ins need TLS.
    -PLUS is offered under TLS 1.3 only: before it, exporter keys are safe only with an extension that we cannot see (RFC 9266 4.2),
    and clients would choose tls-unique, which has been broken (RFC 7627).
    """
    wanted = frozenset(wanted)
    return tuple(
        name
        for name, entry in MECHANISMS.items()
        if name in wanted
        and peer.auth_ok
        and (peer.password_ok or not entry.readable)
        and (peer.tls == "TLSv1.3" or not entry.binding)
        and (peer.certified or not entry.certificate)
    )


def why_not(name: str, wanted: Iterable[str], peer: Peer) -> NotOffered | None:
    """Why the mechanism of this name (in capitals) cannot be used by this client as things are; None: it can."""
    if name in offered(wanted, peer):
        return None
    if name in SPA:
        return NotOffered.SPA
    return NotOffered.UNPROTECTED if name in wanted and peer.tls is None else NotOffered.UNKNOWN


def begin(name: str, circumstances: Circumstances) -> Exchange:
    """A fresh exchange by the mechanism of this name (in capitals)."""
    entry = MECHANISMS[name]
    return Exchange(entry.make(circumstances), entry.initial)


async def authenticate(exchange: Exchange, initial: bytes | None, ask: Ask, lookup: Lookup = _nothing_known) -> Outcome:
    """Carry out one exchange.

    :param initial: the initial response as it stood in the command, still in base64; None: there was none.
    :param ask: sends a challenge (given in base64, ``b""`` if empty) and returns the client's line without CRLF. What it raises goes
        through, but for a :class:`BadLine` that is only too long or has a stray control.
    :return: the proof, or why there is none.
    """
    try:
        return await _exchange(exchange, initial, ask, lookup)
    except _Failed as failed:
        return failed.failure
    except SaslError as error:
        log.debug("SASL response refused: {reason}", reason=error.reason)
        return SaslFailure.REFUSED if error.refused else SaslFailure.MALFORMED
    except BadLine as bad:
        if bad.flaw is Flaw.ENDLESS:  # there is no next line to go on with
            raise
        return SaslFailure.TOO_LONG if bad.flaw is Flaw.TOO_LONG else SaslFailure.MALFORMED


async def _exchange(exchange: Exchange, initial: bytes | None, ask: Ask, lookup: Lookup) -> Proof:
    response = await _opening(exchange, initial, ask)
    for _ in range(STEP_LIMIT):
        step = exchange.mechanism.step(response)
        while isinstance(step, Need):
            step = step.then(await lookup(step.question))
        if isinstance(step, Done):
            return step.proof
        response = await _answer(step, ask)
    raise _Failed(SaslFailure.TOO_LONG)


async def _opening(exchange: Exchange, initial: bytes | None, ask: Ask) -> bytes:
    """The first response: with the command, or asked for (RFC 4422 5.1: by an empty challenge if the client speaks first)."""
    challenge = exchange.mechanism.first()
    if initial is None:
        return await _answer(Challenge(challenge or b""), ask)
    if not exchange.initial:
        raise _Failed(SaslFailure.MALFORMED)  # RFC 4954 4: 501
    return b"" if initial == b"=" else _decode(initial)  # RFC 4954 4, RFC 5034 4: "=" is present but empty


async def _answer(challenge: Challenge, ask: Ask) -> bytes:
    line = await ask(binascii.b2a_base64(challenge.data, newline=False))
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
