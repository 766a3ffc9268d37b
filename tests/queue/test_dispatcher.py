"""What becomes of mail that waits: sent, tried again, reported, held; on a real store, with hosts and a clock of the test's own."""

import itertools

from prometheus_client import REGISTRY
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from mailsvc.core.errors import MailError, temporary
from mailsvc.core.operations import ChangeQueued, Deliver, Settle
from mailsvc.core.outbound import Answer
from mailsvc.core.queued import Notify, Outcome, OutgoingRecipient, State
from mailsvc.queue.options import RelayDomainOptions, RouteOptions
from mailsvc.store.connect import run
from tests.queue.doubles import LATER, NEVER, OK, Hosts, Names, broken
from tests.queue.world import MESSAGE, World

HOST = "192.0.2.1"
BOB = "bob@there.example"
MINUTE, HOUR, DAY = 60, 3600, 86400


def unsettled():
    """Of how many recipients nobody knows that they have the mail."""
    return REGISTRY.get_sample_value("mailsvc_queue_unsettled_total")


class Case(TestCase):
    """A world for each test."""

    def world(self, **fields):
        """A world that sends."""
        world = World(self.mktemp(), **fields)
        self.addCleanup(world.close)
        world.start()
        return world

    def scripted(self, answer, **fields):
        """A world whose one host always says this (an Answer, or a function)."""
        script = answer if callable(answer) else lambda mail, recipients: answer
        return self.world(hosts=Hosts(script={HOST: script}), **fields)


class SendingTests(Case):
    """Mail that goes."""

    def test_mail_goes_at_once(self):
        """A message is sent when it comes, without our Return-Path, and leaves the queue."""
        world = self.world()
        queue_id = world.post(BOB)
        world.pass_time()
        assert world.hosts.delivered == {(queue_id, BOB): 1}
        assert world.waiting() == {}
        assert run(world.store.queue.message(queue_id)) is None

    def test_what_waits_is_sent_after_a_start(self):
        """What was accepted before the service started is sent when it starts."""
        world = World(self.mktemp())
        self.addCleanup(world.close)
        queue_id = world.post(BOB, "carol@there.example")
        world.start()
        assert world.hosts.delivered == {(queue_id, BOB): 1, (queue_id, "carol@there.example"): 1}
        assert len(world.hosts.sent) == 1, "in one transaction"

    def test_one_connection_carries_many_messages(self):
        """Messages for one destination go one after another on one connection, which ends when it is idle."""
        world = self.world(connections_per_destination=1, connections_at_first=1)
        for _ in range(5):
            world.post(BOB)
        world.pass_time(1)
        assert len(world.hosts.sent) == 5
        assert len(world.hosts.connections) == 1
        world.pass_time(10)
        assert world.hosts.connections[0].ended == "quit"

    def test_a_connection_ends_after_so_many_messages(self):
        """No connection is used for ever."""
        world = self.world(connections_per_destination=1, connections_at_first=1, messages_per_connection=2)
        for _ in range(5):
            world.post(BOB)
        world.pass_time(1)
        assert len(world.hosts.connections) == 3

    def test_a_senders_domain_has_addresses_of_its_own(self):
        """Its mail goes from there, on connections that carry no other mail; reports and others' mail go from the usual ones."""
        senders = {"own.example": ("192.0.2.26", "2001:db8::26")}
        world = self.world(
            senders=senders, sources=("192.0.2.25",), connections_per_destination=1, connections_at_first=1
        )
        for sender in ("a@own.example", "alice@example.test", "b@Own.Example", "", "a@own.example"):
            world.post(BOB, sender=sender, account=0)
            world.pass_time(1)
        assert [one.terms.source for one in world.hosts.connections] == ["192.0.2.26", "192.0.2.25"]
        assert len(world.hosts.sent) == 5

    def test_a_kept_connection_that_was_closed_meanwhile(self):
        """If the other side has closed a connection that was kept, the message goes by a new one, at once."""
        broke = []

        def once(mail, recipients):
            if len(world.hosts.sent) == 2:
                broke.append(mail.envid)
                return broken(world.hosts.connections[0].hop, "MAIL")
            return OK

        world = self.scripted(once)
        world.post(BOB)
        world.pass_time(1)
        second = world.post(BOB)
        world.pass_time(1)
        assert broke == [second]
        assert world.hosts.delivered[second, BOB] == 1
        assert len(world.hosts.connections) == 2

    def test_success_report_where_the_next_server_knows_no_dsn(self):
        """NOTIFY=SUCCESS: a server without DSN takes the mail, so we report that it was relayed (RFC 3461 5.2.2)."""
        world = self.world()
        world.post(OutgoingRecipient(BOB, "there.example", Notify.SUCCESS))
        world.pass_time()
        assert "Action: relayed" in world.mailbox()[0]

    def test_no_success_report_where_it_knows_dsn(self):
        """A server with DSN takes over the duty to report."""
        world = self.scripted(Answer(250, "2.0.0", "Ok", "end", reports=True))
        world.post(OutgoingRecipient(BOB, "there.example", Notify.SUCCESS))
        world.pass_time()
        assert world.mailbox() == []


