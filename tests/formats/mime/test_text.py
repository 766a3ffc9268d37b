"""Text out of bytes: charsets true and false, encoded words, transfer encodings, and the form in which texts are compared."""

import base64
import quopri

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailsvc.formats.mime.charsets import codec_of, decode
from mailsvc.formats.mime.parts import scan
from mailsvc.formats.mime.text import field_text, filename, fold, text_of
from mailsvc.formats.mime.transfer import UnknownEncoding, decode_transfer
from mailsvc.formats.mime.words import decode_words
from tests.costs import ends_soon

KYOTO = "京都の会議"


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"\x1b$B5~ET\x1b(B", "京都"),
        (b"\x1b$@5~ET\x1b(J", "京都"),
        (b"\x1b(B\x1b(Ba\x1b$B\x1b$B5~\x1b$BET\x1b(B\x1b(B", "a京都"),  # redundant escapes
        (b"\x1b$B5~ET", "京都"),  # never closed
        (b"\x1b$B5~ET\r\nplain\r\n", "京都\r\nplain\r\n"),  # closed by the end of the line
        (b"\x1b$B-!-j\x1b(B", "①㈱"),  # NEC row 13
        (b"\x1b$B5~-!\x1b(B", "京①"),
        (b"\x1b(I6E\x1b(B", "ｶﾅ"),  # JIS X 0201 kana
        (b"\x0e6E\x0f!", "ｶﾅ!"),
        (b"\x1b$(D0!\x1b(B", "丂"),  # JIS X 0212
        (b"\x1b$B5~ ET\x1b(B", "京 都"),
        (b"\x1b$A>)\x1b(B", "京"),  # ISO-2022-JP-2
        (b"\x1b$B5~E\x1b(B", "京E"),  # half a character
        (b"\x1b", "\x1b"),
        (b"plain", "plain"),
    ],
)
def test_iso_2022_jp(data: bytes, text: str) -> None:
    """All that is sent under this name."""
    assert decode(data, "ISO-2022-JP") == text


@pytest.mark.parametrize(
    ("label", "data", "text"),
    [
        ("Shift_JIS", "京都①㈱ｶﾅ".encode("cp932"), "京都①㈱ｶﾅ"),
        ("x-sjis", "表示ソ".encode("cp932"), "表示ソ"),  # second octets that are backslashes
        ("EUC-JP", "京都ｶﾅ".encode("euc_jp"), "京都ｶﾅ"),
        ("euc-jp", b"\xad\xa1\xad\xea\xb5\xfe", "①㈱京"),
        ("utf-7", b"+Tqw-", "京"),
        ("unicode-1-1-utf-7", "京都".encode("utf-7"), "京都"),
        ("gb2312", "鎔京".encode("gb18030"), "鎔京"),
        ("ks_c_5601-1987", "똠방각하".encode("cp949"), "똠방각하"),
        ("big5", "京都".encode("big5"), "京都"),
        ("utf-16", "京都".encode("utf-16"), "京都"),
        ("iso-8859-1", b"\x80 20 caf\xe9", "€ 20 café"),
        ("windows-1251", "Привет".encode("cp1251"), "Привет"),
        ("ISO-8859-15", b"\xa4", "€"),
    ],
)
def test_charsets(label: str, data: bytes, text: str) -> None:
    """Each charset by its names, read as it is meant in practice."""
    assert decode(data, label) == text


LABELS = ["utf-8", "us-ascii", "iso-8859-1", "shift_jis", "euc-jp", "iso-2022-jp", "x-unknown", "", "utf-16-x", None]
CODECS = ["utf-8", "cp932", "euc_jp", "iso2022_jp"]
LIES = [
    (label, codec) for label in LABELS for codec in CODECS if label != "iso-8859-1" or codec in ("utf-8", "iso2022_jp")
]


@pytest.mark.parametrize(("label", "codec"), LIES)
def test_labels_that_lie(label: str | None, codec: str) -> None:
    """Japanese text is read right, whatever it claims to be; only windows-1252 may hide Shift_JIS and EUC-JP."""
    text = "明日の会議は京都です。よろしくお願いします。"
    assert decode(text.encode(codec), label) == text


@pytest.mark.parametrize("text", ["Zürich", "début", "garçon à Noël", "señor", "Œuvre été", "Ärger", "naïve façade"])
def test_western_text_is_not_taken_for_japanese(text: str) -> None:
    """Unlabelled windows-1252 stays what it is."""
    assert decode(text.encode("cp1252")) == text


