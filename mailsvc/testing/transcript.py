"""Conversations written down: what the client sends, what the server must answer, for every line protocol.

A script has one step a line::

    S: +OK … ready              the server's next line in UTF-8; ``…`` stands for any text
    C: USER alice               a line that the client sends; client lines that follow each other are sent in one segment
    C= b"A" * 3 + b"\\r\\n"       octets that the client sends as they are (a Python expression, for what is no line)
    TLS                         the server is to begin TLS here, and the client does
    CLOSED                      the server is to close the connection here

Blank lines and lines beginning with ``#`` say nothing. A driver carries the steps out: :func:`replay` on a protocol and a transport in
memory, whole or byte by byte; others do it over a socket. It is a mismatch when the server says anything else, or anything more.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

import attrs

__all__ = ["BYTE_BY_BYTE", "CUTS", "WHOLE", "Closed", "Cut", "Expect", "Mismatch", "Say", "StartTLS", "replay", "steps"]


@attrs.frozen
class Say:
    """The client sends these octets."""

    octets: bytes


@attrs.frozen
class Expect:
    """The server says a line that matches."""

    line: str

    def matches(self, line: bytes) -> bool:
        """Whether a line (without CRLF) is what was expected."""
        pattern = ".*".join(re.escape(part) for part in self.line.split("…"))
        return re.fullmatch(pattern.encode("utf-8"), line, re.DOTALL) is not None


@attrs.frozen
class StartTLS:
    """Both sides begin TLS."""


@attrs.frozen
class Closed:
    """The server closes."""


Step = Say | Expect | StartTLS | Closed


class Mismatch(AssertionError):
    """The server did not do as the script says."""


def steps(script: str) -> list[Step]:
    """The steps of a script; what the client says in a row is one step. Raises ValueError for a line that is no step."""
    found: list[Step] = []
    for line in script.splitlines():
        step = _step(line.strip())
        if isinstance(step, Say) and found and isinstance(found[-1], Say):
            found[-1] = Say(found[-1].octets + step.octets)
        elif step is not None:
            found.append(step)
    return found


def _step(line: str) -> Step | None:
    if not line or line.startswith("#"):
        return None
    mark, _, text = line.partition(" ")
    if mark == "C:":
        return Say(text.encode("utf-8") + b"\r\n")
    if mark == "C=":
        return Say(eval(text, {}))  # noqa: S307 - a test's own text
    if mark == "S:":
        return Expect(text)
    if line in ("TLS", "CLOSED"):
        return StartTLS() if line == "TLS" else Closed()
    raise ValueError(f"not a step: {line!r}")


class Transport(Protocol):
    """What :func:`replay` needs of a transport in memory: ``StringTransport`` with ``startTLS``."""

    tls: Any
    disconnecting: bool

    def value(self) -> bytes:
        """What was written."""

    def clear(self) -> None:
        """Forget it."""


Cut = Callable[[bytes], Iterable[bytes]]
"""How octets are cut into segments."""


def WHOLE(octets: bytes) -> Iterator[bytes]:
    """All in one segment."""
    yield octets


def BYTE_BY_BYTE(octets: bytes) -> Iterator[bytes]:
    """Each octet in a segment of its own."""
    return (octets[i : i + 1] for i in range(len(octets)))


CUTS: tuple[Cut, ...] = (WHOLE, BYTE_BY_BYTE)


def replay(script: str, protocol: Any, transport: Transport, cut: Cut = WHOLE) -> None:
    """Carry out a script on a protocol that is connected to ``transport``. Raises Mismatch."""
    heard = _Heard(transport)
    for step in steps(script):
        match step:
            case Say(octets):
                heard.nothing_more(f"before {octets!r}")
                for piece in cut(octets):
                    protocol.dataReceived(piece)
            case Expect():
                heard.expect(step)
            case StartTLS():
                heard.nothing_more("before TLS")
                if transport.tls is None:
                    raise Mismatch("the server did not begin TLS")
            case Closed():
                if not transport.disconnecting:
                    raise Mismatch("the server did not close")
    heard.nothing_more("at the end")


class _Heard:
    """What the server has said, line by line."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._octets = b""

    def expect(self, expected: Expect) -> None:
        self._collect()
        line, end, rest = self._octets.partition(b"\r\n")
        if not end or not expected.matches(line):
            raise Mismatch(f"expected {expected.line!r}, heard {line + end!r}")
        self._octets = rest

    def nothing_more(self, when: str) -> None:
        self._collect()
        if self._octets:
            raise Mismatch(f"{when}: unexpected {self._octets[:500]!r}")

    def _collect(self) -> None:
        self._octets += self._transport.value()
        self._transport.clear()
