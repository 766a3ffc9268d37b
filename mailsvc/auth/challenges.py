"""Checkers of log-ins that show no password: digests (CRAM-MD5, APOP) and SCRAM; and what a SCRAM exchange is told on the way.

Both answer for our own accounts only, and refuse after the same steps whether the name, the device or neither exists.
"""

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred
from zope.interface import implementer

from mailsvc.auth.credentials import AvatarId, DigestCredentials, IDigest, IScram, ScramCredentials
from mailsvc.auth.devices import Devices
from mailsvc.auth.names import admit, claimed, find, same_account
from mailsvc.auth.verifiers import scram_secrets
from mailsvc.core.interfaces.directory import IDirectory
from mailsvc.core.interfaces.secrets import ISecrets
from mailsvc.core.secrets import LOGIN, MAX_DEVICES, Device, Verifier
from mailsvc.core.values import Account, Peer
from mailsvc.formats.sasl import ScramQuestion, ScramSecrets

__all__ = ["DigestChecker", "Scram"]


@implementer(ICredentialsChecker)
class DigestChecker:
    """CRAM-MD5 and APOP, by the device passwords that are kept for them."""

    credentialInterfaces = (IDigest,)

    def __init__(self, directory: IDirectory, devices: Devices) -> None:
        """:param directory: where names are looked up. :param devices: those that are kept sealed are tried."""
        self._directory = directory
        self._devices = devices

    def requestAvatarId(self, credentials: DigestCredentials) -> "Deferred[AvatarId]":
        """The account's address. Fails with UnauthorizedLogin, NOT_NOW."""
        return Deferred.fromCoroutine(self._check(credentials))

    async def _check(self, credentials: DigestCredentials) -> AvatarId:
        account = await find(self._directory, credentials.username, credentials.peer)
        device = await self._devices.find_shown(account, credentials.proof.shown_by, credentials.peer)
        if device is None:
            raise UnauthorizedLogin("no-such-device-password")
        admission = admit(account, device.id)
        self._devices.note(device, credentials.peer)
        return admission


@implementer(ICredentialsChecker)
class Scram:
    """SCRAM, by the login password and by device passwords."""

    credentialInterfaces = (IScram,)

    def __init__(self, directory: IDirectory, secrets: ISecrets, devices: Devices) -> None:
        """:param directory: where names are looked up. :param secrets: verifiers, the key of the salts. :param devices: told of uses."""
        self._directory = directory
        self._secrets = secrets
        self._devices = devices

    async def answer(self, question: ScramQuestion, peer: Peer) -> ScramSecrets:
        """What an exchange needs to go on, for a name that nobody has too. Raises NOT_NOW."""
        try:
            account, address = await claimed(self._directory, question.name.encode("utf-8"), peer)
        except UnauthorizedLogin:  # nobody's name, but it has a salt
            account, address = None, question.name
        return await scram_secrets(self._secrets, account, address, question.hash)

    def requestAvatarId(self, credentials: ScramCredentials) -> "Deferred[AvatarId]":
        """The account's address. Fails with UnauthorizedLogin, NOT_NOW."""
        return Deferred.fromCoroutine(self._check(credentials))

    async def _check(self, credentials: ScramCredentials) -> AvatarId:
        peer, proof = credentials.peer, credentials.proof
        account = await find(self._directory, credentials.username, peer)
        verifiers = await self._secrets.verifiers(account.id if account else 0, proof.hash)
        shown = next((one for one in verifiers if proof.shown_by(one.keys.stored_key)), None)
        if account is None or shown is None:
            for false in await self._secrets.nobodys_verifiers(MAX_DEVICES + 1 - len(verifiers)):
                proof.shown_by(false.keys.stored_key)
            raise UnauthorizedLogin("wrong-password" if verifiers else "no-account-or-verifiers")
        await same_account(self._directory, account, credentials.authzid, peer)
        device = await self._device(account, shown, peer)
        admission = admit(account, shown.credential)
        if device is not None:
            self._devices.note(device, peer)
        return admission

    async def _device(self, account: Account, verifier: Verifier, peer: Peer) -> Device | None:
        """The device, None for the login password. Raises UnauthorizedLogin for one that may not be used here and now."""
        if verifier.credential == LOGIN:
            return None
        fit = await self._devices.fit(account.id, peer)
        if verifier.credential not in fit:
            raise UnauthorizedLogin("device-not-for-this")
        return fit[verifier.credential]
