"""The text of a message, for SEARCH (RFC 3501 6.4.4: BODY, TEXT and the header keys).

:func:`text_of` gives it in slices, so that a search can pause between them. :func:`fold` brings text and search key to one form:

- compatibility forms are one (NFKC): full- and half-width letters and kana, ㈱ and (株), ① and 1;
- case does not count (``casefold``); the wave dash and its neighbours, which differ only by who converted them, are one;
- white space of any length is one space, and none between Japanese characters, since Japanese text is wrapped within words;
- of hundreds of accents piled upon one letter, the first :data:`MOST_MARKS` count: no language has so many.

Hiragana and katakana stay different: they are different words to whoever typed them.
"""

import html
import re
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from typing import NamedTuple

from mailsvc.formats.mime.charsets import decode
from mailsvc.formats.mime.fields import Fields
from mailsvc.formats.mime.parameters import decoded_parameter, parse_value
from mailsvc.formats.mime.parts import Part
from mailsvc.formats.mime.transfer import UnknownEncoding, decode_transfer
from mailsvc.formats.mime.words import decode_words

__all__ = ["Slice", "declared_charset", "field_text", "filename", "fold", "text_of"]

_TAGS = re.compile(r"<(?:[a-zA-Z/!?][^<>]*)>")
_JAPANESE = "\u3000-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f"
_WRAPPED = re.compile(f"(?<=[{_JAPANESE}]) (?=[{_JAPANESE}])")
# What different converters made of the same JIS character (wave dash, minus, double vertical line, yen, overline).
_TWINS = str.maketrans({"\u301c": "~", "\u2212": "-", "\u2016": "\u2225", "\u00a5": "\\", "\u203e": "~"})

# html.unescape reads any number of digits as one number, and more than some thousands are none to Python. No character needs eight.
_NO_CHARACTER = re.compile(r"&#[0-9]{100,};?")

MOST_MARKS = 30
"""Combining characters in a row (Unicode Standard Annex 15, Stream-Safe Text Format): normalisation sorts them, in quadratic time."""

_PILE = 500
"""Combining characters in a row that are too many to be sorted."""


class Slice(NamedTuple):
    """A piece of a message's text, not folded. ``header``: from the header of the message itself (TEXT searches it, BODY does not)."""

    header: bool
    text: str


def fold(text: str) -> str:
    """The form in which texts are compared."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", _sortable(text.translate(_TWINS)))
    text = _one_space(text.casefold())
    return text if text.isascii() else _WRAPPED.sub("", text)


def _sortable(text: str) -> str:
    """The text without piles of marks; a pile cannot stand between two looks at each 500th character."""
    return _piled().sub(r"\1", text) if any(map(_is_mark, text[::_PILE])) else text


@cache
def _piled() -> re.Pattern[str]:
    """Finds more marks than count; group 1 are those that do. (Which ones there are takes a moment to find out: not at the start.)"""
    marks = "".join(char for char in map(chr, range(0x300, sys.maxunicode + 1)) if _is_mark(char))
    return re.compile(f"([{marks}]{{{MOST_MARKS}}})[{marks}]+")


def _is_mark(char: str) -> bool:
    return unicodedata.combining(unicodedata.normalize("NFKD", char)[0]) != 0


def _one_space(text: str) -> str:
    """White space of any length becomes one space. Splitting is ten times faster than a regular expression, but drops both ends."""
    words = " ".join(text.split())
    if not words:
        return " " if text else ""
    return " " * text[0].isspace() + words + " " * text[-1].isspace()


def declared_charset(message: Part) -> str | None:
    """The first charset that a part names: the likeliest one of a header's raw 8-bit text."""
    for part in message.walk():
        charset = part.parameter(b"charset")
        if charset is not None and part.fields.first(b"content-type"):
            return charset.decode("latin-1")
    return None


def field_text(message: Part, name: bytes) -> list[str]:
    """The texts of all fields called ``name`` (lower case) in the header of a message, encoded words decoded; ``[]`` without any."""
    values = message.fields.all(name)
    charset = None if b"".join(values).isascii() else declared_charset(message)
    return [decode_words(value, charset) for value in values]


def filename(part: Part) -> str | None:
    """The name that a part gives itself, from Content-Disposition or Content-Type."""
    value = part.fields.first(b"content-disposition")
    name = decoded_parameter(parse_value(value)[1], b"filename") if value else None
    return name if name is not None else decoded_parameter(part.parameters, b"name")


def text_of(data: bytes, message: Part, header: bool = True) -> Iterator[Slice]:
    """All text of a message: its header, then each part's header, file name and, of text, its body. Never raises.

    :param header: False leaves the header of the message itself out.
    """
    charset = declared_charset(message)
    for part in message.walk():
        if header or part is not message:
            yield Slice(part is message, _header_text(part.fields, charset))
        name = filename(part)
        if name:
            yield Slice(False, name)
        if part.type[0] == b"text":
            yield from _body_text(data, part)
        elif part.is_multipart and part.children:
            # What a person would see only without MIME, but which is part of the body all the same.
            yield Slice(False, decode(data[part.body : part.children[0].start]))


def _header_text(fields: Fields, charset: str | None) -> str:
    return "\n".join(f"{name.decode('latin-1')}: {decode_words(value, charset)}" for name, value in fields)


def _body_text(data: bytes, part: Part) -> Iterator[Slice]:
    body = data[part.body : part.end]
    # Of an unknown encoding, what is there is the best that can be searched.
    with suppress(UnknownEncoding):
        body = decode_transfer(body, part.encoding)
    charset = part.parameter(b"charset")
    text = decode(body, charset.decode("latin-1") if charset else None)
    yield Slice(False, text)
    if part.type[1] == b"html":
        yield Slice(False, html.unescape(_NO_CHARACTER.sub("\ufffd", _TAGS.sub("", text))))
