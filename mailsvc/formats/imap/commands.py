"""A complete command from bytes to a value: the table of all commands (RFC 3501 6, and the extensions named beside the entries).

``GRAMMAR`` maps a command's name to the function that reads its arguments and returns them as a tuple; ``UID FETCH`` and its like have
entries of their own. An extension adds its entry. :func:`parse` returns a :class:`Command` or raises BadSyntax, nothing else, whatever
the bytes.

The arguments of each command, in order:

========================================  ==================================================================================
CAPABILITY NOOP LOGOUT STARTTLS CHECK     --
CLOSE UNSELECT EXPUNGE IDLE NAMESPACE     --
LOGIN                                     user: bytes, password: bytes
AUTHENTICATE                              mechanism: str, initial response: bytes | None (still base64; ``b"="`` is empty)
ENABLE                                    capabilities: tuple[str, ...]
ID                                        fields: dict[bytes, bytes | None] | None
SELECT EXAMINE                            mailbox: str, parameters: frozenset[str]
CREATE                                    mailbox: str, special uses: tuple[str, ...]
DELETE SUBSCRIBE UNSUBSCRIBE              mailbox: str
RENAME                                    old: str, new: str
LIST LSUB                                 Listing
STATUS                                    mailbox: str, items: tuple[str, ...]
APPEND                                    mailbox: str, messages: tuple[AppendMessage, ...]
SEARCH                                    SearchProgram
FETCH                                     numbers: NumberSet, items: tuple[FetchItem, ...], changed since: int | None
STORE                                     numbers: NumberSet, Store
COPY MOVE                                 numbers: NumberSet, mailbox: str
UID EXPUNGE                               numbers: NumberSet
========================================  ==================================================================================
"""

import re
from collections.abc import Callable
from typing import Any

import attrs

from mailsvc.formats.imap.append import append
from mailsvc.formats.imap.cursor import Cursor
from mailsvc.formats.imap.errors import BadSyntax
from mailsvc.formats.imap.flags import flags
from mailsvc.formats.imap.listing import list_mailboxes, lsub, status
from mailsvc.formats.imap.names import mailbox
from mailsvc.formats.imap.reader import TAG, RawCommand
from mailsvc.formats.imap.search import search_program
from mailsvc.formats.imap.sections import FetchItem, fetch_items
from mailsvc.formats.imap.sets import NumberSet, number_set

__all__ = ["GRAMMAR", "Command", "Store", "command_name", "parse"]

MAX_MODSEQ = (1 << 63) - 1  # RFC 7162 7: positive unsigned 63-bit integer

_UID = re.compile(rb"UID (?=[A-Za-z])", re.I)
_STORE = re.compile(rb"([+-]?)FLAGS(\.SILENT)? ", re.I)
_BASE64 = re.compile(rb"[A-Za-z0-9+/=]+")


@attrs.frozen
class Command:
    """One command. ``name`` is in upper case and without ``UID``; ``args`` are the arguments that the table lists for it."""

    tag: str
    name: str
    uid: bool = False
    args: tuple[Any, ...] = ()


@attrs.frozen
class Store:
    """What STORE does: ``"+"``, ``"-"`` or ``""`` (replace) ``flags``; ``unchanged_since``: RFC 7162 3.1.3."""

    action: str
    flags: tuple[str, ...]
    silent: bool = False
    unchanged_since: int | None = None


def parse(raw: RawCommand, utf8: bool = False) -> Command:
    """Read a complete command. ``utf8``: whether UTF8=ACCEPT is enabled. Raises BadSyntax, with the tag to answer to."""
    cursor = Cursor(raw, utf8)
    tag = "*"
    try:
        tag = cursor.expect(TAG, "a tag")[0].decode("ascii")
        cursor.space()
        uid = cursor.take(_UID) is not None
        name = cursor.label("a command")
        grammar = GRAMMAR.get(f"UID {name}" if uid else name)
        if grammar is None:
            raise BadSyntax(f"Unknown command {'UID ' if uid else ''}{name[:40]}")
        args = grammar(cursor)
        cursor.end()
    except BadSyntax as bad:
        bad.tag = tag
        raise
    return Command(tag, name, uid, args)


def command_name(line: bytes) -> str:
    """The name of the command that a line begins, in upper case, to decide about its literals; ``""`` if there is none."""
    words = line[:200].split(b" ", 2)
    return words[1].upper().decode("latin-1") if len(words) > 1 else ""


# --- arguments ---

Grammar = Callable[[Cursor], tuple[Any, ...]]


def _nothing(cursor: Cursor) -> tuple[()]:
    return ()


def _login(cursor: Cursor) -> tuple[bytes, bytes]:
    cursor.space()
    user = cursor.astring("a user name")
    cursor.space()
    return user, cursor.astring("a password")


def _authenticate(cursor: Cursor) -> tuple[str, bytes | None]:
    cursor.space()
    mechanism = cursor.atom("a mechanism").upper()
    # RFC 4959 3: initial-resp = base64 / "="
    response = cursor.expect(_BASE64, "base64")[0] if cursor.skip(b" ") else None
    return mechanism, response


def _enable(cursor: Cursor) -> tuple[tuple[str, ...]]:
    names: list[str] = []
    while not names or cursor.peek(b" "):
        cursor.space()
        names.append(cursor.atom("a capability").upper())
    return (tuple(names),)


