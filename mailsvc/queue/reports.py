"""What to tell the sender of a message, if anything (being written: see IReports)."""

from collections.abc import Callable, Sequence

from zope.interface import implementer

from mailsvc.core.interfaces.directory import IDirectory
from mailsvc.core.interfaces.reports import IReports
from mailsvc.core.interfaces.store import IBodies
from mailsvc.core.operations import Operation
from mailsvc.core.queued import QueuedMessage
from mailsvc.core.reports import Original, Told

__all__ = ["Reports", "original_of"]


def original_of(message: QueuedMessage, bodies: IBodies) -> Original:
    """A message in the queue, to report about."""

    async def read(offset: int, length: int) -> bytes:
        return await bodies.get(message.content, message.skip + offset, length)

    return Original(
        queue_id=message.queue_id,
        sender=message.sender,
        arrived=message.arrived,
        size=message.size - message.skip,
        read=read,
        utf8=message.utf8,
        ret=message.ret,
        envid=message.envid,
    )


@implementer(IReports)
class Reports:
    """See :class:`~mailsvc.core.interfaces.reports.IReports`."""

    def __init__(self, bodies: IBodies, directory: IDirectory, hostname: str, next_id: Callable[[], str]) -> None:
        """:param hostname: our name. :param next_id: makes queue ids."""

    async def report(self, original: Original, told: Sequence[Told]) -> list[Operation]:
        """One report at most."""
        return []
