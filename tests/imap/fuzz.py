"""Conversations that no client would hold, and what must be true of the answers all the same."""

import re

from hypothesis import strategies as st
from twisted.logger import LogEvent, globalLogPublisher

from mailsvc.testing.transcript import BYTE_BY_BYTE, WHOLE, Cut
from tests.imap.dialogues.base import MESSAGES
from tests.imap.world import PASSWORD, World

__all__ = ["COMMANDS", "STREAMS", "check_commands", "check_cuts"]

LOGIN = f'l LOGIN alice "{PASSWORD}"\r\n'.encode()
STARTS = (
    b"",
    LOGIN,
    LOGIN + b"s SELECT INBOX\r\n",
    LOGIN + b"e ENABLE UTF8=ACCEPT CONDSTORE\r\ns SELECT INBOX (CONDSTORE)\r\n",
)

# Without STARTTLS, after which it does matter what came in one segment: all that is forgotten.
VERBS = (  # noqa: SIM905 - as lists they would be a hundred lines
    "APPEND AUTHENTICATE CAPABILITY CHECK CLOSE COPY CREATE DELETE ENABLE EXAMINE EXPUNGE FETCH ID IDLE LIST LOGIN LOGOUT LSUB MOVE "
    "NAMESPACE NOOP RENAME SEARCH SELECT STATUS STORE SUBSCRIBE UNSELECT UNSUBSCRIBE UID XYZZY"
).split()

WORDS = (  # noqa: SIM905
    'INBOX inbox "" "a b" a/b % * "*" "%/%" Sent &U,BTFw- &- &AGE- &U,BTF "\\\\" NIL ( ) (( )) () 1 0 2 1:* *:1 4:2,3 1,2,3 *:* 9:9 '
    "4294967295 4294967296 99999999999999999999 1:4294967295 FLAGS +FLAGS -FLAGS.SILENT FLAGS.SILENT (\\Seen) (\\Deleted) \\Recent "
    "\\Answered Keyword $Junk (\\Seen Work) ALL FAST FULL ENVELOPE BODY BODYSTRUCTURE BODY[] BODY.PEEK[] BODY[1] BODY[1.2.MIME] "
    "BODY[2.HEADER] BODY[TEXT]<0.10> BODY[HEADER.FIELDS (SUBJECT)] BODY[]<5.0> BINARY[1] BINARY.SIZE[2] BINARY.PEEK[3]<1.1> (FLAGS UID) "
    "INTERNALDATE RFC822.SIZE RFC822.TEXT MODSEQ UNSEEN DELETED OR NOT SUBJECT TEXT KEYWORD SINCE 1-Feb-1994 31-Feb-1994 BEFORE SENTON "
    "LARGER 100 YOUNGER CHARSET UTF-8 US-ASCII X-NONE RETURN (MIN MAX COUNT ALL) (MESSAGES UNSEEN) (UNCHANGEDSINCE 1) (CHANGEDSINCE 1) "
    "(CONDSTORE) (USE (\\Sent)) (SUBSCRIBED RECURSIVEMATCH) PLAIN = AGFsaWNlAGI= FETCH STORE SEARCH COPY MOVE EXPUNGE UTF8 (~ "
    'UTF8=ACCEPT "17-Jul-1996 02:44:25 -0700" "99-Foo-1996 02:44:25 -0700" "unclosed \\ [ ] { } {5 5}'
).split(" ")

OCTETS = st.sampled_from([b"\xff", b"\xe4\xba\xac", b"\x01", b"\t", b"\x7f", b'"\x00"', b"  "])
LITERALS = st.builds(
    lambda octets, mark: mark + b"{%d+}\r\n" % len(octets) + octets,
    st.sampled_from([b"", b"INBOX", b"x", b"Subject: a\r\n\r\nb\r\n", b"\x00", b"\xe4\xba\xac", b"(", b"1:3", b"\r\n"]),
    st.sampled_from([b"", b"", b"~"]),
)
ARGUMENTS = st.lists(st.sampled_from(WORDS).map(str.encode) | OCTETS | LITERALS, max_size=6).map(b" ".join)


