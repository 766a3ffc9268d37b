"""Whole commands out of a stream of bytes: lines, literals, and what to do about those that are too big (RFC 3501 2.2.1, RFC 7888).

How bytes pass through::

    feed(bytes) -> buffer -> next_event() -> LiteralWanted: the caller answers accept() or refuse()
                                          -> RawCommand: a complete command
                                          -> Flawed: a command that was thrown away

A client may not send a synchronizing literal before the server says so; the caller writes ``+`` after :meth:`CommandReader.accept`
when ``LiteralWanted.sync``. The text of a command keeps each literal's ``{n}`` followed by one LF, which cannot occur otherwise; the
literals themselves lie beside it. A big literal (APPEND) goes to a function piece by piece and is never held here.

Memory is bounded: by ``max_line`` for each line, ``max_text`` for all lines of a command, ``max_literals`` octets for the literals
that are collected, and by what the caller feeds; when :attr:`CommandReader.crowded` it should pause its transport. The buffer is the
queue of pipelined commands too.
"""

import enum
import re
from collections.abc import Callable

import attrs

__all__ = ["TAG", "CommandReader", "Flaw", "Flawed", "Literal", "LiteralWanted", "RawCommand"]

CROWDED = 65_536
"""Octets in the buffer above which the transport is to be paused."""

_LITERAL = re.compile(rb"(~?)\{([0-9]{1,20})(\+?)\}\Z")
TAG = re.compile(rb"[!#$&',\-./0-9:;<=>?@A-Z\[\]^_`a-z|}~]{1,100}(?= )")
"""A tag and the space after it (RFC 3501 9: 1*<any ASTRING-CHAR except "+">)."""

LITERAL_COST = 100
"""Octets that a literal costs besides its own, about: counted as text, or a line of empty ones would take 30 times its size."""

_TAIL = 32  # longer than any literal's {n}
_MAX_SIZE = 0xFFFFFFFF  # RFC 3501 9: number


class Flaw(enum.Enum):
    """Why a command was thrown away."""

    TOO_LONG = "Command line too long"
    BARE = "Lone CR, LF or NUL in a command"
    TOO_BIG = "Literal too big"
    UNANNOUNCED = "Literals of more than 4096 octets must be synchronizing (LITERAL-)"
    ENDLESS = "No end of line"


@attrs.frozen
class Literal:
    """A literal of a command.

    :ivar size: octets. :ivar data: those octets, or None if they went elsewhere as they came.
    :ivar binary: whether it came as ``~{n}``, which may hold NULs (RFC 3516).
    """

    size: int
    binary: bool = False
    data: bytes | None = None


@attrs.frozen
class RawCommand:
    """A complete command: ``text`` holds its lines, each but the last ending in ``{n}`` and LF; ``literals`` what belongs there."""

    text: bytes
    literals: tuple[Literal, ...] = ()


@attrs.frozen
class LiteralWanted:
    """The client announces a literal: answer with :meth:`CommandReader.accept` or :meth:`CommandReader.refuse` before going on.

    :ivar line: the text since the last literal (or since the command began), ending in this literal's ``{n}``.
    :ivar number: 0 for the first literal of the command. :ivar sync: whether the client waits for ``+``.
    :ivar fits: whether it may be collected in memory within ``max_literals``; else it needs a function to write to, or a refusal.
    :ivar first: the first literal of the command, once it has come.
    """

    tag: str
    line: bytes
    literal: Literal
    number: int
    sync: bool
    fits: bool
    first: Literal | None = None


@attrs.frozen
class Flawed:
    """A command, or a line, that was thrown away. Answer ``tag BAD``, or ``* BYE`` and close if ``fatal``: there is no end in sight.

    ``code`` is the response code to use (RFC 7888 5: an APPEND must get TOOBIG), or ``""``.
    """

    tag: str
    flaw: Flaw
    fatal: bool = False

    @property
    def code(self) -> str:
        """Response code without brackets."""
        return "TOOBIG" if self.flaw in (Flaw.TOO_BIG, Flaw.UNANNOUNCED) else ""


