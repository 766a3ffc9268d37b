"""What a transcript cannot show: TLS, time, back-pressure, a store that fails, limits, the log, clients that leave."""

from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail
from twisted.mail import imap4

from mailsvc.core.errors import Kind, MailError, temporary
from mailsvc.core.operations import ChangeAccount
from mailsvc.imap import selection
from mailsvc.imap.dialogue import shown
from mailsvc.imap.fetch import sending
from mailsvc.imap.session import AUTOLOGOUT
from mailsvc.imap.verbs import Refused
from mailsvc.store.connect import run
from mailsvc.testing.failing import FailingStore
from tests.imap.world import PASSWORD, Client, World

MESSAGES = (b"Subject: one\r\n\r\nfirst\r\n", b"Subject: two\r\n\r\nsecond\r\n")


@pytest.fixture
def world() -> World:
    """Two messages."""
    return World(*MESSAGES)


def test_base_class(world: World) -> None:
    """It is Twisted's IMAP4Server, and says its capabilities in that class's way too."""
    client = world.connect()
    assert isinstance(client.protocol, imap4.IMAP4Server)
    assert client.protocol.capabilities()[b"AUTH"] == [b"PLAIN", b"LOGIN"]
    assert client.protocol.capabilities()[b"IMAP4rev1"] is None


# --- TLS and passwords ---


def test_no_password_on_a_line_that_can_be_read() -> None:
    """RFC 3501 6.2.3, 11.1: LOGINDISABLED, no AUTH=, and whoever asks all the same hears PRIVACYREQUIRED."""
    client = World(cleartext=()).connect()
    assert b"STARTTLS LOGINDISABLED]" in client.heard()
    assert client.say(b"a LOGIN alice x\r\n").startswith(b"a NO [PRIVACYREQUIRED] ")
    assert client.say(b"b AUTHENTICATE PLAIN\r\n").startswith(b"b NO [PRIVACYREQUIRED] ")
    assert client.say(b"c LOGIN {5}\r\n") == b"+ Ready\r\n"


def test_commands_before_tls_are_forgotten(world: World) -> None:
    """RFC 3501 6.2.1: what was pipelined behind STARTTLS was not protected, and is not carried out."""
    client = world.connect()
    client.heard()
    said = client.say(b"a STARTTLS\r\nb LOGIN alice x\r\nc {5}\r\n")
    assert said == b"a OK Begin TLS\r\n"
    assert client.transport.tls == "context"
    assert client.say(b"d NOOP\r\n") == b"d OK NOOP completed\r\n"


def test_no_starttls_without_a_certificate(world: World) -> None:
    """Without TLS STARTTLS is neither offered nor begun."""
    world.factory.tls = None
    client = world.connect()
    assert b"STARTTLS" not in client.heard()
    assert client.say(b"a STARTTLS\r\n") == b"a BAD TLS cannot begin here and now\r\n"


def test_slow_login_keeps_the_order(world: World) -> None:
    """What is pipelined behind a log-in waits for it."""
    answer: Deferred[bytes] = Deferred()
    world.passwords.answer = lambda: answer
    client = world.connect()
    client.heard()
    assert client.say(f'a LOGIN alice "{PASSWORD}"\r\nb SELECT INBOX\r\n'.encode()) == b""
    world.passwords.answer = None
    answer.callback(world.made.store.connection().execute(
        "SELECT address FROM account WHERE id=?", (world.accounts["alice"],)
    ).fetchall()[0][0].encode())  # fmt: skip
    said = client.heard()
    assert said.startswith(b"a OK ")
    assert said.endswith(b"b OK [READ-WRITE] SELECT completed\r\n")


def test_login_when_the_store_is_away(world: World) -> None:
    """RFC 5530 UNAVAILABLE: a temporary failure is no wrong password."""
    world.passwords.answer = lambda: fail(temporary("store-down"))
    client = world.connect()
    client.heard()
    assert client.say(b"a LOGIN alice x\r\n").startswith(b"a NO [UNAVAILABLE] ")


def test_client_that_leaves_during_its_login(world: World) -> None:
    """The avatar is given back if the client has gone when it comes."""
    answer: Deferred[Any] = Deferred()
    world.passwords.answer = lambda: answer
    client = world.connect()
    client.say(b"a LOGIN alice x\r\n")
    client.protocol.connectionLost()
    answer.callback(b"nobody@example.test")
    assert client.protocol.account is None


# --- time ---


def test_strangers_have_less_time(world: World) -> None:
    """Before the log-in the listener's time-out counts; the end is announced (RFC 3501 7.1.5)."""
    client = world.connect()
    client.heard()
    world.clock.advance(world.options.idle_timeout + 1)
    assert client.heard() == b"* BYE Autologout, nothing was heard for too long\r\n"
    assert client.transport.disconnecting


