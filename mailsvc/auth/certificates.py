"""EXTERNAL: whom a client certificate names, logs in (RFC 4422 appendix A). TLS has checked the certificate already."""

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred
from zope.interface import implementer

from mailsvc.auth.credentials import AvatarId, CertificateCredentials, ICertificate
from mailsvc.auth.names import admit, find, same_account
from mailsvc.core.interfaces.directory import IDirectory

__all__ = ["CertificateChecker"]


@implementer(ICredentialsChecker)
class CertificateChecker:
    """The mail addresses of a certificate are looked up like log-ins; the first that has an account counts."""

    credentialInterfaces = (ICertificate,)

    def __init__(self, directory: IDirectory) -> None:
        """:param directory: where the addresses are looked up."""
        self._directory = directory

    def requestAvatarId(self, credentials: CertificateCredentials) -> "Deferred[AvatarId]":
        """The account's address. Fails with UnauthorizedLogin, NOT_NOW."""
        return Deferred.fromCoroutine(self._check(credentials))

    async def _check(self, credentials: CertificateCredentials) -> AvatarId:
        for name in credentials.peer.certificate:
            account = await find(self._directory, name.encode("utf-8"), credentials.peer)
            if account is not None:
                await same_account(self._directory, account, credentials.authzid, credentials.peer)
                return admit(account)
        raise UnauthorizedLogin("certificate-without-account")
