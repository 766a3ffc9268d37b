"""Strings in responses: atom, quoted or literal, whichever is allowed and shortest (RFC 3501 4.3, 9).

Octets above 127 go into literals as they are (quoted strings are 7-bit until UTF8=ACCEPT), so nothing that a message holds can break a
response. NUL, which no literal may hold, becomes 0x80, as other servers do it.
"""

import re

from mailsvc.formats.imap.names import encode_name

__all__ = ["NIL", "astring", "literal", "literal8", "mailbox", "nstring", "parenthesized", "quoted", "string"]

NIL = b"NIL"

_PLAIN = re.compile(rb"[\x20\x21\x23-\x5b\x5d-\x7e\t]{0,1000}\Z")
_ATOM = re.compile(rb"[!#$&'+,\-./0-9:;<=>?@A-Z\[\]^_`a-z|}~]{1,200}\Z")
_QUOTABLE = re.compile(rb"[\x01-\x09\x0b\x0c\x0e-\x7f]{0,1000}\Z")


def literal(value: bytes) -> bytes:
    """``{n}`` CRLF octets; NUL becomes 0x80."""
    return b"{%d}\r\n%b" % (len(value), value.replace(b"\0", b"\x80"))


def literal8(value: bytes) -> bytes:
    """``~{n}`` CRLF octets, any octets at all (RFC 3516)."""
    return b"~{%d}\r\n%b" % (len(value), value)


def quoted(value: bytes) -> bytes:
    """A quoted string, of a value known to be without CR, LF and NUL."""
    return b'"' + value.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def string(value: bytes) -> bytes:
    """string = quoted / literal."""
    if _PLAIN.match(value):
        return b'"' + value + b'"'
    return quoted(value) if _QUOTABLE.match(value) else literal(value)


def nstring(value: bytes | None) -> bytes:
    """nstring = string / nil."""
    return NIL if value is None else string(value)


def astring(value: bytes) -> bytes:
    """astring, as an atom where that cannot be taken for NIL."""
    return value if _ATOM.match(value) and value.upper() != NIL else string(value)


def mailbox(name: str, utf8: bool = False) -> bytes:
    """A mailbox name: always a string, quoted if possible.

    :param utf8: whether UTF8=ACCEPT is enabled: UTF-8, also in quoted strings (RFC 6855 3); else modified UTF-7.
    """
    coded = encode_name(name, utf8)
    return quoted(coded) if utf8 and not re.search(rb"[\0\r\n]", coded) else string(coded)


def parenthesized(*items: bytes) -> bytes:
    """``(a b c)``."""
    return b"(" + b" ".join(items) + b")"