def _id(cursor: Cursor) -> tuple[dict[bytes, bytes | None] | None]:
    cursor.space()
    if not cursor.peek(b"("):
        if cursor.astring("NIL").upper() != b"NIL":
            cursor.fail("a list or NIL")
        return (None,)
    pairs = cursor.listed(_id_pair, empty=True)
    if len(pairs) > 30:  # RFC 2971 3.3: not more than 30 pairs
        raise BadSyntax("More than 30 fields")
    return (dict(pairs),)


def _id_pair(cursor: Cursor) -> tuple[bytes, bytes | None]:
    name = cursor.string()
    cursor.space()
    return name, cursor.nstring()


def _select(cursor: Cursor) -> tuple[str, frozenset[str]]:
    cursor.space()
    name = mailbox(cursor)
    parameters: tuple[str, ...] = ()
    if cursor.skip(b" "):
        parameters = cursor.listed(lambda each: each.label("a parameter"))
    unknown = set(parameters) - SELECT_PARAMETERS
    if unknown:
        raise BadSyntax(f"Unknown parameter {min(unknown)[:40]}")
    return name, frozenset(parameters)


SELECT_PARAMETERS = {"CONDSTORE"}
"""RFC 4466 2.1 parameters of SELECT and EXAMINE without a value."""


def _create(cursor: Cursor) -> tuple[str, tuple[str, ...]]:
    cursor.space()
    name = mailbox(cursor)
    uses: tuple[str, ...] = ()
    if cursor.skip(b" "):
        uses = tuple(use for each in cursor.listed(_create_parameter) for use in each)
    return name, uses


def _create_parameter(cursor: Cursor) -> tuple[str, ...]:
    if cursor.label("a parameter") != "USE":  # RFC 6154 3
        raise BadSyntax("Unknown parameter of CREATE")
    cursor.space()
    return cursor.listed(_special_use, empty=True)


def _special_use(cursor: Cursor) -> str:
    cursor.need(b"\\")
    return "\\" + cursor.atom("a special use").capitalize()


def _mailbox(cursor: Cursor) -> tuple[str]:
    cursor.space()
    return (mailbox(cursor),)


def _rename(cursor: Cursor) -> tuple[str, str]:
    return (*_mailbox(cursor), *_mailbox(cursor))


def _numbers(cursor: Cursor) -> tuple[NumberSet]:
    cursor.space()
    return (number_set(cursor),)


def _numbers_mailbox(cursor: Cursor) -> tuple[NumberSet, str]:
    return (*_numbers(cursor), *_mailbox(cursor))


def _fetch(cursor: Cursor) -> tuple[NumberSet, tuple[FetchItem, ...], int | None]:
    (numbers,) = _numbers(cursor)
    cursor.space()
    items = fetch_items(cursor)
    changed = _modifier(cursor, "CHANGEDSINCE", least=1) if cursor.skip(b" ") else None
    return numbers, items, changed


def _store(cursor: Cursor) -> tuple[NumberSet, Store]:
    (numbers,) = _numbers(cursor)
    cursor.space()
    unchanged = None
    if cursor.peek(b"("):
        unchanged = _modifier(cursor, "UNCHANGEDSINCE", least=0)
        cursor.space()
    found = cursor.expect(_STORE, "FLAGS")
    return numbers, Store(found[1].decode("ascii"), flags(cursor), found[2] is not None, unchanged)


def _modifier(cursor: Cursor, known: str, least: int) -> int:
    """``(NAME n)`` (RFC 7162 3.1.3, 3.1.4)."""
    cursor.need(b"(")
    if cursor.label("a modifier") != known:
        raise BadSyntax(f"The only modifier is {known}")
    cursor.space()
    value = cursor.number(MAX_MODSEQ, least)
    cursor.need(b")")
    return value


def _search(cursor: Cursor) -> tuple[Any]:
    return (search_program(cursor),)


GRAMMAR: dict[str, Grammar] = {
    "APPEND": append,  # RFC 3501 6.3.11, 3502, 4466
    "AUTHENTICATE": _authenticate,  # RFC 3501 6.2.2, 4959
    "CAPABILITY": _nothing,
    "CHECK": _nothing,
    "CLOSE": _nothing,
    "COPY": _numbers_mailbox,
    "CREATE": _create,  # RFC 3501 6.3.3, 6154
    "DELETE": _mailbox,
    "ENABLE": _enable,  # RFC 5161
    "EXAMINE": _select,
    "EXPUNGE": _nothing,
    "FETCH": _fetch,  # RFC 3501 6.4.5, 7162
    "ID": _id,  # RFC 2971
    "IDLE": _nothing,  # RFC 2177
    "LIST": list_mailboxes,  # RFC 3501 6.3.8, 5258, 5819
    "LOGIN": _login,
    "LOGOUT": _nothing,
    "LSUB": lsub,
    "MOVE": _numbers_mailbox,  # RFC 6851
    "NAMESPACE": _nothing,  # RFC 2342
    "NOOP": _nothing,
    "RENAME": _rename,
    "SEARCH": _search,  # RFC 3501 6.4.4, 4731, 5032
    "SELECT": _select,  # RFC 3501 6.3.1, 7162
    "STARTTLS": _nothing,
    "STATUS": status,
    "STORE": _store,  # RFC 3501 6.4.6, 7162
    "SUBSCRIBE": _mailbox,
    "UID COPY": _numbers_mailbox,
    "UID EXPUNGE": _numbers,  # RFC 4315
    "UID FETCH": _fetch,
    "UID MOVE": _numbers_mailbox,
    "UID SEARCH": _search,
    "UID STORE": _store,
    "UNSELECT": _nothing,  # RFC 3691
    "UNSUBSCRIBE": _mailbox,
}
