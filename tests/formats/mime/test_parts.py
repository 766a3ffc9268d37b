"""The structure of messages: where parts lie, and one answer for each oddity."""

import sys
from collections.abc import Iterator
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsvc.formats.mime import parts
from mailsvc.formats.mime.parts import MAX_DEPTH, MAX_PARTS, Part, scan


def crlf(text: str) -> bytes:
    """A message as it is on the wire."""
    return text.replace("\n", "\r\n").encode()


def shape(part: Part) -> Any:
    """Types and bodies of a tree."""
    name = b"/".join(part.type).decode("latin-1")
    if part.children:
        return (name, [shape(child) for child in part.children])
    return (name, part._data[part.body : part.end])


def kinds(part: Part) -> list[str]:
    """Types of all parts, in order."""
    return [b"/".join(each.type).decode("latin-1") for each in part.walk()]


MULTIPART = "Content-Type: multipart/mixed; boundary=b\n\n"


def test_rfc_2046_example() -> None:
    """The example of RFC 2046 5.1.1: preamble, a part without header, one with a line end at its end, epilogue."""
    message = crlf(
        """From: Nathaniel Borenstein <nsb@bellcore.com>
To: Ned Freed <ned@innosoft.com>
MIME-Version: 1.0
Content-type: multipart/mixed; boundary="simple boundary"

This is the preamble.  It is to be ignored.

--simple boundary

This is implicitly typed plain US-ASCII text.
It does NOT end with a linebreak.
--simple boundary
Content-type: text/plain; charset=us-ascii

This is explicitly typed plain US-ASCII text.
It DOES end with a linebreak.

--simple boundary--

This is the epilogue.  It is also to be ignored.
"""
    )
    assert shape(scan(message)) == (
        "multipart/mixed",
        [
            ("text/plain", b"This is implicitly typed plain US-ASCII text.\r\nIt does NOT end with a linebreak."),
            ("text/plain", b"This is explicitly typed plain US-ASCII text.\r\nIt DOES end with a linebreak.\r\n"),
        ],
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ("text/plain", b"")),
        ("\nbody", ("text/plain", b"body")),
        ("Subject: all header", ("text/plain", b"")),
        ("no header at all\nreally", ("text/plain", b"")),
        ("Content-Type: nonsense\n\nx", ("text/plain", b"x")),
        ("Content-Type:\n\nx", ("text/plain", b"x")),
        ("Content-Type: a/b/c\n\nx", ("text/plain", b"x")),
        ("Content-Type: IMAGE/Png\n\nx", ("image/png", b"x")),
        ("Content-Type: image/png\nContent-Type: text/html\n\nx", ("image/png", b"x")),
        ("Content-Type: multipart/mixed\n\n--b\n\nx", ("multipart/mixed", [("text/plain", b"--b\r\n\r\nx")])),
        (MULTIPART + "never", ("multipart/mixed", [("text/plain", b"never")])),
        (MULTIPART + "--b", ("multipart/mixed", [("text/plain", b"")])),
        (MULTIPART + "--b--\n", ("multipart/mixed", [("text/plain", b"--b--\r\n")])),
        (MULTIPART + "--b\n\nopen", ("multipart/mixed", [("text/plain", b"open")])),
        (MULTIPART + "--b\n--b\n\n--b--", ("multipart/mixed", [("text/plain", b""), ("text/plain", b"")])),
        (MULTIPART + "--b \t\n\nx\n--b-- \nepilogue", ("multipart/mixed", [("text/plain", b"x")])),
        (MULTIPART + "--bb\n--b\n\nx\n--b-\n --b\n--b--", ("multipart/mixed", [("text/plain", b"x\r\n--b-\r\n --b")])),
        (MULTIPART + "--b\n\nx\n--b--\n--b\n\ny", ("multipart/mixed", [("text/plain", b"x")])),
        ("Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: x\n\ny\n--b--",
         ("multipart/digest", [("message/rfc822", [("text/plain", b"y")])])),
        ("Content-Type: message/rfc822\n\nContent-Type: text/html\n\nx", ("message/rfc822", [("text/html", b"x")])),
        ("Content-Type: message/rfc822\n\n", ("message/rfc822", [("text/plain", b"")])),
        ('Content-Type: multipart/mixed; boundary="a;b"\n\n--a;b\n\nx\n--a;b--', ("multipart/mixed", [("text/plain", b"x")])),
        ("Content-Type: multipart/mixed; boundary=----=_N(1)\n\n------=_N(1)\n\nx", ("multipart/mixed", [("text/plain", b"x")])),
        ("Content-Type: multipart/mixed; boundary*0=a; boundary*1=b\n\n--ab\n\nx", ("multipart/mixed", [("text/plain", b"x")])),
    ],
)  # fmt: skip
@pytest.mark.parametrize("line_end", ["\r\n", "\n"])
def test_oddities(text: str, expected: Any, line_end: str) -> None:
    """One answer for each, the same whether lines end in CRLF or LF."""
    data = text.replace("\n", line_end).encode()
    assert shape(scan(data)) == _with_line_end(expected, line_end.encode())


