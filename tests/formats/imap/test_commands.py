"""The grammar of commands: what each of them says, and that anything else is BAD and nothing worse."""

from contextlib import suppress
from datetime import date
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mailsvc.formats.imap.append import AppendMessage
from mailsvc.formats.imap.commands import GRAMMAR, Command, Store, command_name, parse
from mailsvc.formats.imap.errors import BadCharset, BadName, BadSyntax
from mailsvc.formats.imap.listing import Listing
from mailsvc.formats.imap.reader import CommandReader, Literal, LiteralWanted, RawCommand
from mailsvc.formats.imap.search import (
    All,
    And,
    BodyText,
    Dated,
    Flagged,
    HeaderText,
    ModSeq,
    Not,
    Numbers,
    Or,
    Recent,
    SearchProgram,
    Size,
    Within,
)
from mailsvc.formats.imap.sections import FetchItem, Partial, Section
from mailsvc.formats.imap.sets import STAR, NumberSet


def raw_command(data: bytes) -> RawCommand:
    """One command as the reader gives it, all literals taken."""
    reader = CommandReader(max_line=1_000_000, max_unannounced=None)
    reader.feed(data + b"\r\n")
    while isinstance(event := reader.next_event(), LiteralWanted):
        reader.accept()
    assert isinstance(event, RawCommand)
    return event


def read(data: bytes, utf8: bool = False) -> Command:
    """The command that a client's bytes are."""
    return parse(raw_command(data), utf8)


def args(data: bytes, utf8: bool = False) -> tuple[Any, ...]:
    """The arguments of a command, sent with a tag."""
    return read(b"t " + data, utf8).args


ONE_TO_FOUR = NumberSet(((1, 4),))