class FailureTests(Case):
    """Mail that cannot be delivered."""

    def test_unknown_recipient(self):
        """I mistype an address: at once I have a report in both languages that names the address and says why."""
        world = self.scripted(NEVER)
        world.post(BOB)
        world.pass_time()
        (report,) = world.mailbox()
        assert BOB in report
        assert "550 no such user" in report
        assert "Action: failed" in report
        assert world.waiting() == {}

    def test_4xx_for_one_and_5xx_for_another(self):
        """Each recipient has a fate of its own: one is sent, one reported, one waits."""
        world = self.scripted(lambda mail, recipients: {"no@there.example": NEVER, "later@there.example": LATER})
        queue_id = world.post("yes@there.example", "no@there.example", "later@there.example")
        world.pass_time()
        assert world.hosts.delivered == {(queue_id, "yes@there.example"): 1}
        (report,) = world.mailbox()
        assert "Final-Recipient: rfc822; no@there.example" in report
        assert "later@there.example" not in report
        assert list(world.waiting()) == ["later@there.example"]

    def test_no_such_domain(self):
        """A domain that does not exist is reported at once, without a connection."""
        world = self.world(names=Names())
        world.post(BOB)
        world.pass_time()
        assert "Status: 5.1.2" in world.mailbox()[0]

    def test_null_mx(self):
        """A domain that takes no mail is reported at once (RFC 7505)."""
        world = self.world(names=Names({"there.example": [(0, "")]}))
        world.post(BOB)
        world.pass_time()
        assert "Status: 5.1.10" in world.mailbox()[0]

    def test_mx_to_ourselves(self):
        """A domain whose MX points to this server is reported, not sent round and round."""
        world = self.world(listening=[(HOST, 25)])
        world.post(BOB)
        world.pass_time()
        assert "Status: 5.4.6" in world.mailbox()[0]
        assert not world.hosts.tried

    def test_no_report_about_reports(self):
        """What has no sender is not reported to anybody."""
        world = self.scripted(NEVER)
        world.post(BOB, sender="")
        world.pass_time()
        assert world.mailbox() == []
        assert world.waiting() == {}


