"""What the two ways to reach the store share: reading, bodies, views, the space mark, subscriptions. They differ in how they commit."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import apsw

from mailsvc.bus import Bus
from mailsvc.core.interfaces.store import Field
from mailsvc.core.operations import Operation
from mailsvc.core.values import Intervals, Mailbox, MailboxChanged, Rows
from mailsvc.formats.imap.sets import NumberSet
from mailsvc.store.bodies import Bodies, InThread
from mailsvc.store.descriptions import Descriptions
from mailsvc.store.layout import Layout
from mailsvc.store.options import StoreOptions
from mailsvc.store.queue import Queue
from mailsvc.store.reading import DESCRIBED, LAST_UID, Reader
from mailsvc.store.space import Space
from mailsvc.store.views import View, Views

__all__ = ["StoreBase"]


class StoreBase:
    """The half of IStore that needs no owner."""

    def __init__(self, layout: Layout, bus: Bus, options: StoreOptions, reader: Reader, in_thread: InThread) -> None:
        self.layout = layout
        self.bus = bus
        self.options = options
        self.reader = reader
        self.descriptions = Descriptions(layout, reader, in_thread, lambda operations: self.apply(operations))
        self.bodies = Bodies(layout, options.inline_limit, reader, in_thread, self.descriptions)
        self.queue = Queue(reader)
        self.views = Views(reader, bus)
        self._space = Space(layout.root, options.low_disk)

    async def apply(self, operations: Sequence[Operation]) -> list[Any]:
        """In this the two differ."""
        raise NotImplementedError

    def connection(self) -> apsw.Connection:
        """This process's read-only connection, for the directory. Raises NOT_NOW."""
        return self.reader.connection()

    async def mailbox(self, account: int, name: str) -> Mailbox | None:
        """The mailbox of this name."""
        return self.reader.mailbox(account, name)

    async def mailboxes(self, account: int) -> list[Mailbox]:
        """All mailboxes of an account, by name."""
        return self.reader.mailboxes(account)

    async def rows(self, mailbox: int, first: int = 1, last: int = LAST_UID) -> Rows:
        """The index rows with ``first <= uid <= last``. Raises NOT_FOUND."""
        return await self.reader.rows(mailbox, first, last)

    async def changes(self, mailbox: int, modseq: int) -> tuple[Rows, list[int], bool]:
        """What changed after ``modseq``. Raises NOT_FOUND."""
        return await self.reader.changes(mailbox, modseq)

    async def subscriptions(self, account: int) -> list[str]:
        """The names that the account is subscribed to, sorted."""
        return self.reader.subscriptions(account)

    async def view(self, mailbox: int) -> View:
        """Select a mailbox. Raises NOT_FOUND, NOT_NOW."""
        return await self.views.open(mailbox)

    async def fetch(
        self, mailbox: int, uids: Intervals, fields: Sequence[Field]
    ) -> AsyncIterator[list[tuple[Any, ...]]]:
        """Slices of ``(uid, *values of the fields)``. Raises NOT_NOW."""
        first = next((at for at, field in enumerate(fields, 1) if field in DESCRIBED), 0)
        async for rows in self.reader.fetch(mailbox, uids, fields):
            if first and any(row[first] is None for row in rows):
                yield await self._described(mailbox, rows, fields)
            else:
                yield rows

    async def _described(
        self, mailbox: int, rows: list[tuple[Any, ...]], fields: Sequence[Field]
    ) -> list[tuple[Any, ...]]:
        """The same slice with descriptions that are made now, for messages from before there were any."""
        uids = NumberSet.ascending([row[0] for row in rows]).ranges
        again = [row async for part in self.reader.fetch(mailbox, uids, (Field.CONTENT, *fields)) for row in part]
        made = await self.descriptions.render({row[1] for row in again if None in row})
        return [
            (uid, *(getattr(made[content], field.value) if value is None else value
                    for field, value in zip(fields, values, strict=True)))
            for uid, content, *values in again
            if content in made or None not in values
        ]  # fmt: skip

    async def rows_in(self, mailbox: int, uids: Intervals) -> Rows:
        """The index rows in these intervals. Raises NOT_FOUND, NOT_NOW."""
        return await self.reader.rows_in(mailbox, uids)

    def subscribe(self, listener: Callable[[MailboxChanged], None]) -> Callable[[], None]:
        """Call ``listener`` after every commit that changed a mailbox."""
        return self.bus.subscribe(MailboxChanged, listener)

    def check_ready(self) -> None:
        """Raise NOT_NOW below the low-space mark."""
        self._space.check()
