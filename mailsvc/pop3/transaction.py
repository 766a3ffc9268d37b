"""The TRANSACTION state: the messages of an open maildrop (RFC 1939 5, 7).

Most messages are one read and one write. Larger ones, the tops of all, and long listings go in pieces, the next when the client has taken
the last (``drain``), so that neither memory nor the other clients suffer. Marks of deletion are made on the
:class:`~mailsvc.pop3.visit.Visit`; nothing is carried out before QUIT.
"""

from collections.abc import Sequence
from itertools import islice

from mailsvc.core.interfaces.maildrop import IMaildrop
from mailsvc.core.values import Doing
from mailsvc.formats.dotdata import DotWriter, stuff
from mailsvc.formats.pop3 import Top, number
from mailsvc.pop3.session import Session
from mailsvc.wire.connection import Gone

__all__ = ["Transaction"]

WHOLE = 256 * 1024
"""Octets up to which a message is read and written in one piece."""

PIECE = 64 * 1024
"""Octets of the pieces of a larger one."""

SLICE = 1000
"""Lines of a listing that are made at a time."""


class Transaction(Session):
    """The commands after the log-in."""

    def do_NOOP(self) -> None:
        """RFC 1939 5."""
        self.factory.note(self, Doing.NOOP)
        self._ok("pop3.ok")

    def do_STAT(self) -> None:
        """RFC 1939 5."""
        self.successResponse(b"%d %d" % (self._visit.count, self._visit.octets))

    async def do_LIST(self, index: int | None = None) -> None:
        """RFC 1939 5."""
        await self._list(index, self._visit.maildrop.sizes, "pop3.listing")

    async def do_UIDL(self, index: int | None = None) -> None:
        """RFC 1939 7."""
        await self._list(index, self._visit.maildrop.uidls, "pop3.ids")

    async def _list(self, index: int | None, values: Sequence[object], heading: str) -> None:
        if index is not None:
            self.successResponse(f"{index + 1} {values[index]}".encode("ascii"))
            return
        self._ok(heading, count=self._visit.count, octets=self._visit.octets)
        remaining = self._visit.remaining()
        while indexes := list(islice(remaining, SLICE)):
            self.send("".join([f"{i + 1} {values[i]}\r\n" for i in indexes]).encode("ascii"))
            await self.drain()
        self.send(b".\r\n")

    async def do_RETR(self, index: int) -> None:
        """RFC 1939 5. The message counts as read once all of it is on its way."""
        visit = self._visit
        self.factory.note(self, Doing.READING)
        size = visit.maildrop.sizes[index]
        heading = self._heading("pop3.octets", octets=size)
        if size <= WHOLE:
            self.send(heading + stuff(await visit.maildrop.read(index)))
        else:
            await self._pieces(index, heading)
        visit.retrieved.add(index)
        await self.drain()
        self.factory.note(self, Doing.READING)  # a large one may have taken long

    async def do_TOP(self, index: int, lines: bytes) -> None:
        """RFC 1939 7."""
        count = number(lines)
        if count is None:
            self._err("pop3.bad-count")
            return
        self.factory.note(self, Doing.READING)
        await self._pieces(index, self._heading("pop3.top"), Top(count))
        await self.drain()

    async def _pieces(self, index: int, heading: bytes, top: Top | None = None) -> None:
        """Send a message, or the top of it, in pieces; a message that cannot be read is refused before its heading is sent."""
        maildrop = self._visit.maildrop
        size, offset, writer = maildrop.sizes[index], 0, DotWriter()
        piece = await maildrop.read(index, 0, PIECE)
        self.send(heading)
        while piece:
            offset += len(piece)
            self.send(writer.feed(top.feed(piece) if top else piece))
            if offset >= size or (top and top.done):
                break
            await self.drain()
            piece = await self._read_on(maildrop, index, offset)
        self.send(writer.finish())

    async def _read_on(self, maildrop: IMaildrop, index: int, offset: int) -> bytes:
        try:
            piece = await maildrop.read(index, offset, PIECE)
        except Exception as error:
            # Within the data there is no way to say so, and an end marker would pass half a message off as a whole one.
            self._log("{client}: {account} cut off within message {number}: {error}", number=index + 1, error=error)
            self.abort()
            raise Gone from error
        return piece

    def do_DELE(self, index: int) -> None:
        """RFC 1939 5."""
        self._visit.delete(index)
        self._ok("pop3.deleted", number=index + 1)

    def do_RSET(self) -> None:
        """RFC 1939 5."""
        self._visit.reset()
        self._ok("pop3.open", count=self._visit.count, octets=self._visit.octets)
