"""Text in ESMTP parameters, which have no room for spaces, ``=`` and octets beyond ASCII: xtext (RFC 3461 4) and unitext (RFC 6533 3).

::

    "e=mc2 +1"    -> encode         -> "e+3Dmc2+20+2B1"         -> decode         -> back
    "太郎@b"      -> encode_unitext -> r"\\x{592A}\\x{90CE}@b"    -> decode_unitext -> back
"""

import re

__all__ = ["decode", "decode_unitext", "encode", "encode_unitext"]

_HEX = re.compile(r"\+([0-9A-F]{2})")
_XTEXT = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})*")
_NOT_XCHAR = re.compile(r"[^!-*,-<>-~]")
# RFC 6533 3 HEXPOINT, and the ASCII that its ABNF passes over.
_POINT = re.compile(r"\\x\{((?!D[89A-F]..\})[0-9A-F]{2,4}|[1-9A-F][0-9A-F]{4}|10[0-9A-F]{4})\}")
_NOT_QCHAR = re.compile(r"[^!-*,-<>-\[\]-~]")


def decode(value: str) -> str:
    """Undo xtext. Raises ValueError."""
    if not _XTEXT.fullmatch(value):
        raise ValueError("not xtext")
    return _HEX.sub(lambda match: chr(int(match[1], 16)), value)


def encode(text: str) -> str:
    """ASCII text as xtext. Raises ValueError for text that is not ASCII."""
    if not text.isascii():
        raise ValueError("xtext has ASCII only")
    return _NOT_XCHAR.sub(lambda match: f"+{ord(match[0]):02X}", text)


def decode_unitext(value: str) -> str:
    """Undo unitext; what only looks like it stays as it is (RFC 6533 3: "copied [...] without alteration")."""
    return _POINT.sub(lambda match: chr(int(match[1], 16)), value)


def encode_unitext(text: str) -> str:
    """Any text in ASCII (utf-8-addr-xtext)."""
    return _NOT_QCHAR.sub(lambda match: rf"\x{{{ord(match[0]):02X}}}", text)
