"""What every backend of the store promises of the queue. A backend's test case mixes this in beside :class:`StoreContract`."""

import attrs
from zope.interface.verify import verifyObject

from mailsvc.core import operations as ops
from mailsvc.core.errors import Kind, MailError
from mailsvc.core.interfaces.queue import QUEUE_LOCK, IQueue
from mailsvc.core.queued import Notify, Outcome, Outgoing, OutgoingRecipient, QueueChanged, State, Ticket
from mailsvc.core.values import EVERY_UID
from tests.store.contract import HEADERS, LARGE, MESSAGE, delivery

ARRIVED = 1_700_000_000


def outgoing(*addresses, queue_id="Q1", **changes):
    """An envelope to these addresses, from account 7."""
    recipients = tuple(OutgoingRecipient(address, address.partition("@")[2], 0, "") for address in addresses)
    return Outgoing(queue_id, "sender@example.test", 7, ARRIVED, ARRIVED + 5, 3, recipients)._replace(**changes)


def leaving(*addresses, data=MESSAGE, accounts=(), **changes):
    """A Deliver that puts a small message into the queue."""
    return delivery(*accounts, data=data, outgoing=outgoing(*addresses, **changes))


def sent(recipient, **changes):
    """The next server has taken it."""
    return Outcome(recipient, State.SENT, 0, ARRIVED + 9, "2.0.0", "250 fine", "mx [192.0.2.1]", "TLSv1.3")._replace(
        **changes
    )


def put_off(recipient, due=ARRIVED + 900, **changes):
    """The next server wants us to come again."""
    return sent(recipient, state=State.WAITING, due=due, status="4.2.1", reply="450 later")._replace(**changes)


