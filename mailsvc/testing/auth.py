"""Doubles of the auth room: work that is done at once."""

from collections.abc import Callable
from typing import TypeVar

__all__ = ["InlineWorker"]

T = TypeVar("T")


class InlineWorker:
    """A :class:`~mailsvc.auth.pool.Worker` without threads."""

    async def run(self, function: Callable[..., T], *args: object) -> T:
        """Run it now."""
        return function(*args)
