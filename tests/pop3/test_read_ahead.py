"""Downloads in order are read several messages at a time."""

from collections.abc import Sequence

import pytest

from mailsvc.core.errors import Kind, MailError
from mailsvc.pop3.read_ahead import AHEAD, ReadAhead
from mailsvc.store.connect import run


class Bodies:
    """Bodies in memory that remember what they were asked for."""

    def __init__(self, sizes: Sequence[int]) -> None:
        self.kept: dict[int, bytes] = {100 + n: bytes([65 + n % 26]) * size for n, size in enumerate(sizes)}
        self.asked: list[list[int]] = []

    async def get(self, content: int, offset: int = 0, length: int = -1) -> bytes:
        self.asked.append([content])
        if content not in self.kept:
            raise MailError(Kind.EXPUNGED, "gone")
        return self.kept[content]

    async def get_many(self, contents: Sequence[int], offset: int = 0, length: int = -1) -> list[bytes | None]:
        self.asked.append(list(contents))
        return [self.kept.get(content) for content in contents]


def reader(*sizes: int) -> tuple[ReadAhead, Bodies]:
    """A maildrop of messages of these sizes."""
    bodies = Bodies(sizes)
    return ReadAhead(bodies, [100 + n for n in range(len(sizes))], sizes), bodies  # type: ignore[arg-type]


def test_in_order_is_few_reads() -> None:
    """A hundred small messages one after the other are read in groups, and each is the right one."""
    ahead, bodies = reader(*[5000] * 100)
    for n in range(100):
        assert run(ahead.message(n)) == bodies.kept[100 + n]
    assert len(bodies.asked) == 8
    assert max(map(len, bodies.asked)) * 5000 <= AHEAD


def test_out_of_order_is_one_each() -> None:
    """A client that picks messages costs no more than those."""
    ahead, bodies = reader(*[5000] * 20)
    for n in (7, 3, 12, 3):
        assert run(ahead.message(n)) == bodies.kept[100 + n]
    assert bodies.asked == [[107], [103], [112], [103]]


def test_large_ones_come_alone() -> None:
    """What is larger than the amount held is read alone, and so is the last one."""
    ahead, bodies = reader(AHEAD, 10, 20, AHEAD * 2)
    for n in range(4):
        assert len(run(ahead.message(n))) == (AHEAD, 10, 20, AHEAD * 2)[n]
    assert bodies.asked == [[100], [101, 102], [103]]


def test_the_same_message_twice() -> None:
    """A message that is asked for again is read again."""
    ahead, bodies = reader(10, 20)
    assert [len(run(ahead.message(n))) for n in (0, 0, 1)] == [10, 10, 20]
    assert bodies.asked == [[100, 101], [100]]


def test_expunged_ones_are_told() -> None:
    """A message that another client removed is refused, those behind it come."""
    ahead, bodies = reader(10, 20, 30)
    del bodies.kept[100]
    with pytest.raises(MailError) as caught:
        run(ahead.message(0))
    assert caught.value.kind is Kind.EXPUNGED
    assert [len(run(ahead.message(n))) for n in (1, 2)] == [20, 30]
