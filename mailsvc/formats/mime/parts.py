"""The structure of a message as offsets into its bytes (RFC 2045, RFC 2046).

:func:`scan` looks at each octet a bounded number of times: boundaries are found by ``bytes.find``, headers by one regular expression.
ENVELOPE, BODYSTRUCTURE, ``BODY[n]`` and searching all go by the same tree, so they agree. The answers to what is not foreseen:

- A header ends at the first empty line. Without one, all is header and the body is empty.
- A missing, empty or unreadable Content-Type is ``text/plain; charset=us-ascii`` (RFC 2045 5.2), in ``multipart/digest``
  ``message/rfc822`` (RFC 2046 5.1.5).
- Delimiter lines of an outer multipart end whatever is inside (RFC 2046 5.1.2). A delimiter is the whole line: ``--abcd`` is none of
  boundary ``abc``. White space at its end does not count. Between two
  delimiter lines in a row lies an empty part. The octets after the closing delimiter are the epilogue and in no part.
- A multipart that is never closed ends with its parent. One without boundary, or in which the boundary never occurs, has one part of
  text/plain with an empty header: its whole body, so that a person can still read it.
- A part deeper than 32 levels, or beyond 10,000 parts, is not looked into: it is application/octet-stream; the last part of a
  multipart whose parts are too many takes all that follows.
- ``message/rfc822`` is taken apart as it lies there, whatever its Content-Transfer-Encoding claims (RFC 2046 5.2.1 allows no encoding).
"""

from collections.abc import Iterator
from functools import cached_property

from mailsvc.formats.mime.fields import Fields
from mailsvc.formats.mime.parameters import Parameters, join_continuations, parameter_octets, parse_value

__all__ = ["MAX_DEPTH", "MAX_PARTS", "Part", "scan"]

MAX_DEPTH = 32
MAX_PARTS = 10_000
MAX_CANDIDATES = 100_000
"""Lines that begin like a delimiter, in one multipart: after so many the rest is not looked at."""

_TEXT = (b"text", b"plain")
_OPAQUE = (b"application", b"octet-stream")
_US_ASCII: Parameters = [(b"charset", b"us-ascii")]


class Part:
    """One part, or the message itself, which lies at ``data[start:end]``.

    :ivar start: first octet of the header. :ivar body: first octet of the body. :ivar end: behind the last octet of the body.
    :ivar fields: the header's fields. :ivar type: for instance ``(b"text", b"plain")``, lower case.
    :ivar parameters: of the Content-Type. :ivar children: the parts of a multipart; for message/rfc822 the one message inside.
    """

    def __init__(
        self, data: bytes, start: int, body: int, end: int, fields: Fields, default: tuple[bytes, bytes]
    ) -> None:
        self._data = data
        self.start = start
        self.body = body
        self.end = end
        self.fields = fields
        self.children: list[Part] = []
        self.type, self.parameters = _content_type(fields, default)

    @property
    def is_multipart(self) -> bool:
        """Whether ``children`` are the parts of a multipart."""
        return self.type[0] == b"multipart"

    @property
    def is_message(self) -> bool:
        """Whether this is message/rfc822, with the message inside as its only child."""
        return self.type == (b"message", b"rfc822")

    @property
    def size(self) -> int:
        """Octets of the body, as transferred."""
        return self.end - self.body

    @cached_property
    def lines(self) -> int:
        """Line ends in the body, as transferred."""
        return self._data[self.body : self.end].count(b"\n")

    @cached_property
    def encoding(self) -> bytes:
        """Content-Transfer-Encoding in lower case, ``b""`` if there is none; only its first word counts."""
        value = self.fields.first(b"content-transfer-encoding")
        return parse_value(value)[0] if value else b""

    def parameter(self, name: bytes) -> bytes | None:
        """A parameter of the Content-Type, RFC 2231 undone; the first of several."""
        return parameter_octets(self.parameters, name)

    def walk(self) -> Iterator["Part"]:
        """This part and all below it, in order."""
        yield self
        for child in self.children:
            yield from child.walk()


def scan(data: bytes, start: int = 0, end: int | None = None) -> Part:
    """The structure of a message that lies at ``data[start:end]``. Never raises. ``data`` may also be an ``mmap``."""
    return _Scanner(data).part(start, len(data) if end is None else end, _TEXT, 0)


