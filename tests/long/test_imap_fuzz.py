"""The IMAP grammar under fire: more of ``tests/imap/test_fuzz.py``, and conversations damaged at random on the running server.

The short form takes some 20 seconds for each, the long one 10 minutes or more; ``MAILSVC_SEED`` gives the same damage again::

    MAILSVC_LONG=1 python -m pytest tests/long/test_imap_fuzz.py
"""

import os
import random
import select
import socket
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from mailsvc.testing.harness import RunningServer
from mailsvc.testing.imap_client import IMAPClient
from mailsvc.testing.transcript import Say, steps
from tests.imap.dialogues.all import DIALOGUES
from tests.imap.fuzz import COMMANDS, STREAMS, check_commands, check_cuts

LONG = os.environ.get("MAILSVC_LONG") == "1"
SECONDS = 600 if LONG else 20
EXAMPLES = 20_000 if LONG else 200

MANY = settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), phases=(Phase.generate, Phase.shrink)
)


@MANY
@given(COMMANDS)
def test_each_command_is_answered_once(conversation: tuple[bytes, list[bytes]]) -> None:
    """RFC 3501 2.2.2: one tagged response for each command, in order, however senseless its arguments are."""
    check_commands(conversation)


@MANY
@given(STREAMS)
def test_whole_and_byte_by_byte(stream: bytes) -> None:
    """The same octets get the same answers, however they are cut."""
    check_cuts(stream)


SNIPPETS = (
    b"\r\n", b"\n", b"\r", b"\0", b" ", b"  ", b"(", b")", b"((((((((", b"{", b"}", b"{0}\r\n", b"{5}\r\n", b"{5+}\r\n", b"{4097+}\r\n",
    b"{4294967295}\r\n", b"~{3+}\r\nabc", b'"', b'\\"', b"\\", b"%", b"*", b"1:*", b"*:*", b",", b":", b"0", b"4294967296", b"\xff\xfe",
    b"&", b"&-", b"[", b"]", b"<0.1>", b"NIL", b"UID ", b"x LOGOUT\r\n", b"x IDLE\r\n", b"DONE\r\n", b"x SELECT INBOX\r\n", b"x CLOSE\r\n",
    b"x FETCH 1:* (BODY[] ENVELOPE BODYSTRUCTURE)\r\n", b"x SEARCH TEXT a\r\n", b"x APPEND INBOX {3+}\r\nabc\r\n",
)  # fmt: skip


def damaged(octets: bytes, choice: random.Random) -> bytes:
    """The same with some octets lost, changed, doubled, moved or added."""
    data = bytearray(octets)
    for _ in range(choice.choice([0, 1, 1, 2, 4, 10])):
        at = choice.randint(0, len(data))
        length = choice.choice([1, 1, 2, 5, 30])
        kind = choice.randrange(5)
        if kind == 0:
            del data[at : at + length]
        elif kind == 1 and at < len(data):
            data[at] = choice.randrange(256)
        elif kind == 2:
            data[at:at] = data[at : at + length]
        elif kind == 3:
            data[at:at] = choice.choice(SNIPPETS)
        else:
            other = choice.randint(0, len(data))
            data[at:at] = data[other : other + length]
    return bytes(data)


LOGIN = b"a LOGIN alice@example.test alice-secret\r\n"


def conversations() -> list[bytes]:
    """What the clients of the transcripts say; those that log in at once begin with :data:`LOGIN`."""
    scripts = [b"".join(step.octets for step in steps(each.script) if isinstance(step, Say)) for each in DIALOGUES]
    return [
        script.replace(b'alice "correct horse"', b"alice@example.test alice-secret")
        for script in scripts
        if len(script) < 20_000
    ]


class Conversation:
    """One damaged conversation over a socket."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self.heard = bytearray()
        self.ended = False

    def say(self, *pieces: bytes, until: bytes, patience: float) -> bool:
        """Send pieces, listening in between, then listen until something is said or nothing has been said for so many seconds."""
        for piece in pieces:
            with suppress(OSError):
                self._socket.sendall(piece)
            self.listen(0.0)
        while not self.ended and until not in self.heard and self.listen(patience):
            pass
        return until in self.heard

    def listen(self, patience: float) -> bool:
        """Hear what there is; False if nothing came."""
        if not select.select([self._socket], [], [], patience)[0]:
            return False
        try:
            octets = self._socket.recv(1 << 20)
        except OSError:
            octets = b""
        self.ended = not octets
        self.heard += octets
        return True

    def leave(self) -> bool:
        """Hang up; whether the server had closed before. It ends for good: nothing of the server hangs on it."""
        ended = self.ended
        self._socket.close()
        return ended


def cut(octets: bytes, choice: random.Random) -> list[bytes]:
    """Whole, in lines, or in pieces of some size."""
    size = choice.choice([1 << 20, 1 << 20, 1460, 64, 7])
    return [octets[start : start + size] for start in range(0, len(octets), size)]


def test_damaged_conversations(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """RFC 3501 7.1.5: whatever arrives, nothing breaks, and before the server closes it says BYE."""
    seed = int(os.environ.get("MAILSVC_SEED", time.time()))
    choice, seeds, counts = random.Random(seed), conversations(), Counter[str]()
    with RunningServer(tmp_path / "server", workers=2) as server:
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            talk = Conversation(server.connect("imap"))
            octets = choice.choice(seeds)
            if octets.startswith(LOGIN) and choice.random() < 0.9:
                assert talk.say(LOGIN, until=b"a OK", patience=30)
                octets = octets.removeprefix(LOGIN)
            octets = damaged(octets, choice)
            # Something that is a command wherever the damage has led: in IDLE, in a quoted string, in a short literal.
            answered = talk.say(
                *cut(octets, choice), b'"\r\nDONE\r\nzz NOOP\r\nzz NOOP\r\n', until=b"zz OK", patience=0.2
            )
            counts["conversations"] += 1
            counts["went on to the end"] += answered
            if talk.leave():
                counts["closed by the server"] += 1
                # After STARTTLS what we say is no handshake, and there is no line left on which to say BYE.
                assert b"* BYE " in talk.heard or b" OK Begin TLS" in talk.heard, (
                    f"seed {seed}: closed without BYE after {octets!r}: {bytes(talk.heard[-500:])!r}"
                )
            if counts["conversations"] % 100 == 0:
                check_health(server, seed, octets)
        check_health(server, seed, b"")
    with capsys.disabled():
        print(f"\nseed {seed}: {dict(counts)}")


def check_health(server: RunningServer, seed: int, octets: bytes) -> None:
    """Others are served, and nothing was logged that should not be."""
    client = IMAPClient(server.connect("imap"))
    client.do(b"LOGIN bob@example.test bob-secret")
    client.do(b"SELECT INBOX")
    client.close()
    log = server.log
    at = log.find("Traceback")
    assert at < 0, f"seed {seed}, after {octets!r}: {log[max(0, at - 500) : at + 3000]}"
    assert len(server.processes()) == 4
