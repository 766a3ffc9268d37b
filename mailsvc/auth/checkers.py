"""Checkers of names and passwords, and the chain that asks them one after the other.

A portal keeps one checker for each kind of credentials, so it is given the :class:`Chain`::

    portal -> Chain -> DirectoryChecker (own accounts) -> OutsideSource(passwd file) -> OutsideSource(any Twisted checker)

Each yields the canonical address of an account as bytes. UnauthorizedLogin means "unknown here, ask the next", its subclass WrongPassword
"known here, and this is not it": then no other source lets the name in, for a name has its password in one place. Anything else a
source raises is its own trouble: the client hears "try again later", never "wrong password", and nobody gets in.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, cast

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import IUsernamePassword
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred, TimeoutError, maybeDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from mailsvc.auth.credentials import Admission, AvatarId, PasswordCredentials
from mailsvc.auth.devices import Devices
from mailsvc.auth.hashing import Hasher
from mailsvc.auth.names import WrongPassword, admit, find
from mailsvc.auth.verified import Verified
from mailsvc.core.errors import Kind, MailError, temporary
from mailsvc.core.interfaces.directory import IDirectory
from mailsvc.core.secrets import ELSEWHERE, LOGIN
from mailsvc.core.values import Account
from mailsvc.formats.sasl import NAME_LIMIT, PASSWORD_LIMIT

__all__ = ["PATIENCE", "SOURCE_FAILED", "Chain", "DirectoryChecker", "OutsideSource", "Upgrade"]

log = Logger()

SOURCE_FAILED = "password-source-failed"
"""Reason of a refusal by a source that has failed in a way that nobody has foreseen: its cause is to be logged."""

PATIENCE = 30.0
"""Seconds that an outside source gets for its answer; a client waits for a minute or two."""

Upgrade = Callable[[Account, str, bytes], Awaitable[object]]
"""Told of an account, its stored hash and the password that proved right: stores what is missing or outdated."""


@implementer(ICredentialsChecker)
class DirectoryChecker:
    """Our own accounts: device passwords, which cost next to nothing to check, then the login password."""

    credentialInterfaces = (IUsernamePassword,)

    def __init__(
        self,
        directory: IDirectory,
        hasher: Hasher,
        devices: Devices | None = None,
        verified: Verified | None = None,
        upgrade: Upgrade | None = None,
    ) -> None:
        """:param verified: remembers passwords that were right. :param upgrade: told of each that was hashed and is right."""
        self._directory = directory
        self._hasher = hasher
        self._devices = devices
        self._verified = Verified(0, 0) if verified is None else verified
        self._upgrade = upgrade

    def requestAvatarId(self, credentials: PasswordCredentials) -> "Deferred[AvatarId]":
        """The account's address. Fails with UnauthorizedLogin, NOT_NOW."""
        return Deferred.fromCoroutine(self._check(credentials))

    async def _check(self, credentials: PasswordCredentials) -> AvatarId:
        account = await find(self._directory, credentials.username, credentials.peer)
        if self._devices is not None:
            device = await self._devices.find(account, credentials.password, credentials.peer)
            if device is not None:
                admission = admit(account, device.id)
                self._devices.note(device, credentials.peer)
                return admission
        return await self._check_login(account, credentials.password)

    async def _check_login(self, account: Account | None, password: bytes) -> AvatarId:
        # The same steps for nobody as for somebody: a look-up and a hash.
        stored = await self._directory.password_hash(account.id if account else 0)
        if self._verified.knows(account.id if account else 0, stored, password):
            return admit(account, LOGIN)
        if not await self._hasher.verify(stored, password):
            raise WrongPassword("wrong-password") if stored else UnauthorizedLogin("no-account-or-password")
        admission = admit(account, LOGIN)
        assert account is not None
        if await self._directory.password_hash(account.id) != stored or not await self._kept(account, stored, password):
            # Changed while it was hashed: what was right may be so no more.
            return await self._check_login(account, password)
        self._verified.remember(account.id, stored, password)
        return admission

    async def _kept(self, account: Account, stored: str, password: bytes) -> bool:
        """Complete what is stored; False if it was changed at the same moment."""
        if self._upgrade is None:
            return True
        try:
            await self._upgrade(account, stored, password)
        except MailError as error:  # the log-in is good all the same; the next one will try again
            if error.kind is Kind.IN_USE:
                return False
            log.warn("the password hash of {account} was not renewed: {error}", account=account.address, error=error)
        return True


