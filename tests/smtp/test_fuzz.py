"""Any octets at all: each input is answered or the connection closed with a reply; never a traceback, never an octet out of place."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.logger import LogEvent, globalLogPublisher

from tests.smtp.world import World, hang_up

WORDS = [
    b"EHLO a\r\n",
    b"HELO a\r\n",
    b"LHLO a\r\n",
    b"MAIL FROM:<a@example.com>\r\n",
    b"MAIL FROM:<> SIZE=99 BODY=8BITMIME SMTPUTF8\r\n",
    b"RCPT TO:<alice@example.test>\r\n",
    b"RCPT TO:<nobody@example.test>\r\n",
    b"RCPT TO:<x@example.com>\r\n",
    b"DATA\r\n",
    b"BDAT 7\r\n",
    b"BDAT 0 LAST\r\n",
    b"BDAT 5 LAST\r\n",
    b"RSET\r\n",
    b"NOOP\r\n",
    b"VRFY a\r\n",
    b"HELP\r\n",
    b"AUTH PLAIN\r\n",
    b"AUTH LOGIN\r\n",
    b"AUTH PLAIN AGFsaWNlAGNvcnJlY3QgaG9yc2U=\r\n",
    b"*\r\n",
    b"text\r\n",
    b".\r\n",
    b"\r\n.\r\n",
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b" ",
    b"<",
    b"\xff",
    b"QUIT\r\n",
]
STREAMS = st.lists(st.sampled_from(WORDS) | st.binary(max_size=8), max_size=25).map(b"".join)
REPLY = re.compile(rb"(?:[2-5]\d\d-[\x20-\x7e]*\r\n)*[2-5]\d\d [\x20-\x7e]*\r\n")


def converse(listener: str, pieces: list[bytes]) -> tuple[bytes, list[bytes], bool]:
    """What was said, stored, and whether the server closed. Fails on a logged traceback."""
    failures: list[LogEvent] = []

    def watch(event: LogEvent) -> None:
        if "log_failure" in event:
            failures.append(event)

    world = World(listener)
    globalLogPublisher.addObserver(watch)
    try:
        protocol, transport = world.connect()
        for piece in pieces:
            protocol.dataReceived(piece)
        closed = transport.disconnecting
        hang_up(protocol)
    finally:
        globalLogPublisher.removeObserver(watch)
    assert not failures, failures[0]
    said: bytes = transport.value()
    return re.sub(rb"queued as \w+", b"queued", said), world.store.bodies_delivered, closed


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["smtp", "submission", "lmtp"]), STREAMS)
def test_whole_and_byte_by_byte(listener: str, stream: bytes) -> None:
    """The same octets get the same answers, all of them well-formed, and store the same messages, however they are cut."""
    said, stored, closed = converse(listener, [stream])
    assert converse(listener, [stream[i : i + 1] for i in range(len(stream))]) == (said, stored, closed)
    assert REPLY.sub(b"", said) == b""
    for message in stored:
        assert message.count(b"\r\n") == message.count(b"\r") == message.count(b"\n")
        assert b"\0" not in message