class WaitingTests(Case):
    """Mail that has to wait."""

    def test_down_for_a_day(self):
        """Their server is down for a day: after four hours I am told once that it is still being tried; when it returns, the mail goes."""
        world = self.world(hosts=Hosts(down=[HOST]))
        queue_id = world.post(BOB)
        world.pass_time(4 * HOUR - 30 * MINUTE)
        assert world.mailbox() == []
        world.pass_time(3 * HOUR)
        (warning,) = world.mailbox()
        assert "Action: delayed" in warning
        assert "Will-Retry-Until" in warning
        world.pass_time(18 * HOUR)
        assert len(world.mailbox()) == 1, "only once"
        world.hosts.down.clear()
        world.pass_time(3 * HOUR)
        assert world.hosts.delivered == {(queue_id, BOB): 1}
        assert len(world.mailbox()) == 1

    def test_waits_grow(self):
        """The first retry comes after five minutes, then after ten, twenty..., with the remote's words on record."""
        world = self.scripted(LATER)
        queue_id = world.post(BOB)
        world.pass_time(DAY)
        times = [one.at for one in run(world.store.queue.attempts(queue_id))]
        waits = [(later - earlier) / MINUTE for earlier, later in itertools.pairwise(times)]
        assert all(
            0.75 * want <= wait <= 1.25 * want for want, wait in zip((5, 10, 20, 40, 80, 120, 120), waits, strict=False)
        )
        assert world.waiting()[BOB][2:4] == ("4.2.0", "450 come back later")

    def test_given_up_after_five_days(self):
        """After its lifetime a message is returned, with the last word of the other server."""
        world = self.scripted(LATER)
        world.post(BOB)
        world.pass_time(5 * DAY - HOUR)
        assert len(world.mailbox()) == 1
        world.pass_time(2 * HOUR)
        report = world.mailbox()[1]
        assert "Action: failed" in report
        assert "Status: 4.2.0" in report, "the reason, as in the report of the delay (RFC 3464 2.3.4)"
        assert "450 come back later" in report
        assert world.waiting() == {}

    def test_the_other_host_is_tried(self):
        """A host that cannot be reached is passed over for the next one, in the same round."""
        names = Names({"there.example": [(10, "a"), (20, "b")]}, {"a": [HOST], "b": ["192.0.2.2"]})
        world = self.world(names=names, hosts=Hosts(down=[HOST]))
        queue_id = world.post(BOB)
        world.pass_time()
        assert world.hosts.delivered == {(queue_id, BOB): 1}

    def test_dead_destination_costs_one_connection(self):
        """Fifty messages to a dead destination are one connection a round; all of them wait with the reason."""
        world = self.world(hosts=Hosts(down=[HOST]))
        for _ in range(50):
            world.post(BOB)
        world.post("other@there.example")
        world.pass_time(1)
        assert world.hosts.tried[HOST] == 1
        assert world.waiting()["other@there.example"][:4] == ("WAITING", 0, "4.4.1", "Connection refused")
        world.hosts.down.clear()
        world.pass_time(HOUR)
        assert sum(world.hosts.delivered.values()) == 51

    def test_names_that_cannot_be_asked(self):
        """Name servers that do not answer are no reason to return mail."""
        names = Names({"there.example": [(10, "a")]}, {"a": [HOST]}, broken=["there.example"])
        world = self.world(names=names)
        world.post(BOB)
        world.pass_time(HOUR)
        assert world.waiting()[BOB][2] == "4.4.3"
        names.broken.clear()
        world.pass_time(3 * HOUR)
        assert world.waiting() == {}

    def test_250_then_silence_may_make_two_copies(self):
        """A connection lost after the whole message was sent: nobody knows, so it is sent again later, and not to another host at once."""
        names = Names({"there.example": [(10, "a"), (20, "b")]}, {"a": [HOST], "b": ["192.0.2.2"]})
        world = self.world(names=names)
        world.hosts.script[HOST] = lambda mail, recipients: broken(
            world.hosts.connections[-1].hop, "end", in_doubt=True
        )
        world.post(BOB)
        world.pass_time()
        assert world.hosts.tried == {HOST: 1}
        assert world.waiting()[BOB][:3] == ("WAITING", 1, "4.4.2")
        world.hosts.script.clear()
        world.pass_time(HOUR)
        assert world.waiting() == {}

    def test_host_that_breaks_off_without_a_word(self):
        """A host that hangs up at MAIL each time does not keep mail from the next host, though all of it was sent in one write."""
        names = Names({"there.example": [(10, "a"), (20, "b")]}, {"a": [HOST], "b": ["192.0.2.2"]})
        world = self.world(names=names)
        world.hosts.script[HOST] = lambda mail, recipients: broken(
            world.hosts.connections[-1].hop, "MAIL", in_doubt=True
        )
        queue_id = world.post(BOB)
        world.pass_time()
        assert world.hosts.delivered == {(queue_id, BOB): 1}

    def test_421_makes_fewer_connections(self):
        """A host that says 421 gets fewer connections, and the mail later."""
        world = self.scripted(Answer(421, "4.7.0", "too many connections", "MAIL"))
        world.post(BOB)
        world.pass_time()
        assert world.waiting()[BOB][2:4] == ("4.7.0", "421 too many connections")


