"""Content-Type, Content-Disposition and their parameters (RFC 2045 5.1, RFC 2183, RFC 2231).

:func:`parse_value` reads ``value; name=value; ...`` with all that is wrong in practice: comments, unquoted values with specials in them
(``boundary=----=_Next``), a missing or superfluous semicolon, quotes that do not end.
"""

import re
from urllib.parse import unquote_to_bytes

from mailsvc.formats.mime.charsets import decode
from mailsvc.formats.mime.words import decode_words

__all__ = ["Parameters", "decoded_parameter", "join_continuations", "parameter_octets", "parse_value"]

Parameters = list[tuple[bytes, bytes]]
"""Names in lower case and values as sent, without quotes, in order."""

MAX_PARAMETERS = 256

_HEAD = re.compile(rb"[ \t]*([^;\s()]*)")
_SKIP = re.compile(rb"(?:[\s;]+|\((?:[^()\\]|\\.)*\))*")
_PARAMETER = re.compile(
    rb"""([^=;\s()"]+)[ \t]*=[ \t]*                  # name =
    (?:"([^"\\]*(?:\\.[^"\\]*)*)(?:"|\\?\Z)         # quoted; a quote that does not end goes to the end
    |((?:[^;\s"][^;\s]*                             # a token, or something like one, even with spaces:
        (?:[ \t]+[^;\s(=][^;\s=]*(?=[;\s]|\Z))*)?)  # words that are not a comment and not followed by "="
    )""",
    re.X | re.S,
)
_WORD = re.compile(rb"[^;\s]+")
_ESCAPE = re.compile(rb"\\(.)", re.S)
_SECTION = re.compile(rb"(.+?)\*([0-9]{1,3})(\*?)")
_UNSAFE = re.compile(rb"[%'\x80-\xff]")


def parse_value(value: bytes) -> tuple[bytes, Parameters]:
    """``text/plain; charset=utf-8`` as ``(b"text/plain", [(b"charset", b"utf-8")])``: the value in lower case. Never raises."""
    head = _HEAD.match(value)
    assert head is not None  # it may be empty
    parameters: Parameters = []
    at = head.end()
    while len(parameters) < MAX_PARAMETERS:
        skipped = _SKIP.match(value, at)
        at = skipped.end() if skipped else at
        found = _PARAMETER.match(value, at)
        if found is None:
            junk = _WORD.match(value, at)
            if junk is None:
                break
            at = junk.end()
            continue
        at = found.end()
        text = _ESCAPE.sub(rb"\1", found[2]) if found[2] is not None else found[3] or b""
        parameters.append((found[1].lower(), text))
    return head[1].lower(), parameters


def join_continuations(parameters: Parameters) -> Parameters:
    """RFC 2231 3 undone, as IMAP servers should (section 6): ``a*0=x; a*1=y`` is ``a=xy``; encoded ones stay encoded as ``a*``."""
    if not any(b"*" in name for name, _ in parameters):
        return parameters
    joined: dict[bytes, dict[int, tuple[bytes, bool]]] = {}
    plain: Parameters = []
    for name, value in parameters:
        found = _SECTION.fullmatch(name)
        if found is None:
            plain.append((name, value))
        else:
            joined.setdefault(found[1], {}).setdefault(int(found[2]), (value, bool(found[3])))
    return plain + [_joined(name, sections) for name, sections in joined.items()]


def _joined(name: bytes, sections: dict[int, tuple[bytes, bool]]) -> tuple[bytes, bytes]:
    pieces: list[tuple[bytes, bool]] = []
    while len(pieces) in sections:
        pieces.append(sections[len(pieces)])
    if not any(encoded for _, encoded in pieces):
        return name, b"".join(value for value, _ in pieces)
    # Sections that are not encoded become so, since the whole will be taken as encoded.
    return name + b"*", b"".join(value if encoded else _UNSAFE.sub(_percent, value) for value, encoded in pieces)


def _percent(found: re.Match[bytes]) -> bytes:
    return b"%%%02X" % found[0][0]


def parameter_octets(parameters: Parameters, name: bytes) -> bytes | None:
    """A parameter as the octets that are meant, percent signs of RFC 2231 undone; None without it. Continuations must be joined."""
    found = _lookup(parameters, name)
    return found[0] if found else None


def decoded_parameter(parameters: Parameters, name: bytes) -> str | None:
    """A parameter as text, whichever way it was written: plain, RFC 2231, or (wrongly, but everywhere) with encoded words."""
    found = _lookup(join_continuations(parameters), name)
    if found is None:
        return None
    octets, charset = found
    return decode_words(octets) if charset is None else decode(octets, charset)


def _lookup(parameters: Parameters, name: bytes) -> tuple[bytes, str | None] | None:
    """Octets and, of an encoded one, charset (``""`` if it names none): the encoded one before the plain one, the first of several."""
    values = dict(reversed(parameters))
    extended = values.get(name + b"*")
    if extended is None:
        plain = values.get(name)
        return None if plain is None else (plain, None)
    charset, _, rest = extended.partition(b"'")
    _, quote, text = rest.partition(b"'")
    if not quote:
        return unquote_to_bytes(extended), ""
    return unquote_to_bytes(text), charset.decode("latin-1")
