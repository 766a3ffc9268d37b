"""A worker process: ``python -m mailsvc.app.worker_main``, started by :mod:`mailsvc.app.workers` and by nobody else.

Standard input brings the assignment, then news; its end means stop. Standard output takes log lines, descriptor 3 the word that we
serve, and from descriptor 4 on lie the listening sockets, in the order of the configuration's listeners.
"""

import pickle
import signal
from functools import partial
from socket import socket
from typing import Any

from twisted.internet.stdio import StandardIO
from twisted.logger import globalLogBeginner
from twisted.protocols.basic import Int32StringReceiver
from twisted.python.failure import Failure

from mailsvc.app.logging import Levels, make_observer, write_lines
from mailsvc.app.ordered import OrderedServices
from mailsvc.app.rooms import build_rooms, make_store
from mailsvc.app.serving import Serving
from mailsvc.app.workers import FIRST_SOCKET, READY, REPORTS, Assignment
from mailsvc.auth.guard import HELLO
from mailsvc.net.tls import Certificates, ServerTLS

__all__ = ["main"]


class _Parent(Int32StringReceiver):
    """The line to the parent."""

    MAX_LENGTH = 16_000_000
    transport: Any

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._tls: ServerTLS | None = None
        self._service = OrderedServices()

    def stringReceived(self, string: bytes) -> None:
        """The assignment, then certificates."""
        message: Assignment | Certificates = pickle.loads(string)  # noqa: S301  # from our parent, by a pipe of ours
        if isinstance(message, Assignment):
            self._begin(message)
        elif self._tls is not None:
            self._tls.replace(message)

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        """The parent tells us to stop, or is dead."""
        if self._reactor.running:
            self._reactor.stop()

    def _begin(self, assignment: Assignment) -> None:
        config = assignment.config
        levels = Levels(assignment.debug)
        observer = make_observer(config.log.format, levels, partial(write_lines, 1))
        globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False)
        self._tls = ServerTLS(assignment.keys, config.tls.profile) if assignment.keys else None
        store = make_store(self._reactor, config, levels)
        rooms = build_rooms(self._reactor, config, store, self._tls, levels)
        serving = Serving(self._reactor, rooms, partial(_inherited, len(config.listeners)))
        for service in (store, rooms.hashing, rooms.usage, rooms.granting, rooms.ledger, serving):
            service.setServiceParent(self._service)
        self._service.startService()
        store.when_connected().addCallbacks(lambda _: store.announce(HELLO, None), lambda _: None)
        self._reactor.addSystemEventTrigger("before", "shutdown", self._service.stopService)
        self.transport.write(READY)


def _inherited(count: int) -> list[socket]:
    return [socket(fileno=FIRST_SOCKET + place) for place in range(count)]


def main() -> None:
    """Serve until the parent closes our standard input."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent says when we stop
    from twisted.internet import reactor

    StandardIO(_Parent(reactor), stdin=0, stdout=REPORTS, reactor=reactor)  # type: ignore[call-arg]  # mypy reads Windows'
    reactor.run()


if __name__ == "__main__":
    main()
