"""What an IMAP session tells the house of what its client does, for whoever wants to know that somebody is there."""

import pytest

from mailsvc.core.values import Doing
from tests.imap.world import World

READ = [Doing.READING, Doing.READING]


@pytest.mark.parametrize(
    ("command", "doings"),
    [
        ("FETCH 1 (FLAGS UID ENVELOPE BODYSTRUCTURE RFC822.SIZE)", []),
        ("FETCH 1 BODY[]", READ),
        ("FETCH 1 BODY.PEEK[HEADER]", READ),
        ("UID FETCH 1 (FLAGS BODY.PEEK[1]<0.10>)", READ),
        ("FETCH 1 RFC822", READ),
        ("FETCH 1 BINARY.SIZE[1]", []),
        ("NOOP", [Doing.NOOP]),
        ("LOGOUT", [Doing.LEAVING]),
    ],
)
def test_what_is_told(command: str, doings: list[Doing]) -> None:
    """Messages or parts of them read, at the begin and at the end; NOOP; LOGOUT. What is only known about messages is nothing."""
    world = World(b"Subject: x\r\n\r\ntext\r\n")
    told: list[Doing] = []
    world.factory.note = lambda session, doing: told.append(doing)
    client = world.login("alice", "SELECT INBOX")
    told.clear()
    client.do(command)
    assert told[: len(doings) or None] == doings


def test_idle() -> None:
    """From IDLE to DONE."""
    world = World()
    told: list[Doing] = []
    world.factory.note = lambda session, doing: told.append(doing)
    client = world.login("alice", "SELECT INBOX")
    client.say(b"x IDLE\r\n")
    client.say(b"DONE\r\n")
    assert told == [Doing.IDLE, Doing.AWAKE]
