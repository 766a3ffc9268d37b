"""What is kept of each message so that most of FETCH need not open it: rendered at delivery, or when it is first asked for.

A description is made of the body alone: our prefix is a few header lines before it, which neither ENVELOPE nor BODYSTRUCTURE show.
"""

import mmap
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

from twisted.logger import Logger

from mailsvc.core.errors import Kind, MailError, temporary
from mailsvc.core.operations import Describe, Operation
from mailsvc.core.values import Body, Description
from mailsvc.formats.imap.bodystructure import bodystructure
from mailsvc.formats.imap.envelope import envelope
from mailsvc.formats.mime.parts import scan
from mailsvc.store import bodyfile
from mailsvc.store.layout import Layout
from mailsvc.store.reading import Reader

__all__ = ["Descriptions", "describe", "describe_file"]

_log = Logger()

Apply = Callable[[Sequence[Operation]], Awaitable[Any]]


def describe(prefix: int, data: bytes) -> Description:
    """The description of a message. :param prefix: octets of our header lines, which ``data`` is without. Never raises."""
    return _describe(prefix, data, 0, len(data))


def describe_file(prefix: int, path: str, size: int) -> Description:
    """The same for a body in a file, read where it is looked at. Raises OSError."""
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if len(data) < bodyfile.HEADER + size:
            raise OSError(f"{path} is too short")
        return _describe(prefix, data, bodyfile.HEADER, bodyfile.HEADER + size)  # type: ignore[arg-type]


def _describe(prefix: int, data: bytes, start: int, end: int) -> Description:
    message = scan(data, start, end)
    return Description(prefix + message.body - start, envelope(message.fields), bodystructure(message))


_UNREADABLE = describe(0, b"")


class Descriptions:
    """Makes descriptions, and keeps those of messages that had none."""

    def __init__(self, layout: Layout, reader: Reader, in_thread: Callable[..., Awaitable[Any]], apply: Apply) -> None:
        self._layout = layout
        self._reader = reader
        self._in_thread = in_thread
        self._apply = apply

    async def of(self, prefix: int, body: Body) -> Description:
        """The description of a body that is held in memory or durable in a file. Raises NOT_NOW."""
        if body.data is not None:
            return describe(prefix, body.data)
        assert body.location is not None
        try:
            described = await self._in_thread(describe_file, prefix, self._layout.body(body.location), body.size)
        except (OSError, ValueError) as error:
            raise temporary("body-unreadable", str(error)) from error
        return Description(*described)

    async def render(self, contents: Iterable[int]) -> dict[int, Description]:
        """The descriptions of stored messages that have none, kept from now on; messages that are gone are missing. Raises NOT_NOW."""
        found: dict[int, Description] = {}
        for content in contents:
            try:
                found[content] = await self._of_content(content)
            except MailError as error:
                if error.kind is not Kind.EXPUNGED:  # one damaged message shall not hide the others
                    _log.error("content {content}: {error}", content=content, error=error)
                    found[content] = _UNREADABLE
        await self._keep({content: one for content, one in found.items() if one is not _UNREADABLE})
        return found

    async def _of_content(self, content: int) -> Description:
        prefix, size, location = self._reader.content(content)
        data = self._reader.inline(content, 0, size) if location is None else None
        return await self.of(len(prefix), Body(size, data, location))

    async def _keep(self, found: dict[int, Description]) -> None:
        try:
            await self._apply([Describe(content, description) for content, description in found.items()])
        except MailError as error:  # a full disk: it can be made again
            _log.warn("descriptions are not kept: {error}", error=error)
