"""SMTP replies."""

from hypothesis import given
from hypothesis import strategies as st

from mailsvc.formats.reply import MAX_TEXT, Reply


def test_one_line() -> None:
    """Code, enhanced code, text."""
    assert Reply(250, "2.1.0", "Ok").octets == b"250 2.1.0 Ok\r\n"
    assert str(Reply(250, "2.1.0", "Ok")) == "250 2.1.0 Ok"


def test_many_lines() -> None:
    """Each line but the last has a hyphen; each has the enhanced code (RFC 2034 4)."""
    assert Reply(214, "2.0.0", "a", "b").octets == b"214-2.0.0 a\r\n214 2.0.0 b\r\n"
    assert Reply(250, "", "mx", "SIZE 1").octets == b"250-mx\r\n250 SIZE 1\r\n"


@given(st.text(max_size=600))
def test_no_text_makes_a_second_line(text: str) -> None:
    """Whatever is put into a reply, it stays one line of printable ASCII within 512 octets."""
    octets = Reply(550, "5.0.0", text).octets
    assert octets.endswith(b"\r\n")
    assert len(octets) <= 512
    assert all(0x20 <= octet <= 0x7E for octet in octets[:-2])
    assert len(octets) <= len("550 5.0.0 \r\n") + min(len(text), MAX_TEXT)
