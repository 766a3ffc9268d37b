"""What FETCH asks of a message: items, sections and partials (RFC 3501 6.4.5, RFC 3516, RFC 7162).

``ITEMS`` is the table of items without arguments; an extension adds to it. Those with a section (``BODY[...]``, ``BINARY[...]``) have
their grammar here, and :attr:`FetchItem.label` is how the response names them again.
"""

import re

import attrs

from mailsvc.formats.imap.cursor import Cursor
from mailsvc.formats.imap.errors import BadSyntax
from mailsvc.formats.imap.strings import astring

__all__ = ["ITEMS", "MACROS", "FetchItem", "Partial", "Section", "fetch_items"]

ITEMS: dict[str, bool] = {
    "ENVELOPE": False,
    "FLAGS": False,
    "INTERNALDATE": False,
    "RFC822": True,
    "RFC822.HEADER": False,
    "RFC822.SIZE": False,
    "RFC822.TEXT": True,
    "BODY": False,
    "BODYSTRUCTURE": False,
    "UID": False,
    "MODSEQ": False,
}
"""Item -> whether asking for it sets ``\\Seen``."""

MACROS = {
    "ALL": ("FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE"),
    "FAST": ("FLAGS", "INTERNALDATE", "RFC822.SIZE"),
    "FULL": ("FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODY"),
}

MAX_PART_DEPTH = 64

_ITEM = re.compile(rb"[A-Za-z0-9.]+")
_PART = re.compile(rb"[1-9][0-9]{0,9}(?:\.[1-9][0-9]{0,9})*")
_TEXT = re.compile(rb"(?:HEADER\.FIELDS\.NOT|HEADER\.FIELDS|HEADER|TEXT|MIME)(?=[\] ])", re.I)
_PARTIAL = re.compile(rb"<([0-9]{1,20})\.([0-9]{1,20})>")


@attrs.frozen
class Partial:
    """``<offset.count>``: at most ``count`` octets from ``offset``."""

    offset: int
    count: int


@attrs.frozen
class Section:
    """section-spec: ``part`` is the path of numbers, ``text`` ``""``, ``"HEADER"``, ``"HEADER.FIELDS"``, ``"HEADER.FIELDS.NOT"``,
    ``"TEXT"`` or ``"MIME"``, ``fields`` the names of header fields as sent."""

    part: tuple[int, ...] = ()
    text: str = ""
    fields: tuple[bytes, ...] = ()

    def __bytes__(self) -> bytes:
        """What stands between the brackets."""
        words = [str(number) for number in self.part] + ([self.text] if self.text else [])
        fields = b" (" + b" ".join(map(astring, self.fields)) + b")" if self.fields else b""
        return ".".join(words).encode("ascii") + fields


@attrs.frozen
class FetchItem:
    """One thing to fetch.

    :ivar name: a key of ``ITEMS``, or ``"BODY[]"``, ``"BINARY[]"`` or ``"BINARY.SIZE[]"`` with a ``section``.
    :ivar peek: whether it was asked for without setting ``\\Seen``.
    """

    name: str
    section: Section | None = None
    partial: Partial | None = None
    peek: bool = False

    @property
    def sets_seen(self) -> bool:
        """Whether fetching it marks the message as read (RFC 3501 6.4.5, RFC 3516 4.2)."""
        if self.section is None:
            return ITEMS.get(self.name, False)
        return not self.peek and self.name != "BINARY.SIZE[]"

    @property
    def reads(self) -> bool:
        """Whether it is the message or a part of it, not only what is known about it."""
        return (
            self.name.startswith("RFC822") and self.name != "RFC822.SIZE"
            if self.section is None
            else self.name != "BINARY.SIZE[]"
        )

    @property
    def label(self) -> bytes:
        """Its name in the response: ``BODY[1.MIME]<0>``, never with ``.PEEK`` (RFC 3501 7.4.2)."""
        if self.section is None:
            return self.name.encode("ascii")
        origin = f"<{self.partial.offset}>" if self.partial else ""
        return self.name[:-1].encode("ascii") + bytes(self.section) + b"]" + origin.encode("ascii")


def fetch_items(cursor: Cursor) -> tuple[FetchItem, ...]:
    """``"ALL" / "FULL" / "FAST" / fetch-att / "(" fetch-att *(SP fetch-att) ")"``, without repetition."""
    if cursor.peek(b"("):
        return tuple(dict.fromkeys(cursor.listed(_fetch_item)))
    start = cursor.at
    macro = MACROS.get(_name(cursor))
    if macro:
        return tuple(map(FetchItem, macro))
    cursor.at = start
    return (_fetch_item(cursor),)


def _name(cursor: Cursor) -> str:
    return cursor.expect(_ITEM, "something to fetch")[0].decode("ascii").upper()


def _fetch_item(cursor: Cursor) -> FetchItem:
    name = _name(cursor)
    peek = name.endswith(".PEEK")
    base = name.removesuffix(".PEEK")
    if base in _WITH_SECTION and cursor.skip(b"[") and not (peek and base == "BINARY.SIZE"):
        section = _WITH_SECTION[base](cursor)
        cursor.need(b"]")
        partial = _partial(cursor) if base != "BINARY.SIZE" else None
        return FetchItem(f"{base}[]", section, partial, peek)
    if name not in ITEMS:
        raise BadSyntax(f"Cannot fetch {name[:40]}")
    return FetchItem(name)


def _section(cursor: Cursor) -> Section:
    part = _part(cursor)
    if part and not cursor.skip(b"."):
        return Section(part)
    found = cursor.take(_TEXT)
    if found is None:
        return Section() if not part else cursor.fail("HEADER, TEXT or MIME")
    text = found[0].decode("ascii").upper()
    if text == "MIME" and not part:
        raise BadSyntax("MIME needs a part number")
    if not text.startswith("HEADER.FIELDS"):
        return Section(part, text)
    cursor.space()
    return Section(part, text, cursor.listed(lambda each: each.astring("a header field name")))


def _binary_section(cursor: Cursor) -> Section:
    return Section(_part(cursor))


_WITH_SECTION = {"BODY": _section, "BINARY": _binary_section, "BINARY.SIZE": _binary_section}


def _part(cursor: Cursor) -> tuple[int, ...]:
    found = cursor.take(_PART)
    if found is None:
        return ()
    numbers = tuple(map(int, found[0].split(b".")))
    if len(numbers) > MAX_PART_DEPTH:
        raise BadSyntax("Part number too deep")
    return numbers


def _partial(cursor: Cursor) -> Partial | None:
    found = cursor.take(_PARTIAL)
    if found is None:
        return None
    offset, count = int(found[1]), int(found[2])
    # RFC 9051 allows 63 bits where RFC 3501 has 32.
    if not 0 < count < 1 << 63 or offset >= 1 << 63:
        raise BadSyntax("Partial out of range")
    return Partial(offset, count)
