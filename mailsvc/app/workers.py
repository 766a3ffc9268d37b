"""Several processes serving the same ports: the parent's side.

The parent binds, drops its privileges, and starts the workers (:mod:`mailsvc.app.worker_main`), which inherit the listening sockets. Over
its pipes a worker gets its :class:`Assignment` and later news (a renewed certificate); it tells when it serves, and its log lines come
back to be written into the one log. End of file on its standard input means: stop. So a worker ends by itself when the parent dies,
however it died. A worker that ends unasked is started again, sooner or later according to how often that happens.
"""

import pickle
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from socket import socket
from typing import Any

import attrs
from prometheus_client.multiprocess import mark_process_dead
from twisted.application.service import Service
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from mailsvc.app.config import Config
from mailsvc.app.logging import Levels, Writer
from mailsvc.app.serving import GRACE
from mailsvc.core.children import command_line, environment
from mailsvc.monitor.memory import fresh_directory, remove_directory
from mailsvc.net.tls import Certificates
from mailsvc.queue.service import GRACE as QUEUE_GRACE
from mailsvc.wire.options import Protocol

__all__ = ["FIRST_SOCKET", "READY", "REPORTS", "Assignment", "WorkerPool", "next_delay", "pack"]

_log = Logger(namespace="mailsvc.workers")

REPORTS = 3
"""The worker's file descriptor on which it tells the parent that it serves."""

FIRST_SOCKET = 4
"""The worker's file descriptor of the first listener's socket; the others follow in order, then the line to PAM's helper, if any."""

READY = b"ready\n"

_LOG_LINES, _RAW_OUTPUT = 1, 2
_KILL_AFTER = GRACE + QUEUE_GRACE + 5
_STEADY = 60.0  # a worker that lived this long did not fail at starting
_LONGEST_DELAY = 30.0


@attrs.frozen
class Assignment:
    """What a worker is told when it starts.

    :ivar keys: the certificate, read while the parent still might. :ivar debug: protocols whose dialogue is logged just now.
    """

    number: int
    config: Config
    keys: Certificates | None
    debug: tuple[str, ...] = ()


def pack(message: Assignment | Certificates) -> bytes:
    """A message to a worker: netstring-like, four octets of length and the value as only parent and child exchange it."""
    data = pickle.dumps(message)
    return len(data).to_bytes(4, "big") + data


def next_delay(previous: float, lived: float) -> float:
    """Seconds until a worker that lived ``lived`` seconds is started again; doubled as long as it keeps failing early."""
    if lived >= _STEADY:
        return 0.1
    return min(max(previous * 2, 0.1), _LONGEST_DELAY)


class _Worker(ProcessProtocol):
    """One worker process as the parent sees it."""

    transport: Any

    def __init__(self, pool: "WorkerPool", number: int) -> None:
        self.number = number
        self.pid = 0
        self.ready = False
        self.ended: Deferred[None] = Deferred()
        self._pool = pool
        self._partial = {_LOG_LINES: b"", _RAW_OUTPUT: b""}

    def connectionMade(self) -> None:
        self.pid = self.transport.pid

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        if childFD == REPORTS:
            self.ready = True
            return
        *lines, self._partial[childFD] = (self._partial[childFD] + data).split(b"\n")
        for line in lines:
            self._pool.worker_said(self.number, line.decode("utf-8", "replace"), formatted=childFD == _LOG_LINES)

    def processEnded(self, reason: Failure) -> None:
        self.ready = False
        self._pool.worker_ended(self, reason)
        self.ended.callback(None)

    def send(self, message: Assignment | Certificates) -> None:
        self.transport.write(pack(message))

    def stop(self) -> None:
        self.transport.closeStdin()

    def kill(self) -> None:
        try:
            self.transport.signalProcess("KILL")
        except ProcessExitedAlready:
            return


