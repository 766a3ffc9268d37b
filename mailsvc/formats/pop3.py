"""POP3's own grammar: command lines, message numbers, unique ids, and the part of a message that TOP shows.

Standards: RFC 1939 (commands 3, message numbers 5, TOP and UIDL 7), RFC 2449 4 (extended syntax).
"""

import re

__all__ = ["Top", "apop_name", "number", "split_command", "unique_id"]

_DIGEST = re.compile(rb"[0-9a-f]{32}")


def split_command(line: bytes) -> tuple[bytes, bytes]:
    """The keyword in capitals, and the rest of the line after one space as it stands: a password may hold spaces (RFC 1939 7, PASS)."""
    keyword, _, rest = line.partition(b" ")
    return keyword.upper(), rest


def number(text: bytes) -> int | None:
    """The value of ASCII digits; None for anything else. As many digits as a line has are a number, only no message has it."""
    return int(text) if text.isdigit() else None


def apop_name(user: bytes, digest: bytes) -> str | None:
    """The name in ``APOP user digest``; None if it is no text, or the digest not 32 hexadecimal digits in lower case (RFC 1939 7)."""
    if not _DIGEST.fullmatch(digest):
        return None
    try:
        return user.decode("utf-8")
    except UnicodeDecodeError:
        return None


def unique_id(uidvalidity: int, uid: int) -> str:
    """The unique id of a message: never used again in the maildrop, 3 to 21 characters of the 70 allowed (RFC 1939 7, UIDL)."""
    return f"{uidvalidity}.{uid}"


class Top:
    """The header, the blank line and the first ``lines`` lines of the body, of a message that comes in pieces (RFC 1939 7, TOP)."""

    def __init__(self, lines: int) -> None:
        self.done = False
        self._left = lines
        self._in_body = False
        self._tail = b"\r\n"  # as if a line had just ended: a message without header fields begins with the blank line

    def feed(self, piece: bytes) -> bytes:
        """What of the next piece is to be shown; once ``done``, no more pieces are needed."""
        if self._in_body:
            return self._body(piece)
        joined = self._tail + piece
        end = joined.find(b"\r\n\r\n")
        if end < 0:
            self._tail = joined[-3:]
            return piece
        self._in_body = True
        cut = end + 4 - len(self._tail)
        return piece[:cut] + self._body(piece[cut:])

    def _body(self, piece: bytes) -> bytes:
        lines = piece.count(b"\n")
        if lines < self._left:
            self._left -= lines
            return piece
        position = 0
        for _ in range(self._left):
            position = piece.index(b"\n", position) + 1
        self.done = True
        return piece[:position]
