"""The bytes of a message on their way into the store."""

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsvc.core.errors import MailError
from mailsvc.core.values import Body
from mailsvc.delivery.border import SizeLimit
from mailsvc.delivery.intake import MAX_HOPS, MAX_KEPT_HEADER, MAX_LINE, Intake
from mailsvc.testing.failing import FailingBodies


class Writer:
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.size = 0
        self.data = b""
        self.aborted = False
        self.closed = False

    def write(self, data: bytes) -> None:
        self.size += len(data)
        self.data += data

    async def close(self) -> Body:
        self.closed = True
        return Body(self.size, data=self.data)

    def abort(self) -> None:
        assert not self.closed, "what has been closed is promised"
        self.aborted = True


def take(pieces: Iterable[bytes], limit: int = 0, repair: bool = False) -> bytes:
    """The body that is made of the pieces. Raises what close raises."""
    writer = Writer()
    intake = Intake(lambda: writer, SizeLimit(limit), repair)  # type: ignore[arg-type, return-value]
    for piece in pieces:
        intake.write(piece)
    body = _run(intake.close())
    intake.abort()
    assert not writer.aborted
    assert body.size == len(body.data)
    data: bytes = body.data
    return data


def reason(pieces: Iterable[bytes], limit: int = 0, repair: bool = False) -> str:
    """Why they are refused."""
    with pytest.raises(MailError) as caught:
        take(pieces, limit, repair)
    return caught.value.reason


def _run(coroutine: Any) -> Any:
    return asyncio.run(coroutine)


LINES = st.lists(st.binary(max_size=30).map(lambda line: line.translate(None, b"\r\n\0") + b"\r\n"), max_size=10).map(
    b"".join
)


def pieces(text: bytes, size: int) -> list[bytes]:
    """The text in pieces of one size."""
    return [text[i : i + size] for i in range(0, len(text), size)]


@given(LINES, st.integers(1, 40))
def test_a_clean_message_is_taken_as_it_is(text: bytes, size: int) -> None:
    """Octet for octet, however it was cut."""
    assert take(pieces(text, size)) == text


@given(LINES, st.sampled_from([b"\r", b"\n", b"\0"]), LINES, st.integers(1, 40))
def test_one_stray_octet_is_found(before: bytes, stray: bytes, after: bytes, size: int) -> None:
    """A lone CR, a lone LF or a NUL anywhere refuses the whole message."""
    text = before + b"x" + stray + b"x\r\n" + after
    assert reason(pieces(text, size)) == ("nul" if stray == b"\0" else "bare-newline")


@given(st.binary(max_size=60), st.integers(1, 40))
def test_repaired_messages_are_clean(octets: bytes, size: int) -> None:
    """Whatever comes in, with repair only whole CRLF lines without NUL come out."""
    data = take(pieces(octets, size), repair=True)
    assert b"\0" not in data
    assert data.count(b"\r\n") == data.count(b"\r") == data.count(b"\n")
    assert not data or data.endswith(b"\r\n")


def test_an_empty_message() -> None:
    """A message without anything is a message."""
    assert take([]) == b""


@pytest.mark.parametrize(
    ("text", "whole"), [(b"a", b"a\r\n"), (b"a\r", b"a\r\n"), (b"a\r\nb", b"a\r\nb\r\n"), (b"\r", b"\r\n")]
)
def test_the_last_line_is_completed(text: bytes, whole: bytes) -> None:
    """Chunks may end in the middle of a line, or of its CRLF; what is stored has whole lines."""
    assert take([text]) == whole
    assert take(pieces(text, 1)) == whole


def test_the_limit() -> None:
    """Exactly the limit passes, one octet more does not, and the reply names the limit."""
    assert take([b"x" * 8, b"\r\n"], limit=10) == b"x" * 8 + b"\r\n"
    assert reason([b"x" * 9, b"\r\n"], limit=10) == "too-big"


def test_a_line_that_is_too_long() -> None:
    """MAX_LINE octets with the CRLF pass, more do not, in any pieces."""
    line = b"x" * (MAX_LINE - 2) + b"\r\n"
    assert take(pieces(line, 1000)) == line
    for size in (999, 5000, 100_000):
        assert reason(pieces(b"ok\r\nxx" + line, size)) == "long-line"


def test_a_loop() -> None:
    """Too many Received fields."""
    assert reason([b"Received: x\r\n" * (MAX_HOPS + 1) + b"\r\n"]) == "mail-loop"


def test_what_is_known_to_be_wrong_is_not_written() -> None:
    """After the limit is passed the writer is aborted and never written to again."""
    writer = Writer()
    intake = Intake(lambda: writer, SizeLimit(10))  # type: ignore[arg-type, return-value]
    for _ in range(100):
        intake.write(b"x" * 9)
    assert writer.aborted
    assert writer.size == 9


def test_trouble_while_writing_is_told_at_the_end() -> None:
    """write() never raises; close() does, and the writer is aborted."""
    bodies = FailingBodies(OSError("disk"), ["write"])
    intake = Intake(bodies.create, SizeLimit())
    intake.write(b"x\r\n")
    intake.write(b"y\r\n")
    assert bodies.writers[0].aborted
    with pytest.raises(OSError, match="disk"):
        _run(intake.close())


HEADERS = {
    "usual": (b"A: b\r\nDate: c\r\n\r\nbody\r\n", b"A: b\r\nDate: c\r\n"),
    "none": (b"\r\nDate: this is text\r\n\r\nmore\r\n", b""),
    "nothing else": (b"A: b\r\n", b"A: b\r\n"),
    "empty": (b"", b""),
    "one large piece": (b"Date: c\r\n\r\n" + b"x\r\n" * 50_000, b"Date: c\r\n"),
}
"""A message, and its header."""


@pytest.mark.parametrize("name", HEADERS)
@pytest.mark.parametrize("size", [1, 7, 1_000_000])
def test_the_header_is_kept(name: str, size: int) -> None:
    """However the message was cut: what depends on its fields (Date added, From checked) is the same."""
    message, header = HEADERS[name]
    intake = filled(pieces(message, size))
    assert (intake.header, intake.header_is_whole) == (header, True)


@pytest.mark.parametrize("size", [1000, 40_000, 1_000_000])
def test_of_a_long_header_the_beginning_is_kept(size: int) -> None:
    """Exactly as much of it, however it was cut, and it is known that there was more."""
    message = b"X: y\r\n" * 20_000 + b"\r\nbody\r\n"
    intake = filled(pieces(message, size))
    assert (intake.header, intake.header_is_whole) == (message[:MAX_KEPT_HEADER], False)


def filled(pieces: Iterable[bytes]) -> Intake:
    """An intake that has taken the pieces."""
    intake = Intake(Writer, SizeLimit(0))  # type: ignore[arg-type]
    for piece in pieces:
        intake.write(piece)
    return intake
