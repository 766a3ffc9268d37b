"""What every SASL mechanism is to the session that drives it (RFC 4422 3).

The session asks :meth:`Mechanism.first` once, then gives each of the client's responses to :meth:`Mechanism.step`, until that returns
:class:`Done` or raises :class:`SaslError`::

    first() -> challenge or None (the client speaks first)
    step(response) -> Challenge(data) ... -> Done(proof)
"""

from typing import ClassVar, Protocol

import attrs

__all__ = [
    "NAME_LIMIT",
    "PASSWORD_LIMIT",
    "Challenge",
    "Done",
    "Mechanism",
    "PasswordProof",
    "Proof",
    "SaslError",
    "Step",
    "text",
]

NAME_LIMIT = 255
"""Octets of a name. RFC 4616 2 wants at least this many, and no address is longer (RFC 5321 4.5.3.1.3)."""

PASSWORD_LIMIT = 1024
"""Octets of a password: four times what RFC 4616 2 wants."""


class SaslError(Exception):
    """The client's response is not what the mechanism's grammar allows.

    :ivar reason: a short stable name for logs and tests; never holds what the client sent.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@attrs.frozen
class PasswordProof:
    """A name and a password, as the client typed them.

    :ivar authcid: whose password it is. :ivar authzid: as whom to act; ``""``: as the same.
    """

    authcid: str
    password: str = attrs.field(repr=False)
    authzid: str = ""


Proof = PasswordProof
"""What an exchange may end with: each kind becomes credentials of its own. A union, once a mechanism proves more than a password."""


@attrs.frozen
class Challenge:
    """The server speaks, and waits for a response."""

    data: bytes


@attrs.frozen
class Done:
    """The exchange is over; whether ``proof`` is good is not the mechanism's to say."""

    proof: Proof


Step = Challenge | Done


class Mechanism(Protocol):
    """One exchange of one client; made anew for each.

    :cvar cleartext: whether the password can be read from the exchange, so that it needs TLS.
    :cvar initial: whether the client may send a response with its very first command (RFC 4954 4).
    """

    cleartext: ClassVar[bool]
    initial: ClassVar[bool]

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
