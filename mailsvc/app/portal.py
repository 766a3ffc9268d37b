"""The one portal: every log-in of every protocol goes through it.

::

    credentials -> Guard (too many guesses?) -> Portal -> checker (who is it?) -> Realm (what do they get?) -> avatar
                                                                                        \\-> publish(LoggedIn)

The checkers are chosen by the kind of credentials: names and passwords go to the chain of sources, connections to the relay checker,
the other ways to log in to those of :mod:`mailsvc.auth.doors`. What a SASL exchange must know on the way, it asks by :meth:`lookup`.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import attrs
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.error import UnauthorizedLogin
from twisted.cred.portal import IRealm, Portal
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure

from mailsvc.app.realm import Client, Login
from mailsvc.auth.checkers import SOURCE_FAILED
from mailsvc.auth.credentials import ClientCredentials
from mailsvc.auth.doors import Doors
from mailsvc.auth.guard import Guard
from mailsvc.auth.relay_addresses import network_of
from mailsvc.auth.relay_checker import RelayChecker
from mailsvc.core.errors import Kind, MailError, temporary
from mailsvc.core.few_lines import FewLines
from mailsvc.core.interfaces.login import IConnection, ISession
from mailsvc.core.values import LoggedIn, Peer
from mailsvc.formats.sasl import TokenQuestion
from mailsvc.monitor import counters

__all__ = ["MailPortal", "Publish", "make_portal"]

log = Logger(namespace="mailsvc.login")

Publish = Callable[[LoggedIn], None]
Answer = Callable[[Any, Peer], Awaitable[Any]]


async def _nothing(question: Any, peer: Peer) -> Any:
    raise temporary("no-answers")


_RIGHT_PASSWORD = frozenset({Kind.FORBIDDEN, Kind.IN_USE})
"""Refusals by which a client learns that its password is right."""


class _Unguarded:
    """An attempt that nobody counts."""

    def failed(self) -> None:
        """Nothing happens."""

    succeeded = failed


class MailPortal(Portal):
    """A portal that asks the guard first, tells the realm by what a client has logged in, and everybody else of each one who got in.

    Twisted asks for no subclasses of Portal but in the realm and the checkers; neither of those sees the credentials *and* the outcome.
    """

    def __init__(
        self,
        realm: IRealm,
        checkers: Iterable[ICredentialsChecker],
        publish: Publish,
        answer: Answer = _nothing,
        guard: Guard | None = None,
        clock: IReactorTime | None = None,
    ) -> None:
        """:param answer: answers what SASL exchanges ask. :param guard: slows guessing down; None: nobody does.
        :param clock: bounds the lines about log-ins that fail (:class:`FewLines`), those by our own fault apart from the others, for no
            guesser is to hide an outage; None: each has one.
        """
        super().__init__(realm, checkers)
        self._publish = publish
        self._answer = answer
        self._guard = guard
        self._few = FewLines(clock, _left_out) if clock is not None else None
        self._faults = FewLines(clock, _faults_left_out) if clock is not None else None

    async def lookup(self, question: Any, peer: Peer) -> Any:
        """What an exchange on this connection must know to go on (:mod:`mailsvc.formats.sasl.questions`). Raises NOT_NOW."""
        name = question.account if isinstance(question, TokenQuestion) else question.name
        try:
            if self._guard is not None:
                await self._guard.look(name, peer)
            return await self._answer(question, peer)
        except MailError as error:
            self._refused(peer, name, error)
            raise

    def login(self, credentials: Any, mind: object, *interfaces: Any) -> "Deferred[Any]":
        """As Portal.login. ``mind``: the session (ISession) that begins if all is well; anything else means nothing."""
        if isinstance(credentials, ClientCredentials):
            session = mind if ISession.providedBy(mind) else None
            return Deferred.fromCoroutine(self._judge(credentials, session, interfaces))
        if IConnection.providedBy(credentials):
            proof = credentials.authenticated
            mind = Client(attrs.evolve(credentials.peer, mechanism=proof.mechanism if proof else ""))
        return super().login(credentials, mind, *interfaces)

    async def _judge(
        self, credentials: ClientCredentials, session: ISession | None, interfaces: tuple[Any, ...]
    ) -> Login:
        """The log-in, with what came of it counted and told; what nobody has foreseen is temporary."""
        name, peer = credentials.username.decode("utf-8", "replace"), credentials.peer
        try:
            login = await self._log_in(credentials, session, interfaces)
        except UnauthorizedLogin as error:
            self._failed(peer, name, "bad-credentials", str(error))
            raise
        except MailError as error:
            self._refused(peer, name, error)
            raise
        except Exception as error:
            self._failed(peer, name, "unexpected", type(error).__name__, ours=True, cause=error)
            raise temporary("unexpected", type(error).__name__) from error
        counters.login(peer.protocol, "ok")
        return login

    async def _log_in(
        self, credentials: ClientCredentials, session: ISession | None, interfaces: tuple[Any, ...]
    ) -> Login:
        peer = attrs.evolve(credentials.peer, mechanism=credentials.mechanism)
        attempt = await self._guard.admit(credentials) if self._guard is not None else _Unguarded()
        try:
            client = Client(peer, session)
            login: Login = await super().login(credentials, client, *interfaces)
        except UnauthorizedLogin:
            attempt.failed()
            raise
        except MailError as error:
            if error.kind in _RIGHT_PASSWORD:
                attempt.succeeded()
            raise
        try:
            attempt.succeeded()
        except MailError:
            login[2]()
            raise
        return self._succeeded(login, client)

    def _succeeded(self, login: Login, client: Client) -> Login:
        avatar: Any = login[1]
        try:
            self._publish(LoggedIn(avatar.account, client.peer, client.credential, client.session))
        except Exception:
            # Whoever listens badly must not cost a person the log-in, nor leave the avatar without an owner.
            log.failure("a log-in could not be published")
        return login

    def _refused(self, peer: Peer, name: str, error: MailError) -> None:
        cause = error.__cause__ if error.reason == SOURCE_FAILED else None
        self._failed(peer, name, error.reason, str(error), ours=error.kind is Kind.NOT_NOW, cause=cause)

    def _failed(
        self,
        peer: Peer,
        name: str,
        outcome: str,
        detail: str,
        ours: bool = False,
        cause: BaseException | None = None,
    ) -> None:
        """A line for the log, and a traceback of what nobody has foreseen: a few for each client that guesses and each fault of ours."""
        counters.login(peer.protocol, outcome)
        if outcome == "throttled":
            return
        reason = detail or outcome
        few, subject = (self._faults, reason) if ours else (self._few, _place(peer))
        if few is not None and not few.allow(subject):
            return
        log.emit(
            LogLevel.warn if ours else LogLevel.info,
            "{client}: log-in as {name!r} failed: {reason}",
            client=peer.shown,
            name=name[:100],
            reason=reason,
        )
        if cause is not None:
            log.failure("a log-in failed", Failure(cause))


def _place(peer: Peer) -> str:
    return network_of(peer.address, 64) if peer.address else ""


def _left_out(count: int, places: int) -> None:
    log.info("{count} more log-ins failed within a minute, from {places} place(s)", count=count, places=places)


def _faults_left_out(count: int, faults: int) -> None:
    log.warn("{count} more log-ins failed within a minute, by {faults} fault(s) of ours", count=count, faults=faults)


def make_portal(
    realm: IRealm,
    doors: Doors,
    publish: Publish,
    guard: Guard | None = None,
    relay: RelayChecker | None = None,
    clock: IReactorTime | None = None,
) -> MailPortal:
    """The portal with its checkers. ``relay``: for who hands in mail; without it, nobody can. Other arguments: :class:`MailPortal`."""
    checkers = doors.checkers if relay is None else (*doors.checkers, relay)
    return MailPortal(realm, checkers, publish, doors.answer, guard, clock)
