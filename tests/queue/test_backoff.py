"""When mail is tried again."""

from hypothesis import given
from hypothesis import strategies as st

from mailsvc.queue.backoff import Patience, patience, wait
from mailsvc.queue.options import QueueOptions

OPTIONS = QueueOptions()


def test_each_wait_is_twice_the_one_before():
    """5, 10, 20, 40, 80 minutes, then every two hours."""
    assert [wait(OPTIONS, attempts, lambda: 0.5) // 60 for attempts in range(1, 8)] == [5, 10, 20, 40, 80, 120, 120]


@given(st.integers(0, 10_000), st.floats(0, 1))
def test_waits_vary_by_a_fifth(attempts, chance):
    """No wait is below four minutes or above two hours and a fifth, however often it failed."""
    assert 240 <= wait(OPTIONS, attempts, lambda: chance) <= 7200 * 1.2


def test_two_tries_within_the_first_hour():
    """RFC 5321 4.5.4.1: "two attempts during the first hour the message is in the queue"."""
    assert wait(OPTIONS, 1, lambda: 1.0) + wait(OPTIONS, 2, lambda: 1.0) < 3600


def test_last_try_at_the_end():
    """The last try comes when the lifetime ends, not an hour before."""
    patience = Patience(lifetime=1000, warn_after=0)
    assert patience.due(arrived=0, now=900, delay=500) == 1000
    assert not patience.expired(0, 999)
    assert patience.expired(0, 1000)


def test_warning_after_four_hours():
    """The sender hears of a delay after four hours, never of a report's."""
    usual = patience(OPTIONS, report=False)
    assert not usual.warns(0, 4 * 3600 - 1)
    assert usual.warns(0, 4 * 3600)
    assert not patience(OPTIONS, report=True).warns(0, 10**6)


def test_on_demand_waits_to_be_asked():
    """Mail that its server asks for itself is not tried before it expires."""
    assert patience(OPTIONS, False, 86400, on_demand=True).due(0, 10, 300) == 86400
