"""ENVELOPE of a header (RFC 3501 7.4.2).

Values are unfolded and otherwise as they were sent: encoded words stay encoded, octets above 127 go into literals. To, Cc and Bcc are all
fields of that name together, other fields the first one. Sender and Reply-To are From if they are missing or hold no address.
"""

from mailsvc.formats.imap.strings import NIL, nstring
from mailsvc.formats.mime.addresses import Address, parse_addresses
from mailsvc.formats.mime.fields import Fields

__all__ = ["envelope"]


def envelope(fields: Fields) -> bytes:
    """``(date subject from sender reply-to to cc bcc in-reply-to message-id)``."""
    sender = _first(fields, b"from")
    return b"(" + b" ".join(
        (
            nstring(fields.first(b"date")),
            nstring(fields.first(b"subject")),
            sender,
            _first(fields, b"sender", sender),
            _first(fields, b"reply-to", sender),
            _all(fields, b"to"),
            _all(fields, b"cc"),
            _all(fields, b"bcc"),
            nstring(fields.first(b"in-reply-to")),
            nstring(fields.first(b"message-id")),
        )
    ) + b")"  # fmt: skip


def _first(fields: Fields, name: bytes, default: bytes = NIL) -> bytes:
    value = fields.first(name)
    addresses = _addresses(parse_addresses(value)) if value else NIL
    return default if addresses is NIL else addresses


def _all(fields: Fields, name: bytes) -> bytes:
    return _addresses([address for value in fields.all(name) for address in parse_addresses(value)])


def _addresses(addresses: list[Address]) -> bytes:
    if not addresses:
        return NIL
    return b"(" + b"".join(map(_address, addresses)) + b")"


def _address(address: Address) -> bytes:
    return b"(" + b" ".join(map(nstring, address)) + b")"
