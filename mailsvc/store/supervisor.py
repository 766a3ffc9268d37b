"""Keeps the owner process alive: a service for the main process, usable from a plain tac file.

The owner's standard input is a pipe that stays open as long as this process lives: when it ends, however, the owner ends too: at once if we
said so, else when those who use it have finished. An owner that dies is started again at once, then after 0.1 s, 0.2 s, ... 5 s as long as
it keeps dying young; workers answer 4xx meanwhile.
"""

import os
import sys
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessDone
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from mailsvc.core.children import command_line, environment
from mailsvc.core.errors import temporary
from mailsvc.store.owner import READY, STOP

__all__ = ["OwnerService"]

_log = Logger()
_YOUNG = 10.0
_LONGEST = 5.0
_PATIENCE = 10.0


class OwnerService(Service):
    """Runs ``python -m mailsvc.store.owner`` for a store.

    :ivar starts: how often the owner was started. :ivar pid: of the owner that runs now, or None.
    """

    def __init__(self, reactor: Any, path: str | os.PathLike[str], executable: str = sys.executable) -> None:
        """:param reactor: IReactorProcess and IReactorTime. :param path: the store's directory. :param executable: the Python to run."""
        self.starts = 0
        self.pid: int | None = None
        self._reactor = reactor
        self._path = os.fspath(path)
        self._executable = executable
        self._process: _Process | None = None
        self._delay = 0.0
        self._again: Any = None
        self._waiting: list[Deferred[None]] = []
        self._stopped: Deferred[None] | None = None
        self._kill: Any = None

    def startService(self) -> None:
        """Start the owner."""
        super().startService()
        self._start()

    def stopService(self) -> Deferred[None] | None:
        """Tell the owner to end; it finishes what it has. Fires when it is gone."""
        super().stopService()
        if self._again is not None:
            self._again.cancel()
            self._again = None
        self._fail_waiting()
        if self._process is None:
            return None
        self._stopped = Deferred()
        self._process.stop()
        self._kill = self._reactor.callLater(_PATIENCE, self._process.kill)
        return self._stopped

    def ready(self) -> Deferred[None]:
        """Fires when clients may connect; fails with NOT_NOW if the service stops before."""
        deferred: Deferred[None] = Deferred()
        if self._process is not None and self._process.is_ready:
            deferred.callback(None)
        else:
            self._waiting.append(deferred)
        return deferred

    def _start(self) -> None:
        self._again = None
        self.starts += 1
        self._process = _Process(self, self._reactor.seconds())
        command = command_line("mailsvc.store.owner", self._path, python=self._executable)
        transport = self._reactor.spawnProcess(self._process, command[0], command, env=environment())
        self.pid = transport.pid
        _log.info("store owner started, process {pid}", pid=self.pid)

    def is_ready(self) -> None:
        """The owner listens."""
        waiting, self._waiting = self._waiting, []
        for deferred in waiting:
            deferred.callback(None)

    def ended(self, born: float, reason: Failure) -> None:
        """The owner is gone: by our wish, or start it again."""
        self._process = None
        self.pid = None
        if self._stopped is not None:
            self._kill.cancel() if self._kill.active() else None
            stopped, self._stopped = self._stopped, None
            stopped.callback(None)
        elif self.running:
            young = self._reactor.seconds() - born < _YOUNG
            self._delay = min(max(self._delay * 2, 0.1), _LONGEST) if young and self.starts > 1 else 0.0
            _log.error("store owner ended ({why}), starts again in {delay} s", why=reason.value, delay=self._delay)
            self._again = self._reactor.callLater(self._delay, self._start)

    def _fail_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        for deferred in waiting:
            deferred.errback(Failure(temporary("store-stopped")))


class _Process(ProcessProtocol):
    """The pipes of one owner."""

    def __init__(self, service: OwnerService, born: float) -> None:
        self.is_ready = False
        self._service = service
        self._born = born
        self._output = b""

    def stop(self) -> None:
        """Tell it to end."""
        assert self.transport is not None
        self.transport.write(STOP)
        self.transport.closeStdin()

    def kill(self) -> None:
        """It did not end by itself."""
        assert self.transport is not None
        _log.error("store owner does not end, killing it")
        self.transport.signalProcess("KILL")

    def outReceived(self, data: bytes) -> None:
        """The word that it listens."""
        self._output += data[: len(READY)]
        if not self.is_ready and self._output.startswith(READY):
            self.is_ready = True
            self._service.is_ready()

    def errReceived(self, data: bytes) -> None:
        """Its log."""
        for line in filter(None, data.decode("utf-8", "replace").splitlines()):
            _log.warn("store owner: {line}", line=line)

    def processEnded(self, reason: Failure = Failure(ProcessDone(0))) -> None:  # noqa: B008 - the signature is Twisted's
        """It is gone, and its pipes are closed."""
        self._service.ended(self._born, reason)
