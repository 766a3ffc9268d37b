"""A header with UTF-8 in it, rewritten in ASCII for readers who know nothing else: the surrogate of RFC 6858, with less loss.

::

    Subject: こんにちは                        Subject: =?utf-8?b?44GT...?=
    From: 太郎 <太郎@例え.テスト>       ->     From: =?utf-8?b?...?= <invalid@internationalized-address.invalid>
    Content-Type: ...; name="表.pdf"          Content-Type: ...;\r\n name*=utf-8''%E8%A1%A8.pdf

Fields that are ASCII already stay as they are, octet for octet; fields with UTF-8 that nothing is known of go (RFC 6858 2.4). A reply to
such a message reaches nobody who has no ASCII address: no surrogate can change that (RFC 6855 7). A field that cannot be read goes too:
no message may keep a person from the mailbox.

Of a header that is longer than any that people write, the fields with UTF-8 all go: to rewrite megabytes would hold up everybody else.

Not rewritten: header fields of body parts. They reach the client as they are, like any 8bit body.
"""

import re
from collections.abc import Callable
from email.header import Header
from email.utils import getaddresses
from urllib.parse import quote

__all__ = ["INVALID_ADDRESS", "MAX_HEADER", "ascii_header", "end_of_header"]

MAX_HEADER = 65_536
"""Octets up to which a header is rewritten."""

INVALID_ADDRESS = "invalid@internationalized-address.invalid"
"""Stands where an address cannot be written in ASCII (RFC 6858 2.1)."""

_BETWEEN_FIELDS = re.compile(rb"(?<=\r\n)(?![ \t])")
_PARAMETER = re.compile(r';\s*([!#-\'*+.0-9A-Z^-~-]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^;]*)', re.DOTALL)


def end_of_header(message: bytes) -> int | None:
    """How many octets the header has, with the blank line after it; None if that has not come yet."""
    if message.startswith(b"\r\n"):
        return 2
    end = message.find(b"\r\n\r\n")
    return None if end < 0 else end + 4


def ascii_header(header: bytes) -> bytes:
    """The header (lines that end with CRLF, with or without the blank line after it) without anything but ASCII."""
    if header.isascii():
        return header
    blank = b"\r\n" if header.endswith(b"\r\n\r\n") or header == b"\r\n" else b""
    fields = (field.lstrip(b"\r\n") for field in _BETWEEN_FIELDS.split(header[: len(header) - len(blank)]))
    rewrite = _rewritten if len(header) <= MAX_HEADER else _nothing
    return b"".join(field if field.isascii() else rewrite(field) for field in fields) + blank


def _nothing(field: bytes) -> bytes:
    return b""


def _rewritten(field: bytes) -> bytes:
    raw_name, _, raw_value = field.partition(b":")
    name = raw_name.strip().decode("utf-8", "replace")
    rewrite = _UNSTRUCTURED if name.lower().startswith("x-") else _REWRITES.get(name.lower())
    if rewrite is None or not name.isascii():
        return b""
    value = " ".join(raw_value.decode("utf-8", "replace").split())
    try:
        rewritten = rewrite(value)
    except Exception:  # the email package trips over what strangers send, "((((" as an address in the simplest case
        return b""
    return f"{name}: {rewritten}\r\n".encode("ascii") if rewritten else b""


def _encoded(text: str) -> str:
    """Encoded words (RFC 2047), folded. The first line leaves room for a field name."""
    return Header(text, "utf-8", maxlinelen=60).encode(linesep="\r\n")


def _return_path(value: str) -> str:
    return f"<{INVALID_ADDRESS}>"


def _addresses(value: str) -> str:
    return ",\r\n ".join(_address(name, address) for name, address in getaddresses([value]) if name or address)


def _address(name: str, address: str) -> str:
    if not address.isascii():
        return f"{_encoded(f'{name} <{address}>' if name else address)}\r\n <{INVALID_ADDRESS}>"
    if not name:
        return address
    if not name.isascii():
        return f"{_encoded(name)}\r\n <{address}>"
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}" <{address}>'


def _mime(value: str) -> str:
    """``type/subtype`` or a disposition, with its parameters: those in UTF-8 in the extended form of RFC 2231 4."""
    main = value.partition(";")[0].strip()
    if not main.isascii():
        return ""
    parameters = (_parameter(name, text.strip()) for name, text in _PARAMETER.findall(value))
    return ";\r\n ".join([main, *parameters])


def _parameter(name: str, text: str) -> str:
    if text.isascii():
        return f"{name}={text}"
    plain = re.sub(r"\\(.)", r"\1", text[1:-1]) if text.startswith('"') else text
    return f"{name.rstrip('*')}*=utf-8''{quote(plain, safe='')}"


_ADDRESS_FIELDS = ("from", "sender", "reply-to", "to", "cc", "bcc")
_UNSTRUCTURED = _encoded
_REWRITES: dict[str, Callable[[str], str]] = {
    "return-path": _return_path,
    **dict.fromkeys(_ADDRESS_FIELDS, _addresses),
    **dict.fromkeys((f"resent-{name}" for name in _ADDRESS_FIELDS), _addresses),
    **dict.fromkeys(("subject", "comments", "content-description"), _UNSTRUCTURED),
    **dict.fromkeys(("content-type", "content-disposition"), _mime),
}
"""Field name in lower case -> how a value with UTF-8 is written in ASCII, ``""`` if it cannot be."""
