"""What looks at a message while it streams by: line ends put right, Received fields counted."""

import re
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from mailsvc.formats.hops import HopCounter
from mailsvc.formats.newlines import NewlineRepair

TEXTS = st.lists(
    st.sampled_from([b"\r", b"\n", b"\r\n", b"\0", b"a", b".", b"Received:", b"rEcEiVeD:", b"x: y"]), max_size=20
).map(b"".join)
CUTS = st.lists(st.integers(0, 60), max_size=6)


def pieces(text: bytes, cuts: list[int]) -> list[bytes]:
    """The text in pieces."""
    edges = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    return [text[a:b] for a, b in pairwise(edges)]


@given(TEXTS, CUTS)
def test_repair_gives_strict_lines_whatever_the_pieces(text: bytes, cuts: list[int]) -> None:
    """Only CRLF is left, NUL is gone, everything else is untouched, wherever the pieces are cut."""
    repair = NewlineRepair()
    repaired = b"".join(map(repair.feed, pieces(text, cuts))) + repair.finish()
    assert repaired == re.sub(rb"\r\n|\r|\n", b"\r\n", text.replace(b"\0", b""))


@given(TEXTS, CUTS)
def test_hops_are_counted_whatever_the_pieces(text: bytes, cuts: list[int]) -> None:
    """As many as lines of the header begin with Received:, in any case; the body does not count."""
    counter = HopCounter()
    for piece in pieces(text, cuts):
        counter.feed(piece)
    header = (b"\r\n" + text).partition(b"\r\n\r\n")[0]
    assert counter.count == len(re.findall(rb"\nreceived:", header, re.IGNORECASE))


def test_hops_of_a_long_header_keep_no_memory() -> None:
    """A header of any length is held to a few octets."""
    counter = HopCounter()
    for _ in range(100):
        counter.feed(b"x" * 1000)
    assert len(counter._tail) < 20
    assert not counter.done