COMMANDS: list[tuple[bytes, tuple[Any, ...]]] = [
    (b"CAPABILITY", ()),
    (b"noop", ()),
    (b"IDLE", ()),
    (b"UNSELECT", ()),
    (b"LOGIN SMITH SESAME", (b"SMITH", b"SESAME")),
    (b'LOGIN "a b" "p\\"q\\\\"', (b"a b", b'p"q\\')),
    (b"LOGIN {5}\r\nsm it {2+}\r\n\xc3\xbc", (b"sm it", b"\xc3\xbc")),
    (b'LOGIN ] ""', (b"]", b"")),
    (b"AUTHENTICATE plain", ("PLAIN", None)),
    (b"AUTHENTICATE PLAIN AHRlc3QAdGVzdA==", ("PLAIN", b"AHRlc3QAdGVzdA==")),
    (b"AUTHENTICATE EXTERNAL =", ("EXTERNAL", b"=")),
    (b"ENABLE condstore UTF8=ACCEPT", (("CONDSTORE", "UTF8=ACCEPT"),)),
    (b"ID NIL", (None,)),
    (b"ID ()", ({},)),
    (b'ID ("name" "sodr" "version" NIL)', ({b"name": b"sodr", b"version": None},)),
    (b"SELECT inbox", ("INBOX", frozenset())),
    (b"EXAMINE &ZeVnLIqe- (CONDSTORE)", ("日本語", frozenset({"CONDSTORE"}))),
    (b"CREATE owatagusiam/", ("owatagusiam/", ())),
    (b"CREATE MyDrafts (USE (\\Drafts \\sent))", ("MyDrafts", ("\\Drafts", "\\Sent"))),
    (b'DELETE "a b"', ("a b",)),
    (b"RENAME blurdybloop sarasoop", ("blurdybloop", "sarasoop")),
    (b'LIST "" ""', (Listing("", ("",)),)),
    (b'LIST "" *', (Listing("", ("*",)),)),
    (b"LIST ~/Mail/ %", (Listing("~/Mail/", ("%",)),)),
    (b'LSUB "#news." "comp.mail.*"', (Listing("#news.", ("comp.mail.*",)),)),
    (b'LIST (SUBSCRIBED RECURSIVEMATCH) "" (a% "b c")', (
        Listing("", ("a%", "b c"), frozenset({"SUBSCRIBED", "RECURSIVEMATCH"}), extended=True),
    )),
    (b'LIST () "" % RETURN (CHILDREN STATUS (MESSAGES SIZE) SPECIAL-USE)', (
        Listing("", ("%",), frozenset(), frozenset({"CHILDREN", "SPECIAL-USE"}), ("MESSAGES", "SIZE"), extended=True),
    )),
    (b'LIST "" &bad', (Listing("", ()),)),
    (b"STATUS blurdybloop (UIDNEXT messages)", ("blurdybloop", ("UIDNEXT", "MESSAGES"))),
    (b"COPY 4:1 MEETING", (ONE_TO_FOUR, "MEETING")),
    (b"UID MOVE 1:4 Trash", (ONE_TO_FOUR, "Trash")),
    (b"UID EXPUNGE 1:*", (NumberSet(((1, STAR),)),)),
    (b"FETCH 1:4 FAST", (ONE_TO_FOUR, tuple(map(FetchItem, ("FLAGS", "INTERNALDATE", "RFC822.SIZE"))), None)),
    (b"UID FETCH 1:4 (UID FLAGS uid) (CHANGEDSINCE 12345)", (ONE_TO_FOUR, (FetchItem("UID"), FetchItem("FLAGS")), 12345)),
    (b"FETCH 1:4 BODY", (ONE_TO_FOUR, (FetchItem("BODY"),), None)),
    (b"FETCH 1:4 BODY[]", (ONE_TO_FOUR, (FetchItem("BODY[]", Section()),), None)),
    (b"FETCH 1:4 (BODY.PEEK[1.2.HEADER.FIELDS (DATE \"From\")]<0.2048>)", (ONE_TO_FOUR, (
        FetchItem("BODY[]", Section((1, 2), "HEADER.FIELDS", (b"DATE", b"From")), Partial(0, 2048), peek=True),
    ), None)),
    (b"FETCH 1:4 BODY[header.fields.not (X)]", (ONE_TO_FOUR, (FetchItem("BODY[]", Section((), "HEADER.FIELDS.NOT", (b"X",))),), None)),
    (b"FETCH 1:4 (BODY[4.2.2.MIME] BODY[TEXT])", (ONE_TO_FOUR, (
        FetchItem("BODY[]", Section((4, 2, 2), "MIME")), FetchItem("BODY[]", Section((), "TEXT")),
    ), None)),
    (b"FETCH 1:4 (BINARY[1] BINARY.PEEK[2]<3.4> BINARY.SIZE[1.1])", (ONE_TO_FOUR, (
        FetchItem("BINARY[]", Section((1,))),
        FetchItem("BINARY[]", Section((2,)), Partial(3, 4), peek=True),
        FetchItem("BINARY.SIZE[]", Section((1, 1))),
    ), None)),
    (b"STORE 1:4 +FLAGS (\\deleted $Forwarded)", (ONE_TO_FOUR, Store("+", ("\\Deleted", "$Forwarded")))),
    (b"UID STORE 1:4 (UNCHANGEDSINCE 0) -flags.silent \\Seen kw", (ONE_TO_FOUR, Store("-", ("\\Seen", "kw"), True, 0))),
    (b"STORE 1:4 FLAGS ()", (ONE_TO_FOUR, Store("", ()))),
    (b"APPEND saved (\\Seen) \" 7-Feb-1994 21:52:25 -0800\" {3+}\r\nabc", (
        "saved", (AppendMessage(("\\Seen",), 760686745, Literal(3, data=b"abc")),),
    )),
    (b"APPEND {5}\r\nsaved {1}\r\na () {1}\r\nb ~{2}\r\n\0\0", ("saved", (
        AppendMessage((), None, Literal(1, data=b"a")),
        AppendMessage((), None, Literal(1, data=b"b")),
        AppendMessage((), None, Literal(2, True, b"\0\0")),
    ))),
    (b"APPEND saved UTF8 (~{2}\r\nxx)", ("saved", (AppendMessage((), None, Literal(2, True, b"xx"), True),))),
]  # fmt: skip


@pytest.mark.parametrize(("data", "expected"), COMMANDS, ids=[data[:40].decode("latin-1") for data, _ in COMMANDS])
def test_arguments(data: bytes, expected: tuple[Any, ...]) -> None:
    """Each command gives the values of the table in the module."""
    assert args(data) == expected


