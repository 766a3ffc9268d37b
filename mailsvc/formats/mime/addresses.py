"""Lists of addresses in header fields, in the form that ENVELOPE wants (RFC 5322 3.4, 4.4; RFC 3501 7.4.2).

Answers to what the grammar does not foresee:

- ``user@host (Full Name)``: without a phrase, the last comment is the name.
- an address without ``@``: ``mailbox`` is what stands there, ``host`` is empty (not NIL, which would begin a group).
- ``a@b@c``: the last ``@`` counts. ``Joe joe@host`` without brackets: the last word before ``@`` is the mailbox, the rest the name.
  ``a@b c@d``: two addresses.
- a group that is not closed ends with the field; a colon within a group is text.
- octets above 127 are kept as they are, quotes and comments that do not end go to the end of the field.
"""

import re
from typing import NamedTuple

__all__ = ["Address", "parse_addresses"]

MAX_ADDRESSES = 10_000


class Address(NamedTuple):
    """One address. A group begins with ``(None, None, name, None)`` and ends with four Nones."""

    name: bytes | None
    route: bytes | None
    mailbox: bytes | None
    host: bytes | None


_END_OF_GROUP = Address(None, None, None, None)

# Nearly all fields hold just one of these. What spaces stand before the bracket belongs to the name at first: two that could both take
# them would try every division between the two.
_SIMPLE = re.compile(
    rb"""(?:"([^"\\]*)"[ ]*|([^"\\<>(),:;@\[\].\s][^"\\<>(),:;@\[\]\t]*)|[ ]*)<([^"\\<>(),:;@\[\]\s]+)@([^"\\<>(),:;@\[\]\s]+)>\Z""",
    re.X,
)
_TOKEN = re.compile(
    rb"""(?P<space>[ \t]+)
    |"(?P<quoted>[^"\\]*(?:\\.[^"\\]*)*)(?:"|\\?\Z)
    |<(?P<angle>[^<>"]*(?:"[^"\\]*(?:\\.[^"\\]*)*"[^<>"]*)*)>?
    |(?P<text>\[[^\[\]]*\]?|[^\s()<>@,;:"\[]+)
    |(?P<special>.)""",
    re.X | re.S,
)
_PARENTHESIS = re.compile(rb"\\.|[()]", re.S)
_ESCAPE = re.compile(rb"\\(.)", re.S)
_COMMENT = re.compile(rb"\([^()]*\)")
_QUOTED_LOCAL = re.compile(rb'"([^"\\]*(?:\\.[^"\\]*)*)"')


def parse_addresses(value: bytes) -> list[Address]:
    """The addresses of an unfolded field value. Never raises; an empty list if there is none."""
    simple = _SIMPLE.match(value)
    if simple is not None:
        quoted, plain, mailbox, host = simple.groups()
        name = quoted if quoted is not None else (plain or b"").rstrip(b" ")
        return [Address(name or None, None, mailbox, host)]
    return _Parser(value).addresses


class _Parser:
    """One pass over the tokens; an address is complete at ``,`` or ``;`` or the end."""

    def __init__(self, value: bytes) -> None:
        self.addresses: list[Address] = []
        self._in_group = False
        self._reset()
        self._read(value)
        self._finish()
        if self._in_group:
            self.addresses.append(_END_OF_GROUP)

    def _reset(self) -> None:
        self._words: list[tuple[bytes, bool]] = []  # text, and whether a space stood before it
        self._spaced = False
        self._at = -1  # which word is the last "@" outside of brackets
        self._last_spaced = -1  # which word is the last one with a space before it
        self._angle: bytes | None = None
        self._comment: bytes | None = None

    def _read(self, value: bytes) -> None:
        at = 0
        while at < len(value) and len(self.addresses) < MAX_ADDRESSES:
            found = _TOKEN.match(value, at)
            assert found is not None  # any octet is at least special
            at = found.end()
            kind = found.lastgroup
            if kind == "space":
                self._spaced = True
            elif kind == "text":
                self._word(found["text"])
            elif kind == "quoted":
                self._word(_ESCAPE.sub(rb"\1", found["quoted"]))
            elif kind == "angle":
                self._angle = found["angle"]
            elif found["special"] == b"(":
                at = self._read_comment(value, at)
            else:
                self._special(found["special"])

    def _word(self, text: bytes) -> None:
        if self._spaced:
            self._last_spaced = len(self._words)
        self._words.append((text, self._spaced))
        self._spaced = False

    def _read_comment(self, value: bytes, start: int) -> int:
        depth = 1
        end = stop = len(value)
        for found in _PARENTHESIS.finditer(value, start):
            depth += (found[0] == b"(") - (found[0] == b")")
            if not depth:
                end, stop = found.start(), found.end()
                break
        self._comment = _ESCAPE.sub(rb"\1", value[start:end]).strip()
        self._spaced = True
        return stop

    def _special(self, special: bytes) -> None:
        if special == b",":
            self._finish()
        elif special == b"@":
            self._at_sign()
        elif special == b":" and not self._in_group and self._at < 0 and self._angle is None:
            self.addresses.append(Address(None, None, _phrase(self._words), None))
            self._in_group = True
            self._reset()
        elif special == b";":
            self._finish()
            if self._in_group:
                self.addresses.append(_END_OF_GROUP)
            self._in_group = False
        else:
            self._word(special)

    def _at_sign(self) -> None:
        if self._last_spaced > self._at >= 0:
            rest = self._words[self._last_spaced :]
            del self._words[self._last_spaced :]
            self._finish()
            self._words = rest
        self._at = len(self._words)
        self._words.append((b"@", False))
        self._spaced = False

    def _finish(self) -> None:
        if self._angle is not None:
            self.addresses.append(_in_brackets(_phrase(self._words) or self._comment, self._angle))
        elif self._at >= 0:
            self.addresses.append(self._bare())
        elif self._words:
            self.addresses.append(Address(self._comment, None, _phrase(self._words), b""))
        self._reset()

    def _bare(self) -> Address:
        before, after = self._words[: self._at], self._words[self._at + 1 :]
        first = max((at for at, (_, spaced) in enumerate(before) if spaced), default=0)
        name = _phrase(before[:first]) or self._comment
        return Address(
            name or None, None, b"".join(text for text, _ in before[first:]), b"".join(text for text, _ in after)
        )


def _phrase(words: list[tuple[bytes, bool]]) -> bytes:
    return b"".join(b" " + text if spaced and at else text for at, (text, spaced) in enumerate(words))


def _in_brackets(name: bytes | None, text: bytes) -> Address:
    """angle-addr = "<" [obs-route] addr-spec ">"."""
    text = _COMMENT.sub(b"", text).strip()
    route = None
    if text.startswith(b"@") and b":" in text:  # obs-route: @a,@b:user@host
        route, _, text = text.partition(b":")
    quoted = _QUOTED_LOCAL.match(text)
    if quoted is not None:
        mailbox, rest = _ESCAPE.sub(rb"\1", quoted[1]), text[quoted.end() :].lstrip(b" \t@")
        return Address(name or None, route, mailbox, rest)
    mailbox, at, host = text.rpartition(b"@")
    if not at:
        mailbox, host = text, b""
    return Address(name or None, route, mailbox.strip(), host.strip())
