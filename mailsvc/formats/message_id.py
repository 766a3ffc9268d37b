"""The Message-ID of a message, as people quote it (RFC 5322 3.6.4)."""

import re

__all__ = ["MOST", "message_id"]

MOST = 250
"""Characters of it that are looked at."""

_FIELD = re.compile(rb"^message-id[ \t]*:[ \t\r\n]*<?([^ \t\r\n<>]{1,%d})" % MOST, re.I | re.M)


def message_id(header: bytes) -> str:
    """That of a header, without angle brackets; ``""`` if it has none."""
    found = _FIELD.search(header)
    return found[1].decode("utf-8", "replace") if found else ""
