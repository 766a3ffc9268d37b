"""Questions that take long must not hold up others: those who ask the same share an answer, and each group gets a few turns at a time.

Who gets no turn in time is told to come again: whoever waits holds something that others want.
"""

from collections import defaultdict
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

from twisted.internet.defer import Deferred, DeferredSemaphore
from twisted.internet.defer import TimeoutError as Late
from twisted.internet.interfaces import IReactorTime

from mailsvc.core.errors import temporary

__all__ = ["Turns"]

T = TypeVar("T")


class Turns(Generic[T]):
    """Asks. Neither who asked first nor anybody else can spoil it for the others by being cancelled."""

    def __init__(self, clock: IReactorTime, most: int, patience: float) -> None:
        """:param most: questions of one group at a time; the others wait. :param patience: seconds for which they do."""
        self._clock = clock
        self._most = most
        self._patience = patience
        self._listeners: dict[Hashable, list[Deferred[T]]] = {}
        self._groups: defaultdict[Hashable, DeferredSemaphore] = defaultdict(lambda: DeferredSemaphore(most))

    def ask(self, group: Hashable, question: Hashable, ask: Callable[[], Coroutine[Any, Any, T]]) -> "Deferred[T]":
        """The answer to a question, or the exception that asking raises; NOT_NOW if its turn does not come in time.

        ``ask`` is called unless the question is being asked already.
        """
        answered: Deferred[T] = Deferred()
        listeners = self._listeners.setdefault(question, [])
        listeners.append(answered)
        if len(listeners) == 1:
            Deferred.fromCoroutine(self._in_turn(group, ask)).addBoth(self._tell, question)
        return answered

    async def _in_turn(self, group: Hashable, ask: Callable[[], Coroutine[Any, Any, T]]) -> T:
        turns = self._groups[group]
        try:
            await turns.acquire().addTimeout(self._patience, self._clock)
        except Late:
            raise temporary("busy", f"too many questions about {group}") from None
        try:
            return await ask()
        finally:
            turns.release()
            if turns.tokens == self._most and self._groups.get(group) is turns:
                del self._groups[group]

    def _tell(self, outcome: Any, question: Hashable) -> None:
        for each in self._listeners.pop(question):
            each.callback(outcome)  # a Failure makes it fail