def _line(verb: str, arguments: bytes) -> bytes:
    text = verb.encode() + (b" " + arguments if arguments else b"")
    return text + b" x" if text.endswith(b"}") and re.search(rb"\{[0-9]+\+?\}\Z", text) else text


COMMANDS = st.tuples(
    st.sampled_from(STARTS), st.lists(st.builds(_line, st.sampled_from(VERBS), ARGUMENTS), min_size=1, max_size=8)
)
"""How a conversation begins, and commands without tag and CRLF, each complete."""

PIECES = st.one_of(
    st.sampled_from(WORDS).map(str.encode),
    st.sampled_from(VERBS).map(lambda verb: b"a " + verb.encode() + b" "),
    st.sampled_from(
        [
            b"\r\n",
            b"\r\n",
            b"\r\n",
            b"\n",
            b"\r",
            b" ",
            b"{3}\r\n",
            b"{3+}\r\n",
            b"{99999}\r\n",
            b"~{2+}\r\n",
            b"DONE\r\n",
            b"*\r\n",
        ]
    ),
    st.binary(max_size=6),
)
STREAMS = st.tuples(st.sampled_from(STARTS), st.lists(PIECES, max_size=30).map(b"".join)).map(b"".join)
"""Octets that need not be commands at all."""


def converse(stream: bytes, cut: Cut) -> tuple[bytes, bool]:
    """What the server says to a stream, and whether it closed. Fails on a logged traceback, and where it closes without BYE."""
    failures: list[LogEvent] = []

    def watch(event: LogEvent) -> None:
        if "log_failure" in event:
            failures.append(event)

    globalLogPublisher.addObserver(watch)
    try:
        world = World(*MESSAGES)
        client = world.connect()
        for piece in cut(stream):
            client.protocol.dataReceived(piece)
        for _ in range(20):
            if client.transport.disconnecting or client.transport.tls:
                break  # a client that does not close, or finish its handshake, is cut off later, rightly
            world.clock.advance(5)  # answers that are held back on purpose
        said, closed = client.heard(), client.transport.disconnecting
        client.protocol.connectionLost()
        world.clock.advance(60)
        assert not client.transport.aborted
    finally:
        globalLogPublisher.removeObserver(watch)
    assert not failures, failures[0]
    assert not closed or b"* BYE " in said
    return re.sub(rb"(UIDVALIDITY |APPENDUID |COPYUID |OBJECTID )[0-9]+", rb"\1n", said), closed


def check_answers(said: bytes, closed: bool, tags: list[bytes]) -> None:
    """Each command was answered once, in order; where the server closed, some of the last were not."""
    answered = re.findall(rb"^(c[0-9]+) (?:OK|NO|BAD) .*\r$", said, re.MULTILINE)
    assert answered == tags[: len(answered)], (answered, said)
    assert closed or len(answered) == len(tags), (answered, said)


def check_commands(conversation: tuple[bytes, list[bytes]]) -> None:
    """One tagged response for each command, in order, however the octets are cut."""
    start, commands = conversation
    tags = [b"c%d" % number for number in range(len(commands))]
    stream = start
    for tag, command in zip(tags, commands, strict=True):
        stream += tag + b" " + command + b"\r\n"
        # What a client says within these commands; elsewhere it is one more line that is no command.
        stream += {b"IDLE": b"DONE\r\n", b"AUTHENTICATE": b"*\r\n"}.get(command.split(b" ")[0], b"")
    said, closed = converse(stream, WHOLE)
    check_answers(said, closed, tags)
    assert converse(stream, BYTE_BY_BYTE) == (said, closed)


def check_cuts(stream: bytes) -> None:
    """The same octets get the same answers, however they are cut."""
    assert converse(stream, BYTE_BY_BYTE) == converse(stream, WHOLE)
