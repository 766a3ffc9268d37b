"""What the ledger hears of mail that waits: once for each thing that happens, with the transaction that makes it true."""

import attrs
from twisted.trial.unittest import TestCase

from mailsvc.core.ledger import REPORT, Happening, Query
from mailsvc.core.operations import Settle
from mailsvc.queue.options import RouteOptions
from mailsvc.store.connect import run
from tests.queue.doubles import LATER, NEVER, OK, Hosts
from tests.queue.world import World

BOB, CAROL = "bob@there.example", "carol@there.example"


class LedgerTests(TestCase):
    """On a real store."""

    def world(self, answer=OK, **fields):
        """A world whose one host says this."""
        script = answer if callable(answer) else lambda mail, recipients: answer
        world = World(self.mktemp(), hosts=Hosts(script={"192.0.2.1": script}), **fields)
        self.addCleanup(world.close)
        world.start()
        return world

    def rows(self, world, queue_id, **query):
        """What became of a message, the oldest first."""
        return [event for event in self.everything(world, queue_id, **query) if event.reason != REPORT]

    def everything(self, world, queue_id, **query):
        """The same with the reports about it."""
        return run(world.ledger.find(Query(text=queue_id, **query)))[::-1]

    def test_sent(self):
        """Who took it, in whose words, and for whom: recipients who heard the same share a row; who answers for it may read that."""
        world = self.world()
        world.clock.advance(0.25)
        queue_id = world.post(BOB, CAROL)
        world.pass_time()
        (event,) = self.rows(world, queue_id, account_id=world.made.accounts["alice@example.test"])
        assert (event.what, event.recipients, event.sender) == (Happening.SENT, (BOB, CAROL), "alice@example.test")
        assert "192.0.2.1" in dict(event.evidence)["host"]
        assert event.reply
        assert event.at % 1 == 0.25
        assert self.rows(world, queue_id, account_id=world.made.accounts["bob@example.test"]) == []

    def test_no_row_for_more_of_the_same(self):
        """A host that says the same for days has a row for the first time, and one for the end."""
        world = self.world(LATER)
        queue_id = world.post(BOB)
        world.pass_time(6 * 86400)
        assert [event.what for event in self.rows(world, queue_id)] == [Happening.DEFERRED, Happening.FAILED]

    def test_other_words_are_news(self):
        """Each change of what is said has a row."""
        answers = iter([LATER, attrs.evolve(LATER, text="disk full"), NEVER])
        world = self.world(lambda mail, recipients: next(answers))
        queue_id = world.post(BOB)
        world.pass_time(86400)
        whats = [event.what for event in self.rows(world, queue_id)]
        assert whats == [Happening.DEFERRED, Happening.DEFERRED, Happening.FAILED]

    def test_the_report_has_a_row(self):
        """Whoever finds the report, or asks for the message that it is about, reads what it is; its recipient may read it, others not."""
        world = self.world(NEVER)
        queue_id = world.post(BOB)
        world.pass_time()
        failed, report = self.everything(world, queue_id)
        assert (failed.what, report.what, report.reason) == (Happening.FAILED, Happening.ACCEPTED, REPORT)
        assert report.recipients == ("alice@example.test",)
        assert dict(report.evidence) == {"about": queue_id, "of": BOB}
        assert self.everything(world, report.queue_id) == self.everything(world, report.message_id) == [report]
        alice, bob = (world.made.accounts[f"{name}@example.test"] for name in ("alice", "bob"))
        assert self.everything(world, report.queue_id, account_id=alice) == [report]
        assert self.everything(world, report.queue_id, account_id=bob) == []

    def test_held_by_a_route(self):
        """That a route of the configuration holds it is told."""
        world = self.world(routes=[RouteOptions(domains=("*",), hold=True)])
        queue_id = world.post(BOB)
        world.pass_time()
        (event,) = self.rows(world, queue_id)
        assert (event.what, event.reply) == (Happening.HELD, "Held: a route of the configuration says so")

    def test_in_the_transaction_that_settles(self):
        """One commit carries outcome and row: neither can be there without the other."""
        world = self.world()
        seen = []
        apply = world.store.apply

        async def watched(operations):
            seen.append([type(one).__name__ for one in operations])
            return await apply(operations)

        self.patch(world.store, "apply", watched)
        world.post(BOB)
        world.pass_time()
        assert [names for names in seen if Settle.__name__ in names] == [["Settle", "Record"]]
