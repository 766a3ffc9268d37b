"""The grammar of SMTP commands: octets of one line -> values (RFC 5321 4.1, 6531 3.3, 1870, 3030, 3461, 6152, 4954).

::

    b"MAIL FROM:<a@b> SIZE=99" -> split_command -> b"MAIL", b"FROM:<a@b> SIZE=99" -> mail_argument -> Address(a, b), {"SIZE": "99"}
                                                                                   -> mail_parameters -> MailParameters(size=99)

What cannot be read raises :class:`Malformed`, which carries the reply. :func:`mailbox` and :func:`path` go the other way.

Where practice is wider than the letter, we follow practice: a local part may have dots anywhere (``a..b.@docomo.ne.jp`` exists), a domain
may have underscores, spaces may follow the colon. A path is bounded as a whole (4.5.3.1.3), its local part not separately: mailing lists
and forwarders write long ones.
"""

import re
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import attrs

from mailsvc.formats import dsn_parameters, xtext
from mailsvc.formats.address import Address
from mailsvc.formats.dsn_parameters import Notify
from mailsvc.formats.reply import Reply

__all__ = [
    "COMMAND_LIMIT",
    "MailParameters",
    "Malformed",
    "Parameters",
    "RcptParameters",
    "bdat_argument",
    "etrn_argument",
    "helo_argument",
    "mail_argument",
    "mail_parameters",
    "mailbox",
    "path",
    "rcpt_argument",
    "rcpt_parameters",
    "split_command",
    "vrfy_argument",
]

COMMAND_LIMIT = 2048
"""Octets of a command line other than AUTH: 510 (RFC 5321 4.5.3.1.4) and what the parameters of all extensions add, with room."""

PATH_LIMIT = 256
"""Octets of a path with its angle brackets, without a source route (RFC 5321 4.5.3.1.3)."""

Parameters = dict[str, str | None]
"""ESMTP parameters: keyword in capitals -> value, None if there was no ``=``."""


class Malformed(Exception):
    """A line that the grammar does not allow; ``reply`` says what is wrong."""

    def __init__(self, code: int, enhanced: str, text: str) -> None:
        super().__init__(text)
        self.reply = Reply(code, enhanced, text)


# RFC 5321 4.1.2 with RFC 6531 3.3: beyond ASCII everything but the C1 controls. The sets say what is excluded: one that names all of
# Unicode takes 10 ms to compile, in each process that starts.
_ATEXT = r'[^\x00-\x20"(),.:;<>@\[\\\]\x7f-\x9f]'
_DOT_STRING = r'[^\x00-\x20"(),:;<>@\[\\\]\x7f-\x9f]+'
_QUOTED = r'"(?:[^\x00-\x1f"\\\x7f-\x9f]|\\[ -~])*"'
_LET_DIG = r"[^\x00-,./:-@\[-^`{-\x9f]"  # with "-" and "_"
_LABEL = rf"(?!-){_LET_DIG}+(?<!-)"
_DOMAIN = rf"{_LABEL}(?:\.{_LABEL})*"
_LITERAL = r"\[[A-Za-z0-9.:-]+\]"
_AT_DOMAIN = rf"@(?:{_DOMAIN}|{_LITERAL})"
_MAILBOX = rf"(?P<local>{_DOT_STRING}|{_QUOTED})@(?P<domain>{_DOMAIN}|{_LITERAL})"
_PATH = re.compile(
    rf"<(?:{_AT_DOMAIN}(?:,{_AT_DOMAIN})*:)?(?:{_MAILBOX}|(?P<postmaster>[Pp][Oo][Ss][Tt][Mm][Aa][Ss][Tt][Ee][Rr]))>"
)
_BARE = re.compile(_MAILBOX)
_ATOMS = re.compile(rf"{_ATEXT}+(?:\.{_ATEXT}+)*")
_PARAMETER = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([^\x00-\x20=\x7f-\x9f]+))?")
_HELO = re.compile(rf"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.?|{_LITERAL}")
_BDAT = re.compile(rb"([0-9]{1,18})(?: +(LAST))?", re.IGNORECASE)
_QUOTED_PAIR = re.compile(r"\\(.)")
_TO_QUOTE = re.compile(r'(["\\])')


# --- commands ---


def split_command(line: bytes) -> tuple[bytes, bytes]:
    """The verb in capitals, and the argument without white space around it."""
    verb, _, argument = line.partition(b" ")
    return verb.strip().upper(), argument.strip(b" \t")


