"""A week of the queue: whatever crashes when, every recipient is delivered, reported once, or still waits.

The long form (``MAILSVC_LONG=1``) has 100,000 messages and 50 crashes.
"""

import os

from mailsvc.testing.queue_week import Week

LONG = os.environ.get("MAILSVC_LONG") == "1"
SEED = 1
MESSAGES, CRASHES = (100_000, 50) if LONG else (600, 10)


def test_a_week(tmp_path):
    """Nobody's mail is lost, nobody is told twice, and each second copy is explained by an answer that was lost on the way."""
    week = Week(tmp_path / "store", MESSAGES, CRASHES, seed=SEED)
    week.live()
    books = week.books
    print(  # shown by pytest -s, and when it fails
        f"\n{len(books.posted)} recipients, {week.crashes} crashes: {sum(map(bool, books.taken.values()))} delivered,"
        f" {sum(books.failed.values())} reported, {len(books.waiting)} waiting; {books.duplicates} second copies,"
        f" {sum(books.doubts.values())} answers lost"
    )
    assert week.crashes == CRASHES
    assert books.unexplained() == []
    assert books.duplicates <= sum(books.doubts.values())
    assert len(books.failed) > len(books.posted) / 50
    assert sum(map(bool, books.taken.values())) > len(books.posted) / 2
