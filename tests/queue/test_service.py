"""One process sends, and the monitor sees whether one does."""

import pytest
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from mailsvc.core.interfaces.queue import QUEUE_LOCK
from mailsvc.core.queued import QueueChanged
from mailsvc.core.values import NewsMissed
from mailsvc.queue.service import MISSING, SomebodySends
from mailsvc.store.connect import run
from tests.queue.doubles import OK
from tests.queue.world import World


class ServiceTests(TestCase):
    """The lock, and news."""

    def world(self):
        """A world that does not send yet."""
        world = World(self.mktemp())
        self.addCleanup(world.close)
        return world

    def test_health(self):
        """All is well while somebody sends; if nobody does for a while, the monitor says so, and takes the lock from nobody."""
        world = self.world()
        check = SomebodySends(world.clock, world.store)
        run(check())  # it may be changing hands
        world.clock.advance(MISSING)
        with pytest.raises(RuntimeError, match="nobody sends"):
            run(check())
        world.start()
        run(check())
        assert world.queue.sending
        world.stop()
        run(check())  # free since now, not since then

    def test_lock_is_given_back(self):
        """A process that stops in good order leaves the queue to others at once."""
        world = self.world()
        world.start()
        assert world.stop()
        run(world.store.lock(QUEUE_LOCK)).release()

    def test_lock_that_is_lost_for_a_moment(self):
        """While the store's owner restarts nothing is begun; when the lock is ours again, all goes on."""
        world = self.world()
        world.start()
        lock = world.queue._lock
        lock.held = False
        world.store._locks[QUEUE_LOCK] = lock  # it is being taken again
        world.post("bob@there.example")
        world.pass_time(60)
        assert not world.hosts.sent
        lock.held = True
        world.pass_time(1, step=0.5)
        assert len(world.hosts.sent) == 1

    def test_lock_that_is_lost_for_good(self):
        """If another process has taken the lock, ours ends; when it is free again, it looks at everything anew."""
        world = self.world()
        world.start()
        world.queue._lock.release()
        other = run(world.store.lock(QUEUE_LOCK))
        world.post("bob@there.example")
        world.pass_time(60)
        assert not world.hosts.sent
        other.release()
        world.pass_time(1, step=0.25)
        assert len(world.hosts.sent) == 1

    def test_former_sender_goes_first(self):
        """When the store's owner is back, the process that was sending gets its lock again before any other asks for it."""
        world = self.world()
        former = run(world.store.lock(QUEUE_LOCK))
        world.start()
        former.release()
        world.bus.publish(NewsMissed())
        world.pass_time(2, step=0.25)
        assert not world.queue.sending
        world.pass_time(2, step=0.25)
        assert world.queue.sending

    def test_what_is_under_way_ends_before_all_is_looked_at_anew(self):
        """The lock is lost and taken again while a message is being sent: it is neither cut off nor sent a second time."""
        world = self.world()
        answer = Deferred()
        world.hosts.script["192.0.2.1"] = lambda mail, recipients: answer
        world.start()
        queue_id = world.post("bob@there.example")
        world.pass_time()
        world.queue._lock.release()
        world.pass_time(2, step=0.25)
        assert world.hosts.connections[0].usable
        world.hosts.script.clear()
        answer.callback(OK)
        world.pass_time(5, step=0.25)
        assert world.hosts.delivered == {(queue_id, "bob@there.example"): 1}
        assert world.queue.sending

    def test_missed_news(self):
        """Whoever has missed news looks at everything anew."""
        for news in (NewsMissed(), QueueChanged()):
            with self.subTest(news):
                world = self.world()
                world.start()
                publish, world.bus.publish = world.bus.publish, lambda event: None
                world.post("bob@there.example")
                world.pass_time(60)
                assert not world.hosts.sent
                publish(news)
                world.pass_time(1)
                assert len(world.hosts.sent) == 1
