"""What nobody would send who means well, by name: it is answered with the reason, costs no more than its size, and the session goes on."""

import re
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import pytest

from mailsvc.testing.imap_client import Response
from tests.imap.dialogues.base import MESSAGES
from tests.imap.reading import structure_parts
from tests.imap.test_corpus import append
from tests.imap.world import PASSWORD, Client, World


def fetched(said: bytes) -> dict[bytes, Any]:
    """The items of the only FETCH response in what the server said up to its tagged OK."""
    response, _, tagged = said.removesuffix(b"\r\n").rpartition(b"\r\n")
    assert tagged.startswith(b"a OK "), tagged
    return Response(b"*", response.removeprefix(b"* ")).items


ALL = "(ENVELOPE BODY BODYSTRUCTURE BODY.PEEK[] BODY.PEEK[HEADER] BODY.PEEK[TEXT] BODY.PEEK[1])"


@pytest.fixture
def client() -> Iterator[Client]:
    """Somebody with four messages selected; in the end the session is still alive."""
    session = World(*MESSAGES).login("alice", "SELECT INBOX")
    yield session
    assert not session.transport.disconnecting
    session.do("NOOP")


def operations(action: Callable[[], object]) -> int:
    """How many functions are called, those written in C included."""
    count = 0

    def note(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        action()
    finally:
        sys.setprofile(None)
    return count


def is_linear(cost: Callable[[int], int], small: int, large: int) -> bool:
    """Whether what costs ``cost(small)`` costs hardly more than in proportion if it is large."""
    return cost(large) <= 1.5 * large / small * cost(small)


# --- commands ---

NESTED = {
    "search": lambda depth: "SEARCH " + "(" * depth + "ALL" + ")" * depth,
    "search-not": lambda depth: "SEARCH " + "NOT " * depth + "ALL",
    "search-or": lambda depth: "SEARCH " + "OR ALL " * depth + "ALL",
    "search-open": lambda depth: "SEARCH " + "(" * depth,
    "fetch": lambda depth: "FETCH 1 " + "(" * depth + "FLAGS" + ")" * depth,
    "store": lambda depth: "STORE 1 FLAGS " + "(" * depth + "\\Seen" + ")" * depth,
    "list": lambda depth: "LIST " + "(" * depth + ")" * depth + ' "" *',
    "status": lambda depth: "STATUS INBOX " + "(" * depth + "MESSAGES" + ")" * depth,
    "id": lambda depth: "ID " + "(" * depth + ")" * depth,
    "part": lambda depth: "FETCH 1 BODY[" + "1." * depth + "1]",
    "append": lambda depth: "APPEND INBOX " + "(" * depth + "\\Seen" + ")" * depth + " {1+}\r\nx",
    "create": lambda depth: "CREATE " + "/".join(["x"] * depth),
}
"""Command -> what it looks like, nested so deep."""


@pytest.mark.parametrize("depth", [40, 1000, 100_000])
@pytest.mark.parametrize("command", NESTED)
def test_deep_nesting(client: Client, command: str, depth: int) -> None:
    """RFC 3501 9: nesting without end is refused, not followed; OR after OR is none for us."""
    answer = client.lines(NESTED[command](depth))[-1]
    assert answer[:5] in (b" BAD ", b" NO [", b" NO I", b" NO A") or (
        (depth == 40 or command == "search-or") and answer.startswith(b" OK ")
    ), answer


def spelled(count: int) -> str:
    """A set of so many elements, none beside another."""
    return ",".join(str(number) for number in range(1, 2 * count, 2))


SETS = {
    "fetch": "UID FETCH {} FLAGS",
    "store": "UID STORE {} +FLAGS (\\Seen)",
    "copy": "UID COPY {} Archive",
    "search": "SEARCH UID {}",
    "search-numbers": "SEARCH {}",
    "expunge": "UID EXPUNGE {}",
    "stars": "UID FETCH {},*:1 FLAGS",
}
"""Command -> how it takes a set."""


@pytest.mark.parametrize("command", SETS)
def test_sets_of_100000_elements(client: Client, command: str) -> None:
    """RFC 3501 9: a set costs in proportion to its length, and no message of it is looked at twice."""
    client.lines("CREATE Archive")

    def cost(count: int) -> int:
        line = SETS[command].format(spelled(count))
        return operations(lambda: client.do(line))

    assert is_linear(cost, 1000, 100_000)


def test_set_of_numbers_that_no_message_has(client: Client) -> None:
    """RFC 3501 9: seq-number: BAD, however many."""
    assert client.lines(f"FETCH {spelled(100_000)} FLAGS")[-1].startswith(b" BAD ")
    assert client.lines(f"STORE {','.join(['1:*'] * 100_000)} +FLAGS (\\Seen)")[-1].startswith(b" OK ")


def test_search_with_100000_keys(client: Client) -> None:
    """A long search is carried out or refused, without a deep recursion."""
    assert client.lines("SEARCH " + " ".join(["NOT DELETED"] * 50_000))[-1][:4] in (b" OK ", b" BAD", b" NO ")


# --- dates ---

DATES = {
    "31-Dec-1969 23:59:59 +0000": b" 1-Jan-1970 00:00:00 +0000",
    "17-Jul-1896 02:44:25 -0700": b" 1-Jan-1970 00:00:00 +0000",
    "01-Jan-0001 00:00:00 +1400": b" 1-Jan-1970 00:00:00 +0000",
    "31-Dec-9999 23:59:59 -1200": b"31-Dec-9999 23:59:59 +0000",
    "31-Dec-9999 23:59:59 +0000": b"31-Dec-9999 23:59:59 +0000",
}
"""What an APPEND says, and what the server tells again."""


@pytest.mark.parametrize("date", DATES)
def test_dates_of_other_centuries(client: Client, date: str) -> None:
    """RFC 3501 2.3.3: a message from before 1970 is kept with the nearest date that can be told, and hides no other one's."""
    client.do(f'APPEND INBOX "{date}" {{1+}}\r\nx')
    told = client.do("FETCH 1:* INTERNALDATE")
    assert len(told) == len(MESSAGES) + 1
    assert told[-1].endswith(b'(INTERNALDATE "' + DATES[date] + b'")')


# --- before the log-in ---


@pytest.mark.parametrize("size", ["1025", "1000000", "4294967295", "4294967296", "99999999999999999999"])
@pytest.mark.parametrize(
    "command", ["LOGIN {{{}}}", "LOGIN alice {{{}}}", "APPEND INBOX {{{}}}", "XYZZY {{{}}}", "{{{}}}"]
)
def test_huge_literals_before_the_login(command: str, size: str) -> None:
    """RFC 7888 4: refused before an octet of it is sent."""
    client = World().connect()
    client.heard()
    said = client.say(f"a {command.format(size)}\r\n".encode())
    assert b"+ " not in said
    assert said.startswith((b"a NO ", b"a BAD ", b"* BAD "))
    assert b"b OK " in client.say(b"b NOOP\r\n")


def test_strangers_fill_no_memory() -> None:
    """What a stranger sends without end is thrown away as it comes, and at last the line is closed with BYE."""
    for beginning in (b"", b"a LOGIN ", b"a LOGIN {67108865+}\r\n", b"a LOGIN {60000000+}\r\n", b'a LOGIN "'):
        client = World().connect()
        said = client.say(beginning)
        for _ in range(80):
            client.protocol.dataReceived(b"x" * 1_000_000)
            assert len(client.protocol._framing) < 100_000
        assert not client.transport.disconnecting or b"* BYE " in said + client.heard()


@pytest.mark.parametrize(("beginning", "most"), [("LOGIN ", 400), ("LOGIN alice pw\r\na SEARCH BODY ", 25_000)])
def test_empty_literals(beginning: str, most: int) -> None:
    """A line of empty literals does not take many times its size: there is an end to them, and the session goes on."""
    client = World().connect()
    beginning = beginning.replace("pw", f'"{PASSWORD}"')
    client.say(f"a {beginning}".encode())
    for _ in range(most):
        if b"a BAD Command line too long" in client.say(b"{0+}\r\n "):
            break
    else:
        pytest.fail("there was no end to them")
    assert b"b OK " in client.say(b"\r\nb NOOP\r\n")


def test_many_small_literals_before_the_login() -> None:
    """Together they may not be more than a name and a password."""
    client = World().connect()
    client.heard()
    said = client.say(
        b"a LOGIN "
        + b"{500+}\r\n" * 1
        + b"x" * 500
        + b" {500+}\r\n"
        + b"x" * 500
        + b" {500+}\r\n"
        + b"x" * 500
        + b"\r\n"
    )
    assert said.startswith((b"a BAD ", b"a NO "))
    assert b"b OK " in client.say(b"b NOOP\r\n")


# --- messages ---


def parts(count: int) -> bytes:
    """A multipart of so many parts."""
    return b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + b"--x\r\n\r\na\r\n" * count + b"--x--\r\n"


def nested(count: int) -> bytes:
    """Multiparts in each other, each with a boundary of its own."""
    opened = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (at, at) for at in range(count))
    return opened + b"\r\ntext\r\n" + b"".join(b"--b%d--\r\n" % at for at in reversed(range(count)))


