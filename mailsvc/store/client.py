"""The store as a worker sees it: it reads by itself and asks the owner to commit.

Requests of one turn of the reactor leave as one write.

When the connection drops, what is not answered fails with NOT_NOW: it happened or not, and the peer will try again. The client
connects again by itself, takes its locks again, and tells those that it could not get back (``held`` stays False).
"""

import os
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from twisted.application.internet import ClientService, TimerService
from twisted.application.service import MultiService
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import UNIXClientEndpoint
from twisted.internet.protocol import Factory
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool
from zope.interface import implementer

from mailsvc.bus import Announcement, Bus
from mailsvc.core.errors import Kind, MailError, temporary
from mailsvc.core.interfaces.store import ILock, IStore
from mailsvc.core.operations import Operation
from mailsvc.core.queued import QueueChanged
from mailsvc.core.relay import RelayFactsChanged
from mailsvc.core.values import AccountChanged, MailboxChanged, NewsMissed
from mailsvc.store import codec
from mailsvc.store.base import StoreBase
from mailsvc.store.layout import Layout
from mailsvc.store.link import Link
from mailsvc.store.options import StoreOptions
from mailsvc.store.reading import Reader

__all__ = ["StoreClient"]

_log = Logger()
_THREADS = 12
_POLL = 10.0


