"""Sends what waits, for as long as this process is the one that does (:mod:`mailsvc.queue.service`).

::

    Schedule.take -> Batch -> what the store knows of it now -> Attempts.send -> settle.judge -> IReports -> Settler -> Schedule.done
                               (held or settled by hand?)        answers           outcomes,     Deliver     one
                                                                                   what to tell              transaction

The schedule wakes up when something is due, and when the store says that something came or was changed by hand. What is unexpected leaves
the recipients waiting, in memory too, and says so in the log.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger

from mailsvc.core.errors import Kind, MailError
from mailsvc.core.interfaces.ledger import ILedger
from mailsvc.core.interfaces.reports import IReports
from mailsvc.core.interfaces.store import IStore
from mailsvc.core.operations import Operation
from mailsvc.core.outbound import Answer, Mail, MailRecipient
from mailsvc.core.queued import Outcome, QueuedMessage, QueuedRecipient, State, Ticket
from mailsvc.core.reports import Told
from mailsvc.monitor import counters
from mailsvc.queue.attempt import Attempts, Result
from mailsvc.queue.backoff import wait
from mailsvc.queue.destinations import Limits, Verdict
from mailsvc.queue.journal import events, note
from mailsvc.queue.options import QueueOptions
from mailsvc.queue.pool import Pool
from mailsvc.queue.reports import original_of
from mailsvc.queue.schedule import Batch, Schedule
from mailsvc.queue.settle import Try, held, judge
from mailsvc.queue.settler import Settler, is_settled_by_others
from mailsvc.queue.ways import Way, Ways

__all__ = ["Dispatcher", "Means"]

_log = Logger(namespace="mailsvc.queue")

_SMALL = 65_536
"""Octets up to which a message is read together with others."""

_TOGETHER = 64
"""Batches that are read together."""

_SIDE_BY_SIDE = 100
"""Batches that are put off without a connection, at a time, beside those that are sent."""

_UNTOLD = 3600
"""Seconds after which those are tried again of whom no report could be made."""

_WITHOUT_STORE = 3.0
"""Seconds for which the end waits for a store that is not there: one that restarts is back by then, another may never be."""

_AGAIN = 60
"""Seconds after which something that went wrong in an unexpected way is tried again."""


@attrs.frozen(kw_only=True)
class Means:
    """What is needed for sending. ``now``: seconds since the epoch."""

    reactor: Any
    store: IStore
    reports: IReports
    ledger: ILedger
    ways: Ways
    attempts: Attempts
    pool: Pool
    options: QueueOptions
    now: Callable[[], float]


class Dispatcher:
    """From :meth:`start` to :meth:`stop`."""

    def __init__(self, means: Means, may_send: Callable[[], bool] = lambda: True) -> None:
        """:param may_send: whether it is still our turn; while it is not, nothing is begun."""
        options = means.options
        limits = Limits(
            options.connections, options.connections_at_first, options.connections_per_destination, options.recipients
        )
        self.schedule = Schedule(limits, means.ways.lane)
        self._means = means
        self._may_send = may_send
        self._most = options.connections + _SIDE_BY_SIDE
        self._settler = Settler(means.reactor, means.store)
        self._running = 0
        self._changed: dict[str, None] = {}
        self._looking: Any = None
        self._timer: Any = None
        self._timer_due: int | None = None
        self._pumping: Any = None
        self._over = False
        self._idle: list[Deferred[None]] = []

    # --- life ---

    def start(self) -> None:
        """Read everything that waits, and send what is due while the rest is still being read."""
        self._spawn(self._load())

    def reload(self) -> None:
        """News was missed: look at everything anew."""
        self.schedule.clear()
        self._spawn(self._load())

    def resume(self) -> None:
        """It may be our turn again."""
        self._pump()

    def changed(self, queue_ids: Iterable[str]) -> None:
        """Something of these messages was put into the queue or changed by hand."""
        self._changed |= dict.fromkeys(queue_ids)
        if self._looking is None and not self._over:
            self._looking = self._means.reactor.callLater(0, self._look)

    async def stop(self, patience: float) -> None:
        """Begin nothing more; let what is under way end, then cut it. Returns when all is written down, or nobody is there to do it."""
        self._over = True
        for call in (self._looking, self._timer, self._pumping):
            if call is not None:
                call.cancel()
        self._looking = self._timer = self._pumping = None
        calls = [
            self._means.reactor.callLater(min(patience, _WITHOUT_STORE), self._settler.give_up),
            self._means.reactor.callLater(patience, self._means.pool.abort),
        ]
        try:
            await self._when_idle()
        finally:
            for call in calls:
                if call.active():
                    call.cancel()

    def _when_idle(self) -> "Deferred[None]":
        idle: Deferred[None] = Deferred()
        self._idle.append(idle)
        self._look_idle()
        return idle

    def _look_idle(self) -> None:
        if not self._running:
            idle, self._idle = self._idle, []
            for one in idle:
                one.callback(None)

    def _spawn(self, work: Awaitable[None]) -> None:
        Deferred.fromCoroutine(work).addErrback(lambda failure: _log.failure("the queue failed", failure))  # type: ignore[arg-type]

    # --- what waits ---

    async def _load(self) -> None:
        try:
            async for tickets in self._means.store.queue.waiting():
                if self._over:
                    return
                self.schedule.put(tickets)
                self._pump()
        except MailError as error:
            _log.warn("the queue cannot be read, once more: {error}", error=error)
            await deferLater(self._means.reactor, 1.0)
            if not self._over:
                self.reload()

    def _look(self) -> None:
        self._looking = None
        changed, self._changed = list(self._changed), {}
        self._spawn(self._read(changed))

    async def _read(self, queue_ids: Sequence[str]) -> None:
        try:
            tickets = await self._means.store.queue.tickets(queue_ids)
        except MailError as error:
            _log.warn("the queue cannot be read, once more: {error}", error=error)
            await deferLater(self._means.reactor, 1.0)
            self.changed(queue_ids)
            return
        self.schedule.replace(queue_ids, tickets)
        self._pump()

    # --- turns ---

    def _now(self) -> int:
        return int(self._means.now())

    def _pump(self) -> None:
        """Begin what may begin now, soon: what ends in one turn of the reactor makes room for batches that are read together."""
        if self._pumping is None and not self._over and self._may_send():
            self._pumping = self._means.reactor.callLater(0, self._begin)

    def _begin(self) -> None:
        self._pumping = None
        now, batches = self._now(), list[Batch]()
        while len(batches) < min(_TOGETHER, self._most - self._running):
            batch = self.schedule.take(now)
            if batch is None:
                break
            batches.append(batch)
        if batches:
            self._running += len(batches)
            self._spawn(self._open(batches))
            self._pump()  # there may be more
        counters.queue_size(len(self.schedule))
        self._set_timer()

    def _set_timer(self) -> None:
        due = self.schedule.next_due()
        if due == self._timer_due:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._timer_due = None, due
        if due is not None:
            self._timer = self._means.reactor.callLater(max(due - self._means.now(), 0), self._wake)

    def _wake(self) -> None:
        self._timer = self._timer_due = None
        self._pump()

    async def _open(self, batches: Sequence[Batch]) -> None:
        """Read what some batches need, together, and begin each of them."""
        found: dict[str, _Open] = {}
        try:
            found = await self._read_open(batches)
        except MailError as error:
            _log.warn("the queue cannot be read: {error}", error=error)
            for batch in batches:
                self._running -= 1
                self._end(batch, self._later(batch), _Conclusion(Verdict.NOTHING))
            return
        for batch in batches:
            self._spawn(self._work(batch, found.get(batch.queue_id)))

    async def _read_open(self, batches: Sequence[Batch]) -> "dict[str, _Open]":
        """What the store knows now of messages, by queue id: whoever was held, settled or rerouted by hand meanwhile is not tried."""
        lanes = {ticket.recipient: batch.lane for batch in batches for ticket in batch.tickets}
        found: dict[str, _Open] = {}
        for message, one in await self._means.store.queue.still_open(list(lanes)):
            if one.state is State.WAITING and self._means.ways.lane(one.destination) == lanes[one.id]:
                found.setdefault(message.queue_id, _Open(message)).recipients.append(one)
        tried = {batch.queue_id for batch in batches if batch.reason is None}
        await self._read_small([one for queue_id, one in found.items() if queue_id in tried])
        return found

    async def _read_small(self, messages: "Sequence[_Open]") -> None:
        """Read the octets of those that are small. If one of them cannot be read, each reads its own, and fails alone."""
        small = [one for one in messages if one.message.size <= _SMALL]
        try:
            contents = await self._means.store.bodies.get_many([one.message.content for one in small])
        except MailError:
            return
        for one, content in zip(small, contents, strict=True):
            one.content = content

    def _later(self, batch: Batch) -> list[Ticket]:
        return [ticket._replace(due=self._now() + _AGAIN) for ticket in batch.tickets]

    async def _work(self, batch: Batch, found: "_Open | None") -> None:
        waiting, conclusion = list[Ticket](), _Conclusion(Verdict.NOTHING)
        try:
            if found is not None:
                waiting, conclusion = await self._carry(batch, found)
        except MailError as error:
            waiting = self._later(batch)
            _log.warn("{queue_id}: the store does not answer: {error}", queue_id=batch.queue_id, error=error)
        except Exception:
            waiting = self._later(batch)
            _log.failure("{queue_id} could not be tried", queue_id=batch.queue_id)
        finally:
            self._running -= 1
            self._end(batch, waiting, conclusion)

    def _end(self, batch: Batch, waiting: Sequence[Ticket], end: "_Conclusion") -> None:
        stale = self.schedule.done(batch, waiting, end.verdict, self._now(), end.until, end.reason)
        if stale:
            self.changed([batch.queue_id])
        self._look_idle()
        self._pump()

    # --- one batch ---

    async def _carry(self, batch: Batch, found: "_Open") -> "tuple[list[Ticket], _Conclusion]":
        """Try a batch and write down what became of it: which of its recipients still wait, and what that says of its lane."""
        mine = {ticket.recipient for ticket in batch.tickets}
        recipients = [one for one in found.recipients if one.id in mine]
        if not recipients:
            return [], _Conclusion(Verdict.NOTHING)
        way = self._means.ways.to(recipients[0].destination)
        if way.hold:
            return await self._hold(batch, found.message, recipients)
        result = await self._try(batch, way, found, recipients)
        conclusion = self._conclude(batch, result)
        counters.queue_in_doubt(result.in_doubt)
        outcomes = await self._settle(batch, found.message, recipients, result, conclusion)
        return _waiting(batch, outcomes), conclusion

    async def _hold(
        self, batch: Batch, message: QueuedMessage, recipients: Sequence[QueuedRecipient]
    ) -> "tuple[list[Ticket], _Conclusion]":
        outcomes = [held(one, self._now()) for one in recipients]
        record = self._means.ledger.within(events(message, recipients, outcomes, self._means.now()))
        await self._settler.write(outcomes, record)
        note(batch.queue_id, recipients, outcomes)
        return [], _Conclusion(Verdict.NOTHING)

    async def _try(self, batch: Batch, way: Way, found: "_Open", recipients: Sequence[QueuedRecipient]) -> Result:
        if batch.reason is not None:
            reason: Result = batch.reason
            answers = [reason.answers[0]] * len(recipients)
            return attrs.evolve(reason, answers=answers, verdict=Verdict.NOTHING, tried=False)
        if self._waits_to_be_asked(batch):
            answer = Answer(0, "4.0.0", "Waits until its server asks for it (ETRN)", "connect")
            return Result([answer] * len(recipients), Verdict.NOTHING, tried=False)
        began = self._means.reactor.seconds()
        listed = [MailRecipient(one.address, one.notify, one.orcpt) for one in recipients]
        result = await self._means.attempts.send(way, self._mail(found), listed)
        counters.queue_seconds(self._means.reactor.seconds() - began)
        return result

    def _waits_to_be_asked(self, batch: Batch) -> bool:
        """Whether nobody has asked for mail of a domain that is sent on demand only: it is due because it has just arrived."""
        first = batch.tickets[0]
        return first.due <= first.arrived and self._means.ways.patience(first.destination, first.report).on_demand

    def _mail(self, found: "_Open") -> Mail:
        message = found.message
        return Mail(
            sender=message.sender,
            size=message.size - message.skip,
            read=_Reading(self._means.store, message, found.content).read,
            body=message.body,
            utf8=message.utf8,
            ret=message.ret,
            envid=message.envid,
        )

    def _conclude(self, batch: Batch, result: Result) -> "_Conclusion":
        if result.verdict is not Verdict.DEAD:
            return _Conclusion(result.verdict)
        delay = wait(self._means.options, self.schedule.failures(batch.lane) + 1)
        return _Conclusion(result.verdict, self._now() + delay, result)

    # --- what became of it ---

    async def _settle(
        self,
        batch: Batch,
        message: QueuedMessage,
        recipients: Sequence[QueuedRecipient],
        result: Result,
        conclusion: "_Conclusion",
    ) -> list[Outcome]:
        """Write it down, with what the sender is told, in one transaction. The outcomes of those who were still there.

        If no report can be made or taken, that is our fault: who has the mail is settled all the same, and must not get it again.
        """
        answers = {one.id: answer for one, answer in zip(recipients, result.answers, strict=True)}
        tell = True
        while recipients:
            judged = [self._judge(batch, message, one, answers[one.id], result, conclusion) for one in recipients]
            if not tell:
                judged = [self._untold(*one) for one in judged]
            outcomes, at = [outcome for outcome, _ in judged], self._means.now()
            try:
                reports = await self._report(message, [told for _, told in judged if told is not None])
                record = self._means.ledger.within(events(message, recipients, outcomes, at))
                await self._settler.write(outcomes, [*record, *reports])
            except Exception as error:
                if is_settled_by_others(error):
                    recipients = await self._still_there(answers)
                elif tell and not _not_now(error):
                    tell = False
                    _log.failure("{queue_id}: no report can be made", queue_id=message.queue_id)
                else:
                    counters.queue_unsettled(sum(answer.success for answer in answers.values()))
                    raise
                continue
            note(batch.queue_id, recipients, outcomes)
            return outcomes
        return []

    def _untold(self, outcome: Outcome, told: Told | None) -> tuple[Outcome, None]:
        """The outcome without a report: a failure or a delay of which nobody can be told now is tried, and told, another time."""
        if told is None or outcome.state in (State.SENT, State.RELAYED):
            return outcome, None
        return outcome._replace(state=State.WAITING, due=self._now() + _UNTOLD, warned=False), None

    async def _still_there(self, tried: Iterable[int]) -> list[QueuedRecipient]:
        """Those who were tried and are not settled yet: somebody has settled the others by hand meanwhile."""
        return [one for _, one in await self._means.store.queue.still_open(list(tried))]

    def _judge(
        self,
        batch: Batch,
        message: QueuedMessage,
        recipient: QueuedRecipient,
        answer: Answer,
        result: Result,
        conclusion: "_Conclusion",
    ) -> tuple[Outcome, Told | None]:
        now = self._now()
        delay = wait(self._means.options, recipient.attempts + 1)
        if batch.reason is not None:  # after the next look at its destination; not all at the same moment
            delay += max(self.schedule.dead_until(batch.lane) - now, 0)
        elif conclusion.until:
            delay = max(delay, conclusion.until - now)
        patience = self._means.ways.patience(recipient.destination, message.sender == "")
        this = Try(now, message.arrived, delay, result.host, result.tls, result.tried)
        return judge(recipient, answer, this, patience)

    async def _report(self, message: QueuedMessage, told: Sequence[Told]) -> Sequence[Operation]:
        """What tells the sender. It waits for the store as long as the settler does: the mail itself may be gone already."""
        while told:
            try:
                return await self._means.reports.report(original_of(message, self._means.store.bodies), told)
            except MailError as error:
                if not _not_now(error) or self._settler.over:
                    raise
                _log.warn("{queue_id}: no report yet: {error}", queue_id=message.queue_id, error=error)
            await deferLater(self._means.reactor, 1.0)
        return ()


@attrs.frozen
class _Conclusion:
    """What a batch says of its lane, for :meth:`Schedule.done`."""

    verdict: Verdict
    until: int = 0
    reason: Result | None = None


def _not_now(error: Exception) -> bool:
    return isinstance(error, MailError) and error.kind is Kind.NOT_NOW


def _waiting(batch: Batch, outcomes: Iterable[Outcome]) -> list[Ticket]:
    """The tickets of those who still wait."""
    tickets = {ticket.recipient: ticket for ticket in batch.tickets}
    return [
        tickets[one.recipient]._replace(due=one.due, attempts=tickets[one.recipient].attempts + one.tried)
        for one in outcomes
        if one.state == State.WAITING
    ]


@attrs.define
class _Open:
    """A message, those of its recipients that wait, and its octets if they were read already."""

    message: QueuedMessage
    recipients: list[QueuedRecipient] = attrs.Factory(list)
    content: bytes | None = None


class _Reading:
    """The octets of one message as they leave: without what our prefix has for mailboxes only."""

    def __init__(self, store: IStore, message: QueuedMessage, content: bytes | None) -> None:
        self._bodies = store.bodies
        self._message = message
        self._content = content

    async def read(self, offset: int, length: int) -> bytes:
        """At most ``length`` octets from ``offset``."""
        start = self._message.skip + offset
        if self._content is not None:
            return self._content[start : start + length]
        return await self._bodies.get(self._message.content, start, length)
