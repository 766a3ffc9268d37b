"""Events inside a process."""

import attrs
from twisted.trial.unittest import TestCase

from mailsvc.bus import Announcement, Bus


@attrs.frozen
class Happened:
    """An event."""

    number: int


class BusTests(TestCase):
    """Publish and subscribe."""

    def test_listener_hears_its_kind_only(self):
        """Events go to those who subscribed to their type, announcements to those of their topic."""
        bus, events, grants = Bus(), [], []
        bus.subscribe(Happened, events.append)
        bus.subscribe("grant", grants.append)
        for event in (Happened(1), Announcement("grant", 2), Announcement("revoke", 3), "text"):
            bus.publish(event)
        self.assertEqual((events, grants), ([Happened(1)], [Announcement("grant", 2)]))

    def test_unsubscribe(self):
        """Who has ended a subscription hears nothing more; ending it twice ends no other."""
        bus, heard = Bus(), []
        end = bus.subscribe(Happened, heard.append)
        bus.subscribe(Happened, heard.append)
        end()
        end()
        bus.publish(Happened(1))
        self.assertEqual(heard, [Happened(1)])

    def test_listener_that_fails_harms_nobody(self):
        """An error is logged, the others are told."""
        bus, heard = Bus(), []
        bus.subscribe(Happened, lambda event: 1 / 0)
        bus.subscribe(Happened, heard.append)
        bus.publish(Happened(1))
        self.assertEqual(heard, [Happened(1)])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_listener_may_end_itself(self):
        """A subscription that ends while it is called does not make another be passed over."""
        bus, heard = Bus(), []
        ends = []
        ends.append(bus.subscribe(Happened, lambda event: ends[0]()))
        bus.subscribe(Happened, heard.append)
        bus.publish(Happened(1))
        bus.publish(Happened(2))
        self.assertEqual(heard, [Happened(1), Happened(2)])
