"""IMAP clients that people use, each with each TLS mode and each operation: cells of the table in ``docs/interoperability.rst``."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from mailsvc.testing.harness import RunningServer, wait_for
from tests.letters import LETTERS, lf

from .imap_folders import Picture, encode, lay_out, picture
from .imap_mailers import ADDED, MAILERS, OPERATIONS
from .imap_programs import Failed, Mailer
from .matrix import CELLS
from .programs import Line, Login

pytestmark = pytest.mark.interop

BOB = "bob@example.test"
WORK, OTHER = "仕事/会議", "取引先 & 友人"
"""Folders: one below another, one with a space and the character that encodes."""

FIRST, SECOND = LETTERS["iso-2022-jp"], LETTERS["utf-8"]
START: Picture = {"INBOX": [("", SECOND)], WORK: [("", FIRST), (r"\Seen", SECOND)], OTHER: []}

PROGRAMS = {"Python": (), "IMAPClient": (), "imap-tools": (), "aioimaplib": (), "OfflineIMAP": ("offlineimap",)}
"""What a client needs that is not a program of its name."""


def cells(operation: str) -> list[object]:
    """Parameters for all cells of an operation."""
    return [
        pytest.param(
            *cell,
            marks=[pytest.mark.need(name) for name in PROGRAMS.get(cell[0], (cell[0],))],
            id="-".join(cell).replace(" ", "-"),
        )
        for cell in sorted(CELLS)
        if cell[0] in MAILERS and cell[2] == operation and operation in OPERATIONS
    ]


def client_of(server: RunningServer, client: str, tls: str, folder: Path, password: str = "") -> Mailer:
    """A client for bob."""
    line = Line(server.ports["imaps" if tls == "implicit" else "imap"], tls, server.certificate)
    return MAILERS[client](line, Login(BOB, password or server.accounts[BOB]), folder)


@pytest.fixture
def mailer(server: RunningServer, client: str, tls: str, tmp_path: Path) -> Mailer:
    """The client; folders are as :data:`START` says, and TLS is looked for afterwards."""
    lay_out(server, BOB, START)
    return client_of(server, client, tls, tmp_path)


@pytest.fixture(autouse=True)
def spoken(server: RunningServer, tls: str, operation: str) -> Iterator[None]:
    """Whether every session of the client had TLS, or none had. (By implicit TLS the tests themselves connect too.)"""
    before = len(server.log)
    yield
    if tls != "implicit" and not operation.startswith("wrong"):
        here = f"imap@{server.host}:{server.ports['imap']}: "

        def sessions() -> list[str]:
            return [line for line in server.log[before:].splitlines() if here in line and " logged in" in line]

        wait_for(lambda: bool(sessions()), "the log tells of the session")
        assert all(("(TLSv1" in line) == (tls == "starttls") for line in sessions()), sessions()


def genuine(client: str, copy: bytes) -> bytes:
    """A copy without the lines that the client has put into its header."""
    end = b"\r\n" if b"\r\n" in copy else b"\n"
    head, empty, body = copy.partition(end * 2)
    lines = [line for line in head.split(end) if not re.fullmatch(ADDED.get(client, b"(?!)"), line)]
    return end.join(lines) + empty + body


def look(server: RunningServer) -> Picture:
    """What is in bob's folders now."""
    return picture(server, BOB)


def after(changes: Picture) -> Picture:
    """What must be there: as at the start, but for these folders; empty ones are left out."""
    return {name: messages for name, messages in {**START, **changes}.items() if messages}


@pytest.mark.parametrize(("client", "tls", "operation"), cells("folders"))
def test_list(mailer: Mailer, operation: str) -> None:
    """Every folder is shown, by its Japanese name, or as that is encoded."""
    names = mailer.list()
    assert any({"INBOX", "Sent", shown(WORK), shown(OTHER)} <= names | {"Sent"} for shown in (str, encode)), names


@pytest.mark.parametrize(("client", "tls", "operation"), cells("create"))
def test_create(server: RunningServer, mailer: Mailer, operation: str) -> None:
    """A folder with a Japanese name is there for others."""
    mailer.create("新規/提案書")
    assert {"新規/提案書", WORK, OTHER} <= client_of(server, "IMAPClient", "implicit", Path()).list()


