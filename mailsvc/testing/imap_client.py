"""A small IMAP client for tests: one connection, commands with literals, responses as values; nothing is taken for granted.

::

    client = IMAPClient(socket)
    client.do(b"SELECT INBOX")
    tag = client.begin(b"APPEND INBOX", Synchronizing(text))    other clients may begin theirs
    *untagged, tagged = client.finish(tag)                      literals are sent when the server is ready for them

Whoever wants to hear every response as it comes sets ``heard``. ``running`` is the command that the server is answering just then.
"""

import re
import select
import socket
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import attrs

__all__ = ["Broken", "IMAPClient", "Lost", "Response", "Synchronizing", "listed"]

PATIENCE = 120.0
"""Seconds that an answer may take."""

_LITERAL = re.compile(rb"\{([0-9]+)\}\r\n\Z")
_TOKEN = re.compile(
    rb'(?P<open>\()|(?P<close>\))|"(?P<quoted>(?:[^"\\]|\\.)*)"|~?\{(?P<literal>[0-9]+)\}\r\n|'
    rb"(?P<atom>(?:\[[^\]]*\]|[^\s()\"\[\]])+)"
)
_CODE = re.compile(rb"(?:OK|NO|BAD|BYE|PREAUTH) \[([^\]]*)\]")
_PLAIN_LITERAL = 4096  # RFC 7888 5: LITERAL-


class Broken(AssertionError):
    """The server did what no server may do."""


class Lost(Exception):
    """The connection has ended. ``bye``: whether BYE came before."""

    def __init__(self, bye: bool) -> None:
        super().__init__("the connection has ended" + (" after BYE" if bye else " without BYE"))
        self.bye = bye


@attrs.frozen
class Synchronizing:
    """Octets to be sent as a synchronizing literal, whatever their size."""

    octets: bytes


@attrs.frozen
class Response:
    """One response: ``tag`` is ``b"*"``, ``b"+"`` or a command's; ``text`` what follows, literals included."""

    tag: bytes
    text: bytes

    @property
    def number(self) -> int:
        """The number of ``* 5 EXISTS``; -1 if it has none."""
        first = self.text.split(b" ", 1)[0]
        return int(first) if first.isdigit() else -1

    @property
    def name(self) -> bytes:
        """``b"EXISTS"``, ``b"OK"``..."""
        words = self.text.rstrip(b"\r\n").split(b" ", 2)
        return words[1 if self.number >= 0 and len(words) > 1 else 0].upper()

    @property
    def code(self) -> list[bytes]:
        """The words of a response code; empty without one."""
        found = _CODE.match(self.text)
        return found[1].split(b" ") if found else []

    @property
    def items(self) -> dict[bytes, Any]:
        """What a FETCH response says: name -> value; a list for a parenthesized one, None for NIL."""
        values = listed(self.text[self.text.index(b"(") :])[0]
        return dict(zip(values[::2], values[1::2], strict=True))


def listed(text: bytes) -> list[Any]:
    """Values as nested lists. Raises Broken for what is none."""
    stack: list[list[Any]] = [[]]
    at = 0
    text = text.rstrip(b"\r\n") if not text.endswith(b"}\r\n") else text
    while at < len(text):
        if text[at : at + 1] == b" ":
            at += 1
            continue
        found = _TOKEN.match(text, at)
        if found is None:
            raise Broken(f"not a value at octet {at}: {text[:200]!r}")
        at = found.end()
        if found["open"]:
            stack.append([])
        elif found["close"]:
            if len(stack) < 2:
                raise Broken(f"too many parentheses closed: {text[:200]!r}")
            inner = stack.pop()
            stack[-1].append(inner)
        elif found["literal"] is not None:
            size = int(found["literal"])
            stack[-1].append(text[at : at + size])
            at += size
        elif found["quoted"] is not None:
            stack[-1].append(re.sub(rb"\\(.)", rb"\1", found["quoted"]))
        else:
            stack[-1].append(None if found["atom"].upper() == b"NIL" else found["atom"])
    if len(stack) != 1:
        raise Broken(f"parentheses left open: {text[:200]!r}")
    return stack[0]


@attrs.define
class _Command:
    tag: bytes
    name: bytes
    waiting: deque[bytes]  # what is sent after each continuation
    untagged: list[Response] = attrs.Factory(list)