class CommandReader:
    """The input of one connection."""

    def __init__(
        self,
        max_line: int = 65_536,
        max_literals: int = 65_536,
        max_text: int = 1_048_576,
        max_unannounced: int | None = 4096,
        max_skip: int = 67_108_864,
    ) -> None:
        """All in octets, and all but ``max_skip`` may be changed while running (after a login, say).

        :param max_line: of one line without CRLF. :param max_text: of all lines of one command.
        :param max_literals: of the literals of one command that are collected in memory.
        :param max_unannounced: of one non-synchronizing literal (RFC 7888 5: LITERAL-); None for LITERAL+.
        :param max_skip: of what is read and thrown away before the connection is beyond help.
        """
        self.max_line = max_line
        self.max_literals = max_literals
        self.max_text = max_text
        self.max_unannounced = max_unannounced
        self._max_skip = max_skip
        self._buffer = bytearray()
        self._scanned = 0  # no CRLF begins before this offset: never look at an octet twice
        self._cut = 0  # octets already thrown away of the line that is being read, because it is too long
        self._begin()

    def _begin(self) -> None:
        self._tag = ""
        self._lines: list[bytes] = []
        self._text = 0
        self._literals: list[Literal] = []
        self._collected = 0
        self._wanted: LiteralWanted | None = None  # announced, not answered yet
        self._running: Literal | None = None  # accepted, on its way
        self._left = 0  # octets still to come of the running literal, or of one that is thrown away
        self._pieces: list[bytes] = []
        self._write: Callable[[bytes], object] | None = None
        self._refused = False  # the rest of the command is thrown away

    def __len__(self) -> int:
        return len(self._buffer)

    @property
    def crowded(self) -> bool:
        """Whether enough is waiting that no more should be read from the network; never while a line needs more to be complete."""
        return len(self._buffer) >= CROWDED and self._scanned < len(self._buffer) - 1

    def feed(self, data: bytes) -> None:
        """Add bytes from the network."""
        self._buffer += data

    def take(self) -> bytes:
        """Everything that waits, out of the buffer; an unfinished command is forgotten (STARTTLS, the end)."""
        data = bytes(self._buffer)
        self._buffer.clear()
        self._scanned = self._cut = 0
        self._begin()
        return data

    def next_event(self) -> RawCommand | LiteralWanted | Flawed | None:
        """The next thing that needs an answer, or None: more bytes are needed, or the last LiteralWanted has no answer yet."""
        while self._wanted is None and self._read_literal():
            line = self._line()
            if line is None or isinstance(line, Flawed):
                return line
            event = self._add_line(*line)
            if event is not None:
                return event
        return None

    def accept(self, write: Callable[[bytes], object] | None = None) -> None:
        """Take the wanted literal: collect it, or give it piece by piece to ``write``. Does not send the ``+``."""
        assert self._wanted is not None
        self._running = self._wanted.literal
        self._left = self._running.size
        self._write = write
        self._pieces = []
        self._wanted = None

    def refuse(self) -> bool:
        """Throw away the command that wants a literal. The caller answers with its tag.

        :returns: False if the client sends so much all the same that the connection had better be closed with BYE.
        """
        wanted, self._wanted = self._wanted, None
        assert wanted is not None
        if wanted.sync:
            # The client was never told to go on, so the tagged answer ends the command (RFC 3501 2.2.1).
            self._begin()
            return True
        self._refused, self._left = True, wanted.literal.size
        return wanted.literal.size <= self._max_skip

    # --- lines ---

    def _line(self) -> tuple[bytes, int] | Flawed | None:
        """A line, of which only the end may be left, and its length."""
        end = self._buffer.find(b"\r\n", self._scanned)
        if end < 0:
            return self._no_line()
        line, length = bytes(self._buffer[:end]), end + self._cut
        del self._buffer[: end + 2]
        self._scanned = self._cut = 0
        return line, length

    def _no_line(self) -> Flawed | None:
        # The last octet may be the CR of a CRLF to come.
        self._scanned = max(0, len(self._buffer) - 1)
        if len(self._buffer) <= self.max_line + 1:
            return None
        self._tag = self._tag or _tag(bytes(self._buffer[:128]))
        thrown = len(self._buffer) - _TAIL
        del self._buffer[:thrown]
        self._cut += thrown
        self._scanned = _TAIL - 1
        return Flawed(self._tag, Flaw.ENDLESS, fatal=True) if self._cut > self._max_skip else None

    def _flaw(self, line: bytes, length: int) -> Flaw | None:
        if length > self.max_line:
            return Flaw.TOO_LONG
        # RFC 3501 9: NUL nowhere but in literals; a lone CR or LF never makes two lines of one.
        return Flaw.BARE if b"\n" in line or b"\r" in line or b"\0" in line else None

    def _add_line(self, line: bytes, length: int) -> RawCommand | LiteralWanted | Flawed | None:
        self._tag = self._tag or _tag(line)
        self._text += length
        flaw = self._flaw(line, length) or (Flaw.TOO_LONG if self._text > self.max_text else None)
        if self._refused or flaw:
            return self._reject(line, flaw or Flaw.TOO_LONG)
        self._lines.append(line)
        found = _announced(line)
        if found is not None:
            return self._want(line, found)
        command = RawCommand(b"\n".join(self._lines), tuple(self._literals))
        self._begin()
        return command

    def _want(self, line: bytes, found: re.Match[bytes]) -> LiteralWanted | Flawed | None:
        size, sync = int(found[2]), not found[3]
        self._text += LITERAL_COST
        if size > _MAX_SIZE:
            return self._reject(line, Flaw.TOO_BIG)
        if not sync and self.max_unannounced is not None and size > self.max_unannounced:
            return self._reject(line, Flaw.UNANNOUNCED)
        literal = Literal(size, binary=bool(found[1]))
        fits = self._collected + size <= self.max_literals
        self._wanted = LiteralWanted(
            self._tag, line, literal, len(self._literals), sync, fits, self._literals[0] if self._literals else None
        )
        return self._wanted

    def _reject(self, line: bytes, flaw: Flaw) -> Flawed | None:
        """Throw the command away, once; with it what its line announces and does not wait for (RFC 7888 4)."""
        event = None if self._refused else Flawed(self._tag, flaw)
        found = _announced(line)
        if found is None or not found[3]:
            self._begin()
            return event
        self._refused, self._left = True, int(found[2])
        return Flawed(self._tag, Flaw.TOO_BIG, fatal=True) if self._left > self._max_skip else event

    # --- literals ---

    def _read_literal(self) -> bool:
        """Move octets of the literal that is on its way; return whether it is over (or there is none)."""
        if self._left:
            piece = bytes(self._buffer[: self._left])
            del self._buffer[: len(piece)]
            self._scanned = 0
            self._left -= len(piece)
            if self._running is not None and piece:
                (self._write or self._pieces.append)(piece)
        if self._left:
            return False
        if self._running is not None:
            self._finish_literal(self._running)
        return True

    def _finish_literal(self, literal: Literal) -> None:
        if self._write is None:
            literal = attrs.evolve(literal, data=b"".join(self._pieces))
            self._collected += literal.size
        self._literals.append(literal)
        self._running, self._write, self._pieces = None, None, []


def _announced(line: bytes) -> re.Match[bytes] | None:
    """The ``{n}`` at the end of a line."""
    return _LITERAL.search(line, max(0, len(line) - _TAIL)) if line.endswith(b"}") else None


def _tag(line: bytes) -> str:
    """The tag that a line begins with; ``"*"`` if that is none."""
    found = TAG.match(line)
    return found[0].decode("ascii") if found else "*"
