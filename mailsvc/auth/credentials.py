"""What a client shows to the portal: a password, or nothing but the connection it came by.

The protocols make these, the checkers judge them, and nobody else sees them. Secrets are left out of every ``repr``.
"""

import hmac

import attrs
from twisted.cred.credentials import IUsernamePassword
from zope.interface import implementer

from mailsvc.core.interfaces.login import IAuthenticated, IConnection
from mailsvc.core.values import Peer
from mailsvc.formats.sasl import Proof

__all__ = ["AvatarId", "ConnectionCredentials", "PasswordCredentials", "credentials_of"]


AvatarId = bytes | tuple[()]
"""What a checker yields: the canonical address of an account as UTF-8, or ANONYMOUS."""


def _octets(value: str | bytes) -> bytes:
    return value.encode("utf-8") if isinstance(value, str) else value


@implementer(IUsernamePassword)
@attrs.frozen(kw_only=True)
class PasswordCredentials:
    """A name and a password with where they came from.

    :ivar username: as typed, UTF-8. :ivar password: as typed.
    :ivar peer: the connection; its ``domain`` completes a name without one. :ivar mechanism: SASL mechanism, or ``"USER"``.
    :ivar authzid: as whom to act, if the client named somebody (RFC 4616); ``b""``: as itself.
    """

    username: bytes = attrs.field(converter=_octets)
    password: bytes = attrs.field(converter=_octets, repr=False)
    peer: Peer
    mechanism: str
    authzid: bytes = attrs.field(default=b"", converter=_octets)

    def checkPassword(self, password: bytes) -> bool:
        """Whether this is the password, compared in constant time."""
        return hmac.compare_digest(self.password, _octets(password))


@implementer(IConnection)
@attrs.frozen(kw_only=True)
class ConnectionCredentials:
    """Where a client is and what it has proved so far; only the connection layer makes these.

    :ivar helo: the name it gave in HELO or EHLO. :ivar authenticated: the avatar of its completed AUTH, or None.
    """

    peer: Peer
    helo: str = ""
    authenticated: IAuthenticated | None = None


def credentials_of(proof: Proof, peer: Peer, mechanism: str) -> PasswordCredentials:
    """The credentials that a completed SASL exchange over ``mechanism`` amounts to."""
    return PasswordCredentials(
        username=proof.authcid, password=proof.password, authzid=proof.authzid, peer=peer, mechanism=mechanism
    )