@implementer(IStore)
class StoreClient(StoreBase, MultiService):
    """IStore over the owner's socket; a service, because it connects when it starts and waits for its last answers when it stops."""

    def __init__(
        self, reactor: Any, path: str | os.PathLike[str], bus: Bus | None = None, options: StoreOptions | None = None
    ) -> None:
        """:param reactor: IReactorTime, IReactorUNIX and IReactorThreads. :param path: the store's directory."""
        MultiService.__init__(self)
        options = options or StoreOptions()
        layout = Layout(os.fspath(path))
        reader = Reader(layout.database, options.rows_cache, lambda: deferLater(reactor, 0))
        StoreBase.__init__(self, layout, bus or Bus(), options, reader, self._in_thread)
        self._reactor = reactor
        self._threads: ThreadPool | None = None
        self._link: Link | None = None
        self._was_connected = False
        self._pending: dict[int, tuple[Deferred[Any], float]] = {}
        self._next = 1
        self._unsent: list[bytes] = []
        self._sending: Any = None
        self._overdue: Any = None
        self._locks: dict[int, _Lock] = {}
        self._waiting: list[Deferred[None]] = []
        endpoint = UNIXClientEndpoint(reactor, layout.socket)
        self._connection = ClientService(endpoint, Factory.forProtocol(lambda: Link(self)), _back_off, clock=reactor)
        self._connection.setServiceParent(self)
        poll = TimerService(_POLL, self._poll)
        poll.clock = reactor
        poll.setServiceParent(self)

    # --- IStore ---

    async def apply(self, operations: Sequence[Operation]) -> list[Any]:
        """Carry out the operations as one transaction and return their results in order once it is durable."""
        answer = await self._request("apply", codec.encode_operations(operations), self._deadline())
        return list(answer)

    async def lock(self, mailbox: int) -> ILock:
        """Lock a mailbox for this session, in all processes. Raises IN_USE, NOT_NOW."""
        if mailbox in self._locks:  # ours, even while it is being taken again
            raise MailError(Kind.IN_USE, "mailbox-locked")
        await self._request("lock", mailbox, self._deadline())
        lock = self._locks[mailbox] = _Lock(self, mailbox)
        return lock

    def check_ready(self) -> None:
        """Raise NOT_NOW while there is no owner, or below the low-space mark."""
        if self._link is None:
            raise temporary("store-restarting")
        super().check_ready()

    async def ping(self) -> None:
        """Return when the owner can commit. Raises NOT_NOW."""
        self.check_ready()
        await self._request("ping")

    # --- beyond it ---

    def announce(self, topic: str, payload: Any = None) -> None:
        """Tell everybody who subscribed to ``topic``, in this process at once and in all others as long as the owner lives."""
        self.bus.publish(Announcement(topic, payload))
        if self._link is not None:
            self._link.write(codec.frame((0, "announce", topic, payload)))

    async def figures(self) -> dict[str, float]:
        """The owner's counters: commits, requests, commit_seconds, connections, locks. Raises NOT_NOW."""
        return dict(await self._request("figures"))

    def when_connected(self) -> Deferred[None]:
        """Fires when the owner can be asked; fails with NOT_NOW if the service stops before."""
        deferred: Deferred[None] = Deferred()
        self._waiting.append(deferred)
        if self._link is not None:
            self._tell_waiting(lambda one: one.callback(None))
        return deferred

    def _tell_waiting(self, tell: Callable[[Deferred[None]], None]) -> None:
        waiting, self._waiting = self._waiting, []
        for deferred in waiting:
            tell(deferred)

    def startService(self) -> None:
        """Start connecting."""
        self._threads = ThreadPool(0, _THREADS, "bodies")
        self._threads.start()
        super().startService()

    async def _stop(self) -> None:
        stopping = MultiService.stopService(self)
        if stopping is not None:
            await stopping
        for call in (self._sending, self._overdue):
            if call is not None:
                call.cancel()
        self._sending = self._overdue = None
        self._tell_waiting(lambda one: one.errback(Failure(temporary("store-stopped"))))
        self.reader.close()
        threads, self._threads = self._threads, None
        if threads is not None:
            threads.stop()

    def stopService(self) -> Deferred[None]:
        """Close the connection. Those who stop a worker first end its sessions, so nothing is waiting then."""
        return Deferred.fromCoroutine(self._stop())

    # --- the link ---

    def connected(self, link: Link) -> None:
        """The owner said hello."""
        self._link = link
        if self._was_connected:
            self.bus.publish(NewsMissed())
        self._was_connected = True
        for lock in tuple(self._locks.values()):
            lock.take_again()
        self._tell_waiting(lambda one: one.callback(None))
        self._poll()  # what was committed while nobody told us

    def _poll(self) -> None:
        """A look at the selected mailboxes: makes up for events that were lost."""
        try:
            self.views.poll()
        except MailError as error:
            _log.warn("selected mailboxes: {error}", error=error)

    def disconnected(self, link: Link) -> None:
        """The connection is gone: nobody knows what became of the requests."""
        if self._link is link:
            self._link = None
        self._unsent.clear()
        pending, self._pending = self._pending, {}
        for deferred, _ in pending.values():
            deferred.errback(Failure(temporary("store-restarting")))

    def received(self, message: tuple[Any, ...]) -> None:
        """An answer or an event."""
        request, kind, *rest = message
        if request:
            self._answered(request, kind, rest)
        elif kind == "changed":
            for event in rest[0]:
                self.bus.publish(MailboxChanged(*event))
        elif kind == "accounts":
            for event in rest[0]:
                self.bus.publish(AccountChanged(*event))
        elif kind == "queue":
            self.bus.publish(QueueChanged(rest[0]))
        elif kind == "relay":
            self.bus.publish(RelayFactsChanged())
        elif kind == "announce":
            self.bus.publish(Announcement(*rest))

    def _answered(self, request: int, kind: str, rest: list[Any]) -> None:
        deferred, _ = self._pending.pop(request, (None, 0))
        if deferred is None:
            return  # it had timed out
        if kind == "ok":
            deferred.callback(rest[0])
        else:
            deferred.errback(Failure(codec.error_from(rest)))

    def _request(self, kind: str, *arguments: Any) -> Deferred[Any]:
        """Send one request. Raises NOT_NOW at once if there is no owner."""
        if self._link is None:
            raise temporary("store-restarting")
        request, self._next = self._next, self._next + 1
        self._unsent.append(codec.frame((request, kind, *arguments)))
        deferred: Deferred[Any] = Deferred()
        self._pending[request] = (deferred, self._reactor.seconds() + self.options.timeout)
        if self._overdue is None:
            self._overdue = self._reactor.callLater(self.options.timeout, self._expire)
        if self._sending is None:
            self._sending = self._reactor.callLater(0, self._flush)
        return deferred

    def _deadline(self) -> float:
        """When we shall have given up, on the clock that all processes of a machine share."""
        return time.monotonic() + self.options.timeout

    def _flush(self) -> None:
        self._sending = None
        if self._link is not None and self._unsent:
            unsent, self._unsent = self._unsent, []
            self._link.write(b"".join(unsent))

    def _expire(self) -> None:
        """Fail what has waited too long; the dictionary is in the order of the deadlines."""
        self._overdue = None
        now = self._reactor.seconds()
        overdue = [request for request, (_, deadline) in self._pending.items() if deadline <= now]
        for request in overdue:
            self._pending.pop(request)[0].errback(Failure(temporary("store-timeout")))
        if self._pending and self._overdue is None:  # whoever was failed may have asked again already
            _, deadline = next(iter(self._pending.values()))
            self._overdue = self._reactor.callLater(deadline - now, self._expire)

    def _in_thread(self, function: Callable[..., Any], *args: Any) -> Awaitable[Any]:
        if self._threads is None:
            raise temporary("store-stopped")
        return deferToThreadPool(self._reactor, self._threads, function, *args)

    def retake(self, mailbox: int) -> Deferred[Any]:
        """Ask for a lock that was ours before the owner restarted; that it has been granted already is no objection."""
        return self._request("lock", mailbox, self._deadline(), True)

    @property
    def has_owner(self) -> bool:
        """Whether there is somebody to ask."""
        return self._link is not None

    def lost(self, mailbox: int) -> None:
        """A lock is somebody else's now."""
        self._locks.pop(mailbox, None)

    def forget(self, mailbox: int) -> None:
        """A lock is not needed any more."""
        self._locks.pop(mailbox, None)
        if self._link is not None:
            self._request("unlock", mailbox).addErrback(lambda _: None)  # the connection's end releases it too


def _back_off(attempts: int) -> float:
    return float(min(0.02 * 2 ** min(attempts, 6), 0.25))


@implementer(ILock)
class _Lock:
    def __init__(self, store: StoreClient, mailbox: int) -> None:
        self.held = True
        self._over = False
        self._store = store
        self._mailbox = mailbox

    def release(self) -> None:
        """Give the lock back."""
        if not self._over:
            self.held, self._over = False, True
            self._store.forget(self._mailbox)

    def take_again(self) -> None:
        """After a restart of the owner: somebody else may have been faster."""
        self.held = False
        self._store.retake(self._mailbox).addCallbacks(self._taken, self._refused)

    def _taken(self, answer: Any) -> None:
        self.held = not self._over

    def _refused(self, failure: Failure) -> None:
        if self._over:
            return
        error = failure.value
        if isinstance(error, MailError) and error.kind is Kind.NOT_NOW:
            if self._store.has_owner:  # too busy to answer; without one, we are called again when there is
                self.take_again()
            return
        _log.warn("the lock of mailbox {mailbox} was lost: {error}", mailbox=self._mailbox, error=error)
        self._over = True
        self._store.lost(self._mailbox)
