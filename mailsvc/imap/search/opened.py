"""A message opened so far as a search has come: nothing but its row, its ENVELOPE, its header, or all of it.

Texts that cannot be told yet are None; the search then opens the message further. All of this is pure and may run in a thread.
"""

import enum
import re
from datetime import date
from functools import cached_property
from typing import NamedTuple

from mailsvc.formats.mime.parts import Part, scan
from mailsvc.formats.mime.sentdate import sent_day
from mailsvc.formats.mime.text import field_text, fold, text_of
from mailsvc.formats.mime.words import decode_words

__all__ = ["Depth", "Opened", "Row"]

_STRING = re.compile(rb'NIL|"([^"\\]*(?:\\.[^"\\]*)*)"|\{([0-9]+)\}\r\n')
_ESCAPE = re.compile(rb"\\(.)")


class Depth(enum.IntEnum):
    """How far a message has been opened."""

    ROW = 0
    ENVELOPE = 1
    HEADER = 2
    BODY = 3


class Row(NamedTuple):
    """What the view's arrays say of a message."""

    number: int
    uid: int
    modseq: int
    flags: int
    size: int
    date: int
    content: int


class Opened:
    """A message opened to some depth; ``data`` is its envelope, header, or all of it."""

    def __init__(self, depth: Depth, data: bytes) -> None:
        self.depth = depth
        self._data = data

    @cached_property
    def _part(self) -> Part:
        return scan(self._data)

    @cached_property
    def _envelope(self) -> tuple[bytes | None, bytes | None]:
        """Date and Subject (RFC 3501 7.4.2)."""
        sent, after = _nstring(self._data, 1)
        subject, _ = _nstring(self._data, after + 1)
        return sent, subject

    def day(self) -> tuple[date | None] | None:
        """The day of the Date field, if there is a readable one; None: not known yet."""
        value = self._envelope[0] if self.depth is Depth.ENVELOPE else self._part.fields.first(b"date")
        return (sent_day(value) if value else None,)

    def contains(self, name: str, text: str) -> bool | None:
        """Whether a field called ``name`` (lower case) holds ``text`` (folded); None: not known yet."""
        texts = (
            self._envelope_texts(name) if self.depth is Depth.ENVELOPE else self._field_texts(name.encode("latin-1"))
        )
        return None if texts is None else any(text in fold(each) for each in texts)

    def _envelope_texts(self, name: str) -> list[str] | None:
        if name != "subject":
            return None
        subject = self._envelope[1]
        if subject is None or not subject.isascii():
            return None  # several fields, or raw octets, whose charset the parts may tell
        return [decode_words(subject)]

    def _field_texts(self, name: bytes) -> list[str] | None:
        values = self._part.fields.all(name)
        if all(map(bytes.isascii, values)):
            return [decode_words(value) for value in values]
        return field_text(self._part, name) if self.depth is Depth.BODY else None

    def has_text(self, text: str, header: bool) -> bool | None:
        """Whether the body, or with ``header`` also the header, holds ``text`` (folded); None: not known yet."""
        if self.depth is not Depth.BODY:
            return None
        pieces = text_of(self._data, self._part)
        return any(text in fold(piece.text) for piece in pieces if header or not piece.header)


def _nstring(data: bytes, at: int) -> tuple[bytes | None, int]:
    """An nstring of our own making at an offset, and where it ends."""
    found = _STRING.match(data, at)
    assert found is not None
    if found[1] is not None:
        return (_ESCAPE.sub(rb"\1", found[1]) if b"\\" in found[1] else found[1]), found.end()
    if found[2] is not None:
        end = found.end() + int(found[2])
        return data[found.end() : end], end
    return None, found.end()
