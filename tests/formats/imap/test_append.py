"""APPEND while it arrives: what is known before each literal may be sent."""

import pytest

from mailsvc.formats.imap.append import Appending, AppendMessage
from mailsvc.formats.imap.errors import BadName, BadSyntax
from mailsvc.formats.imap.reader import CommandReader, Literal, LiteralWanted, RawCommand


def arrive(data: bytes) -> tuple[Appending, list[AppendMessage | None]]:
    """Let a command arrive; messages go elsewhere, names are collected."""
    appending = Appending()
    reader = CommandReader()
    reader.feed(data)
    found = []
    while isinstance(event := reader.next_event(), LiteralWanted):
        message = appending.next(event)
        found.append(message)
        reader.accept(None if message is None else lambda piece: None)
    assert event is None or isinstance(event, RawCommand)
    return appending, found


def test_one_message() -> None:
    """Mailbox, flags and date are known before the message is."""
    appending, found = arrive(b'A003 APPEND saved-messages (\\Seen) " 1-Jan-1970 00:01:00 +0000" {310}\r\n')
    assert appending.mailbox == "saved-messages"
    assert found == [AppendMessage(("\\Seen",), 60, Literal(310))]


def test_several_messages() -> None:
    """RFC 3502: each message announces itself with its own flags."""
    _, found = arrive(b"A003 APPEND x (\\Seen) {3+}\r\nabc {2+}\r\nde (\\Draft) {1+}\r\nf\r\n")
    assert [message and message.flags for message in found] == [("\\Seen",), (), ("\\Draft",)]


def test_mailbox_as_literal() -> None:
    """The first literal may be the name of the mailbox."""
    appending, found = arrive(b"A003 APPEND {5+}\r\nsaved {3+}\r\nabc\r\n")
    assert found == [None, AppendMessage((), None, Literal(3))]
    assert appending.mailbox is None
    assert appending.named(b"saved") == "saved" == appending.mailbox
    with pytest.raises(BadName):
        appending.named(b"&bad")


def test_utf8_messages() -> None:
    """RFC 6855 4: UTF8 (~{n} ...)."""
    _, found = arrive(b"A003 APPEND x UTF8 (~{3+}\r\nabc) UTF8 (~{1+}\r\nd)\r\n")
    assert [message and message.utf8 for message in found] == [True, True]


@pytest.mark.parametrize(
    "data",
    [
        b"a APPEND x y {3}\r\n",
        b"a APPEND x(\\Seen) {3}\r\n",
        b"a APPEND x (\\Foo) {3}\r\n",
        b"a APPEND x  {3}\r\n",
        b"a APPEND x UTF8 ({3}\r\n",
        b"a APPEND x {1+}\r\nx{3}\r\n",
        b"a APPEND &bad {3}\r\n",
        b"a APPEND {1+}\r\nx(\\Seen) {3}\r\n",
    ],
)
def test_refused_before_the_message(data: bytes) -> None:
    """A mistake is known before anything is sent."""
    with pytest.raises(BadSyntax):
        arrive(data)
