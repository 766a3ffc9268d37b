"""The other side of a client's conversation, written down: what the server says, and what the client must say to be answered so.

A script has one step a line::

    S: 220 mx.example.net       the server says a line; lines that follow each other go in one segment
    S= b"220 " + b"x" * 5000    octets that it says as they are (a Python expression)
    C: EHLO …                   the client's next line; ``…`` stands for any text
    MESSAGE                     the client sends a message and the dot after it
    CHUNK                       the client sends BDAT and the octets that it announces; ``CHUNK LAST``: the last ones
    TLS                         the server begins TLS here
    HANG                        it says nothing more, and listens to nothing
    CLOSE                       it closes the connection
    RESET                       it closes without taking what the client still sends

Blank lines and lines beginning with ``#`` say nothing. :class:`ScriptedPeer` knows no network; :mod:`mailsvc.testing.scripted_server`
puts it behind a socket.
"""

import re
from collections.abc import Callable

__all__ = ["ScriptedPeer"]

_CHUNK = re.compile(rb"BDAT ([0-9]+)( LAST)?\r\n")


class ScriptedPeer:
    """One connection's worth of a script.

    :ivar messages: what came by MESSAGE, dots undone, and by CHUNKs, joined. :ivar problems: where the client did not keep to the script.
    """

    def __init__(self, script: str, send: Callable[[bytes], object], act: Callable[[str], object]) -> None:
        """:param send: says octets. :param act: is given ``"TLS"``, ``"CLOSE"``, ``"RESET"`` or ``"HANG"``."""
        self.messages: list[bytes] = []
        self.problems: list[str] = []
        self._steps = [
            line.strip() for line in script.splitlines() if line.strip() and not line.strip().startswith("#")
        ]
        self._send = send
        self._act = act
        self._heard = b""
        self._chunks = b""
        self._done = False

    def begin(self) -> None:
        """The connection is there."""
        self._run()

    def feed(self, data: bytes) -> None:
        """The client has sent octets."""
        if self._done:
            return
        self._heard += data
        self._run()

    def finish(self) -> None:
        """The connection is over: whatever should have come or should not have come is a problem."""
        if self._steps and not self._done:
            self.problems.append(f"the script was not played to its end: {self._steps[0]!r}")
        if self._heard and not self._done:
            self.problems.append(f"the client said more: {self._heard[:200]!r}")

    def _run(self) -> None:
        while self._steps and not self._done:
            mark, _, text = self._steps[0].partition(" ")
            if mark in ("S:", "S="):
                self._send(self._speech())
            elif mark in ("TLS", "HANG", "CLOSE", "RESET"):
                self._done = mark != "TLS"
                self._steps.pop(0)
                self._heard = b"" if mark == "TLS" else self._heard
                self._act(mark)
            elif not self._take(mark, text):
                return

    def _speech(self) -> bytes:
        said = b""
        while self._steps and self._steps[0].startswith(("S:", "S=")):
            step = self._steps.pop(0)
            text = step[2:].strip()
            said += eval(text, {}) if step.startswith("S=") else text.encode() + b"\r\n"  # noqa: S307 - a test's own text
        return said

    def _take(self, mark: str, text: str) -> bool:
        """Take what the client must send; False while it is not complete."""
        try:
            taken = {"C:": self._line, "MESSAGE": self._message, "CHUNK": self._chunk}[mark](text)
        except ValueError as problem:
            self.problems.append(str(problem))
            self._done = True
            self._act("CLOSE")
            return False
        if taken:
            self._steps.pop(0)
        return taken

    def _line(self, expected: str) -> bool:
        line, end, rest = self._heard.partition(b"\r\n")
        if not end:
            return False
        pattern = ".*".join(re.escape(part) for part in expected.split("…"))
        if not re.fullmatch(pattern.encode(), line, re.DOTALL):
            raise ValueError(f"expected {expected!r}, heard {line!r}")
        self._heard = rest
        return True

    def _message(self, _: str) -> bool:
        content, end, rest = (b"\r\n" + self._heard).partition(b"\r\n.\r\n")
        if not end:
            return False
        self._heard = rest
        self.messages.append((content + b"\r\n").replace(b"\r\n..", b"\r\n.")[2:])
        return True

    def _chunk(self, last: str) -> bool:
        if b"\r\n" not in self._heard:
            return False
        found = _CHUNK.match(self._heard)
        if found is None or bool(found[2]) != bool(last):
            raise ValueError(f"expected a chunk {last}, heard {self._heard[:80]!r}")
        end = found.end() + int(found[1])
        if len(self._heard) < end:
            return False
        self._chunks += self._heard[found.end() : end]
        self._heard = self._heard[end:]
        if last:
            self.messages.append(self._chunks)
            self._chunks = b""
        return True