class WorkerPool(Service):
    """Keeps the workers running."""

    def __init__(
        self,
        reactor: Any,
        config: Config,
        keys: Certificates | None,
        sockets: Callable[[int], Sequence[socket]],
        counters: Path,
        levels: Levels,
        write: Writer,
    ) -> None:
        """:param sockets: gives the sockets of the worker with this number, as it inherits them.
        :param counters: directory for their counters.
        :param levels: those of the log, as they are when a worker starts. :param write: takes the finished log lines of the workers.
        """
        self._reactor = reactor
        self._config = config
        self._keys = keys
        self._sockets = sockets
        self._counters = counters
        self._levels = levels
        self._write = write
        self._workers: dict[int, _Worker] = {}
        self._started: dict[int, float] = {}
        self._delays: dict[int, float] = {}
        self._waiting: dict[int, IDelayedCall] = {}

    def startService(self) -> None:
        """Start them all."""
        super().startService()
        fresh_directory(self._counters)
        for number in range(self._config.workers):
            self._start(number)

    def stopService(self) -> Deferred[None]:
        """Ask them to stop, kill those that do not; fires when all have gone."""
        super().stopService()
        for call in self._waiting.values():
            call.cancel()
        self._waiting.clear()
        return Deferred.fromCoroutine(self._stop_all(list(self._workers.values())))

    async def _stop_all(self, workers: list[_Worker]) -> None:
        deadlines = [self._reactor.callLater(_KILL_AFTER, worker.kill) for worker in workers]
        for worker in workers:
            worker.stop()
        await gatherResults([worker.ended for worker in workers])
        for deadline in deadlines:
            if deadline.active():
                deadline.cancel()
        remove_directory(self._counters)

    def renew(self, keys: Certificates) -> None:
        """Give all workers, and those to come, another certificate."""
        self._keys = keys
        for worker in self._workers.values():
            worker.send(keys)

    async def check(self) -> None:
        """Health: raises RuntimeError unless every worker serves."""
        absent = [str(n) for n in range(self._config.workers) if n not in self._workers or not self._workers[n].ready]
        if absent:
            raise RuntimeError(f"not serving: worker {', '.join(absent)}")

    def _start(self, number: int) -> None:
        self._waiting.pop(number, None)
        worker = _Worker(self, number)
        sockets = {FIRST_SOCKET + place: each.fileno() for place, each in enumerate(self._sockets(number))}
        command = command_line("mailsvc.app.worker_main")
        self._reactor.spawnProcess(
            worker,
            command[0],
            command,
            env=environment(PROMETHEUS_MULTIPROC_DIR=str(self._counters)),
            childFDs={0: "w", 1: "r", 2: "r", REPORTS: "r"} | sockets,
        )
        self._workers[number] = worker
        self._started[number] = self._reactor.seconds()
        debug = tuple(protocol.value for protocol in Protocol if self._levels.debugging(protocol.value))
        worker.send(Assignment(number, self._config, self._keys, debug))

    # --- what workers tell ---

    def worker_said(self, number: int, line: str, formatted: bool) -> None:
        """A line of output: a finished log line, or something that Python or a library wrote by itself."""
        if formatted:
            self._write(line + "\n")
        else:
            _log.error("worker {number}: {line}", number=number, line=line)

    def worker_ended(self, worker: _Worker, reason: Failure) -> None:
        """A worker has gone: what it counted as open is closed; unless we stop, a successor comes."""
        number = worker.number
        del self._workers[number]
        with suppress(OSError):  # a gauge that stays too high must not keep the successor away
            mark_process_dead(worker.pid, path=str(self._counters))
        if not self.running:
            return
        lived = self._reactor.seconds() - self._started[number]
        delay = self._delays[number] = next_delay(self._delays.get(number, 0.0), lived)
        _log.error(
            "worker {number} ended: {reason}; a new one in {delay} s",
            number=number,
            reason=reason.getErrorMessage(),
            delay=delay,
        )
        self._waiting[number] = self._reactor.callLater(delay, self._start, number)
