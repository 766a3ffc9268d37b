"""Messages rewritten for hosts that take seven bits: the same for who reads them, and what must not be changed is not."""

import email
import email.policy
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsvc.formats.sevenbit import CannotConvert, seven_bit

TEXT = "Grüße aus Köln am schönen Rhein, wo die Brücken stehen\r\n"


def parsed(message: bytes) -> email.message.EmailMessage:
    """As Python's parser reads it."""
    return email.message_from_bytes(message, policy=email.policy.default)  # type: ignore[return-value]


def contents(message: bytes) -> list[tuple[str, bytes]]:
    """Type and decoded content of each part that is no container."""
    leaves = (part for part in parsed(message).walk() if not part.is_multipart())
    return [
        (part.get_content_type(), part.get_payload(decode=True).replace(b"\r\n", b"\n").rstrip()) for part in leaves
    ]


def strict(message: bytes) -> bool:
    """Whether it is ASCII with strict line ends and lines that anybody takes."""
    lines = message.split(b"\r\n")
    return message.isascii() and not any(b"\r" in line or b"\n" in line or len(line) > 998 for line in lines)


def simple(body: bytes, *fields: str) -> bytes:
    """A message with these fields."""
    return "".join(f"{field}\r\n" for field in ("Subject: x", "MIME-Version: 1.0", *fields)).encode() + b"\r\n" + body


def test_seven_bits_stay() -> None:
    """A message in ASCII is not touched."""
    message = simple(b"plain = plain\r\n.\r\n", "Content-Transfer-Encoding: 8bit")
    assert seven_bit(message) is message


def test_text() -> None:
    """Text becomes quoted-printable, readable as it was."""
    message = simple(TEXT.encode(), "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: 8bit")
    converted = seven_bit(message)
    assert b"Gr=C3=BC=C3=9Fe aus" in converted
    assert converted.count(b"Content-Transfer-Encoding:") == 1
    assert strict(converted)
    assert contents(converted) == contents(message)


def test_japanese_text() -> None:
    """Text that is hardly ASCII becomes base64, which is shorter."""
    message = simple("こんにちは、世界\r\n".encode() * 20, "Content-Type: text/plain; charset=utf-8")
    converted = seven_bit(message)
    assert b"Content-Transfer-Encoding: base64\r\n" in converted
    assert contents(converted) == contents(message)


def test_text_without_line_end() -> None:
    """One line without an end, longer than a quoted-printable line may be."""
    converted = seven_bit(simple(TEXT.strip().encode() * 5, "Content-Type: text/plain; charset=utf-8"))
    assert strict(converted)
    assert contents(converted)[0][1].decode() == TEXT.strip() * 5


def test_no_declaration() -> None:
    """Text of an unknown character set is called so (RFC 1428)."""
    converted = seven_bit(b"Subject: x\r\n\r\nGr\xfc\xdfe aus dem Rheinland\r\n")
    assert b"charset=unknown-8bit\r\n" in converted
    assert b"MIME-Version: 1.0\r\n" in converted
    assert parsed(converted).get_payload(decode=True) == b"Gr\xfc\xdfe aus dem Rheinland\r\n"
    assert seven_bit(b"\r\nGr\xfc\xdfe aus dem Rheinland\r\n").isascii()


def test_multipart() -> None:
    """Only the parts that need it are encoded, each as its type asks; containers say 7bit; nobody reads what is between the parts."""
    message = simple(
        "vor\u00fcber\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n".encode()
        + TEXT.encode()
        + b"\r\n--b\r\nContent-Type: text/plain\r\n\r\nplain\r\n--b\r\nContent-Type: application/octet-stream\r\n"
        + b"Content-Transfer-Encoding: 8bit\r\n\r\n"
        + bytes(range(1, 10)) * 3
        + b"\xff" * 300
        + b"\r\n--b\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        + simple(TEXT.encode(), "Content-Type: text/html; charset=utf-8")
        + "\r\n--b--\r\nvor\u00fcber\r\n".encode(),
        'Content-Type: multipart/mixed; boundary="b"',
        "Content-Transfer-Encoding: 8bit",
    )
    converted = seven_bit(message)
    assert converted.isascii()
    assert b"\r\nContent-Type: text/plain\r\n\r\nplain\r\n--b\r\n" in converted
    assert contents(converted) == contents(message)
    assert converted.count(b"Content-Transfer-Encoding: 7bit\r\n") == 2


