"""Refusals are written soon, and a flood of them costs little."""

from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from mailsvc.core.errors import MailError, temporary
from mailsvc.core.ledger import Event, Happening, Query
from mailsvc.core.operations import KeepLedger, Operation, Record
from mailsvc.core.options import Duration
from mailsvc.ledger import Ledger, LedgerOptions
from mailsvc.ledger.gather import ACCOUNT, ADDRESS, MOST_PENDING, STRANGERS, Gatherer


def refused(address: str = "203.0.113.9", account: int = 0) -> Event:
    """A refusal."""
    return Event(at=1, what=Happening.REFUSED, address=address, account_id=account, reason="no-grant")


class GathererTests(TestCase):
    """Budgets."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.gatherer = Gatherer(self.clock.seconds, most_known=3)

    def offered(self, count: int, **fields: object) -> list[Event]:
        """What is kept of so many refusals."""
        for _ in range(count):
            self.gatherer.add(refused(**fields))  # type: ignore[arg-type]
        return self.gatherer.take()

    def test_first_attempts_are_kept(self) -> None:
        """Of a client that tries all the time, the first attempts are kept, and then one a minute that tells how many were not."""
        self.assertEqual(len(self.offered(500)), ADDRESS.most)
        self.assertEqual(self.offered(5), [])
        self.clock.advance(ADDRESS.every)
        (late,) = self.offered(3)
        self.assertEqual(late.evidence, (("not-kept", str(500 - ADDRESS.most + 5)),))
        self.assertEqual(self.gatherer.dropped, 500 - ADDRESS.most + 5 + 2)

    def test_clients_do_not_hide_each_other(self) -> None:
        """One client's flood leaves room for another's only attempt."""
        self.offered(500)
        self.assertEqual(len(self.offered(1, address="192.0.2.1")), 1)

    def test_strangers_together(self) -> None:
        """Ten thousand clients with one attempt each are too many too, but hide no account's."""
        for number in range(10_000):
            self.gatherer.add(refused(f"10.0.{number // 250}.{number % 250}"))
        self.gatherer.add(refused(account=7))
        kept = self.gatherer.take()
        self.assertLessEqual(len(kept), STRANGERS.most + 1)

    def test_accounts_have_budgets_of_their_own(self) -> None:
        """What accounts do is kept while strangers flood."""
        self.offered(STRANGERS.most * 2)
        self.assertEqual(len(self.offered(ACCOUNT.most + 50, account=7)), ACCOUNT.most)

    def test_what_waits_is_bounded(self) -> None:
        """While the store takes nothing, memory does not grow."""
        for number in range(MOST_PENDING + 500):
            self.gatherer.add(refused(account=number + 1))
        events = self.gatherer.take()
        self.assertEqual(len(events), MOST_PENDING)
        self.gatherer.add(refused(account=1))
        self.gatherer.put_back(events)
        self.assertEqual(len(self.gatherer.take()), MOST_PENDING)


class LedgerTests(TestCase):
    """The service that writes."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.applied: list[Operation] = []
        self.fault: MailError | None = None
        self.ledger = self.make(LedgerOptions(keep=Duration(77)))

    def make(self, options: LedgerOptions) -> Ledger:
        """One that writes into a list."""
        return Ledger(self.clock, self.apply, self.nothing, options)

    def nothing(self) -> None:
        """There is no database here."""
        raise temporary("store-restarting")

    async def apply(self, operations: list[Operation]) -> None:
        """The store."""
        if self.fault is not None:
            raise self.fault
        self.applied += operations

    def rows(self) -> int:
        """How many were written."""
        return sum(len(one.rows) for one in self.applied if isinstance(one, Record))

    async def test_written_within_a_second(self) -> None:
        """What was noted is written together; the store is told once how long rows are kept."""
        self.ledger.startService()
        for _ in range(3):
            self.ledger.note(refused())
        self.assertEqual(self.applied, [])
        self.clock.advance(1)
        self.assertEqual(self.applied[0], KeepLedger(77))
        self.assertEqual((len(self.applied), self.rows()), (2, 3))
        self.ledger.note(refused())
        await self.ledger.stopService()
        self.assertEqual((len(self.applied), self.rows()), (3, 4))

    async def test_what_the_store_does_not_take_is_tried_again(self) -> None:
        """A restart of the store loses no rows."""
        self.fault = temporary("store-restarting")
        self.ledger.note(refused())
        await self.ledger.write()
        self.fault = None
        await self.ledger.write()
        self.assertEqual(self.rows(), 1)

    async def test_switched_off(self) -> None:
        """Nothing is written."""
        ledger = self.make(LedgerOptions(on=False))
        ledger.note(refused())
        await ledger.write()
        self.assertEqual((self.rows(), ledger.within([refused()])), (0, ()))

    async def test_no_store(self) -> None:
        """A question that cannot be answered now is refused as such."""
        with self.assertRaises(MailError) as caught:
            await self.ledger.find(Query())
        self.assertTrue(caught.exception.temporary)
