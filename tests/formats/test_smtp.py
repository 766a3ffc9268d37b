"""The grammar of SMTP commands."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsvc.formats import smtp
from mailsvc.formats.address import Address
from mailsvc.formats.dsn_parameters import Notify
from mailsvc.formats.smtp import Malformed

_ATEXT = "abcXYZ019!#$%&'*+/=?^_`{|}~-"
_WORD = st.text(st.sampled_from(_ATEXT + "漢é"), min_size=1, max_size=8)
LOCALS = st.one_of(
    st.lists(_WORD, min_size=1, max_size=3).map(".".join),
    st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20),
    st.text(st.characters(min_codepoint=0xA0, exclude_categories=["Cs"]), min_size=1, max_size=8),
)
DOMAINS = st.lists(st.text(st.sampled_from("abcdefz019漢é"), min_size=1, max_size=10), min_size=1, max_size=4).map(
    ".".join
)
ADDRESSES = st.builds(Address, LOCALS, DOMAINS | st.sampled_from(["[127.0.0.1]", "[IPv6:2001:db8::1]"]))


def code(argument: bytes, read: object) -> str:
    """Code and enhanced code of the refusal."""
    with pytest.raises(Malformed) as caught:
        read(argument)  # type: ignore[operator]
    reply = caught.value.reply
    return f"{reply.code} {reply.enhanced}".strip()


@given(ADDRESSES)
def test_every_address_survives_the_wire(address: Address) -> None:
    """What is written as a path is read back as the same address, whatever its local part holds."""
    assert smtp.rcpt_argument(f"TO:{smtp.path(address)}".encode()) == (address, {})


@given(st.binary(max_size=60))
def test_any_octets_are_read_or_refused(octets: bytes) -> None:
    """No octets make the grammar fail in any other way than by a reply."""
    for read in (
        smtp.helo_argument,
        smtp.mail_argument,
        smtp.rcpt_argument,
        smtp.bdat_argument,
        smtp.vrfy_argument,
        lambda rest: smtp.mail_argument(b"FROM:" + rest),
        lambda rest: smtp.mail_argument(b"FROM:<a@b> " + rest),
    ):
        with suppress(Malformed):
            read(octets)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("<alice@example.test>", Address("alice", "example.test")),
        ("<Alice.B+tag@Example.TEST>", Address("Alice.B+tag", "Example.TEST")),
        ('<"a b"@example.test>', Address("a b", "example.test")),
        (r'<"a\"b\\c"@example.test>', Address(r'a"b\c', "example.test")),
        ('<"a@b"@example.test>', Address("a@b", "example.test")),
        ('<""@example.test>', Address("", "example.test")),
        ('<"a>b"@example.test>', Address("a>b", "example.test")),
        ("<a@[127.0.0.1]>", Address("a", "[127.0.0.1]")),
        ("<a@[IPv6:2001:db8::1]>", Address("a", "[IPv6:2001:db8::1]")),
        ("<太郎@例え.テスト>", Address("太郎", "例え.テスト")),
        ("<@relay.example,@b.example:alice@example.test>", Address("alice", "example.test")),
        ("<Postmaster>", Address("Postmaster", "")),
        ("<a..b.@docomo.ne.jp>", Address("a..b.", "docomo.ne.jp")),
        ("<a@host_with_underscore.example>", Address("a", "host_with_underscore.example")),
    ],
)
def test_paths(text: str, address: Address) -> None:
    """Quoted and UTF-8 local parts, literals, source routes (ignored) and a bare postmaster are read."""
    assert smtp.rcpt_argument(f"TO:{text}".encode()) == (address, {})
    assert smtp.mail_argument(f"from: {text}".encode()) == (address, {})


@pytest.mark.parametrize(
    "text",
    [
        "alice@example.test",
        "<alice@example.test",
        "<alice>",
        "<@example.test>",
        "<alice@>",
        "<a b@example.test>",
        "<a@b@example.test>",
        "<a@-b.example>",
        "<a@b-.example>",
        "<a@b..example>",
        "<a@[300.0.0.1]>",
        "<a@[IPv6:127.0.0.1]>",
        "<a@[x400:c=de]>",
        '<"a@example.test>',
        "<a\x01@example.test>",
        '<"a\x7f"@example.test>',
        "<a\x85@example.test>",
        "<" + "a" * 250 + "@example.test>",
        "<>",
    ],
)
def test_what_is_no_forward_path_is_refused(text: str) -> None:
    """A recipient that the grammar does not allow gets 501 5.1.3."""
    assert code(f"TO:{text}".encode(), smtp.rcpt_argument) == "501 5.1.3"


def test_null_sender() -> None:
    """The empty reverse-path is None."""
    assert smtp.mail_argument(b"FROM:<>") == (None, {})


@pytest.mark.parametrize("argument", [b"", b"TO:<a@b>", b"FROM", b"<a@b>", b"FROM <a@b>"])
def test_mail_needs_from(argument: bytes) -> None:
    """MAIL without FROM: is told how it should be."""
    assert code(argument, smtp.mail_argument) == "501 5.5.2"


def test_octets_that_are_no_utf8() -> None:
    """A path in another charset is refused, not guessed."""
    assert code(b"FROM:<\xe9@example.test>", smtp.mail_argument) == "501 5.5.2"


def test_a_path_of_256_octets_passes() -> None:
    """RFC 5321 4.5.3.1.3: the limit is 256 octets with the angle brackets."""
    local = "a" * (256 - len("<@example.test>"))
    assert smtp.rcpt_argument(f"TO:<{local}@example.test>".encode())[0].local == local
    assert code(f"TO:<{local}a@example.test>".encode(), smtp.rcpt_argument) == "501 5.1.3"


class TestParameters:
    """ESMTP parameters of MAIL and RCPT."""

    def test_all_that_we_know(self) -> None:
        """SIZE, BODY, SMTPUTF8, AUTH, RET and ENVID in any case are read."""
        _, given = smtp.mail_argument(
            b"FROM:<a@b> size=1000 Body=8bitmime SMTPUTF8 AUTH=e+3Dmc2@example.com ret=hdrs Envid=QQ+2B1"
        )
        parameters = smtp.mail_parameters(given)
        assert parameters == smtp.MailParameters(1000, "8BITMIME", True, "e=mc2@example.com", "HDRS", "QQ+1")

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("FOO", "555 5.5.4"),
            ("RET=HALF", "501 5.5.4"),
            ("RET", "501 5.5.4"),
            ("ENVID=a+0Ab", "501 5.5.4"),
            ("ENVID=" + "a" * 101, "501 5.5.4"),
            ("SIZE=1 SIZE=2", "501 5.5.4"),
            ("SIZE", "501 5.5.4"),
            ("SIZE=-1", "501 5.5.4"),
            ("SIZE=" + "9" * 21, "501 5.5.4"),
            ("BODY=BINARYMIME", "501 5.5.4"),
            ("BODY", "501 5.5.4"),
            ("SMTPUTF8=yes", "501 5.5.4"),
            ("AUTH=a+zz", "501 5.5.4"),
            ("AUTH", "501 5.5.4"),
            ("=", "501 5.5.4"),
            ("SIZE=", "501 5.5.4"),
            ("-X=1", "501 5.5.4"),
        ],
    )
    def test_refused(self, text: str, expected: str) -> None:
        """An unknown parameter gets 555, a wrong or repeated one 501; none is passed over."""
        assert (
            code(f"FROM:<a@b> {text}".encode(), lambda octets: smtp.mail_parameters(smtp.mail_argument(octets)[1]))
            == expected
        )

    def test_need_a_space(self) -> None:
        """What follows the address without a space is no parameter."""
        assert code(b"FROM:<a@b>SIZE=1", smtp.mail_argument) == "501 5.5.4"

    def test_of_a_recipient(self) -> None:
        """NOTIFY and ORCPT are read (RFC 3461 4.1, 4.2)."""
        _, given = smtp.rcpt_argument(b"TO:<a@b> notify=success,Delay ORCPT=RFC822;e+3Dmc2@example.com")
        asked = Notify.SUCCESS | Notify.DELAY
        assert smtp.rcpt_parameters(given) == smtp.RcptParameters(asked, "rfc822;e=mc2@example.com")

    @pytest.mark.parametrize(
        ("text", "expected"), [("RET=FULL", "555 5.5.4"), ("NOTIFY=NEVER,DELAY", "501 5.5.4"), ("ORCPT", "501 5.5.4")]
    )
    def test_refused_at_rcpt(self, text: str, expected: str) -> None:
        """What belongs to MAIL is unknown at RCPT; a wrong value is refused."""
        read = lambda octets: smtp.rcpt_parameters(smtp.rcpt_argument(octets)[1])  # noqa: E731
        assert code(f"TO:<a@b> {text}".encode(), read) == expected


@pytest.mark.parametrize(
    "name", ["client.example", "host_1", "localhost", "[192.0.2.1]", "[IPv6:2001:db8::1]", "a.b.", "x" * 255]
)
def test_names_in_helo(name: str) -> None:
    """Domains, with underscores too, and address literals are taken."""
    assert smtp.helo_argument(name.encode()) == name


@pytest.mark.parametrize(
    "name", ["", "a b", "a\nX: y", "a\x01", "é.example", "(comment)", "a;b", "x" * 256, "a..b", "[1.2.3.4"]
)
def test_names_that_would_spoil_received(name: str) -> None:
    """Anything that is no name is refused: it would stand in our Received field."""
    assert code(name.encode(), smtp.helo_argument) == "501"


def test_bdat() -> None:
    """A size, and LAST in any case."""
    assert smtp.bdat_argument(b"1000") == (1000, False)
    assert smtp.bdat_argument(b"0 last") == (0, True)
    for bad in (b"", b"-1", b"1 2", b"LAST", b"1LAST", b"9" * 19):
        assert code(bad, smtp.bdat_argument) == "501 5.5.4"


def test_vrfy() -> None:
    """A mailbox with or without brackets, or a name alone; SMTPUTF8 may follow."""
    assert smtp.vrfy_argument(b"alice") == Address("alice", "")
    assert smtp.vrfy_argument(b"<alice@example.test>") == Address("alice", "example.test")
    assert smtp.vrfy_argument(b"alice@example.test") == Address("alice", "example.test")
    assert smtp.vrfy_argument("太郎@example.test SMTPUTF8".encode()) == Address("太郎", "example.test")
    assert code(b"a b", smtp.vrfy_argument) == "501 5.1.3"


def test_commands_are_split() -> None:
    """The verb in capitals, the argument without the white space around it."""
    assert smtp.split_command(b"mail FROM:<> ") == (b"MAIL", b"FROM:<>")
    assert smtp.split_command(b"QUIT") == (b"QUIT", b"")
    assert smtp.split_command(b"") == (b"", b"")
    assert smtp.split_command(b"\xff\xfe x") == (b"\xff\xfe", b"x")
