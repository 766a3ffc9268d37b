"""A delivery status notification as octets (RFC 3464 2, RFC 6522, RFC 6533 4).

::

    Letter(text for people) + DeliveryStatus + Returned(what comes back) -> build -> multipart/report, lines ending with CRLF

It is 7-bit throughout, so that it reaches everybody, with these exceptions: a returned message with 8-bit text has it still (RFC 2046
5.2.1 allows message/rfc822 no encoding), and ``utf8`` asks for the forms of RFC 6533 as they are: for a mailbox of ours, or for an address
that is not ASCII and so needs SMTPUTF8 anyway. Elsewhere their content is encoded in base64 (RFC 6533 4.5).
"""

import base64
import binascii
from datetime import datetime
from email.header import Header

import attrs

from mailsvc.formats.dsn.fields import one_line, render
from mailsvc.formats.dsn.values import DeliveryStatus
from mailsvc.formats.received import date_time

__all__ = ["Letter", "Returned", "build"]

_LONGEST_LINE = 998


@attrs.frozen(kw_only=True)
class Letter:
    """What people see.

    :ivar sender: address of a person at the reporting host; ``recipient``: the return address: both as :func:`smtp.mailbox` writes them.
    :ivar token: unlike that of any other report, letters and digits. :ivar host: our name. :ivar text: lines ending with ``\\n``.
    :ivar about: Message-ID of the message that is reported about, with angle brackets, ``""`` if it has none. :ivar languages: tags.
    """

    sender: str
    recipient: str
    subject: str
    date: datetime
    token: str
    host: str
    text: str
    about: str = ""
    languages: str = "ja, en"


@attrs.frozen
class Returned:
    """What comes back of the message: all of it, or its header only. ``utf8``: it came with SMTPUTF8."""

    octets: bytes
    full: bool
    utf8: bool = False


_Part = tuple[list[str], bytes]
"""Header fields and content of a body part."""


def build(letter: Letter, status: DeliveryStatus, returned: Returned | None = None, *, utf8: bool = False) -> bytes:
    """The report. :param utf8: whether it may hold UTF-8 anywhere."""
    parts = [_text(letter), _status(status, utf8)]
    if returned is not None:
        parts.append(_returned(returned, utf8))
    boundary = _boundary(letter.token, parts)
    head = "".join(f"{field}\r\n" for field in [*_header(letter), *_type(boundary, parts)])
    body = b"".join(b"\r\n--%b\r\n%b" % (boundary.encode(), _part(part)) for part in parts)
    return head.encode() + body + b"\r\n--%b--\r\n" % boundary.encode()


def _header(letter: Letter) -> list[str]:
    about = [f"In-Reply-To: {letter.about}", f"References: {letter.about}"] if letter.about else []
    return [
        f"Date: {date_time(letter.date)}",
        f"From: Mail Delivery System <{letter.sender}>",
        f"To: <{letter.recipient}>",
        "Subject: " + Header(one_line(letter.subject), header_name="Subject").encode(linesep="\r\n"),
        f"Message-ID: <{letter.token}@{letter.host}>",
        *about,
        "Auto-Submitted: auto-replied",  # RFC 3834 5
        "MIME-Version: 1.0",
    ]


def _type(boundary: str, parts: list[_Part]) -> list[str]:
    eight_bit = not all(content.isascii() for _, content in parts)
    return [
        f'Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary="{boundary}"',
        *(["Content-Transfer-Encoding: 8bit"] if eight_bit else []),
    ]


def _boundary(token: str, parts: list[_Part]) -> str:
    """One that none of the parts holds; ``=_`` is in no base64 and no quoted-printable (RFC 2045 6.7)."""
    number = 0
    while any(f"=_{token}.{number}".encode() in content for _, content in parts):
        number += 1
    return f"=_{token}.{number}"


def _part(part: _Part) -> bytes:
    fields, content = part
    return "".join(f"{field}\r\n" for field in fields).encode() + b"\r\n" + content


def _text(letter: Letter) -> _Part:
    """Base64: Japanese text survives every old relay, and every client decodes it."""
    fields = [
        "Content-Description: Notification",
        "Content-Type: text/plain; charset=utf-8",
        f"Content-Language: {letter.languages}",
        "Content-Transfer-Encoding: base64",
    ]
    return fields, _base64(letter.text.replace("\n", "\r\n").encode("utf-8", "replace"))


def _base64(octets: bytes) -> bytes:
    return base64.encodebytes(octets).replace(b"\n", b"\r\n")


def _status(status: DeliveryStatus, utf8: bool) -> _Part:
    content = render(status, utf8)
    name = "delivery-status" if content.isascii() else "global-delivery-status"
    return ["Content-Description: Delivery report", f"Content-Type: message/{name}", *_eight_bit(content)], content


def _eight_bit(content: bytes) -> list[str]:
    return [] if content.isascii() else ["Content-Transfer-Encoding: 8bit"]


def _returned(returned: Returned, utf8: bool) -> _Part:
    """The third part. Only a header with UTF-8 in it needs the forms of RFC 6533."""
    header = returned.octets.partition(b"\r\n\r\n")[0]
    if returned.utf8 and not header.isascii():
        return _global(returned, utf8)
    if returned.full:
        fields = ["Content-Description: Original Message", "Content-Type: message/rfc822"]
        return [*fields, *_eight_bit(returned.octets)], returned.octets
    return _headers(returned.octets)


def _global(returned: Returned, utf8: bool) -> _Part:
    what, name = ("Message", "global") if returned.full else ("Message Headers", "global-headers")
    fields = [f"Content-Description: Original {what}", f"Content-Type: message/{name}"]
    if utf8:
        return [*fields, "Content-Transfer-Encoding: 8bit"], returned.octets
    return [*fields, "Content-Transfer-Encoding: base64"], _base64(returned.octets)


def _headers(octets: bytes) -> _Part:
    fields = ["Content-Description: Original Message Headers", "Content-Type: text/rfc822-headers"]
    if octets.isascii() and all(len(line) <= _LONGEST_LINE for line in octets.split(b"\r\n")):
        return fields, octets
    return [*fields, "Content-Transfer-Encoding: quoted-printable"], binascii.b2a_qp(octets)