class ByHandTests(Case):
    """What people do with what waits."""

    def recipient(self, world, queue_id):
        """The id of a message's only recipient."""
        return run(world.store.queue.recipients(queue_id))[0].id

    def test_retry_now(self):
        """``mailsvc queue retry`` makes it due, and it is tried although its destination was dead a minute ago."""
        world = self.world(hosts=Hosts(down=[HOST]))
        queue_id = world.post(BOB)
        world.pass_time(MINUTE)
        world.hosts.down.clear()
        world.store.commit([ChangeQueued((self.recipient(world, queue_id),), due=int(world.now()))])
        world.pass_time()
        assert world.hosts.delivered == {(queue_id, BOB): 1}

    def test_held_and_released(self):
        """What is held is not tried; released, it goes."""
        world = self.scripted(LATER)
        queue_id = world.post(BOB)
        world.pass_time()
        world.store.commit([ChangeQueued((self.recipient(world, queue_id),), held=True)])
        world.pass_time(DAY)
        assert len(world.hosts.sent) == 1
        world.hosts.script.clear()
        world.store.commit([ChangeQueued((self.recipient(world, queue_id),), held=False, due=int(world.now()))])
        world.pass_time()
        assert world.hosts.delivered == {(queue_id, BOB): 1}

    def test_rerouted(self):
        """Rerouted mail goes where it was sent to by hand."""
        world = self.world(hosts=Hosts(down=[HOST]))
        queue_id = world.post(BOB)
        world.pass_time()
        world.store.commit(
            [ChangeQueued((self.recipient(world, queue_id),), destination="192.0.2.9:2525", due=int(world.now()))]
        )
        world.pass_time(1)
        assert [(one.hop.address, one.hop.port) for one in world.hosts.connections] == [("192.0.2.9", 2525)]
        assert world.waiting() == {}

    def test_removed_while_it_is_sent(self):
        """Removed by hand during the transaction: what was sent was sent, and the others of the message get their outcome."""
        answer = Deferred()
        world = self.scripted(lambda mail, recipients: answer)
        queue_id = world.post(BOB, "no@there.example")
        world.pass_time()
        first = self.recipient(world, queue_id)
        now = int(world.now())
        world.store.commit([Settle((Outcome(first, State.REMOVED, 0, now, "", "", tried=False),))])
        world.pass_time()
        answer.callback({"no@there.example": NEVER})
        world.pass_time()
        assert world.waiting() == {}
        assert len(world.mailbox()) == 1

    def test_held_while_it_is_sent(self):
        """Held by hand during a try that fails for now: it stays held."""
        answer = Deferred()
        world = self.scripted(lambda mail, recipients: answer)
        queue_id = world.post(BOB)
        world.pass_time()
        world.store.commit([ChangeQueued((self.recipient(world, queue_id),), held=True)])
        world.pass_time()
        answer.callback(LATER)
        world.pass_time(DAY)
        assert world.waiting()[BOB][0] == "HELD"
        assert len(world.hosts.sent) == 1


class RoutesTests(Case):
    """Ways that the administrator has set."""

    def test_a_route_that_holds(self):
        """Nothing leaves by a route that holds; it says so, and nobody is bothered with reports."""
        world = self.world(routes=[RouteOptions(domains=("*",), hold=True)])
        world.post(BOB)
        world.pass_time(6 * DAY)
        state, attempts, status, reply, _ = world.waiting()[BOB]
        assert (state, attempts, status) == ("HELD", 0, "4.7.1")
        assert "route" in reply
        assert world.mailbox() == []
        assert not world.hosts.tried

    def test_one_transaction_to_a_smarthost(self):
        """All recipients of a message go to the smarthost at once, whatever their domains."""
        world = self.world(names=Names(), routes=[RouteOptions(domains=("*",), hosts=("192.0.2.5:587",))])
        world.post(BOB, "carol@elsewhere.example")
        world.pass_time()
        assert world.hosts.sent == [("192.0.2.5", [BOB, "carol@elsewhere.example"])]

    def test_mail_that_is_sent_on_demand(self):
        """Mail for a site that fetches it with ETRN waits until then, and no failure or delay is reported meanwhile."""
        world = self.world(
            relay_domains=[RelayDomainOptions(name="there.example", on_demand=True, lifetime=30 * DAY)], delay_warning=0
        )
        queue_id = world.post(BOB)
        world.pass_time(DAY)
        assert not world.hosts.tried
        assert world.waiting()[BOB][:3] == ("WAITING", 0, "4.0.0")
        recipient = run(world.store.queue.recipients(queue_id))[0].id
        world.store.commit([ChangeQueued((recipient,), due=int(world.now()))])
        world.pass_time()
        assert world.hosts.delivered == {(queue_id, BOB): 1}

    def test_mail_on_demand_that_is_asked_for_at_once(self):
        """``mailsvc queue flush`` in the very second in which mail came: it goes, though the clock was set back meanwhile."""
        world = self.world(
            relay_domains=[RelayDomainOptions(name="there.example", on_demand=True, lifetime=30 * DAY)], delay_warning=0
        )
        queue_id = world.post(BOB)
        world.pass_time()
        recipient = run(world.store.queue.recipients(queue_id))[0].id
        world.store.commit([ChangeQueued((recipient,), due=int(world.now()) - 10)])
        world.pass_time(2, step=1)
        assert world.hosts.delivered == {(queue_id, BOB): 1}


