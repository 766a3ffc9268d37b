"""ENVELOPE, BODYSTRUCTURE and sections: what FETCH says of a message."""

import pytest

from mailsvc.formats.imap.bodystructure import bodystructure
from mailsvc.formats.imap.describe import describe
from mailsvc.formats.imap.extract import binary, cut, find_part, join, ranges, total
from mailsvc.formats.imap.sections import Partial, Section
from mailsvc.formats.mime.parts import scan
from mailsvc.formats.mime.transfer import UnknownEncoding


def crlf(text: str) -> bytes:
    """A message as it is on the wire."""
    return text.replace("\n", "\r\n").encode("utf-8", "surrogateescape")


def envelope_of(header: str) -> bytes:
    """ENVELOPE of a header."""
    return describe(crlf(header + "\n\n")).envelope


def structure_of(text: str, extended: bool = False) -> bytes:
    """BODY or BODYSTRUCTURE of a message."""
    return bodystructure(scan(crlf(text)), extended)


def test_example_of_the_rfc() -> None:
    """RFC 3501 8 (the sample session): the envelope of the minutes."""
    found = envelope_of(
        """Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)
From: Terry Gray <gray@cac.washington.edu>
Subject: IMAP4rev1 WG mtg summary and minutes
To: imap@cac.washington.edu
cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>
Message-Id: <B27397-0100000@cac.washington.edu>
MIME-Version: 1.0
Content-Type: TEXT/PLAIN; CHARSET=US-ASCII"""
    )
    assert found == (
        b'("Wed, 17 Jul 1996 02:23:25 -0700 (PDT)" "IMAP4rev1 WG mtg summary and minutes" '
        b'(("Terry Gray" NIL "gray" "cac.washington.edu")) '
        b'(("Terry Gray" NIL "gray" "cac.washington.edu")) '
        b'(("Terry Gray" NIL "gray" "cac.washington.edu")) '
        b'((NIL NIL "imap" "cac.washington.edu")) '
        b'((NIL NIL "minutes" "CNRI.Reston.VA.US")("John Klensin" NIL "KLENSIN" "MIT.EDU")) NIL NIL '
        b'"<B27397-0100000@cac.washington.edu>")'
    )


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", b"(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"),
        ("Date:\nSubject:\nIn-Reply-To: \nMessage-ID:", b'("" "" NIL NIL NIL NIL NIL NIL "" "")'),
        ("From: root\nSender:\nReply-To: ;",
         b'(NIL NIL ((NIL NIL "root" "")) ((NIL NIL "root" "")) ((NIL NIL "root" "")) NIL NIL NIL NIL NIL)'),
        ("To: undisclosed-recipients:;",
         b'(NIL NIL NIL NIL NIL ((NIL NIL "undisclosed-recipients" NIL)(NIL NIL NIL NIL)) NIL NIL NIL NIL)'),
        ("To: a@b\nTo: c@d", b'(NIL NIL NIL NIL NIL ((NIL NIL "a" "b")(NIL NIL "c" "d")) NIL NIL NIL NIL)'),
        ("Subject: one\n two\nSubject: three", b'(NIL "one two" NIL NIL NIL NIL NIL NIL NIL NIL)'),
        ("Subject: \xe4\udcff", b"(NIL {3}\r\n\xc3\xa4\xff NIL NIL NIL NIL NIL NIL NIL NIL)"),
        ('Subject: a"b\\', b'(NIL "a\\"b\\\\" NIL NIL NIL NIL NIL NIL NIL NIL)'),
    ],
)  # fmt: skip
def test_envelopes(header: str, expected: bytes) -> None:
    """Missing, empty, repeated, folded and 8-bit fields; each address has four members, always."""
    assert envelope_of(header) == expected


TWO_PARTS = """Content-Type: multipart/mixed; boundary="A;b"; charset=x
Content-Language: en, ja-JP

preamble
--A;b
Content-Type: text/plain; charset=US-ASCII

one
two

--A;b
Content-Type: TEXT/Plain; NAME="Cc.Diff"
Content-Transfer-Encoding: BASE64
Content-ID: <960723163407.20117h@cac.washington.edu>
Content-Description: Compiler diff
Content-Disposition: attachment; filename*0="a"; filename*1="b"
Content-MD5: xyz
Content-Language: en
Content-Location: http://x/

eA==
--A;b--
"""


