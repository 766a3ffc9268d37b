"""LIST, LSUB and STATUS arguments (RFC 3501 6.3.8-10, RFC 5258, RFC 5819, RFC 6154, RFC 8438)."""

import re

import attrs

from mailsvc.formats.imap.cursor import Cursor
from mailsvc.formats.imap.errors import BadName, BadSyntax
from mailsvc.formats.imap.names import decode_name, mailbox

__all__ = ["RETURN_OPTIONS", "SELECTION_OPTIONS", "STATUS_ITEMS", "Listing", "list_mailboxes", "lsub", "status"]

SELECTION_OPTIONS = {"SUBSCRIBED", "REMOTE", "RECURSIVEMATCH", "SPECIAL-USE"}
RETURN_OPTIONS = {"SUBSCRIBED", "CHILDREN", "SPECIAL-USE"}
STATUS_ITEMS = {
    "MESSAGES",
    "RECENT",
    "UIDNEXT",
    "UIDVALIDITY",
    "UNSEEN",
    "HIGHESTMODSEQ",
    "SIZE",
    "DELETED",
    "APPENDLIMIT",
}

_RETURN = re.compile(rb" RETURN (?=\()", re.I)


@attrs.frozen
class Listing:
    """What a LIST asks for.

    :ivar reference: to be put before each pattern (:func:`mailsvc.formats.imap.patterns.join_reference`).
    :ivar patterns: one, or several of an extended LIST; ``("",)`` asks for the delimiter (RFC 3501 6.3.8). Patterns that cannot match
        any name because they are not modified UTF-7 are left out.
    :ivar selection: ``SUBSCRIBED``, ``REMOTE``, ``RECURSIVEMATCH``, ``SPECIAL-USE``.
    :ivar returns: ``SUBSCRIBED``, ``CHILDREN``, ``SPECIAL-USE``. :ivar status: items for each mailbox, ``()``: none.
    :ivar extended: whether RFC 5258 syntax was used (then INBOX is not special, ``""`` is an ordinary pattern).
    """

    reference: str
    patterns: tuple[str, ...]
    selection: frozenset[str] = frozenset()
    returns: frozenset[str] = frozenset()
    status: tuple[str, ...] = ()
    extended: bool = False


def lsub(cursor: Cursor) -> tuple[Listing]:
    """``SP mailbox SP list-mailbox``."""
    cursor.space()
    reference = mailbox(cursor)
    cursor.space()
    return (Listing(reference, tuple(_decoded([cursor.list_mailbox()], cursor.utf8))),)


def list_mailboxes(cursor: Cursor) -> tuple[Listing]:
    """``[SP list-select-opts] SP mailbox SP mbox-or-pat [SP list-return-opts]``."""
    cursor.space()
    selection = _selection(cursor)
    reference = mailbox(cursor)
    cursor.space()
    several = cursor.peek(b"(")
    patterns = cursor.listed(Cursor.list_mailbox) if several else (cursor.list_mailbox(),)
    returning = cursor.take(_RETURN) is not None
    found: list[tuple[str, tuple[str, ...]]] = list(cursor.listed(_return_option, empty=True)) if returning else []
    return (
        Listing(
            reference,
            tuple(_decoded(patterns, cursor.utf8)),
            selection or frozenset(),
            frozenset(name for name, _ in found if name != "STATUS"),
            next((items for name, items in found if name == "STATUS"), ()),
            extended=selection is not None or several or returning,
        ),
    )


def _selection(cursor: Cursor) -> frozenset[str] | None:
    if not cursor.peek(b"("):
        return None
    selection = frozenset(cursor.listed(lambda each: each.label("a selection option"), empty=True))
    _known(selection, SELECTION_OPTIONS)
    # RFC 5258 3.1: RECURSIVEMATCH must not stand alone or with REMOTE only.
    if "RECURSIVEMATCH" in selection and not selection & {"SUBSCRIBED", "SPECIAL-USE"}:
        raise BadSyntax("RECURSIVEMATCH needs SUBSCRIBED")
    cursor.space()
    return selection


def _return_option(cursor: Cursor) -> tuple[str, tuple[str, ...]]:
    name = cursor.label("a return option")
    if name == "STATUS":  # RFC 5819 2
        cursor.space()
        return name, _status_items(cursor)
    _known({name}, RETURN_OPTIONS)
    return name, ()


def _known(names: frozenset[str] | set[str], known: set[str]) -> None:
    if names - known:
        raise BadSyntax(f"Unknown option {min(names - known)[:40]}")


def _decoded(patterns: list[bytes] | tuple[bytes, ...], utf8: bool) -> list[str]:
    decoded = []
    for pattern in patterns:
        try:
            decoded.append(decode_name(pattern, utf8))
        except BadName:
            continue
    return decoded


def status(cursor: Cursor) -> tuple[str, tuple[str, ...]]:
    """``SP mailbox SP "(" status-att *(SP status-att) ")"``."""
    cursor.space()
    name = mailbox(cursor)
    cursor.space()
    return name, _status_items(cursor)


def _status_items(cursor: Cursor) -> tuple[str, ...]:
    items = tuple(dict.fromkeys(cursor.listed(lambda each: each.label("a status item"))))
    _known(set(items), STATUS_ITEMS)
    return items
