"""Responses as bytes."""

from hypothesis import given
from hypothesis import strategies as st

from mailsvc.formats.imap import codes, responses
from mailsvc.formats.imap.cursor import Cursor
from mailsvc.formats.imap.dates import date_time, internal_date
from mailsvc.formats.imap.reader import Literal, RawCommand
from mailsvc.formats.imap.sections import FetchItem, Partial, Section
from mailsvc.formats.imap.sets import NumberSet
from mailsvc.formats.imap.strings import astring, literal8, mailbox, nstring, string


def test_strings() -> None:
    """Quoted where that is allowed, a literal where not, NIL for nothing."""
    assert string(b"abc") == b'"abc"'
    assert string(b'a"b\\') == b'"a\\"b\\\\"'
    assert string(b"") == b'""'
    assert string(b"a\r\nb") == b"{4}\r\na\r\nb"
    assert string(b"\xe4") == b"{1}\r\n\xe4"
    assert string(b"\0") == b"{1}\r\n\x80"
    assert literal8(b"\0") == b"~{1}\r\n\0"
    assert nstring(None) == b"NIL"
    assert astring(b"abc") == b"abc"
    assert [astring(word) for word in (b"nil", b"a b", b"")] == [b'"nil"', b'"a b"', b'""']


@given(st.binary(max_size=1100))
def test_strings_can_be_read_again(value: bytes) -> None:
    """What we write as a string is the same when read by the grammar (NUL aside)."""
    written = string(value)
    expected = value.replace(b"\0", b"\x80")
    if written.startswith(b"{"):
        head, _, body = written.partition(b"\r\n")
        assert (head, body) == (b"{%d}" % len(expected), expected)
    else:
        assert Cursor(RawCommand(written, (Literal(0, data=b""),))).string() == expected


def test_mailbox_names() -> None:
    """Modified UTF-7 by default, UTF-8 once enabled."""
    assert mailbox("日本語") == b'"&ZeVnLIqe-"'
    assert mailbox("日本語", utf8=True) == '"日本語"'.encode()
    assert mailbox('a"b') == b'"a\\"b"'


def test_status_lines() -> None:
    """Tagged and untagged conditions, with codes."""
    assert responses.tagged("a", "OK", "Done") == b"a OK Done\r\n"
    assert responses.tagged("a", "NO", "No", codes.Code.TRYCREATE) == b"a NO [TRYCREATE] No\r\n"
    assert responses.untagged("BYE", "Over") == b"* BYE Over\r\n"
    assert responses.continuation(b"") == b"+ \r\n"


def test_codes() -> None:
    """Codes with arguments."""
    assert codes.permanent_flags(["\\Seen"], more=True) == b"PERMANENTFLAGS (\\Seen \\*)"
    assert codes.append_uid(38505, NumberSet.of([3955])) == b"APPENDUID 38505 3955"
    assert codes.copy_uid(38505, NumberSet.of([304, 319, 320]), NumberSet.of([3956, 3957, 3958])) == (
        b"COPYUID 38505 304,319:320 3956:3958"
    )
    assert codes.modified(NumberSet.of([7, 9])) == b"MODIFIED 7,9"


def test_data() -> None:
    """Untagged data."""
    assert responses.capability(["IMAP4rev1", "IDLE"]) == b"* CAPABILITY IMAP4rev1 IDLE\r\n"
    assert responses.enabled([]) == b"* ENABLED\r\n"
    assert responses.flags(["\\Seen", "x"]) == b"* FLAGS (\\Seen x)\r\n"
    assert (
        responses.exists(3) + responses.recent(0) + responses.expunge(2)
        == b"* 3 EXISTS\r\n* 0 RECENT\r\n* 2 EXPUNGE\r\n"
    )
    assert responses.fetch(12, [b"UID 5", b"FLAGS ()"]) == b"* 12 FETCH (UID 5 FLAGS ())\r\n"
    assert responses.namespace() == b'* NAMESPACE (("" "/")) NIL NIL\r\n'
    assert responses.identification({"name": "mailsvc", "x": None}) == b'* ID ("name" "mailsvc" "x" NIL)\r\n'
    assert responses.identification({}) == b"* ID NIL\r\n"


