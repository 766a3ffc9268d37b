"""After a change of hands mail leaves while the queue is still being read: what is due first, nothing twice, nothing forgotten."""

import random

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from mailsvc.core.errors import temporary
from mailsvc.core.operations import ChangeQueued
from mailsvc.core.values import NewsMissed
from mailsvc.store import queue as slices
from mailsvc.store.connect import run
from mailsvc.store.reading import no_pause
from tests.queue.doubles import OK, Hosts, Names
from tests.queue.world import World

HOUR = 3600


class Case(TestCase):
    """A store that is read in slices of one recipient, one a second."""

    def setUp(self):
        """Small slices and blocks."""
        self.patch(slices, "TICKETS", 1)

    def world(self, **fields):
        """A world that does not send yet."""
        world = World(self.mktemp(), **fields)
        self.addCleanup(world.close)
        world.store.reader.pause = lambda: deferLater(world.clock, 1)
        return world

    def later(self, world, seconds=HOUR):
        """A message that is due only then; the id of its recipient."""
        queue_id = world.post(f"r{seconds}@there.example", due=int(world.now()) + seconds)
        return run(world.store.queue.recipients(queue_id))[0].id

    def known(self, world):
        """How many recipients the schedule knows."""
        return len(world.queue.dispatcher.schedule)


class LoadingTests(Case):
    """What happens while most of the queue is still to be read."""

    def test_what_is_due_leaves_before_the_rest_is_read(self):
        """The one message that is due is the last of many: it leaves at once, and the others are known later."""
        world = self.world()
        for _ in range(50):
            self.later(world)
        due = world.post("bob@there.example")
        world.start()
        assert world.hosts.delivered == {(due, "bob@there.example"): 1}
        assert self.known(world) < 10
        world.pass_time(60, step=1)
        assert self.known(world) == 50

    def test_what_becomes_due_while_the_rest_is_read(self):
        """A message that is due in half a minute leaves in time, though reading takes longer."""
        world = self.world()
        for _ in range(50):
            self.later(world)
        soon = world.post("bob@there.example", due=int(world.now()) + 30)
        world.start()
        world.pass_time(28, step=1)
        assert not world.hosts.delivered
        world.pass_time(3, step=1)
        assert world.hosts.delivered == {(soon, "bob@there.example"): 1}

    def test_limits_hold_while_the_rest_is_read(self):
        """A destination gets no more connections because the queue is still being read."""
        held = []

        def say(mail, recipients):
            held.append(Deferred())
            return held[-1]

        world = self.world(
            hosts=Hosts(script={"192.0.2.1": say}), connections_at_first=1, connections_per_destination=2
        )
        for number in range(20):
            world.post(f"r{number}@there.example")
        world.start()
        world.pass_time(30, step=1)
        assert len(held) == 1, "until the first has answered"
        most = 0
        while open_ := [one for one in held if not one.called]:
            most = max(most, len(open_))
            open_[0].callback(OK)
            world.pass_time(1, step=1)
        assert (most, len(world.hosts.delivered)) == (2, 20)

    def test_wanted_now_although_it_is_not_read_yet(self):
        """``queue retry`` during the load: the message goes at once, and once."""
        world = self.world()
        recipients = [self.later(world, HOUR + number) for number in range(20)]
        world.start()
        world.store.commit([ChangeQueued((recipients[-1],), due=int(world.now()))])
        world.pass_time()
        assert list(world.hosts.delivered.values()) == [1]
        world.pass_time(60, step=1)
        assert list(world.hosts.delivered.values()) == [1]
        assert self.known(world) == 19

    def test_held_although_it_was_read_already(self):
        """``queue hold`` during the load counts, whether the message has been read or not."""
        world = self.world()
        first, *_, last = [self.later(world) for _ in range(20)]
        world.start()
        world.pass_time(5, step=1)
        world.store.commit([ChangeQueued((first, last), held=True)])
        world.pass_time(60, step=1)
        assert self.known(world) == 18

    def test_news_missed_while_it_is_read(self):
        """A second look at everything takes the place of the first: two at a time would be twice the work."""
        world = self.world()
        for _ in range(10):
            self.later(world)
        asked = []
        waiting = world.store.queue.waiting
        world.store.queue.waiting = lambda soon: asked.append(soon) or waiting(soon)
        world.start()
        world.pass_time(3, step=1)
        world.bus.publish(NewsMissed())
        assert self.known(world) == 0
        world.pass_time(1, step=1)
        assert self.known(world) == 1
        world.pass_time(30, step=1)
        assert (len(asked), self.known(world)) == (2, 10)

    def test_a_store_that_cannot_be_read_for_a_moment(self):
        """Reading is taken up again, whole."""
        world = self.world()
        for _ in range(5):
            self.later(world)
        waiting, troubles = world.store.queue.waiting, [temporary("store-unreadable")]

        async def interrupted(soon):
            async for tickets in waiting(soon):
                yield tickets
                if troubles:
                    raise troubles.pop()

        world.store.queue.waiting = interrupted
        world.start()
        world.pass_time(30, step=1)
        assert self.known(world) == 5


