"""BODYSTRUCTURE and BODY of a message's parts (RFC 3501 7.4.2).

Types and names of parameters are in lower case, values as they were sent, with RFC 2231 continuations joined (RFC 2231 6). BODY is
BODYSTRUCTURE without the extension data.
"""

import re

from mailsvc.formats.imap.envelope import envelope
from mailsvc.formats.imap.strings import NIL, nstring, string
from mailsvc.formats.mime.parameters import Parameters, join_continuations, parse_value
from mailsvc.formats.mime.parts import Part

__all__ = ["bodystructure"]

_LANGUAGE = re.compile(rb"[A-Za-z0-9-]+")


def bodystructure(part: Part, extended: bool = True) -> bytes:
    """The structure of a part and all below it; ``extended`` False: BODY."""
    if part.is_multipart:
        words = [b"".join(bodystructure(child, extended) for child in part.children), string(part.type[1])]
        first = _parameters(part.parameters)
    else:
        words = _basic(part)
        if part.is_message:
            inner = part.children[0]
            words += [envelope(inner.fields), bodystructure(inner, extended), b"%d" % part.lines]
        elif part.type[0] == b"text":
            words.append(b"%d" % part.lines)
        first = nstring(part.fields.first(b"content-md5")) if extended else NIL
    if extended:
        words += [first, _disposition(part), _language(part), nstring(part.fields.first(b"content-location"))]
    return b"(" + b" ".join(words) + b")"


def _basic(part: Part) -> list[bytes]:
    """``media-basic SP body-fields``."""
    return [
        string(part.type[0]),
        string(part.type[1]),
        _parameters(part.parameters),
        nstring(part.fields.first(b"content-id")),
        nstring(part.fields.first(b"content-description")),
        string(part.encoding or b"7bit"),
        b"%d" % part.size,
    ]


def _parameters(parameters: Parameters) -> bytes:
    if not parameters:
        return NIL
    return b"(" + b" ".join(string(name) + b" " + string(value) for name, value in parameters) + b")"


def _disposition(part: Part) -> bytes:
    value = part.fields.first(b"content-disposition")
    kind, parameters = parse_value(value) if value else (b"", [])
    if not kind:
        return NIL
    return b"(" + string(kind) + b" " + _parameters(join_continuations(parameters)) + b")"


def _language(part: Part) -> bytes:
    tags = _LANGUAGE.findall(part.fields.first(b"content-language") or b"")[:100]
    if not tags:
        return NIL
    return string(tags[0]) if len(tags) == 1 else b"(" + b" ".join(map(string, tags)) + b")"
