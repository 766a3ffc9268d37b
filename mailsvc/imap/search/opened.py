"""A message opened so far as a search has come: nothing but its row, its ENVELOPE, its header, or all of it.

Texts that cannot be told yet are None; the search then opens the message further. All of this is pure and may run in a thread.
"""

import enum
import re
from collections.abc import Iterable
from datetime import date
from functools import cached_property, lru_cache

from mailsvc.formats.mime.fields import MAX_HEADER, unfold
from mailsvc.formats.mime.parts import Part, scan
from mailsvc.formats.mime.sentdate import sent_day
from mailsvc.formats.mime.text import field_text, fold, text_of
from mailsvc.formats.mime.words import decode_words

__all__ = ["Depth", "Opened"]

_STRING = re.compile(rb'NIL|"([^"\\]*(?:\\.[^"\\]*)*)"|\{([0-9]+)\}\r\n')
_SUBJECT = re.compile(rb'\((?:NIL|"[^"\\]*") "([^"\\]*)"')
"""Most envelopes begin so: no escapes, no literals."""

_ESCAPE = re.compile(rb"\\(.)")


class Depth(enum.IntEnum):
    """How far a message has been opened."""

    ROW = 0
    ENVELOPE = 1
    HEADER = 2
    BODY = 3


class Opened:
    """A message opened to some depth; ``data`` is its envelope, header, or all of it."""

    def __init__(self, depth: Depth, data: bytes) -> None:
        self.depth = depth
        self._data = data

    @cached_property
    def _part(self) -> Part:
        return scan(self._data)

    def day(self) -> date | None:
        """The day of the Date field, if there is a readable one."""
        if self.depth is Depth.ENVELOPE:
            value, _ = _nstring(self._data, 1)
        else:
            value = self._part.fields.first(b"date")
        return sent_day(value) if value else None

    def contains(self, name: str, text: str) -> bool | None:
        """Whether a field called ``name`` (lower case) holds ``text`` (folded); None: not known yet."""
        if self.depth is Depth.ENVELOPE:
            return self._subject_contains(text) if name == "subject" else None
        octets = name.encode("latin-1")
        if self.depth is Depth.BODY:
            return _any_contains(field_text(self._part, octets), text)
        values = field_values(self._data, octets)
        if not all(map(bytes.isascii, values)):
            return None  # the parts may tell the charset
        return _any_contains(map(decode_words, values), text)

    def _subject_contains(self, text: str) -> bool | None:
        """The envelope has the first Subject; that it has none is known only from the header."""
        found = _SUBJECT.match(self._data)
        subject = found[1] if found is not None else _subject(self._data)
        if subject is None or not subject.isascii():
            return None
        return text in _folded(subject)

    def has_text(self, text: str, header: bool) -> bool | None:
        """Whether the body, or with ``header`` also the header, holds ``text`` (folded); None: not known yet."""
        if self.depth is not Depth.BODY:
            return None
        return any(text in fold(piece.text) for piece in text_of(self._data, self._part, header))


@lru_cache(maxsize=10_000)
def _folded(subject: bytes) -> str:
    """Subjects repeat: from letter to letter of a conversation, and from search to search while somebody types."""
    return fold(decode_words(subject))


def _any_contains(texts: Iterable[str], text: str) -> bool:
    return any(text in fold(each) for each in texts)


@lru_cache(maxsize=100)
def _field(name: bytes) -> re.Pattern[bytes]:
    return re.compile(rb"\n" + re.escape(name) + rb"[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*)", re.I)


def field_values(header: bytes, name: bytes) -> list[bytes]:
    """The unfolded values of all fields of a name in a header; the others are not looked at."""
    return [unfold(value) for value in _field(name).findall(b"\n" + header[:MAX_HEADER])]


def _subject(envelope: bytes) -> bytes | None:
    _, after = _nstring(envelope, 1)
    subject, _ = _nstring(envelope, after + 1)
    return subject


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
