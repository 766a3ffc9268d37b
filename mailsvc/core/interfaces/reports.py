"""Telling senders what became of their mail, as the rooms that know it need it."""

from collections.abc import Sequence

from zope.interface import Interface

from mailsvc.core.operations import Operation
from mailsvc.core.reports import Original, Told

__all__ = ["IReports"]


class IReports(Interface):
    """Made by ``app`` of :class:`mailsvc.queue.reports.Reports`."""

    async def report(original: Original, told: Sequence[Told]) -> list[Operation]:
        """What tells the sender what he wants to know of all this: one report at most, or nothing.

        Tell everything of one message that happened at one time, in one call; NOTIFY, the null sender and senders that do not exist are
        seen to here. Carry the result out in the transaction that makes it true (with ``Settle``, or with ``Deliver`` of the message).

        Raises NOT_NOW (store or directory do not answer).
        """
