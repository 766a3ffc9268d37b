"""The schedule: nobody is lost, nobody is tried twice at a time, everybody gets a turn."""

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from mailsvc.core.queued import Ticket
from mailsvc.queue.destinations import Limits, Verdict
from mailsvc.queue.schedule import Schedule

LIMITS = Limits(connections=4, first=2, most=3, recipients=2)


def ticket(recipient, queue_id="Q1", destination="there.example", sender="7", due=0, **fields):
    """A recipient that waits."""
    given = {"attempts": 0, "arrived": 0, "size": 1000, "report": False, **fields}
    return Ticket(recipient, queue_id, destination, sender, due, **given)


def everything(schedule, now, verdict=Verdict.ANSWERED, most=10_000):
    """Take and end batch after batch until there is nothing more."""
    batches = []
    while len(batches) < most and (batch := schedule.take(now)):
        batches.append(batch)
        schedule.done(batch, (), verdict, now)
    return batches


# --- when ---


def test_nothing_before_it_is_due():
    """A recipient is tried when it is due, and the schedule says when that is."""
    schedule = Schedule(LIMITS)
    schedule.put([ticket(1, due=100), ticket(2, "Q2", due=50)])
    assert schedule.next_due() == 50
    assert schedule.take(49) is None
    assert schedule.take(50).tickets[0].recipient == 2
    assert schedule.next_due() == 100


def test_recipients_of_one_message_travel_together():
    """One batch is one message to one destination, with as many recipients as a transaction takes."""
    schedule = Schedule(LIMITS)
    schedule.put([ticket(number) for number in range(3)] + [ticket(3, destination="elsewhere.example")])
    sizes = Counter((batch.lane, len(batch.tickets)) for batch in everything(schedule, 0))
    assert sizes == {("there.example", 2): 1, ("there.example", 1): 1, ("elsewhere.example", 1): 1}


def test_a_lane_joins_destinations():
    """What goes to one smarthost goes in one transaction, whatever the domains."""
    schedule = Schedule(LIMITS, lambda destination: "smarthost")
    schedule.put([ticket(1), ticket(2, destination="elsewhere.example")])
    assert [one.destination for one in schedule.take(0).tickets] == ["there.example", "elsewhere.example"]


def test_what_is_not_due_stays_behind():
    """Of a message's recipients only those that are due are tried."""
    schedule = Schedule(LIMITS)
    schedule.put([ticket(1, due=10), ticket(2, due=20)])
    assert [one.recipient for one in schedule.take(10).tickets] == [1]
    assert schedule.next_due() == 20


# --- fairness ---


def test_a_newsletter_holds_nobody_up():
    """One message of another sender goes before 50,000 of one account, at the same destination and elsewhere."""
    for destination in ("there.example", "elsewhere.example"):
        schedule = Schedule(LIMITS)
        schedule.put(
            ticket(n, f"N{n}", f"d{n % 300}.example" if n % 2 else "there.example", "7") for n in range(50_000)
        )
        everything(schedule, 0, most=100)
        schedule.put([ticket(99_999, "Q", destination, "8")])
        served = everything(schedule, 0, most=4)
        assert "Q" in [batch.queue_id for batch in served], destination


def test_reports_and_small_mail_go_first():
    """A report goes before mail that waits already, and a small message before a large one."""
    schedule = Schedule(LIMITS)
    schedule.put([ticket(1, "large", size=20_000_000), ticket(2, "small", sender="8")])
    schedule.put([ticket(3, "report", sender="", report=True)])
    assert [batch.queue_id for batch in everything(schedule, 0)] == ["report", "small", "large"]


def test_nobody_starves():
    """A large message is sent although small ones of others never end."""
    schedule = Schedule(LIMITS)
    schedule.put([ticket(0, "large", size=1_000_000)])
    for number in range(1, 2000):
        schedule.put([ticket(number, f"s{number}", sender=f"s{number % 5}")])
        batch = schedule.take(0)
        schedule.done(batch, (), Verdict.ANSWERED, 0)
        if batch.queue_id == "large":
            return
    raise AssertionError("the large message never had its turn")


