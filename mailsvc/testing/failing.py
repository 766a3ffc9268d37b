"""A store that always fails, for showing that everybody above answers "later" and loses nothing (Dovecot's fail-mail-storage)."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from zope.interface import implementer

from mailsvc.core.errors import temporary
from mailsvc.core.interfaces.queue import IQueue
from mailsvc.core.interfaces.store import Field, IBodies, IBodyWriter, ILock, IStore
from mailsvc.core.interfaces.view import IMailboxView
from mailsvc.core.operations import Operation
from mailsvc.core.queued import Attempt, QueuedMessage, QueuedRecipient, Ticket
from mailsvc.core.values import Body, Description, Intervals, Mailbox, MailboxChanged, Rows

__all__ = ["FailingBodies", "FailingQueue", "FailingStore", "FailingWriter"]

_FAILURE = temporary("store-fails", "this one always does")


@implementer(IBodyWriter)
class FailingWriter:
    """Takes bytes; the end fails or not.

    :ivar aborted: whether :meth:`abort` was called.
    """

    def __init__(self, error: BaseException | None, on_write: BaseException | None) -> None:
        self.size = 0
        self.aborted = False
        self._error = error
        self._on_write = on_write
        self._data = bytearray()

    def write(self, data: bytes) -> None:
        """Count and keep the bytes; raises if told to, which no real writer does."""
        if self._on_write is not None:
            raise self._on_write
        self.size += len(data)
        self._data += data

    async def close(self) -> Body:
        """Raises the error; without one the body is fine."""
        if self._error is not None:
            raise self._error
        return Body(self.size, data=bytes(self._data))

    def abort(self) -> None:
        """Remember that it was called."""
        self.aborted = True


@implementer(IBodies)
class FailingBodies:
    """Bodies that fail where they are told to.

    :ivar writers: all that were created.
    """

    def __init__(self, error: BaseException, fail: Sequence[str] = ("create", "close", "get")) -> None:
        """:param fail: any of ``"create"``, ``"write"``, ``"close"``, ``"get"``."""
        self.writers: list[FailingWriter] = []
        self._error = error
        self._fail = frozenset(fail)

    def create(self) -> FailingWriter:
        """A writer, or the error."""
        if "create" in self._fail:
            raise self._error
        writer = FailingWriter(*(self._error if step in self._fail else None for step in ("close", "write")))
        self.writers.append(writer)
        return writer

    async def get(self, content: int, offset: int = 0, length: int = -1) -> bytes:
        """Always raises if told to; else there is nothing to read."""
        if "get" in self._fail:
            raise self._error
        return b""

    async def get_many(self, contents: Sequence[int], offset: int = 0, length: int = -1) -> list[bytes | None]:
        """As :meth:`get`."""
        return [await self.get(content, offset, length) for content in contents]

    async def get_headers(self, contents: Sequence[int]) -> list[bytes | None]:
        """As :meth:`get`."""
        return [await self.get(content) for content in contents]

    async def describe(self, prefix: bytes, body: Body) -> Description:
        """This never fails: there is nothing to read."""
        return Description(len(prefix), b"(NIL)", b"(NIL)")


@implementer(IQueue)
class FailingQueue:
    """Every read raises."""

    def __init__(self, fail: Callable[[str], BaseException]) -> None:
        """:param fail: told the name of the method that was called, gives what to raise."""
        self._fail = fail

    async def waiting(self, soon: int = 0) -> AsyncIterator[list[Ticket]]:
        """Fails."""
        if error := self._fail("waiting"):
            raise error
        yield []

    async def tickets(self, queue_ids: Sequence[str]) -> list[Ticket]:
        """Fails."""
        raise self._fail("tickets")

    async def message(self, queue_id: str) -> QueuedMessage | None:
        """Fails."""
        raise self._fail("message")

    async def recipients(self, queue_id: str) -> list[QueuedRecipient]:
        """Fails."""
        raise self._fail("recipients")

    async def still_open(self, recipients: Sequence[int]) -> list[tuple[QueuedMessage, QueuedRecipient]]:
        """Fails."""
        raise self._fail("still_open")

    async def attempts(self, queue_id: str) -> list[Attempt]:
        """Fails."""
        raise self._fail("attempts")

    async def bound_for(self, destination: str) -> list[int]:
        """Fails."""
        raise self._fail("bound_for")

    async def listing(self) -> AsyncIterator[list[tuple[QueuedMessage, QueuedRecipient]]]:
        """Fails."""
        if error := self._fail("listing"):
            raise error
        yield []


@implementer(IStore)
class FailingStore:
    """Every method raises.

    :ivar asked: the names of the methods that were called, in order.
    """

    def __init__(
        self, error: BaseException = _FAILURE, bodies: Sequence[str] = ("create", "close", "get"), space: bool = False
    ) -> None:
        """:param error: what to raise. :param bodies: where bodies fail (:class:`FailingBodies`).

        :param space: whether the disk counts as low as well; by default it has room, so that the failure comes later.
        """
        self.asked: list[str] = []
        self.bodies = FailingBodies(error, bodies)
        self.queue = FailingQueue(self._fail)
        self._error = error
        self._space = space

    def _fail(self, name: str) -> BaseException:
        self.asked.append(name)
        return self._error

    async def apply(self, operations: Sequence[Operation]) -> list[Any]:
        """Fails."""
        raise self._fail("apply")

    async def mailbox(self, account: int, name: str) -> Mailbox | None:
        """Fails."""
        raise self._fail("mailbox")

    async def mailboxes(self, account: int) -> list[Mailbox]:
        """Fails."""
        raise self._fail("mailboxes")

    async def rows(self, mailbox: int, first: int = 1, last: int = 0xFFFFFFFF) -> Rows:
        """Fails."""
        raise self._fail("rows")

    async def subscriptions(self, account: int) -> list[str]:
        """Fails."""
        raise self._fail("subscriptions")

    async def view(self, mailbox: int) -> IMailboxView:
        """Fails."""
        raise self._fail("view")

    async def fetch(
        self, mailbox: int, uids: Intervals, fields: Sequence[Field]
    ) -> AsyncIterator[list[tuple[Any, ...]]]:
        """Fails."""
        if error := self._fail("fetch"):
            raise error
        yield []

    async def rows_in(self, mailbox: int, uids: Intervals) -> Rows:
        """Fails."""
        raise self._fail("rows_in")

    async def changes(self, mailbox: int, modseq: int) -> tuple[Rows, list[int], bool]:
        """Fails."""
        raise self._fail("changes")

    async def lock(self, mailbox: int) -> ILock:
        """Fails."""
        raise self._fail("lock")

    def subscribe(self, listener: Callable[[MailboxChanged], None]) -> Callable[[], None]:
        """Nothing ever happens here."""
        self.asked.append("subscribe")
        return lambda: None

    async def ping(self) -> None:
        """Fails."""
        raise self._fail("ping")

    def check_ready(self) -> None:
        """Fails if told to."""
        if self._space:
            raise self._fail("check_ready")
