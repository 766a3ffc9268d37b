"""Real messages by APPEND and back: every section agrees with the octets, ENVELOPE and BODYSTRUCTURE answer for all, and they are found."""

from collections.abc import Sequence
from pathlib import Path

from tests.imap.reading import fetched, structure_parts
from tests.imap.world import Client, World
from tests.smtp.test_corpus import crlf

ITEMS = "(RFC822.SIZE ENVELOPE BODYSTRUCTURE BODY.PEEK[] BODY.PEEK[HEADER] BODY.PEEK[TEXT] RFC822.HEADER)"


def append(client: Client, message: bytes) -> None:
    """Put a message into the INBOX."""
    assert client.say(b"a APPEND INBOX {%d}\r\n" % len(message)) == b"+ Ready\r\n"
    assert b"a OK [APPENDUID " in client.say(message + b"\r\n")


def check(client: Client, message: bytes) -> None:
    """The last message of the INBOX is this one, in whatever way it is asked for."""
    shown = message.replace(b"\0", b"\x80")
    items = fetched(client.say(f"a FETCH * {ITEMS}\r\n".encode()))
    assert items[b"BODY[]"] == shown
    assert int(items[b"RFC822.SIZE"]) == len(message)
    assert items[b"BODY[HEADER]"] + items[b"BODY[TEXT]"] == shown
    assert items[b"RFC822.HEADER"] == items[b"BODY[HEADER]"]
    assert len(items[b"ENVELOPE"]) == 10
    check_parts(client, shown, items[b"BODYSTRUCTURE"])
    for start, count in ((0, 1), (7, 100), (len(message) // 2, 1000), (len(message) - 1, 5), (len(message), 5)):
        partial = fetched(client.say(b"a FETCH * BODY.PEEK[]<%d.%d>\r\n" % (start, count)))
        assert partial[b"BODY[]<%d>" % start] == shown[start : start + count]


def check_parts(client: Client, shown: bytes, structure: object) -> None:
    """Each part that BODYSTRUCTURE names can be fetched, has the size it says, and lies in the message."""
    for path, part in structure_parts(structure):
        found = fetched(client.say(f"a FETCH * (BODY.PEEK[{path}] BODY.PEEK[{path}.MIME])\r\n".encode()))
        body = found[f"BODY[{path}]".encode()]
        assert len(body) == int(part[6]), path
        assert body in shown
        assert found[f"BODY[{path}.MIME]".encode()] in shown


def test_every_message_of_the_corpus(corpus: Sequence[Path]) -> None:
    """RFC 3501 6.4.5, 7.4.2: BODY[], HEADER, TEXT, every part, partials and sizes agree with the octets that were sent."""
    client = World().login("alice", "SELECT INBOX")
    for path in corpus:
        message = crlf(path.read_bytes())
        append(client, message)
        try:
            check(client, message)
        except AssertionError as error:
            raise AssertionError(path.name) from error


def test_everything_at_once(corpus: Sequence[Path]) -> None:
    """One FETCH of all messages gives what single ones give: no poison message spoils the others."""
    world = World(*(crlf(path.read_bytes()) for path in corpus))
    client = world.login("alice", "SELECT INBOX")
    single = b"".join(
        client.say(b"a FETCH %d (ENVELOPE BODYSTRUCTURE BODY BODY.PEEK[1])\r\n" % number).removesuffix(
            b"a OK FETCH completed\r\n"
        )
        for number in range(1, len(corpus) + 1)
    )
    assert (
        client.say(b"a FETCH 1:* (ENVELOPE BODYSTRUCTURE BODY BODY.PEEK[1])\r\n")
        == single + b"a OK FETCH completed\r\n"
    )


def test_search_of_the_corpus(corpus: Sequence[Path]) -> None:
    """RFC 3501 6.4.4: a search through all texts of all messages ends, and what is in none of them is not found."""
    client = World(*(crlf(path.read_bytes()) for path in corpus)).login("alice", "SELECT INBOX")
    assert client.do("SEARCH TEXT xyzzy-nowhere-xyzzy") == [b"* SEARCH"]
    assert client.do('SEARCH OR HEADER Received "" NOT HEADER Received ""') == [
        b"* SEARCH " + b" ".join(b"%d" % number for number in range(1, len(corpus) + 1))
    ]