MALFORMED = {
    "10000-parts": parts(10_000),
    "12000-parts": parts(12_000),
    "nested-1000": nested(1000),
    "messages-in-messages": b"Content-Type: message/rfc822\r\n\r\n" * 5000 + b"Subject: x\r\n\r\ny\r\n",
    "same-boundary-inside": b"Content-Type: multipart/mixed; boundary=x\r\n\r\n"
    + b"--x\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n" * 2000,
    "boundary-is-a-prefix": b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--xx\r\n\r\n--x\r\n\r\na\r\n--xxx--\r\n--x --\r\n--x-- \r\n",
    "boundary-in-a-circle": (
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n"
        + b"--x\r\nContent-Type: multipart/mixed; boundary=y\r\n\r\n--y\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n"
        * 500
    ),
    "boundaries-that-are-none": b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + b"--xa\r\n" * 200_000,
    "empty-boundary": b'Content-Type: multipart/mixed; boundary=""\r\n\r\n' + b"--\r\n" * 1000,
    "8-bit-everywhere": bytes(range(128, 256)) * 10
    + b"\r\nSubject: "
    + bytes(range(128, 256))
    + b"\r\nContent-Type: \xe4/\xe4; \xe4=\xe4\r\n\r\n\xff\xfe",
    "100000-fields": b"X: y\r\n" * 100_000 + b"\r\n",
    "a-field-of-a-megabyte": b"Subject: " + b"x" * 1_000_000 + b"\r\n\r\n",
    "folded-without-end": b"To: a@b.example,\r\n" + b" a@b.example,\r\n" * 20_000 + b"\r\n",
    "parentheses": b"From: " + b"(" * 50_000 + b"\r\nDate: " + b"(" * 50_000 + b"\r\n\r\n",
    "quotes": b'From: "' + b'\\"' * 50_000 + b"\r\nContent-Type: text/plain; name=" + b'"\\' * 50_000 + b"\r\n\r\n",
    "encoded-words": b"Subject: " + b"=?utf-8?B?" * 10_000 + b"\r\n\r\n",
    "continued-parameters": b"Content-Type: text/plain"
    + b"".join(b";\r\n name*%d*=a'b'c" % at for at in range(5000))
    + b"\r\n\r\n",
    "no-line-ends": b"x" * 100_000,
    "nothing-but-line-ends": b"\r\n" * 100_000,
    "nuls": b"Subject: \0\r\n\r\n\0" * 100,
}
"""What it is -> the message."""


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_messages(client: Client, name: str) -> None:
    """Every message has an ENVELOPE and a BODYSTRUCTURE, in good form, and its octets come out again."""
    message = MALFORMED[name]
    append(client, message)
    items = fetched(client.say(f"a FETCH * {ALL}\r\n".encode()))
    shown = message.replace(b"\0", b"\x80")
    assert items[b"BODY[]"] == items[b"BODY[HEADER]"] + items[b"BODY[TEXT]"] == shown
    assert len(items[b"ENVELOPE"]) == 10
    for place, part in list(structure_parts(items[b"BODYSTRUCTURE"]))[-2:]:
        octets = fetched(client.say(f"a FETCH * BODY.PEEK[{place}]\r\n".encode()))[f"BODY[{place}]".encode()]
        assert len(octets) == int(part[6])
    assert client.do("SEARCH TEXT xyzzy-nowhere SUBJECT xyzzy-nowhere") == [b"* SEARCH"]