@given(
    st.binary(max_size=60),
    st.sampled_from([None, "utf-8", "iso-2022-jp", "shift_jis", "euc-jp", "utf-7", "big5", "x", "utf-16", "hex"]),
)
def test_any_bytes(data: bytes, label: str | None) -> None:
    """Any bytes under any label are some text."""
    assert isinstance(decode(data, label), str)


@settings(max_examples=50)
@given(st.text(st.characters(codec="iso2022_jp", exclude_characters="\x1b\x0e\x0f")))
def test_iso_2022_jp_of_python(text: str) -> None:
    """What Python encodes is read back, but for characters that Windows maps otherwise (compared folded)."""
    assert fold(decode(text.encode("iso2022_jp"), "iso-2022-jp")) == fold(
        text.replace("\xa5", "\\").replace("\u203e", "~")
    )


def test_codecs_that_are_no_charsets() -> None:
    """Python's codecs include things that no message may name."""
    assert [codec_of(name) for name in ("hex", "rot13", "idna", "punycode", "unicode_escape", "mbcs", "\0", "")] == [
        None
    ] * 8


def word(text: bytes, charset: str = "iso-2022-jp") -> bytes:
    """A B-encoded word."""
    return b"=?%b?B?%b?=" % (charset.encode(), base64.b64encode(text))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        # RFC 2047 8
        (b"=?ISO-8859-1?Q?a?=", "a"),
        (b"=?ISO-8859-1?Q?a?= b", "a b"),
        (b"=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=", "ab"),
        (b"=?ISO-8859-1?Q?a?=  =?ISO-8859-1?Q?b?=", "ab"),
        (b"=?ISO-8859-1?Q?a_b?=", "a b"),
        (b"=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=", "a b"),
        (b"=?US-ASCII*EN?Q?Keith_Moore?= <moore@cs.utk.edu>", "Keith Moore <moore@cs.utk.edu>"),
        # in the middle of words, and adjacent without space
        (b"a=?utf-8?Q?=E4=BA=AC?=b", "a京b"),
        (b"=?utf-8?Q?=E4=BA=AC?==?utf-8?Q?=E9=83=BD?=", "京都"),
        # split inside a character
        (b"=?utf-8?B?5Lo=?= =?utf-8?B?rOmDvQ==?=", "京都"),
        (b"=?utf-8?Q?=E4?= =?UTF-8?Q?=BA=AC?=", "京"),
        (word(b"\x1b$B5~E") + b" " + word(b"T\x1b(B"), "京都"),
        (word("京都".encode("cp932")[:3], "shift_jis") + b" " + word("京都".encode("cp932")[3:], "shift_jis"), "京都"),
        # closed and unclosed words of ISO-2022-JP
        (word(b"\x1b$B5~\x1b(B") + b" " + word(b"\x1b$BET\x1b(B"), "京都"),
        (word(b"\x1b$B5~") + b" " + word(b"\x1b$BET"), "京都"),
        # wrong in common ways
        (b"=?utf-8?B?5Lqs?", "=?utf-8?B?5Lqs?"),
        (b"=?utf-8?X?abc?=", "=?utf-8?X?abc?="),
        (b"=?utf-8?B?!!!?=", ""),
        (b"=?utf-8?B?5Lqs6YO9", "=?utf-8?B?5Lqs6YO9"),
        (b"=?utf-8?B?5Lqs6YO?=", "京\ufffd"),
        (b"=?utf-8?Q?a b?=", "a b"),
        (b"=?x-unknown?B?5Lqs?=", "京"),
        ("Re: 京都".encode(), "Re: 京都"),
        ("Re: 会議のお知らせ".encode("cp932"), "Re: 会議のお知らせ"),
        (b"", ""),
    ],
)
def test_encoded_words(value: bytes, text: str) -> None:
    """RFC 2047's examples, and the ways in which it is broken."""
    assert decode_words(value) == text


@given(st.one_of(st.binary(max_size=60), st.text("=?utf-8BQbq* ab_", max_size=60).map(str.encode)))
def test_any_words(value: bytes) -> None:
    """Any value is some text."""
    assert isinstance(decode_words(value), str)


@given(st.binary())
def test_base64(data: bytes) -> None:
    """What was encoded comes back; also without padding and with rubbish between."""
    coded = base64.encodebytes(data)
    assert decode_transfer(coded, b"base64") == data
    assert decode_transfer(coded.replace(b"=", b""), b"base64") == data
    assert decode_transfer(b"\xff!" + coded.replace(b"\n", b"\r\n *"), b"base64") == data


