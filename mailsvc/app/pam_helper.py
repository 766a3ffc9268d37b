"""The helper process that asks PAM, and the lines to it: started while we may still be root, it keeps that right when we give it up.

There is one line (a socket pair) for each serving process. A worker inherits its end like a listening socket, so one that is started anew
takes up the line of the one before. The helper ends by itself when nobody holds a line any more; we could not end it, being nobody.
"""

import socket
from collections.abc import Sequence
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from mailsvc.auth.pam_helper import FIRST_LINE
from mailsvc.core.children import command_line, environment

__all__ = ["PamHelper"]

_log = Logger(namespace="mailsvc.pam")

_PATIENCE = 5.0


class _Process(ProcessProtocol):
    """The helper as its parent sees it."""

    def __init__(self) -> None:
        self.ended: Deferred[None] = Deferred()
        self.stopping = False

    def errReceived(self, data: bytes) -> None:
        for line in filter(None, data.decode("utf-8", "replace").splitlines()):
            _log.error("PAM helper: {line}", line=line)

    def processEnded(self, reason: Failure) -> None:
        if not self.stopping:
            _log.critical("the PAM helper has ended; start the service anew: {why}", why=reason.getErrorMessage())
        self.ended.callback(None)


class PamHelper(Service):
    """Runs ``python -m mailsvc.auth.pam_helper`` for the PAM services among the sources of passwords."""

    def __init__(self, reactor: Any, services: Sequence[str], processes: int) -> None:
        """:param processes: how many serve, and need a line each."""
        self._reactor = reactor
        self._services = services
        pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(processes)]
        self._lines = [ours for ours, _ in pairs]
        self._far = [theirs for _, theirs in pairs]
        self._process: _Process | None = None

    def privilegedStartService(self) -> None:
        """Start the helper with the rights that we have now."""
        super().privilegedStartService()
        self._process = _Process()
        command = command_line("mailsvc.auth.pam_helper", str(len(self._far)), *self._services)
        descriptors = {FIRST_LINE + place: line.fileno() for place, line in enumerate(self._far)}
        self._reactor.spawnProcess(
            self._process, command[0], command, env=environment(), childFDs={0: "w", 1: "r", 2: "r"} | descriptors
        )
        for line in self._far:
            line.close()

    def of_worker(self, number: int) -> list[socket.socket]:
        """The end of the line of the serving process with this number."""
        return [self._lines[number]]

    def stopService(self) -> Deferred[None]:
        """Give up the lines. Fires when the helper has ended."""
        super().stopService()
        return Deferred.fromCoroutine(self._end())

    async def _end(self) -> None:
        for line in self._lines:
            line.close()
        if self._process is None:
            return
        self._process.stopping = True
        try:
            await self._process.ended.addTimeout(_PATIENCE, self._reactor)
        except TimeoutError:
            _log.error("the PAM helper does not end")
