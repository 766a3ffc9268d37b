"""Headers with UTF-8, rewritten in ASCII (RFC 6858)."""

from email.header import decode_header, make_header
from email.parser import BytesHeaderParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsvc.formats.downgrade import INVALID_ADDRESS, ascii_header, end_of_header
from tests.costs import ends_soon


def crlf(text: str) -> bytes:
    """Text as it goes over the wire."""
    return text.replace("\n", "\r\n").encode()


def shown(name: str, header: bytes) -> str | None:
    """A field as a mail program of 2010 shows it."""
    value = BytesHeaderParser().parsebytes(header)[name]
    return None if value is None else str(make_header(decode_header(value)))


def test_ascii_stays() -> None:
    """A header in ASCII is not touched."""
    header = crlf("Subject:  odd\n\tfolding \nX: =?utf-8?q?=C3=A9?=\n\n")
    assert ascii_header(header) is header


def test_ascii_fields_stay_beside_others() -> None:
    """Fields in ASCII come out octet for octet, in their places."""
    header = crlf("Date:  now\nSubject: é\nTo: a@example.test,\n  b@example.test\n\n")
    before, subject, after = ascii_header(header).partition(b"Subject: =?utf-8?b?w6k=?=\r\n")
    assert (before, after) == (b"Date:  now\r\n", b"To: a@example.test,\r\n  b@example.test\r\n\r\n")
    assert subject


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("Subject", "こんにちは" * 30, "こんにちは" * 30),
        ("From", "太郎 <太郎@例え.テスト>", f"太郎 <太郎@例え.テスト> <{INVALID_ADDRESS}>"),
        ("To", "花子@例え.テスト", f"花子@例え.テスト <{INVALID_ADDRESS}>"),
        ("Cc", "Zoë <zoe@example.test>", "Zoë <zoe@example.test>"),
        ("Return-Path", "<太郎@例え.テスト>", f"<{INVALID_ADDRESS}>"),
        ("X-Note", "naïve", "naïve"),
        ("Received", "from x for <太郎@例え.テスト>; now", None),
        ("Unheard-Of", "ü", None),
    ],
)
def test_fields(name: str, value: str, expected: str | None) -> None:
    """What a person sees of a field: everything for known fields, nothing of others."""
    rewritten = ascii_header(f"{name}: {value}\r\n\r\n".encode())
    assert shown(name, rewritten) == expected
    assert all(len(line) <= 78 for line in rewritten.split(b"\r\n"))


def test_neighbours_of_an_address_stay() -> None:
    """Only the addresses that cannot be written in ASCII are replaced."""
    rewritten = ascii_header(crlf('To: "Bob, X" <bob@example.test>, 花子@例え.テスト, plain@example.test\n\n'))
    assert b'"Bob, X" <bob@example.test>' in rewritten
    assert b"plain@example.test" in rewritten


def test_names_of_attachments_survive() -> None:
    """A parameter in UTF-8 takes the extended form of RFC 2231; its neighbours stay."""
    header = crlf('Content-Type: application/pdf; charset=x; name="表;\\"1.pdf"\n\n')
    message = BytesHeaderParser().parsebytes(ascii_header(header))
    assert message.get_filename() == '表;"1.pdf'
    assert message.get_param("charset") == "x"


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["Subject", "From", "To", "Return-Path", "Content-Type", "X-A", "Received", "ö", "", ":"]),
            st.text(st.characters(exclude_characters="\r\n\0", codec="utf-8"), max_size=60)
            | st.text(' <>@",;=\\()é表*[]:.a', max_size=30),
        ),
        max_size=4,
    )
)
def test_any_header_becomes_ascii(fields: list[tuple[str, str]]) -> None:
    """Whatever a stranger puts into a header, the result is ASCII, whole lines, and still a header."""
    header = "".join(f"{name}: {value}\r\n" for name, value in fields).encode() + b"\r\n"
    rewritten = ascii_header(header)
    assert rewritten.isascii()
    assert rewritten.endswith(b"\r\n")
    assert end_of_header(rewritten) == len(rewritten)


def test_a_header_of_megabytes() -> None:
    """What no person writes is not rewritten: it costs next to nothing, and its fields in ASCII stay."""
    header = crlf("To: a@example.test\n" + f"Subject: {'é' * 100}\nFrom: é{'@,' * 100}\n" * 50_000 + "\n")
    assert ends_soon(lambda: ascii_header(header))
    assert ascii_header(header) == crlf("To: a@example.test\n\n")


@pytest.mark.parametrize("line", ["a", " a\r\n", "a\r\n\t"])
def test_a_field_without_end(line: str) -> None:
    """The last field of a part may have no line end; it stays, and costs what it is long."""
    header = f"Subject: é\r\nX: {line * 300_000}a".encode()
    assert ends_soon(lambda: ascii_header(header))
    assert ascii_header(f"Subject: é\r\nX: {line}a".encode()).endswith(f"X: {line}a".encode())


@given(st.binary(max_size=80))
def test_octets_that_are_no_utf8_do_no_harm(octets: bytes) -> None:
    """A header that is no UTF-8 at all becomes ASCII too."""
    header = b"Subject: " + octets.replace(b"\r", b"").replace(b"\n", b"") + b"\r\n\r\n"
    assert ascii_header(header).isascii()


@pytest.mark.parametrize(
    ("message", "end"),
    [(b"a: b\r\n\r\nbody", 8), (b"\r\nbody", 2), (b"a: b\r\n", None), (b"", None), (b"a: b\r\n\r", None)],
)
def test_end_of_header(message: bytes, end: int | None) -> None:
    """The header ends with the first blank line."""
    assert end_of_header(message) == end
