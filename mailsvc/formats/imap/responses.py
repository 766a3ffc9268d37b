"""Responses of the server as bytes, each with its CRLF (RFC 3501 7, and the extensions named).

Values in, bytes out; which response may be sent when is the session's business.
"""

from collections.abc import Iterable, Mapping

from mailsvc.formats.imap.names import DELIMITER
from mailsvc.formats.imap.sets import NumberSet
from mailsvc.formats.imap.strings import NIL, mailbox, nstring, string

__all__ = [
    "capability",
    "continuation",
    "enabled",
    "esearch",
    "exists",
    "expunge",
    "fetch",
    "flags",
    "flags_item",
    "identification",
    "listed",
    "namespace",
    "recent",
    "search",
    "status",
    "tagged",
    "untagged",
]


def tagged(tag: str, condition: str, text: str, code: bytes = b"") -> bytes:
    """``tag OK [CODE] text``; ``condition`` is OK, NO or BAD. ``text`` is ASCII, for people."""
    bracketed = b"[" + code + b"] " if code else b""
    return f"{tag} {condition} ".encode("ascii") + bracketed + text.encode("ascii", "replace") + b"\r\n"


def untagged(condition: str, text: str, code: bytes = b"") -> bytes:
    """``* OK [CODE] text``; also NO, BAD, BYE and PREAUTH (RFC 3501 7.1)."""
    return tagged("*", condition, text, code)


def continuation(text: bytes = b"Ready") -> bytes:
    """``+ text``: base64 of a SASL challenge, or words for people; the space is never left out (RFC 3501 7.5)."""
    return b"+ " + text + b"\r\n"


def capability(names: Iterable[str]) -> bytes:
    """``* CAPABILITY ...``."""
    return " ".join(["* CAPABILITY", *names]).encode("ascii") + b"\r\n"


def enabled(names: Iterable[str]) -> bytes:
    """``* ENABLED ...`` (RFC 5161 3.2)."""
    return " ".join(["* ENABLED", *names]).encode("ascii") + b"\r\n"


def flags_item(names: Iterable[str]) -> bytes:
    """``(\\Seen $Forwarded)``."""
    return b"(" + " ".join(names).encode("ascii") + b")"


def flags(names: Iterable[str]) -> bytes:
    """``* FLAGS (...)``."""
    return b"* FLAGS " + flags_item(names) + b"\r\n"


def exists(count: int) -> bytes:
    """``* n EXISTS``."""
    return b"* %d EXISTS\r\n" % count


def recent(count: int) -> bytes:
    """``* n RECENT``."""
    return b"* %d RECENT\r\n" % count


def expunge(number: int) -> bytes:
    """``* n EXPUNGE``."""
    return b"* %d EXPUNGE\r\n" % number


def fetch(number: int, items: Iterable[bytes]) -> bytes:
    """``* n FETCH (...)`` of items such as ``b"UID 5"``."""
    return b"* %d FETCH (%b)\r\n" % (number, b" ".join(items))


def listed(
    name: str,
    attributes: Iterable[str],
    utf8: bool = False,
    command: str = "LIST",
    child_info: Iterable[str] = (),
) -> bytes:
    """``* LIST (\\HasNoChildren) "/" name``; ``name`` ``""`` answers ``LIST "" ""``.

    :param child_info: selection options that children fulfil (RFC 5258 3.5), upper case.
    """
    options = " ".join(f'"{option}"' for option in child_info)
    extended = f' ("CHILDINFO" ({options}))' if options else ""
    head = f'* {command} ({" ".join(attributes)}) "{DELIMITER}" '.encode("ascii")
    return head + mailbox(name, utf8) + extended.encode("ascii") + b"\r\n"


def status(name: str, items: Mapping[str, int | None], utf8: bool = False) -> bytes:
    """``* STATUS name (MESSAGES 3 ...)``; None is NIL (RFC 7889: APPENDLIMIT)."""
    pairs = " ".join(f"{item} {'NIL' if value is None else value}" for item, value in items.items())
    return b"* STATUS " + mailbox(name, utf8) + b" (" + pairs.encode("ascii") + b")\r\n"


def search(numbers: Iterable[int], modseq: int | None = None) -> bytes:
    """``* SEARCH 2 3 6``, also of nothing (RFC 3501 7.2.5); ``modseq``: the highest of those found (RFC 7162 3.1.5)."""
    words = ["* SEARCH", *map(str, numbers)]
    if modseq is not None and len(words) > 1:
        words.append(f"(MODSEQ {modseq})")
    return " ".join(words).encode("ascii") + b"\r\n"


def esearch(
    tag: str, options: Iterable[str], numbers: NumberSet, uid: bool = False, modseq: int | None = None
) -> bytes:
    """``* ESEARCH (TAG "a") UID COUNT 3 ALL 1:3`` (RFC 4731 3.1): MIN, MAX and ALL only if anything was found.

    :param options: what RETURN asked for. :param modseq: see RFC 4731 3.2.
    """
    words = [b"* ESEARCH (TAG " + string(tag.encode("ascii")) + b")"] + ([b"UID"] if uid else [])
    results = {
        "MIN": b"%d" % numbers.ranges[0][0] if numbers else b"",
        "MAX": b"%d" % numbers.ranges[-1][1] if numbers else b"",
        "ALL": bytes(numbers),
        "COUNT": b"%d" % len(numbers),
    }
    words += [option.encode("ascii") + b" " + results[option] for option in options if results.get(option)]
    if modseq is not None and numbers:
        words.append(b"MODSEQ %d" % modseq)
    return b" ".join(words) + b"\r\n"


def namespace(prefix: str = "") -> bytes:
    """``* NAMESPACE`` with one personal namespace (RFC 2342 5)."""
    return b"* NAMESPACE ((" + mailbox(prefix) + f' "{DELIMITER}")) NIL NIL\r\n'.encode("ascii")


def identification(fields: Mapping[str, str | None]) -> bytes:
    """``* ID (...)`` (RFC 2971 3.2)."""
    pairs = [
        string(name.encode("ascii")) + b" " + nstring(value.encode("ascii") if value is not None else None)
        for name, value in fields.items()
    ]
    return b"* ID " + (b"(" + b" ".join(pairs) + b")" if pairs else NIL) + b"\r\n"
