"""SEARCH: keys as a tree of values (RFC 3501 6.4.4, RFC 4731, RFC 5032, RFC 7162 3.1.5).

``KEYS`` is the table of keys: name to a function that reads the arguments and returns a :data:`Key`. An extension adds its entry.
Text arrives as ``str``, already decoded from the CHARSET of the command. NOT and OR may nest to a depth of 32; a chain
``OR a OR b OR c d`` is one :class:`Or` of four and uses up one level, however long.
"""

import re
from collections.abc import Callable
from datetime import date
from typing import Any

import attrs

from mailsvc.formats.imap.cursor import Cursor
from mailsvc.formats.imap.dates import day
from mailsvc.formats.imap.errors import BadCharset, BadSyntax, TooLong
from mailsvc.formats.imap.flags import keyword
from mailsvc.formats.imap.sets import NumberSet, number_set
from mailsvc.formats.mime.charsets import codec_of, decode

__all__ = [
    "KEYS",
    "All",
    "And",
    "BodyText",
    "Dated",
    "Flagged",
    "HeaderText",
    "Key",
    "ModSeq",
    "Not",
    "Numbers",
    "Or",
    "Recent",
    "SearchProgram",
    "Size",
    "Within",
    "search_program",
]

MOST_TEXTS = 500
"""Texts that one command may search for: each message is looked through for each of them."""


@attrs.frozen
class All:
    """Every message."""


@attrs.frozen
class And:
    """All of ``keys``."""

    keys: tuple["Key", ...]


@attrs.frozen
class Or:
    """Any of ``keys``."""

    keys: tuple["Key", ...]


@attrs.frozen
class Not:
    """Not ``key``."""

    key: "Key"


@attrs.frozen
class Flagged:
    """Messages with (or, if not ``present``, without) a system flag (``"\\\\Seen"``) or keyword; keywords in any case."""

    flag: str
    present: bool = True


@attrs.frozen
class Recent:
    """Messages that are recent in this session (RFC 3501 2.3.2)."""


@attrs.frozen
class Numbers:
    """Messages by sequence number or UID; ``*`` not resolved."""

    numbers: NumberSet
    uid: bool = False


@attrs.frozen
class Dated:
    """Messages ``"before"``, ``"on"`` or ``"since"`` a day, without regard to time and zone.

    ``sent``: by the Date field; else by the internal date.
    """

    relation: str
    day: date
    sent: bool = False


@attrs.frozen
class Size:
    """Messages larger, or smaller, than ``octets`` (neither includes equal)."""

    octets: int
    larger: bool


@attrs.frozen
class Within:
    """RFC 5032: internal date at most (``younger``) or at least ``seconds`` ago."""

    seconds: int
    younger: bool


@attrs.frozen
class HeaderText:
    """``text`` occurs in a field called ``name`` (lower case); empty text: the field exists."""

    name: str
    text: str


@attrs.frozen
class BodyText:
    """``text`` occurs in the body or, with ``header``, in header or body (BODY and TEXT)."""

    text: str
    header: bool


@attrs.frozen
class ModSeq:
    """RFC 7162: modified at or after ``modseq``; a flag's own mod-sequence (entry name) is answered by the message's."""

    modseq: int


Key = All | And | Or | Not | Flagged | Recent | Numbers | Dated | Size | Within | HeaderText | BodyText | ModSeq


@attrs.frozen
class SearchProgram:
    """The arguments of SEARCH.

    :ivar returns: ESEARCH result options in upper case (``MIN MAX ALL COUNT SAVE ...``), ``()`` given as ``RETURN ()`` is ``("ALL",)``;
        None without RETURN: the answer is an untagged SEARCH.
    :ivar modseq: whether a MODSEQ key occurs, so that the answer carries one (RFC 7162 3.1.5).
    """

    key: Key
    returns: tuple[str, ...] | None = None
    modseq: bool = False


class _Search:
    """What is known while the keys of one command are read."""

    def __init__(self, charset: str) -> None:
        self.charset = charset
        self.modseq = False
        self._texts = 0

    def text(self, cursor: Cursor) -> str:
        self._texts += 1
        if self._texts > MOST_TEXTS:
            raise TooLong(f"More than {MOST_TEXTS} texts to search for")
        return decode(cursor.astring("text to search for"), self.charset)

    def keys(self, cursor: Cursor) -> Key:
        """search-key *(SP search-key)."""
        keys = [self.key(cursor)]
        while cursor.skip(b" "):
            keys.append(self.key(cursor))
        return keys[0] if len(keys) == 1 else And(tuple(keys))

    def key(self, cursor: Cursor) -> Key:
        """search-key."""
        if cursor.skip(b"("):
            with cursor.deeper():
                key = self.keys(cursor)
            cursor.need(b")")
            return key
        if cursor.text[cursor.at : cursor.at + 1] in _DIGITS:
            return Numbers(number_set(cursor))
        name = cursor.label("a search key")
        read = KEYS.get(name)
        if read is None:
            raise BadSyntax(f"Unknown search key {name[:40]}")
        return read(self, cursor)


_OR = re.compile(rb"OR(?= )", re.I)
_RETURN = re.compile(rb"RETURN (?=\()", re.I)
_CHARSET = re.compile(rb"CHARSET ", re.I)
_DIGITS = frozenset(bytes([octet]) for octet in b"0123456789*")

Reader = Callable[[Any, Cursor], Key]


def _flag(flag: str, present: bool = True) -> Reader:
    key = Flagged(flag, present)
    return lambda search, cursor: key


def _keyword(present: bool) -> Reader:
    def read(search: _Search, cursor: Cursor) -> Key:
        cursor.space()
        return Flagged(keyword(cursor), present)

    return read


