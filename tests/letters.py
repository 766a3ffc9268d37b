"""Letters written for these tests, in ``tests/data`` (its README tells what each is for), as the octets that a client sends."""

import re
from pathlib import Path

__all__ = ["DATA", "LETTERS", "crlf", "lf", "without_trace"]

DATA = Path(__file__).parent / "data"

LETTERS = {path.stem: path.read_bytes() for path in sorted(DATA.glob("*.eml"))}
"""Name -> octets."""

_TRACE = re.compile(rb"Return-Path: <[^\r\n]*>\r\nReceived: [^\r\n]*\r\n(?:\s[^\r\n]*\r\n)*")


def crlf(message: bytes) -> bytes:
    """A message as a careful sender puts it on the wire: every line, also the last, ends in CRLF."""
    whole = message.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    return whole if whole.endswith(b"\r\n") else whole + b"\r\n"


def lf(message: bytes) -> bytes:
    """A message as Unix programs keep it."""
    return message.replace(b"\r\n", b"\n")


def without_trace(message: bytes) -> bytes:
    """A message without the Return-Path and Received that our server put before it. Raises AssertionError if they are not there."""
    trace = _TRACE.match(message)
    assert trace, f"no Return-Path and Received at the beginning: {message[:200]!r}"
    return message[trace.end() :]