@pytest.mark.parametrize(("client", "tls", "operation"), cells("read (IMAP)"))
def test_read(mailer: Mailer, client: str, operation: str) -> None:
    """Two Japanese letters come out of a folder octet for octet (line ends as the client keeps them)."""
    assert _sorted(genuine(client, octets) for octets in mailer.read(WORK)) == _sorted([FIRST, SECOND])


@pytest.mark.parametrize(("client", "tls", "operation"), cells("append"))
def test_append(server: RunningServer, mailer: Mailer, client: str, operation: str) -> None:
    """A letter put into a folder is there octet for octet, beside the others."""
    mailer.append(WORK, FIRST)
    first, second, new = [octets for _, octets in look(server)[WORK]]
    assert (first, second, genuine(client, new)) == (FIRST, SECOND, FIRST)


@pytest.mark.parametrize(("client", "tls", "operation"), cells("flag"))
def test_flag(server: RunningServer, mailer: Mailer, operation: str) -> None:
    """A letter is flagged, and no other."""
    mailer.flag(WORK)
    found = look(server)
    assert found.keys() == after({}).keys()
    assert [(r"\Flagged" in flags.split(), octets) for flags, octets in found[WORK]] == [(True, FIRST), (False, SECOND)]


@pytest.mark.parametrize(("client", "tls", "operation"), cells("delete (IMAP)"))
def test_delete(server: RunningServer, mailer: Mailer, operation: str) -> None:
    """A letter is gone; those of other folders stay."""
    mailer.delete("INBOX")
    assert look(server) == after({"INBOX": []})


@pytest.mark.parametrize(("client", "tls", "operation"), cells("move"))
def test_move(server: RunningServer, mailer: Mailer, client: str, operation: str) -> None:
    """A letter is in another folder, unchanged, and not in the first any more."""
    mailer.move("INBOX", OTHER)
    found = look(server)
    assert "INBOX" not in found
    assert [genuine(client, octets) for _, octets in found[OTHER]] == [SECOND]
    assert found[WORK] == START[WORK]


@pytest.mark.parametrize(("client", "tls", "operation"), cells("search"))
def test_search(mailer: Mailer, operation: str) -> None:
    """A word of a letter in ISO-2022-JP is found, wherever the letter's lines and encoded words divide it."""
    assert mailer.search(WORK, "打合せ") == 1
    assert mailer.search(WORK, "会議") == 1
    assert mailer.search("INBOX", "打合せ") == 0


@pytest.mark.parametrize(("client", "tls", "operation"), cells("idle"))
def test_idle(server: RunningServer, mailer: Mailer, operation: str, tmp_path: Path) -> None:
    """A client that waits hears of a letter that another one brings."""
    other = client_of(server, "Python", "implicit", tmp_path)
    assert mailer.idle("INBOX", lambda: other.append("INBOX", FIRST)) == 2


@pytest.mark.parametrize(("client", "tls", "operation"), cells("both ways"))
def test_both_ways(server: RunningServer, mailer: Mailer, client: str, operation: str, tmp_path: Path) -> None:
    """A copy changed on both sides is equal after a run: flags, new letters, removed ones; nothing is doubled."""
    other = client_of(server, "IMAPClient", "implicit", tmp_path)

    def happens() -> None:
        other.append(WORK, LETTERS["shift-jis"])
        other.delete("INBOX")
        other.create("あとから")

    copies = mailer.both_ways(WORK, happens)
    found = look(server)
    assert found.keys() == {WORK}
    assert _sorted(octets for _, octets in found[WORK]) == _sorted([FIRST, SECOND, LETTERS["shift-jis"]])
    ours = sorted((_letters(flags), lf(octets)) for flags, octets in found[WORK])
    assert ours == sorted((flags, lf(genuine(client, octets))) for flags, octets in copies)
    assert "".join(sorted("".join(flags for flags, _ in ours))) == "FS"


@pytest.mark.parametrize(("client", "tls", "operation"), cells("wrong password (IMAP)"))
def test_wrong_password(server: RunningServer, client: str, tls: str, operation: str, tmp_path: Path) -> None:
    """The client says so, and shows nothing."""
    with pytest.raises(Failed):
        client_of(server, client, tls, tmp_path, "wrong").read("INBOX")


def _sorted(messages: Iterable[bytes]) -> list[bytes]:
    return sorted(map(lf, messages))


def _letters(flags: str) -> str:
    """Flags as the names of files in a maildir have them."""
    return "".join(letter for flag, letter in ((r"\Flagged", "F"), (r"\Seen", "S")) if flag in flags.split())