def helo_argument(argument: bytes) -> str:
    """The name in HELO, EHLO and LHLO (RFC 5321 4.1.1.1): it goes into Received, so nothing but a domain or an address literal passes."""
    name = argument.decode("ascii", "replace")
    if len(name) > 255 or not _HELO.fullmatch(name):
        raise Malformed(501, "", "Syntax: the command takes the client's domain name or address literal")
    return name


def mail_argument(argument: bytes) -> tuple[Address | None, Parameters]:
    """``FROM:<reverse-path> [parameters]``; the null path is None."""
    text = _after(argument, "FROM:", "Syntax: MAIL FROM:<address> [parameters]")
    if text.startswith("<>"):
        return None, _parameters(text[2:])
    address, rest = _path(text, "5.1.7")
    return address, _parameters(rest)


def rcpt_argument(argument: bytes) -> tuple[Address, Parameters]:
    """``TO:<forward-path> [parameters]``."""
    address, rest = _path(_after(argument, "TO:", "Syntax: RCPT TO:<address> [parameters]"), "5.1.3")
    return address, _parameters(rest)


def bdat_argument(argument: bytes) -> tuple[int, bool]:
    """``chunk-size [LAST]`` (RFC 3030 2)."""
    match = _BDAT.fullmatch(argument)
    if match is None:
        raise Malformed(501, "5.5.4", "Syntax: BDAT size [LAST]")
    return int(match[1]), match[2] is not None


def etrn_argument(argument: bytes) -> tuple[str, bool]:
    """``[@]node`` (RFC 1985 5): a domain with a dot in it, and whether those below it are meant too.

    There are no queues with names (``#``).
    """
    node = argument.decode("ascii", "replace")
    below = node.startswith("@")
    match = _HELO.fullmatch(node[below:])
    if match is None or len(node) > 255 or "." not in node or node[below] == "[":
        raise Malformed(501, "5.5.4", "Syntax: ETRN [@]domain")
    return node[below:], below


def vrfy_argument(argument: bytes) -> Address:
    """A mailbox, with or without angle brackets, or a local part alone: then ``domain`` is ``""`` (RFC 5321 3.5.1)."""
    text = _text(argument)
    if text.upper().endswith(" SMTPUTF8"):  # RFC 6531 3.7.4.2
        text = text[: -len(" SMTPUTF8")].rstrip()
    match = _PATH.fullmatch(text) or _BARE.fullmatch(text)
    if match is not None:
        return _address(match, "5.1.3")
    if not re.fullmatch(_DOT_STRING, text):
        raise Malformed(501, "5.1.3", "Syntax: VRFY address")
    return Address(text, "")


def _text(argument: bytes) -> str:
    try:
        return argument.decode("utf-8")
    except UnicodeDecodeError:
        raise Malformed(501, "5.5.2", "Addresses are ASCII or UTF-8") from None


def _after(argument: bytes, keyword: str, usage: str) -> str:
    text = _text(argument)
    if text[: len(keyword)].upper() != keyword:
        raise Malformed(501, "5.5.2", usage)
    return text[len(keyword) :].lstrip(" ")


# --- paths ---


def _path(text: str, enhanced: str) -> tuple[Address, str]:
    match = _PATH.match(text)
    if match is None:
        raise Malformed(501, enhanced, "Bad address syntax, it should be <name@domain>")
    return _address(match, enhanced), text[match.end() :]


def _address(match: re.Match[str], enhanced: str) -> Address:
    local, domain = match["local"], match["domain"]
    if local is None:
        return Address(match["postmaster"], "")
    if len(local) + len(domain) > 60 and len(f"<{local}@{domain}>".encode()) > PATH_LIMIT:
        raise Malformed(501, enhanced, f"Address too long, the limit is {PATH_LIMIT} octets")
    if local[0] == '"':
        local = _QUOTED_PAIR.sub(r"\1", local[1:-1])
    if domain[0] == "[" and not _is_literal(domain):
        raise Malformed(501, enhanced, "Bad address literal")
    return Address(local, domain)


def _is_literal(domain: str) -> bool:
    """RFC 5321 4.1.3. General address literals have no registered use."""
    tag, colon, rest = domain[1:-1].partition(":")
    try:
        if colon and tag.upper() == "IPV6":
            IPv6Address(rest)
        else:
            IPv4Address(domain[1:-1])
    except ValueError:
        return False
    return True


def mailbox(address: Address) -> str:
    """``local@domain`` with the local part quoted where the grammar needs it (RFC 5321 4.1.2)."""
    local = address.local
    if not _ATOMS.fullmatch(local):
        local = '"' + _TO_QUOTE.sub(r"\\\1", local) + '"'
    return f"{local}@{address.domain}" if address.domain else local