class IMAPClient:
    """The client's side of one connection.

    :ivar heard: called with every response. :ivar log: called with a line for what is sent and heard.
    """

    def __init__(self, connection: socket.socket, log: Callable[[str], object] = lambda line: None) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(PATIENCE)
        self.heard: Callable[[Response], object] = lambda response: None
        self.log = log
        self._socket = connection
        self._buffer = bytearray()
        self._tags = 0
        self._running: deque[_Command] = deque()
        self._done: dict[bytes, list[Response]] = {}
        self._bye = False
        self.next()  # the greeting

    @property
    def running(self) -> bytes:
        """The name of the command that is being answered, ``b"UID FETCH"`` for instance; empty without one."""
        return self._running[0].name if self._running else b""

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    # --- commands ---

    def do(self, *pieces: bytes | Synchronizing) -> list[Response]:
        """Carry out a command that must be answered OK; its untagged responses. Raises Broken, Lost."""
        *untagged, tagged = self.finish(self.begin(*pieces))
        if tagged.name != b"OK":
            raise Broken(f"{pieces!r:.200} was answered {tagged.text!r}")
        return untagged

    def ask(self, *pieces: bytes | Synchronizing) -> list[Response]:
        """Carry out a command; all its responses, the tagged one last. Raises Lost."""
        return self.finish(self.begin(*pieces))

    def begin(self, *pieces: bytes | Synchronizing) -> bytes:
        """Send a command; the pieces are put together with a literal for each Synchronizing. Returns its tag. Raises Lost."""
        self._tags += 1
        tag = b"t%d" % self._tags
        parts = [bytearray(tag + b" ")]
        for piece in pieces:
            if isinstance(piece, Synchronizing):
                parts[-1] += b"{%d}\r\n" % len(piece.octets)
                parts.append(bytearray(piece.octets))
            else:
                parts[-1] += piece
        parts[-1] += b"\r\n"
        first, *rest = map(bytes, parts)
        words = first.split(None, 3)[1:]
        name = b" ".join(words[:2]) if words[0].upper() == b"UID" else words[0]
        self._running.append(_Command(tag, name.upper(), deque(rest)))
        self.send(first)
        return tag

    def finish(self, tag: bytes) -> list[Response]:
        """All responses to a command, the tagged one last. Raises Lost, Broken."""
        while tag not in self._done:
            self.next()
        return self._done.pop(tag)

    def send(self, octets: bytes) -> None:
        """Send octets as they are. Raises Lost."""
        self.log(f"C: {octets[:300]!r}")
        try:
            self._socket.sendall(octets)
        except OSError:
            if not self._bye and not self._await_bye():
                raise Lost(self._bye) from None

    def _await_bye(self) -> bool:
        """The server has closed: its last words may still be there."""
        while self._fill(0.5):
            pass
        return b"* BYE " in self._buffer

    # --- responses ---

    def next(self, patience: float = PATIENCE) -> Response:
        """The next response. Raises Lost, TimeoutError."""
        deadline = time.monotonic() + patience
        while (response := self.poll(max(0.0, deadline - time.monotonic()))) is None:
            if time.monotonic() >= deadline:
                raise TimeoutError(f"no answer to {self.running!r} within {patience:g} seconds")
        return response

    def poll(self, patience: float = 0.0) -> Response | None:
        """The next response if there is a whole one within ``patience`` seconds. Raises Lost."""
        raw = self._take()
        if raw is None:
            if not self._fill(patience):
                return None
            raw = self._take()
        if raw is None:
            return None
        self.log(f"S: {raw[:300]!r}")
        tag, _, text = raw.partition(b" ")
        response = Response(tag, text)
        self._sort(response)
        return response

    def _take(self) -> bytes | None:
        """A whole response out of the buffer."""
        start = 0
        while True:
            end = self._buffer.find(b"\r\n", start)
            if end < 0:
                return None
            found = _LITERAL.search(self._buffer, max(start, end - 20), end + 2)
            if found is None:
                raw = bytes(self._buffer[: end + 2])
                del self._buffer[: end + 2]
                return raw
            start = end + 2 + int(found[1])
            if start > len(self._buffer):
                return None

    def _fill(self, patience: float) -> bool:
        """Read what there is; False if nothing came. Raises Lost."""
        if not select.select([self._socket], [], [], patience)[0]:
            return False
        try:
            octets = self._socket.recv(262_144)
        except OSError:
            octets = b""
        if not octets:
            raise Lost(self._bye)
        self._buffer += octets
        return True

    def _sort(self, response: Response) -> None:
        if response.name == b"BYE":
            self._bye = True
        command = self._running[0] if self._running else None
        self.heard(response)
        if command is None:
            if response.tag != b"*":
                raise Broken(f"nobody asked for {response!r:.300}")
        elif response.tag == b"+" and command.waiting:
            self.send(command.waiting.popleft())
        elif response.tag in (b"*", b"+"):
            command.untagged.append(response)
        elif response.tag == command.tag:
            self._running.popleft()
            self._done[command.tag] = [*command.untagged, response]
        else:
            raise Broken(f"{command.name!r} ({command.tag!r}) was to be answered, and not with {response!r:.300}")
