"""How long the owner waits for more requests."""

from mailsvc.store.gather import ENOUGH, Gather


def after(*commits):
    """A gather that has seen these commits: how many requests each had, and whether others came meanwhile."""
    gather = Gather()
    for group, behind in commits:
        gather.committed(group, behind)
    return gather


def test_alone_nobody_waits():
    """One session after the other is committed at once, from the first on."""
    assert after().patience(1, 0) == 0
    assert after(*[(1, False)] * 20).patience(1, 0) == 0


def test_company_is_worth_a_moment():
    """When others are about it waits for them, but not for more than enough, nor for long."""
    for gather in (after(*[(3, False)] * 5), after(*[(1, True)] * 5)):
        assert 0 < gather.patience(1, 0) <= 0.001
        assert gather.patience(ENOUGH - 1, 0.002) > 0
        assert gather.patience(ENOUGH, 0) == 0
        assert gather.patience(1, 0.003) == 0


def test_company_that_has_left_is_forgotten():
    """After a burst a single session waits a few times only."""
    gather = after(*[(5, True)] * 100)
    waits = 0
    while gather.patience(1, 0):
        gather.committed(1, False)
        waits += 1
    assert 0 < waits <= 12
