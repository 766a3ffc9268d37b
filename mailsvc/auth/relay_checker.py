"""The relay decision as a credentials checker: which account answers for what a connection may send (DESIGN ideas 1 and 2)."""

import attrs
from twisted.cred.checkers import ANONYMOUS, ICredentialsChecker
from twisted.internet.defer import Deferred
from zope.interface import implementer

from mailsvc.auth.credentials import AvatarId
from mailsvc.auth.relay_desk import Asked, RelayDesk
from mailsvc.core.interfaces.login import IConnection

__all__ = ["RelayChecker"]


@implementer(ICredentialsChecker)
class RelayChecker:
    """Credentials of a connection -> the account that answers for it.

    They hold the peer's address, the listener, TLS and the client's certificate, HELO, and the avatar that a completed AUTH has yielded:
    only the connection layer can make them. A name that a client only says is nowhere looked at.

    ANONYMOUS is no failure: whoever is not known still hands in mail for our own recipients. What the account may do is decided again at
    each recipient, so an avatar outlives no grant.
    """

    credentialInterfaces = (IConnection,)

    def __init__(self, desk: RelayDesk) -> None:
        """:param desk: where decisions are made."""
        self._desk = desk

    def requestAvatarId(self, credentials: IConnection) -> "Deferred[AvatarId]":
        """The address of the account, or ANONYMOUS. Fails with NOT_NOW."""
        return Deferred.fromCoroutine(self._answering(credentials))

    async def _answering(self, credentials: IConnection) -> AvatarId:
        avatar = credentials.authenticated
        if avatar is not None:
            return avatar.account.address.encode("utf-8")
        peer = attrs.evolve(credentials.peer, mechanism="")
        if not self._desk.knows_strangers:
            return ANONYMOUS
        decision = await self._desk.decide(Asked(peer=peer, account=0, sender=None))
        return decision.account.encode("utf-8") if decision.account else ANONYMOUS
