"""The maildrop avatar: the INBOX of an account, frozen at log-in and locked until the session ends (RFC 1939 4, 6).

The lock is the store's, so it binds all worker processes and a dead one does not keep it. What is frozen are the arrays of UIDs, sizes
and flags; the messages themselves are read from the store when they are asked for, piece by piece.
"""

from array import array
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any, overload

from twisted.logger import Logger
from zope.interface import implementer

from mailsvc.core.errors import Kind, MailError, temporary
from mailsvc.core.interfaces.maildrop import IMaildrop
from mailsvc.core.interfaces.store import ILock, IStore
from mailsvc.core.operations import Expunge, Operation, StoreFlags
from mailsvc.core.values import INBOX, Account, Mailbox, Rows, SystemFlag
from mailsvc.formats.imap.sets import NumberSet
from mailsvc.formats.pop3 import unique_id
from mailsvc.pop3.read_ahead import ReadAhead

__all__ = ["Factory", "Maildrop", "maildrop_factory"]

_log = Logger(namespace="mailsvc.pop3")

Factory = Callable[[Account, Any], Awaitable[tuple[IMaildrop, Callable[[], None]]]]
"""What the realm calls for a log-in: account and mind -> the avatar and what ends it."""


def maildrop_factory(store: IStore) -> Factory:
    """The realm's factory for IMaildrop. It raises IN_USE while another session holds the maildrop, and NOT_NOW."""

    async def factory(account: Account, mind: Any) -> tuple[IMaildrop, Callable[[], None]]:
        mailbox = await store.mailbox(account.id, INBOX)
        if mailbox is None:
            raise temporary("no-inbox", account.address)
        lock = await store.lock(mailbox.id)
        try:
            maildrop = Maildrop(store, account, mailbox, await store.rows(mailbox.id), lock)
        except BaseException:
            lock.release()
            raise
        return maildrop, maildrop.close

    return factory


class _UniqueIds(Sequence[str]):
    """Unique ids made when they are asked for: a hundred thousand strings would be most of a session's memory."""

    def __init__(self, uidvalidity: int, uids: Sequence[int]) -> None:
        self._uidvalidity = uidvalidity
        self._uids = uids

    def __len__(self) -> int:
        return len(self._uids)

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> list[str]: ...

    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [unique_id(self._uidvalidity, uid) for uid in self._uids[index]]
        return unique_id(self._uidvalidity, self._uids[index])


@implementer(IMaildrop)
class Maildrop:
    """An open maildrop."""

    def __init__(self, store: IStore, account: Account, mailbox: Mailbox, rows: Rows, lock: ILock) -> None:
        self.account = account
        self.sizes: Sequence[int] = array("Q", rows.sizes)
        self.utf8: Collection[int] = [i for i, flags in enumerate(rows.flags) if flags & SystemFlag.UTF8]
        self.uidls: Sequence[str] = _UniqueIds(mailbox.uidvalidity, rows.uids)
        self._store = store
        self._mailbox = mailbox.id
        self._rows = rows
        self._ahead = ReadAhead(store.bodies, rows.contents, self.sizes)
        self._lock = lock

    async def read(self, index: int, offset: int = 0, length: int = -1) -> bytes:
        """Bytes of a message. Raises EXPUNGED if another client removed it meanwhile."""
        if offset == 0 and length < 0:
            return await self._ahead.message(index)
        return await self._store.bodies.get(self._rows.contents[index], offset, length)

    async def update(self, deleted: Collection[int], retrieved: Collection[int]) -> None:
        """Remove and mark as seen in one transaction; return when it is durable. Raises NOT_NOW if there is something to remove,
        IN_USE if the lock was lost (the store restarted, and another session may have the maildrop by now), and nothing was removed."""
        uids, flags = self._rows.uids, self._rows.flags
        seen = NumberSet.of(uids[i] for i in retrieved if i not in deleted and not flags[i] & SystemFlag.SEEN)
        gone = NumberSet.of(uids[i] for i in deleted)
        operations: list[Operation] = []
        if seen:
            operations.append(StoreFlags(self._mailbox, seen.ranges, add=SystemFlag.SEEN))
        if gone:
            operations.append(Expunge(self._mailbox, gone.ranges))
        if operations and not self._lock.held:
            raise MailError(Kind.IN_USE, "lock-lost", detail=self.account.address)
        try:
            if operations:
                await self._store.apply(operations)
        except MailError as error:
            if gone or error.kind is not Kind.NOT_NOW:
                raise
            # A full disk, and the client has only read: nothing that it asked for has failed.
            _log.warn("{account}: messages are not marked as read: {error}", account=self.account.address, error=error)

    def close(self) -> None:
        """Give the lock back."""
        self._lock.release()
