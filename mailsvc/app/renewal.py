"""Using a renewed certificate without a restart: the files are looked at every minute, and at SIGHUP."""

import signal
from typing import Any

from twisted.application.internet import TimerService
from twisted.internet.defer import Deferred

from mailsvc.net.tls import CertificateFiles

__all__ = ["INTERVAL", "Renewal"]

INTERVAL = 60
"""Seconds between two looks."""


class Renewal(TimerService):
    """Looks for changes of the certificate's files.

    SIGHUP is taken only if nobody else has (its default is to end the process).
    """

    def __init__(self, reactor: Any, files: CertificateFiles) -> None:
        super().__init__(INTERVAL, files.check)
        self.clock = reactor
        self._reactor = reactor
        self._files = files
        self._ours = False

    def startService(self) -> None:
        """Begin to look."""
        super().startService()
        self._ours = signal.getsignal(signal.SIGHUP) is signal.SIG_DFL
        if self._ours:
            signal.signal(signal.SIGHUP, lambda *_: self._reactor.callFromThread(self._files.reload))

    def stopService(self) -> "Deferred[None] | None":
        """No more."""
        if self._ours:
            signal.signal(signal.SIGHUP, signal.SIG_DFL)
        stopping: Deferred[None] | None = super().stopService()
        return stopping