def path(address: Address | None) -> str:
    """``<local@domain>``; ``<>`` for None."""
    return f"<{mailbox(address)}>" if address else "<>"


# --- parameters ---


def _parameters(text: str) -> Parameters:
    """``SP keyword[=value] ...`` (RFC 5321 4.1.2 esmtp-param)."""
    if not text:
        return {}
    if text[0] != " ":
        raise Malformed(501, "5.5.4", "Syntax: a space belongs between the address and its parameters")
    found: Parameters = {}
    for word in text.split():
        match = _PARAMETER.fullmatch(word)
        if match is None:
            raise Malformed(501, "5.5.4", "Bad parameter syntax, it should be KEYWORD=VALUE")
        keyword = match[1].upper()
        if keyword in found:
            raise Malformed(501, "5.5.4", f"Parameter {keyword} given twice")
        found[keyword] = match[2]
    return found


_NOT_SAID = Notify(0)


@attrs.frozen
class MailParameters:
    """What MAIL may say besides the reverse-path.

    :ivar size: octets announced, 0 if unknown (RFC 1870). :ivar body: ``"7BIT"`` or ``"8BITMIME"`` (RFC 6152).
    :ivar utf8: SMTPUTF8 (RFC 6531). :ivar auth: who is said to have submitted it, ``"<>"`` for unknown (RFC 4954 5); never believed.
    :ivar ret: ``"FULL"``, ``"HDRS"`` or ``""`` (RFC 3461 4.3). :ivar envid: xtext undone, ``""`` if not given (RFC 3461 4.4).
    """

    size: int = 0
    body: str = "7BIT"
    utf8: bool = False
    auth: str = "<>"
    ret: str = ""
    envid: str = ""


@attrs.frozen
class RcptParameters:
    """What RCPT may say besides the forward-path (RFC 3461 4.1, 4.2).

    :ivar notify: no bit if not given. :ivar orcpt: ``type;address``, decoded; ``""`` if not given.
    """

    notify: Notify = _NOT_SAID
    orcpt: str = ""


def _size(value: str) -> int:
    if not re.fullmatch("[0-9]{1,20}", value):
        raise ValueError("not a number")
    return int(value)


def _body(value: str) -> str:
    if value.upper() not in {"7BIT", "8BITMIME"}:
        raise ValueError("not a kind of body")
    return value.upper()


_Reader = Callable[[str], object]

_MAIL_PARAMETERS: dict[str, tuple[str, _Reader | None]] = {
    "SIZE": ("size", _size),
    "BODY": ("body", _body),
    "SMTPUTF8": ("utf8", None),
    "AUTH": ("auth", xtext.decode),
    "RET": ("ret", dsn_parameters.ret),
    "ENVID": ("envid", dsn_parameters.envid),
}
"""Keyword -> field, and how its value is read; None: it has no value."""

_RCPT_PARAMETERS: dict[str, tuple[str, _Reader | None]] = {
    "NOTIFY": ("notify", dsn_parameters.notify),
    "ORCPT": ("orcpt", dsn_parameters.orcpt),
}
_NO_MAIL_PARAMETERS = MailParameters()
_NO_RCPT_PARAMETERS = RcptParameters()


def mail_parameters(given: Parameters) -> MailParameters:
    """The parameters of MAIL. Unknown ones are refused, never passed over (RFC 5321 4.1.1.11)."""
    return MailParameters(**_values(given, _MAIL_PARAMETERS)) if given else _NO_MAIL_PARAMETERS


def rcpt_parameters(given: Parameters) -> RcptParameters:
    """The parameters of RCPT."""
    return RcptParameters(**_values(given, _RCPT_PARAMETERS)) if given else _NO_RCPT_PARAMETERS


def _values(given: Parameters, known: dict[str, tuple[str, _Reader | None]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for keyword, value in given.items():
        if keyword not in known:
            raise Malformed(555, "5.5.4", f"Unknown parameter {keyword}")
        name, read = known[keyword]
        values[name] = _value(keyword, value, read)
    return values


def _value(keyword: str, value: str | None, read: _Reader | None) -> object:
    if (value is None) is not (read is None):
        raise Malformed(501, "5.5.4", f"Bad value of parameter {keyword}")
    if value is None or read is None:
        return True
    try:
        return read(value)
    except ValueError:
        raise Malformed(501, "5.5.4", f"Bad value of parameter {keyword}") from None
