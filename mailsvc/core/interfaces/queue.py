"""The queue as the store shows it. It is changed by operations (:mod:`mailsvc.core.operations`): ``Deliver`` with ``outgoing``,
``Settle``, ``ChangeQueued``."""

from collections.abc import AsyncIterator, Sequence

from zope.interface import Interface

from mailsvc.core.queued import Attempt, QueuedMessage, QueuedRecipient, Ticket

__all__ = ["QUEUE_LOCK", "IQueue"]

QUEUE_LOCK = 0
"""For ``IStore.lock``: whoever holds it sends the queue's mail; no mailbox has this id."""


class IQueue(Interface):
    """Reads of the queue; ``IStore.queue``."""

    def waiting(soon: int = 0) -> AsyncIterator[list[Ticket]]:
        """All recipients that wait (those held not), in slices, each as it is when it is given; between slices others get their turn.

        First come those that are due by ``soon``, then the others, by recipient id. Who comes or is changed meanwhile may be missed, or
        come twice: :class:`QueueChanged` tells of it.
        """

    async def tickets(queue_ids: Sequence[str]) -> list[Ticket]:
        """The recipients of these messages that wait."""

    async def message(queue_id: str) -> QueuedMessage | None:
        """The message; None once nothing of it waits any more."""

    async def recipients(queue_id: str) -> list[QueuedRecipient]:
        """All its recipients, finished ones included, in the order in which they were given."""

    async def still_open(recipients: Sequence[int]) -> list[tuple[QueuedMessage, QueuedRecipient]]:
        """Those of these recipients (ids) that wait or are held, with their messages, in any order."""

    async def attempts(queue_id: str) -> list[Attempt]:
        """Every try, oldest first (the last 50 of each recipient)."""

    async def bound_for(destination: str) -> list[int]:
        """The ids of the recipients that wait or are held for this destination."""

    def listing() -> AsyncIterator[list[tuple[QueuedMessage, QueuedRecipient]]]:
        """Every recipient that waits or is held with its message, oldest message first, in slices: for people."""
