"""A week in the life of a queue, in minutes: many messages, moody servers, and crashes in the middle of transactions.

The store is the real one. A crash takes the memory of the whole process (schedule, connections, everything that waits for an answer) in the
middle of a commit, which is kept or lost as a coin falls. That is all that ``kill -9`` can do: what SQLite has committed is there, what it
has not is not, and that this is so is shown by tests that kill real processes (``tests/store/test_queue_crashes.py``). What a coin and
a clock of our own add is numbers: dozens of crashes at chosen moments among a hundred thousand messages, and a week to look at.

:class:`Books` counts what happened to each recipient, on both sides of the line, and says what it cannot explain.
"""

import random
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater
from zope.interface import implementer

from mailsvc.bus import Bus
from mailsvc.core.interfaces.outbound import IConnector, IMailConnection, IResolver
from mailsvc.core.operations import AddAccount, AddDomain, Deliver, Operation
from mailsvc.core.options import Size
from mailsvc.core.outbound import Answer, Exchanger, Hop, HopFailed, Mail, MailRecipient, Terms
from mailsvc.core.queued import Outgoing, OutgoingRecipient
from mailsvc.directory import Directory
from mailsvc.queue.build import Surroundings, make_queue
from mailsvc.queue.options import QueueOptions
from mailsvc.queue.reports import Reports
from mailsvc.store.connect import run
from mailsvc.store.direct import DirectStore
from mailsvc.store.options import StoreOptions

__all__ = ["Books", "Week"]

DAY = 86400
_START = 1_000_000_000
_SENDERS = 20
_MOMENT = 60  # seconds
_BODY = b"From: u@example.test\r\nSubject: week\r\n\r\nhello\r\n"

Copy = tuple[str, str]
"""Queue id and address."""


@attrs.define
class Books:
    """What happened to each recipient.

    :ivar posted: all there are. :ivar taken: how often a server took it. :ivar doubts: how often a server took it and we cannot have known:
    its answer was lost on the line (RFC 1047), or with our memory in a crash. :ivar failed: reports of failure.
    """

    posted: set[Copy] = attrs.Factory(set)
    taken: Counter[Copy] = attrs.Factory(Counter)
    doubts: Counter[Copy] = attrs.Factory(Counter)
    failed: Counter[Copy] = attrs.Factory(Counter)
    waiting: set[Copy] = attrs.Factory(set)

    @property
    def duplicates(self) -> int:
        """Copies beyond the first."""
        return sum(count - 1 for count in self.taken.values() if count > 1)

    def unexplained(self) -> list[tuple[str, Copy]]:
        """Whatever should not be: the list must be empty."""
        found = []
        for one in self.posted:
            known = self.taken[one] - self.doubts[one]  # copies of which we were told
            fates = (known > 0) + (one in self.waiting) + self.failed[one]
            if fates == 0 and not self.taken[one]:
                found.append(("lost", one))
            elif fates == 0:
                found.append(("left the queue though nobody told us that it was taken", one))
            elif fates > 1 or known > 1:
                found.append(("more than one fate", one))
        return found


@implementer(IResolver)
class _Names:
    """Each domain is its own server, at one address."""

    async def exchangers(self, domain: str) -> list[Exchanger]:
        """Its MX record."""
        return [Exchanger(10, domain)]

    async def addresses(self, host: str) -> list[str]:
        """Its address: its number."""
        number = int(host[1:].partition(".")[0])
        return [f"10.0.{number // 250}.{number % 250 + 1}"]


@implementer(IMailConnection)
class _Connection:
    def __init__(self, world: "_Servers", hop: Hop) -> None:
        self.hop = hop
        self.tls = "TLSv1.3"
        self.usable = True
        self._world = world

    async def send(self, mail: Mail, recipients: Sequence[MailRecipient]) -> list[Answer]:
        """Transfer, decision, answer: between any two the line may break, or we may crash."""
        world, chance = self._world, self._world.chance
        await world.pause()
        if not world.is_up(self.hop.name) or chance.random() < world.trouble:
            raise self._broken("DATA", False)
        answers = [world.decide(one.address) for one in recipients]
        taken = [(mail.envid, one.address) for one, answer in zip(recipients, answers, strict=True) if answer.success]
        world.books.taken.update(taken)
        world.unanswered |= dict.fromkeys(taken, world.now())
        await world.pause()
        if chance.random() < world.trouble:
            world.books.doubts.update(taken)
            for one in taken:
                del world.unanswered[one]
            raise self._broken("end", True)
        return answers

    def _broken(self, phase: str, in_doubt: bool) -> HopFailed:
        self.usable = False
        return HopFailed(self.hop, Answer(0, "4.4.2", "connection lost", phase), in_doubt)

    async def quit(self) -> None:
        """Close."""
        self.usable = False

    def abort(self) -> None:
        """Close."""
        self.usable = False


