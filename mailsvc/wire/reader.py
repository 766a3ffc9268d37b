"""What takes the client's octets while a command waits for them (:meth:`mailsvc.wire.conversation.Conversation.receive`)."""

from typing import Protocol

from mailsvc.wire.framing import BadLine, Framing

__all__ = ["LineReader", "Reader"]


class Reader(Protocol):
    """Takes raw data; see :mod:`mailsvc.formats.dotdata`."""

    def feed(self, data: bytes) -> bytes | None:
        """Take bytes; return what follows the end, or None while more is needed."""


class LineReader:
    """A Reader of one line, for answers within a command. Nothing is lost when the server does not wait for it."""

    def __init__(self, max_line: int) -> None:
        self._framing = Framing(max_line)
        self.line: bytes | BadLine = b""

    def feed(self, data: bytes) -> bytes | None:
        """As :class:`Reader`; the line, or what is wrong with it, is in ``line`` then."""
        self._framing.feed(data)
        try:
            line = self._framing.line()
        except BadLine as bad:
            self.line = bad
        else:
            if line is None:
                return None
            self.line = line
        return self._framing.take()