class _Scanner:
    """The scan of one message, with its count of parts."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._parts = 0

    def part(self, start: int, end: int, default: tuple[bytes, bytes], depth: int) -> Part:
        """The part at ``data[start:end]``, header and body."""
        body = _end_of_header(self._data, start, end)
        part = Part(self._data, start, body, end, Fields(self._data, start, body), default)
        self._parts += 1
        if not (part.is_multipart or part.is_message):
            return part
        if depth >= MAX_DEPTH or self._parts >= MAX_PARTS:
            part.type, part.parameters = _OPAQUE, []
        elif part.is_message:
            part.children = [self.part(body, end, _TEXT, depth + 1)]
        else:
            part.children = self._multipart(part, depth + 1)
        return part

    def _multipart(self, part: Part, depth: int) -> list[Part]:
        boundary = (part.parameter(b"boundary") or b"").rstrip()
        pieces = self._pieces(boundary, part.body, part.end) if boundary else []
        if not pieces:
            return [Part(self._data, part.body, part.body, part.end, _NO_FIELDS, _TEXT)]
        default = (b"message", b"rfc822") if part.type[1] == b"digest" else _TEXT
        return [self.part(start, end, default, depth) for start, end in pieces]

    def _pieces(self, boundary: bytes, start: int, end: int) -> list[tuple[int, int]]:
        """Where the parts between the delimiter lines lie."""
        pieces: list[tuple[int, int]] = []
        opened = -1  # where the current part begins; -1 in the preamble
        most = MAX_PARTS - self._parts
        for line, after, closing in self._delimiters(b"--" + boundary, start, end):
            if opened >= 0:
                # The line end before a delimiter belongs to the delimiter (RFC 2046 5.1.1).
                pieces.append((opened, max(opened, _before_line_end(self._data, line))))
            if closing:
                return pieces
            opened = after
            if len(pieces) + 1 >= most:
                break
        if opened >= 0:
            pieces.append((opened, end))
        return pieces

    def _delimiters(self, delimiter: bytes, start: int, end: int) -> Iterator[tuple[int, int, bool]]:
        """Each delimiter line: its beginning, the beginning of the next line, and whether it closes the multipart."""
        data = self._data
        after = start
        for _ in range(MAX_CANDIDATES):
            line = _line_with(data, delimiter, after, end)
            if line < 0:
                return
            tail = line + len(delimiter)
            line_end = data.find(b"\n", tail, end)
            after = end if line_end < 0 else line_end + 1
            rest = data[tail : min(after, tail + 200)].rstrip(b" \t\r\n")
            if rest in (b"", b"--"):
                yield line, after, rest == b"--"


_NO_FIELDS = Fields(b"")


def _content_type(fields: Fields, default: tuple[bytes, bytes]) -> tuple[tuple[bytes, bytes], Parameters]:
    value = fields.first(b"content-type")
    if value is None:
        return default, _US_ASCII if default == _TEXT else []
    media, parameters = parse_value(value)
    main, _, sub = media.partition(b"/")
    if not main or not sub or b"/" in sub:
        return _TEXT, _US_ASCII
    return (main, sub), join_continuations(parameters)


def _end_of_header(data: bytes, start: int, end: int) -> int:
    """Behind the first empty line."""
    if data[start : start + 2] == b"\r\n":
        return min(start + 2, end)
    if data[start : start + 1] == b"\n":
        return min(start + 1, end)
    crlf = data.find(b"\n\r\n", start, end)
    lf = data.find(b"\n\n", start, end if crlf < 0 else crlf + 2)
    if lf >= 0:
        return lf + 2
    return end if crlf < 0 else crlf + 3


def _line_with(data: bytes, beginning: bytes, start: int, end: int) -> int:
    """The first line from ``start`` on, itself the beginning of a line, that begins so; -1 if there is none."""
    if start + len(beginning) <= end and data[start : start + len(beginning)] == beginning:
        return start
    found = data.find(b"\n" + beginning, start, end)
    return found + 1 if found >= 0 else -1


def _before_line_end(data: bytes, at: int) -> int:
    """Before the line end that stands before ``at``."""
    return at - 2 if data[at - 2 : at] == b"\r\n" else at - 1