class StoppingTests(Case):
    """The end of the service."""

    def test_store_that_has_gone(self):
        """If the store has ended before us and nobody starts it again, the end does not wait for it as long as for other servers."""
        world = self.world()

        async def gone(operations):
            raise temporary("store-restarting")

        world.store.apply = gone
        world.post(BOB)
        world.pass_time()
        stopping = world.queue.stopService()
        world.pass_time(3, step=1)
        assert stopping.called

    def test_running_transactions_end_first(self):
        """Stopping waits for what is under way, writes it down and says goodbye."""
        answer = Deferred()
        world = self.scripted(lambda mail, recipients: answer)
        queue_id = world.post(BOB)
        world.pass_time()
        stopping = world.queue.stopService()
        world.pass_time(5, step=1)
        assert not stopping.called
        answer.callback(OK)
        world.pass_time(1, step=0.1)
        assert stopping.called
        assert world.hosts.delivered == {(queue_id, BOB): 1}
        assert world.waiting() == {}
        assert world.hosts.connections[0].ended == "quit"

    def test_only_one_process_sends(self):
        """While somebody else has the lock nothing is sent; when it is free, we send within a second."""
        world = World(self.mktemp())
        self.addCleanup(world.close)
        other = run(world.store.lock(0))
        world.post(BOB)
        world.start()
        world.pass_time(HOUR)
        assert not world.queue.sending
        other.release()
        world.pass_time(1.5, step=0.5)
        assert sum(world.hosts.delivered.values()) == 1


