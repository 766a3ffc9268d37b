"""PAM as a source of passwords (``pam:SERVICE``): the serving process's side.

::

    OutsideSource -> PamChecker -> PamLine ==socket==> mailsvc.auth.pam_helper -> libpam

A name with the listener's domain is asked for without it: whoever logs in as ``hanako@example.org`` where that is the domain of bare names
is ``hanako`` to PAM. Names of other domains are asked for as they are, so nobody gets an account of another domain by a password of this.
"""

import socket
from typing import Any

import attrs
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import IUsernamePassword
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred, DeferredSemaphore
from twisted.internet.interfaces import IReactorTime, IReadDescriptor
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from zope.interface import implementer

from mailsvc.auth.credentials import AvatarId, PasswordCredentials
from mailsvc.auth.libpam import OK, UNKNOWN, WRONG
from mailsvc.auth.names import WrongPassword, name_of
from mailsvc.auth.pam_helper import AT_ONCE, PATIENCE, request
from mailsvc.core.errors import temporary
from mailsvc.core.interfaces.directory import IDirectory
from mailsvc.formats.address import Address

__all__ = ["PamAnswer", "PamChecker", "PamLine", "pam_services"]

QUEUE = 100
"""Log-ins of one process that may wait for their turn; further ones are told to try again later."""

LEAST = 0.25
"""Seconds that a refusal takes at least: pam_unix hashes nothing for a name that nobody has, which must not show."""

_GRACE = 5.0  # more than the helper needs to say that PAM was too slow


def pam_services(sources: tuple[str, ...]) -> tuple[str, ...]:
    """The names of the PAM services among the sources of AuthOptions."""
    return tuple(name.removeprefix("pam:") for name in sources if name.startswith("pam:"))


@attrs.frozen
class PamAnswer:
    """:ivar verdict: OK, UNKNOWN, WRONG or FAILED. :ivar text: the name as PAM has it if OK, else PAM's words."""

    verdict: bytes
    text: bytes


@implementer(IReadDescriptor)
class PamLine:
    """The socket to the helper."""

    def __init__(self, reactor: Any, line: socket.socket) -> None:
        """:param reactor: IReactorFDSet and IReactorTime."""
        self._reactor = reactor
        self._line = line
        self._line.setblocking(False)
        self._turns = DeferredSemaphore(AT_ONCE)
        self._waiting = 0
        self._number = 0
        self._asked: dict[int, Deferred[PamAnswer]] = {}
        self._over = False

    async def ask(self, service: str, name: bytes, password: bytes, host: str) -> PamAnswer:
        """Raises NOT_NOW if too many ask, the helper is not there, or it does not answer."""
        if self._waiting >= QUEUE:
            raise temporary("pam-queue-full")
        self._waiting += 1
        try:
            await self._turns.acquire()
        finally:
            self._waiting -= 1
        try:
            return await self._ask(service.encode(), name, password, host.encode())
        except OSError as error:
            raise temporary("pam-helper-unreachable", str(error)) from error
        finally:
            self._turns.release()

    async def _ask(self, *words: bytes) -> PamAnswer:
        if self._over:
            raise temporary("pam-helper-gone")
        if not self._number:
            self._reactor.addReader(self)
        number, answer = self._number, Deferred[PamAnswer]()
        self._number += 1
        self._line.send(request(number, *words))
        self._asked[number] = answer
        try:
            return await answer.addTimeout(PATIENCE + _GRACE, self._reactor, lambda *_: _silent())
        finally:
            self._asked.pop(number, None)

    def doRead(self) -> None:
        """An answer, or the end of the helper."""
        try:
            packet = self._line.recv(8192)
        except BlockingIOError:
            return
        except OSError:
            packet = b""
        if not packet:
            self.connectionLost(Failure(temporary("pam-helper-gone")))
            return
        number, verdict, text = packet.split(b"\0", 2)
        answer = self._asked.pop(int(number), None)
        if answer is not None:
            answer.callback(PamAnswer(verdict, text))

    def close(self) -> None:
        """Ask no more."""
        self.connectionLost(Failure(temporary("pam-helper-gone")))
        self._line.close()

    # --- for the reactor ---

    def fileno(self) -> int:
        """Of the socket."""
        return self._line.fileno()

    def logPrefix(self) -> str:
        """In tracebacks."""
        return "pam"

    def connectionLost(self, reason: Failure) -> None:
        """Nobody will answer any more."""
        if self._over:
            return
        self._over = True
        self._reactor.removeReader(self)
        asked, self._asked = self._asked, {}
        for answer in asked.values():
            answer.errback(Failure(temporary("pam-helper-gone")))


def _silent() -> PamAnswer:
    raise temporary("pam-helper-silent")


@implementer(ICredentialsChecker)
class PamChecker:
    """Yields the name as PAM has it; :class:`~mailsvc.auth.checkers.OutsideSource` makes an account of it."""

    credentialInterfaces = (IUsernamePassword,)

    def __init__(self, service: str, line: PamLine | None, directory: IDirectory, clock: IReactorTime) -> None:
        """:param line: None: nobody can be asked in this process."""
        self._service = service
        self._line = line
        self._directory = directory
        self._clock = clock

    def requestAvatarId(self, credentials: PasswordCredentials) -> "Deferred[AvatarId]":
        """The name. Fails with UnauthorizedLogin, NOT_NOW."""
        return Deferred.fromCoroutine(self._check(credentials))

    async def _check(self, credentials: PasswordCredentials) -> AvatarId:
        if self._line is None:
            raise temporary("pam-not-here")
        peer = credentials.peer
        name, began = await self._name(name_of(credentials.username), peer.domain), self._clock.seconds()
        answer = await self._line.ask(self._service, name.encode("utf-8"), credentials.password, peer.address)
        if answer.verdict == OK:
            return answer.text
        words = answer.text.decode("utf-8", "replace")
        await deferLater(self._clock, max(0.0, began + LEAST - self._clock.seconds()))
        if answer.verdict == UNKNOWN:
            raise UnauthorizedLogin("unknown-to-pam")
        if answer.verdict == WRONG:
            raise WrongPassword(f"pam: {words}")
        raise temporary("pam-failed", words)

    async def _name(self, name: str, domain: str) -> str:
        local, at, said = name.rpartition("@")
        canonical = self._directory.canonical
        own = at and await canonical(Address(local, said)) == await canonical(Address(local, domain))
        return local if own else name
