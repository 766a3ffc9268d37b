"""When the first client may come in: once the store answers and knows the domains that the configuration declares."""

from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from mailsvc.app.config import Config
from mailsvc.core.errors import MailError
from mailsvc.core.interfaces.directory import IDirectory
from mailsvc.core.interfaces.store import IStore
from mailsvc.core.operations import AddDomain

__all__ = ["Opening"]

_log = Logger(namespace="mailsvc.app")


class Opening(Service):
    """Lets clients in once the store answers and the declared domains exist.

    If the store does not do its part within :data:`PATIENCE` seconds (a full disk, a damaged file), we open all the same, for "try again
    later" is better than silence. But never while it can be read and a domain is missing: its mail would be refused for good.
    """

    PATIENCE = 10.0
    RETRY = 0.1

    def __init__(self, reactor: Any, store: IStore, directory: IDirectory, config: Config, inner: Service) -> None:
        self._reactor = reactor
        self._store = store
        self._directory = directory
        self._inner = inner
        self._domains = [AddDomain(domain.name, domain.aliases) for domain in config.domains]
        self._opening: Deferred[None] | None = None

    def startService(self) -> None:
        """Begin; the sockets hold early clients meanwhile."""
        super().startService()
        self._opening = Deferred.fromCoroutine(self._open())
        self._opening.addErrback(_failed)

    def stopService(self) -> Deferred[None] | None:
        """Let nobody in any more, and those inside out."""
        super().stopService()
        if self._opening is not None:
            self._opening.cancel()
        return self._inner.stopService() if self._inner.running else None

    async def _open(self) -> None:
        deadline = self._reactor.seconds() + self.PATIENCE
        while not await self._make_domains():
            if (
                not self._inner.running
                and self._reactor.seconds() >= deadline
                and not await self._a_domain_is_missing()
            ):
                _log.error("the store does not take changes: serving what can be served")
                self._inner.startService()
            await deferLater(self._reactor, self.RETRY)
        if not self._inner.running:
            self._inner.startService()

    async def _a_domain_is_missing(self) -> bool:
        try:
            return not all([await self._directory.is_local(domain.name) for domain in self._domains])
        except MailError:
            return False  # nobody can ask now, so nobody is told that there is no such domain

    async def _make_domains(self) -> bool:
        """Make all in one transaction; if one of them is at odds with the store, the others all the same."""
        try:
            await self._store.apply(self._domains)
        except MailError as error:
            return not error.temporary and all([await self._make_domain(domain) for domain in self._domains])
        return True

    async def _make_domain(self, domain: AddDomain) -> bool:
        try:
            await self._store.apply([domain])
        except MailError as error:
            if error.temporary:
                return False
            _log.error("the domain {name} cannot be made as configured: {error}", name=domain.name, error=str(error))
        return True


def _failed(failure: Failure) -> None:
    if not failure.check(CancelledError):
        _log.failure("the service cannot open", failure)