def test_body() -> None:
    """RFC 3501 7.4.2: BODY has no extension data; values keep their case."""
    assert structure_of(TWO_PARTS) == (
        b'(("text" "plain" ("charset" "US-ASCII") NIL NIL "7bit" 10 2)'
        b'("text" "plain" ("name" "Cc.Diff") "<960723163407.20117h@cac.washington.edu>" "Compiler diff" "base64" 4 0) "mixed")'
    )


def test_bodystructure() -> None:
    """BODYSTRUCTURE adds MD5, disposition, language and location, in this order."""
    assert structure_of(TWO_PARTS, extended=True) == (
        b'(("text" "plain" ("charset" "US-ASCII") NIL NIL "7bit" 10 2 NIL NIL NIL NIL)'
        b'("text" "plain" ("name" "Cc.Diff") "<960723163407.20117h@cac.washington.edu>" "Compiler diff" "base64" 4 0 '
        b'"xyz" ("attachment" ("filename" "ab")) "en" "http://x/") '
        b'"mixed" ("boundary" "A;b" "charset" "x") NIL ("en" "ja-JP") NIL)'
    )


FORWARD = """Content-Type: message/rfc822

Subject: inner
Content-Type: multipart/alternative; boundary=i

--i

plain
--i
Content-Type: text/html

html
--i--
"""


def test_message_within() -> None:
    """RFC 3501 7.4.2: message/rfc822 has envelope, body and lines of the message inside, before any extension data."""
    size, lines = len(crlf(FORWARD.partition("\n\n")[2])), FORWARD.count("\n") - 2
    assert structure_of(FORWARD, extended=True) == (
        b'("message" "rfc822" NIL NIL NIL "7bit" %d (NIL "inner" NIL NIL NIL NIL NIL NIL NIL NIL) '
        % size
        + b'(("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 5 0 NIL NIL NIL NIL)'
        b'("text" "html" NIL NIL NIL "7bit" 4 0 NIL NIL NIL NIL) "alternative" ("boundary" "i") NIL NIL NIL) '
        + b"%d NIL NIL NIL NIL)"
        % lines
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\nx", b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 1 0)'),
        ("Content-Type: text/plain;\n\nx", b'("text" "plain" NIL NIL NIL "7bit" 1 0)'),
        ("Content-Type: multipart/mixed\n\nx", b'(("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 1 0) "mixed")'),
        ("Content-Type: image/png\n\nx", b'("image" "png" NIL NIL NIL "7bit" 1)'),
        ('Content-Type: a/b; n="\xe4"\n\n', b'("a" "b" ("n" {2}\r\n\xc3\xa4) NIL NIL "7bit" 0)'),
    ],
)
def test_odd_structures(text: str, expected: bytes) -> None:
    """What is missing or broken has a structure that clients can read."""
    assert structure_of(text) == expected


# RFC 3501 6.4.5: the example of part numbers.
NUMBERED = """Subject: top
Content-Type: multipart/mixed; boundary=o

--o

p1
--o
Content-Type: application/octet-stream

p2
--o
Content-Type: message/rfc822

Subject: m3
Content-Type: multipart/mixed; boundary=i

--i

p3.1
--i
Content-Type: application/octet-stream

p3.2
--i--
--o
Content-Type: multipart/mixed; boundary=x

--x
Content-Type: image/gif
X: gif

p4.1
--x
Content-Type: message/rfc822

Subject: m4.2

p4.2.1
--x--
--o--
"""