def _dated(relation: str, sent: bool) -> Reader:
    def read(search: _Search, cursor: Cursor) -> Key:
        cursor.space()
        return Dated(relation, day(cursor), sent)

    return read


def _header(name: str) -> Reader:
    def read(search: _Search, cursor: Cursor) -> Key:
        cursor.space()
        return HeaderText(name, search.text(cursor))

    return read


def _named_header(search: _Search, cursor: Cursor) -> Key:
    cursor.space()
    name = cursor.astring("a header field name").decode("latin-1").lower()
    cursor.space()
    return HeaderText(name, search.text(cursor))


def _body(header: bool) -> Reader:
    def read(search: _Search, cursor: Cursor) -> Key:
        cursor.space()
        return BodyText(search.text(cursor), header)

    return read


def _size(larger: bool) -> Reader:
    def read(search: _Search, cursor: Cursor) -> Key:
        cursor.space()
        return Size(cursor.number((1 << 63) - 1), larger)

    return read


def _within(younger: bool) -> Reader:
    def read(search: _Search, cursor: Cursor) -> Key:
        cursor.space()
        return Within(cursor.number(least=1), younger)

    return read


def _not(search: _Search, cursor: Cursor) -> Key:
    cursor.space()
    with cursor.deeper():
        return Not(search.key(cursor))


def _or(search: _Search, cursor: Cursor) -> Key:
    keys = []
    with cursor.deeper():
        chained = True
        while chained:
            cursor.space()
            keys.append(search.key(cursor))
            cursor.space()
            chained = cursor.take(_OR) is not None
        keys.append(search.key(cursor))
    return Or(tuple(keys))


def _uid(search: _Search, cursor: Cursor) -> Key:
    cursor.space()
    return Numbers(number_set(cursor), uid=True)


def _modseq(search: _Search, cursor: Cursor) -> Key:
    search.modseq = True
    cursor.space()
    if cursor.peek(b'"'):  # search-modseq-ext = SP entry-name SP entry-type-req
        if not cursor.string().lower().startswith(b"/flags/"):
            raise BadSyntax("MODSEQ knows entries below /flags/ only")
        cursor.space()
        if cursor.label("priv, shared or all") not in ("PRIV", "SHARED", "ALL"):
            raise BadSyntax("Expected priv, shared or all")
        cursor.space()
    return ModSeq(cursor.number((1 << 63) - 1))


KEYS: dict[str, Reader] = {
    "ALL": lambda search, cursor: All(),
    "ANSWERED": _flag("\\Answered"),
    "BCC": _header("bcc"),
    "BEFORE": _dated("before", sent=False),
    "BODY": _body(header=False),
    "CC": _header("cc"),
    "DELETED": _flag("\\Deleted"),
    "DRAFT": _flag("\\Draft"),
    "FLAGGED": _flag("\\Flagged"),
    "FROM": _header("from"),
    "HEADER": _named_header,
    "KEYWORD": _keyword(present=True),
    "LARGER": _size(larger=True),
    "MODSEQ": _modseq,
    "NEW": lambda search, cursor: And((Recent(), Flagged("\\Seen", present=False))),
    "NOT": _not,
    "OLD": lambda search, cursor: Not(Recent()),
    "OLDER": _within(younger=False),
    "ON": _dated("on", sent=False),
    "OR": _or,
    "RECENT": lambda search, cursor: Recent(),
    "SEEN": _flag("\\Seen"),
    "SENTBEFORE": _dated("before", sent=True),
    "SENTON": _dated("on", sent=True),
    "SENTSINCE": _dated("since", sent=True),
    "SINCE": _dated("since", sent=False),
    "SMALLER": _size(larger=False),
    "SUBJECT": _header("subject"),
    "TEXT": _body(header=True),
    "TO": _header("to"),
    "UID": _uid,
    "UNANSWERED": _flag("\\Answered", present=False),
    "UNDELETED": _flag("\\Deleted", present=False),
    "UNDRAFT": _flag("\\Draft", present=False),
    "UNFLAGGED": _flag("\\Flagged", present=False),
    "UNKEYWORD": _keyword(present=False),
    "UNSEEN": _flag("\\Seen", present=False),
    "YOUNGER": _within(younger=True),
}

RETURN_OPTIONS = {"MIN", "MAX", "ALL", "COUNT"}
"""RFC 4731 result options; RFC 5182 adds SAVE."""


def search_program(cursor: Cursor) -> SearchProgram:
    """``[search-return-opts] SP ["CHARSET" SP charset SP] search-key *(SP search-key)``."""
    cursor.space()
    returns = _returns(cursor)
    search = _Search(_charset(cursor))
    key = search.keys(cursor)
    return SearchProgram(key, returns, search.modseq)


def _returns(cursor: Cursor) -> tuple[str, ...] | None:
    if cursor.take(_RETURN) is None:
        return None
    options = cursor.listed(lambda each: each.label("a result option"), empty=True)
    unknown = set(options) - RETURN_OPTIONS
    if unknown:
        raise BadSyntax(f"Unknown result option {min(unknown)[:40]}")
    cursor.space()
    return tuple(dict.fromkeys(options)) or ("ALL",)


def _charset(cursor: Cursor) -> str:
    if cursor.take(_CHARSET) is None:
        # RFC 3501 6.4.4: US-ASCII is the default; octets above it are taken as UTF-8, which is what clients mean.
        return "utf-8"
    if cursor.utf8:
        raise BadSyntax("No CHARSET after ENABLE UTF8=ACCEPT")  # RFC 6855 3
    name = cursor.astring("a charset").decode("latin-1")
    cursor.space()
    if codec_of(name) is None:
        raise BadCharset("Unknown charset")
    return name
