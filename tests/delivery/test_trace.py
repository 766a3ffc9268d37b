"""Queue ids."""

from mailsvc.delivery.trace import make_queue_ids


def test_queue_ids_are_unique_and_sort_by_time() -> None:
    """Ids of one moment differ, ids of later moments sort later, and two processes do not share a count."""
    now = [1_795_000_000.0]
    next_id = make_queue_ids(lambda: now[0])
    first = [next_id() for _ in range(1000)]
    now[0] += 1
    later = next_id()
    assert len(set(first)) == 1000
    assert all(one < later for one in first)
    assert all(len(one) == 16 and one.isalnum() for one in first)
    assert make_queue_ids(lambda: now[0])() != make_queue_ids(lambda: now[0])()
