"""Reports from before there was a standard, or beside it, read from their plain text.

- Exim before 4.85: a header field ``X-Failed-Recipients``, and in the text each address, indented, with its reason below it.
- qmail (and its heirs): QSBMF, "Hi. This is the ...", a paragraph for each address, then a copy of the message.

Only failures can be told so: both sent warnings that looked different, and those are left alone.
"""

import re
from collections.abc import Callable

from mailsvc.formats.dsn.fields import MAX_GROUPS, one_line, refined
from mailsvc.formats.dsn.values import Bounce, DeliveryStatus, RecipientStatus
from mailsvc.formats.mime.charsets import decode
from mailsvc.formats.mime.parts import Part

__all__ = ["read_foreign"]

MAX_TEXT = 262_144
"""Octets of the text that are looked at."""

_QMAIL_START = re.compile(r"Hi\. This is the ")
_QMAIL_END = re.compile(r"^--- (?:Below this line is|Enclosed are|Undelivered)", re.MULTILINE)
_QMAIL_ADDRESS = re.compile(r"<([^<>\s@]+@[^<>\s]+)>:\n(.*)", re.DOTALL)
_EXIM_END = re.compile(r"^------ This is a copy of (?:the|your) message", re.MULTILINE)
_MESSAGE_ID = re.compile(r"^message-id:\s*(<[^<>\s]+>)", re.MULTILINE | re.IGNORECASE)
_REMOTE = re.compile(r"host (\S+) \[|^Connected to (\S+) but|^(\S+) does not like recipient", re.MULTILINE)


def read_foreign(data: bytes, message: Part) -> Bounce | None:
    """The report, if ``message`` is one of these. Never raises."""
    if message.is_multipart:
        return None
    text = decode(data[message.body : min(message.end, message.body + MAX_TEXT)]).replace("\r\n", "\n")
    for style, read in _STYLES.items():
        failed = read(message, text)
        if failed:
            reporter = decode(message.fields.first(b"from") or b"").rpartition("@")[2].rstrip("> ")
            found = _MESSAGE_ID.search(text)
            status = DeliveryStatus(reporter=reporter, recipients=tuple(failed))
            return Bounce(status=status, style=style, message_id=found[1] if found else "")
    return None


def _exim(message: Part, text: str) -> list[RecipientStatus]:
    addresses = decode(b",".join(message.fields.all(b"x-failed-recipients"))).split(",")
    text = _EXIM_END.split(text)[0]
    return [
        _failed(address.strip(), _below(address.strip(), text)) for address in addresses[:MAX_GROUPS] if address.strip()
    ]


def _below(address: str, text: str) -> str:
    """The indented lines below the line with the address."""
    _, found, rest = text.partition(f"\n  {address}\n")
    lines = rest.split("\n") if found else []
    end = next((number for number, line in enumerate(lines) if not line.startswith("    ")), len(lines))
    return " ".join(lines[:end])


def _qmail(message: Part, text: str) -> list[RecipientStatus]:
    if not _QMAIL_START.match(text.lstrip()):
        return []
    paragraphs = re.split(r"\n[ \t]*\n", _QMAIL_END.split(text)[0])[:MAX_GROUPS]
    found = (_QMAIL_ADDRESS.match(paragraph.strip()) for paragraph in paragraphs)
    return [_failed(one[1], one[2]) for one in found if one]


_STYLES: dict[str, Callable[[Part, str], list[RecipientStatus]]] = {"exim": _exim, "qmail": _qmail}


def _failed(address: str, reason: str) -> RecipientStatus:
    words = one_line(reason)
    remote = _REMOTE.search(reason)
    return RecipientStatus(
        final=address,
        action="failed",
        status=refined("5.0.0", words),
        remote=next(filter(None, remote.groups()), "") if remote else "",
        diagnostic=f"x-text;{words}" if words else "",
    )
