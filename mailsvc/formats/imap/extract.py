"""What a section of FETCH is in the bytes of a message: ranges, so that bodies can be sent from where they lie (RFC 3501 6.4.5).

Answers where the RFC is silent: a section that does not exist is NIL. Part 1 of a message that is no multipart is its body, and
``BODY[1.MIME]`` the header of that message. ``HEADER`` and ``TEXT`` after a part number exist for message/rfc822 only.
"""

from mailsvc.formats.imap.sections import Partial, Section
from mailsvc.formats.mime.fields import field_ranges
from mailsvc.formats.mime.parts import Part
from mailsvc.formats.mime.transfer import decode_transfer

__all__ = ["Range", "binary", "cut", "find_part", "join", "ranges", "total"]

Range = tuple[int, int]
"""Offset and length of octets in the message."""


def find_part(message: Part, path: tuple[int, ...]) -> Part | None:
    """The part with this number; the message itself for ``()``."""
    part = message
    for at, number in enumerate(path):
        if at and part.is_message:
            part = part.children[0]
        elif at and not part.is_multipart:
            return None
        if part.is_multipart:
            if number > len(part.children):
                return None
            part = part.children[number - 1]
        elif number != 1:
            return None
    return part


def ranges(data: bytes, message: Part, section: Section) -> list[Range] | None:
    """Where ``BODY[section]`` lies, in order; None if there is no such thing.

    :param data: the message from its beginning, at least to the end of each header that a HEADER.FIELDS section asks for.
    """
    part = find_part(message, section.part)
    if part is None:
        return None
    if section.text == "MIME":
        return _header(part)
    if section.text and section.part:
        if not part.is_message:
            return None
        part = part.children[0]
    if section.text == "HEADER":
        return _header(part)
    if section.text == "TEXT" or (section.part and not section.text):
        return [(part.body, part.end - part.body)]
    if not section.text:
        return [(part.start, part.end - part.start)]
    return _fields(data, part, section)


def _header(part: Part) -> list[Range]:
    return [(part.start, part.body - part.start)]


def _fields(data: bytes, part: Part, section: Section) -> list[Range]:
    found = field_ranges(data, part.start, part.body, section.fields, wanted=section.text == "HEADER.FIELDS")
    blank = _blank_line(data, part)
    # RFC 3501 6.4.5: the delimiting blank line is always included, if there is one.
    return [*found, blank] if blank[1] else found


def _blank_line(data: bytes, part: Part) -> Range:
    for line_end in (b"\r\n", b"\n"):
        start = part.body - len(line_end)
        if start >= part.start and data[start : part.body] == line_end:
            if start == part.start or data[start - 1 : start] == b"\n":
                return start, len(line_end)
            break
    return part.body, 0


def cut(found: list[Range], partial: Partial | None) -> list[Range]:
    """Ranges of what ``<offset.count>`` leaves of ranges; empty beyond the end (RFC 3501 6.4.5)."""
    if partial is None:
        return found
    skip, left = partial.offset, partial.count
    result = []
    for offset, length in found:
        start = min(skip, length)
        skip -= start
        taken = min(length - start, left)
        left -= taken
        if taken:
            result.append((offset + start, taken))
    return result


def total(found: list[Range]) -> int:
    """Octets in all ranges."""
    return sum(length for _, length in found)


def join(data: bytes, found: list[Range]) -> bytes:
    """The octets themselves."""
    return b"".join(data[offset : offset + length] for offset, length in found)


def binary(data: bytes, message: Part, section: Section) -> bytes | None:
    """``BINARY[section]``: the body decoded, of a multipart or message as it is (RFC 3516 4.2). None if there is no such part.

    Raises UnknownEncoding: the answer is NO with UNKNOWN-CTE.
    """
    if not section.part:
        return data[message.start : message.end]
    part = find_part(message, section.part)
    if part is None:
        return None
    body = data[part.body : part.end]
    return body if part.is_multipart or part.is_message else decode_transfer(body, part.encoding)
