"""Outcomes on their way into the store: what tries end with while one commit is under way goes into the next, together.

A try whose outcomes cannot be written down would be made again, and its recipients would get a second copy. So what the store refuses for
now (it restarts, its disk is full) is written again and again, until it is done or the process has to end.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import attrs
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from mailsvc.core.errors import Kind, MailError
from mailsvc.core.interfaces.store import IStore
from mailsvc.core.operations import Operation, Settle
from mailsvc.core.queued import Outcome

__all__ = ["Settler", "is_settled_by_others"]

_log = Logger(namespace="mailsvc.queue")

_MOST = 500
"""Outcomes of one commit."""

_PAUSES = (0.1, 0.2, 0.5, 1.0)


@attrs.define(eq=False)
class _Entry:
    outcomes: Sequence[Outcome]
    also: Sequence[Operation]
    written: "Deferred[None]" = attrs.Factory(Deferred)


def is_settled_by_others(error: Exception) -> bool:
    """Whether a refusal says that a recipient was settled by hand meanwhile."""
    return isinstance(error, MailError) and error.kind is Kind.NOT_FOUND and error.reason == "settled"


class Settler:
    """Writes outcomes. ``over``: whether it has given up."""

    def __init__(self, reactor: Any, store: IStore) -> None:
        self._reactor = reactor
        self._store = store
        self._entries: list[_Entry] = []
        self._writing = False
        self._pause: Deferred[None] | None = None
        self.over = False

    def give_up(self) -> None:
        """From now on, what the store refuses is not tried again; what waits for it is tried once more at once."""
        self.over = True
        if self._pause is not None:
            self._pause.cancel()

    async def write(self, outcomes: Sequence[Outcome], also: Sequence[Operation] = ()) -> None:
        """Return once the outcomes are durable, and with them the rest of their transaction: reports, rows of the ledger.

        Raises MailError: what :meth:`IStore.apply` refuses for good; NOT_NOW after :meth:`give_up`.
        """
        entry = _Entry(outcomes, also)
        self._entries.append(entry)
        if not self._writing:
            self._writing = True
            self._reactor.callLater(0, self._start)
        await entry.written

    def _start(self) -> None:
        Deferred.fromCoroutine(self._run()).addErrback(lambda failure: _log.failure("settling failed", failure))

    async def _run(self) -> None:
        try:
            while group := self._next_group():
                await self._write(group)
        finally:
            self._writing = False

    def _next_group(self) -> list[_Entry]:
        size, count = 0, 0
        while count < len(self._entries) and (not count or size + len(self._entries[count].outcomes) <= _MOST):
            size += len(self._entries[count].outcomes)
            count += 1
        group, self._entries = self._entries[:count], self._entries[count:]
        return group

    async def _write(self, group: list[_Entry]) -> None:
        outcomes = tuple(outcome for entry in group for outcome in entry.outcomes)
        also = [operation for entry in group for operation in entry.also]
        try:
            await self._apply([Settle(outcomes), *also] if outcomes else also)
        except Exception as error:
            if len(group) > 1 and not _passes(error):  # one of them spoils it for all
                for entry in group:
                    await self._write([entry])
                return
            for entry in group:
                entry.written.errback(Failure(error))
            return
        for entry in group:
            entry.written.callback(None)

    async def _apply(self, operations: Sequence[Operation]) -> None:
        for number in range(10**9):
            try:
                await self._store.apply(operations)
                return
            except MailError as error:
                if self.over or not _passes(error):
                    raise
                _log.warn("the store does not take what tries ended with, once more: {error}", error=error)
            self._pause = deferLater(self._reactor, _PAUSES[min(number, len(_PAUSES) - 1)])
            with suppress(CancelledError):
                await self._pause
            self._pause = None


def _passes(error: Exception) -> bool:
    return isinstance(error, MailError) and error.kind is Kind.NOT_NOW
