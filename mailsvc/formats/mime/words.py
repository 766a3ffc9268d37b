"""Encoded words in header fields (RFC 2047) and raw 8-bit ones, as text.

Adjacent words of one charset are joined as bytes before they are decoded: RFC 2047 5 forbids to split a character between words, and
many programs do.
"""

import binascii
import re

from mailsvc.formats.mime.charsets import decode
from mailsvc.formats.mime.transfer import decode_base64

__all__ = ["decode_words"]

# encoded-word = "=?" charset ["*" language] "?" encoding "?" encoded-text "?=" (RFC 2231 5). Spaces in the text are wrong but common.
_WORD = re.compile(rb"=\?([^?*\s]{1,64})(?:\*[^?\s]*)?\?([bBqQ])\?([^?\r\n]*)\?=")


def decode_words(value: bytes, default: str | None = None) -> str:
    """The text of an unfolded field value. Never raises. ``default``: charset of 8-bit text outside of encoded words, if one is known."""
    if b"=?" not in value:
        return decode(value, default)
    pieces: list[str] = []
    run: list[bytes] = []  # decoded words of one charset, not yet text
    charset = b""
    at = 0
    for found in _WORD.finditer(value):
        between = value[at : found.start()]
        # Space between two words is not text (RFC 2047 6.2).
        adjacent = bool(run) and not between.strip()
        if not adjacent or found[1].lower() != charset:
            pieces.append(_text(run, charset))
            run, charset = [], found[1].lower()
        if not adjacent:
            pieces.append(decode(between, default))
        run.append(_octets(found[2], found[3]))
        at = found.end()
    return "".join([*pieces, _text(run, charset), decode(value[at:], default)])


def _text(run: list[bytes], charset: bytes) -> str:
    return decode(b"".join(run), charset.decode("latin-1")) if run else ""


def _octets(encoding: bytes, text: bytes) -> bytes:
    if encoding in b"bB":
        return decode_base64(text)
    return binascii.a2b_qp(text, header=True)
