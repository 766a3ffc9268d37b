"""What the other server can do, from its reply to EHLO or LHLO (RFC 5321 4.1.1.1)."""

import re
from collections.abc import Iterable, Mapping

import attrs

__all__ = ["Capabilities"]

_LIMIT = re.compile(r"\b(MAILMAX|RCPTMAX|RCPTDOMAINMAX)=([0-9]{1,6})\b")


@attrs.frozen
class Capabilities:
    """The extensions offered.

    :ivar size: largest message in octets; 0: it names none; None: it does not know SIZE (RFC 1870).
    :ivar mechanisms: of AUTH, in capitals.
    :ivar mail_max: transactions on one connection. :ivar rcpt_max: recipients in one transaction. :ivar domain_max: domains of recipients
        on one connection (RFC 9422). 0: no limit named.
    """

    size: int | None = None
    pipelining: bool = False
    eight_bit: bool = False
    utf8: bool = False
    chunking: bool = False
    dsn: bool = False
    starttls: bool = False
    mechanisms: tuple[str, ...] = ()
    mail_max: int = 0
    rcpt_max: int = 0
    domain_max: int = 0

    @classmethod
    def of(cls, lines: Iterable[str]) -> "Capabilities":
        """Read the lines after the first one; what cannot be understood is as if it were not there."""
        offered: dict[str, str] = {}
        for line in lines:
            keyword, _, parameters = line.partition(" ")
            offered.setdefault(keyword.upper(), parameters.strip())
        limits = {name: int(value) for name, value in _LIMIT.findall(offered.get("LIMITS", "").upper())}
        return cls(
            size=_size(offered),
            pipelining="PIPELINING" in offered,
            eight_bit="8BITMIME" in offered,
            utf8="SMTPUTF8" in offered,
            chunking="CHUNKING" in offered,
            dsn="DSN" in offered,
            starttls="STARTTLS" in offered,
            mechanisms=tuple(offered.get("AUTH", "").upper().split()),
            mail_max=limits.get("MAILMAX", 0),
            rcpt_max=limits.get("RCPTMAX", 0),
            domain_max=limits.get("RCPTDOMAINMAX", 0),
        )


def _size(offered: Mapping[str, str]) -> int | None:
    limit = offered.get("SIZE")
    if limit is None:
        return None
    return int(limit) if limit.isascii() and limit.isdigit() and len(limit) <= 20 else 0
