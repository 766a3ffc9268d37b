"""Lines out of a stream of bytes: strict CRLF, bounded memory.

``feed`` adds what the transport brings, ``line`` takes out one command line, ``take`` everything (for data that is not lines). The buffer
is also the command queue: what a busy conversation has not taken yet simply stays here, and when ``crowded`` the transport is paused.
RFC 5321 2.3.8: only CRLF ends a line; a lone CR or LF, or a NUL, makes it a bad line, never two lines.
"""

import enum

__all__ = ["CROWDED", "BadLine", "Flaw", "Framing"]

CROWDED = 65_536
"""Octets in the buffer above which the transport is to be paused."""

HOPELESS = 262_144
"""Octets of one endless line after which there is no point in reading on."""


class Flaw(enum.Enum):
    """What is wrong with a line."""

    TOO_LONG = "line too long"
    BARE = "lone CR, LF or NUL in a command"
    ENDLESS = "no end of line"


class BadLine(Exception):
    """A line that cannot be a command. The next one may be fine, unless the flaw is ENDLESS."""

    def __init__(self, flaw: Flaw) -> None:
        super().__init__(flaw.value)
        self.flaw = flaw


class Framing:
    """The input buffer of one connection."""

    __slots__ = ("_buffer", "_dropped", "_scanned", "max_line")

    def __init__(self, max_line: int) -> None:
        """:param max_line: octets that a command line may have, without its CRLF."""
        self.max_line = max_line
        self._buffer = b""
        self._scanned = 0  # no CRLF begins before this offset: never look at a byte twice
        self._dropped = 0  # octets of the current, over-long line that were thrown away

    def __len__(self) -> int:
        return len(self._buffer)

    @property
    def crowded(self) -> bool:
        """Whether enough is waiting that no more should be read from the network."""
        return len(self._buffer) >= CROWDED

    def feed(self, data: bytes) -> None:
        """Add bytes from the network."""
        self._buffer = self._buffer + data if self._buffer else data

    def take(self) -> bytes:
        """Everything that waits, out of the buffer."""
        data, self._buffer, self._scanned = self._buffer, b"", 0
        return data

    def line(self) -> bytes | None:
        """The next line without its CRLF; None if none is complete. Raises BadLine, and the bad line is gone then."""
        end = self._buffer.find(b"\r\n", self._scanned)
        if end < 0:
            self._scan_incomplete()
            return None
        line, self._buffer = self._buffer[:end], self._buffer[end + 2 :]
        self._scanned = 0
        too_long = len(line) + self._dropped > self.max_line
        self._dropped = 0
        if too_long:
            raise BadLine(Flaw.TOO_LONG)
        if b"\n" in line or b"\r" in line or b"\0" in line:
            raise BadLine(Flaw.BARE)
        return line

    def _scan_incomplete(self) -> None:
        # The last octet may be the CR of a CRLF to come.
        self._scanned = max(0, len(self._buffer) - 1)
        if len(self._buffer) > self.max_line:
            self._dropped += self._scanned
            self._buffer, self._scanned = self._buffer[self._scanned :], 0
        if self._dropped > HOPELESS:
            raise BadLine(Flaw.ENDLESS)
