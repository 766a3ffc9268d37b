"""What a client shows to the portal: a password, a proof that it knows one, or nothing but the connection it came by.

The protocols make these, the checkers judge them, and nobody else sees them. Secrets are left out of every ``repr``.
"""

import hmac
from collections.abc import Callable

import attrs
from twisted.cred.credentials import ICredentials, IUsernamePassword
from zope.interface import Attribute, implementer

from mailsvc.core.interfaces.login import IAuthenticated, IConnection
from mailsvc.core.secrets import ELSEWHERE
from mailsvc.core.values import Peer
from mailsvc.formats.sasl import CertificateProof, DigestProof, PasswordProof, Proof, ScramProof, TokenProof

__all__ = [
    "Admission",
    "AvatarId",
    "CertificateCredentials",
    "ClientCredentials",
    "ConnectionCredentials",
    "DigestCredentials",
    "ICertificate",
    "IDigest",
    "IScram",
    "IToken",
    "PasswordCredentials",
    "ScramCredentials",
    "TokenCredentials",
    "credentials_of",
]


AvatarId = bytes | tuple[()]
"""What a checker yields: the canonical address of an account as UTF-8 (an :class:`Admission`), or ANONYMOUS."""


class Admission(bytes):
    """The avatar id of an account, and by which credential it got in (``LOGIN``, the id of a device, ``ELSEWHERE``)."""

    credential = ELSEWHERE

    @classmethod
    def make(cls, address: str, credential: int) -> "Admission":
        """For the canonical address of an account."""
        admission = cls(address.encode("utf-8"))
        admission.credential = credential
        return admission


def _octets(value: str | bytes) -> bytes:
    return value.encode("utf-8") if isinstance(value, str) else value


class IDigest(ICredentials):
    """A digest over a challenge and a secret: CRAM-MD5, APOP."""

    proof: DigestProof = Attribute("To be held against what the server can read.")


class IScram(ICredentials):
    """The last message of a SCRAM client."""

    proof: ScramProof = Attribute("To be held against verifiers.")


class IToken(ICredentials):
    """A bearer token."""

    proof: TokenProof = Attribute("The token, and whom it is said to be for.")


class ICertificate(ICredentials):
    """A client certificate that TLS has checked."""

    proof: CertificateProof = Attribute("As whom to act; the names in the certificate are the peer's.")


@implementer(ICredentials)
@attrs.frozen(kw_only=True)
class ClientCredentials:
    """What all log-ins have in common: a name with where it came from.

    :ivar username: as typed, UTF-8. :ivar peer: the connection; its ``domain`` completes a name without one.
    :ivar mechanism: SASL mechanism, ``"USER"`` or ``"APOP"``.
    :ivar authzid: as whom to act, if the client named somebody (RFC 4422 2); ``b""``: as itself.
    """

    username: bytes = attrs.field(converter=_octets)
    peer: Peer
    mechanism: str
    authzid: bytes = attrs.field(default=b"", converter=_octets)


@implementer(IUsernamePassword)
@attrs.frozen(kw_only=True)
class PasswordCredentials(ClientCredentials):
    """A name and a password.

    :ivar password: as typed.
    """

    password: bytes = attrs.field(converter=_octets, repr=False)

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


@implementer(IDigest)
@attrs.frozen(kw_only=True)
class DigestCredentials(ClientCredentials):
    """See :class:`IDigest`."""

    proof: DigestProof


@implementer(IScram)
@attrs.frozen(kw_only=True)
class ScramCredentials(ClientCredentials):
    """See :class:`IScram`."""

    proof: ScramProof


@implementer(IToken)
@attrs.frozen(kw_only=True)
class TokenCredentials(ClientCredentials):
    """See :class:`IToken`."""

    proof: TokenProof


@implementer(ICertificate)
@attrs.frozen(kw_only=True)
class CertificateCredentials(ClientCredentials):
    """See :class:`ICertificate`."""

    proof: CertificateProof


_CLASSES: dict[type[Proof], Callable[..., ClientCredentials]] = {
    DigestProof: DigestCredentials,
    ScramProof: ScramCredentials,
    TokenProof: TokenCredentials,
    CertificateProof: CertificateCredentials,
}


def credentials_of(proof: Proof, peer: Peer, mechanism: str) -> ClientCredentials:
    """The credentials that a completed SASL exchange over ``mechanism`` amounts to."""
    make = _CLASSES.get(type(proof), PasswordCredentials)
    secret = {"password": proof.password} if isinstance(proof, PasswordProof) else {"proof": proof}
    return make(username=proof.authcid, authzid=proof.authzid, peer=peer, mechanism=mechanism, **secret)