@pytest.mark.parametrize("command", [b"", b"i IDLE\r\n"])
def test_autologout(world: World, command: bytes) -> None:
    """RFC 3501 5.4: after the log-in at least 30 minutes, in IDLE too."""
    client = world.login("alice", "SELECT INBOX")
    client.say(command)
    world.clock.advance(AUTOLOGOUT - 1)
    assert client.heard() == b""
    world.clock.advance(2)
    assert client.heard() == b"* BYE Autologout, nothing was heard for too long\r\n"


def test_large_message_may_take_long(world: World) -> None:
    """Time runs against a client only while nothing comes: an APPEND over a slow line is not cut off."""
    client = world.login()
    assert client.say(b"a APPEND Sent {100}\r\n") == b"+ Ready\r\n"
    for _ in range(100):
        client.say(b"x")
        world.clock.advance(AUTOLOGOUT - 60)
    assert client.say(b"\r\n").startswith(b"a OK [APPENDUID ")


# --- back-pressure and large messages ---


def full_after_one_write(client: Any) -> None:
    """The client takes one more piece, and then nothing until its producer is resumed."""
    write = client.transport.write

    def slow(octets: bytes) -> None:
        write(octets)
        client.transport.write = write
        client.transport.producer.pauseProducing()

    client.transport.write = slow


