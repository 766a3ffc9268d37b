"""The store for commands: blocking, and safe beside a running server.

If an owner listens it is asked, else this process takes the lease and commits by itself. Reads are direct in both cases.
"""

import os
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

import apsw

from mailsvc.bus import Bus
from mailsvc.core.errors import temporary
from mailsvc.core.interfaces.queue import IQueue
from mailsvc.core.interfaces.store import IBodies
from mailsvc.core.operations import Operation
from mailsvc.db.connection import DatabaseRefused
from mailsvc.store import codec
from mailsvc.store.bodies import Bodies
from mailsvc.store.committer import LeaseTaken
from mailsvc.store.descriptions import Descriptions
from mailsvc.store.direct import DirectStore, here
from mailsvc.store.layout import Layout
from mailsvc.store.options import StoreOptions
from mailsvc.store.queue import Queue
from mailsvc.store.reading import Reader

__all__ = ["BlockingStore", "OwnerLink", "gather", "open_store", "run"]

T = TypeVar("T")
_TIMEOUT = 30.0


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that never really waits, such as the directory's reads. No reactor needed."""
    try:
        coroutine.send(None)
    except StopIteration as finished:
        return finished.value  # type: ignore[no-any-return]
    coroutine.close()
    raise RuntimeError("this coroutine waits for something")


def gather(slices: AsyncIterator[Iterable[T]]) -> Iterator[T]:
    """One by one what an iterator gives in slices, none of which really waits."""
    while (slice_ := run(_next(slices))) is not None:
        yield from slice_


async def _next(slices: AsyncIterator[T]) -> T | None:
    return await anext(slices, None)


class BlockingStore(Protocol):
    """What a command can do with a store."""

    layout: Layout
    queue: IQueue
    bodies: IBodies

    def apply(self, operations: Sequence[Operation]) -> list[Any]:
        """Carry out the operations as one transaction; returns when durable. Raises MailError."""

    def connection(self) -> apsw.Connection:
        """A read-only connection, for the directory. Raises MailError(NOT_NOW)."""

    def close(self) -> None:
        """Give everything back."""


def open_store(path: str | os.PathLike[str], options: StoreOptions | None = None) -> BlockingStore:
    """Reach the store in the directory ``path``, making it if it is missing.

    Raises MailError(NOT_NOW) with a detail for people when neither way works.
    """
    layout = Layout(os.fspath(path))
    for _ in range(2):  # an owner may start between the two ways
        try:
            return _Remote(layout)
        except (FileNotFoundError, ConnectionRefusedError):
            pass  # nobody listens
        except OSError as error:
            raise temporary("store-unreachable", f"{layout.socket}: {error}") from error
        try:
            return _Local(layout, options)
        except LeaseTaken as error:
            taken = error
        except (DatabaseRefused, OSError, apsw.Error) as error:
            raise temporary("store-unusable", str(error)) from error
    raise temporary("store-in-use", f"{taken}, and it does not answer at {layout.socket}")


class OwnerLink:
    """A blocking connection to the owner. Context manager."""

    def __init__(self, layout: Layout, timeout: float = _TIMEOUT) -> None:
        """Raises OSError if nobody listens or can, MailError(NOT_NOW) if it does not speak our version."""
        layout.check_socket()
        self._buffer = bytearray()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(timeout)
        self._inbox: list[tuple[Any, ...]] = []
        try:
            self._socket.connect(layout.socket)
            greeting = self._receive()
            if greeting[:3] != (0, "hello", codec.VERSION):
                raise temporary("store-version", f"the running server speaks another version: {greeting!r}")
        except BaseException:
            self._socket.close()
            raise

    def request(self, kind: str, *arguments: Any) -> Any:
        """Ask and wait. Raises MailError."""
        try:
            self._socket.sendall(codec.frame((1, kind, *arguments)))
            while (message := self._receive())[0] != 1:
                pass  # an event for others
        except (OSError, codec.FrameError) as error:
            raise temporary("store-restarting", str(error)) from error
        if message[1] == "ok":
            return message[2]
        raise codec.error_from(message[2:])

    def announce(self, topic: str, payload: Any) -> None:
        """Tell all workers who subscribed to ``topic``. Raises OSError."""
        self._socket.sendall(codec.frame((0, "announce", topic, payload)))

    def announced(self, topic: str, wanted: Callable[[Any], bool]) -> Any:
        """Wait for an announcement of a topic whose payload is wanted; returns the payload. Raises OSError, also after the time-out."""
        while True:
            _, kind, *rest = self._receive()
            if kind == "announce" and rest[0] == topic and wanted(rest[1]):
                return rest[1]

    def close(self) -> None:
        """End the connection; locks and holds end with it."""
        self._socket.close()

    def __enter__(self) -> "OwnerLink":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _receive(self) -> tuple[Any, ...]:
        while not self._inbox:
            data = self._socket.recv(65536)
            if not data:
                raise ConnectionResetError("the store's owner closed the connection")
            self._buffer += data
            self._inbox.extend(codec.frames(self._buffer))
        return self._inbox.pop(0)


class _Remote:
    """Through the owner of a running server."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self._link = OwnerLink(layout)
        self._reader = Reader(layout.database)
        self.queue: IQueue = Queue(self._reader)
        descriptions = Descriptions(layout, self._reader, here, self._apply)
        self.bodies: IBodies = Bodies(layout, StoreOptions().inline_limit, self._reader, here, descriptions)

    async def _apply(self, operations: Sequence[Operation]) -> list[Any]:
        return self.apply(operations)

    def apply(self, operations: Sequence[Operation]) -> list[Any]:
        """Carry out the operations as one transaction."""
        return list(self._link.request("apply", codec.encode_operations(operations)))

    def connection(self) -> apsw.Connection:
        """A read-only connection."""
        return self._reader.connection()

    def close(self) -> None:
        """Give everything back."""
        self._reader.close()
        self._link.close()


class _Local:
    """By ourselves, as the owner."""

    def __init__(self, layout: Layout, options: StoreOptions | None) -> None:
        self.layout = layout
        self._store = DirectStore(layout.root, Bus(), options)
        self.queue: IQueue = self._store.queue
        self.bodies: IBodies = self._store.bodies

    def apply(self, operations: Sequence[Operation]) -> list[Any]:
        """Carry out the operations as one transaction."""
        return self._store.commit(operations)

    def connection(self) -> apsw.Connection:
        """A read-only connection."""
        return self._store.connection()

    def close(self) -> None:
        """Give everything back."""
        self._store.close()
