"""The queue over a real store in a directory of the test, with a clock that the test moves, and hosts and names in memory."""

from itertools import count

from twisted.internet.task import Clock

from mailsvc.bus import Bus
from mailsvc.core.operations import Deliver
from mailsvc.core.queued import Outgoing, OutgoingRecipient
from mailsvc.ledger import Ledger, LedgerOptions
from mailsvc.queue.build import Surroundings, make_queue
from mailsvc.queue.options import QueueOptions
from mailsvc.queue.reports import Reports
from mailsvc.store.connect import run
from mailsvc.testing.store import make_store
from tests.queue.doubles import Hosts, Names

START = 1_000_000_000
RETURN_PATH = b"Return-Path: <alice@example.test>\r\n"
RECEIVED = b"Received: from client by mail.example.test\r\n"
MESSAGE = b"From: alice@example.test\r\nSubject: hello\r\nMessage-ID: <1@example.test>\r\n\r\nbody\r\n"


class World:
    """One process with its queue. ``there.example`` has one host at 192.0.2.1."""

    def __init__(
        self,
        path,
        names=None,
        hosts=None,
        routes=(),
        relay_domains=(),
        clock=None,
        listening=(),
        senders=None,
        **options,
    ):
        self.clock = clock or Clock()
        self.bus = Bus()
        self.made = make_store(path, bus=self.bus)
        self.store = self.made.store
        self.names = names or Names({"there.example": [(10, "mx.there.example")]}, {"mx.there.example": ["192.0.2.1"]})
        self.hosts = hosts or Hosts()
        self.ids = map("Q{:05}".format, count(1))
        self.ledger = Ledger(self.clock, self.store.apply, self.store.connection, LedgerOptions())
        self.reports = Reports(
            self.store.bodies,
            self.made.directory,
            "mail.example.test",
            self.ids.__next__,
            self.now,
            within=self.ledger.within,
        )
        self.around = Surroundings(
            reactor=self.clock,
            store=self.store,
            bus=self.bus,
            reports=self.reports,
            resolver=self.names,
            connector=self.hosts,
            hostname="mail.example.test",
            listening=listening,
            now=self.now,
            ledger=self.ledger,
        )
        options = QueueOptions(**{"connection_idle": 5, **options})
        self.queue = make_queue(self.around, options, routes, relay_domains, senders)

    def now(self):
        """Seconds since the epoch."""
        return START + self.clock.seconds()

    def start(self):
        """Begin to send."""
        self.queue.startService()
        self.pass_time(1)

    def stop(self):
        """End; True if it did at once."""
        stopping = self.queue.stopService()
        self.pass_time(1)
        return bool(stopping.called)

    def close(self):
        """Stop and close the store."""
        if self.queue.running:
            self.queue.stopService()
            for _ in range(30):
                self.clock.advance(1)
        self.store.close()

    def pass_time(self, seconds=0.0, step=60.0):
        """Time goes on, in steps, so that what follows of one event happens at its own time."""
        end = self.clock.seconds() + seconds
        while True:
            for _ in range(5):
                self.clock.advance(0)
            left = end - self.clock.seconds()
            if left <= 0:
                return
            self.clock.advance(min(left, step))

    def post(self, *recipients, sender="alice@example.test", account=None, data=MESSAGE, **fields):
        """A message for addresses elsewhere; its queue id. An :class:`OutgoingRecipient` may be given instead of an address."""
        queue_id = next(self.ids)
        listed = tuple(
            one if isinstance(one, OutgoingRecipient) else OutgoingRecipient(one, one.rpartition("@")[2])
            for one in recipients
        )
        now = int(self.now())
        outgoing = Outgoing(
            queue_id=queue_id,
            sender=sender,
            account=self.made.accounts.get(sender, 0) if account is None else account,
            arrived=now,
            due=fields.pop("due", now),
            skip=len(RETURN_PATH),
            recipients=listed,
            envid=fields.pop("envid", queue_id),
            **fields,
        )
        self.store.commit([
            Deliver(accounts=(), prefix=RETURN_PATH + RECEIVED, size=len(data), date=now, data=data, outgoing=outgoing)
        ])  # fmt: skip
        return queue_id

    # --- what became of it ---

    def waiting(self):
        """Address -> (state, attempts, status, reply, due in seconds from now) of all that wait or are held."""

        async def look():
            return [one async for listed in self.store.queue.listing() for _, one in listed]

        return {
            one.address: (one.state.name, one.attempts, one.status, one.reply, one.due - int(self.now()))
            for one in run(look())
        }

    def mailbox(self, name="alice"):
        """The messages in somebody's INBOX, as texts."""

        async def look():
            inbox = await self.store.mailbox(self.made.accounts[f"{name}@example.test"], "INBOX")
            rows = await self.store.rows(inbox.id)
            return [(await self.store.bodies.get(content)).decode() for content in rows.contents]

        return run(look())