def test_fetch_waits_for_a_slow_client(world: World) -> None:
    """While the client does not take what is sent, nothing further is read."""
    client = world.login("alice", "SELECT INBOX")
    body = b"x" * (sending.OCTETS // 2)
    world.deliver(*[b"Subject: big\r\n\r\n" + body] * 4)
    client.do("NOOP")
    full_after_one_write(client)
    said = client.say(b"a FETCH 3:6 (BODY.PEEK[])\r\n")
    assert said.count(b"FETCH") == 1
    client.transport.producer.resumeProducing()
    assert (said + client.heard()).count(b"FETCH (BODY[]") == 4


def test_flags_that_others_changed_wait_for_a_slow_client(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many messages another client has changed: what this one does not take is not made yet."""
    monkeypatch.setattr(selection, "RUN", 1)
    other, client = (world.login("alice", "SELECT INBOX") for _ in range(2))
    other.do("STORE 1:2 +FLAGS (\\Flagged)")
    full_after_one_write(client)
    said = client.say(b"a NOOP\r\n")
    assert said.count(b"FETCH") == 1
    client.transport.producer.resumeProducing()
    assert (said + client.heard()).count(b"FETCH (FLAGS (\\Flagged))") == 2


LARGE = b"Subject: large\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n" + (
    b"a line of text with a NUL \0 in it\r\n" * 20_000 + b"--b\r\nX: y\r\n\r\nsecond part\r\n--b--\r\n"
)


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ("BODY.PEEK[]", LARGE),
        ("RFC822.TEXT", LARGE[LARGE.index(b"--b") :]),
        ("BODY.PEEK[2]", b"second part"),
        ("BODY.PEEK[2.MIME]", b"X: y\r\n\r\n"),
        ("BODY.PEEK[]<300000.400000>", LARGE[300_000:700_000]),
        ("BODY.PEEK[1]<10.5>", b"text "),
        ("BINARY.PEEK[2]", b"second part"),
        ("BODY.PEEK[3]", None),
    ],
)
def test_large_message_in_pieces(item: str, expected: bytes | None) -> None:
    """A message that is larger than a batch is sent in pieces, with the octets of a small one; NULs become 0x80."""
    world = World(LARGE)
    client = world.login("alice", "EXAMINE INBOX")
    said = client.say(f"a FETCH 1 (UID {item} RFC822.SIZE)\r\n".encode())
    value = b"NIL" if expected is None else b"{%d}\r\n" % len(expected) + expected.replace(b"\0", b"\x80")
    label = item.replace(".PEEK", "").partition(".400000")[0].partition(".5")[0].encode()
    label += b">" if b"<" in label and not label.endswith(b">") else b""
    assert said == b"* 1 FETCH (UID 1 %b %b RFC822.SIZE %d)\r\na OK FETCH completed\r\n" % (label, value, len(LARGE))


def test_message_that_cannot_be_read_to_its_end() -> None:
    """Within a literal nothing can be said: the line is cut, so that no half message passes for a whole one."""
    world = World(LARGE)
    client = world.login("alice", "SELECT INBOX")
    get = world.made.store.bodies.get

    class Bodies:
        async def get(self, content: int, offset: int = 0, length: int = -1) -> bytes:
            if offset:
                raise temporary("disk")
            return await get(content, offset, length)

    client.protocol.mailboxes.bodies = Bodies()
    said = client.say(b"a FETCH 1 BODY.PEEK[]\r\n")
    assert client.transport.aborted
    assert b"a OK" not in said


# --- a store that fails ---


def failing(world: World, error: BaseException) -> Client:
    """A session whose store begins to fail once it has selected the INBOX."""
    client = world.login("alice", "SELECT INBOX")
    account: Any = client.protocol.account
    account._store = FailingStore(error)
    account.bodies = account._store.bodies
    return client


COMMANDS = (
    "SELECT INBOX", "STATUS INBOX (MESSAGES)", 'LIST "" *', 'LSUB "" *', "CREATE x", "DELETE x", "RENAME x y", "SUBSCRIBE x",
    "FETCH 1 ENVELOPE", "FETCH 1 BODY.PEEK[]", "STORE 1 +FLAGS (\\Seen)", "COPY 1 Sent", "MOVE 1 Sent", "SEARCH TEXT x", "EXPUNGE", "CLOSE",
    "APPEND Sent {1}",
)  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_store_is_away(world: World, command: str) -> None:
    """RFC 5530 UNAVAILABLE: every command says "later", and the session goes on."""
    client = failing(world, temporary("store-down"))
    assert client.lines(command)[-1].startswith(b" NO [UNAVAILABLE] ")
    assert client.lines("NOOP")[-1] == b" OK NOOP completed"


@pytest.mark.parametrize("command", COMMANDS[:-1])
def test_store_is_broken(world: World, command: str, caplog: pytest.LogCaptureFixture) -> None:
    """RFC 5530 SERVERBUG: what nobody foresaw is a temporary failure too, and its text is nobody's business."""
    client = failing(world, ZeroDivisionError("secret"))
    said = b" ".join(client.lines(command))
    assert b" NO [SERVERBUG] " in said
    assert b"secret" not in said
    assert client.lines("NOOP")[-1] == b" OK NOOP completed"


def test_reading_is_more_important_than_marking_as_read(world: World) -> None:
    """If \\Seen cannot be stored the message is sent all the same."""
    client = world.login("alice", "SELECT INBOX")
    account: Any = client.protocol.account

    class Full(type(account)):  # type: ignore[misc]
        async def store_flags(self, *args: Any) -> Any:
            raise temporary("disk-full")

    client.protocol.account = Full(account._store, account.account)
    assert client.do("FETCH 1 BODY[TEXT]") == [b"* 1 FETCH (BODY[TEXT] {7}", b"first", b")"]


async def takes_nothing(operations: Any) -> Any:
    """``IStore.apply`` on a full disk."""
    raise temporary("commit-failed", "FullError")


def test_full_disk_can_be_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that takes nothing lets people log in for the first time, select, look and read; recent messages stay recent."""
    monkeypatch.setattr(world.made.store, "apply", takes_nothing)
    for _ in range(2):
        client = world.login("alice")
        assert client.do('LIST "" *') == [b'* LIST (\\HasNoChildren) "/" "INBOX"']
        assert client.do("STATUS INBOX (MESSAGES RECENT UNSEEN)") == [
            b'* STATUS "INBOX" (MESSAGES 2 RECENT 2 UNSEEN 2)'
        ]
        assert b"* 2 RECENT" in client.do("SELECT INBOX")
        assert client.do("FETCH 1 BODY[TEXT]") == [b"* 1 FETCH (BODY[TEXT] {7}", b"first", b")"]
        assert client.do("FETCH 1 FLAGS") == [b"* 1 FETCH (FLAGS (\\Recent))"]
        assert client.do("SEARCH UNSEEN") == [b"* SEARCH 1 2"]
        assert client.lines("STORE 1 +FLAGS (\\Seen)")[-1].startswith(b" NO [UNAVAILABLE] ")
        client.do("LOGOUT")


def test_usual_mailboxes_are_made_later(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 6154 2: what a full disk did not take at the first log-in is made at the next."""
    monkeypatch.setattr(world.made.store, "apply", takes_nothing)
    assert len(world.login("alice").do('LIST "" *')) == 1
    monkeypatch.undo()
    assert len(world.login("alice").do('LIST "" *')) == 5


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (MailError(Kind.QUOTA, "over-quota"), b"OVERQUOTA"),
        (MailError(Kind.NOT_FOUND, "no-such-target"), b"TRYCREATE"),
        (MailError(Kind.NOT_FOUND, "no-such-mailbox"), b"NONEXISTENT"),
        (MailError(Kind.TOO_MANY, "too-many-keywords"), b"LIMIT"),
        (MailError(Kind.IN_USE, "locked"), b"INUSE"),
        (MailError(Kind.BAD_REQUEST, "bad"), b"CANNOT"),
        (MailError(Kind.EXPUNGED, "gone"), b"EXPUNGEISSUED"),
    ],
)
def test_refusals_have_codes(world: World, error: MailError, code: bytes) -> None:
    """RFC 5530, 3501 7.1, 4315: the kind of a refusal is its response code."""
    client = failing(world, error)
    assert client.lines("COPY 1 Sent")[-1].startswith(b" NO [" + code + b"] ")


