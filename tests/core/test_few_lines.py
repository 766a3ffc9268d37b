"""A stranger writes a bounded number of lines into the log."""

from twisted.internet.task import Clock

from mailsvc.core.few_lines import EACH, PERIOD, TOTAL, FewLines


def budget() -> tuple[Clock, FewLines, list[tuple[int, int]]]:
    """A clock, a budget, and what is told of what was left out."""
    clock, told = Clock(), list[tuple[int, int]]()
    return clock, FewLines(clock, lambda count, subjects: told.append((count, subjects))), told


def test_one_subject() -> None:
    """The first lines are written, the others counted; the next minute begins anew."""
    clock, few, told = budget()
    for _ in range(2):
        assert [few.allow("a") for _ in range(EACH + 3)] == [True] * EACH + [False] * 3
        assert few.allow("b")
        clock.advance(PERIOD)
    assert told == [(3, 1), (3, 1)]


def test_all_together() -> None:
    """Thousands of subjects get no more lines than some, in whatever order they come."""
    clock, few, told = budget()
    assert sum(few.allow(str(number % 1000)) for number in range(5000)) == TOTAL
    clock.advance(PERIOD)
    assert told == [(5000 - TOTAL, 1000)]


def test_nothing_to_tell() -> None:
    """Who writes little hears nothing of it, and no clock runs while nothing happens."""
    clock, few, told = budget()
    assert few.allow("a")
    clock.advance(PERIOD)
    assert (told, clock.getDelayedCalls()) == ([], [])


def test_memory() -> None:
    """Subjects that are left out are counted up to a limit."""
    clock, few, told = budget()
    for number in range(20_000):
        few.allow(str(number))
    clock.advance(PERIOD)
    assert told == [(20_000 - TOTAL, 10_000)]
