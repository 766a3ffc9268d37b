"""Transparency of DATA and of multi-line replies, at every cut."""

from hypothesis import given
from hypothesis import strategies as st

from mailsvc.formats.dotdata import DotReader, DotWriter, NewlineAudit, OctetReader, stuff

PIECES = st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b".", b"..", b"a", b"\0", b"bc"]), max_size=30).map(b"".join)


def cut(data: bytes, size: int) -> list[bytes]:
    """``data`` in pieces of ``size``."""
    return [data[i : i + size] for i in range(0, len(data), size)]


def read(data: bytes, size: int) -> tuple[bytes, bytes | None]:
    """What a DotReader makes of ``data`` in pieces of ``size``: the message, and the rest (None: no end seen)."""
    got: list[bytes] = []
    reader = DotReader(got.append)
    pieces = cut(data, size)
    for i, piece in enumerate(pieces):
        rest = reader.feed(piece)
        if rest is not None:
            return b"".join(got), rest + b"".join(pieces[i + 1 :])
    return b"".join(got), None


@given(PIECES, st.integers(1, 8), PIECES)
def test_what_is_stuffed_comes_back(message: bytes, size: int, after: bytes) -> None:
    """Any message survives stuffing and reading, at every cut, and what follows the end is left alone."""
    wire = stuff(message)
    completed = message if message.endswith(b"\r\n") or not message else message + b"\r\n"
    assert read(wire + after, size) == (completed, after)


@given(PIECES, st.integers(1, 8))
def test_writer_in_pieces_equals_whole(message: bytes, size: int) -> None:
    """Stuffing in pieces gives the same bytes as stuffing at once."""
    writer = DotWriter()
    assert b"".join(writer.feed(piece) for piece in cut(message, size)) + writer.finish() == stuff(message)


def test_only_crlf_dot_crlf_ends() -> None:
    """None of the forms that smuggle a second message ends the data."""
    for trick in (b"\n.\n", b"\r.\r", b"\n.\r\n", b"\r\n.\n", b"\r\n.\r", b"\r\n\0.\r\n", b"\r.\r\n"):
        for size in (1, 2, 3, 1000):
            message, rest = read(b"body" + trick + b"MAIL FROM:<x@example.test>\r\n", size)
            assert rest is None, trick
            assert b"MAIL FROM" in message


def test_lone_dot_line_at_once_is_an_empty_message() -> None:
    """A dot right after DATA is an empty message."""
    assert read(b".\r\nQUIT\r\n", 1) == (b"", b"QUIT\r\n")


@given(PIECES, st.integers(1, 8), st.integers(1, 20))
def test_octets(data: bytes, size: int, count: int) -> None:
    """BDAT takes exactly the octets announced."""
    got: list[bytes] = []
    reader = OctetReader(count, got.append)
    rest = None
    for i, piece in enumerate(pieces := cut(data, size)):
        rest = reader.feed(piece)
        if rest is not None:
            rest += b"".join(pieces[i + 1 :])
            break
    assert b"".join(got) == data[:count]
    assert rest == (data[count:] if len(data) >= count else None)


@given(PIECES, st.integers(1, 8), st.integers(1, 6))
def test_audit_equals_the_slow_way(data: bytes, size: int, max_line: int) -> None:
    """Counting finds exactly what looking at each byte would find, at every cut."""
    audit = NewlineAudit(max_line)
    for piece in cut(data, size):
        audit.feed(piece)
    clean = audit.finish()
    pairs = data.count(b"\r\n")
    assert audit.bare_cr == data.count(b"\r") - pairs
    assert audit.bare_lf == data.count(b"\n") - pairs
    assert audit.nul == data.count(b"\0")
    lines = (data[:-1] if data.endswith(b"\r") else data).split(b"\n")
    assert audit.long_lines == sum(len(line) > max_line for line in lines)
    assert clean == (not (audit.bare_cr or audit.bare_lf or audit.nul or audit.long_lines))
