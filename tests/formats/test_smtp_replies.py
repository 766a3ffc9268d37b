"""Replies of other servers: read whatever they are cut into, bounded, and never taken for two."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsvc.formats.smtp_replies import LINE_LIMIT, LINES_LIMIT, TEXT_LIMIT, BadReply, ReplyReader, ServerReply


def read(*pieces: bytes) -> list[ServerReply]:
    """All replies in octets that come in pieces."""
    reader = ReplyReader()
    found = []
    for piece in pieces:
        reader.feed(piece)
        while (reply := reader.next()) is not None:
            found.append(reply)
    return found


@pytest.mark.parametrize(
    ("octets", "reply"),
    [
        (b"250 2.1.5 fine\r\n", ServerReply(250, "2.1.5", ("2.1.5 fine",))),
        (b"250 fine\r\n", ServerReply(250, "2.0.0", ("fine",))),
        (b"354\r\n", ServerReply(354, "3.0.0", ("",))),
        (b"550 \r\n", ServerReply(550, "5.0.0", ("",))),
        (b"250-a\r\n250-\r\n250 b\r\n", ServerReply(250, "2.0.0", ("a", "", "b"))),
        (b"250-\r\n250\r\n", ServerReply(250, "2.0.0", ("", ""))),
        (b"450 5.1.1 no\r\n", ServerReply(450, "4.0.0", ("5.1.1 no",))),  # RFC 2034 4: the classes must agree
        (b"550 5.1.1\r\n", ServerReply(550, "5.1.1", ("5.1.1",))),
        (b"550 5.1.1no\r\n", ServerReply(550, "5.0.0", ("5.1.1no",))),
        (b"550 5.1234.1 no\r\n", ServerReply(550, "5.0.0", ("5.1234.1 no",))),
        ("550 知らない\r\n".encode(), ServerReply(550, "5.0.0", ("知らない",))),
        (b"550 a\xffb\x1b[1m\r\n", ServerReply(550, "5.0.0", ("a\ufffdb?[1m",))),
    ],
)
def test_replies(octets: bytes, reply: ServerReply) -> None:
    """Code, status and text, also of servers that know no status codes, or say senseless ones; whole and byte by byte."""
    assert read(octets) == [reply]
    assert read(*(octets[i : i + 1] for i in range(len(octets)))) == [reply]


def test_text() -> None:
    """The lines of a reply make one, with the status code where it was said first."""
    (reply,) = read(b"550-5.7.1 You are\r\n550-5.7.1 on our list\r\n550 5.7.1 https://list.example\r\n")
    assert reply.text == "5.7.1 You are on our list https://list.example"
    (long,) = read(b"".join(b"250-%b\r\n" % (b"x" * 100) for _ in range(50)) + b"250 \r\n")
    assert len(long.text) == TEXT_LIMIT


def test_nothing_looks_like_a_second_reply() -> None:
    """A reply that repeats what we sent, with line ends of its own, is one reply."""
    (reply,) = read(b"550 5.1.1 <a\n250 ok\r250 ok\0\n@b>: no\r\n")
    assert (reply.code, reply.text) == (550, "5.1.1 <a?250 ok?250 ok??@b>: no")


BAD = [
    b"\r\n",
    b"250\n",
    b"hello\r\n",
    b"25 x\r\n",
    b"2500\r\n",
    b"250\tx\r\n",
    b"199 x\r\n",
    b"600 x\r\n",
    b"\xb2\xb5\xb0 x\r\n",
    b"250-a\r\n550 b\r\n",
    b"250-a\r\n\r\n",
    b"250 " + b"x" * LINE_LIMIT + b"\r\n",
    b"250 " + b"x" * 100_000,
    b"250-x\r\n" * (LINES_LIMIT + 1),
]


@pytest.mark.parametrize("octets", BAD, ids=range(len(BAD)))
def test_bad_replies(octets: bytes) -> None:
    """What is no reply is found out at once, is one for ever, and takes nothing back of what was said before."""
    reader = ReplyReader()
    reader.feed(b"220 hello\r\n" + octets)
    assert reader.next() == ServerReply(220, "2.0.0", ("hello",))
    for _ in range(2):
        with pytest.raises(BadReply) as raised:
            reader.next()
        assert str(raised.value).isprintable()
        reader.feed(b"\r\n250 ok\r\n")


@given(st.lists(st.binary(max_size=40), max_size=8))
def test_arbitrary_octets(pieces: list[bytes]) -> None:
    """Whatever comes is read or refused, never anything else, and the same however it is cut."""

    def outcome(*cut: bytes) -> object:
        try:
            return read(*cut)
        except BadReply:
            return BadReply

    found = outcome(*pieces)
    if isinstance(found, list):
        assert outcome(b"".join(pieces)) == found or b"".join(pieces).endswith(b"\n")


REPLIES = st.builds(
    lambda code, lines: (code, lines),
    st.integers(200, 599),
    st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=30), min_size=1, max_size=5),
)


@given(st.lists(REPLIES, max_size=5), st.data())
def test_round_trip(replies: list[tuple[int, list[str]]], data: st.DataObject) -> None:
    """Every reply comes out with its code and as many lines as it had, wherever the network cuts."""
    octets = b"".join(
        b"".join(f"{code}-{line}\r\n".encode() for line in lines[:-1]) + f"{code} {lines[-1]}\r\n".encode()
        for code, lines in replies
    )
    cut = data.draw(st.integers(0, len(octets)))
    found = read(octets[:cut], octets[cut:])
    assert [(reply.code, len(reply.lines)) for reply in found] == [(code, len(lines)) for code, lines in replies]
