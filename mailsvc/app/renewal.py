"""Using renewed certificates without a restart: the files are looked at every minute, and at SIGHUP. Once a day their end is warned of."""

import signal
from typing import Any

from twisted.application.internet import TimerService
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall

from mailsvc.net.certificate_files import CertificateFiles

__all__ = ["INTERVAL", "Renewal"]

INTERVAL = 60
"""Seconds between two looks."""

_DAY = 86_400


class Renewal(TimerService):
    """Looks for changes of the certificates' files.

    SIGHUP is taken only if nobody else has (its default is to end the process).
    """

    def __init__(self, reactor: Any, files: CertificateFiles) -> None:
        super().__init__(INTERVAL, files.check)
        self.clock = reactor
        self._reactor = reactor
        self._files = files
        self._warning = LoopingCall(files.warn)
        self._warning.clock = reactor
        self._ours = False

    def startService(self) -> None:
        """Begin to look."""
        super().startService()
        self._warning.start(_DAY)
        self._ours = signal.getsignal(signal.SIGHUP) is signal.SIG_DFL
        if self._ours:
            signal.signal(signal.SIGHUP, lambda *_: self._reactor.callFromThread(self._files.reload))

    def stopService(self) -> "Deferred[None] | None":
        """No more."""
        self._warning.stop()
        if self._ours:
            signal.signal(signal.SIGHUP, signal.SIG_DFL)
        stopping: Deferred[None] | None = super().stopService()
        return stopping
