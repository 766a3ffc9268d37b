"""Line ends put right: every lone CR or LF becomes CRLF, and NUL disappears. For old clients of ours only; others are refused.

Bytes come in pieces of any size; a CR at the end of one waits for what the next begins with.
"""

import re

__all__ = ["NewlineRepair"]

_LINE_END = re.compile(rb"\r\n|\r|\n")


class NewlineRepair:
    """Gives out the same text with strict line ends."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, piece: bytes) -> bytes:
        """The next piece, repaired."""
        piece = self._held + piece.replace(b"\0", b"")
        self._held = b"\r" if piece.endswith(b"\r") else b""
        if self._held:
            piece = piece[:-1]
        return _LINE_END.sub(b"\r\n", piece)

    def finish(self) -> bytes:
        """What was still waiting."""
        held, self._held = self._held, b""
        return b"\r\n" if held else b""
