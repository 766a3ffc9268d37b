"""Reading a command from left to right: the tokens of RFC 3501 9, each a compiled regular expression.

A :class:`Cursor` stands at an offset of the command's text. Each method takes one token and moves on, or raises BadSyntax; nothing is
ever read twice, so a command costs time in proportion to its length. Lists may nest to a depth of 32.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn, TypeVar

from mailsvc.formats.imap.errors import BadSyntax
from mailsvc.formats.imap.reader import Literal, RawCommand

__all__ = ["MAX_DEPTH", "Cursor"]

T = TypeVar("T")

MAX_DEPTH = 32

# RFC 3501 9: atom-specials = "(" / ")" / "{" / SP / CTL / list-wildcards / quoted-specials / resp-specials
_ATOM = re.compile(rb"[!#$&'+,\-./0-9:;<=>?@A-Z\[^_`a-z|}~]+")
_ASTRING = re.compile(rb"[!#$&'+,\-./0-9:;<=>?@A-Z\[\]^_`a-z|}~]+")
_LIST_CHARS = re.compile(rb"[!#$%&'*+,\-./0-9:;<=>?@A-Z\[\]^_`a-z|}~]+")
# Octets above 127 are taken in any quoted string, not only after ENABLE UTF8=ACCEPT (RFC 6855 3): people have such passwords.
_QUOTED = re.compile(rb'"([^"\\\n]*(?:\\["\\][^"\\\n]*)*)"')
_ESCAPE = re.compile(rb"\\(.)")
_LITERAL = re.compile(rb"~?\{[0-9]+\+?\}\n")
_NIL = re.compile(rb"NIL(?=[ )]|\Z)", re.I)
_NUMBER = re.compile(rb"[0-9]{1,20}")
_LABEL = re.compile(rb"[A-Za-z\-_.][A-Za-z0-9\-_.:]*")  # RFC 4466: tagged-ext-label


class Cursor:
    """A place in a command.

    :ivar utf8: whether UTF8=ACCEPT is enabled (RFC 6855): mailbox names are UTF-8, not modified UTF-7.
    """

    __slots__ = ("_depth", "_literals", "at", "text", "utf8")

    def __init__(self, raw: RawCommand, utf8: bool = False) -> None:
        self.text = raw.text
        self.at = 0
        self.utf8 = utf8
        self._literals = iter(raw.literals)
        self._depth = 0

    # --- regular expressions ---

    def take(self, pattern: re.Pattern[bytes]) -> re.Match[bytes] | None:
        """Take what matches here, if anything does."""
        found = pattern.match(self.text, self.at)
        if found is not None:
            self.at = found.end()
        return found

    def expect(self, pattern: re.Pattern[bytes], what: str) -> re.Match[bytes]:
        """Take what matches here; ``what`` names it in the error if it does not."""
        return self.take(pattern) or self.fail(what)

    def fail(self, what: str) -> NoReturn:
        """Raise BadSyntax: ``what`` was expected here."""
        raise BadSyntax(f"Expected {what} at octet {self.at + 1}")

    # --- punctuation ---

    def peek(self, octet: bytes) -> bool:
        """Whether ``octet`` comes next."""
        return self.text.startswith(octet, self.at)

    def skip(self, octet: bytes) -> bool:
        """Take ``octet`` if it comes next."""
        found = self.text.startswith(octet, self.at)
        self.at += found and len(octet)
        return found

    def need(self, octet: bytes) -> None:
        """Take ``octet``."""
        if not self.skip(octet):
            self.fail(repr(octet.decode("ascii")))

    def space(self) -> None:
        """Take exactly one space (RFC 3501 9, note 2)."""
        if not self.skip(b" "):
            self.fail("a space")

    def end(self) -> None:
        """Nothing may follow."""
        if self.at < len(self.text):
            self.fail("the end of the command")

    # --- tokens ---

    def atom(self, what: str = "an atom") -> str:
        """An atom."""
        return self.expect(_ATOM, what)[0].decode("ascii")

    def label(self, what: str = "a name") -> str:
        """A word of the grammar in upper case (RFC 4466: tagged-ext-label)."""
        return self.expect(_LABEL, what)[0].decode("ascii").upper()

    def number(self, most: int = 0xFFFFFFFF, least: int = 0) -> int:
        """A number within bounds; RFC 3501: number is 32 bits, RFC 7162: mod-sequences 63."""
        value = int(self.expect(_NUMBER, "a number")[0])
        if not least <= value <= most:
            raise BadSyntax(f"Number out of range: {value}")
        return value

    def literal(self) -> Literal | None:
        """A literal, if one comes next."""
        if not self.take(_LITERAL):
            return None
        literal = next(self._literals, None)
        return literal if literal is not None else self.fail("a literal")

    def string_or_none(self) -> bytes | None:
        """A quoted string or a literal, if one comes next."""
        quoted = self.take(_QUOTED)
        if quoted is not None:
            return _ESCAPE.sub(rb"\1", quoted[1]) if b"\\" in quoted[1] else quoted[1]
        literal = self.literal()
        if literal is None:
            return None
        if literal.data is None or literal.binary:
            raise BadSyntax("This literal cannot be used here")
        if b"\0" in literal.data:  # RFC 3501 9: literal = "{" number "}" CRLF *CHAR8
            raise BadSyntax("NUL in a literal")
        return literal.data

    def string(self) -> bytes:
        """string = quoted / literal."""
        value = self.string_or_none()
        return value if value is not None else self.fail("a string")

    def astring(self, what: str = "an atom or a string") -> bytes:
        """astring = 1*ASTRING-CHAR / string."""
        return self._atom_or_string(_ASTRING, what)

    def nstring(self) -> bytes | None:
        """nstring = string / nil."""
        return None if self.take(_NIL) else self.string()

    def list_mailbox(self) -> bytes:
        """list-mailbox = 1*list-char / string."""
        return self._atom_or_string(_LIST_CHARS, "a mailbox pattern")

    def _atom_or_string(self, pattern: re.Pattern[bytes], what: str) -> bytes:
        found = self.take(pattern)
        if found is not None:
            return found[0]
        value = self.string_or_none()
        return value if value is not None else self.fail(what)

    # --- lists ---

    def listed(self, item: Callable[["Cursor"], T], empty: bool = False) -> tuple[T, ...]:
        """``"(" item *(SP item) ")"``; with ``empty`` also ``()``."""
        self.need(b"(")
        if empty and self.skip(b")"):
            return ()
        with self.deeper():
            items = [item(self)]
            while self.skip(b" "):
                items.append(item(self))
            self.need(b")")
        return tuple(items)

    @contextmanager
    def deeper(self) -> Iterator[None]:
        """Within, one level of nesting is used up."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise BadSyntax(f"Nested deeper than {MAX_DEPTH}")
        yield
        self._depth -= 1

    def skip_value(self) -> None:
        """Any value of an extension that is not known (RFC 4466: tagged-ext-val)."""
        if self.peek(b"("):
            self.listed(Cursor.skip_value, empty=True)
        else:
            self.astring("a value")
