"""A message with 8-bit text rewritten for a host that takes only seven bits (RFC 6152 3): what its parts hold is encoded.

::

    Content-Type: text/plain; charset=utf-8                Content-Type: text/plain; charset=utf-8
    Content-Transfer-Encoding: 8bit                  ->    Content-Transfer-Encoding: quoted-printable

    Grüße                                                  Gr=C3=BC=C3=9Fe

Parts that are ASCII stay as they are, octet for octet. Text becomes quoted-printable, or base64 where that is shorter; everything else
base64. A multipart cannot be encoded, its parts are (RFC 2045 6.4). Header fields become ASCII as :mod:`mailsvc.formats.downgrade` writes
them. Text of an unknown character set is called ``unknown-8bit`` (RFC 1428). What may not be changed raises :class:`CannotConvert`:
signed parts (RFC 1847 2.1), reports and fragments, encodings that nobody knows.
"""

import base64
import binascii
from collections.abc import Iterator

from mailsvc.formats.downgrade import ascii_header
from mailsvc.formats.mime.fields import field_ranges
from mailsvc.formats.mime.parts import Part, scan
from mailsvc.formats.mime.transfer import UnknownEncoding, decode_transfer

__all__ = ["CannotConvert", "seven_bit"]

_ENCODING = b"content-transfer-encoding"
_BEYOND = bytes(range(0x80, 0x100))
_TO_ASCII = bytes(range(0x80)) + b"?" * 0x80
_Change = tuple[int, int, bytes]


class CannotConvert(Exception):
    """Why the message cannot be rewritten."""


def seven_bit(message: bytes) -> bytes:
    """The message (strict CRLF) in ASCII. Raises CannotConvert."""
    if message.isascii():
        return message
    top = scan(message)
    pieces: list[bytes] = []
    at = 0
    for start, end, replacement in _changes(message, top, top):
        pieces += (message[at:start], replacement)
        at = end
    converted = b"".join([*pieces, message[at:]])
    if not converted.isascii():
        raise CannotConvert("its structure is damaged")
    return converted


def _changes(data: bytes, part: Part, top: Part) -> Iterator[_Change]:
    """What to replace in a part and below it, in order, where it is not ASCII."""
    if data[part.start : part.end].isascii():
        return
    if part.children:
        yield from _container(data, part, top)
    elif data[part.body : part.end].isascii():
        yield part.start, part.body, ascii_header(data[part.start : part.body])
    else:
        encoding, body = _encoded(part, data[part.body : part.end])
        yield part.start, part.end, _header(data, part, encoding, part is top) + body


def _container(data: bytes, part: Part, top: Part) -> Iterator[_Change]:
    if part.type == (b"multipart", b"signed"):
        raise CannotConvert("a part of it is signed")
    if not (part.parameter(b"boundary") or b"").isascii():
        raise CannotConvert("its structure is damaged")
    yield part.start, part.body, _header(data, part, b"7bit", False)
    at = part.body
    for child in part.children:
        yield at, child.start, data[at : child.start].translate(_TO_ASCII)  # what stands here is for nobody to read
        yield from _changes(data, child, top)
        at = child.end
    yield at, part.end, data[at : part.end].translate(_TO_ASCII)


def _encoded(part: Part, body: bytes) -> tuple[bytes, bytes]:
    """Encoding and encoded body of a part without parts."""
    declared = (part.fields.first(b"content-type") or b"").lower()
    if declared.startswith((b"multipart/", b"message/")) and not declared.startswith(b"message/global"):
        raise CannotConvert(f"a part of it is {declared.partition(b';')[0].strip().decode('latin-1')}")
    try:
        plain = decode_transfer(body, part.encoding)
    except UnknownEncoding as unknown:
        raise CannotConvert(f"a part of it is encoded as {str(unknown)!a}") from None
    beyond = len(plain) - len(plain.translate(None, _BEYOND))
    if part.type[0] == b"text" and beyond * 4 < len(plain):
        return b"quoted-printable", _quoted_printable(plain)
    return b"base64", base64.encodebytes(plain).replace(b"\n", b"\r\n")


def _quoted_printable(text: bytes) -> bytes:
    encoded = binascii.b2a_qp(text)
    # It takes the line end of its soft breaks from the first line end that it finds, if there is any.
    return encoded if b"\r\n" in text else encoded.replace(b"=\n", b"=\r\n")


def _header(data: bytes, part: Part, encoding: bytes, top: bool) -> bytes:
    """The header with another encoding, and what must stand there besides for it to count."""
    header = data[part.start : part.body]
    for start, length in reversed(field_ranges(header, 0, len(header), [_ENCODING])):
        header = header[:start] + header[start + length :]
    fields = [b"Content-Transfer-Encoding: " + encoding]
    if not part.children and b"content-type" not in part.fields:
        fields.append(b"Content-Type: text/plain; charset=unknown-8bit")
    if top and b"mime-version" not in part.fields:
        fields.append(b"MIME-Version: 1.0")
    blank = b"\r\n" if header.endswith(b"\r\n\r\n") or header == b"\r\n" else b""
    return ascii_header(header[: len(header) - len(blank)] + b"\r\n".join(fields) + b"\r\n" + blank)
