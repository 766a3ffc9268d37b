"""A group of services of which each needs those before it."""

from twisted.application.service import MultiService, Service
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import Logger

__all__ = ["OrderedServices"]

_log = Logger(namespace="mailsvc.app")


class OrderedServices(MultiService):
    """Starts its services in order and stops them in the reverse order, each when the one before has stopped.

    (A plain MultiService stops all at once: the store would be gone while the last messages are still being taken.)
    """

    def stopService(self) -> "Deferred[None]":
        """Fires when the last one has stopped. One that fails to stop is logged and does not keep the others."""
        Service.stopService(self)
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        for service in reversed(self.services):
            try:
                await maybeDeferred(service.stopService)
            except Exception:
                _log.failure("{service} did not stop properly", service=type(service).__name__)