def test_quota() -> None:
    """RFC 5530 OVERQUOTA: what can never fit is refused before it is sent, what does not fit now when it has come."""
    world = World()
    store, account = world.made.store, world.accounts["alice"]
    store.commit([ChangeAccount(account, quota=100)])
    client = world.login()
    assert client.say(b"a APPEND Sent {101}\r\n").startswith(b"a NO [OVERQUOTA] ")
    assert client.say(b"b APPEND Sent {60}\r\n") == b"+ Ready\r\n"
    assert client.say(b"x" * 60 + b"\r\n").startswith(b"b OK ")
    assert client.say(b"c APPEND Sent {60}\r\n") == b"+ Ready\r\n"
    assert client.say(b"x" * 60 + b"\r\n").startswith(b"c NO [OVERQUOTA] ")


def test_pipelined_behind_a_slow_store(world: World) -> None:
    """RFC 3501 5.5: FETCH and NOOP wait for a SELECT that takes its time, and the answers keep their order."""
    client = world.login()
    account: Any = client.protocol.account
    gate: Deferred[None] = Deferred()

    class Slow(type(account)):  # type: ignore[misc]
        async def find(self, name: str) -> Any:
            await gate
            return await super().find(name)

    client.protocol.account = Slow(account._store, account.account)
    assert client.say(b"a SELECT INBOX\r\nb FETCH 1:2 (UID)\r\nc NOOP\r\n") == b""
    gate.callback(None)
    said = client.heard()
    assert said.endswith(
        b"a OK [READ-WRITE] SELECT completed\r\n* 1 FETCH (UID 1)\r\n* 2 FETCH (UID 2)\r\nb OK FETCH completed\r\n"
        b"c OK NOOP completed\r\n"
    )


def test_endless_line(world: World) -> None:
    """What never becomes a line is thrown away as it comes, and after so much of it the connection ends, with BYE."""
    client = world.connect()
    client.heard()
    said = b""
    for _ in range(70):
        said += client.say(b"a" * 1_000_000)
        assert len(client.protocol._framing) < 20_000
    assert said == b"* BYE No end of line\r\n"
    assert client.transport.disconnecting


# --- clients that leave ---


@pytest.mark.parametrize(
    ("commands", "rest"),
    [
        ((), b""),
        ((), b"a NOO"),
        (("SELECT INBOX",), b""),
        ((), b"a APPEND INBOX {9}\r\nhalf"),
        ((), b"a AUTHENTICATE PLAIN\r\n"),
    ],
)
@pytest.mark.parametrize("logged_in", [False, True])
def test_client_that_ends_without_logout(world: World, logged_in: bool, commands: tuple[str, ...], rest: bytes) -> None:
    """A client that only closes its end of a line without TLS is not kept until the time-out; half a command is nothing."""
    client = world.login("alice", *commands) if logged_in else world.connect()
    client.say(rest)
    client.protocol.readConnectionLost()
    assert client.transport.disconnecting


def test_idle_ends_with_the_line(world: World) -> None:
    """So is one that waits in IDLE, and no new message is shown to it any more."""
    client = world.login("alice", "SELECT INBOX")
    client.say(b"a IDLE\r\n")
    client.protocol.readConnectionLost()
    assert client.transport.disconnecting


def test_append_that_is_cut_off_leaves_nothing(world: World) -> None:
    """What has arrived of a message is thrown away when the line breaks."""
    client = world.login()
    client.say(b"a APPEND Sent {1000000}\r\n" + b"x" * 500_000)
    client.say(b"x" * 300_000)
    incoming = client.protocol.incoming
    assert incoming is not None
    (writer,) = incoming.writers
    client.protocol.connectionLost()
    assert client.protocol.incoming is None
    assert writer._aborted  # type: ignore[attr-defined]