def test_every_command_has_a_test() -> None:
    """No entry of the table is without an example here or in the search tests."""
    tested = {read(b"t " + data).name for data, _ in COMMANDS} | {"SEARCH"}
    simple = {
        "CHECK",
        "CLOSE",
        "EXPUNGE",
        "LOGOUT",
        "NAMESPACE",
        "NOOP",
        "STARTTLS",
        "SUBSCRIBE",
        "UNSUBSCRIBE",
        "MOVE",
    }
    assert {name.removeprefix("UID ") for name in GRAMMAR} - tested <= simple


def test_tag_and_name() -> None:
    """The tag is kept as sent, the name is in capitals, UID is a flag."""
    assert read(b"A.7 uid eXpunge 1") == Command("A.7", "EXPUNGE", True, (NumberSet(((1, 1),)),))
    assert command_name(b"a append x {3}") == "APPEND"
    assert command_name(b"junk") == ""


BAD = [
    b"", b"a", b"a ", b" NOOP", b"a  NOOP", b"+ NOOP", b"a NOOP ", b"a NOOP x", b"a UID", b"a UID NOOP", b"a FOO", b"\xff NOOP",
    b"a LOGIN x", b"a LOGIN x  y", b'a LOGIN "x y', b'a LOGIN "\\x" y', b"a LOGIN (x) y", b"a SELECT", b"a SELECT a b",
    b"a SELECT a (FOO)", b"a SELECT a ()", b"a FETCH 1", b"a FETCH 1 ()", b"a FETCH 1 (ALL)", b"a FETCH 1 FOO", b"a FETCH 1 BODY[",
    b"a FETCH 1 BODY[0]", b"a FETCH 1 BODY[1.]", b"a FETCH 1 BODY[MIME]", b"a FETCH 1 BODY[1.FOO]", b"a FETCH 1 BODY[HEADER.FIELDS]",
    b"a FETCH 1 BODY[HEADER.FIELDS ()]", b"a FETCH 1 BODY[]<0>", b"a FETCH 1 BODY[]<0.0>", b"a FETCH 1 BODY[]<-1.2>",
    b"a FETCH 1 BINARY[TEXT]", b"a FETCH 1 BINARY.SIZE[1]<0.1>", b"a FETCH 1 (FLAGS", b"a FETCH 1 FLAGSX", b"a FETCH 1 BODY.PEEK",
    b"a FETCH 1 FLAGS (CHANGEDSINCE 0)", b"a FETCH 1 FLAGS (CHANGEDSINCE 9223372036854775808)", b"a FETCH 0 FLAGS",
    b"a FETCH 1 BODY[" + b"1." * 64 + b"1]",
    b"a STORE 1 BOGUS (\\Seen)", b"a STORE 1 FLAGS (\\Recent)", b"a STORE 1 FLAGS (\\Foo)", b"a STORE 1 FLAGS", b"a STORE 1 +FLAGS ",
    b"a STORE 1 FLAGS (" + b"k" * 101 + b")", b"a STATUS x ()", b"a STATUS x (FOO)", b"a LIST x", b'a LIST (FOO) "" *',
    b'a LIST (RECURSIVEMATCH) "" *', b'a LIST (RECURSIVEMATCH REMOTE) "" *', b'a LIST "" * RETURN (STATUS)', b'a LIST "" ()',
    b"a ID x",
    b'a ID ("a")', b"a ENABLE", b"a AUTHENTICATE PLAIN !", b"a AUTHENTICATE",
    b"a CREATE x (USE \\Sent)", b"a CREATE x (FOO (x))",
    b"a APPEND x", b"a APPEND x (\\Seen)", b'a APPEND x "32-Feb-1994 00:00:00 +0000" {1}\r\nx', b"a APPEND x {1}\r\nxy",
    b"a APPEND x UTF8 ({1}\r\nx)", b"a EXPUNGE 1", b"a UID EXPUNGE", b"a COPY 1", b"a LOGIN ~{1}\r\nx y", b"a LOGIN {1}\r\n\0 y",
    b"a SEARCH", b"a SEARCH FOO", b"a SEARCH (ALL", b"a SEARCH ()", b"a SEARCH OR ALL", b"a SEARCH NOT", b"a SEARCH ON 31-Feb-2020",
    b"a SEARCH SINCE yesterday", b"a SEARCH LARGER -1", b"a SEARCH LARGER x", b"a SEARCH RETURN (FOO) ALL", b"a SEARCH YOUNGER 0",
    b"a SEARCH HEADER X", b"a SEARCH KEYWORD \\Seen", b"a SEARCH ALL ", b"a SEARCH UID", b'a SEARCH MODSEQ "/x/y" all 1',
    b"a SEARCH " + b"(" * 4000 + b"ALL" + b")" * 4000, b"a SEARCH " + b"NOT " * 33 + b"ALL",
]  # fmt: skip


