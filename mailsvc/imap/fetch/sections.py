"""The FETCH items with octets: ``BODY[...]``, ``BINARY[...]`` and their older names (RFC 3501 6.4.5, RFC 3516).

What each section is, is said in :mod:`mailsvc.formats.imap.extract`. The whole message, its header and its text are known without looking
at its structure.
"""

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from mailsvc.core.interfaces.store import Field
from mailsvc.formats.imap.codes import Code
from mailsvc.formats.imap.extract import Range, binary, cut, join, ranges
from mailsvc.formats.imap.sections import FetchItem, Partial, Section
from mailsvc.formats.imap.strings import NIL, literal, literal8
from mailsvc.formats.mime.fields import MAX_HEADER
from mailsvc.formats.mime.parts import Part, scan
from mailsvc.formats.mime.transfer import UnknownEncoding
from mailsvc.imap.fetch.batch import Batch, Need
from mailsvc.imap.fetch.columns import Column, Spot
from mailsvc.imap.verbs import no

if TYPE_CHECKING:
    from mailsvc.imap.selection import Selection

__all__ = ["binary_column", "binary_size_column", "section_column"]


def section_column(section: Section | None, label: bytes, partial: Partial | None = None) -> Column:
    """``BODY[section]<partial>`` under the name ``label``."""
    assert section is not None
    if section.part:
        return _part(section, label, partial)
    if section.text.startswith("HEADER"):
        take = _FROM_HEADER[section.text](section)
        pieces = take if partial is None else lambda header: _cut(take(header), partial)
        return Column(label, lambda batch: [literal(pieces(each)) for each in batch.headers], need=Need.HEADER)
    locate = _text if section.text else _whole
    return Column(
        label,
        lambda batch: [literal(join(body, cut(locate(batch, at), partial))) for at, body in enumerate(batch.bodies)],
        need=Need.BODY,
        fields=(Field.HEADER_SIZE,) if section.text else (),
        spot=Spot(section, partial, locate),
    )


def _whole(batch: Batch, at: int) -> list[Range]:
    return [(0, batch.sizes[at])]


def _text(batch: Batch, at: int) -> list[Range]:
    header = batch.described[Field.HEADER_SIZE][at]
    return [(header, batch.sizes[at] - header)]


def _cut(octets: bytes, partial: Partial | None) -> bytes:
    return octets if partial is None else octets[partial.offset : partial.offset + partial.count]


# --- parts ---


def _part(section: Section, label: bytes, partial: Partial | None) -> Column:
    def value(body: bytes, message: Part) -> bytes:
        found = ranges(body, message, section)
        return NIL if found is None else literal(join(body, cut(found, partial)))

    return Column(label, _each(value), need=Need.BODY, spot=Spot(section, partial))


def _each(value: Callable[[bytes, Part], object]) -> Callable[[Batch], Iterable[object]]:
    return lambda batch: [value(*pair) for pair in zip(batch.bodies, batch.parts, strict=True)]


# --- header fields ---

FEW = 30
"""Names of header fields that are looked for by one regular expression; more are looked up in a set."""

_NAME = re.compile(rb"[!-9;-~]{1,255}\Z")  # RFC 5322 3.6.8
_Take = Callable[[bytes], bytes]


def _all(section: Section) -> _Take:
    return lambda header: header


def _fields(section: Section) -> _Take:
    """Some fields and the empty line. The regular expression finds them many times faster than the general way, which remains for
    headers that end in another way or are enormous."""
    if len(section.fields) > FEW:
        return _other_fields(section)
    names = b"|".join(re.escape(name) for name in section.fields if _NAME.match(name)) or rb"(?!)"
    wanted = re.compile(rb"\n(?:" + names + rb")[ \t]*:[^\n]*(?:\n[ \t][^\n]*)*", re.I)

    def take(header: bytes) -> bytes:
        if len(header) > MAX_HEADER or not header.endswith(b"\r\n\r\n"):
            return _otherwise(header, section)
        found = b"".join(wanted.findall(b"\n" + header))
        return found[1:] + b"\n\r\n" if found else b"\r\n"

    return take


def _other_fields(section: Section) -> _Take:
    return lambda header: _otherwise(header, section)


def _otherwise(header: bytes, section: Section) -> bytes:
    return join(header, ranges(header, scan(header), section) or [])


_FROM_HEADER: dict[str, Callable[[Section], _Take]] = {
    "HEADER": _all,
    "HEADER.FIELDS": _fields,
    "HEADER.FIELDS.NOT": _other_fields,
}


# --- BINARY ---


def binary_column(selection: "Selection", item: FetchItem) -> Column:
    """RFC 3516 4.2: a part with its transfer encoding undone; a literal8 where it holds NULs."""

    def value(body: bytes, message: Part) -> bytes:
        octets = _decoded(body, message, item)
        if octets is None:
            return NIL
        octets = _cut(octets, item.partial)
        return literal8(octets) if b"\0" in octets else literal(octets)

    return Column(item.label, _each(value), need=Need.BODY)


def binary_size_column(selection: "Selection", item: FetchItem) -> Column:
    """RFC 3516 4.3: octets of what BINARY would be."""
    return Column(
        item.label,
        _each(lambda body, message: len(_decoded(body, message, item) or b"")),
        number=True,
        need=Need.BODY,
    )


def _decoded(body: bytes, message: Part, item: FetchItem) -> bytes | None:
    assert item.section is not None
    try:
        return binary(body, message, item.section)
    except UnknownEncoding:
        raise no("The encoding of this part is not known", Code.UNKNOWN_CTE) from None