@pytest.mark.parametrize(
    ("part", "text", "expected"),
    [
        ((1,), "", "p1"),
        ((2,), "", "p2"),
        ((3, 1), "", "p3.1"),
        ((3, 2), "", "p3.2"),
        ((3,), "HEADER", "Subject: m3\nContent-Type: multipart/mixed; boundary=i\n\n"),
        ((3,), "MIME", "Content-Type: message/rfc822\n\n"),
        ((3, 2), "MIME", "Content-Type: application/octet-stream\n\n"),
        ((4, 1), "", "p4.1"),
        ((4, 1), "MIME", "Content-Type: image/gif\nX: gif\n\n"),
        ((4, 2), "HEADER", "Subject: m4.2\n\n"),
        ((4, 2), "TEXT", "p4.2.1"),
        ((4, 2, 1), "", "p4.2.1"),
        ((), "HEADER", "Subject: top\nContent-Type: multipart/mixed; boundary=o\n\n"),
        ((), "TEXT", NUMBERED.partition("\n\n")[2]),
        ((), "", NUMBERED),
        ((1,), "HEADER", None),
        ((4,), "TEXT", None),
        ((5,), "", None),
        ((1, 1), "", None),
        ((4, 2, 2), "", None),
        ((4, 2, 1, 1), "", None),
    ],
)
def test_sections(part: tuple[int, ...], text: str, expected: str | None) -> None:
    """RFC 3501 6.4.5: each number leads to its part; what does not exist is NIL."""
    data = crlf(NUMBERED)
    found = ranges(data, scan(data), Section(part, text))
    assert (None if found is None else join(data, found)) == (None if expected is None else crlf(expected))


def test_part_one_of_a_plain_message() -> None:
    """RFC 3501 6.4.5: every message has a part 1; its MIME header is the message's."""
    data = crlf("Subject: x\n\nbody")
    root = scan(data)
    assert join(data, ranges(data, root, Section((1,))) or []) == b"body"
    assert join(data, ranges(data, root, Section((1,), "MIME")) or []) == b"Subject: x\r\n\r\n"
    assert find_part(root, (2,)) is None


@pytest.mark.parametrize(
    ("text", "names", "expected"),
    [
        ("HEADER.FIELDS", (b"subject", b"X"), "Subject: a\n b\nX: 2\nx: 3\n\n"),
        ("HEADER.FIELDS", (b"none",), "\n"),
        ("HEADER.FIELDS.NOT", (b"SUBJECT", b"x"), "From: c\n\n"),
    ],
)
def test_header_fields(text: str, names: tuple[bytes, ...], expected: str) -> None:
    """All fields of these names with their folding, in order, and the empty line."""
    data = crlf("Subject: a\n b\nX: 2\nFrom: c\nx: 3\n\nbody")
    assert join(data, ranges(data, scan(data), Section((), text, names)) or []) == crlf(expected)


def test_header_fields_without_body() -> None:
    """RFC 3501 6.4.5: no empty line if the message has none."""
    data = crlf("Subject: a\nFrom: b\n")
    assert join(data, ranges(data, scan(data), Section((), "HEADER.FIELDS", (b"from",))) or []) == b"From: b\r\n"


@pytest.mark.parametrize("offset", range(0, 14))
@pytest.mark.parametrize("count", [1, 2, 5, 100])
def test_partials(offset: int, count: int) -> None:
    """``<o.n>`` is the slice of the whole, over the borders of ranges too; beyond the end it is empty."""
    data = b"0123456789abcdef"
    pieces = [(1, 3), (6, 1), (8, 6)]
    whole = join(data, pieces)
    found = cut(pieces, Partial(offset, count))
    assert join(data, found) == whole[offset : offset + count]
    assert total(found) == len(whole[offset : offset + count])
    assert cut(pieces, None) == pieces


def test_binary() -> None:
    """RFC 3516: bodies decoded; NO with UNKNOWN-CTE for what nobody knows."""
    data = crlf("Content-Transfer-Encoding: base64\n\nAAE=\n")
    assert binary(data, scan(data), Section((1,))) == b"\0\1"
    assert binary(data, scan(data), Section((2,))) is None
    assert binary(data, scan(data), Section()) == data
    odd = crlf("Content-Transfer-Encoding: x-uuencode\n\nAAE=\n")
    with pytest.raises(UnknownEncoding):
        binary(odd, scan(odd), Section((1,)))
    assert binary(crlf(FORWARD), scan(crlf(FORWARD)), Section((1,))) == crlf(FORWARD.partition("\n\n")[2])
