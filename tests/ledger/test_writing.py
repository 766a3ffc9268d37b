"""The ledger of a process while the store takes nothing, such as on a full disk."""

from collections.abc import Sequence

from twisted.internet.task import Clock
from twisted.logger import LogEvent, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from mailsvc.core.errors import Kind, MailError, temporary
from mailsvc.core.ledger import Event, Happening
from mailsvc.core.operations import KeepLedger, Operation, Record
from mailsvc.ledger import Ledger, LedgerOptions
from mailsvc.ledger.ledger import INTERVAL

FULL, WRONG = temporary("disk-full"), MailError(Kind.BAD_REQUEST, "no-row")


class WritingTests(SynchronousTestCase):
    """Each second, what was noted is written."""

    def setUp(self) -> None:
        self.error: MailError | None = None
        self.taken: list[Operation] = []
        self.lines: list[str] = []
        self.clock = Clock()
        self.ledger = Ledger(self.clock, self.apply, lambda: None, LedgerOptions())  # type: ignore[arg-type,return-value]
        globalLogPublisher.addObserver(self.observe)
        self.addCleanup(globalLogPublisher.removeObserver, self.observe)
        self.ledger.startService()
        self.addCleanup(self.ledger.stopService)

    def observe(self, event: LogEvent) -> None:
        """What the ledger says of itself."""
        if event.get("log_namespace") == "mailsvc.ledger":
            self.lines.append(formatEvent(event))

    async def apply(self, operations: Sequence[Operation]) -> None:
        """The store."""
        if self.error is not None:
            raise self.error
        self.taken += operations

    def seconds(self, count: int) -> None:
        """Time goes by."""
        self.clock.pump([INTERVAL] * count)

    def refuse(self, at: float = 1.0) -> None:
        """Somebody is refused."""
        self.ledger.note(Event(at=at, what=Happening.REFUSED, address="203.0.113.9"))

    def test_nothing_to_write(self) -> None:
        """Of no rows there is nothing to say, also right after a start on a full disk; how long rows are kept is told when it is over."""
        self.error = FULL
        self.seconds(5)
        self.assertEqual(self.lines, [])
        self.error = None
        self.seconds(1)
        self.assertIsInstance(self.taken[0], KeepLedger)

    def test_once_until_it_works_again(self) -> None:
        """Rows that wait are in the log once, and are written when there is room; the next full disk has its line, too."""
        for _ in range(2):
            self.error = FULL
            self.refuse()
            self.seconds(3)
            self.refuse()
            self.seconds(3)
            self.error = None
            self.seconds(1)
        said = "1 row(s) of the ledger were not written: not-now: disk-full"
        self.assertEqual(self.lines, [said, said])
        self.assertEqual([len(one.rows) for one in self.taken if isinstance(one, Record)], [2, 2])

    def test_the_end(self) -> None:
        """What is lost because the process ends has a line with its number."""
        self.error = FULL
        for _ in range(2):
            self.refuse()
            self.seconds(2)
        self.successResultOf(self.ledger.stopService())
        self.assertEqual(self.lines[1:], ["2 row(s) of the ledger were not written: not-now: disk-full"])

    def test_what_will_never_be_taken(self) -> None:
        """Rows that are lost are in the log each time."""
        self.error = WRONG
        for _ in range(2):
            self.refuse()
            self.seconds(2)
        self.assertEqual(self.lines, ["1 row(s) of the ledger were not written: bad-request: no-row"] * 2)
