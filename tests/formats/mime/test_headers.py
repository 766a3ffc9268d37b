"""Header fields: names, values, addresses, parameters, dates."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsvc.formats.mime.addresses import Address, parse_addresses
from mailsvc.formats.mime.fields import Fields, field_ranges, unfold
from mailsvc.formats.mime.parameters import decoded_parameter, join_continuations, parse_value
from mailsvc.formats.mime.sentdate import sent_day
from tests.costs import ends_soon

HEADER = b"From x Mon May 10\r\nTo: a,\r\n  b\r\nX-Empty:\r\nTO : c\r\ngarbage\r\nSubject:\tx \r\n y\r\n\r\n"


def test_fields() -> None:
    """Names in any case, obsolete space before the colon, folding, all of several; what is no field belongs to none."""
    fields = Fields(HEADER)
    assert fields.all(b"to") == [b"a,  b", b"c"]
    assert fields.first(b"subject") == b"x  y"
    assert fields.first(b"x-empty") == b""
    assert fields.first(b"from x mon may 10") is None
    assert [name for name, _ in fields] == [b"to", b"to", b"x-empty", b"subject"]


def test_unfold_leaves_no_line_end() -> None:
    """Lone CRs, LFs and NULs never reach a response."""
    assert unfold(b" a\r\n b\rc\0\n ") == b"a bc"


def test_field_ranges() -> None:
    """Whole lines with their folding, neighbours joined; and the rest of them."""
    end = len(HEADER) - 2

    def text(*names: bytes, wanted: bool = True) -> list[bytes]:
        return [HEADER[at : at + size] for at, size in field_ranges(HEADER, 0, end, names, wanted)]

    assert text(b"TO") == [b"To: a,\r\n  b\r\n", b"TO : c\r\n"]
    assert text(b"to", b"x-empty") == [b"To: a,\r\n  b\r\nX-Empty:\r\nTO : c\r\n"]
    assert text(b"nothing") == []
    assert text(b"to", wanted=False) == [b"X-Empty:\r\n", b"Subject:\tx \r\n y\r\n"]


GROUP_END = Address(None, None, None, None)


def group(name: bytes) -> Address:
    """The beginning of a group."""
    return Address(None, None, name, None)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"a@b", [Address(None, None, b"a", b"b")]),
        (b"<a@b>", [Address(None, None, b"a", b"b")]),
        (b"Joe Q. Public <john.q.public@example.com>", [Address(b"Joe Q. Public", None, b"john.q.public", b"example.com")]),
        (b'"Giant; \\"Big\\" Box" <sysservices@example.net>', [Address(b'Giant; "Big" Box', None, b"sysservices", b"example.net")]),
        (b"Mary Smith <mary@x.test>, jdoe@example.org, Who? <one@y.test>", [
            Address(b"Mary Smith", None, b"mary", b"x.test"),
            Address(None, None, b"jdoe", b"example.org"),
            Address(b"Who?", None, b"one", b"y.test"),
        ]),
        (b"A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;", [
            group(b"A Group"),
            Address(b"Ed Jones", None, b"c", b"a.test"),
            Address(None, None, b"joe", b"where.test"),
            Address(b"John", None, b"jdoe", b"one.test"),
            GROUP_END,
        ]),
        (b"Undisclosed recipients:;", [group(b"Undisclosed recipients"), GROUP_END]),
        (b"undisclosed-recipients:", [group(b"undisclosed-recipients"), GROUP_END]),
        (b"Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>", [Address(b"Pete", None, b"pete", b"silly.test")]),
        (b"A Group(Some people)\t:Chris Jones <c@(Chris's host.)public.example>, joe@example.org;;", [
            group(b"A Group"),
            Address(b"Chris Jones", None, b"c", b"public.example"),
            Address(None, None, b"joe", b"example.org"),
            GROUP_END,
        ]),
        (b"<@node.test,@machine.tld:mary@example.net>", [Address(None, b"@node.test,@machine.tld", b"mary", b"example.net")]),
        (b"user@host (Full (nested) Name)", [Address(b"Full (nested) Name", None, b"user", b"host")]),
        (b'"john doe"@example.com', [Address(None, None, b"john doe", b"example.com")]),
        (b'X <"john \\"x\\" doe"@example.com>', [Address(b"X", None, b'john "x" doe', b"example.com")]),
        (b"jdoe@[192.0.2.1]", [Address(None, None, b"jdoe", b"[192.0.2.1]")]),
        (b"root", [Address(None, None, b"root", b"")]),
        (b"Root <root>", [Address(b"Root", None, b"root", b"")]),
        (b"Nobody <>", [Address(b"Nobody", None, b"", b"")]),
        (b"a@b@c", [Address(None, None, b"a@b", b"c")]),
        (b"<a@b@c>", [Address(None, None, b"a@b", b"c")]),
        (b"a@b c@d", [Address(None, None, b"a", b"b"), Address(None, None, b"c", b"d")]),
        (b"Joe joe@host", [Address(b"Joe", None, b"joe", b"host")]),
        (b"joe @ host", [Address(None, None, b"joe", b"host")]),
        (b"\xe4\xf6 <\xfc@x>", [Address(b"\xe4\xf6", None, b"\xfc", b"x")]),
        (b"=?utf-8?Q?a=2Cb?= <a@b>", [Address(b"=?utf-8?Q?a=2Cb?=", None, b"a", b"b")]),
        (b"", []),
        (b" , ,", []),
        (b"(only a comment)", []),
        (b'"never ends <a@b>, c@d', [Address(None, None, b"never ends <a@b>, c@d", b"")]),
        (b"a@b (never ends, c@d", [Address(b"never ends, c@d", None, b"a", b"b")]),
        (b"x <a@b", [Address(b"x", None, b"a", b"b")]),
        (b"\"a\\", [Address(None, None, b"a", b"")]),
    ],
)  # fmt: skip
def test_addresses(value: bytes, expected: list[Address]) -> None:
    """Examples of RFC 5322 A, and what people really send."""
    assert parse_addresses(value) == expected


@given(st.one_of(st.binary(max_size=80), st.text('a@b<>(),:;" \\.[]\t', max_size=40).map(str.encode)))
def test_any_addresses(value: bytes) -> None:
    """Any value gives addresses; groups that begin also end."""
    found = parse_addresses(value)
    begun = sum(each.host is None and each.mailbox is not None for each in found)
    assert begun == sum(each == GROUP_END for each in found)


@pytest.mark.parametrize(
    "value", [b"(" * 100_000, b"<" * 100_000, b'"' * 99_999, b"a@" * 50_000, b"\\" * 100_000, b"a " * 50_000]
)
def test_addresses_made_to_be_slow(value: bytes) -> None:
    """Each octet is looked at a bounded number of times: these would never return otherwise."""
    assert ends_soon(lambda: parse_addresses(value))


@pytest.mark.parametrize("around", [b"%b", b"a %b", b'"a"%b<', b"a%b<a@b"])
def test_addresses_cost_what_they_are_long(around: bytes) -> None:
    """Anybody can send a From: of a hundred thousand spaces; the server reads it as fast as any other."""
    values = [around % (piece * (200_000 // len(piece))) for piece in (b" ", b"a ", b'"', b"<")]
    assert ends_soon(lambda: list(map(parse_addresses, values)))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"text/plain; charset=us-ascii (Plain text)", (b"text/plain", [(b"charset", b"us-ascii")])),
        (b'Text/HTML; Charset="UTF-8"; x=Y', (b"text/html", [(b"charset", b"UTF-8"), (b"x", b"Y")])),
        (b"text/plain;", (b"text/plain", [])),
        (b"text/plain;;;a=b;", (b"text/plain", [(b"a", b"b")])),
        (b"multipart/mixed; boundary=----=_Part(1)", (b"multipart/mixed", [(b"boundary", b"----=_Part(1)")])),
        (b'a/b; name="a;b\\"c"; d = e', (b"a/b", [(b"name", b'a;b"c'), (b"d", b"e")])),
        (b"a/b; name=my long name.txt; c=d", (b"a/b", [(b"name", b"my long name.txt"), (b"c", b"d")])),
        (b"a/b; name=x y=z", (b"a/b", [(b"name", b"x"), (b"y", b"z")])),
        (b'a/b; name="never ends', (b"a/b", [(b"name", b"never ends")])),
        (b"a/b; name=", (b"a/b", [(b"name", b"")])),
        (b"a/b charset=x", (b"a/b", [(b"charset", b"x")])),
        (b"a/b; junk; c=d", (b"a/b", [(b"c", b"d")])),
        (b"attachment (why) ; filename=x", (b"attachment", [(b"filename", b"x")])),
        (b"7bit; x", (b"7bit", [])),
        (b"", (b"", [])),
        (b"  \xff/\xfe; \xfd=\xfc", (b"\xff/\xfe", [(b"\xfd", b"\xfc")])),
    ],
)  # fmt: skip
def test_parameters(value: bytes, expected: Any) -> None:
    """RFC 2045 5.1, and what is made of it."""
    assert parse_value(value) == expected


def test_continuations() -> None:
    """RFC 2231 3 and 4.1: the example in pieces is one value, still encoded."""
    _, parameters = parse_value(
        b"application/x-stuff; title*1*=%2A%2A%2Afun%2A%2A%2A%20; title*0*=us-ascii'en'This%20is%20even%20more%20;"
        b' title*2="isn\'t it!"; URL*0="ftp://"; URL*1="cs.utk.edu"'
    )
    assert join_continuations(parameters) == [
        (b"title*", b"us-ascii'en'This%20is%20even%20more%20%2A%2A%2Afun%2A%2A%2A%20isn%27t it!"),
        (b"url", b"ftp://cs.utk.edu"),
    ]
    assert decoded_parameter(parameters, b"title") == "This is even more ***fun*** isn't it!"


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (b"a; filename*=UTF-8''%E4%BA%AC%E9%83%BD.txt", "京都.txt"),
        (b"a; filename*=iso-2022-jp'ja'%1B$B5%7EET%1B(B.txt", "京都.txt"),
        (b'a; filename="=?ISO-2022-JP?B?GyRCNX5FVBsoQg==?=.txt"', "京都.txt"),
        (b"a; filename=plain.txt; filename=second", "plain.txt"),
        (b"a; filename=plain.txt; filename*=utf-8''better.txt", "better.txt"),
        ("a; filename=京都.txt".encode(), "京都.txt"),
        (b"a; filename*=broken%E4", "brokenä"),
        (b"a; filename*0*=utf-8''%E4%BA; filename*1*=%AC.txt", "京.txt"),
        (b"a; x=y", None),
    ],
)
def test_file_names(value: bytes, name: str | None) -> None:
    """A name is found whichever of the four ways it was written."""
    assert decoded_parameter(parse_value(value)[1], b"filename") == name


@given(st.one_of(st.binary(max_size=80), st.text("a=;*0'\"\\ ()%/", max_size=40).map(str.encode)))
def test_any_parameters(value: bytes) -> None:
    """Any value has some reading."""
    _, parameters = parse_value(value)
    join_continuations(parameters)
    decoded_parameter(parameters, b"a")


SLOW_PARAMETERS = [
    b" =" * 50_000,
    b"x=" + b"a " * 50_000,
    b"(" * 100_000,
    b'a="' + b"\\" * 99_999,
    b"x=" + b'"' * 50_001 + b";",
]


@pytest.mark.parametrize("value", SLOW_PARAMETERS)
def test_parameters_made_to_be_slow(value: bytes) -> None:
    """None of these takes more than a moment."""
    assert ends_soon(lambda: parse_value(b"a/b;" + value))


@pytest.mark.parametrize(
    ("value", "day"),
    [
        (b"Fri, 21 Nov 1997 09:55:06 -0600", date(1997, 11, 21)),
        (b"21 Nov 97 09:55:06 GMT", date(1997, 11, 21)),
        (b"1 January 2030", date(2030, 1, 1)),
        (
            b"Thu,      13        Feb          1969      23:32               -0330 (Newfoundland Time)",
            date(1969, 2, 13),
        ),
        (b"Mon May 10 11:26:39 2005", date(2005, 5, 10)),
        (b"2005-05-10 11:26", date(2005, 5, 10)),
        (b"Mon, 31 Feb 2005", None),
        (b"yesterday", None),
        (b"", None),
        (b"\xff", None),
    ],
)
def test_sent_days(value: bytes, day: date | None) -> None:
    """The day as it is written, whatever the zone."""
    assert sent_day(value) == day
