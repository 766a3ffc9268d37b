"""Content-Transfer-Encoding undone (RFC 2045 6), tolerantly: what can be decoded is."""

import binascii
import re

__all__ = ["UnknownEncoding", "decode_base64", "decode_transfer", "is_known"]

_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]+")
_IDENTITY = {b"", b"7bit", b"8bit", b"binary"}


class UnknownEncoding(Exception):
    """A Content-Transfer-Encoding that nobody can decode (RFC 3516 4.3: UNKNOWN-CTE)."""


def is_known(encoding: bytes) -> bool:
    """Whether ``encoding`` (lower case) can be decoded."""
    return encoding in _IDENTITY or encoding in (b"base64", b"quoted-printable")


def decode_transfer(data: bytes, encoding: bytes) -> bytes:
    """The octets that were encoded. ``encoding``: lower case, ``b""`` is 7bit. Raises UnknownEncoding, nothing else."""
    if encoding in _IDENTITY:
        return data
    if encoding == b"base64":
        return decode_base64(data)
    if encoding == b"quoted-printable":
        return binascii.a2b_qp(data)
    raise UnknownEncoding(encoding.decode("latin-1"))


def decode_base64(data: bytes) -> bytes:
    """Base64 up to its padding; what is not of the alphabet is skipped (RFC 2045 6.8), a last quantum cut short gives what it holds."""
    try:
        return binascii.a2b_base64(data)
    except binascii.Error:
        coded = _NOT_BASE64.sub(b"", data.partition(b"=")[0])
    spare = len(coded) % 4
    if spare == 1:
        coded = coded[:-1]
    return binascii.a2b_base64(coded + b"=" * (-len(coded) % 4))