@implementer(IConnector)
class _Servers:
    """All other servers. Some are down for a while, some for the whole week; some addresses do not exist.

    :ivar unanswered: copies that were taken, and when: for a moment it is not yet written down.
    """

    trouble = 0.01

    def __init__(self, chance: random.Random, books: Books, clock: Clock, since: float) -> None:
        self.chance = chance
        self.books = books
        self.unanswered: dict[Copy, float] = {}
        self._clock = clock
        self._since = since

    def now(self) -> float:
        """Seconds since the week began."""
        return self._since + float(self._clock.seconds())

    def pause(self) -> Deferred[None]:
        """As long as it takes."""
        return deferLater(self._clock, self.chance.expovariate(1.0))

    def is_up(self, host: str) -> bool:
        """Every 20th server is down all week; the others for half a day now and then."""
        number = int(host[1:].partition(".")[0])
        return bool(number % 20) and random.Random(f"{number} {int(self.now() // (DAY / 2))}").random() > 0.2  # noqa: S311

    def decide(self, address: str) -> Answer:
        """What the server says about a recipient."""
        if address.startswith("nobody"):
            return Answer(550, "5.1.1", "5.1.1 no such user", "RCPT")
        if self.chance.random() < 0.05:
            return Answer(450, "4.2.0", "4.2.0 greylisted", "RCPT")
        return Answer(250, "2.0.0", "2.0.0 taken", "end")

    async def connect(self, hop: Hop, terms: Terms) -> _Connection:
        """Connect, if it is up."""
        await self.pause()
        if not self.is_up(hop.name):
            raise HopFailed(hop, Answer(0, "4.4.1", "connection refused", "connect"))
        return _Connection(self, hop)


class _CrashingStore:
    """The store of one life of the process: at its end a commit is kept or lost, and nobody hears of it."""

    def __init__(self, store: DirectStore, chance: random.Random, lives: int) -> None:
        """:param lives: commits until the crash, or until the next that carries a report; 0: no crash comes."""
        self.crashed = False
        self._store = store
        self._chance = chance
        self._left = lives or 10**9
        self._report = chance.random() < 0.5

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def apply(self, operations: Sequence[Operation]) -> list[Any]:
        """Carry out, until the crash."""
        self._left -= 1
        if self._left <= 0 and (not self._report or any(isinstance(one, Deliver) for one in operations)):
            if self._chance.random() < 0.5:
                self._store.commit(operations)
            self.crashed = True
        if self.crashed:
            await Deferred()  # the process that waits for this is no more
        return self._store.commit(operations)