@implementer(ICredentialsChecker)
class OutsideSource:
    """A checker that knows nothing of our accounts, with its answer mapped to one.

    A name that the source vouches for is a login of the directory like one typed here; one without an account does not get in.
    """

    credentialInterfaces = (IUsernamePassword,)

    def __init__(self, checker: ICredentialsChecker, directory: IDirectory, clock: IReactorTime) -> None:
        """:param checker: yields the name as octets. :param clock: for :data:`PATIENCE`."""
        self.checker = checker
        self._directory = directory
        self._clock = clock

    def requestAvatarId(self, credentials: PasswordCredentials) -> "Deferred[AvatarId]":
        """The account's address. Fails with UnauthorizedLogin, NOT_NOW if the source does not answer, or what the source fails with."""
        return Deferred.fromCoroutine(self._check(credentials))

    async def _check(self, credentials: PasswordCredentials) -> AvatarId:
        asked: Deferred[Any] = maybeDeferred(self.checker.requestAvatarId, credentials)
        try:
            identity = await asked.addTimeout(PATIENCE, self._clock)
        except TimeoutError:
            raise temporary("password-source-silent", _kind(self)) from None
        if not isinstance(identity, bytes):  # ANONYMOUS, or worse
            raise UnauthorizedLogin("source-names-nobody")
        return admit(await find(self._directory, identity, credentials.peer))


@implementer(ICredentialsChecker)
class Chain:
    """Sources of passwords, asked in order."""

    credentialInterfaces = (IUsernamePassword,)

    def __init__(self, sources: Sequence[ICredentialsChecker]) -> None:
        """:param sources: in the order in which they are asked; none: nobody gets in."""
        self._sources = tuple(sources)

    def requestAvatarId(self, credentials: PasswordCredentials) -> "Deferred[AvatarId]":
        """The account's address. Fails with UnauthorizedLogin or MailError."""
        return Deferred.fromCoroutine(self._check(credentials))

    async def _check(self, credentials: PasswordCredentials) -> AvatarId:
        reason, wrong = _objection(credentials), ""
        for source in () if reason else self._sources:
            try:
                admitted = await _ask(source, credentials)
            except UnauthorizedLogin as error:
                reason = wrong or str(error) or "wrong-name-or-password"
                wrong = reason if isinstance(error, WrongPassword) else wrong  # go on: known or not takes the same time
            else:
                if not wrong or _by_device(admitted):
                    return admitted
                log.error("{name!r} has a password in two sources, which is one too many", name=_name(credentials))
                reason = wrong = "in-two-sources"
        log.debug(  # the protocol writes the line for people; it knows the connection's name
            "log-in refused: {name!r} from {peer.address} at {peer.listener} by {mechanism}: {reason}",
            name=_name(credentials),
            peer=credentials.peer,
            mechanism=credentials.mechanism,
            reason=reason,
        )
        raise UnauthorizedLogin(reason)


def _name(credentials: PasswordCredentials) -> str:
    return credentials.username.decode("utf-8", "replace")[:NAME_LIMIT]


def _by_device(admitted: AvatarId) -> bool:
    """Device passwords are ours, wherever the login password is kept."""
    return isinstance(admitted, Admission) and admitted.credential not in (LOGIN, ELSEWHERE)


def _objection(credentials: PasswordCredentials) -> str:
    """Why no source needs to be asked, or ``""``."""
    if not credentials.password:
        return "empty-password"  # some LDAP servers take one as an anonymous bind, and say yes
    if b"\0" in credentials.username + credentials.password:
        return "nul"
    if len(credentials.username) > NAME_LIMIT or len(credentials.password) > PASSWORD_LIMIT:
        return "too-long"
    if credentials.authzid not in (b"", credentials.username):
        return "other-identity"  # RFC 4616 2: nobody here may act as somebody else
    return ""


def _kind(source: ICredentialsChecker) -> str:
    """What a source is called in the log."""
    return type(source.checker if isinstance(source, OutsideSource) else source).__name__


async def _ask(source: ICredentialsChecker, credentials: PasswordCredentials) -> AvatarId:
    """The source's answer; a failure of its own becomes a temporary one, caused by it: the portal writes that down."""
    try:
        return cast(AvatarId, await maybeDeferred(source.requestAvatarId, credentials))
    except (UnauthorizedLogin, MailError):
        raise
    except Exception as error:
        raise temporary(SOURCE_FAILED, f"{_kind(source)}: {type(error).__name__}") from error
