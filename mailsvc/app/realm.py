"""The one realm: a table from what is asked for to what makes it.

Each protocol's room registers an avatar factory for its interface; the realm finds the account, asks whether it may use the protocol, and
calls the factory. It never sees a password, and it alone makes the avatar that proves an SMTP AUTH.
"""

from collections.abc import Callable, Mapping
from typing import Any, cast

import attrs
from twisted.cred.error import UnauthorizedLogin
from twisted.cred.portal import IRealm
from twisted.internet.defer import Deferred, maybeDeferred
from zope.interface import Interface, implementer

from mailsvc.app.sessions import Sessions
from mailsvc.auth.credentials import Admission, AvatarId
from mailsvc.auth.permissions import objection
from mailsvc.core.interfaces.delivery import IDelivery
from mailsvc.core.interfaces.directory import IDirectory
from mailsvc.core.interfaces.login import IAuthenticated, ISession
from mailsvc.core.secrets import ELSEWHERE
from mailsvc.core.values import Account, Peer

__all__ = ["Authenticated", "AvatarFactory", "Client", "Login", "Realm"]

AvatarFactory = Callable[[Account | None, Peer], Any]
"""Makes ``(avatar, logout)`` for an account, None if the client has not logged in, and the connection it came by; may be a coroutine."""

Login = tuple[type[Interface], object, Callable[[], None]]
"""What a portal's ``login`` yields: the interface, the avatar that provides it, and what ends the session."""

ANONYMOUS_MAY = frozenset({IDelivery})
"""What a client may have that has not logged in: mail for our own recipients is taken from anyone."""


@implementer(IAuthenticated)
@attrs.frozen
class Authenticated:
    """Somebody logged in. See :class:`IAuthenticated`."""

    account: Account
    mechanism: str


async def _authenticated(account: Account | None, peer: Peer) -> tuple[Authenticated, Callable[[], None]]:
    assert account is not None  # not in ANONYMOUS_MAY
    return Authenticated(account, peer.mechanism), lambda: None


@attrs.define
class Client:
    """The mind that the portal gives to the realm: the connection, and the session on it, if our side can end that.

    :ivar credential: told by the realm: by which credential the client has got in.
    """

    peer: Peer
    session: ISession | None = None
    credential: int = ELSEWHERE


@implementer(IRealm)
class Realm:
    """Accounts become avatars."""

    def __init__(
        self,
        directory: IDirectory,
        factories: Mapping[Any, AvatarFactory],
        sessions: Sessions | None = None,
        registration: str = "",
    ) -> None:
        """:param factories: interface -> what makes an avatar that provides it. :param sessions: told of each one that begins.
        :param registration: URL where a login without a mailbox gets one.
        """
        self._directory = directory
        self._factories: dict[Any, AvatarFactory] = {IAuthenticated: _authenticated, **factories}
        self._sessions = sessions
        self._registration = registration

    def requestAvatar(self, avatarId: AvatarId, mind: object, *interfaces: Any) -> "Deferred[Login]":
        """The avatar for the first of ``interfaces`` that we have. ``mind``: the :class:`Client`.

        Fails with NotImplementedError if we have none, UnauthorizedLogin if the account is gone or disabled or the interface needs one,
        FORBIDDEN if the account may not use the client's protocol, and with whatever MailError the factory raises.
        """
        return Deferred.fromCoroutine(self._avatar(avatarId, cast(Client, mind), interfaces))

    async def _avatar(self, avatar_id: AvatarId, client: Client, interfaces: tuple[Any, ...]) -> Login:
        interface = next((one for one in interfaces if one in self._factories), None)
        if interface is None:
            raise NotImplementedError(f"no avatar provides {', '.join(one.__name__ for one in interfaces)}")
        account = None
        if isinstance(avatar_id, bytes):
            account = await self._account(avatar_id, client)
        elif interface not in ANONYMOUS_MAY:
            raise UnauthorizedLogin("anonymous")
        avatar, logout = await maybeDeferred(self._factories[interface], account, client.peer)
        return interface, avatar, logout

    async def _account(self, avatar_id: bytes, client: Client) -> Account:
        account = await self._directory.find_account(avatar_id.decode("utf-8"))
        if account is None or not account.enabled:
            raise UnauthorizedLogin("no-account" if account is None else "disabled")
        if refusal := objection(account, client.peer.protocol, self._registration):
            raise refusal
        if isinstance(avatar_id, Admission):
            client.credential = avatar_id.credential
        # In the turn in which the account was read: whatever is taken from it later finds the session here.
        if self._sessions is not None and client.session is not None and isinstance(avatar_id, Admission):
            self._sessions.opened(client.session, account, avatar_id.credential, client.peer)
        return account
