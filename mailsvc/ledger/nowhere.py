"""A ledger that keeps nothing: for who has none."""

from collections.abc import Sequence

from zope.interface import implementer

from mailsvc.core.interfaces.ledger import ILedger
from mailsvc.core.ledger import Event, Query
from mailsvc.core.operations import Operation

__all__ = ["Nowhere"]


@implementer(ILedger)
class Nowhere:
    """See :class:`~mailsvc.core.interfaces.ledger.ILedger`."""

    def note(self, event: Event) -> None:
        """Forget it."""

    def within(self, events: Sequence[Event]) -> Sequence[Operation]:
        """Nothing."""
        return ()

    async def find(self, query: Query) -> list[Event]:
        """Nothing."""
        return []
