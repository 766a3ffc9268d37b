"""Reports in memory: what would have been told is kept, and nothing is sent."""

from collections.abc import Sequence

from zope.interface import implementer

from mailsvc.core.interfaces.reports import IReports
from mailsvc.core.operations import Operation
from mailsvc.core.reports import Original, Told

__all__ = ["RememberedReports"]


@implementer(IReports)
class RememberedReports:
    """:ivar told: what was told about each message. :ivar operations: what every report puts on its way."""

    def __init__(self) -> None:
        self.told: list[tuple[Original, list[Told]]] = []
        self.operations: list[Operation] = []

    async def report(self, original: Original, told: Sequence[Told]) -> list[Operation]:
        """Keep it."""
        self.told.append((original, list(told)))
        return list(self.operations)
