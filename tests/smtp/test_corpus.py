"""Real messages go in as they are."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.smtp.world import World, said


def crlf(text: bytes) -> bytes:
    """A message as a sender would put it on the wire."""
    whole = text.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    return whole if whole.endswith(b"\r\n") else whole + b"\r\n"


def by_data(message: bytes) -> bytes:
    """DATA with transparency."""
    stuffed = b"." + message if message.startswith(b".") else message
    return b"DATA\r\n" + stuffed.replace(b"\r\n.", b"\r\n..") + b".\r\n"


def by_chunks(message: bytes) -> bytes:
    """BDAT in three pieces."""
    third = len(message) // 3
    first, second, last = message[:third], message[third : 2 * third], message[2 * third :]
    return b"BDAT %d\r\n%sBDAT %d\r\n%sBDAT %d LAST\r\n%s" % (len(first), first, len(second), second, len(last), last)


@pytest.mark.parametrize(("listener", "hello"), [("smtp", b"EHLO a\r\n"), ("lmtp", b"LHLO a\r\n")])
@pytest.mark.parametrize("send", [by_data, by_chunks])
def test_every_message_of_the_corpus(corpus: Sequence[Path], listener: str, hello: bytes, send: object) -> None:
    """By SMTP and LMTP, DATA and BDAT, in segments of 1,460 octets: each octet arrives, none is added."""
    world = World(listener)
    protocol, transport = world.connect()
    protocol.dataReceived(hello)
    for path in corpus:
        message = crlf(path.read_bytes())
        stream = b"MAIL FROM:<> BODY=8BITMIME\r\nRCPT TO:<alice@example.test>\r\n" + send(message)  # type: ignore[operator]
        said(transport)
        for start in range(0, len(stream), 1460):
            protocol.dataReceived(stream[start : start + 1460])
        assert b"queued as" in said(transport), path.name
        assert world.store.delivered.pop().data == message, path.name


def test_raw_files_with_bare_newlines_are_refused(corpus: Sequence[Path]) -> None:
    """A file with lone LFs sent as it is gets 554 and is not delivered."""
    world = World()
    protocol, transport = world.connect()
    protocol.dataReceived(b"EHLO a\r\n")
    tried = 0
    for path in corpus:
        message = path.read_bytes()
        if b"\n" not in message.replace(b"\r\n", b""):
            continue
        tried += 1
        said(transport)
        protocol.dataReceived(
            b"MAIL FROM:<>\r\nRCPT TO:<alice@example.test>\r\nBDAT %d LAST\r\n%s" % (len(message), message)
        )
        assert b"554 5.6.0" in said(transport), path.name
    assert world.store.delivered == []
    assert tried or not corpus