@settings(max_examples=50)
@given(st.text(max_size=60), st.sampled_from([b"", b"7bit", b"8bit", b"binary"]))
def test_other_encodings(text: str, identity: bytes) -> None:
    """Quoted-printable comes back, identity changes nothing."""
    data = text.encode().replace(b"\r", b"").replace(b"\n", b"\r\n")
    assert decode_transfer(quopri.encodestring(data.replace(b"\r\n", b"\n")), b"quoted-printable") == data.replace(
        b"\r\n", b"\n"
    )
    assert decode_transfer(data, identity) == data


@given(st.binary())
def test_broken_encodings(data: bytes) -> None:
    """Any octets can be decoded from a known encoding; unknown ones are refused (RFC 3516: UNKNOWN-CTE)."""
    for encoding in (b"base64", b"quoted-printable"):
        assert isinstance(decode_transfer(data, encoding), bytes)
    with pytest.raises(UnknownEncoding):
        decode_transfer(data, b"x-uuencode")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("ＫＹＯＴＯ", "kyoto"),
        ("ｶﾞｷﾞ", "ガギ"),
        ("㈱京都", "(株)京都"),
        ("①", "1"),
        ("Straße", "STRASSE"),
        ("10時〜12時", "10時～12時"),
        ("か\u3099", "が"),
        ("次は京\r\n都で会います", "京都"),
        ("two\r\n words", "two words"),
        ("日本語 text", "日本語 text"),
    ],
)
def test_what_is_found(text: str, key: str) -> None:
    """Width, case, composition and wrapping of lines do not hide a word."""
    assert fold(key) in fold(text)


def test_what_is_not_found() -> None:
    """Hiragana and katakana are different words; spaces between Latin words count."""
    assert fold("かたかな") not in fold("カタカナ")
    assert fold("ab") not in fold("a b")


MESSAGE = (
    b"Subject: =?ISO-2022-JP?B?GyRCNX5FVBsoQg==?=\r\nFrom: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\npreamble\r\n"
    b"--b\r\nContent-Type: text/plain; charset=iso-2022-jp\r\n\r\n\x1b$B5~ET\x1b(B\r\n"
    b"--b\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    + base64.encodebytes("<p>&#20140;<b>都</b> &amp; x</p>".encode()).replace(b"\n", b"\r\n")
    + b"--b\r\nContent-Type: image/png; name*=utf-8''%E7%B5%B5.png\r\n\r\nbinary stuff\r\n"
    b"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\nContent-Transfer-Encoding: x-odd\r\n\r\ndeep\r\n--b--\r\n"
)


def test_text_of_a_message() -> None:
    """Headers, names of files, text and HTML as a person reads it; no attachments."""
    root = scan(MESSAGE)
    slices = list(text_of(MESSAGE, root))
    header = "\n".join(each.text for each in slices if each.header)
    body = "\n".join(each.text for each in slices if not each.header)
    assert "京都" in header
    assert "inner" not in header
    for found in ("\n京都\n", "<b>都</b>", "京都 & x", "絵.png", "inner", "deep", "preamble"):
        assert found in body
    assert "binary stuff" not in body
    assert field_text(root, b"subject") == ["京都"]
    assert field_text(root, b"x-missing") == []
    assert filename(root.children[2]) == "絵.png"


def test_raw_header_in_the_charset_of_the_body() -> None:
    """A subject in raw Big5 is readable because the body says what it is."""
    data = "Subject: 京都會議\r\nContent-Type: text/plain; charset=big5\r\n\r\nx".encode("big5")
    assert field_text(scan(data), b"subject") == ["京都會議"]


MARKS = {
    "two classes": "\u0300\u0316",
    "half-width voiced": "\uff9e\u0300",
    "two in one": "\u0f73",
    "beyond the BMP": "\U0001d165\U0001d16d",
}


@pytest.mark.parametrize("piled", MARKS.values(), ids=MARKS)
@pytest.mark.parametrize("before", ["", "a" * 750])
def test_accents_piled_up(piled: str, before: str) -> None:
    """A message of a million accents upon one letter is searched like any other; so is what stands after them."""
    text = before + piled * 500_000 + " needle"
    assert ends_soon(lambda: fold(text))
    assert fold("needle") in fold(text)


def test_accents_that_people_write() -> None:
    """What has an accent or two is found in either form."""
    assert fold("e\u0301" * 1000) == fold("\u00e9" * 1000)
    assert fold("か\u3099" * 1000) == fold("が" * 1000)


def test_a_number_without_end() -> None:
    """A character reference of thousands of digits is no character, and hides nothing of the text around it."""
    body = b"Content-Type: text/html\r\n\r\none &#" + b"9" * 5000 + b"; two &#12354;"
    text = "".join(piece.text for piece in text_of(body, scan(body), header=False))
    assert "two \u3042" in text
