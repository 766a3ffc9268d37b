"""The ledger of one process: what others write into, and where people's questions are answered.

::

    within(events) -> Record, in the transaction of whoever asks ----\\
    note(event) -> Gatherer -> Record, each second --> store's owner -> find(query) -> events
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import apsw
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from zope.interface import implementer

from mailsvc.core.errors import MailError, temporary
from mailsvc.core.interfaces.ledger import ILedger
from mailsvc.core.ledger import Event, Query
from mailsvc.core.ledger_rows import pack
from mailsvc.core.operations import KeepLedger, Operation, Record
from mailsvc.ledger.finding import find
from mailsvc.ledger.gather import Gatherer
from mailsvc.ledger.options import LedgerOptions

__all__ = ["INTERVAL", "Ledger", "record"]

log = Logger(namespace="mailsvc.ledger")

INTERVAL = 1.0
"""Seconds between two writes of what was noted."""

_AT_ONCE = 100

Apply = Callable[[Sequence[Operation]], Awaitable[Any]]
"""That of IStore."""


def record(options: LedgerOptions, events: Sequence[Event]) -> Sequence[Operation]:
    """The operation that writes events down, for a transaction; none if there are none, or the ledger is switched off."""
    return (Record(tuple(map(pack, events))),) if options.on and events else ()


@implementer(ILedger)
class Ledger(Service):
    """See :class:`~mailsvc.core.interfaces.ledger.ILedger`."""

    def __init__(
        self, reactor: Any, apply: Apply, connection: Callable[[], apsw.Connection], options: LedgerOptions
    ) -> None:
        """:param apply: that of IStore. :param connection: read-only; raises MailError(NOT_NOW) if there is none now."""
        self._apply = apply
        self._connection = connection
        self._options = options
        self._gatherer = Gatherer(reactor.seconds)
        self._said = False  # whether the store knows how long rows are kept
        self._complained = False  # whether the log has a line about rows that wait
        self._loop = LoopingCall(self._write_soon)
        self._loop.clock = reactor

    # --- writing ---

    def note(self, event: Event) -> None:
        """Write it down soon."""
        if self._options.on:
            self._gatherer.add(event)

    def within(self, events: Sequence[Event]) -> Sequence[Operation]:
        """The operation that writes these down."""
        return record(self._options, events)

    async def write(self) -> None:
        """Write now what was noted. What the store does not take now is kept for the next time, which the log says once until it works."""
        events = self._gatherer.take()
        try:
            await self._say()
            while events:
                await self._write(self.within(events[:_AT_ONCE]))
                del events[:_AT_ONCE]
        except MailError as error:
            if error.temporary:
                self._gatherer.put_back(events)
            if events and not (error.temporary and self._complained):
                log.warn("{count} row(s) of the ledger were not written: {error}", count=len(events), error=error)
                self._complained = error.temporary

    async def _say(self) -> None:
        if not self._said:
            await self._write([KeepLedger(self._options.keep, self._options.on)])
            self._said = True

    async def _write(self, operations: Sequence[Operation]) -> None:
        await self._apply(operations)
        self._complained = False

    def startService(self) -> None:
        """Write every second."""
        super().startService()
        self._loop.start(INTERVAL, now=False)

    def stopService(self) -> "Deferred[None]":
        """Write what is left."""
        super().stopService()
        if self._loop.running:
            self._loop.stop()
        self._complained = False  # there is no next time: what is left now is lost
        return Deferred.fromCoroutine(self.write())

    def _write_soon(self) -> "Deferred[None]":
        return Deferred.fromCoroutine(self.write()).addErrback(lambda failure: log.failure("the ledger", failure))

    # --- reading ---

    async def find(self, query: Query) -> list[Event]:
        """The rows that fit, newest first. Raises NOT_NOW."""
        try:
            return find(self._connection(), query)
        except apsw.Error as error:
            raise temporary("ledger-unreadable", repr(error)) from error
