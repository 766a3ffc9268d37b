"""The one portal: every log-in of every protocol goes through it.

::

    credentials -> Portal -> checker (who is it?) -> Realm (what do they get?) -> avatar
                                                        \\-> publish(LoggedIn)

The checkers are chosen by the kind of credentials: names and passwords go to the chain of sources, connections to the relay checker,
the other ways to log in to those of :mod:`mailsvc.auth.doors`. What a SASL exchange must know on the way, it asks by :meth:`lookup`.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import attrs
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.portal import IRealm, Portal
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from mailsvc.app.realm import Login
from mailsvc.auth.credentials import ClientCredentials
from mailsvc.auth.doors import Doors
from mailsvc.auth.relay import RelayChecker
from mailsvc.core.errors import temporary
from mailsvc.core.interfaces.login import IConnection
from mailsvc.core.values import LoggedIn, Peer

__all__ = ["MailPortal", "Publish", "make_portal"]

log = Logger()

Publish = Callable[[LoggedIn], None]
Answer = Callable[[Any, Peer], Awaitable[Any]]


async def _nothing(question: Any, peer: Peer) -> Any:
    raise temporary("no-answers")


class MailPortal(Portal):
    """A portal that tells the realm by what a client has logged in, and everybody else of each password that was right.

    Twisted asks for no subclasses of Portal but in the realm and the checkers; neither of those sees the credentials *and* the outcome.
    """

    def __init__(
        self, realm: IRealm, checkers: Iterable[ICredentialsChecker], publish: Publish, answer: Answer = _nothing
    ) -> None:
        """:param answer: answers what SASL exchanges ask."""
        super().__init__(realm, checkers)
        self._publish = publish
        self._answer = answer

    async def lookup(self, question: Any, peer: Peer) -> Any:
        """What an exchange on this connection must know to go on (:mod:`mailsvc.formats.sasl.questions`). Raises NOT_NOW."""
        return await self._answer(question, peer)

    def login(self, credentials: Any, mind: object, *interfaces: Any) -> "Deferred[Any]":
        """As Portal.login. The realm's mind is the credentials' own peer, whatever ``mind`` the protocol passes."""
        if isinstance(credentials, ClientCredentials):
            peer = attrs.evolve(credentials.peer, mechanism=credentials.mechanism)
            return super().login(credentials, peer, *interfaces).addCallback(self._succeeded, peer)
        if IConnection.providedBy(credentials):
            proof = credentials.authenticated
            mind = attrs.evolve(credentials.peer, mechanism=proof.mechanism if proof else "")
        return super().login(credentials, mind, *interfaces)

    def _succeeded(self, login: Login, peer: Peer) -> Login:
        avatar: Any = login[1]
        try:
            self._publish(LoggedIn(avatar.account, peer))
        except Exception:
            # Whoever listens badly must not cost a person the log-in, nor leave the avatar without an owner.
            log.failure("a log-in could not be published")
        return login


def make_portal(realm: IRealm, doors: Doors, publish: Publish) -> MailPortal:
    """The portal with its checkers."""
    return MailPortal(realm, (*doors.checkers, RelayChecker()), publish, doors.answer)
