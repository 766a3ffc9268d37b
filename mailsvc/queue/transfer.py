"""One batch: tried, unless there is a reason not to, and settled.

========================================  ==================================================
its route holds mail                      held, until a person releases it
nobody answers at its destination         put off with that reason, without a connection
its domain is sent on demand only (ETRN)  put off until somebody asks
else                                      :meth:`Attempts.send`
========================================  ==================================================
"""

from collections.abc import Iterable, Sequence

import attrs

from mailsvc.core.outbound import Answer, MailRecipient
from mailsvc.core.queued import Outcome, QueuedRecipient, State, Ticket
from mailsvc.monitor import counters
from mailsvc.queue.attempt import Result
from mailsvc.queue.backoff import wait
from mailsvc.queue.destinations import Verdict
from mailsvc.queue.means import Means
from mailsvc.queue.reading import OpenMessage, mail
from mailsvc.queue.schedule import Batch, Schedule
from mailsvc.queue.settlement import Settlement
from mailsvc.queue.ways import Way

__all__ = ["NOTHING", "Conclusion", "Transfer"]


@attrs.frozen
class Conclusion:
    """What a batch says of its lane, for :meth:`Schedule.done`."""

    verdict: Verdict
    until: int = 0
    reason: Result | None = None


NOTHING = Conclusion(Verdict.NOTHING)


class Transfer:
    """Carries out batches."""

    def __init__(self, means: Means, schedule: Schedule, settlement: Settlement) -> None:
        """:param schedule: asked for what it knows of lanes."""
        self._means = means
        self._schedule = schedule
        self._settlement = settlement

    async def carry(self, batch: Batch, found: OpenMessage) -> tuple[list[Ticket], Conclusion]:
        """Try a batch and write down what became of it: which of its recipients still wait, and what that says of its lane.

        Raises MailError if it cannot be written down.
        """
        recipients = found.among(ticket.recipient for ticket in batch.tickets)
        if not recipients:
            return [], NOTHING
        way = self._means.ways.to(recipients[0].destination)
        if way.hold:
            await self._settlement.hold(found.message, recipients)
            return [], NOTHING
        result = await self._try(batch, way, found, recipients)
        conclusion = self._conclude(batch, result)
        counters.queue_in_doubt(result.in_doubt)
        outcomes = await self._settlement.settle(
            found.message, recipients, result, lambda one: self._delay(batch, one, conclusion)
        )
        return _waiting(batch, outcomes), conclusion

    async def _try(self, batch: Batch, way: Way, found: OpenMessage, recipients: Sequence[QueuedRecipient]) -> Result:
        if batch.reason is not None:
            reason: Result = batch.reason
            answers = [reason.answers[0]] * len(recipients)
            return attrs.evolve(reason, answers=answers, verdict=Verdict.NOTHING, tried=False)
        if self._waits_to_be_asked(batch):
            answer = Answer(0, "4.0.0", "Waits until its server asks for it (ETRN)", "connect")
            return Result([answer] * len(recipients), Verdict.NOTHING, tried=False)
        began = self._means.reactor.seconds()
        listed = [MailRecipient(one.address, one.notify, one.orcpt) for one in recipients]
        result = await self._means.attempts.send(way, mail(self._means.store.bodies, found), listed)
        counters.queue_seconds(self._means.reactor.seconds() - began)
        return result

    def _waits_to_be_asked(self, batch: Batch) -> bool:
        """Whether nobody has asked for mail of a domain that is sent on demand only: it is due because it has just arrived."""
        first = batch.tickets[0]
        return first.due <= first.arrived and self._means.ways.patience(first.destination, first.report).on_demand

    def _conclude(self, batch: Batch, result: Result) -> Conclusion:
        if result.verdict is not Verdict.DEAD:
            return Conclusion(result.verdict)
        delay = wait(self._means.options, self._schedule.failures(batch.lane) + 1)
        return Conclusion(result.verdict, self._means.second() + delay, result)

    def _delay(self, batch: Batch, recipient: QueuedRecipient, conclusion: Conclusion) -> int:
        """Seconds until the next try of a recipient."""
        now = self._means.second()
        delay = wait(self._means.options, recipient.attempts + 1)
        if batch.reason is not None:  # after the next look at its destination; not all at the same moment
            return delay + max(self._schedule.dead_until(batch.lane) - now, 0)
        return max(delay, conclusion.until - now) if conclusion.until else delay


def _waiting(batch: Batch, outcomes: Iterable[Outcome]) -> list[Ticket]:
    """The tickets of those who still wait."""
    tickets = {ticket.recipient: ticket for ticket in batch.tickets}
    return [
        tickets[one.recipient]._replace(due=one.due, attempts=tickets[one.recipient].attempts + one.tried)
        for one in outcomes
        if one.state == State.WAITING
    ]
