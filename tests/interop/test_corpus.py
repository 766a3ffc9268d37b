"""Whole messages through the running server: what comes out by POP3 is what went in, octet for octet, after the fields that we add.

Tried with the letters in ``tests/data``, and with every file of a folder of real messages where ``MAILSVC_CORPUS`` names one.
"""

import smtplib
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from mailsvc.testing.harness import RunningServer
from tests.letters import LETTERS, crlf, lf, without_trace

from .mailbox import empty, fetch

BOB = "bob@example.test"
CHUNK = 1000
"""Octets in each BDAT chunk but the last."""


@pytest.fixture(params=["letters", "corpus"])
def files(request: pytest.FixtureRequest) -> Sequence[bytes]:
    """Messages as files: ours with Unix line ends, and one too large for the database; those of the corpus as they are."""
    if request.param == "letters":
        return [lf(letter) for letter in [*LETTERS.values(), LETTERS["dots"] * 1000]]
    paths: Sequence[Path] = request.getfixturevalue("corpus")
    return [path.read_bytes() for path in paths]


def by_data(client: smtplib.SMTP, message: bytes) -> bytes:
    """The envelope in one piece, then DATA; returns the reply to the message."""
    client.send(b"MAIL FROM:<> BODY=8BITMIME\r\nRCPT TO:<%s>\r\nDATA\r\n" % BOB.encode())
    assert [client.getreply()[0] for _ in range(3)] == [250, 250, 354]
    stuffed = b"." + message if message.startswith(b".") else message
    end = b".\r\n" if message.endswith(b"\r\n") else b"\r\n.\r\n"
    client.send(stuffed.replace(b"\r\n.", b"\r\n..") + end)
    return _reply(client)


def by_chunks(client: smtplib.SMTP, message: bytes) -> bytes:
    """Envelope and all chunks in one piece (RFC 3030 4.2); returns the reply to the message."""
    chunks = [message[start : start + CHUNK] for start in range(0, len(message), CHUNK)]
    stream = b"".join(b"BDAT %d\r\n%s" % (len(chunk), chunk) for chunk in chunks)
    client.send(b"MAIL FROM:<> BODY=8BITMIME\r\nRCPT TO:<%s>\r\n%sBDAT 0 LAST\r\n" % (BOB.encode(), stream))
    assert {client.getreply()[0] for _ in range(2 + len(chunks))} == {250}
    return _reply(client)


def _reply(client: smtplib.SMTP) -> bytes:
    code, text = client.getreply()
    return b"%d %s" % (code, text)


WAYS: dict[str, tuple[Callable[[smtplib.SMTP, bytes], bytes], str]] = {
    "SMTP-DATA": (by_data, "smtp"),
    "SMTP-BDAT": (by_chunks, "smtp"),
    "LMTP-DATA": (by_data, "lmtp"),
    "LMTP-BDAT": (by_chunks, "lmtp"),
}


def connect(server: RunningServer, listener: str) -> smtplib.SMTP:
    """A client that has said hello."""
    kind = smtplib.LMTP if listener == "lmtp" else smtplib.SMTP
    client = kind(server.host, server.ports[listener])
    client.ehlo("client.example")
    return client


@pytest.mark.parametrize("way", WAYS)
def test_in_and_out(server: RunningServer, empty_mailbox: None, files: Sequence[bytes], way: str) -> None:
    """Every message, made CRLF by the sender, comes out as it went in; LIST and RETR tell the sizes that are sent."""
    send, listener = WAYS[way]
    messages = [crlf(file) for file in files]
    with connect(server, listener) as client:
        assert all(b"queued as" in send(client, message) for message in messages)
    arrived = [without_trace(message) for message in fetch(server, BOB)]
    assert len(arrived) == len(messages)
    assert [number for number, message in enumerate(messages) if arrived[number] != message] == []


@pytest.mark.parametrize("way", WAYS)
def test_sent_raw(server: RunningServer, empty_mailbox: None, files: Sequence[bytes], way: str) -> None:
    """A file with lone LFs (CRs, NULs) sent as it is: 554 after the data, nothing is stored, the session goes on with the next."""
    send, listener = WAYS[way]
    raw = [file for file in files if is_raw(file)]
    assert raw
    with connect(server, listener) as client:
        replies = [send(client, file) for file in raw]
        assert client.noop()[0] == 250
    assert [reply for reply in replies if not reply.startswith(b"554 5.6.0 ")] == []
    assert empty(server, BOB) == 0


def is_raw(file: bytes) -> bool:
    """Whether it has line ends, or a NUL, that SMTP does not allow (RFC 5321 2.3.8)."""
    return any(octet in file.replace(b"\r\n", b"") for octet in (b"\r", b"\n", b"\0"))