def _with_line_end(expected: Any, line_end: bytes) -> Any:
    name, content = expected
    if isinstance(content, bytes):
        return name, content.replace(b"\r\n", line_end)
    return name, [_with_line_end(each, line_end) for each in content]


def test_outer_boundary_ends_inner_parts() -> None:
    """RFC 2046 5.1.2: a multipart that was never closed ends at its parent's delimiter."""
    message = crlf(
        MULTIPART
        + "--b\nContent-Type: multipart/alternative; boundary=i\n\n--i\n\nx\n--b\nContent-Type: text/html\n\ny\n--b--\n"
    )
    assert shape(scan(message)) == (
        "multipart/mixed",
        [("multipart/alternative", [("text/plain", b"x")]), ("text/html", b"y")],
    )


def test_boundary_loop() -> None:
    """Parts that name their parent's boundary find nothing left to divide: there is no loop."""
    inner = "--b\nContent-Type: multipart/mixed; boundary=b\n\n"
    found = kinds(scan(crlf(MULTIPART + inner * 50)))
    assert found == ["multipart/mixed", *["multipart/mixed", "text/plain"] * 50]


def nested(depth: int) -> bytes:
    """A message within a message within..."""
    return b"Content-Type: message/rfc822\r\n\r\n" * depth + b"Subject: x\r\n\r\nend"


def test_depth_limit() -> None:
    """Deeper than the limit, a part is opaque."""
    assert kinds(scan(nested(MAX_DEPTH)))[-1] == "text/plain"
    found = kinds(scan(nested(MAX_DEPTH + 1000)))
    assert len(found) == MAX_DEPTH + 1
    assert found[-1] == "application/octet-stream"


def test_part_limit() -> None:
    """No message has more than 10,000 parts; the last one takes the rest."""
    message = crlf(MULTIPART) + b"--b\r\n\r\nx\r\n" * (MAX_PARTS + 500)
    root = scan(message)
    assert len(root.children) == MAX_PARTS - 1
    assert root.children[-1].end == len(message)


def test_lines_and_sizes() -> None:
    """Sizes are octets as transferred, lines are line ends."""
    root = scan(crlf("A: b\n\none\ntwo\nthree"))
    assert (root.start, root.body, root.size, root.lines) == (0, 8, 15, 2)


def test_digest_child_lies_in_its_parent() -> None:
    """The message inside message/rfc822 is exactly its body."""
    root = scan(nested(1))
    assert (root.children[0].start, root.children[0].end) == (root.body, root.end)


def check_offsets(part: Part, outer: tuple[int, int]) -> None:
    """Parts lie within their parents, in order, header before body."""
    low, high = outer
    assert low <= part.start <= part.body <= part.end <= high
    at = part.body
    for child in part.children:
        assert at <= child.start
        check_offsets(child, (part.body, part.end))
        at = child.end


PIECES = [
    b"Content-Type: multipart/mixed; boundary=b\r\n", b"Content-Type: multipart/digest; boundary=\"b c\"\r\n",
    b"Content-Type: message/rfc822\r\n", b"\r\n", b"\n", b"\r", b"--b", b"--b\r\n", b"--b--\r\n", b"--b c\r\n", b"x", b" ", b"\0", b"\xe4",
    b"Content-Type: text/plain;", b"boundary=", b"=?utf-8?B?", b"From: <a@b>, (c", b";", b'"', b"Content-Transfer-Encoding: base64\n",
]  # fmt: skip


@given(st.one_of(st.binary(max_size=200), st.lists(st.sampled_from(PIECES), max_size=40).map(b"".join)))
def test_anything(data: bytes) -> None:
    """Any octets have a structure that lies within them."""
    check_offsets(scan(data), (0, len(data)))


def count_lines(data: bytes) -> int:
    """How many lines of the module run during a scan."""
    count = 0

    def trace(frame: FrameType, event: str, arg: Any) -> Any:
        nonlocal count
        if frame.f_code.co_filename != parts.__file__:
            return None
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        scan(data)
    finally:
        sys.settrace(before)
    return count


def poison() -> Iterator[tuple[str, bytes]]:
    """Messages made to be slow, of about 100,000 octets each."""
    yield "delimiter-like lines", crlf(MULTIPART) + b"--bx\r\n" * 16_000
    yield "long line", crlf(MULTIPART) + b"-" * 100_000
    yield (
        "nested multiparts",
        b"".join(b"Content-Type: multipart/mixed; boundary=%d\r\n\r\n--%d\r\n" % (n, n) for n in range(2_000)),
    )
    yield "huge header", b"Subject: x\r\n y\r\n" * 7_000


@pytest.mark.parametrize(("name", "data"), list(poison()), ids=[name for name, _ in poison()])
def test_work_is_bounded(name: str, data: bytes) -> None:
    """None of them costs more steps than a small number for each line of the message."""
    assert count_lines(data) <= 20 * data.count(b"\n") + 2_000
