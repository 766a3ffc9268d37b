"""Names of mailboxes and LIST patterns."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsvc.formats.imap.errors import BadName
from mailsvc.formats.imap.names import canonical, check_new, decode_name, decode_utf7, encode_utf7, parents
from mailsvc.formats.imap.patterns import Pattern, join_reference


@pytest.mark.parametrize(
    ("wire", "name"),
    [
        (b"~peter/mail/&U,BTFw-/&ZeVnLIqe-", "~peter/mail/台北/日本語"),
        (b"&U,BTF2XlZyyKng-", "台北日本語"),
        (b"&Jjo-!", "☺!"),
        (b"a&-b", "a&b"),
        (b"&kAFP4W4IMH8wojCkMMYw4A-", "送信済みアイテム"),
        (b"&2D3cqQ-", "\U0001f4a9"),
    ],
)
def test_modified_utf7(wire: bytes, name: str) -> None:
    """Examples of RFC 3501 5.1.3 and from life, both ways."""
    assert decode_utf7(wire) == name
    assert encode_utf7(name) == wire


@pytest.mark.parametrize(
    "wire",
    [
        b"&Jjo!",  # RFC 3501 5.1.3: no shift to US-ASCII
        b"&U,BTFw-&ZeVnLIqe-",  # RFC 3501 5.1.3: superfluous shift
        b"&AGE-",  # an ASCII letter in base64
        b"&",
        b"&Jjo",
        b"\xe6\x97\xa5",
        b"a\x7f",
        b"&Jj-",  # half a character
        b"&JjoA-",
        b"&2D0-",  # half a surrogate pair
        b"&Jjp-",  # bits left over
        b"&/wD-",
        b"&AAA=-",
    ],
)
def test_only_one_spelling(wire: bytes) -> None:
    """Anything but the one correct form is refused, so that no two names look alike."""
    with pytest.raises(BadName):
        decode_utf7(wire)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_utf7_round_trip(name: str) -> None:
    """Every text survives, control characters too, and only printable ASCII is on the wire."""
    wire = encode_utf7(name)
    assert decode_utf7(wire) == name
    assert all(0x20 <= octet <= 0x7E for octet in wire)


@given(st.binary())
def test_utf7_any_octets(wire: bytes) -> None:
    """Octets are a name that is spelled exactly so, or BadName."""
    try:
        name = decode_utf7(wire)
    except BadName:
        return
    assert encode_utf7(name) == wire


def test_inbox_in_any_case() -> None:
    """RFC 3501 5.1: INBOX is INBOX however written, also as a parent; INBOXES is another mailbox."""
    assert [canonical(name) for name in ("inbox", "InBox/Sub", "inboxes", "a/inbox")] == [
        "INBOX",
        "INBOX/Sub",
        "inboxes",
        "a/inbox",
    ]


def test_names_are_nfc() -> None:
    """A name typed on a Mac (decomposed) is the same mailbox."""
    assert decode_name("カ\u3099".encode(), utf8=True) == "ガ" == decode_name(encode_utf7("カ\u3099"))


def test_utf8_names_must_be_utf8() -> None:
    """After UTF8=ACCEPT names are UTF-8; an ampersand is nothing special then."""
    assert decode_name(b"R&D", utf8=True) == "R&D"
    with pytest.raises(BadName):
        decode_name(b"\xff", utf8=True)


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("&TtVOiw-", "仕事"),
        ("&TtVOiw-/会議", "仕事/会議"),
        ("会議/&TtVOiw-2026", "会議/仕事2026"),
        ("&MKswmQ-", "ガ"),  # decomposed
        ("R&-D", "R&-D"),
        ("&", "&"),
        ("&TtVOiw", "&TtVOiw"),
        ("仕事&TtVOiw-", "仕事&TtVOiw-"),
    ],
)
def test_modified_utf7_where_utf8_was_agreed_on(written: str, name: str) -> None:
    """Thunderbird 153 names its first new mailbox so after ENABLE UTF8=ACCEPT: what it means is taken, for every client the same."""
    assert decode_name(written.encode(), utf8=True) == name
    assert decode_name(encode_utf7(written)) == name
    assert check_new(name) == name


@pytest.mark.parametrize(
    "name", ["..", "CON", "a\\b", "a.b", ".hidden", "日本語/受信", "100%", "*", "x" * 1000, " lead"]
)
def test_names_a_file_system_would_hate(name: str) -> None:
    """No name becomes a file name, so all of these may exist."""
    assert check_new(name) == name


@pytest.mark.parametrize(
    "name", ["", "/", "a//b", "/a", "a\0b", "a\nb", "a\x7f", "x" * 1001, "a\u2028", "\ud800", "/".join("x" * 70)]
)
def test_names_that_cannot_be(name: str) -> None:
    """Empty components, control characters and enormous names are refused."""
    with pytest.raises(BadName):
        check_new(name)


def test_trailing_delimiter() -> None:
    """RFC 3501 6.3.3: ``a/b/`` is ``a/b``, announced to have children; its parents are made with it."""
    assert check_new("a/b/c/") == "a/b/c"
    assert parents("a/b/c") == ["a", "a/b"]


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("*", "a/b", True),
        ("%", "a/b", False),
        ("%", "a", True),
        ("a/%", "a/b", True),
        ("a/%", "a/b/c", False),
        ("a", "a/b", False),
        ("a", "A", False),
        ("%/%", "a/b", True),
        ("*b", "a/b", True),
        ("a*%c", "abc", True),
        ("inb*", "INBOX", True),
        ("iNbOx", "INBOX", True),
        ("inbox/%", "INBOX/a", True),
        ("INBOX*", "INBOX/a", True),
        ("", "a", False),
        ("日%", "日本", True),
        ("a%%b", "a/b", False),
    ],
)
def test_patterns(pattern: str, name: str, matches: bool) -> None:
    """RFC 3501 6.3.8: ``*`` crosses the hierarchy, ``%`` does not, and patterns cover whole names."""
    assert Pattern(pattern).matches(name) is matches


@given(st.text("ab/*%", max_size=12), st.text("ab/", max_size=12))
def test_patterns_against_regular_expressions(pattern: str, name: str) -> None:
    """The walk agrees with the obvious regular expression."""
    words = {"*": ".*", "%": "[^/]*"}
    expression = "".join(words.get(char, re.escape(char)) for char in pattern)
    assert Pattern(pattern).matches(name) is bool(re.fullmatch(expression, name))


def test_pattern_that_would_explode() -> None:
    """Dozens of stars against a long name that nearly fits: a backtracking matcher would not return."""
    assert not Pattern("*a" * 60 + "b").matches("a" * 900)


def test_reference() -> None:
    """The reference is a prefix."""
    assert join_reference("a/", "%") == "a/%"
    assert join_reference("", "%") == "%"


def test_canonical_is_stable() -> None:
    """Canonical names do not change when read again."""
    for name in ("inbox/カ\u3099", "ｶﾞ", "Ａ"):
        assert canonical(canonical(name)) == canonical(name)
        assert unicodedata.is_normalized("NFC", canonical(name))
