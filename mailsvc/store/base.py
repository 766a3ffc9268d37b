"""What the two ways to reach the store share: reading, bodies, the space mark, subscriptions. They differ in how they commit."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import apsw

from mailsvc.bus import Bus
from mailsvc.core.interfaces.store import Field
from mailsvc.core.interfaces.view import IMailboxView
from mailsvc.core.values import Intervals, Mailbox, MailboxChanged, Rows
from mailsvc.store.bodies import Bodies, InThread
from mailsvc.store.layout import Layout
from mailsvc.store.options import StoreOptions
from mailsvc.store.reading import LAST_UID, Reader
from mailsvc.store.space import Space

__all__ = ["StoreBase"]


class StoreBase:
    """The half of IStore that needs no owner."""

    def __init__(self, layout: Layout, bus: Bus, options: StoreOptions, reader: Reader, in_thread: InThread) -> None:
        self.layout = layout
        self.bus = bus
        self.options = options
        self.reader = reader
        self.bodies = Bodies(self.layout, options.inline_limit, reader, in_thread)
        self._space = Space(layout.root, options.low_disk)

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

    async def view(self, mailbox: int) -> IMailboxView:
        raise NotImplementedError

    def fetch(self, mailbox: int, uids: Intervals, fields: Sequence[Field]) -> AsyncIterator[list[tuple[Any, ...]]]:
        raise NotImplementedError

    async def rows_in(self, mailbox: int, uids: Intervals) -> Rows:
        raise NotImplementedError

    def subscribe(self, listener: Callable[[MailboxChanged], None]) -> Callable[[], None]:
        """Call ``listener`` after every commit that changed a mailbox."""
        return self.bus.subscribe(MailboxChanged, listener)

    def check_space(self) -> None:
        """Raise NOT_NOW below the low-space mark."""
        self._space.check()
