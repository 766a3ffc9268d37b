"""What a POP3 session tells the house of what its client does, for whoever wants to know that somebody is there."""

import pytest

from mailsvc.core.values import Doing
from tests.pop3.world import PASSWORD, World

HELLO = f"USER alice\r\nPASS {PASSWORD}\r\n".encode()


def told(commands: bytes) -> list[Doing]:
    """What one session told."""
    world = World(b"Subject: x\r\n\r\ntext\r\n")
    doings: list[tuple[object, Doing]] = []
    world.factory.note = lambda session, doing: doings.append((session, doing))
    protocol, _ = world.connect()
    protocol.dataReceived(HELLO + commands)
    assert all(session is protocol for session, _ in doings)
    return [doing for _, doing in doings]


@pytest.mark.parametrize(
    ("commands", "doings"),
    [
        (b"STAT\r\nLIST\r\nUIDL\r\nRETR 2\r\nDELE 1\r\n", []),
        (b"RETR 1\r\n", [Doing.READING, Doing.READING]),
        (b"TOP 1 0\r\n", [Doing.READING]),
        (b"NOOP\r\n", [Doing.NOOP]),
        (b"QUIT\r\n", [Doing.LEAVING]),
    ],
)
def test_what_is_told(commands: bytes, doings: list[Doing]) -> None:
    """Messages read, at their begin and at their end; NOOP; QUIT. Lists and marks are nothing."""
    assert told(commands) == doings


def test_a_cut_line() -> None:
    """Who leaves without QUIT is gone."""
    world = World()
    doings: list[Doing] = []
    world.factory.note = lambda session, doing: doings.append(doing)
    protocol, _ = world.connect()
    protocol.dataReceived(HELLO)
    protocol.connectionLost()
    assert doings == [Doing.GONE]
