"""Whoever asks what takes long waits with those who ask alike, and not with others."""

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from mailsvc.net.turns import Turns


class Oracle:
    """Questions that were asked, and their answers when the test gives them."""

    def __init__(self, most: int) -> None:
        self.clock = Clock()
        self.turns: Turns[str] = Turns(self.clock, most, patience=15)
        self.asked: dict[str, Deferred[str]] = {}

    def ask(self, group: str, question: str) -> "Deferred[str]":
        """Ask."""

        async def ask() -> str:
            assert question not in self.asked
            self.asked[question] = Deferred()
            return await self.asked[question]

        return self.turns.ask(group, question, ask)

    def answer(self, question: str) -> None:
        """Now it is known."""
        self.asked.pop(question).callback(question.upper())


def value(deferred: "Deferred[str]") -> str:
    """Its result, which is there."""
    found: list[str] = []
    deferred.addCallback(found.append)
    return found[0]


def test_a_few_of_each_group_at_a_time() -> None:
    """Of each group so many are asked at a time, others follow in order; another group does not wait for them."""
    oracle = Oracle(2)
    slow = [oracle.ask("slow", f"s{number}") for number in range(4)]
    quick = oracle.ask("quick", "q")
    assert list(oracle.asked) == ["s0", "s1", "q"]
    oracle.answer("q")
    assert value(quick) == "Q"
    oracle.answer("s1")
    assert list(oracle.asked) == ["s0", "s2"]
    oracle.answer("s0")
    oracle.answer("s2")
    oracle.answer("s3")
    assert [value(each) for each in slow] == ["S0", "S1", "S2", "S3"]


def test_the_same_question_is_asked_once() -> None:
    """Those who ask the same share the answer; afterwards it is asked anew."""
    oracle = Oracle(1)
    both = [oracle.ask("group", "a"), oracle.ask("group", "a")]
    oracle.answer("a")
    assert [value(each) for each in both] == ["A", "A"]
    oracle.ask("group", "a")
    assert list(oracle.asked) == ["a"]


def test_a_failure_is_everybodys() -> None:
    """Those who ask the same share the failure, and the turn is passed on."""
    oracle = Oracle(1)
    both = [oracle.ask("group", "a"), oracle.ask("group", "a")]
    after = oracle.ask("group", "b")
    oracle.asked["a"].errback(Failure(KeyError("a")))
    for each in both:
        each.addErrback(lambda failure: str(failure.trap(KeyError)))
        assert "KeyError" in value(each)
    oracle.answer("b")
    assert value(after) == "B"


def test_who_is_cancelled_spoils_nothing() -> None:
    """One who does not want the answer any more does not take it from the others, whoever asked first."""
    oracle = Oracle(1)
    first, second = oracle.ask("group", "a"), oracle.ask("group", "a")
    first.cancel()
    oracle.answer("a")
    assert value(second) == "A"
    first.addErrback(lambda failure: failure.trap(CancelledError).__name__)
    assert value(first) == "CancelledError"


def test_a_turn_that_does_not_come() -> None:
    """Who gets no turn in time is told to come again, and is asked for no more; those whose turn has come may take their time."""
    oracle = Oracle(1)
    first, second = oracle.ask("group", "a"), oracle.ask("group", "b")
    oracle.clock.advance(16)
    second.addErrback(lambda failure: failure.value.kind.name)
    assert value(second) == "NOT_NOW"
    oracle.answer("a")
    assert value(first) == "A"
    assert not oracle.asked
    assert not oracle.clock.getDelayedCalls()


def test_nothing_is_kept() -> None:
    """When all is answered nothing is remembered of groups and questions."""
    oracle = Oracle(2)
    for number in range(5):
        oracle.ask(f"group {number % 2}", f"q{number}")
    while oracle.asked:
        oracle.answer(next(iter(oracle.asked)))
    assert not oracle.turns._listeners
    assert not oracle.turns._groups