class QueueContract:
    """Mix into a trial TestCase that has a StoreContract."""

    async def enqueue(self, *addresses, **changes):
        """Put a message into the queue; the ids of its recipients."""
        await self.store.apply([leaving(*addresses, **changes)])
        queue_id = changes.get("queue_id", "Q1")
        return [one.id for one in await self.store.queue.recipients(queue_id)]

    async def all_waiting(self):
        """Every ticket."""
        return [ticket async for slice_ in self.store.queue.waiting() for ticket in slice_]

    async def listed(self):
        """Everything that waits or is held, as (queue id, address)."""
        return [
            (message.queue_id, one.address) async for slice_ in self.store.queue.listing() for message, one in slice_
        ]

    async def test_queue_keeps_its_interface(self):
        """The queue has every method that its interface names."""
        verifyObject(IQueue, self.store.queue)

    async def test_recipients_that_are_still_open(self):
        """Of some recipients those that wait or are held come with their messages, those that are settled do not."""
        first, second, third = await self.enqueue("a@one.example", "b@one.example", "c@one.example")
        (other,) = await self.enqueue("d@two.example", queue_id="Q2")
        await self.store.apply([ops.Settle((sent(second),)), ops.ChangeQueued((third,), held=True)])
        found = await self.store.queue.still_open([first, second, third, other, 999])
        assert {(message.queue_id, one.id, one.state) for message, one in found} == {
            ("Q1", first, State.WAITING),
            ("Q1", third, State.HELD),
            ("Q2", other, State.WAITING),
        }
        assert found[0][0] == await self.store.queue.message("Q1")

    async def test_queued_message_comes_back(self):
        """Envelope, recipients and octets are those that were put in; nobody has to have a mailbox here."""
        recipients = (
            OutgoingRecipient("a@one.example", "one.example", Notify.SUCCESS | Notify.DELAY, "rfc822;A@one.example"),
            OutgoingRecipient("ü@two.example", "two.example"),
        )
        envelope = outgoing(recipients=recipients, body="8BITMIME", utf8=True, ret="HDRS", envid="id 1")
        assert await self.store.apply([delivery(outgoing=envelope)]) == [()]
        message = await self.store.queue.message("Q1")
        assert await self.store.bodies.get(message.content) == HEADERS + MESSAGE
        assert message.size == len(HEADERS + MESSAGE)
        for name in ("queue_id", "sender", "account", "arrived", "skip", "body", "utf8", "ret", "envid"):
            assert getattr(message, name) == getattr(envelope, name), name
        found = await self.store.queue.recipients("Q1")
        assert [(one.address, one.destination, one.notify, one.orcpt) for one in found] == list(recipients)
        for one in found:
            assert (one.queue_id, one.state, one.due, one.attempts, one.warned, one.reply, one.at) == (
                "Q1", State.WAITING, ARRIVED + 5, 0, False, "", 0)  # fmt: skip
        assert await self.store.queue.attempts("Q1") == []

    async def test_tickets(self):
        """What waits, for the schedule: with the account or else the sender's address as the one whose turn it is."""
        first, second = await self.enqueue("a@one.example", "b@two.example")
        (third,) = await self.enqueue("c@one.example", queue_id="Q2", account=0, sender="")
        size = len(HEADERS + MESSAGE)
        tickets = [
            Ticket(first, "Q1", "one.example", "7", ARRIVED + 5, 0, ARRIVED, size, False),
            Ticket(second, "Q1", "two.example", "7", ARRIVED + 5, 0, ARRIVED, size, False),
            Ticket(third, "Q2", "one.example", "", ARRIVED + 5, 0, ARRIVED, size, True),
        ]
        assert await self.all_waiting() == tickets
        assert await self.store.queue.tickets(["Q2", "nothing", "Q1"]) == tickets
        assert await self.store.queue.tickets(["Q2"]) == tickets[2:]

    async def test_queue_in_slices(self):
        """A queue longer than a slice is read whole, each recipient once."""
        addresses = [f"r{number}@d{number % 7}.example" for number in range(2500)]
        for number in range(2):
            await self.enqueue(*addresses[number * 1250 : (number + 1) * 1250], queue_id=f"Q{number}")
        tickets = await self.all_waiting()
        assert len({one.recipient for one in tickets}) == len(tickets) == 2500
        assert [address for _, address in await self.listed()] == addresses

    async def test_what_is_due_soon_comes_first(self):
        """Whoever begins to send gets first what is due by a time, then the rest; each recipient once, whatever its number."""
        addresses = [f"r{number}@one.example" for number in range(600)]
        later = await self.enqueue(*addresses, due=ARRIVED + 500)
        soon = await self.enqueue(*addresses, queue_id="Q2", due=ARRIVED + 10)
        slices = [slice_ async for slice_ in self.store.queue.waiting(ARRIVED + 10)]
        assert [one.recipient for slice_ in slices for one in slice_] == soon + later
        assert len(slices) > 2

    async def test_here_and_elsewhere(self):
        """One message for a mailbox and the queue: it stays in the mailbox when the queue is done with it."""
        (account,) = await self.add("a")
        await self.store.apply([leaving("x@far.example", accounts=(account,))])
        (one,) = await self.store.queue.recipients("Q1")
        inbox = await self.inbox(account)
        rows = await self.store.rows(inbox.id)
        assert [rows.contents[0]] == [(await self.store.queue.message("Q1")).content]
        await self.store.apply([ops.Settle((sent(one.id),))])
        assert await self.store.bodies.get(rows.contents[0]) == HEADERS + MESSAGE

    async def test_mailbox_empties_first(self):
        """The queue still has the octets of a message that its local recipient has erased."""
        (account,) = await self.add("a")
        await self.store.apply([leaving("x@far.example", accounts=(account,), data=LARGE)])
        inbox = await self.inbox(account)
        await self.store.apply([ops.Expunge(inbox.id, EVERY_UID)])
        message = await self.store.queue.message("Q1")
        assert await self.store.bodies.get(message.content) == HEADERS + LARGE

    async def test_sender_may_leave_the_house(self):
        """Mail of an account that is removed goes on."""
        (account,) = await self.add("a")
        await self.enqueue("x@far.example", account=account)
        await self.store.apply([ops.RemoveAccount(account)])
        assert [one.sender for one in await self.all_waiting()] == [str(account)]

    async def test_nobody_is_refused(self):
        """A message must be for somebody, and a queue id is used once."""
        await self.refused(Kind.BAD_REQUEST, delivery())
        await self.refused(Kind.BAD_REQUEST, delivery(outgoing=outgoing()))
        await self.enqueue("x@far.example")
        await self.refused(Kind.BAD_REQUEST, leaving("y@far.example"))
        assert await self.listed() == [("Q1", "x@far.example")]

    async def test_settled_message_leaves(self):
        """When nobody waits any more, the message, its recipients, its attempts and its octets are gone."""
        first, second = await self.enqueue("a@one.example", "b@two.example", data=LARGE)
        content = (await self.store.queue.message("Q1")).content
        assert await self.store.apply([ops.Settle((sent(first),))]) == [()]
        assert [one.state for one in await self.store.queue.recipients("Q1")] == [State.SENT, State.WAITING]
        assert await self.listed() == [("Q1", "b@two.example")]
        assert await self.store.apply([ops.Settle((sent(second, state=State.FAILED),))]) == [("Q1",)]
        assert await self.store.queue.message("Q1") is None
        assert await self.store.queue.recipients("Q1") == await self.store.queue.attempts("Q1") == []
        with self.assertRaises(MailError) as caught:
            await self.store.bodies.get(content)
        assert caught.exception.kind is Kind.EXPUNGED

    async def test_several_messages_at_once(self):
        """Outcomes of several messages are one transaction."""
        ids = [(await self.enqueue("a@one.example", "b@one.example", queue_id=name)) for name in ("Q1", "Q2", "Q3")]
        outcomes = (sent(ids[0][0]), sent(ids[0][1]), put_off(ids[1][0]), sent(ids[2][1]), sent(ids[2][0]))
        assert await self.store.apply([ops.Settle(outcomes)]) == [("Q1", "Q3")]
        assert await self.listed() == [("Q2", "a@one.example"), ("Q2", "b@one.example")]

    async def test_put_off(self):
        """What was said last stands with the recipient, every try beside it; it is due when the outcome says."""
        first, second = await self.enqueue("a@one.example", "b@two.example")
        await self.store.apply([ops.Settle((put_off(first), put_off(second, tried=False, host="", reply="no route")))])
        await self.store.apply([ops.Settle((put_off(first, at=ARRIVED + 950, due=ARRIVED + 3000, warned=True),))])
        one, other = await self.store.queue.recipients("Q1")
        assert (one.attempts, one.due, one.at, one.warned) == (2, ARRIVED + 3000, ARRIVED + 950, True)
        assert (one.status, one.reply, one.host) == ("4.2.1", "450 later", "mx [192.0.2.1]")
        assert (other.attempts, other.reply, other.warned) == (0, "no route", False)
        tries = await self.store.queue.attempts("Q1")
        assert [(a.recipient, a.at) for a in tries] == [(first, ARRIVED + 9), (first, ARRIVED + 950)]
        assert (tries[0].state, tries[0].tls, tries[0].reply) == (State.WAITING, "TLSv1.3", "450 later")
        await self.store.apply([ops.Settle((put_off(first),))])
        assert (await self.store.queue.recipients("Q1"))[0].warned  # once said is said

    async def test_last_fifty_attempts(self):
        """A recipient that is tried for ever does not fill the disk."""
        (one,) = await self.enqueue("a@one.example")
        for number in range(55):
            await self.store.apply([ops.Settle((put_off(one, at=ARRIVED + number),))])
        assert [attempt.at - ARRIVED for attempt in await self.store.queue.attempts("Q1")] == list(range(5, 55))
        assert (await self.store.queue.recipients("Q1"))[0].attempts == 55

    async def test_settled_once(self):
        """Who comes second hears so, and nothing of what they asked for happens: no second report."""
        (account,) = await self.add("a")
        first, second, third = await self.enqueue("a@one.example", "b@one.example", "c@one.example")
        await self.store.apply([ops.Settle((sent(first),))])
        report = delivery(account, data=b"Subject: sorry\r\n\r\n")
        error = await self.refused(Kind.NOT_FOUND, ops.Settle((sent(second), sent(first))), report)
        assert (error.reason, error.detail) == ("settled", str(first))
        assert (await self.inbox(account)).messages == 0
        assert [one.state for one in await self.store.queue.recipients("Q1")][1:] == [State.WAITING] * 2
        await self.store.apply([ops.Settle((sent(second), sent(third))), report])
        assert (await self.inbox(account)).messages == 1
        assert (await self.refused(Kind.NOT_FOUND, ops.Settle((sent(second),)))).reason == "settled"

    async def test_ids_are_not_used_again(self):
        """A late outcome never meets another recipient."""
        (old,) = await self.enqueue("a@one.example")
        await self.store.apply([ops.Settle((sent(old),))])
        await self.reopen()
        (new,) = await self.enqueue("b@one.example")
        assert new > old
        await self.refused(Kind.NOT_FOUND, ops.Settle((sent(old),)))

    async def test_one_recipient_twice(self):
        """Two outcomes for one recipient in one operation are the caller's error."""
        (one,) = await self.enqueue("a@one.example")
        await self.refused(Kind.BAD_REQUEST, ops.Settle((put_off(one), sent(one))))

    async def test_hold_and_release(self):
        """What is held is not for the schedule; people see it still."""
        first, second = await self.enqueue("a@one.example", "b@one.example")
        assert await self.store.apply([ops.ChangeQueued((first, 999_999), held=True)]) == [1]
        assert [one.recipient for one in await self.all_waiting()] == [second]
        assert [one.recipient for one in await self.store.queue.tickets(["Q1"])] == [second]
        assert [address for _, address in await self.listed()] == ["a@one.example", "b@one.example"]
        await self.store.apply([ops.Settle((sent(second),))])
        assert await self.store.queue.message("Q1") is not None
        assert await self.store.apply([ops.ChangeQueued((first, second), held=False, due=ARRIVED + 77)]) == [1]
        assert [(one.recipient, one.due) for one in await self.all_waiting()] == [(first, ARRIVED + 77)]

    async def test_held_while_it_was_tried(self):
        """A try that ends in "later" does not release what was held meanwhile; one that succeeded counts."""
        first, second = await self.enqueue("a@one.example", "b@one.example")
        await self.store.apply([ops.ChangeQueued((first, second), held=True)])
        await self.store.apply([ops.Settle((put_off(first), sent(second)))])
        assert [one.state for one in await self.store.queue.recipients("Q1")] == [State.HELD, State.SENT]
        assert (await self.store.queue.recipients("Q1"))[0].reply == "450 later"

    async def test_reroute(self):
        """A recipient waits for another destination; its address is the same."""
        first, second = await self.enqueue("a@one.example", "b@one.example")
        await self.store.apply([ops.ChangeQueued((second,), destination="[192.0.2.9]")])
        assert [one.destination for one in await self.all_waiting()] == ["one.example", "[192.0.2.9]"]
        assert await self.store.queue.bound_for("[192.0.2.9]") == [second]
        assert await self.store.queue.bound_for("one.example") == [first]
        assert [one.address for one in await self.store.queue.recipients("Q1")] == ["a@one.example", "b@one.example"]

    async def test_queue_tells_of_changes(self):
        """After the commit the bus says which messages to look at; what a try did is not news to who tried."""
        heard = []
        self.addCleanup(self.store.bus.subscribe(QueueChanged, heard.append))
        first, second = await self.enqueue("a@one.example", "b@one.example")
        (third,) = await self.enqueue("c@one.example", queue_id="Q2")
        assert heard == [QueueChanged(("Q1",)), QueueChanged(("Q2",))]
        heard.clear()
        await self.store.apply([ops.Settle((put_off(first),))])
        await self.store.apply([ops.ChangeQueued((999_999,), held=True)])
        await self.refused(Kind.BAD_REQUEST, ops.ChangeQueued((first,), held=True), delivery())
        assert heard == []
        await self.store.apply([ops.ChangeQueued((first, second, third), due=ARRIVED)])
        await self.store.apply([ops.Settle((sent(third, tried=False, state=State.REMOVED),))])
        assert heard == [QueueChanged(("Q1", "Q2")), QueueChanged(("Q2",))]
        heard.clear()
        await self.store.apply([leaving("a@one.example", queue_id=f"M{number}") for number in range(1001)])
        assert heard == [QueueChanged(())]  # look at all

    async def test_delay_is_reported_once(self):
        """A warning that is written down a second time, because the answer to the first was lost, is refused, its report with it."""
        (first,) = await self.enqueue("a@one.example")
        await self.store.apply([ops.Settle((put_off(first, warned=True),))])
        await self.refused(Kind.NOT_FOUND, ops.Settle((put_off(first, warned=True),)))
        await self.store.apply([ops.Settle((put_off(first),))])
        assert (await self.store.queue.recipients("Q1"))[0].warned

    async def test_nothing_is_asked_for_before_it_came(self):
        """Who asks for mail in the second of its arrival asks for it after that."""
        (first,) = await self.enqueue("a@one.example")
        await self.store.apply([ops.ChangeQueued((first,), due=ARRIVED - 5)])
        assert (await self.store.queue.recipients("Q1"))[0].due == ARRIVED + 1

    async def test_queue_has_a_lock(self):
        """One of all processes sends the mail."""
        lock = await self.store.lock(QUEUE_LOCK)
        with self.assertRaises(MailError) as caught:
            await self.store.lock(QUEUE_LOCK)
        assert caught.exception.kind is Kind.IN_USE
        lock.release()
        (await self.store.lock(QUEUE_LOCK)).release()

    async def test_queue_survives_the_end(self):
        """What was accepted waits after a restart as before."""
        await self.enqueue("a@one.example", data=LARGE)
        before = await self.all_waiting(), attrs.asdict(await self.store.queue.message("Q1"))
        await self.reopen()
        assert (await self.all_waiting(), attrs.asdict(await self.store.queue.message("Q1"))) == before
