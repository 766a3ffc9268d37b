"""IMAP: what one command costs in a mailbox of 50,000 messages; the servers take turns, command by command.

The messages are conversations of ten letters, in Japanese and English, a quarter with an attachment, half of them read; both servers get
the same ones in the same order by MULTIAPPEND, whose rate is the first row. A command is timed from its first octet sent to the last of
its answer. Both have answered each of them once before: Dovecot keeps what it has parsed in its cache, ours describes messages when they
arrive, and keeps the subjects it has decoded last.
"""

import argparse
import base64
import itertools
import time
from collections.abc import Callable, Iterator

from benchmarks import report
from benchmarks.imap_client import Imap
from benchmarks.ours import Ours
from benchmarks.peers import Peers
from benchmarks.servers import Server, mailboxes

MESSAGES = 50_000
BODIES = 2000
BATCH = 500
LETTERS = 10  # of a conversation
NOOPS = 2000
SUBJECTS = ("Quarterly report", "会議の資料について", "Re: lunch", "ご注文の確認", "Fwd: 打合せの日程")
FIELDS = "DATE FROM SUBJECT CONTENT-TYPE"
GOAL = "at most 2.5 x"


def _word(text: str) -> str:
    return text if text.isascii() else f"=?UTF-8?B?{base64.b64encode(text.encode()).decode()}?="


def message(number: int) -> bytes:
    """One message of about 2.5 kB."""
    conversation = number // LETTERS
    subject = _word(f"{SUBJECTS[conversation % len(SUBJECTS)]} {conversation}")
    head = (
        f"Return-Path: <sender{number % 50}@elsewhere.test>\r\nReceived: from elsewhere.test by mail.bench.test; "
        f"Fri, 20 Nov 2026 09:{number % 60:02}:00 +0900\r\nDate: Fri, 20 Nov 2026 09:{number % 60:02}:00 +0900\r\n"
        f"From: {_word('山田花子')} <sender{number % 50}@elsewhere.test>\r\nTo: taro@bench.test, info@bench.test\r\n"
        f"Subject: {subject}\r\nMessage-ID: <{number}@elsewhere.test>\r\nMIME-Version: 1.0\r\n"
    )
    text = f"Number {number}.\r\n" + "いつもお世話になっております。よろしくお願いいたします。\r\n" * 20
    if number % 4:
        return (
            f"{head}Content-Type: text/plain; charset=UTF-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{text}".encode()
        )
    attachment = base64.encodebytes(bytes(range(256)) * 2).decode().replace("\n", "\r\n")
    return (
        f'{head}Content-Type: multipart/mixed; boundary="b1"\r\n\r\n--b1\r\nContent-Type: text/plain; charset=UTF-8\r\n\r\n{text}'
        f'\r\n--b1\r\nContent-Type: application/pdf; name="report.pdf"\r\nContent-Transfer-Encoding: base64\r\n'
        f'Content-Disposition: attachment; filename="report.pdf"\r\n\r\n{attachment}\r\n--b1--\r\n'
    ).encode()


def rows(count: int) -> dict[str, tuple[str, str]]:
    """Row of the table -> command and goal."""
    bodies = min(BODIES, count)
    return {
        "FLAGS, ms": ("FETCH 1:* (FLAGS)", GOAL),
        "ENVELOPE, ms": ("FETCH 1:* (ENVELOPE)", "below 1 x"),
        "BODYSTRUCTURE, ms": ("FETCH 1:* (BODYSTRUCTURE)", GOAL),
        f"header fields {FIELDS}, ms": (f"FETCH 1:* (BODY.PEEK[HEADER.FIELDS ({FIELDS})])", GOAL),
        f"{bodies:,} bodies, ms": (f"FETCH 1:{bodies} (BODY.PEEK[])", GOAL),
        "SEARCH UNSEEN, ms": ("SEARCH UNSEEN", GOAL),
        "SEARCH SUBJECT, ms": ("SEARCH SUBJECT report", GOAL),
        "STORE +FLAGS on all, ms": ("STORE 1:* +FLAGS (\\Flagged)", GOAL),
        f"COPY of {bodies:,}, ms": (f"COPY 1:{bodies} Copies", GOAL),
    }


AFTERWARDS = {"STORE": "STORE 1:* -FLAGS.SILENT (\\Flagged)", "COPY": "DELETE Copies", "": "NOOP"}
"""First word of a command -> what undoes it, outside the measured time."""


def fill(session: Imap, count: int) -> float:
    """Put the messages into INBOX; messages per second."""
    texts = [message(number) for number in range(count)]
    began = time.perf_counter()
    for start in range(0, count, BATCH):
        session.append("INBOX", texts[start : start + BATCH])
    return count / (time.perf_counter() - began)


def prepare(session: Imap, count: int) -> None:
    """Half are read."""
    session.command("SELECT INBOX")
    session.command(f"STORE 1:{count // 2} +FLAGS.SILENT (\\Seen)")


def _timed(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return (time.perf_counter() - began) * 1000


def run(session: Imap, command: str) -> float:
    """Milliseconds of a command; afterwards things are as before."""
    word = command.split()[0]
    if word == "COPY":
        session.command("CREATE Copies")
    elapsed = _timed(lambda: session.command(command))
    undo = AFTERWARDS.get(word)
    if undo:
        session.command(undo)
    return elapsed


def noop_rate(session: Imap) -> float:
    """NOOPs per second, each sent when the one before is answered."""

    def noops() -> None:
        for _ in range(NOOPS):
            session.command("NOOP")

    return NOOPS / _timed(noops) * 1000


def measure(servers: list[Server], rounds: int, count: int, only: str) -> Iterator[report.Sample]:
    """All rows, the servers taking turns."""
    (user,) = mailboxes(1)
    sessions = {server.name: Imap(server.imap, user) for server in servers}
    for name, session in sessions.items():
        yield report.Sample("MULTIAPPEND, messages/s", name, fill(session, count), "at least 0.4 x")
        prepare(session, count)
    for what, (command, goal) in rows(count).items():
        if only in what:
            for number, (name, session) in itertools.product(range(rounds + 1), sessions.items()):
                elapsed = run(session, command)
                if number:  # round 0 warms up
                    yield report.Sample(what, name, elapsed, goal)
    for _, (name, session) in itertools.product(range(rounds), sessions.items()):
        yield report.Sample("NOOP, commands/s", name, noop_rate(session), "at least 0.4 x")
    for session in sessions.values():
        session.logout()


def main() -> None:
    """Run and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--messages", type=int, default=MESSAGES)
    parser.add_argument("--only", default="", help="rows whose name contains this; nothing is written then")
    arguments = parser.parse_args()
    with Peers(accounts=1) as peers, Ours(accounts=1) as ours:
        samples = list(measure([peers, ours], arguments.rounds, arguments.messages, arguments.only))
        notes = [
            f"{peers.name}: {peers.description}; {ours.name}: {ours.description}.",
            f"{arguments.messages:,} messages; one session at each server, the servers taking turns; {arguments.rounds} rounds.",
            "Both keep each change durably before they answer, as they come.",
        ]
    keep = arguments.messages >= MESSAGES and not arguments.only
    report.show("imap_commands", f"IMAP commands in a mailbox of {arguments.messages:,}", samples, notes, keep=keep)


if __name__ == "__main__":
    main()
