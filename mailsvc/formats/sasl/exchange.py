"""What every SASL mechanism is to the session that drives it (RFC 4422 3).

The session asks :meth:`Mechanism.first` once, then gives each of the client's responses to :meth:`Mechanism.step`, until that returns
:class:`Done` or raises :class:`SaslError`. A mechanism that cannot go on without a secret returns :class:`Need`, and goes on when it is
given the answer; it waits for nothing itself::

    first() -> challenge or None (the client speaks first)
    step(response) -> Challenge(data) ... -> Done(proof)
                   -> Need(question, then); then(answer) -> Challenge(data) ... -> Done(proof)
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import attrs

from mailsvc.formats.sasl.proofs import Proof

__all__ = [
    "NAME_LIMIT",
    "PASSWORD_LIMIT",
    "Challenge",
    "Circumstances",
    "Done",
    "Mechanism",
    "Need",
    "SaslError",
    "Step",
    "text",
]

NAME_LIMIT = 255
"""Octets of a name. RFC 4616 2 wants at least this many, and no address is longer (RFC 5321 4.5.3.1.3)."""

PASSWORD_LIMIT = 1024
"""Octets of a password: four times what RFC 4616 2 wants."""


class SaslError(Exception):
    """The exchange cannot go on: the client's response is not what the mechanism's grammar allows.

    :ivar reason: a short stable name for logs and tests; never holds what the client sent.
    :ivar refused: the grammar is right, but what it says must not be believed: a log-in that failed (a replayed nonce, another channel).
    """

    def __init__(self, reason: str, refused: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.refused = refused


@attrs.frozen(kw_only=True)
class Circumstances:
    """What a mechanism must know of the connection, and the random text that it may not make itself.

    :ivar nonce: unguessable and never used before: letters, digits and hyphens. :ivar host: our name. :ivar now: seconds since the epoch.
    :ivar bindings: channel binding type (RFC 5929, 9266) -> its data; empty where there is no TLS or -PLUS was not offered.
    """

    nonce: str = attrs.field(default="", repr=False)
    host: str = ""
    now: int = 0
    bindings: Mapping[str, bytes] = attrs.field(factory=dict, repr=False)


@attrs.frozen
class Challenge:
    """The server speaks, and waits for a response."""

    data: bytes


@attrs.frozen
class Done:
    """The exchange is over; whether ``proof`` is good is not the mechanism's to say."""

    proof: Proof


@attrs.frozen
class Need:
    """The mechanism waits for the answer to a question of :mod:`mailsvc.formats.sasl.questions`; ``then`` takes it and goes on."""

    question: Any
    then: "Callable[[Any], Step]"


Step = Challenge | Done | Need


class Mechanism(Protocol):
    """One exchange of one client; made anew for each."""

    def first(self) -> bytes | None:
        """The challenge that opens the exchange; None: the client speaks first."""

    def step(self, response: bytes) -> Step:
        """Take the client's next response. Raises SaslError."""


def text(octets: bytes, limit: int, what: str) -> str:
    """A field of a response: UTF-8, not empty, no NUL, at most ``limit`` octets (RFC 4616 2). ``what`` names it in the SaslError."""
    if not octets:
        raise SaslError(f"empty-{what}")
    if len(octets) > limit:
        raise SaslError(f"long-{what}")
    if 0 in octets:
        raise SaslError(f"nul-in-{what}")
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        raise SaslError(f"{what}-not-utf8") from None