class UnexpectedTests(Case):
    """What should not happen must not send mail twice, nor hold up other mail."""

    def test_report_that_cannot_be_made(self):
        """If no report can be made, who has the mail does not get it again; the others wait until there is one."""
        carol = "carol@there.example"
        world = self.scripted({BOB: OK, carol: NEVER})
        report = world.reports.report

        async def fail(original, told):
            raise ValueError("a report that cannot be made")

        world.reports.report = fail
        queue_id = world.post(BOB, carol)
        world.pass_time(12 * HOUR)
        assert world.hosts.delivered == {(queue_id, BOB): 1}
        assert list(world.waiting()) == [carol]
        assert self.flushLoggedErrors(ValueError)
        world.reports.report = report
        world.pass_time(2 * HOUR)
        assert world.waiting() == {}
        assert len(world.mailbox()) == 1

    def test_queue_that_cannot_be_read_for_no_known_reason(self):
        """What keeps a batch from being read is in the log; its message is tried later, and its place is free for others."""
        world = self.scripted(OK)
        still_open = world.store.queue.still_open

        async def fail(recipients):
            raise ValueError("a row that cannot be read")

        world.store.queue.still_open = fail
        queue_id = world.post(BOB)
        world.pass_time()
        assert self.flushLoggedErrors(ValueError)
        assert world.hosts.delivered == {}
        world.store.queue.still_open = still_open
        world.pass_time(2 * MINUTE)
        assert world.hosts.delivered == {(queue_id, BOB): 1}

    def removed_while_it_is_sent(self):
        """A message for three: the first is removed by hand while the host takes the mail for all; then nobody can ask who is left."""
        answer = Deferred()
        world = self.scripted(lambda mail, recipients: answer)
        queue_id = world.post("first@there.example", BOB, "carol@there.example")
        world.pass_time()
        first = run(world.store.queue.recipients(queue_id))[0].id
        world.store.commit([Settle((Outcome(first, State.REMOVED, 0, int(world.now()), "", "", tried=False),))])
        still_open, world.asked = world.store.queue.still_open, 0

        async def fail(recipients):
            world.asked += 1
            if world.asked <= world.refusals:
                raise temporary("store-restarting")
            return await still_open(recipients)

        world.store.queue.still_open = fail
        return world, answer

    def test_who_is_left_cannot_be_read_at_once(self):
        """A host has the mail, one recipient was removed meanwhile, and the store is away when it is asked for the others: sent once."""
        world, answer = self.removed_while_it_is_sent()
        world.refusals = 3
        answer.callback(OK)
        world.pass_time(12 * HOUR)
        assert world.asked == 4
        assert world.waiting() == {}
        assert len(world.hosts.sent) == 1
        assert set(world.hosts.delivered.values()) == {1}

    def test_who_is_left_cannot_be_read_before_the_end(self):
        """If the process has to end first, who may get the mail again is counted."""
        world, answer = self.removed_while_it_is_sent()
        world.refusals = 10**9
        before = unsettled()
        answer.callback(OK)
        world.pass_time(5)
        assert unsettled() == before
        world.queue.stopService()
        world.pass_time(60, step=1)
        assert unsettled() >= before + 2

    def test_report_that_the_store_refuses(self):
        """The same for a report that the store refuses for good."""
        world = self.scripted({BOB: OK, "carol@there.example": NEVER})

        async def refused(original, told):
            return [Deliver(accounts=(), prefix=b"", size=0, date=0, data=b"")]

        world.reports.report = refused
        queue_id = world.post(BOB, "carol@there.example")
        world.pass_time(12 * HOUR)
        assert world.hosts.delivered == {(queue_id, BOB): 1}
        assert list(world.waiting()) == ["carol@there.example"]
        assert self.flushLoggedErrors(MailError)

    def test_delay_is_told_once_though_the_answer_was_lost(self):
        """The store's owner dies after it has committed the warning, before it says so: the sender is warned once."""
        world = self.scripted(LATER)
        apply, lost = world.store.apply, []

        async def forgetful(operations):
            results = await apply(operations)
            if not lost and any(isinstance(one, Deliver) for one in operations):
                lost.append(operations)
                raise temporary("store-restarting")
            return results

        world.store.apply = forgetful
        world.post(BOB)
        world.pass_time(12 * HOUR)
        assert len(lost) == 1
        assert len(world.mailbox()) == 1

    def test_text_that_cannot_be_read(self):
        """A message whose text cannot be read does not try the other server each minute; in the end its sender is told all the same."""
        world = self.world()
        get = world.store.bodies.get

        async def unreadable(content, offset=0, length=-1):
            if broken_content == [content]:
                raise temporary("body-unreadable")
            return await get(content, offset, length)

        world.store.bodies.get = unreadable
        large = MESSAGE + b"line\r\n" * 20_000
        queue_id = world.post(BOB, data=large)
        broken_content = [run(world.store.queue.message(queue_id)).content]
        world.pass_time(5 * HOUR)
        assert world.hosts.tried[HOST] < 15
        assert world.waiting()[BOB][2] == "4.3.0"
        world.pass_time(6 * DAY)
        assert world.waiting() == {}
        assert [
            ("Action: " + word) in report for word, report in zip(("delayed", "failed"), world.mailbox(), strict=True)
        ]
        other = world.post(BOB)
        world.pass_time(HOUR)
        assert world.hosts.delivered == {(other, BOB): 1}

    def test_one_text_that_cannot_be_read_spoils_no_other(self):
        """Messages are read together; if one of them is damaged, the others go all the same."""
        world = self.world()
        get = world.store.bodies.get

        async def get_many(contents, offset=0, length=-1):
            raise temporary("body-unreadable")

        async def unreadable(content, offset=0, length=-1):
            if content == damaged:
                raise temporary("body-unreadable")
            return await get(content, offset, length)

        world.store.bodies.get_many, world.store.bodies.get = get_many, unreadable
        whole, other = world.post(BOB), world.post("carol@there.example")
        damaged = run(world.store.queue.message(other)).content
        world.pass_time(MINUTE)
        assert world.hosts.delivered == {(whole, BOB): 1}
        assert list(world.waiting()) == ["carol@there.example"]

    def test_dead_destination_costs_few_commits(self):
        """What waits for a dead destination is looked at when that is tried again, not every five minutes."""
        world = self.world(hosts=Hosts(down=[HOST]))
        settled = []
        apply = world.store.apply

        async def counted(operations):
            settled.extend(one for each in operations if isinstance(each, Settle) for one in each.outcomes)
            return await apply(operations)

        world.store.apply = counted
        for _ in range(20):
            world.post(BOB)
        world.pass_time(DAY)
        rounds = world.hosts.tried[HOST]
        assert 10 < rounds < 30
        assert len(settled) <= 20 * (rounds + 1)
