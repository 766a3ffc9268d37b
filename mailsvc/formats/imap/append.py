"""APPEND: one message or several, checked while they arrive (RFC 3501 6.3.11, RFC 3502 MULTIAPPEND, RFC 4466, RFC 6855 4).

The server has to know mailbox, flags and date *before* it lets the client send a message, and messages should not be held in memory:
so :class:`Appending` follows the announcements of the literals (:class:`~mailsvc.formats.imap.reader.LiteralWanted`) one by one. When
the command is complete, :func:`append` reads the whole of it.
"""

import re

import attrs

from mailsvc.formats.imap.cursor import Cursor
from mailsvc.formats.imap.dates import date_time
from mailsvc.formats.imap.errors import BadSyntax
from mailsvc.formats.imap.flags import flag_list
from mailsvc.formats.imap.names import mailbox
from mailsvc.formats.imap.reader import Literal, LiteralWanted, RawCommand

__all__ = ["AppendMessage", "Appending", "append"]

_UTF8 = re.compile(rb"UTF8 \(", re.I)
_NAME = re.compile(rb"[^ ]+ APPEND ", re.I)
_MAILBOX_LITERAL = re.compile(rb"\{[0-9]+\+?\}\n\Z")


@attrs.frozen
class AppendMessage:
    """One message of an APPEND.

    :ivar date: internal date in seconds since the epoch, or None for now. :ivar literal: ``data`` is None if it was written elsewhere.
    :ivar utf8: sent as ``UTF8 (~{n} ...)``: its header may be UTF-8 (RFC 6855 4).
    """

    flags: tuple[str, ...]
    date: int | None
    literal: Literal
    utf8: bool = False


def append(cursor: Cursor) -> tuple[str, tuple[AppendMessage, ...]]:
    """``SP mailbox 1*append-message``."""
    cursor.space()
    name = mailbox(cursor)
    messages: list[AppendMessage] = []
    while not messages or cursor.peek(b" "):
        messages.append(_message(cursor))
        _close(cursor, messages[-1])
    return name, tuple(messages)


def _message(cursor: Cursor) -> AppendMessage:
    """``[SP flag-list] [SP date-time] SP append-data``, but for the parenthesis that closes UTF8."""
    cursor.space()
    flags: tuple[str, ...] = ()
    date = None
    if cursor.peek(b"("):
        flags = flag_list(cursor)
        cursor.space()
    if cursor.peek(b'"'):
        date = date_time(cursor)
        cursor.space()
    utf8 = cursor.take(_UTF8) is not None
    literal = cursor.literal()
    if literal is None or (utf8 and not literal.binary):
        cursor.fail("a message as a literal")
    return AppendMessage(flags, date, literal, utf8)


def _close(cursor: Cursor, message: AppendMessage) -> None:
    if message.utf8:
        cursor.need(b")")


class Appending:
    """An APPEND while it arrives: give it each LiteralWanted of the command, in order.

    :ivar mailbox: the mailbox, once it is known; None before.
    """

    def __init__(self, utf8: bool = False) -> None:
        """:param utf8: whether UTF8=ACCEPT is enabled."""
        self._utf8 = utf8
        self._last: AppendMessage | None = None
        self.mailbox: str | None = None

    def next(self, wanted: LiteralWanted) -> AppendMessage | None:
        """The message that this literal will be; None if it is the name of the mailbox, which must be collected.

        Raises BadSyntax: refuse the literal then. A name that came as a literal is known from :meth:`named` on.
        """
        cursor = Cursor(RawCommand(wanted.line + b"\n", (wanted.literal,)), self._utf8)
        if wanted.number == 0:
            cursor.expect(_NAME, "APPEND")
            if _MAILBOX_LITERAL.match(cursor.text, cursor.at):
                return None
            self.mailbox = mailbox(cursor)
        elif self._last is not None:
            _close(cursor, self._last)
        self._last = _message(cursor)
        if cursor.at < len(cursor.text):
            raise BadSyntax("A literal where none can be")
        return self._last

    def named(self, octets: bytes) -> str:
        """The mailbox name's literal has come."""
        self.mailbox = mailbox(Cursor(RawCommand(b"{0}\n", (Literal(len(octets), data=octets),)), self._utf8))
        return self.mailbox
