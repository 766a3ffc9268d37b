"""A ledger in memory, by the contract of the real one: for tests of what writes into it, and of what reads it."""

from collections.abc import Sequence

import attrs
from zope.interface import implementer

from mailsvc.core.interfaces.ledger import ILedger
from mailsvc.core.ledger import Event, Query, account_term, address_term, terms, text_term
from mailsvc.core.ledger_rows import pack
from mailsvc.core.operations import Operation
from mailsvc.ledger.finding import in_order
from mailsvc.ledger.privacy import shown

__all__ = ["MemoryLedger", "Remember"]


@attrs.frozen
class Remember(Operation):
    """What :meth:`MemoryLedger.within` gives; ``carry_out`` is for who plays the store."""

    ledger: "MemoryLedger"
    events: tuple[Event, ...]

    def carry_out(self) -> None:
        """The transaction was committed."""
        self.ledger.events.extend(self.events)


@implementer(ILedger)
class MemoryLedger:
    """:ivar events: what was written, the oldest first."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def note(self, event: Event) -> None:
        """Write it down at once."""
        self.events.append(event)

    def within(self, events: Sequence[Event]) -> Sequence[Operation]:
        """One operation."""
        return (Remember(self, tuple(events)),) if events else ()

    async def find(self, query: Query) -> list[Event]:
        """Look at all of them."""
        fit = (event for event in reversed(self.events) if _fits(event, query))
        seen = (shown(event, query) for event in fit)
        return in_order([event for event in seen if event is not None][: query.most])


def _fits(event: Event, query: Query) -> bool:
    wanted = {
        text_term(query.text) if query.text else "",
        address_term(query.address) if query.address else "",
        account_term(query.account_id) if query.account_id else "",
    } - {""}
    return terms(pack(event)) >= wanted and event.at >= query.since and (not query.until or event.at < query.until)
