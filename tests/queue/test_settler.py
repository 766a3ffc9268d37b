"""Outcomes on their way into the store."""

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from mailsvc.core.errors import Kind, MailError, temporary
from mailsvc.core.operations import Deliver, Settle
from mailsvc.core.queued import Outcome, State
from mailsvc.queue.settler import Settler, is_settled_by_others


def outcome(recipient):
    """A recipient that was sent."""
    return Outcome(recipient, State.SENT, 0, 0, "2.0.0", "250 ok")


class Store:
    """Takes what it is given; ``refuse``: what the next calls raise; ``settled``: recipients that were settled by hand."""

    def __init__(self, *refuse, settled=()):
        self.refuse, self.settled = list(refuse), set(settled)
        self.applied = []
        self.gate = None

    async def apply(self, operations):
        """One transaction."""
        if self.gate is not None:
            await self.gate
        if self.refuse:
            raise self.refuse.pop(0)
        ids = {one.recipient for operation in operations if isinstance(operation, Settle) for one in operation.outcomes}
        if ids & self.settled:
            raise MailError(Kind.NOT_FOUND, "settled")
        self.applied.append(operations)
        return [None] * len(operations)


def writing(settler, *recipients, reports=()):
    """Write outcomes; what comes of it."""
    return Deferred.fromCoroutine(settler.write([outcome(one) for one in recipients], reports))


def numbers(operations):
    """The recipients of the Settle of a transaction."""
    return [one.recipient for one in operations[0].outcomes]


def test_what_ends_together_is_written_together():
    """Tries that end in one turn share one transaction, with their reports; those that end meanwhile share the next."""
    clock, store = Clock(), Store()
    settler = Settler(clock, store)
    store.gate = Deferred()
    report = Deliver(accounts=(1,), prefix=b"", size=0, date=0, data=b"")
    first = [writing(settler, 1), writing(settler, 2, 3, reports=[report])]
    clock.advance(0)
    second = [writing(settler, number) for number in (4, 5, 6)]
    gate, store.gate = store.gate, None
    gate.callback(None)
    assert [numbers(operations) for operations in store.applied] == [[1, 2, 3], [4, 5, 6]]
    assert store.applied[0][1:] == [report]
    assert all(one.called for one in first + second)


def test_a_store_that_restarts_is_waited_for():
    """What the store refuses for now is written when it can: the mail is gone already, and must not be sent again."""
    clock, store = Clock(), Store(temporary("store-restarting"), temporary("store-restarting"))
    done = writing(Settler(clock, store), 1)
    clock.advance(0)
    assert not done.called
    clock.pump([0.1, 0.2])
    assert done.called
    assert [numbers(operations) for operations in store.applied] == [[1]]


def test_at_the_end_nobody_waits_any_more():
    """When the process has to end, what cannot be written is given up."""
    clock, store = Clock(), Store(*[temporary("store-restarting")] * 3)
    settler = Settler(clock, store)
    done = writing(settler, 1)
    clock.advance(0)
    settler.give_up()
    clock.advance(1)
    failures = []
    done.addErrback(lambda failure: failures.append(failure.value))
    assert [error.kind for error in failures] == [Kind.NOT_NOW]
    assert store.applied == []


def test_one_that_was_settled_by_hand_spoils_it_for_nobody():
    """A recipient that somebody settled by hand is told to its own try alone; the others of the group are written."""
    clock, store = Clock(), Store(settled=[2])
    settler = Settler(clock, store)
    tries = [writing(settler, 1), writing(settler, 2), writing(settler, 3)]
    failures = []
    tries[1].addErrback(lambda failure: failures.append(failure.value))
    clock.advance(0)
    assert [numbers(operations) for operations in store.applied] == [[1], [3]]
    assert is_settled_by_others(failures[0])
