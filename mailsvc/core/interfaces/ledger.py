"""The ledger: everything that was decided, for people to read (DESIGN idea 6)."""

from collections.abc import Sequence

from zope.interface import Interface

from mailsvc.core.ledger import Event, Query
from mailsvc.core.operations import Operation

__all__ = ["ILedger"]


class ILedger(Interface):
    """Where decisions and what happens to messages are written down."""

    def note(event: Event) -> None:
        """Write it down soon, with others, outside of any transaction: refusals, log-ins. Never raises, never waits.

        What a crash within the next second takes with it is no promise to anybody. Nor is all of it kept when somebody makes too much:
        see :mod:`mailsvc.ledger.gather`.
        """

    def within(events: Sequence[Event]) -> Sequence[Operation]:
        """The operations that write these down, for the transaction that makes them true: what accepts a message accepts its rows too."""

    async def find(query: Query) -> list[Event]:
        """The rows that fit, the last that happened first; of those of one time the last that was written. Raises NOT_NOW."""
