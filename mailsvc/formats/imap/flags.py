"""Flags and keywords (RFC 3501 2.3.2): ``str``, system flags in their usual spelling, keywords as they were sent.

Keywords compare without regard to case; which spelling is shown is the mailbox's business.
"""

import re

from mailsvc.formats.imap.cursor import Cursor
from mailsvc.formats.imap.errors import BadSyntax

__all__ = ["SYSTEM_FLAGS", "flag", "flag_list", "flags", "keyword"]

SYSTEM_FLAGS = ("\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft")
MAX_KEYWORD = 100

_CANONICAL = {name.lower(): name for name in SYSTEM_FLAGS}
_FLAG = re.compile(rb"\\?[!#$&'+,\-./0-9:;<=>?@A-Z\[^_`a-z|}~]+")


def flag(cursor: Cursor) -> str:
    """flag: a system flag that a client may set, or a keyword."""
    text = cursor.expect(_FLAG, "a flag")[0].decode("ascii")
    if not text.startswith("\\"):
        return _short(text)
    known = _CANONICAL.get(text.lower())
    if known is None:  # \Recent too: "can not be altered by the client"
        raise BadSyntax(f"There is no flag {text[:32]} to set")
    return known


def keyword(cursor: Cursor) -> str:
    """flag-keyword = atom."""
    return _short(cursor.atom("a keyword"))


def _short(text: str) -> str:
    if len(text) > MAX_KEYWORD:
        raise BadSyntax(f"Keywords have at most {MAX_KEYWORD} characters")
    return text


def flag_list(cursor: Cursor) -> tuple[str, ...]:
    """flag-list = "(" [flag *(SP flag)] ")", without repetition."""
    return tuple(dict.fromkeys(cursor.listed(flag, empty=True)))


def flags(cursor: Cursor) -> tuple[str, ...]:
    """flag-list / (flag *(SP flag))."""
    if cursor.peek(b"("):
        return flag_list(cursor)
    found = [flag(cursor)]
    while cursor.skip(b" "):
        found.append(flag(cursor))
    return tuple(dict.fromkeys(found))
