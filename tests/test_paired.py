"""What benchmarks say of two servers that took turns."""

import os
import random
import threading
import time

import pytest

from benchmarks.paired import processor_seconds, ratio


@pytest.mark.parametrize(("count", "place"), [(1, 0), (5, 0), (6, 0), (8, 0), (9, 1), (20, 5), (30, 9), (100, 39)])
def test_interval(count: int, place: int) -> None:
    """The interval leaves out as many of the pairs at each end as the tables of the sign test say."""
    found = ratio([1.0] * count, [float(number) for number in range(count)])
    assert (found.least, found.most, found.pairs) == (place, count - 1 - place, count)


def test_what_disturbs_both_is_not_seen() -> None:
    """A machine that is three times as slow for a while changes nothing: neighbours are compared."""
    choice = random.Random(1)
    slow = [choice.choice([1.0, 3.0]) for _ in range(40)]
    found = ratio([100 * one for one in slow], [104 * one for one in slow])
    assert found.median == found.least == found.most == pytest.approx(1.04)
    assert str(found) == "1.040 (1.040 - 1.040)"


def test_pairs_only() -> None:
    """Values without a partner are a mistake of the program."""
    with pytest.raises(ValueError, match="no pairs"):
        ratio([], [])
    with pytest.raises(ValueError, match="zip"):
        ratio([1.0], [])


def test_interval_holds() -> None:
    """In at least 95 of 100 experiments the true ratio lies in the interval."""
    choice = random.Random(2)
    held = 0
    for _ in range(400):
        found = ratio([1.0] * 21, [1.05 * choice.lognormvariate(0, 0.2) for _ in range(21)])
        held += found.least <= 1.05 <= found.most
    assert held >= 380


def test_processor_time() -> None:
    """It counts what all threads of a process have worked."""
    worked, end = threading.Event(), threading.Event()

    def work() -> None:
        while time.thread_time() < 0.05:
            pass
        worked.set()
        end.wait(30)

    before, mine = processor_seconds([os.getpid()]), time.process_time()
    thread = threading.Thread(target=work)
    thread.start()
    worked.wait(30)
    spent, known = processor_seconds([os.getpid()]) - before, time.process_time() - mine
    end.set()
    thread.join()
    assert spent >= 0.04
    assert spent == pytest.approx(known, abs=0.02)