def test_view_is_given_back(world: World) -> None:
    """A session that ends, or selects another mailbox, keeps nothing open in the store."""
    before = len(world.made.store.views)
    clients = [world.login("alice", "SELECT INBOX") for _ in range(3)]
    assert len(world.made.store.views) == before + 1
    clients[0].protocol.connectionLost()
    clients[1].do("LOGOUT")
    clients[2].lines("SELECT nowhere")
    assert len(world.made.store.views) == before


# --- the server ends ---


def test_shutdown(world: World) -> None:
    """RFC 3501 7.1.5: idle sessions hear BYE when the server stops, and so do those in IDLE."""
    client, waiting = world.login(), world.login("alice", "SELECT INBOX")
    waiting.say(b"i IDLE\r\n")
    client.protocol.end("shutdown")
    waiting.protocol.end("shutdown")
    expected = b"* BYE The server is shutting down, please come back later\r\n"
    assert client.heard() == expected
    assert waiting.heard() == expected


def test_too_many_connections() -> None:
    """RFC 3501 7.1.5: one too many hears BYE instead of the greeting."""
    world = World(connections=1)
    world.connect()
    assert world.connect().heard() == b"* BYE Too many connections, please come back later\r\n"


# --- limits ---


def test_literals_together_are_limited(world: World) -> None:
    """MULTIAPPEND may hold many small messages in memory, but not any number of octets."""
    client = world.login()
    client.say(b"a APPEND Sent {3}\r\n")
    assert client.say(b"a:b {49000000}\r\n") == b"+ Ready\r\n"
    incoming = client.protocol.incoming
    assert incoming is not None
    incoming._octets = 67_000_000
    with pytest.raises(Refused, match="Too much for one command"):
        run(incoming._check_size(1_000_000))


# --- the log ---


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (b"a LOGIN alice secret", "a LOGIN ***"),
        (b"a login", "a login"),
        (b"a AUTHENTICATE PLAIN c2VjcmV0", "a AUTHENTICATE PLAIN ***"),
        (b"a FETCH 1 FLAGS", "a FETCH 1 FLAGS"),
        (b"a UID FETCH 1 FLAGS", "a UID FETCH 1 FLAGS"),
        (b"a LOGN alice secret", "*** (19 octets)"),
        (b"c2VjcmV0", "*** (8 octets)"),
        (b"", "*** (0 octets)"),
    ],
)
def test_dialogue_without_passwords(line: bytes, text: str) -> None:
    """Of a command that may hold a password only what cannot is shown."""
    assert shown(line) == text


def test_debugging(world: World) -> None:
    """With debugging on, the dialogue is logged: commands and first lines of answers."""
    lines: list[str] = []
    world.factory.debug = True
    world.factory.log_line = lambda peer, speaker, line: lines.append(f"{speaker}: {line}")  # type: ignore[method-assign]
    client = world.login()
    client.say(b"a LOGIN {5}\r\n")
    assert lines[1] == "C: t1 LOGIN ***"
    assert lines[2].startswith("S: t1 OK [CAPABILITY")
    assert lines[3] == "C: a LOGIN ***"


def test_messages_sent_by_smtputf8_have_a_surrogate() -> None:
    """RFC 6855 7, 6858: without UTF8=ACCEPT the header is ASCII in every item alike; with it, as it came."""
    world = World()
    message = "Subject: 京都\r\n\r\ntext\r\n".encode()
    world.deliver(message, flags=32)
    client = world.login("alice", "EXAMINE INBOX")
    plain = client.do("FETCH 1 (RFC822.SIZE ENVELOPE BODY.PEEK[])")
    assert plain[0].startswith(b'* 1 FETCH (RFC822.SIZE 39 ENVELOPE (NIL "=?utf-8?b?5Lqs6YO9?="')
    assert plain[1:] == [b"Subject: =?utf-8?b?5Lqs6YO9?=", b"", b"text", b")"]
    client.do("ENABLE UTF8=ACCEPT")
    full = client.do("FETCH 1 (RFC822.SIZE BODY.PEEK[])")
    assert full[0] == b"* 1 FETCH (RFC822.SIZE %d BODY[] {%d}" % (len(message), len(message))


def test_search_of_somebody_who_has_gone() -> None:
    """Whoever begins long searches and leaves does not keep the server busy: no further message is opened."""
    client = World(*[b"Subject: x\r\n\r\ntext\r\n"] * 250).login("alice", "SELECT INBOX")
    looked = 0

    async def elsewhere(function: Any, *arguments: Any) -> Any:
        nonlocal looked
        looked += 1
        client.protocol.connectionLost()
        return function(*arguments)

    client.protocol.mailboxes._elsewhere = elsewhere  # type: ignore[attr-defined]
    client.say(b"a SEARCH BODY needle\r\n")
    assert looked == 1
