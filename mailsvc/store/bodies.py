"""Message bodies on their way in and out.

In: up to ``inline_limit`` octets are held in memory and travel inside the ``Deliver`` operation. What is larger goes to a file, and the
order of the steps is the promise:

1. write ``bodies/tmp/<id>`` as the octets arrive (page cache only; memory stays bounded)
2. write the header with the size, **fdatasync** the file
3. rename it to ``bodies/xx/<id>`` (ids are random and never used twice)
4. **fsync** the directory ``bodies/xx``
5. only now does :meth:`IBodyWriter.close` return, so ``Deliver`` is sent after it, and its commit (**fdatasync** of the log, see
   :mod:`mailsvc.store.owner`) comes last, before the ``250``

A crash between 3 and 5 leaves a file without a row: an orphan, removed when it is an hour old. A row without its file cannot be.

Steps 2 to 4 run in a thread: the reactor goes on. Out: prefix and bytes are read as one, from the database or as a range of the file.
"""

import errno
import os
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, Protocol

from zope.interface import implementer

from mailsvc.core.errors import Kind, MailError, temporary
from mailsvc.core.interfaces.store import IBodies, IBodyWriter
from mailsvc.core.values import Body, Description
from mailsvc.store import bodyfile
from mailsvc.store.descriptions import Descriptions
from mailsvc.store.layout import Layout, sync_directory
from mailsvc.store.reading import Reader
from mailsvc.store.reserve import is_short

__all__ = ["Bodies", "BodyWriter", "InThread"]

_BUFFER = 256 * 1024
_EVERYTHING = 1 << 40
_PIECES = 100  # a message that comes in pieces of two octets must not take 30 times its size


class InThread(Protocol):
    """Runs a blocking function elsewhere."""

    def __call__(self, function: Callable[..., Any], *args: Any) -> Awaitable[Any]:
        """The result of ``function(*args)``, later."""


@implementer(IBodies)
class Bodies:
    """The bodies of a store."""

    def __init__(
        self,
        layout: Layout,
        inline_limit: int,
        reader: Reader,
        in_thread: InThread,
        descriptions: Descriptions,
    ) -> None:
        self._descriptions = descriptions
        self._layout = layout
        self._inline_limit = inline_limit
        self._reader = reader
        self._in_thread = in_thread

    def create(self) -> "BodyWriter":
        """A writer for one new body."""
        return BodyWriter(self._layout, self._inline_limit, self._in_thread)

    async def get(self, content: int, offset: int = 0, length: int = -1) -> bytes:
        """Bytes of the message (prefix and body as one). Raises EXPUNGED, NOT_NOW."""
        if offset == 0 and length < 0:
            prefix, size, location, data = self._reader.message(content)
            return prefix + (data if data is not None else self._part(content, location, 0, size))
        prefix, size, location = self._reader.content(content)
        end = len(prefix) + size if length < 0 else min(offset + length, len(prefix) + size)
        if offset >= end:
            return b""
        head = prefix[offset:end]
        start, stop = max(offset - len(prefix), 0), end - len(prefix)
        if stop <= start:
            return head
        return head + self._part(content, location, start, stop - start)

    async def get_many(self, contents: Sequence[int], offset: int = 0, length: int = -1) -> list[bytes | None]:
        """The same part of many messages, in this order; None for those that are gone. Raises NOT_NOW."""
        whole = length if length >= 0 else _EVERYTHING
        return await self._gather(contents, dict.fromkeys(contents, (offset, whole)), {})

    async def get_headers(self, contents: Sequence[int]) -> list[bytes | None]:
        """The headers of many messages, prefix and empty line included; None for those that are gone. Raises NOT_NOW."""
        found, elsewhere = self._reader.inline_headers(contents)
        missing = [content for content, size in elsewhere.items() if size is None]
        if missing:
            described = await self._descriptions.render(missing)
            elsewhere.update((content, description.header) for content, description in described.items())
        return await self._gather(contents, {content: (0, size or 0) for content, size in elsewhere.items()}, found)

    async def describe(self, prefix: bytes, body: Body) -> Description:
        """What is kept of a message besides its bytes. Raises NOT_NOW."""
        return await self._descriptions.of(len(prefix), body)

    async def _gather(
        self, contents: Sequence[int], parts: dict[int, tuple[int, int]], found: dict[int, bytes]
    ) -> list[bytes | None]:
        """What is found already, and of others the part ``(offset, length)``: those in the database at once, those in files one by one."""
        if parts:
            found |= self._reader.inline_parts([(content, *part) for content, part in parts.items()])
        if len(found) == len(contents):
            return [found[content] for content in contents]
        return [await self._one(content, parts, found) for content in contents]

    async def _one(self, content: int, parts: dict[int, tuple[int, int]], found: dict[int, bytes]) -> bytes | None:
        if content in found or content not in parts:
            return found.get(content)
        try:
            return await self.get(content, *parts[content])
        except MailError as error:
            if error.kind is Kind.EXPUNGED:
                return None
            raise

    def _part(self, content: int, location: str | None, start: int, length: int) -> bytes:
        if location is None:
            return self._reader.inline(content, start, length)
        try:
            part = _read(self._layout.body(location), bodyfile.HEADER + start, length)
        except OSError as error:
            self._reader.content(content)  # raises EXPUNGED if it went meanwhile
            raise temporary("body-unreadable", str(error)) from error
        if len(part) < length:
            raise temporary("body-cut", location)
        return part


