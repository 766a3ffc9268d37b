"""What a sender may ask about reports: the parameters RET and ENVID of MAIL, NOTIFY and ORCPT of RCPT (RFC 3461 4, RFC 6533 3).

::

    "SUCCESS,DELAY"       -> notify -> Notify.SUCCESS | Notify.DELAY
    "rfc822;a+2Bb@c.test" -> orcpt  -> "rfc822;a+b@c.test"            (xtext undone: as it stands in a report)
    values -> mail_words, rcpt_words -> ["RET=HDRS", "ENVID=..."]     (for the next server)

The readers raise ValueError; :mod:`mailsvc.formats.smtp` makes a reply of it.
"""

import enum
import re

from mailsvc.formats import xtext

__all__ = ["ENVID_LIMIT", "ORCPT_LIMIT", "Notify", "envid", "mail_words", "notify", "orcpt", "rcpt_words", "ret"]

ENVID_LIMIT = 100
"""Characters of ENVID's value (RFC 3461 4.4)."""

ORCPT_LIMIT = 500
"""Characters of ORCPT's value (RFC 3461 4.2)."""

_ADDRESS_TYPE = re.compile(r"[A-Za-z0-9-]+")
_PRINTABLE = re.compile(r"[ -~]*")
_NO_CONTROLS = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]*")


class Notify(enum.IntFlag):
    """Of what the sender wants to be told about a recipient (RFC 3461 4.1). None of them: failure, and delay as we see fit."""

    NEVER = 1
    SUCCESS = 2
    FAILURE = 4
    DELAY = 8


def ret(value: str) -> str:
    """``"FULL"`` or ``"HDRS"``: how much of the message a report of failure brings back (4.3)."""
    if value.upper() not in {"FULL", "HDRS"}:
        raise ValueError("RET is FULL or HDRS")
    return value.upper()


def envid(value: str) -> str:
    """The sender's name for this transaction, xtext undone (4.4)."""
    text = xtext.decode(value)
    if not text or len(value) > ENVID_LIMIT or not _PRINTABLE.fullmatch(text):
        raise ValueError("bad ENVID")
    return text


def notify(value: str) -> Notify:
    """``NEVER``, or a list of the others (4.1)."""
    words = value.upper().split(",")
    if any(word not in Notify.__members__ for word in words) or ("NEVER" in words and len(words) > 1):
        raise ValueError("bad NOTIFY")
    asked = Notify(0)
    for word in words:
        asked |= Notify[word]
    return asked


def orcpt(value: str) -> str:
    """``type;address`` with the type in lower case and the address decoded (4.2; RFC 6533 3 for the type utf-8)."""
    kind, _, encoded = value.partition(";")
    kind = kind.lower()
    unicode = kind == "utf-8"
    address = xtext.decode_unitext(encoded) if unicode else xtext.decode(encoded)
    fits = (_NO_CONTROLS if unicode else _PRINTABLE).fullmatch(address)
    if not (_ADDRESS_TYPE.fullmatch(kind) and address.strip() and fits) or len(value.encode()) > ORCPT_LIMIT:
        raise ValueError("bad ORCPT")
    return f"{kind};{address}"


def mail_words(ret: str, envid: str) -> list[str]:
    """The parameters of MAIL for the next server; ``""`` for what the sender did not say."""
    words = [f"RET={ret}"] if ret else []
    return [*words, f"ENVID={xtext.encode(envid)}"] if envid else words


def rcpt_words(notify: int, orcpt: str) -> list[str]:
    """The parameters of RCPT for the next server; 0 and ``""`` for what the sender did not say. ASCII, whatever the next server knows."""
    words = [f"NOTIFY={','.join(one.name or '' for one in Notify if one & notify)}"] if notify else []
    kind, _, address = orcpt.partition(";")
    encoded = xtext.encode_unitext(address) if kind == "utf-8" else xtext.encode(address)
    # What came in as UTF-8 may be too long in ASCII: better none than half an address.
    return [*words, f"ORCPT={kind};{encoded}"] if orcpt and len(kind) + 1 + len(encoded) <= ORCPT_LIMIT else words
