"""Is this message a report about another one, and what does it say?

::

    octets -> parts -> the delivery-status part, wherever it is -> fields.parse -> Bounce
                    -> none: foreign.read_foreign                               -> Bounce, or None

Read are ours, and those of Postfix, Exim, Sendmail, qmail and Microsoft's servers. Whether to believe one is the caller's business:
anybody can send such a message.
"""

import re
from collections.abc import Iterator

from mailsvc.formats.dsn.fields import parse
from mailsvc.formats.dsn.foreign import read_foreign
from mailsvc.formats.dsn.values import Bounce
from mailsvc.formats.mime.charsets import decode
from mailsvc.formats.mime.fields import Fields
from mailsvc.formats.mime.parts import Part, scan
from mailsvc.formats.mime.transfer import UnknownEncoding, decode_transfer

__all__ = ["read"]

_STATUS_TYPES = {(b"message", b"delivery-status"), (b"message", b"global-delivery-status")}
# RFC 6533 4.4: any combination is to be expected.
_RETURNED_TYPES = {
    (b"message", b"rfc822"),
    (b"message", b"global"),
    (b"text", b"rfc822-headers"),
    (b"message", b"global-headers"),
    (b"message", b"rfc822-headers"),  # not registered, but sent
}
_END_OF_HEADER = re.compile(rb"\r?\n\r?\n")
_ID = re.compile(r"<[^<>\s]+>")


def read(data: bytes) -> Bounce | None:
    """The report that this message is, or None. Never raises."""
    message = scan(data)
    for part in _own_parts(message):
        if part.type in _STATUS_TYPES:
            status = parse(_content(data, part))
            if status is not None:
                return Bounce(status=status, message_id=_message_id(data, message))
    return read_foreign(data, message)


def _own_parts(part: Part) -> Iterator[Part]:
    """The parts of this message; what it encloses is somebody else's."""
    yield part
    if part.is_multipart:
        for child in part.children:
            yield from _own_parts(child)


def _content(data: bytes, part: Part) -> bytes:
    content = data[part.body : part.end]
    try:
        return decode_transfer(content, part.encoding)
    except UnknownEncoding:
        return content


def _message_id(data: bytes, message: Part) -> str:
    returned = next((part for part in _own_parts(message) if part.type in _RETURNED_TYPES), None)
    if returned is None:
        return ""
    header = _END_OF_HEADER.split(_content(data, returned), 1)[0]
    found = _ID.search(decode(Fields(header).first(b"message-id") or b""))
    return found[0] if found else ""
