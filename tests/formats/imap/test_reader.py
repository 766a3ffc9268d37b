"""The reader of commands: lines and literals, whole and byte by byte, and what happens to those that are too big."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsvc.formats.imap.reader import CommandReader, Flaw, Flawed, Literal, LiteralWanted, RawCommand

Answer = Callable[[CommandReader, LiteralWanted], object]


def accept(reader: CommandReader, wanted: LiteralWanted) -> None:
    """Collect every literal that fits."""
    if wanted.fits:
        reader.accept()
    else:
        reader.refuse()


def events(reader: CommandReader, pieces: list[bytes], answer: Answer = accept) -> list[object]:
    """Everything that the pieces lead to, literals answered as they are announced."""
    found: list[object] = []
    for piece in pieces:
        reader.feed(piece)
        while (event := reader.next_event()) is not None:
            found.append(event)
            if isinstance(event, LiteralWanted):
                answer(reader, event)
    return found


def commands(data: bytes, **limits: int) -> list[object]:
    """What a stream means, but for the announcements; the same whole and byte by byte."""
    whole = events(CommandReader(**limits), [data])
    single = events(CommandReader(**limits), [data[at : at + 1] for at in range(len(data))])
    assert whole == single
    return [event for event in whole if not isinstance(event, LiteralWanted)]


def test_plain_commands() -> None:
    """Two pipelined commands are two commands."""
    assert commands(b"a1 NOOP\r\na2 LOGOUT\r\n") == [RawCommand(b"a1 NOOP"), RawCommand(b"a2 LOGOUT")]


def test_literals_of_login() -> None:
    """RFC 7888 3: a LOGIN with two non-synchronizing literals is one command."""
    (command,) = commands(b"A001 LOGIN {11+}\r\nFRED FOOBAR {7+}\r\nfat man\r\n")
    assert command == RawCommand(
        b"A001 LOGIN {11+}\n {7+}\n", (Literal(11, data=b"FRED FOOBAR"), Literal(7, data=b"fat man"))
    )


def test_literal_may_hold_anything() -> None:
    """A literal's octets are never looked at: CRLF, braces, NUL."""
    (command,) = commands(b"a X ~{9+}\r\n\r\n{5}\r\n\0z\r\n")
    assert isinstance(command, RawCommand)
    assert command.literals == (Literal(9, binary=True, data=b"\r\n{5}\r\n\0z"),)


def test_empty_literal() -> None:
    """``{0}`` is a literal without octets."""
    assert commands(b"a X {0+}\r\n\r\n") == [RawCommand(b"a X {0+}\n", (Literal(0, data=b""),))]


def test_synchronizing_literal_waits() -> None:
    """Nothing more is read before the server has said what becomes of an announced literal."""
    reader = CommandReader()
    reader.feed(b"a1 LOGIN {4}\r\n")
    wanted = reader.next_event()
    assert wanted == LiteralWanted("a1", b"a1 LOGIN {4}", Literal(4), 0, sync=True, fits=True)
    reader.feed(b"fred pw\r\n")
    assert reader.next_event() is None
    reader.accept()
    assert reader.next_event() == RawCommand(b"a1 LOGIN {4}\n pw", (Literal(4, data=b"fred"),))


def test_refused_synchronizing_literal_ends_the_command() -> None:
    """RFC 3501 2.2.1: after a tagged NO the client does not send the literal; the next line is a new command."""
    reader = CommandReader()
    reader.feed(b"a1 APPEND x {99999999}\r\n")
    assert isinstance(reader.next_event(), LiteralWanted)
    assert reader.refuse() is True
    reader.feed(b"a2 NOOP\r\n")
    assert reader.next_event() == RawCommand(b"a2 NOOP")


def test_refused_literal_that_comes_anyway_is_skipped() -> None:
    """A non-synchronizing literal is read and thrown away with the rest of its command, and not taken for commands."""
    data = b"a1 X {14+}\r\na9 DELETE all\r\n {3+}\r\nfoo x\r\na2 NOOP\r\n"
    for pieces in ([data], [data[at : at + 1] for at in range(len(data))]):
        found = events(CommandReader(), pieces, lambda reader, wanted: reader.refuse())
        assert [event for event in found if not isinstance(event, LiteralWanted)] == [RawCommand(b"a2 NOOP")]


def test_literal_minus() -> None:
    """RFC 7888 5: a non-synchronizing literal of more than 4096 octets is refused (TOOBIG) and skipped; 4096 are fine."""
    data = b"a1 X {4097+}\r\n" + b"x" * 7097 + b"\r\na2 X {4096+}\r\n" + b"y" * 4096 + b"\r\n"
    flawed, command = commands(data)
    assert flawed == Flawed("a1", Flaw.UNANNOUNCED)
    assert isinstance(flawed, Flawed)
    assert flawed.code == "TOOBIG"
    assert command == RawCommand(b"a2 X {4096+}\n", (Literal(4096, data=b"y" * 4096),))


def test_literal_plus() -> None:
    """Without that limit (LITERAL+) any size is announced."""
    reader = CommandReader(max_unannounced=None)
    reader.feed(b"a1 APPEND x {100000+}\r\n")
    wanted = reader.next_event()
    assert isinstance(wanted, LiteralWanted)
    assert not wanted.fits


def test_hopeless_literal() -> None:
    """A non-synchronizing literal too big to skip is fatal: the server says BYE."""
    assert commands(b"a1 X {4000000000+}\r\n") == [Flawed("a1", Flaw.TOO_BIG, fatal=True)]