def test_false_declaration() -> None:
    """A part that claims to be quoted-printable and has octets beyond ASCII all the same."""
    fields = ("Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: quoted-printable")
    converted = seven_bit(simple("a=C3=BC ü plain plain plain plain plain\r\n".encode(), *fields))
    assert contents(converted)[0][1].decode().startswith("aü ü plain")


def test_header() -> None:
    """Header fields become ASCII too, those of parts included."""
    message = simple(
        '--b\r\nContent-Type: text/plain; name="表.txt"\r\n\r\nplain\r\n--b--\r\n'.encode(),
        "X-Note: grüße",
        'Content-Type: multipart/mixed; boundary="b"',
    )
    converted = seven_bit(message)
    assert strict(converted)
    assert next(parsed(converted).iter_parts()).get_filename() == "表.txt"
    assert b"name*=utf-8''%E8%A1%A8.txt" in converted


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        (['Content-Type: multipart/signed; boundary="b"'], "signed"),
        (["Content-Type: message/partial; id=x; number=1"], "message/partial"),
        (["Content-Type: text/plain", "Content-Transfer-Encoding: x-uuencode"], "x-uuencode"),
    ],
)
def test_impossible(fields: list[str], reason: str) -> None:
    """What may not be changed is not, and the reason is said."""
    message = simple("--b\r\nContent-Type: text/plain\r\n\r\nGrüße\r\n--b--\r\n".encode(), *fields)
    with pytest.raises(CannotConvert, match=reason):
        seven_bit(message)


def test_too_deep() -> None:
    """Multiparts inside multiparts beyond all reason are not taken apart, so they are not changed either."""
    message = "Grüße\r\n".encode()
    for depth in range(40):
        head = f"Content-Type: multipart/mixed; boundary=b{depth}\r\n\r\n--b{depth}\r\n"
        message = head.encode() + message + f"\r\n--b{depth}--\r\n".encode()
    with pytest.raises(CannotConvert):
        seven_bit(message)


PIECES = st.sampled_from(
    [
        b"--b\r\n", b"--b--\r\n", b"\r\n", b"Content-Type: multipart/mixed; boundary=b\r\n", b"Content-Type: message/rfc822\r\n",
        b"Content-Type: text/plain\r\n", b"Content-Transfer-Encoding: base64\r\n", b"Content-Transfer-Encoding: 8bit\r\n", b"\xfc\r\n",
        "Subject: ü\r\n".encode(), b"a=\r\n", b"\xff: x\r\n", b" \xfc\r\n", b"Content-Type: \xfc/\xfc; boundary=\xfc\r\n", b"--\xfc\r\n",
    ]
)  # fmt: skip


@given(st.lists(PIECES, max_size=20))
def test_arbitrary_structure(pieces: list[bytes]) -> None:
    """Whatever somebody sends is converted to strict ASCII, or refused."""
    try:
        converted = seven_bit(b"".join(pieces))
    except CannotConvert:
        return
    assert strict(converted)


def test_corpus(corpus: Sequence[Path]) -> None:
    """Real messages: the content of every part is what it was."""
    for file in corpus:
        message = file.read_bytes().replace(b"\r\n", b"\n").replace(b"\r", b"").replace(b"\n", b"\r\n")
        try:
            converted = seven_bit(message)
        except CannotConvert:
            continue
        assert converted.isascii(), file