def test_a_slow_destination_holds_up_no_other():
    """A destination at its limit is passed over."""
    schedule = Schedule(LIMITS)
    schedule.put([ticket(n, f"Q{n}", "slow.example") for n in range(10)])
    schedule.put([ticket(99, "Q99", "fast.example")])
    assert {schedule.take(0).lane, schedule.take(0).lane} == {"slow.example", "fast.example"}
    assert schedule.take(0) is None


# --- destinations ---


def taken(schedule, now=0):
    """All batches that may be under way together."""
    return list(iter(lambda: schedule.take(now), None))


def test_concurrency_grows_with_success_and_shrinks_with_strain():
    """One connection, then as many as in the beginning, then one more each time, up to the most; half when it strains."""
    schedule = Schedule(Limits(connections=100, first=2, most=4, recipients=1))
    schedule.put([ticket(n, f"Q{n}") for n in range(100)])
    under_way, seen = taken(schedule), []
    for verdict in (Verdict.ANSWERED, Verdict.ANSWERED, Verdict.ANSWERED, Verdict.ANSWERED, Verdict.STRAINED):
        seen.append(len(under_way))
        schedule.done(under_way.pop(0), (), verdict, 0)
        under_way += taken(schedule)
    for batch in under_way[1:]:
        schedule.done(batch, (), Verdict.NOTHING, 0)
    assert seen == [1, 2, 3, 4, 4]
    assert len(taken(schedule)) == 1  # of two, one is still under way


def test_a_dead_destination_costs_one_connection():
    """While nobody answers, one batch tries; the rest of the mail is put off with its reason, without a connection."""
    schedule = Schedule(LIMITS)
    schedule.put([ticket(n, f"Q{n}") for n in range(50)])
    (probe,) = taken(schedule)
    schedule.done(probe, [ticket(0, "Q0", due=300)], Verdict.DEAD, 0, until=300, reason="no answer")
    rest = taken(schedule)
    assert len(rest) == 49
    assert {batch.reason for batch in rest} == {"no answer"}
    for batch in rest:
        schedule.done(batch, [batch.tickets[0]._replace(due=400)], Verdict.NOTHING, 1)
    assert schedule.failures("there.example") == 1
    assert [batch.reason for batch in taken(schedule, 400)] == [None], "then one tries again"


def test_mail_that_is_wanted_now_revives_its_destination():
    """``mailsvc queue retry`` is no empty promise while a destination counts as dead."""
    schedule = Schedule(LIMITS)
    schedule.put([ticket(1)])
    schedule.done(schedule.take(0), [ticket(1, due=300)], Verdict.DEAD, 0, until=300, reason="no answer")
    schedule.replace(["Q1"], [ticket(1, due=10)])
    assert schedule.take(10).reason is None


# --- changes by hand ---


def test_held_by_hand():
    """A message of which the store says that nothing waits is not tried."""
    schedule = Schedule(LIMITS)
    schedule.put([ticket(1), ticket(2, "Q2")])
    schedule.replace(["Q1"], [])
    assert [batch.queue_id for batch in everything(schedule, 0)] == ["Q2"]


def test_changed_while_it_was_tried():
    """What is changed by hand during a try is looked up afterwards."""
    schedule = Schedule(LIMITS)
    schedule.put([ticket(1)])
    batch = schedule.take(0)
    schedule.replace(["Q1"], [ticket(1, destination="elsewhere.example")])
    assert schedule.take(0) is None, "it is under way"
    assert schedule.done(batch, [ticket(1, due=300)], Verdict.ANSWERED, 0)


def test_a_thousand_recipients_are_cheap():
    """A message with 20,000 recipients on one lane takes no time that grows with their square: operations counted, not seconds."""
    schedule = Schedule(Limits(connections=4, first=2, most=3, recipients=1000), lambda destination: "smarthost")
    schedule.put(ticket(n) for n in range(20_000))
    assert sum(len(batch.tickets) for batch in everything(schedule, 0)) == 20_000
    assert len(schedule) == 0


