"""The trace that a receiving server puts before a message: Return-Path and Received (RFC 5321 4.4, 3848, 6531 3.7.3).

Nothing in it tells who logged in: a message shows its path, not a login name.
"""

import re
from collections.abc import Iterable
from datetime import datetime
from email.utils import format_datetime

import attrs

from mailsvc.formats.address import Address, canonical_domain
from mailsvc.formats.smtp import Malformed, mailbox, path, rcpt_argument

__all__ = ["Hop", "address_literal", "date_time", "passes", "received", "return_path", "with_protocol"]

_OURS = re.compile(rb"\sby\s+(\S+)\s+with\s+\S+(?:\s+\(POP-before-SMTP\))?\s+id\s+[^\s;]+(?:\s+for\s+<(.{0,400}?)>)?;")
"""What :func:`received` writes, however it was folded since."""


@attrs.frozen(kw_only=True)
class Hop:
    """How a message came to us.

    :ivar helo: the name the client gave. :ivar address: its IP address, ``""`` on a Unix socket. :ivar tls: such as ``"TLSv1.3"``.
    :ivar by: our name. :ivar protocol: see :func:`with_protocol`. :ivar id: queue id.
    :ivar recipient: the forward-path if there is only one (RFC 5321 7.2: more would tell them of each other).
    :ivar date: rendered by :func:`date_time`. :ivar by_grant: POP-before-SMTP let it in.
    """

    helo: str
    address: str
    by: str
    protocol: str
    id: str
    date: str
    tls: str | None = None
    recipient: Address | None = None
    by_grant: bool = False


def with_protocol(base: str, *, utf8: bool, tls: bool, authenticated: bool) -> str:
    """The ``with`` keyword: ``SMTP`` stays as it is, ``ESMTP`` and ``LMTP`` grow S and A (RFC 3848), UTF8 before (RFC 6531 4.3)."""
    if base == "SMTP":
        return base
    return ("UTF8" + base.removeprefix("E") if utf8 else base) + "S" * tls + "A" * authenticated


def address_literal(address: str) -> str:
    """``[192.0.2.1]`` or ``[IPv6:2001:db8::1]`` (RFC 5321 4.1.3)."""
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"


def date_time(moment: datetime) -> str:
    """``Mon, 05 Oct 2026 10:00:00 +0900`` (RFC 5322 3.3); ``moment`` knows its offset."""
    return format_datetime(moment)


def received(hop: Hop) -> bytes:
    """The header field with its CRLF."""
    origin = f" ({address_literal(hop.address)})" if hop.address else ""
    tls = f"\r\n\t(using {hop.tls})" if hop.tls else ""
    grant = " (POP-before-SMTP)" if hop.by_grant else ""
    target = f"\r\n\tfor <{mailbox(hop.recipient)}>" if hop.recipient else ""
    return (
        f"Received: from {hop.helo}{origin}{tls}\r\n"
        f"\tby {hop.by} with {hop.protocol}{grant} id {hop.id}{target};\r\n"
        f"\t{hop.date}\r\n"
    ).encode()


def passes(values: Iterable[bytes], by: str) -> list[str]:
    """How often a message has been here: for each Received field that is ours, for whom it then was: the canonical address, ``""`` for
    several recipients. ``values``: of its Received fields, unfolded; ``by``: our name."""
    ours = (_OURS.search(value) for value in values)
    name = canonical_domain(by)
    return [_addressee(one[2]) for one in ours if one and canonical_domain(one[1].decode("utf-8", "replace")) == name]


def _addressee(text: bytes | None) -> str:
    try:
        return rcpt_argument(b"TO:<" + text + b">")[0].canonical if text else ""
    except Malformed:
        return ""


def return_path(reverse_path: Address | None) -> bytes:
    """The header field with its CRLF."""
    return f"Return-Path: {path(reverse_path)}\r\n".encode()
