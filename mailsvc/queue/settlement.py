"""What a try ends with is written down: outcomes, what the sender is told of them, and the rows of the ledger, in one transaction.

Two things may go wrong after a host has taken the mail, and neither may send it a second time:

- A recipient was settled by hand meanwhile: the store refuses the whole transaction, and it is made anew for the others.
  Who they are may have to be asked more than once.
- The report cannot be made, or not be delivered: that is our fault. The outcomes are written without it; a failure or a delay of which
  nobody can be told now is tried, and told, another time.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from twisted.internet.task import deferLater
from twisted.logger import Logger

from mailsvc.core.errors import Kind, MailError
from mailsvc.core.operations import Operation
from mailsvc.core.outbound import Answer
from mailsvc.core.queued import Outcome, QueuedMessage, QueuedRecipient, State
from mailsvc.core.reports import Told
from mailsvc.monitor import counters
from mailsvc.queue.attempt import Result
from mailsvc.queue.journal import events, note
from mailsvc.queue.means import Means
from mailsvc.queue.reports import original_of
from mailsvc.queue.settle import Try, held, judge
from mailsvc.queue.settler import Settler, is_settled_by_others

__all__ = ["Settlement"]

_log = Logger(namespace="mailsvc.queue")

_UNTOLD = 3600
"""Seconds after which those are tried again of whom no report could be made."""

T = TypeVar("T")
Judged = tuple[Outcome, Told | None]
Delay = Callable[[QueuedRecipient], int]


class _NoReport(Exception):
    """The report cannot be made."""


class Settlement:
    """Settles what was tried."""

    def __init__(self, means: Means, settler: Settler) -> None:
        self._means = means
        self._settler = settler

    async def settle(
        self, message: QueuedMessage, recipients: Sequence[QueuedRecipient], result: Result, delay: Delay
    ) -> list[Outcome]:
        """The outcomes of those who were still there, written down. Raises MailError if the store takes none.

        :param result: with an answer for each recipient. :param delay: seconds until the next try of one that waits.
        """
        answers = {one.id: answer for one, answer in zip(recipients, result.answers, strict=True)}
        try:
            return await self._settle(message, recipients, answers, result, delay)
        except MailError:
            _count_unsettled(answers)
            raise

    async def _settle(
        self,
        message: QueuedMessage,
        recipients: Sequence[QueuedRecipient],
        answers: Mapping[int, Answer],
        result: Result,
        delay: Delay,
    ) -> list[Outcome]:
        tell = True
        while recipients:
            judged = [self._judge(message, one, answers[one.id], result, delay) for one in recipients]
            try:
                return await self._write(message, recipients, judged if tell else list(map(self._untold, judged)))
            except _NoReport:
                tell = False
            except MailError as error:
                if is_settled_by_others(error):
                    recipients = await self._still_there(message, answers)
                elif tell and error.kind is not Kind.NOT_NOW:
                    tell = False
                    _log.failure("{queue_id}: its report is refused", queue_id=message.queue_id)
                else:
                    raise
        return []

    async def hold(self, message: QueuedMessage, recipients: Sequence[QueuedRecipient]) -> None:
        """A route does not let them go. Raises MailError."""
        await self._write(message, recipients, [(held(one, self._means.second()), None) for one in recipients])

    async def _write(
        self, message: QueuedMessage, recipients: Sequence[QueuedRecipient], judged: Sequence[Judged]
    ) -> list[Outcome]:
        outcomes, at = [outcome for outcome, _ in judged], self._means.now()
        reports = await self._report(message, [told for _, told in judged if told is not None])
        record = self._means.ledger.within(events(message, recipients, outcomes, at))
        await self._settler.write(outcomes, [*record, *reports])
        note(message.queue_id, recipients, outcomes)
        return outcomes

    def _judge(
        self, message: QueuedMessage, recipient: QueuedRecipient, answer: Answer, result: Result, delay: Delay
    ) -> Judged:
        patience = self._means.ways.patience(recipient.destination, message.sender == "")
        now = self._means.second()
        this = Try(now, message.arrived, delay(recipient), result.host, result.tls, result.tried)
        return judge(recipient, answer, this, patience)

    def _untold(self, judged: Judged) -> Judged:
        """The outcome without a report: a failure or a delay of which nobody can be told now is tried, and told, another time."""
        outcome, told = judged
        if told is None or outcome.state in (State.SENT, State.RELAYED):
            return outcome, None
        due = self._means.second() + _UNTOLD
        return outcome._replace(state=State.WAITING, due=due, warned=False), None

    async def _still_there(self, message: QueuedMessage, tried: Iterable[int]) -> list[QueuedRecipient]:
        """Those who were tried and are not settled yet: somebody has settled the others by hand meanwhile. Raises MailError."""
        ids = list(tried)
        return [one for _, one in await self._patiently(message, lambda: self._means.store.queue.still_open(ids))]

    async def _report(self, message: QueuedMessage, told: Sequence[Told]) -> Sequence[Operation]:
        """What tells the sender.

        Raises NOT_NOW after :meth:`Settler.give_up`; _NoReport for whatever else a stranger's message or its reply do to its making.
        """
        if not told:
            return ()
        original = original_of(message, self._means.store.bodies)
        try:
            return await self._patiently(message, lambda: self._means.reports.report(original, told))
        except Exception as error:
            if isinstance(error, MailError) and error.kind is Kind.NOT_NOW:
                raise
            _log.failure("{queue_id}: no report can be made", queue_id=message.queue_id)
            raise _NoReport from error

    async def _patiently(self, message: QueuedMessage, ask: Callable[[], Awaitable[T]]) -> T:
        """Wait for the store as long as the settler does: the mail itself may be gone already.

        Raises NOT_NOW after :meth:`Settler.give_up`; whatever else ``ask`` raises.
        """
        while True:
            try:
                return await ask()
            except MailError as error:
                if error.kind is not Kind.NOT_NOW or self._settler.over:
                    raise
                _log.warn("{queue_id}: not settled yet: {error}", queue_id=message.queue_id, error=error)
            await deferLater(self._means.reactor, 1.0)


def _count_unsettled(answers: Mapping[int, Answer]) -> None:
    """Those who have the mail will get it again: nobody will know that they have it."""
    counters.queue_unsettled(sum(answer.success for answer in answers.values()))
