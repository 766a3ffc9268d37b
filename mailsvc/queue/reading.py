"""Messages as they are when they are tried: what the store knows of them at that moment, and their octets.

Batches that begin together are read together. Whoever was held, settled or rerouted by hand since the schedule heard of him is not among
those that are found. Small messages are read with that; of large ones each part is read when it leaves.
"""

from collections.abc import Iterable, Sequence

import attrs

from mailsvc.core.errors import MailError
from mailsvc.core.interfaces.store import IBodies, IStore
from mailsvc.core.outbound import Mail
from mailsvc.core.queued import QueuedMessage, QueuedRecipient, State
from mailsvc.queue.schedule import Batch
from mailsvc.queue.ways import Ways

__all__ = ["OpenMessage", "mail", "read_open"]

_SMALL = 65_536
"""Octets up to which a message is read together with others."""


@attrs.define
class OpenMessage:
    """A message, those of its recipients that wait, and its octets if they were read already."""

    message: QueuedMessage
    recipients: list[QueuedRecipient] = attrs.Factory(list)
    content: bytes | None = None

    def among(self, ids: Iterable[int]) -> list[QueuedRecipient]:
        """Those of its recipients that are among these."""
        wanted = set(ids)
        return [one for one in self.recipients if one.id in wanted]


async def read_open(store: IStore, ways: Ways, batches: Sequence[Batch]) -> dict[str, OpenMessage]:
    """What the store knows now of messages, by queue id. Raises MailError."""
    lanes = {ticket.recipient: batch.lane for batch in batches for ticket in batch.tickets}
    found: dict[str, OpenMessage] = {}
    for message, one in await store.queue.still_open(list(lanes)):
        if one.state is State.WAITING and ways.lane(one.destination) == lanes[one.id]:
            found.setdefault(message.queue_id, OpenMessage(message)).recipients.append(one)
    tried = {batch.queue_id for batch in batches if batch.reason is None}
    await _read_small(store.bodies, [one for queue_id, one in found.items() if queue_id in tried])
    return found


async def _read_small(bodies: IBodies, messages: Sequence[OpenMessage]) -> None:
    """Read the octets of those that are small. If one of them cannot be read, each reads its own, and fails alone."""
    small = [one for one in messages if one.message.size <= _SMALL]
    try:
        contents = await bodies.get_many([one.message.content for one in small])
    except MailError:
        return
    for one, content in zip(small, contents, strict=True):
        one.content = content


def mail(bodies: IBodies, found: OpenMessage) -> Mail:
    """A message as it is sent: without what our prefix has for mailboxes only."""
    message, content = found.message, found.content

    async def read(offset: int, length: int) -> bytes:
        start = message.skip + offset
        if content is not None:
            return content[start : start + length]
        return await bodies.get(message.content, start, length)

    return Mail(
        sender=message.sender,
        size=message.size - message.skip,
        read=read,
        body=message.body,
        utf8=message.utf8,
        ret=message.ret,
        envid=message.envid,
    )
