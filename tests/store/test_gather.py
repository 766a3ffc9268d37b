"""How long the owner waits for more requests."""

from mailsvc.store.gather import FAST, SLOW, Gather


def after(*commits, seconds=0.001):
    """A gather that has seen these commits: how many requests each had, and whether others came meanwhile."""
    gather = Gather()
    for group, behind in commits:
        gather.committed(group, behind, seconds)
    return gather


def test_alone_nobody_waits():
    """One session after the other is committed at once, from the first on."""
    assert after().patience(1, 0) == 0
    assert after(*[(1, False)] * 20).patience(1, 0) == 0


def test_company_is_worth_a_moment():
    """When others are about it waits for them, but not for more than enough, nor for long."""
    for gather in (after(*[(3, False)] * 5), after(*[(1, True)] * 5)):
        assert gather.patience(1, 0) == FAST.quiet
        assert gather.patience(FAST.enough - 1, 0.002) > 0
        assert gather.patience(FAST.enough, 0) == 0
        assert gather.patience(1, FAST.longest) == 0


def test_slow_disk_is_worth_a_larger_group():
    """Where a commit takes 7 ms, it waits for more of them and longer; on a disk that has become fast, no more."""
    gather = after(*[(5, True)] * 20, seconds=0.007)
    assert gather.patience(FAST.enough, FAST.longest) == SLOW.quiet
    assert gather.patience(SLOW.enough, 0) == 0
    assert gather.patience(1, SLOW.longest) == 0
    for _ in range(20):
        gather.committed(5, True, 0.001)
    assert gather.patience(FAST.enough, 0) == 0


def test_company_that_has_left_is_forgotten():
    """After a burst a single session waits a few times only."""
    gather = after(*[(5, True)] * 100)
    waits = 0
    while gather.patience(1, 0):
        gather.committed(1, False, 0.001)
        waits += 1
    assert 0 < waits <= 12