@pytest.mark.parametrize("data", BAD, ids=[data[:60].decode("latin-1") for data in BAD])
def test_bad_commands(data: bytes) -> None:
    """Each of these is answered with BAD, with its tag if it has one, and a reason in ASCII."""
    with pytest.raises(BadSyntax) as caught:
        read(data)
    assert caught.value.status == "BAD"
    assert caught.value.tag == ("a" if data.startswith(b"a ") else "*")
    assert caught.value.text.isascii()


def test_name_that_cannot_be_is_no() -> None:
    """A mailbox name that is not modified UTF-7 is NO [CANNOT], not BAD: the command is well-formed."""
    with pytest.raises(BadName) as caught:
        read(b"a7 SELECT &Jjo!")
    assert (caught.value.tag, caught.value.status, caught.value.code) == ("a7", "NO", "CANNOT")


def test_utf8_accept() -> None:
    """RFC 6855: after ENABLE UTF8=ACCEPT quoted strings are UTF-8 and names are no longer modified UTF-7."""
    assert args('SELECT "日本語"'.encode(), utf8=True) == ("日本語", frozenset())
    assert args(b"SELECT a&b", utf8=True) == ("a&b", frozenset())


# --- SEARCH ---

KEYS: list[tuple[bytes, Any]] = [
    (b"ALL", All()),
    (b"FLAGGED SINCE 1-Feb-1994 NOT FROM \"Smith\"", And((
        Flagged("\\Flagged"), Dated("since", date(1994, 2, 1)), Not(HeaderText("from", "Smith"))))),
    (b"2,4 UNSEEN", And((Numbers(NumberSet(((2, 2), (4, 4)))), Flagged("\\Seen", False)))),
    (b"UID *", Numbers(NumberSet(((STAR, STAR),)), uid=True)),
    (b"(SEEN)", Flagged("\\Seen")),
    (b"OR SEEN (DRAFT DELETED)", Or((Flagged("\\Seen"), And((Flagged("\\Draft"), Flagged("\\Deleted")))))),
    (b"OR SEEN OR DRAFT DELETED", Or((Flagged("\\Seen"), Flagged("\\Draft"), Flagged("\\Deleted")))),
    (b"OR OR SEEN DRAFT DELETED", Or((Or((Flagged("\\Seen"), Flagged("\\Draft"))), Flagged("\\Deleted")))),
    (b"NEW", And((Recent(), Flagged("\\Seen", False)))),
    (b"OLD", Not(Recent())),
    (b"KEYWORD $Junk UNKEYWORD x", And((Flagged("$Junk"), Flagged("x", False)))),
    (b'SENTON "01-jan-2020"', Dated("on", date(2020, 1, 1), sent=True)),
    (b"LARGER 5000000000", Size(5_000_000_000, larger=True)),
    (b"SMALLER 0", Size(0, larger=False)),
    (b"YOUNGER 259200", Within(259200, younger=True)),
    (b'HEADER Message-ID ""', HeaderText("message-id", "")),
    (b"BODY {2+}\r\nab TEXT c", And((BodyText("ab", False), BodyText("c", True)))),
    (b'MODSEQ "/flags/\\\\draft" all 620162338', ModSeq(620162338)),
    (b"MODSEQ 0", ModSeq(0)),
]  # fmt: skip


@pytest.mark.parametrize(("data", "key"), KEYS, ids=[data[:40].decode() for data, _ in KEYS])
def test_search_keys(data: bytes, key: Any) -> None:
    """Each key is one value, several are And."""
    (program,) = args(b"SEARCH " + data)
    assert program.key == key
    assert program.modseq is (b"MODSEQ" in data)