def _read(path: str, offset: int, length: int) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.pread(descriptor, length, offset)
    finally:
        os.close(descriptor)


@implementer(IBodyWriter)
class BodyWriter:
    """Takes one body: in memory while it is small, then into a file."""

    def __init__(self, layout: Layout, inline_limit: int, in_thread: InThread) -> None:
        self.size = 0
        self._layout = layout
        self._limit = inline_limit
        self._in_thread = in_thread
        self._chunks: list[bytes] = []
        self._held = 0
        self._descriptor = -1
        self._id = ""
        self._error: OSError | None = None
        self._aborted = False

    def write(self, data: bytes) -> None:
        """Add bytes; an error of the disk is kept for :meth:`close`."""
        self.size += len(data)
        if self._error or self._aborted:
            return
        self._chunks.append(data)
        if len(self._chunks) > _PIECES:
            self._chunks = [b"".join(self._chunks)]
        self._held += len(data)
        if self._held > (_BUFFER if self._id else self._limit):
            self._try(self._spill)

    async def close(self) -> Body:
        """Make the bytes durable. Raises NOT_NOW if the disk failed, or if the writer was aborted meanwhile; nothing is left then."""
        if not self._id and not self._error and not self._aborted:
            return Body(self.size, data=b"".join(self._chunks))
        self._try(self._spill)
        location = f"{self._id[:2]}/{self._id}"
        if not self._error and not self._aborted:
            descriptor, self._descriptor = self._descriptor, -1  # the thread closes it
            try:
                await self._in_thread(_settle, descriptor, self._tmp, self._layout.body(location), self.size)
            except OSError as error:
                self._error = error
        if self._aborted:
            _remove(self._layout.body(location))
            raise temporary("aborted")
        if self._error:
            raise temporary("disk-failed", str(self._error)) from self._error
        return Body(self.size, location=location)

    def abort(self) -> None:
        """Forget everything written, also while :meth:`close` is under way. After a successful close it does nothing."""
        self._aborted = True
        self._drop()

    @property
    def _tmp(self) -> str:
        return os.path.join(self._layout.tmp, self._id)

    def _try(self, step: Callable[[], None]) -> None:
        if self._error or self._aborted:
            return
        try:
            step()
        except OSError as error:
            self._error = error
            self._drop()

    def _spill(self) -> None:
        if is_short(self._layout.reserve):  # the room that there is now is for those who delete
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if not self._id:
            self._id = os.urandom(16).hex()
            self._descriptor = os.open(self._tmp, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            _write_all(self._descriptor, bodyfile.header(0))
        _write_all(self._descriptor, b"".join(self._chunks))
        self._chunks.clear()
        self._held = 0

    def _drop(self) -> None:
        self._chunks.clear()
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
            _remove(self._tmp)


def _settle(descriptor: int, tmp: str, final: str, size: int) -> None:
    """Steps 2 to 4 of the module's list; on an error nothing is left. Raises OSError."""
    try:
        try:
            os.pwrite(descriptor, bodyfile.header(size), 0)
            os.fdatasync(descriptor)
        finally:
            os.close(descriptor)
        os.rename(tmp, final)
        sync_directory(os.path.dirname(final))
    except OSError:
        _remove(tmp)
        _remove(final)
        raise


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _remove(path: str) -> None:
    with suppress(OSError):  # it is not there, or the sweep will find it
        os.unlink(path)