def test_never_more_connections_than_most():
    """Where ``most`` is below ``first``, a destination that has answered gets ``most``."""
    schedule = Schedule(Limits(connections=100, first=5, most=3, recipients=1))
    schedule.put([ticket(n, f"Q{n}") for n in range(10)])
    schedule.done(schedule.take(0), [], Verdict.ANSWERED, 0)
    assert len(list(iter(lambda: schedule.take(0), None))) == 3


# --- whatever happens ---


class Random(RuleBasedStateMachine):
    """Any order of events, against a plain model."""

    def __init__(self):
        super().__init__()
        self.schedule = Schedule(LIMITS)
        self.now = 0
        self.waiting = {}
        self.under_way = []
        self.active = Counter()
        self.dead = {}
        self.count = 0

    @rule(message=st.integers(0, 3), lane=st.sampled_from("abc"), sender=st.sampled_from("78"), delay=st.integers(0, 5))
    def arrive(self, message, lane, sender, delay):
        """Another recipient."""
        self.count += 1
        one = ticket(self.count, f"{sender}{message}", lane, sender, self.now + delay)
        self.waiting[one.recipient] = one
        self.schedule.put([one])

    @rule(seconds=st.integers(0, 5))
    def pass_time(self, seconds):
        """Time goes on."""
        self.now += seconds

    @rule()
    def take(self):
        """The next batch; there is one whenever there can be one."""
        batch = self.schedule.take(self.now)
        due = {one.destination for one in self.waiting.values() if one.due <= self.now}
        if batch is None:
            full = sum(self.active.values()) >= LIMITS.connections
            assert full or all(self.active[lane] >= 1 and self.dead.get(lane, 0) <= self.now for lane in due)
            return
        for one in batch.tickets:
            assert self.waiting.pop(one.recipient) == one
            assert one.due <= self.now
            assert (one.queue_id, one.destination) == (batch.queue_id, batch.lane)
        assert 1 <= len(batch.tickets) <= LIMITS.recipients
        assert (batch.reason is not None) == (self.dead.get(batch.lane, 0) > self.now)
        self.active[batch.lane] += batch.reason is None
        assert self.active[batch.lane] <= LIMITS.most
        self.under_way.append(batch)

    @precondition(lambda self: self.under_way)
    @rule(data=st.data(), verdict=st.sampled_from(list(Verdict)), delay=st.integers(1, 5))
    def end(self, data, verdict, delay):
        """A batch ends: some of its recipients wait on."""
        batch = self.under_way.pop(data.draw(st.integers(0, len(self.under_way) - 1)))
        left = [one._replace(due=self.now + delay) for one in batch.tickets if data.draw(st.booleans())]
        self.waiting |= {one.recipient: one for one in left}
        self.schedule.done(batch, left, verdict, self.now, self.now + delay, "dead")
        if batch.reason is None:
            self.active[batch.lane] -= 1
            if verdict is Verdict.ANSWERED:
                self.dead.pop(batch.lane, None)
            elif verdict is Verdict.DEAD and not self.active[batch.lane]:
                self.dead[batch.lane] = self.now + delay

    @rule(message=st.sampled_from(["70", "71", "80"]), data=st.data())
    def by_hand(self, message, data):
        """Somebody holds or postpones some recipients of a message."""
        mine = [one for one in self.waiting.values() if one.queue_id == message]
        keep = [one._replace(due=one.due + 3) for one in mine if data.draw(st.booleans())]
        for one in mine:
            del self.waiting[one.recipient]
        self.waiting |= {one.recipient: one for one in keep}
        self.schedule.replace([message], keep)

    @invariant()
    def counts(self):
        """Nobody is lost, and time is told right."""
        assert len(self.schedule) == len(self.waiting) + sum(len(batch.tickets) for batch in self.under_way)
        later = [one.due for one in self.waiting.values() if one.due > self.now]
        due = self.schedule.next_due()
        if later and not any(one.due <= self.now for one in self.waiting.values()):
            assert due is not None
            assert due <= min(later)


TestRandom = Random.TestCase
TestRandom.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
