"""Replies of other people's SMTP servers: octets in pieces of any size -> code, status, text (RFC 5321 4.2, RFC 2034, RFC 3463).

::

    reader.feed(b"250-mx.example.net\\r\\n250 SIZE 1000\\r\\n")
    reader.next() -> ServerReply(250, "2.0.0", ("mx.example.net", "SIZE 1000"))
    reader.next() -> None

Only CRLF ends a line: a reply often repeats what we have sent, and nothing in it may look like a second reply. What is no reply, or too
long, raises :class:`BadReply`, from then on always: nobody knows any more which answer belongs to which command.
"""

import re
from typing import NamedTuple

__all__ = ["LINES_LIMIT", "LINE_LIMIT", "TEXT_LIMIT", "BadReply", "ReplyReader", "ServerReply", "is_reply"]

LINE_LIMIT = 2048
"""Octets of a line with its CRLF; RFC 5321 4.5.3.1.5 says 512, some servers explain themselves at greater length."""

LINES_LIMIT = 100
"""Lines of one reply."""

TEXT_LIMIT = 2000
"""Characters of a reply that are kept for people."""

_LINE = re.compile(rb"([2-5][0-9][0-9])(?:([ -])(.*))?", re.DOTALL)
_CODE = re.compile(r"[2-5][0-9][0-9](?: |$)")
_STATUS = re.compile(r"([245]\.[0-9]{1,3}\.[0-9]{1,3})(?: |$)")


def is_reply(words: str) -> bool:
    """Whether words about a recipient are what a server replied, the code first (RFC 5321 4.2); our own have none."""
    return _CODE.match(words) is not None


class BadReply(Exception):
    """The server said what is no reply."""


class ServerReply(NamedTuple):
    """One reply.

    ``status``: the enhanced status code; where the server gave none, or one that contradicts ``code``, ``x.0.0``. ``lines``: the text of
    each line, as it was said, what cannot be printed replaced by ``?``.
    """

    code: int
    status: str
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """All of it on one line, a status code only where it comes first."""
        if len(self.lines) == 1:
            return self.lines[0][:TEXT_LIMIT]
        first, *others = self.lines
        return " ".join([first, *(_STATUS.sub("", line, count=1) for line in others)])[:TEXT_LIMIT]


class ReplyReader:
    """The input buffer of one connection; feed and :meth:`next` in turns keep it small."""

    __slots__ = ("_buffer", "_code", "_lines")

    def __init__(self) -> None:
        self.clear()

    def __len__(self) -> int:
        """Octets that no reply was made of yet."""
        return len(self._buffer)

    def clear(self) -> None:
        """Forget everything."""
        self._buffer = b""
        self._code = b""
        self._lines: list[str] = []  # of a reply that is not complete yet

    def feed(self, data: bytes) -> None:
        """Add octets from the network."""
        self._buffer = self._buffer + data if self._buffer else data

    def next(self) -> ServerReply | None:
        """The next reply; None if none is complete. Raises BadReply."""
        while (end := self._buffer.find(b"\r\n", 0, LINE_LIMIT)) >= 0:
            line = self._buffer[:end]
            found = _LINE.fullmatch(line)
            if found is None or len(self._lines) >= LINES_LIMIT or (self._lines and found[1] != self._code):
                raise _bad(line)
            self._buffer = self._buffer[end + 2 :]
            code, separator, text = found.groups(b"")
            self._lines.append(_printable(text))
            if separator == b"-":
                self._code = code
                continue
            lines, self._lines = tuple(self._lines), []
            return ServerReply(int(code), _status(code, lines[0]), lines)
        # A server that ends its lines with LF alone is told so now, not by a time-out.
        if len(self._buffer) >= LINE_LIMIT or self._buffer.endswith(b"\n"):
            raise _bad(self._buffer)
        return None


def _bad(octets: bytes) -> BadReply:
    return BadReply(f"not an SMTP reply: {_printable(octets[:80])!r}")


def _printable(octets: bytes) -> str:
    text = octets.decode("utf-8", "replace")
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)


def _status(code: bytes, line: str) -> str:
    if (found := _STATUS.match(line)) is not None and line[0] == chr(code[0]):
        return found[1]
    return f"{chr(code[0])}.0.0"