class AnyOrderTests(Case):
    """Whatever is changed by hand at whatever moment of the load: each recipient ends sent once, or held."""

    def test_what_was_not_foreseen(self):
        """Whatever keeps the queue from being read, it is read again; a change meanwhile is not forgotten."""
        world = self.world()
        queue = world.store.queue
        tickets, waiting = queue.tickets, queue.waiting

        def fail(*arguments):
            raise ValueError("a row that cannot be read")

        queue.tickets = queue.waiting = fail
        first = world.post("bob@there.example")
        world.start()
        second = world.post("carol@there.example")
        world.pass_time(2, step=1)
        assert world.hosts.delivered == {}
        assert self.flushLoggedErrors(ValueError)
        queue.tickets, queue.waiting = tickets, waiting
        world.pass_time(5, step=1)
        assert world.hosts.delivered == {(first, "bob@there.example"): 1, (second, "carol@there.example"): 1}
        self.flushLoggedErrors(ValueError)

    def test_changes_at_any_moment(self):
        """Retry, reroute, hold, release and new mail, mixed with the load in many orders."""
        self.patch(slices, "BLOCK", 3)
        for seed in range(6):
            self.one_run(random.Random(seed))

    def one_run(self, chance):
        """One order of events."""
        there = ["192.0.2.1"]
        world = self.world(
            names=Names({}, {"there.example": there, "other.example": there}),
            connections_at_first=1,
            connections_per_destination=2,
        )
        ids = [self.later(world, chance.choice([0, 30, 2 * HOUR]) + number) for number in range(25)]
        world.queue.startService()
        for number in range(60):
            self.change(world, chance, chance.choice(ids))
            if chance.random() < 0.2:
                ids.append(self.later(world, chance.choice([100, 200]) + number))
            if chance.random() < 0.1:
                world.bus.publish(NewsMissed())
            world.pass_time(chance.choice([0, 0, 1, 2]), step=1)
        world.pass_time(4 * HOUR)
        world.store.reader.pause = no_pause
        assert set(world.hosts.delivered.values()) == {1}, "nothing twice"
        assert {state for state, *_ in world.waiting().values()} <= {"HELD"}, "nothing forgotten"
        assert len(world.hosts.delivered) + len(world.waiting()) == len(ids)

    def change(self, world, chance, recipient):
        """Something that a person does to a recipient, if it is still there."""
        now = int(world.now())
        kinds = [
            {"due": now},
            {"destination": "other.example", "due": now},
            {"destination": "there.example"},
            {"held": True},
            {"held": False},
        ]
        world.store.commit([ChangeQueued((recipient,), **chance.choice(kinds))])
