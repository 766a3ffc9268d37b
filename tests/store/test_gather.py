"""When a worker sends its requests."""

from twisted.internet.task import Clock

from mailsvc.store.gather import ENOUGH, Gather


def gatherer():
    """A gather on a clock, and the times at which it flushed."""
    clock, times = Clock(), []
    return clock, Gather(clock, lambda: times.append(clock.seconds())), times


def test_alone_it_leaves_with_the_turn():
    """Nothing else is arriving: no wait beyond this turn of the reactor."""
    clock, gather, times = gatherer()
    gather.wait(False)
    gather.wait(False)
    assert times == []
    clock.advance(0)
    assert times == [0]


def test_it_waits_for_those_who_are_coming():
    """While others arrive it waits a moment after the last, and leaves as soon as nobody is coming any more."""
    clock, gather, times = gatherer()
    gather.wait(True)
    clock.advance(0.0006)
    gather.wait(True)
    clock.advance(0.0006)
    assert times == []
    gather.wait(False)
    clock.advance(0)
    assert times == [0.0012]


def test_it_never_waits_long():
    """A stream of arrivals does not hold the first one for ever."""
    clock, gather, times = gatherer()
    for _ in range(4):
        gather.wait(True)
        clock.advance(0.0009)
    clock.advance(0.0002)
    assert len(times) == 1


def test_enough_leave_at_once():
    """A full group does not wait for the end of the turn."""
    clock, gather, times = gatherer()
    for _ in range(2 * ENOUGH):
        gather.wait(True)
    assert times == [0, 0]
    clock.advance(1)
    assert times == [0, 0]


def test_nobody_waits_for_a_slow_disk():
    """Where a commit takes long, requests gather at the owner."""
    clock, gather, times = gatherer()
    gather.commit_seconds = 0.006
    gather.wait(True)
    clock.advance(0)
    assert times == [0]


def test_cancelled():
    """After the end nothing is sent."""
    clock, gather, times = gatherer()
    gather.wait(False)
    gather.cancel()
    gather.cancel()
    clock.advance(1)
    assert times == []