@pytest.mark.parametrize("size", [b"4294967296", b"99999999999999999999"])
def test_literal_size_out_of_range(size: bytes) -> None:
    """RFC 3501 9: a number has 32 bits."""
    assert commands(b"a1 X {" + size + b"}\r\na2 NOOP\r\n") == [Flawed("a1", Flaw.TOO_BIG), RawCommand(b"a2 NOOP")]


@pytest.mark.parametrize("not_one", [b"{-5}", b"{ 5}", b"{1_0}", b"{}", b"{5} ", b"{5-}", b"{+5}"])
def test_what_is_no_literal(not_one: bytes) -> None:
    """Only digits and a plus make a literal: everything else is text of the line."""
    assert commands(b"a X " + not_one + b"\r\n") == [RawCommand(b"a X " + not_one)]


def test_big_literal_goes_elsewhere() -> None:
    """A literal with somewhere to go is not kept: memory is bounded."""
    reader = CommandReader(max_literals=10)
    reader.feed(b"a APPEND x {1000000}\r\n")
    wanted = reader.next_event()
    assert isinstance(wanted, LiteralWanted)
    assert not wanted.fits
    written: list[bytes] = []
    reader.accept(written.append)
    for _ in range(100):
        reader.feed(b"m" * 10_000)
        reader.next_event()
        assert len(reader) == 0
    reader.feed(b"\r\n")
    assert reader.next_event() == RawCommand(b"a APPEND x {1000000}\n", (Literal(1_000_000),))
    assert sum(map(len, written)) == 1_000_000


def test_many_small_literals_do_not_fit() -> None:
    """The limit is on all literals of a command together."""
    reader = CommandReader(max_literals=10)
    found = events(reader, [b"a X {6+}\r\n123456 {6+}\r\n123456\r\na2 NOOP\r\n"])
    assert [event.fits for event in found if isinstance(event, LiteralWanted)] == [True, False]
    assert found[-1] == RawCommand(b"a2 NOOP")


def test_long_line() -> None:
    """A line above the limit is one BAD with its tag; the next command is fine."""
    data = b"a1 " + b"x" * 5000 + b"\r\na2 NOOP\r\n"
    assert commands(data, max_line=1000) == [Flawed("a1", Flaw.TOO_LONG), RawCommand(b"a2 NOOP")]


def test_long_line_that_announces_a_literal() -> None:
    """RFC 7888 3: the end of every line is checked, also of one that is thrown away."""
    data = b"a1 " + b"x" * 5000 + b" {9+}\r\na9 EVIL\r\n\r\na2 NOOP\r\n"
    assert commands(data, max_line=1000) == [Flawed("a1", Flaw.TOO_LONG), RawCommand(b"a2 NOOP")]


def test_line_of_the_longest_length() -> None:
    """Exactly max_line octets are allowed."""
    assert commands(b"a " + b"x" * 98 + b"\r\n", max_line=100) == [RawCommand(b"a " + b"x" * 98)]
    assert commands(b"a " + b"x" * 99 + b"\r\n", max_line=100) == [Flawed("a", Flaw.TOO_LONG)]


def test_endless_line() -> None:
    """A line without end is fatal after max_skip, and memory does not grow with it."""
    reader = CommandReader(max_line=1000, max_skip=100_000)
    for _ in range(200):
        reader.feed(b"x" * 1000)
        event = reader.next_event()
        assert len(reader) <= 1001
        if event is not None:
            assert event == Flawed("*", Flaw.ENDLESS, fatal=True)
            return
    raise AssertionError("never ended")


def test_text_of_many_lines() -> None:
    """The lines of one command together are limited too."""
    data = b"a1 X" + b" {1+}\r\nx" * 50 + b"\r\na2 NOOP\r\n"
    assert commands(data, max_text=100) == [Flawed("a1", Flaw.TOO_LONG), RawCommand(b"a2 NOOP")]


@pytest.mark.parametrize("octet", [b"\n", b"\r", b"\0"])
def test_lone_line_end(octet: bytes) -> None:
    """A lone CR or LF, or a NUL, is BAD and never makes two commands."""
    data = b"a1 NOOP" + octet + b"a2 NOOP\r\na3 NOOP\r\n"
    assert commands(data) == [Flawed("a1", Flaw.BARE), RawCommand(b"a3 NOOP")]


def test_take_forgets() -> None:
    """What came before TLS is discarded, an unfinished command with it."""
    reader = CommandReader()
    reader.feed(b"a X {5}\r\n")
    reader.next_event()
    reader.feed(b"abc")
    assert reader.take() == b"abc"
    reader.feed(b"b NOOP\r\n")
    assert reader.next_event() == RawCommand(b"b NOOP")


def test_crowded() -> None:
    """A full buffer asks for a pause, unless the rest of a line is all it waits for."""
    reader = CommandReader(max_line=200_000)
    reader.feed(b"a NOOP\r\n" * 10_000)
    assert reader.crowded
    reader.take()
    reader.feed(b"x" * 70_000)
    reader.next_event()
    assert not reader.crowded


@given(
    st.lists(
        st.sampled_from(
            [
                b"a1 X",
                b" ",
                b"{3}",
                b"{3+}",
                b"~{4+}",
                b"\r\n",
                b"\r",
                b"\n",
                b"abc",
                b"\0",
                b"x" * 70,
                b"{5000+}",
                b"}",
            ]
        ),
        max_size=40,
    ),
    st.integers(1, 7),
)
def test_splitting_does_not_matter(words: list[bytes], size: int) -> None:
    """However the network cuts the stream, the same events come out."""
    data = b"".join(words)
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    limits = {"max_line": 120, "max_text": 300, "max_literals": 20}
    assert events(CommandReader(**limits), [data]) == events(CommandReader(**limits), pieces)