class Week:
    """One week: :meth:`live` until it is over, then :attr:`books`."""

    def __init__(self, path: Path, messages: int, crashes: int, seed: int) -> None:
        self.books = Books()
        self.crashes = 0
        self._path = path
        self._chance = random.Random(seed)  # noqa: S311
        self._messages = messages
        self._wanted = crashes
        self._arrivals = sorted(self._chance.uniform(0, 6 * DAY) for _ in range(messages))
        self._posted = 0
        self._ids = 0
        store = self._open(Bus())
        store.commit([AddDomain("example.test"), *(AddAccount(f"u{n}@example.test") for n in range(_SENDERS))])
        self._accounts = {account.address: account.id for account in run(Directory(store.connection).accounts())}
        store.close()

    def _open(self, bus: Bus) -> DirectStore:
        return DirectStore(self._path, bus, StoreOptions(low_disk=Size(0)))

    def live(self) -> None:
        """Life after life, until the week is over."""
        now = 0.0
        while now < 7 * DAY:
            now = self._life(now)

    def _life(self, since: float) -> float:
        """One life of the process, until it crashes or the week is over; when that was."""
        bus, clock = Bus(), Clock()
        store = self._open(bus)
        crashing = _CrashingStore(store, self._chance, self._commits_until_crash())
        servers = _Servers(self._chance, self.books, clock, since)
        reports = Reports(
            store.bodies,
            Directory(store.connection),
            "mail.example.test",
            self._next_id,
            lambda: _START + servers.now(),
        )
        around = Surroundings(
            reactor=clock,
            store=crashing,  # type: ignore[arg-type]
            bus=bus,
            reports=reports,
            resolver=_Names(),
            connector=servers,
            hostname="mail.example.test",
            now=lambda: _START + servers.now(),
        )
        queue = make_queue(around, QueueOptions(connections_per_destination=5))
        queue.startService()
        while servers.now() < 7 * DAY and not crashing.crashed:
            self._post(store, servers.now())
            clock.advance(1 if clock.getDelayedCalls() and self._is_busy(queue) else 60)
        if crashing.crashed:
            self.crashes += 1
        store.close()
        self._look(servers)
        return servers.now()

    @staticmethod
    def _is_busy(queue: Any) -> bool:
        return bool(queue.dispatcher and queue.dispatcher.schedule.active)

    def _commits_until_crash(self) -> int:
        """Crashes are spread over the week; a commit holds several outcomes."""
        if self.crashes >= self._wanted:
            return 0
        return max(1, int(self._chance.expovariate(1.0) * self._messages / self._wanted / 2))

    def _next_id(self) -> str:
        self._ids += 1
        return f"Q{self._ids:08}"

    def _post(self, store: DirectStore, now: float) -> None:
        """What has come since the last look."""
        operations = []
        while self._posted < self._messages and self._arrivals[self._posted] <= now:
            operations.append(self._message(int(_START + now)))
            self._posted += 1
        if operations:
            store.commit(operations)

    def _message(self, now: int) -> Deliver:
        chance, queue_id = self._chance, self._next_id()
        sender = f"u{chance.randrange(_SENDERS)}@example.test"
        addresses = {
            f"{'nobody' if chance.random() < 0.05 else 'user'}{chance.randrange(1000)}@d{int(chance.paretovariate(0.6)) % 300}.test"
            for _ in range(chance.choice((1, 1, 1, 2, 3)))
        }
        self.books.posted |= {(queue_id, address) for address in addresses}
        recipients = tuple(OutgoingRecipient(one, one.partition("@")[2]) for one in sorted(addresses))
        outgoing = Outgoing(queue_id, sender, self._accounts[sender], now, now, 0, recipients, envid=queue_id)
        return Deliver(accounts=(), prefix=b"", size=len(_BODY), date=now, data=_BODY, outgoing=outgoing)

    # --- looking ---

    def _look(self, servers: _Servers) -> None:
        """After a life: what waits although a server took it a moment ago, we cannot have known."""
        store = self._open(Bus())
        self.books.waiting = run(_waiting(store))
        recent = {one for one, at in servers.unanswered.items() if at > servers.now() - _MOMENT}
        self.books.doubts.update(recent & self.books.waiting)
        self.books.failed = run(self._failures(store))
        store.close()

    async def _failures(self, store: DirectStore) -> Counter[Copy]:
        """What the senders' mailboxes say has failed."""
        found: Counter[Copy] = Counter()
        for account in self._accounts.values():
            inbox = await store.mailbox(account, "INBOX")
            assert inbox is not None
            for content in (await store.rows(inbox.id)).contents:
                found.update(_failed_in(await store.bodies.get(content)))
        return found


def _failed_in(report: bytes) -> list[Copy]:
    """The recipients of which a report says that they failed."""
    envelope = re.search(rb"^Original-Envelope-Id: (\S+)", report, re.MULTILINE)
    assert envelope is not None, report
    blocks = re.findall(rb"^Final-Recipient: rfc822; (\S+)\r\n(?:.+\r\n)*?Action: (\w+)", report, re.MULTILINE)
    return [(envelope[1].decode(), address.decode()) for address, action in blocks if action == b"failed"]


async def _waiting(store: DirectStore) -> set[Copy]:
    return {
        (message.queue_id, recipient.address)
        async for slice_ in store.queue.listing()
        for message, recipient in slice_
        if message.sender
    }
