"""The content of message/delivery-status: groups of fields <-> values (RFC 3464 2, RFC 6533 4.1).

Written as ASCII, or as UTF-8 (message/global-delivery-status). What a line cannot hold never gets into one: white space of any kind is
one space, other controls are question marks, and long words of a remote are cut. In ASCII, text beyond it is written as ``\\x{592A}``
(unitext), for which the type utf-8 is made; in diagnostics we do the same, and read it back.
"""

import re
from datetime import datetime
from email.utils import parsedate_to_datetime

from mailsvc.formats import xtext
from mailsvc.formats.dsn.values import DeliveryStatus, RecipientStatus
from mailsvc.formats.mime.charsets import decode
from mailsvc.formats.mime.fields import Fields
from mailsvc.formats.received import date_time

__all__ = ["ACTIONS", "one_line", "parse", "refined", "render"]

ACTIONS = ("failed", "delayed", "delivered", "relayed", "expanded")

LONGEST = 900
"""Octets of a value: with its name it fits into a line (RFC 5322 2.1.1: 998)."""

MAX_GROUPS = 1000
"""Recipients that are read of one report."""

_WIDTH = 76
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_ESCAPED = re.compile(r"[^ -~]|\\(?=x\{)")
_BLANK = re.compile(rb"(?:\r?\n[ \t]*)+\r?\n")
_STATUS = re.compile(r"(?<![0-9.])[245]\.[0-9]{1,3}\.[0-9]{1,3}(?!\.?[0-9])")
_COMMENT_AT_END = re.compile(r"\s*\([^()]*\)\s*$")


def one_line(text: str) -> str:
    """Text that came from a stranger, as one line."""
    return _CONTROLS.sub("?", " ".join(text.split()))


# --- writing ---


def render(status: DeliveryStatus, utf8: bool = False) -> bytes:
    """The content, lines ending with CRLF. :param utf8: for message/global-delivery-status."""
    groups = [_message_group(status), *(_recipient_group(one, utf8) for one in status.recipients)]
    return b"\r\n".join("".join(_line(name, value) for name, value in group if value).encode() for group in groups)


_Group = list[tuple[str, str]]


def _message_group(status: DeliveryStatus) -> _Group:
    return [
        ("Original-Envelope-Id", _ascii(one_line(status.envelope_id))),
        ("Reporting-MTA", f"dns; {_ascii(one_line(status.reporter))}"),
        ("Arrival-Date", _date(status.arrived)),
    ]


def _recipient_group(one: RecipientStatus, utf8: bool) -> _Group:
    return [
        ("Original-Recipient", _typed(*_split(one.original), utf8) if one.original else ""),
        ("Final-Recipient", _typed("rfc822" if one.final.isascii() else "utf-8", one.final, utf8)),
        ("Action", one.action),
        ("Status", one.status),
        ("Remote-MTA", f"dns; {_ascii(one_line(one.remote))}" if one.remote else ""),
        (
            "Diagnostic-Code",
            "; ".join(_ascii(one_line(text)) for text in _split(one.diagnostic)) if one.diagnostic else "",
        ),
        ("Last-Attempt-Date", _date(one.tried)),
        ("Will-Retry-Until", _date(one.until)),
    ]


def _split(text: str) -> tuple[str, str]:
    kind, _, value = text.partition(";")
    return kind, value


def _typed(kind: str, address: str, utf8: bool) -> str:
    """``type; address``. An address is left as it is, double spaces in quotes included (2.3.2: "exactly")."""
    address = _CONTROLS.sub("?", address).strip()
    if kind != "utf-8":
        return f"{kind}; {address if address.isascii() else _ascii(address)}"
    return f"utf-8; {address if utf8 else xtext.encode_unitext(address)}"


def _ascii(text: str) -> str:
    """Printable ASCII of at most LONGEST octets, cut between characters."""
    text = _ESCAPED.sub(lambda match: rf"\x{{{ord(match[0]):02X}}}", text)
    if len(text) <= LONGEST:
        return text
    return re.sub(r"\\(?:x(?:\{[0-9A-F]*)?)?$", "", text[: LONGEST - 4]).rstrip() + " ..."


def _date(moment: datetime | None) -> str:
    return date_time(moment) if moment else ""


def _line(name: str, value: str) -> str:
    """One field, folded at spaces between words; addresses are not, for some who read them do not unfold."""
    if name.endswith("-Recipient"):
        return f"{name}: {value}\r\n"
    lines = [f"{name}:"]
    for word in value.split(" "):
        if len(lines[-1]) + len(word) >= _WIDTH and lines[-1] != f"{name}:":
            lines.append("")
        lines[-1] += f" {word}"
    return "\r\n".join(lines) + "\r\n"


# --- reading ---


def parse(content: bytes) -> DeliveryStatus | None:
    """What the content says; None unless there is one recipient at least with an action and an address. Never raises."""
    groups = [Fields(piece) for piece in _BLANK.split(content.strip(b"\r\n"), MAX_GROUPS)]
    # A group of a recipient has a Final-Recipient; some servers leave out the blank line after the fields of the message.
    recipients = tuple(filter(None, map(_recipient, groups)))
    if not recipients:
        return None
    return DeliveryStatus(
        reporter=_value(groups[0], b"reporting-mta"),
        recipients=recipients,
        envelope_id=xtext.decode_unitext(_text(groups[0], b"original-envelope-id")),
        arrived=_moment(groups[0], b"arrival-date"),
    )


def _recipient(group: Fields) -> RecipientStatus | None:
    final = _address(group, b"final-recipient")[1]
    action = _COMMENT_AT_END.sub("", _text(group, b"action")[:LONGEST]).lower()
    if not final or action not in ACTIONS:
        return None
    original = ";".join(_address(group, b"original-recipient"))
    kind, words = _pair(group, b"diagnostic-code")
    words = xtext.decode_unitext(" ".join(words.split()))
    return RecipientStatus(
        final=final,
        action=action,
        status=_status(_text(group, b"status"), words, action),
        original=original if original != ";" else "",
        remote=_value(group, b"remote-mta"),
        diagnostic=f"{kind};{words}" if words else "",
        tried=_moment(group, b"last-attempt-date"),
        until=_moment(group, b"will-retry-until"),
    )


def _text(group: Fields, name: bytes) -> str:
    return decode(group.first(name) or b"")


def _pair(group: Fields, name: bytes) -> tuple[str, str]:
    """``type; value``; without a type the value alone."""
    kind, semicolon, value = _text(group, name).partition(";")
    return (kind.strip().lower(), value.strip()) if semicolon else ("", kind.strip())


def _value(group: Fields, name: bytes) -> str:
    return xtext.decode_unitext(_pair(group, name)[1])


def _address(group: Fields, name: bytes) -> tuple[str, str]:
    kind, value = _pair(group, name)
    if value.startswith("<") and value.endswith(">"):  # wrong, but seen
        value = value[1:-1]
    return kind, xtext.decode_unitext(value) if kind == "utf-8" else value


_CLASS = {"failed": "5.0.0", "delayed": "4.0.0"}


def _status(said: str, words: str, action: str) -> str:
    found = _STATUS.match(said)
    return refined(found[0] if found else _CLASS.get(action, "2.0.0"), words)


def refined(status: str, words: str) -> str:
    """The status code; where it says nothing (Exim: always ``5.0.0``), the one in the remote's words if there is one."""
    better = _STATUS.search(words) if status.endswith(".0.0") else None
    return better[0] if better and better[0][0] == status[0] else status


def _moment(group: Fields, name: bytes) -> datetime | None:
    try:
        return parsedate_to_datetime(_text(group, name))
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
