"""Sets of message numbers: RFC 3501 sequence-set as intervals."""

import sys
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsvc.formats.imap import sets
from mailsvc.formats.imap.cursor import Cursor
from mailsvc.formats.imap.errors import BadSyntax
from mailsvc.formats.imap.reader import RawCommand
from mailsvc.formats.imap.sets import STAR, NumberSet, number_set


def parse(text: bytes) -> NumberSet:
    """The set that a whole text is."""
    cursor = Cursor(RawCommand(text))
    found = number_set(cursor)
    cursor.end()
    return found


@pytest.mark.parametrize(
    ("text", "largest", "numbers"),
    [
        (b"2,4:7,9,12:*", 15, [2, 4, 5, 6, 7, 9, 12, 13, 14, 15]),
        (b"*:4,5:7", 10, [4, 5, 6, 7, 8, 9, 10]),
        (b"2:4", 9, [2, 3, 4]),
        (b"4:2", 9, [2, 3, 4]),
        (b"*", 7, [7]),
        (b"*:*", 7, [7]),
        (b"3291:*", 5, list(range(5, 3292))),
    ],
)
def test_examples_of_the_rfc(text: bytes, largest: int, numbers: list[int]) -> None:
    """The examples of RFC 3501 9 (seq-range, sequence-set) mean what it says."""
    assert list(parse(text).resolve(largest)) == numbers


BAD = "0 1:0 4294967296 9999999999 99999999999 , 1, 1: :1 1:2:3 1,,2 -1 +1 ** a 1a 1\t,2"


@pytest.mark.parametrize("text", [b"", b"1 ,2", *BAD.encode().split(b" ")])
def test_bad_sets(text: bytes) -> None:
    """What is no set, or has numbers that are none, is BAD."""
    with pytest.raises(BadSyntax):
        parse(text)


def test_star_stays_symbolic() -> None:
    """``*`` keeps its place until the mailbox is known, next to no number."""
    found = parse(b"4294967295,*")
    assert found.ranges == ((4294967295, 4294967295), (STAR, STAR))
    assert bytes(found) == b"4294967295,*"
    assert found.has_star
    assert not parse(b"1:5").has_star


def test_empty_mailbox() -> None:
    """In an empty mailbox ``*`` is no message."""
    assert list(parse(b"3,7:*").resolve(0)) == [3]


numbers = st.integers(1, 60)
elements = st.one_of(numbers.map(str), st.tuples(numbers, numbers).map(lambda pair: f"{pair[0]}:{pair[1]}"))


@given(st.lists(elements, min_size=1, max_size=30))
def test_against_plain_sets(texts: list[str]) -> None:
    """Intervals agree with a set of integers: order, membership, size, writing and reading again."""
    plain = set()
    for text in texts:
        low, _, high = text.partition(":")
        plain |= set(range(min(int(low), int(high or low)), max(int(low), int(high or low)) + 1))
    found = parse(",".join(texts).encode())
    assert list(found) == sorted(plain)
    assert len(found) == len(plain)
    assert found == NumberSet.of(plain) == parse(bytes(found))
    assert {number for number in range(70) if number in found} == plain


@given(st.lists(elements, min_size=1, max_size=20), st.lists(st.integers(1, 80), unique=True))
def test_within(texts: list[str], uids: list[int]) -> None:
    """Slices of a mailbox's UIDs are exactly those in the set, each once."""
    uids.sort()
    found = parse(",".join(texts).encode())
    picked = [uid for start, stop in found.within(uids) for uid in uids[start:stop]]
    assert picked == [uid for uid in uids if uid in found]


def test_compressed() -> None:
    """Runs are written as ranges."""
    assert bytes(NumberSet.of([7, 1, 2, 3, 4, 5, 5])) == b"1:5,7"
    assert bytes(NumberSet()) == b""


def count_lines(text: bytes) -> int:
    """How many lines of the module run while a set is parsed and resolved."""
    count = 0

    def trace(frame: FrameType, event: str, arg: Any) -> Any:
        nonlocal count
        if frame.f_code.co_filename != sets.__file__:
            return None
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        parse(text).resolve(4_000_000_000)
    finally:
        sys.settrace(before)
    return count


def test_work_grows_with_length_only() -> None:
    """100,000 elements in the worst order cost 100 times as many steps as 1,000, not 10,000 times."""
    small, large = (
        count_lines(b",".join(b"%d" % (2 * n) for n in range(size, 0, -1)) + b",*") for size in (1_000, 100_000)
    )
    assert large <= 101 * small
