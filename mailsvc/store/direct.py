"""The store without an owner process: the same SQL, committed in this process while it holds the lease.

For commands while no server runs, and for tests, which need nothing but a directory. One request is one commit.
"""

import os
from collections.abc import Callable, Sequence
from typing import Any

from twisted.logger import Logger
from zope.interface import implementer

from mailsvc.bus import Announcement, Bus
from mailsvc.core.errors import Kind, MailError
from mailsvc.core.interfaces.store import ILock, IStore
from mailsvc.core.operations import Operation
from mailsvc.store.base import StoreBase
from mailsvc.store.committer import Committer
from mailsvc.store.layout import Layout
from mailsvc.store.options import StoreOptions
from mailsvc.store.reading import Reader
from mailsvc.store.transaction import Touch

__all__ = ["DirectStore", "here"]

_log = Logger()


async def here(function: Callable[..., Any], *args: Any) -> Any:
    """An :class:`~mailsvc.store.bodies.InThread` that works where it is."""
    return function(*args)


@implementer(IStore)
class DirectStore(StoreBase):
    """A store of this process alone."""

    def __init__(
        self, path: str | os.PathLike[str], bus: Bus | None = None, options: StoreOptions | None = None
    ) -> None:
        """Take the lease and open, making the store if it is missing. Raises LeaseTaken, DatabaseRefused, OSError, apsw.Error."""
        options = options or StoreOptions()
        layout = Layout(os.fspath(path))
        self.committer = Committer(layout, lambda text: _log.warn("{text}", text=text))
        self.committer.open()
        super().__init__(layout, bus or Bus(), options, Reader(layout.database, options.rows_cache), here)
        self._locks: dict[int, _Lock] = {}

    def commit(self, operations: Sequence[Operation]) -> list[Any]:
        """:meth:`IStore.apply` for those who cannot await."""
        group = self.committer.commit([operations])
        (answer,) = group.answers
        if isinstance(answer, MailError):
            raise answer
        for event in filter(None, (*group.changed, *group.accounts, group.queue, group.relay)):
            self.bus.publish(event)
        return answer

    async def apply(self, operations: Sequence[Operation]) -> list[Any]:
        """Carry out the operations as one transaction."""
        return self.commit(operations)

    async def lock(self, mailbox: int) -> ILock:
        """Lock a mailbox. Raises IN_USE."""
        if mailbox in self._locks:
            raise MailError(Kind.IN_USE, "mailbox-locked")
        lock = self._locks[mailbox] = _Lock(self._locks, mailbox)
        return lock

    async def ping(self) -> None:
        """Return when a commit is possible. Raises NOT_NOW."""
        self.check_ready()
        self.commit([Touch()])

    def announce(self, topic: str, payload: Any = None) -> None:
        """Tell everybody who subscribed to ``topic``."""
        self.bus.publish(Announcement(topic, payload))

    def close(self) -> None:
        """Give everything back."""
        self.reader.close()
        self.committer.close()


@implementer(ILock)
class _Lock:
    def __init__(self, locks: dict[int, "_Lock"], mailbox: int) -> None:
        self.held = True
        self._locks = locks
        self._mailbox = mailbox

    def release(self) -> None:
        """Give the lock back."""
        if self.held:
            self.held = False
            del self._locks[self._mailbox]
