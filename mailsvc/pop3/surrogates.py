"""Messages with UTF-8 in their header fields, shown to a client that has not said UTF8 (RFC 6856 2.1).

The decision. RFC 6856 lets a server refuse such a message with ``-ERR [UTF8]``, which leaves a person with a mail program of 2010
without the mail, or send a surrogate; it wants the size in LIST to be what RETR sends. So the surrogate is sent (RFC 6858, see
:mod:`mailsvc.formats.downgrade`), and its size is stated.

Only messages that *came with SMTPUTF8* are concerned, and the store marks those at delivery: raw 8-bit header fields in other mail (old
Japanese and Latin-1 mail is full of them) go out exactly as they came in. So nothing is opened at log-in but the headers of marked
messages, and mostly there is none. What is kept for each are two lengths; the header is rewritten again when it is read.
"""

from array import array
from collections.abc import Awaitable, Callable, Collection, Sequence

from zope.interface import implementer

from mailsvc.core.errors import Kind, MailError
from mailsvc.core.interfaces.maildrop import IMaildrop
from mailsvc.formats.downgrade import MAX_HEADER, ascii_header, end_of_header

__all__ = ["Surrogates", "as_shown"]

PIECE = 16 * 1024
"""Octets of a header that are read at a time."""

TURN = 64 * 1024
"""Octets of headers that are rewritten before others get their turn; to open one counts as :data:`OPENING` more."""

OPENING = 500


async def as_shown(maildrop: IMaildrop, utf8: bool, pause: Callable[[], Awaitable[object]]) -> IMaildrop:
    """The maildrop as a client sees it that has (``utf8``) or has not asked for UTF-8. Raises NOT_NOW.

    :param pause: awaited now and then, to let others run.
    """
    if utf8 or not maildrop.utf8:
        return maildrop
    lengths: dict[int, tuple[int, int]] = {}
    octets = 0
    for index in maildrop.utf8:
        header = await _header(maildrop, index)
        lengths[index] = len(header), len(ascii_header(header))
        octets += OPENING + len(header)
        if octets >= TURN:
            octets = 0
            await pause()
    return Surrogates(maildrop, lengths)


async def _header(maildrop: IMaildrop, index: int) -> bytes:
    """The header of a message with the blank line after it; ``b""`` if there is nothing to rewrite."""
    header = b""
    while len(header) < MAX_HEADER:
        try:
            piece = await maildrop.read(index, len(header), PIECE)
        except MailError as error:
            if error.kind is Kind.EXPUNGED:
                return b""
            raise
        header += piece
        end = end_of_header(header)
        if end is not None:
            return header[:end]
        if len(piece) < PIECE:
            return header
    return b""


@implementer(IMaildrop)
class Surrogates:
    """A maildrop in which some messages have another header."""

    def __init__(self, maildrop: IMaildrop, lengths: dict[int, tuple[int, int]]) -> None:
        """:param lengths: index -> octets of the header as stored, and as shown."""
        self.account = maildrop.account
        self.uidls: Sequence[str] = maildrop.uidls
        self.utf8: Collection[int] = ()
        sizes = array("Q", maildrop.sizes)
        for index, (stored, shown) in lengths.items():
            sizes[index] += shown - stored
        self.sizes: Sequence[int] = sizes
        self.update = maildrop.update
        self.close = maildrop.close
        self._maildrop = maildrop
        self._lengths = lengths

    async def read(self, index: int, offset: int = 0, length: int = -1) -> bytes:
        """Bytes of a message as it is shown."""
        if index not in self._lengths:
            return await self._maildrop.read(index, offset, length)
        stored, shown = self._lengths[index]
        piece = b""
        if offset < shown:
            piece = ascii_header(await self._maildrop.read(index, 0, stored))[offset:]
            piece = piece if length < 0 else piece[:length]
        if length < 0 or len(piece) < length:
            missing = -1 if length < 0 else length - len(piece)
            piece += await self._maildrop.read(index, stored + max(0, offset - shown), missing)
        return piece