def test_lists() -> None:
    """LIST and STATUS with names that need care."""
    assert responses.listed("a b", ["\\HasNoChildren"]) == b'* LIST (\\HasNoChildren) "/" "a b"\r\n'
    assert responses.listed("", ["\\Noselect"]) == b'* LIST (\\Noselect) "/" ""\r\n'
    assert responses.listed("x", [], command="LSUB") == b'* LSUB () "/" "x"\r\n'
    # RFC 5258 5, example 9
    assert (
        responses.listed("foo", [], child_info=["SUBSCRIBED"])
        == b'* LIST () "/" "foo" ("CHILDINFO" ("SUBSCRIBED"))\r\n'
    )
    assert responses.status("with space", {"MESSAGES": 3, "APPENDLIMIT": None}) == (
        b'* STATUS "with space" (MESSAGES 3 APPENDLIMIT NIL)\r\n'
    )


def test_search_results() -> None:
    """SEARCH and ESEARCH, of something and of nothing (RFC 4731, RFC 7162)."""
    found = NumberSet.of([2, 10, 11, 12])
    assert responses.search([2, 5]) == b"* SEARCH 2 5\r\n"
    assert responses.search([]) == b"* SEARCH\r\n"
    assert responses.search([2], 917162500) == b"* SEARCH 2 (MODSEQ 917162500)\r\n"
    assert responses.search([], 5) == b"* SEARCH\r\n"
    assert responses.esearch("A282", ["MIN", "COUNT"], found) == b'* ESEARCH (TAG "A282") MIN 2 COUNT 4\r\n'
    assert responses.esearch("A", ["ALL", "MAX"], found, uid=True, modseq=7) == (
        b'* ESEARCH (TAG "A") UID ALL 2,10:12 MAX 12 MODSEQ 7\r\n'
    )
    assert responses.esearch("A", ["MIN", "ALL", "COUNT"], NumberSet()) == b'* ESEARCH (TAG "A") COUNT 0\r\n'


def test_labels() -> None:
    """RFC 3501 7.4.2: the response names what was asked for, without PEEK, with the origin of a partial."""
    section = Section((1, 2), "HEADER.FIELDS", (b"Date", b"x y"))
    item = FetchItem("BODY[]", section, Partial(5, 10), peek=True)
    assert item.label == b'BODY[1.2.HEADER.FIELDS (Date "x y")]<5>'
    assert FetchItem("BINARY.SIZE[]", Section((3,))).label == b"BINARY.SIZE[3]"
    assert FetchItem("RFC822.SIZE").label == b"RFC822.SIZE"


def test_what_sets_seen() -> None:
    """RFC 3501 6.4.5 and RFC 3516: only reading the text marks a message as read."""
    assert [
        name for name in ("RFC822", "RFC822.HEADER", "RFC822.TEXT", "ENVELOPE", "BODY") if FetchItem(name).sets_seen
    ] == [
        "RFC822",
        "RFC822.TEXT",
    ]
    assert FetchItem("BODY[]", Section()).sets_seen
    assert not FetchItem("BODY[]", Section(), peek=True).sets_seen
    assert not FetchItem("BINARY.SIZE[]", Section()).sets_seen


@given(st.integers(0, 4_000_000_000))
def test_internal_dates_can_be_read_again(moment: int) -> None:
    """INTERNALDATE and APPEND speak of the same second."""
    assert date_time(Cursor(RawCommand(internal_date(moment)))) == moment


def test_internal_date_form() -> None:
    """The day has two places (RFC 3501 9: date-day-fixed)."""
    assert internal_date(0) == b'" 1-Jan-1970 00:00:00 +0000"'