@pytest.mark.parametrize("make", [parts, nested], ids=["parts", "nested"])
def test_parts_cost_in_proportion(client: Client, make: Callable[[int], bytes]) -> None:
    """Ten times as many parts are ten times as much work, not a hundred times."""

    def cost(count: int) -> int:
        append(client, make(count))
        return operations(lambda: client.do(f"FETCH * {ALL}"))

    assert is_linear(cost, 1000, 10_000)


# --- pipelining ---


def test_everything_pipelined() -> None:
    """RFC 3501 5.5: log-in, messages, searches and the end in one segment: each is answered, in order."""
    world = World(*MESSAGES)
    client = world.connect()
    client.heard()
    octets, rounds = b'0 LOGIN alice "correct horse"\r\n1 SELECT INBOX\r\n', 80
    for number in range(2, 2 + 6 * rounds, 6):
        octets += (
            b"%d APPEND INBOX {3+}\r\nabc\r\n%d FETCH 1:* (FLAGS BODY.PEEK[])\r\n%d STORE * +FLAGS (\\Deleted)\r\n%d SEARCH DELETED\r\n"
            b"%d IDLE\r\nDONE\r\n%d EXPUNGE\r\n" % tuple(range(number, number + 6))
        )
    said = client.say(octets + b"zz LOGOUT\r\n")
    for _ in range(rounds):
        world.clock.advance(0)  # a client that asks so much waits for the others in between
    said += client.heard()
    assert re.findall(rb"^([0-9]+|zz) OK ", said, re.MULTILINE) == [
        *(b"%d" % number for number in range(2 + 6 * rounds)),
        b"zz",
    ]
