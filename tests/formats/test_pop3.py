"""POP3's grammar, and the part of a message that TOP shows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsvc.formats.pop3 import Top, number, split_command, unique_id


@pytest.mark.parametrize(
    ("line", "command"),
    [
        (b"quit", (b"QUIT", b"")),
        (b"PASS  two  spaces ", (b"PASS", b" two  spaces ")),
        (b"", (b"", b"")),
        (b" STAT", (b"", b"STAT")),
        (b"\xff\xfe x", (b"\xff\xfe", b"x")),
    ],
)
def test_keyword_and_rest(line: bytes, command: tuple[bytes, bytes]) -> None:
    """The keyword is in capitals, everything after one space stays as it is."""
    assert split_command(line) == command


@pytest.mark.parametrize(
    ("text", "value"),
    [(b"1", 1), (b"007", 7), (b"0", 0), (b"9" * 30, int("9" * 30)), (b"", None), (b"-1", None), (b"+1", None)]
    + [(bad, None) for bad in (b"1_0", b" 1", b"1.0", b"0x1", "²".encode(), "١".encode())],
)
def test_numbers_are_ascii_digits(text: bytes, value: int | None) -> None:
    """Nothing but ASCII digits is a number."""
    assert number(text) == value


@given(st.integers(1, 0xFFFFFFFF), st.integers(1, 0xFFFFFFFF))
def test_unique_ids_are_printable_and_short(uidvalidity: int, uid: int) -> None:
    """A unique id has 1 to 70 characters of 0x21 to 0x7E, and tells the message."""
    text = unique_id(uidvalidity, uid)
    assert 1 <= len(text) <= 70
    assert all(0x21 <= ord(character) <= 0x7E for character in text)
    assert text.split(".") == [str(uidvalidity), str(uid)]


def top_of(message: bytes, lines: int) -> bytes:
    """What TOP is to show, the slow way."""
    header, blank, body = (b"\r\n" + message).partition(b"\r\n\r\n")
    shown = b"".join(line + b"\r\n" for line in body.split(b"\r\n")[:-1][:lines])
    return (header + blank)[2:] + shown


MESSAGES = st.lists(st.sampled_from([b"", b".", b"a: b", b"..", b"text"]), max_size=8).map(
    lambda lines: b"".join(line + b"\r\n" for line in lines)
)


@given(MESSAGES, st.integers(0, 6), st.integers(1, 7))
def test_top_is_the_same_however_the_message_is_cut(message: bytes, lines: int, size: int) -> None:
    """Header, blank line and so many lines, wherever a piece begins or ends, also in the middle of the blank line."""
    top = Top(lines)
    shown = b""
    for position in range(0, len(message), size):
        shown += top.feed(message[position : position + size])
        if top.done:
            break
    assert shown == top_of(message, lines)


def test_top_stops_early() -> None:
    """Once all lines are there, no more of the message is asked for."""
    top = Top(1)
    assert top.feed(b"a: b\r\n\r\n1\r\n2\r\n") == b"a: b\r\n\r\n1\r\n"
    assert top.done