def test_search_results() -> None:
    """RFC 4731: RETURN () is ALL; without RETURN the old answer."""
    assert args(b"SEARCH RETURN (min COUNT) ALL") == (SearchProgram(All(), ("MIN", "COUNT")),)
    assert args(b"SEARCH RETURN () ALL") == (SearchProgram(All(), ("ALL",)),)
    assert args(b"SEARCH ALL") == (SearchProgram(All(), None),)


@pytest.mark.parametrize(
    ("charset", "codec"),
    [(b"UTF-8", "utf-8"), (b"iso-2022-jp", "iso2022_jp"), (b'"Shift_JIS"', "cp932"), (b"EUC-JP", "euc_jp")],
)
def test_search_charsets(charset: bytes, codec: str) -> None:
    """京都 is the same key in every charset."""
    text = "京都".encode(codec)
    (program,) = args(b"SEARCH CHARSET " + charset + b" SUBJECT {%d}\r\n" % len(text) + text)
    assert program.key == HeaderText("subject", "京都")


@pytest.mark.parametrize("charset", [b"X-NONE", b"rot13", b"idna", b"unicode_escape"])
def test_unknown_charset(charset: bytes) -> None:
    """RFC 3501 6.4.4: NO with BADCHARSET, also for codecs of Python that are no charsets."""
    with pytest.raises(BadCharset) as caught:
        read(b"a SEARCH CHARSET " + charset + b" ALL")
    assert caught.value.status == "NO"
    assert caught.value.code.startswith("BADCHARSET")


def test_no_charset_after_utf8_accept() -> None:
    """RFC 6855 3: CHARSET is BAD then."""
    with pytest.raises(BadSyntax):
        read(b"a SEARCH CHARSET UTF-8 ALL", utf8=True)


def test_long_chain_of_or() -> None:
    """A client that searches for 500 senders is not told that this is nested too deep."""
    (program,) = args(b"SEARCH " + b"OR FROM a " * 499 + b"FROM b")
    assert len(program.key.keys) == 500


# --- anything at all ---

WORDS = [
    b"FETCH", b"UID", b"SEARCH", b"STORE", b"LIST", b"APPEND", b"SELECT", b"STATUS", b"ID", b"LOGIN", b"CREATE", b"1:*", b"1,2", b"*",
    b"(", b")", b"[", b"]", b"<0.1>", b'"x"', b'"', b"\\", b"\\Seen", b"FLAGS", b"BODY", b"BODY.PEEK[", b"HEADER.FIELDS", b"NOT", b"OR",
    b"RETURN", b"CHARSET", b"UTF-8", b"{1+}\r\nx", b"~{1+}\r\n\0", b"NIL", b"&", b"&Jjo-", b"\xe4", b"1-Feb-1994", b"SINCE", b"%", b".",
    b"MODSEQ", b"UNCHANGEDSINCE", b"+FLAGS", b"RFC822", b"BINARY[", b"USE", b"UTF8 (", b"inbox", b"99999999999999999999",
]  # fmt: skip


@given(st.lists(st.sampled_from(WORDS), max_size=12), st.sampled_from([b" ", b""]), st.booleans())
@example([b"SEARCH", b"CHARSET", b"\xe4", b"x"], b" ", False)
@settings(max_examples=300)
def test_any_words(words: list[bytes], between: bytes, utf8: bool) -> None:
    """Whatever follows a tag is a command or BadSyntax, never anything else."""
    raw = raw_command(b"a " + between.join(words))
    with suppress(BadSyntax):
        command = parse(raw, utf8)
        assert command.name in {name.removeprefix("UID ") for name in GRAMMAR}


@given(st.binary(max_size=60), st.sampled_from(sorted(GRAMMAR)))
@settings(max_examples=300)
def test_any_octets(octets: bytes, name: str) -> None:
    """The same for any octets after any command's name, as far as the reader would let them through."""
    line = octets.translate(None, b"\r\n\0")
    with suppress(BadSyntax):
        assert parse(RawCommand(b"a " + name.encode() + b" " + line, (Literal(1, data=b"x"),))).tag == "a"
