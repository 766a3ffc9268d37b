"""The data of SMTP's DATA and of POP3's multi-line replies: transparency undone and done (RFC 5321 4.5.2, RFC 1939 3).

:class:`DotReader` takes bytes in pieces of any size and passes on the message without the stuffed dots; only ``CRLF . CRLF``
ends it. Nothing else is touched: lone CRs and LFs pass as they are and are counted by :class:`NewlineAudit`. :func:`stuff` and
:class:`DotWriter` go the other way.
"""

from collections.abc import Callable

import attrs

__all__ = ["DotReader", "DotWriter", "NewlineAudit", "OctetReader", "stuff"]

_END = b"\r\n.\r\n"
_PARTIAL_ENDS = (b"\r\n.\r", b"\r\n.", b"\r\n", b"\r")


class DotReader:
    """Undo transparency on the way to ``write``; :meth:`feed` says when the end has come."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        """:param write: called with each piece of the message, in order."""
        self._write = write
        # The text behaves as if a line had just ended: a dot in the very first place is stuffed or ends an empty message.
        self._held = b"\r\n"
        self._skip = 2

    def feed(self, data: bytes) -> bytes | None:
        """Take bytes; return what follows the end, or None while it has not come."""
        data = self._held + data
        end = data.find(_END)
        if end >= 0:
            self._emit(data[: end + 2])
            return data[end + len(_END) :]
        # A possible beginning of the end is held back, so "CR LF ." is never split over two pieces.
        keep = next((len(tail) for tail in _PARTIAL_ENDS if data.endswith(tail)), 0)
        self._held = data[len(data) - keep :]
        self._emit(data[: len(data) - keep])
        return None

    def _emit(self, piece: bytes) -> None:
        if b"\r\n." in piece:
            piece = piece.replace(b"\r\n.", b"\r\n")
        if self._skip:
            skipped = min(self._skip, len(piece))
            piece, self._skip = piece[skipped:], self._skip - skipped
        if piece:
            self._write(piece)


class OctetReader:
    """Take exactly ``count`` octets (BDAT, literals) on the way to ``write``."""

    def __init__(self, count: int, write: Callable[[bytes], object]) -> None:
        self._left = count
        self._write = write

    def feed(self, data: bytes) -> bytes | None:
        """Take bytes; return what follows the last octet, or None while some are missing."""
        piece, rest = data[: self._left], data[self._left :]
        self._left -= len(piece)
        if piece:
            self._write(piece)
        return None if self._left else rest


@attrs.define
class NewlineAudit:
    """Find what may not be in a message: lone CR or LF (RFC 5321 2.3.8), NUL, and lines without end.

    Counting is ten times cheaper than a regular expression: as many CRs as LFs as CRLFs means that none stands alone.
    """

    max_line: int
    bare_cr: int = 0
    bare_lf: int = 0
    nul: int = 0
    long_lines: int = 0
    _after_cr: bool = False
    _line: int = 0

    def feed(self, piece: bytes) -> None:
        """Look at the next piece of the message."""
        self.nul += piece.count(b"\0")
        if self._after_cr:
            piece = b"\r" + piece
        self._after_cr = piece.endswith(b"\r")
        whole = piece[:-1] if self._after_cr else piece
        pairs = whole.count(b"\r\n")
        self.bare_cr += whole.count(b"\r") - pairs
        self.bare_lf += whole.count(b"\n") - pairs
        self._measure(whole)

    def _measure(self, piece: bytes) -> None:
        """Count lines over ``max_line`` octets (their CR included) when they end."""
        # Most pieces are too short to hold an over-long line: no split then.
        if self._line + len(piece) <= self.max_line:
            last = piece.rfind(b"\n")
            self._line = self._line + len(piece) if last < 0 else len(piece) - last - 1
            return
        first, *others = piece.split(b"\n")
        lengths = [self._line + len(first), *map(len, others)]
        self._line = lengths.pop()
        self.long_lines += sum(length > self.max_line for length in lengths)

    def finish(self) -> bool:
        """The message is over; return whether it is clean."""
        if self._after_cr:
            self.bare_cr += 1
            self._after_cr = False
        self.long_lines += self._line > self.max_line
        self._line = 0
        return not (self.bare_cr or self.bare_lf or self.nul or self.long_lines)


def stuff(message: bytes) -> bytes:
    """A whole message as a multi-line reply: dots doubled, last line completed, end marker added (RFC 1939 3)."""
    if message.startswith(b"."):
        message = b"." + message
    if b"\n." in message:
        message = message.replace(b"\r\n.", b"\r\n..")
    return message + (b".\r\n" if message.endswith(b"\r\n") or not message else b"\r\n.\r\n")


class DotWriter:
    """:func:`stuff` for a message that comes in pieces: right wherever a piece begins or ends."""

    def __init__(self) -> None:
        self._tail = b"\r\n"  # the last two octets given out: does the next one begin a line?

    def feed(self, piece: bytes) -> bytes:
        """The next piece as it goes over the wire."""
        if not piece:
            return b""
        joined = self._tail + piece
        self._tail = joined[-2:]
        return joined.replace(b"\r\n.", b"\r\n..")[2:]

    def finish(self) -> bytes:
        """What ends the reply."""
        return b".\r\n" if self._tail == b"\r\n" else b"\r\n.\r\n"
