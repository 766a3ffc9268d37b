"""Whole messages, a few at a time: nearly every client downloads one after the other.

A message that follows the one before is read together with those behind it, as far as :data:`AHEAD` octets go; they wait here for their
turn. So a download costs one look into the database for a dozen messages, and a session holds a bounded amount.
"""

from collections.abc import Iterator, Sequence
from itertools import accumulate, takewhile

from mailsvc.core.interfaces.store import IBodies

__all__ = ["AHEAD", "ReadAhead"]

AHEAD = 64 * 1024
"""Octets that are read together."""


class ReadAhead:
    """Reads the messages of one maildrop."""

    def __init__(self, bodies: IBodies, contents: Sequence[int], sizes: Sequence[int]) -> None:
        """:param contents: of the messages, in order. :param sizes: theirs, in octets."""
        self._bodies = bodies
        self._contents = contents
        self._sizes = sizes
        self._last = -1
        self._waiting: dict[int, bytes] = {}

    async def message(self, index: int) -> bytes:
        """The whole message ``index`` (from 0). Raises EXPUNGED if it went before it was read, and NOT_NOW."""
        in_order, self._last = index == self._last + 1, index
        message = self._waiting.pop(index, None)
        if message is None and in_order:
            message = await self._read(index)
        return message if message is not None else await self._bodies.get(self._contents[index])

    async def _read(self, index: int) -> bytes | None:
        indexes = [index, *self._behind(index)]
        if len(indexes) == 1:
            return None
        messages = await self._bodies.get_many([self._contents[i] for i in indexes])
        self._waiting = {i: message for i, message in zip(indexes, messages, strict=True) if message is not None}
        return self._waiting.pop(index, None)

    def _behind(self, index: int) -> Iterator[int]:
        totals = accumulate(self._sizes[i] for i in range(index, len(self._sizes)))
        next(totals)
        return (index + n for n, _ in enumerate(takewhile(lambda total: total <= AHEAD, totals), 1))
