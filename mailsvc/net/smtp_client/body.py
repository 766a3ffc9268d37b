"""A message as it may leave: strict line ends, no NUL, an end of line at its end (RFC 5321 2.3.8); seven-bit where the other side wants it.

The first block is read before anything is said to the host: most messages are smaller than one, and then everything is known of them.
Larger ones are read block by block while they are sent.
"""

from collections.abc import AsyncIterator, Awaitable, Callable

import attrs

from mailsvc.core.errors import temporary
from mailsvc.core.outbound import Mail
from mailsvc.formats.newlines import NewlineRepair
from mailsvc.formats.sevenbit import CannotConvert, seven_bit
from mailsvc.net.smtp_client.words import Unsendable

__all__ = ["BLOCK", "CONVERT_LIMIT", "Body", "seven_bit_mail"]

BLOCK = 65_536
"""Octets read at a time."""

CONVERT_LIMIT = 33_554_432
"""Octets of the largest message that is rewritten for a host without 8BITMIME: that happens in memory."""


class Body:
    """The octets of one message. ``first``: its first block, clean; ``whole``: there is no other."""

    def __init__(self, mail: Mail, first: bytes) -> None:
        self._mail = mail
        self._read = len(first)
        self._held = b""
        self._ended = True  # whether what was given out ends with CRLF; nothing needs no end
        self.whole = len(first) == mail.size
        self.first = self._clean(first)
        if self.whole:
            self.first += self._end()

    @classmethod
    async def open(cls, mail: Mail) -> "Body":
        """Read the first block. Raises Unsendable, and what ``mail.read`` raises."""
        first = await mail.read(0, BLOCK)
        while len(first) < min(mail.size, BLOCK):
            first += await _some(mail, len(first))
        return cls(mail, first)

    @property
    def header(self) -> bytes:
        """The header, as far as it is in the first block."""
        end = self.first.find(b"\r\n\r\n")
        return self.first if end < 0 else self.first[:end]

    async def blocks(self) -> AsyncIterator[bytes]:
        """All of it, in clean pieces, none of them empty. Raises Unsendable, and what ``mail.read`` raises."""
        if self.first:
            yield self.first
        while self._read < self._mail.size:
            block = await _some(self._mail, self._read)
            self._read += len(block)
            if cleaned := self._clean(block):
                yield cleaned
        if not self.whole and (end := self._end()):
            yield end

    def _clean(self, block: bytes) -> bytes:
        if b"\0" in block:
            raise Unsendable("5.6.0", "The message contains NUL characters, which no mail may have")
        block, self._held = self._held + block, b""
        if block.endswith(b"\r"):  # what it belongs to comes with the next block
            block, self._held = block[:-1], b"\r"
        if block and not _strict(block):
            repair = NewlineRepair()
            block = repair.feed(block) + repair.finish()
        self._ended = block.endswith(b"\r\n") if block else self._ended
        return block

    def _end(self) -> bytes:
        return b"" if self._ended and not self._held else b"\r\n"


def _strict(block: bytes) -> bool:
    """Whether every CR and LF belongs to a CRLF."""
    pairs = block.count(b"\r\n")
    return block.count(b"\n") == pairs == block.count(b"\r")


async def _some(mail: Mail, offset: int) -> bytes:
    block = await mail.read(offset, BLOCK)
    if not block:
        raise temporary("message-cut-short", f"{offset} of {mail.size} octets could be read")
    return block


async def seven_bit_mail(mail: Mail) -> Mail:
    """The message for a host without 8BITMIME (RFC 6152 3). Raises Unsendable, and what ``mail.read`` raises."""
    if mail.size > CONVERT_LIMIT:
        raise Unsendable("5.6.3", "The host takes no 8-bit text, and the message is too large to be converted")
    body = await Body.open(mail)
    try:
        content = seven_bit(b"".join([piece async for piece in body.blocks()]))
    except CannotConvert as reason:
        text = f"The host takes no 8-bit text, and the message cannot be converted: {reason}"
        raise Unsendable("5.6.3", text) from None
    return attrs.evolve(mail, size=len(content), read=_reader(content), body="7BIT")


def _reader(content: bytes) -> Callable[[int, int], Awaitable[bytes]]:
    async def read(offset: int, length: int) -> bytes:
        return content[offset : offset + length]

    return read
