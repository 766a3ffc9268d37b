"""The queue while the store's owner is killed again and again: accepted once, settled once, reported once."""

import os
import random
import signal

import attrs
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater

from mailsvc.core.errors import Kind, MailError
from mailsvc.core.interfaces.queue import QUEUE_LOCK
from mailsvc.core.operations import AddAccount, AddDomain, Settle
from mailsvc.db.connection import open_reader
from mailsvc.store.layout import Layout
from mailsvc.store.verify import verify
from tests.store.contract import LARGE, delivery
from tests.store.contract_queue import leaving, put_off, sent
from tests.store.test_client import OwnerTestCase, until

KILLS = 40 if os.environ.get("MAILSVC_LONG") == "1" else 3
REPORT = b"Subject: report\r\n\r\n"


class QueueCrashTests(OwnerTestCase):
    """One worker accepts, another sends, and the owner dies under them."""

    timeout = 300

    async def test_accepted_settled_and_reported_once(self):
        """Each acknowledged recipient waits or was settled by somebody; each that was settled has one report, and no other has any."""
        (account,) = await self.accounts("a")
        self.over = False
        self.settled = 0
        accepted, doubtful = set(), set()
        intake, scheduler = await self.client(), await self.client()
        lock = await scheduler.lock(QUEUE_LOCK)
        acting = [self.accept(intake, account, accepted, doubtful), self.send(scheduler, account), self.kill(accepted)]
        await gatherResults([Deferred.fromCoroutine(one) for one in acting])
        await until(lambda: lock.held)
        waiting = {one.address async for slice_ in self.store.queue.listing() for _, one in slice_}
        reported = await self.reported(account)
        assert len(reported) == len(set(reported))
        assert accepted <= waiting | set(reported) <= accepted | doubtful
        assert not waiting & set(reported)
        assert waiting
        assert reported
        db = open_reader(Layout(self.path).database)
        assert [one for one in verify(Layout(self.path), db) if one.kind != "file-orphaned"] == []
        db.close()

    async def accounts(self, *names):
        """Accounts in example.test."""
        await self.store.apply([AddDomain("example.test")])
        return [(await self.store.apply([AddAccount(f"{name}@example.test")]))[0] for name in names]

    async def accept(self, store, account, accepted, doubtful):
        """Put messages into the queue until it is over, large ones too, some for a mailbox here as well."""
        number = 0
        while not self.over:
            number += 1
            addresses = {f"{number}-{recipient}@far.example" for recipient in range(1 + number % 4)}
            doubtful |= addresses
            try:
                operation = leaving(*addresses, queue_id=f"Q{number}", accounts=(account,) if number % 3 == 0 else ())
                if number % 10 == 0:
                    operation = await self.in_a_file(store, operation)
                await store.apply([operation])
            except MailError as error:
                if error.kind is not Kind.NOT_NOW:
                    raise
                await deferLater(reactor, 0.01)
            else:
                accepted |= addresses

    async def in_a_file(self, store, operation):
        """The same with a large body."""
        writer = store.bodies.create()
        writer.write(LARGE)
        body = await writer.close()
        return attrs.evolve(operation, data=None, location=body.location, size=body.size)

    async def send(self, store, account):
        """Settle what waits, with a report in the same transaction, until it is over; not all of it, and some is put off first."""
        choice = random.Random(4)
        while not self.over:
            try:
                tickets = [one async for slice_ in store.queue.waiting() for one in slice_]
                chosen = choice.sample(tickets, min(len(tickets) // 2, 5))
                addresses = {
                    one.id: one.address for ticket in chosen for one in await store.queue.recipients(ticket.queue_id)
                }
                await store.apply([Settle(tuple(put_off(one.recipient) for one in tickets[:3]))])
                report = REPORT + "\r\n".join(addresses[one.recipient] for one in chosen).encode()
                await store.apply(
                    [Settle(tuple(sent(one.recipient) for one in chosen)), delivery(account, data=report)]
                )
                self.settled += len(chosen)
            except MailError as error:
                if error.kind is not Kind.NOT_NOW:
                    raise
                await deferLater(reactor, 0.01)

    async def kill(self, accepted):
        """Kill the owner; wait until mail is accepted and settled again; and so on."""
        choice = random.Random(5)
        for _ in range(KILLS):
            await deferLater(reactor, choice.uniform(0.02, 0.15))
            os.kill(self.owner.pid, signal.SIGKILL)
            before, settled = len(accepted), self.settled
            await until(lambda before=before, settled=settled: len(accepted) > before and self.settled > settled)
        self.over = True

    async def reported(self, account):
        """Every address in a report, as often as it is there."""
        inbox = await self.store.mailbox(account, "INBOX")
        contents = (await self.store.rows(inbox.id)).contents
        texts = [(await self.store.bodies.get(content)).partition(REPORT) for content in contents]
        return [address for _, found, rest in texts if found for address in rest.decode().split()]
