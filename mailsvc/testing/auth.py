"""Doubles of the auth room: work that is done at once and counted."""

from collections.abc import Callable
from typing import TypeVar

__all__ = ["InlineWorker"]

T = TypeVar("T")


class InlineWorker:
    """A :class:`~mailsvc.auth.pool.Worker` without threads.

    :ivar calls: names of the functions that were run, in order.
    """

    def __init__(self) -> None:
        self.calls: list[str] = []

    async def run(self, function: Callable[..., T], *args: object) -> T:
        """Run it now."""
        self.calls.append(getattr(function, "__name__", repr(function)))
        return function(*args)
