"""The one realm: a table from what is asked for to what makes it.

Each protocol's room registers an avatar factory for its interface; the realm finds the account and calls it. It never sees a password,
and it alone makes the avatar that proves an SMTP AUTH.
"""

from collections.abc import Callable, Mapping
from typing import Any, cast

import attrs
from twisted.cred.error import UnauthorizedLogin
from twisted.cred.portal import IRealm
from twisted.internet.defer import Deferred, maybeDeferred
from zope.interface import Interface, implementer

from mailsvc.auth.credentials import AvatarId
from mailsvc.core.interfaces.delivery import IDelivery
from mailsvc.core.interfaces.directory import IDirectory
from mailsvc.core.interfaces.login import IAuthenticated
from mailsvc.core.values import Account, Peer

__all__ = ["Authenticated", "AvatarFactory", "Login", "Realm"]

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


@implementer(IRealm)
class Realm:
    """Accounts become avatars."""

    def __init__(self, directory: IDirectory, factories: Mapping[Any, AvatarFactory]) -> None:
        """:param factories: interface -> what makes an avatar that provides it."""
        self._directory = directory
        self._factories: dict[Any, AvatarFactory] = {IAuthenticated: _authenticated, **factories}

    def requestAvatar(self, avatarId: AvatarId, mind: object, *interfaces: Any) -> "Deferred[Login]":
        """The avatar for the first of ``interfaces`` that we have. ``mind``: the client's Peer.

        Fails with NotImplementedError if we have none, UnauthorizedLogin if the account is gone or disabled or the interface needs one,
        and with whatever MailError the factory raises.
        """
        return Deferred.fromCoroutine(self._avatar(avatarId, mind, interfaces))

    async def _avatar(self, avatar_id: AvatarId, mind: object, interfaces: tuple[Any, ...]) -> Login:
        interface = next((one for one in interfaces if one in self._factories), None)
        if interface is None:
            raise NotImplementedError(f"no avatar provides {', '.join(one.__name__ for one in interfaces)}")
        account = await self._account(avatar_id, interface)
        avatar, logout = await maybeDeferred(self._factories[interface], account, cast(Peer, mind))
        return interface, avatar, logout

    async def _account(self, avatar_id: AvatarId, interface: Any) -> Account | None:
        if isinstance(avatar_id, tuple):  # ANONYMOUS
            if interface not in ANONYMOUS_MAY:
                raise UnauthorizedLogin("anonymous")
            return None
        account = await self._directory.find_account(avatar_id.decode("utf-8"))
        if account is None or not account.enabled:
            raise UnauthorizedLogin("no-account" if account is None else "disabled")
        return account
