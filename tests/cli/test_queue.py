"""``mailsvc queue``: what waits is seen, and looked after beside the scheduler."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mailsvc.cli import queue_change
from mailsvc.core.operations import ChangeQueued, Deliver, Settle
from mailsvc.core.queued import Notify, Outcome, Outgoing, OutgoingRecipient, State
from mailsvc.store.connect import BlockingStore, gather, open_store
from mailsvc.store.connect import run as wait_for

from .conftest import Run

HEADERS = b"Return-Path: <alice@example.test>\r\n"
DATA = b"Subject: hello\r\n\r\nhello\r\n"
HOUR = 3600


@pytest.fixture
def now() -> int:
    """The second in which the test began."""
    return int(time.time())


@pytest.fixture
def waiting(house: Run, tmp_path: Path, now: int) -> Run:
    """A server directory with two messages in the queue: one with two recipients, tried once, and a report that is a day old."""
    house("user", "add", "alice@example.test", "--no-password")
    with Store(tmp_path) as store:
        alice = wait_for_account(store)
        recipients = (
            OutgoingRecipient("x@One.example", "one.example", Notify.SUCCESS | Notify.DELAY, "rfc822;x@one.example"),
            OutgoingRecipient("y@two.example", "two.example"),
        )
        first = Outgoing("Q1", "alice@example.test", alice, now - HOUR, now, len(HEADERS), recipients, ret="HDRS")
        second = Outgoing("Q2", "", 0, now - 24 * HOUR, now, 0, (OutgoingRecipient("z@one.example", "one.example"),))
        store.apply([Deliver((), HEADERS, len(DATA), now, DATA, outgoing=first)])
        store.apply([Deliver((), b"", len(DATA), now, DATA, outgoing=second)])
        ids = [one.id for one in wait_for(store.queue.recipients("Q1"))]
        refused = Outcome(
            ids[0], State.WAITING, now + HOUR, now, "4.2.1", "450 4.2.1 come later", "mx1 [192.0.2.1]", "TLSv1.3"
        )
        store.apply(
            [Settle((refused, refused._replace(recipient=ids[1], host="", tls="", status="4.4.1", reply="refused")))]
        )
    return house


class Store:
    """The store of the directory, for a moment."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> BlockingStore:
        self._store = open_store(str(self._folder / "store"))
        return self._store

    def __exit__(self, *_: object) -> None:
        self._store.close()


def wait_for_account(store: BlockingStore) -> int:
    """Alice's id."""
    ((account,),) = store.connection().execute("SELECT id FROM account WHERE address='alice@example.test'")
    return int(str(account))


def states(folder: Path) -> dict[str, State]:
    """What still waits or is held."""
    with Store(folder) as store:
        return {one.address: one.state for _, one in gather(store.queue.listing())}


def dues(folder: Path) -> dict[str, int]:
    """When each is due."""
    with Store(folder) as store:
        return {one.address: one.due for _, one in gather(store.queue.listing())}


def listed(run: Run, *arguments: str) -> list[str]:
    """The recipients that ``list`` prints."""
    return [one["recipient"] for one in json.loads(run("queue", "list", *arguments, "--json").stdout)]


def test_empty_queue(house: Run) -> None:
    """Where nothing waits, nothing is printed; what would change something says so."""
    assert house("queue", "list").stdout == ""
    assert json.loads(house("queue", "list", "--json").stdout) == []
    assert json.loads(house("queue", "stats", "--json").stdout)["groups"] == []
    assert house("queue", "hold", "--all", code=1).stderr == "nothing in the queue is like that\n"
    assert house("queue", "flush", "--all").stderr == "0 recipient(s) changed\n"
    assert house("queue", "show", "Q9", code=1).stderr == "there is no Q9 in the queue (any more)\n"


def test_list(waiting: Run) -> None:
    """What waits, for whom, since when, why, and when next."""
    rows = json.loads(waiting("queue", "list", "--json").stdout)
    one = rows[0]
    assert [row["queue_id"] for row in rows] == ["Q1", "Q1", "Q2"]
    assert (one["sender"], one["recipient"], one["destination"]) == (
        "<alice@example.test>",
        "x@One.example",
        "one.example",
    )
    assert (one["state"], one["attempts"], one["reason"]) == ("waiting", 1, "4.2.1 450 4.2.1 come later")
    assert one["arrived"] < one["last"] < one["next"]
    assert one["notify"] == ["success", "delay"]
    line = waiting("queue", "list").stdout.splitlines()[0].split("\t")
    assert line[0] == "Q1"
    assert line[-1] == "4.2.1 450 4.2.1 come later"


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (("Q1",), "xy"),
        (("Q1", "Q2"), "xyz"),
        (("--sender", "Alice@example.test"), "xy"),
        (("--sender", "<>"), "z"),
        (("--recipient", "X@one.example"), "x"),
        (("--domain", "ONE.example"), "xz"),
        (("--domain", "one.example", "Q1"), "x"),
        (("--older-than", "4h"), "z"),
        (("--older-than", "3 d"), ""),
        (("--reason", "Come"), "x"),
        (("--reason", "4.4.1"), "y"),
    ],
)
def test_choice(waiting: Run, arguments: tuple[str, ...], found: str) -> None:
    """Queue ids, sender, recipient, destination, age and reason restrict what is meant, all together."""
    assert "".join(address[0] for address in listed(waiting, *arguments)) == found


def test_show(waiting: Run) -> None:
    """The envelope and every attempt with the other server's words; the octets only on request, without our Return-Path."""
    found: dict[str, Any] = json.loads(waiting("queue", "show", "Q1", "--json").stdout)
    assert (found["sender"], found["account"], found["ret"]) == ("<alice@example.test>", "alice@example.test", "HDRS")
    assert [one["orcpt"] for one in found["recipients"]] == ["rfc822;x@one.example", ""]
    assert [(one["recipient"], one["host"], one["tls"], one["reply"]) for one in found["tries"]] == [
        ("x@One.example", "mx1 [192.0.2.1]", "TLSv1.3", "450 4.2.1 come later"),
        ("y@two.example", "", "", "refused"),
    ]
    text = waiting("queue", "show", "Q1").stdout
    assert "450 4.2.1 come later" in text
    assert "Sender: <alice@example.test>" in text
    assert "hello" not in text
    assert waiting("queue", "show", "Q1", "--header").stdout_bytes == b"Subject: hello\r\n\r\n"
    assert waiting("queue", "show", "Q1", "--body").stdout_bytes == DATA
    assert "差出人: <alice@example.test>" in waiting("--lang", "ja", "queue", "show", "Q1").stdout


def test_control_characters_stay_out_of_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stranger's message does not move the administrator's cursor."""
    from mailsvc.cli import queue_show

    assert queue_show._harmless(b"\x1b[2J\r\n") == b"\x1b[2J\r\n"
    monkeypatch.setattr(queue_show.sys.stdout, "isatty", lambda: True, raising=False)
    assert queue_show._harmless("\x1b[2J\r\n\té\x9b".encode()) == "\ufffd[2J\n\té\ufffd"


def test_stats(waiting: Run) -> None:
    """How many wait, by age in minutes, for each destination, sender or reason."""
    found = json.loads(waiting("queue", "stats", "--json").stdout)
    assert found["minutes"] == [5, 10, 20, 40, 80, 160, 320, 640, 1280]
    assert found["groups"] == [
        {"name": "one.example", "total": 2, "ages": [0, 0, 0, 0, 1, 0, 0, 0, 0, 1]},
        {"name": "two.example", "total": 1, "ages": [0, 0, 0, 0, 1, 0, 0, 0, 0, 0]},
    ]
    by_sender = json.loads(waiting("queue", "stats", "--by", "sender", "--json").stdout)["groups"]
    assert [(one["name"], one["total"]) for one in by_sender] == [("alice@example.test", 2), ("<>", 1)]
    by_reason = json.loads(waiting("queue", "stats", "--by", "reason", "Q1", "--json").stdout)["groups"]
    assert [one["name"] for one in by_reason] == ["4.2.1 450 4.2.1 come later", "4.4.1 refused"]
    lines = waiting("--lang", "ja", "queue", "stats").stdout.splitlines()
    assert lines[0].split("\t") == ["全体", "3", "0", "0", "0", "0", "2", "0", "0", "0", "0", "1"]


def test_hold_and_release(waiting: Run, tmp_path: Path) -> None:
    """Held recipients wait until they are released; what is so already does not count."""
    assert waiting("queue", "hold", "--domain", "one.example").stderr == "2 recipient(s) changed\n"
    assert list(states(tmp_path).values()) == [State.HELD, State.WAITING, State.HELD]
    assert json.loads(waiting("queue", "list", "Q2", "--json").stdout)[0]["next"] == ""
    assert json.loads(waiting("queue", "hold", "--all", "--json").stdout) == {"changed": 1, "settled": 0}
    assert waiting("--lang", "ja", "queue", "release", "Q1").stderr == "2 件の宛先を変更しました\n"
    assert list(states(tmp_path).values()) == [State.WAITING, State.WAITING, State.HELD]
    assert waiting("queue", "release", "Q1", code=1).stderr == "nothing in the queue is like that\n"


def test_retry_and_flush(waiting: Run, tmp_path: Path, now: int) -> None:
    """What was put off is due now: what is asked for, or all of a destination."""
    assert dues(tmp_path)["x@One.example"] == now + HOUR
    waiting("queue", "retry", "--reason", "come later")
    assert now <= dues(tmp_path)["x@One.example"] < now + HOUR
    assert dues(tmp_path)["y@two.example"] == now + HOUR
    assert waiting("queue", "flush", "TWO.example", "three.example").stderr == "1 recipient(s) changed\n"
    assert now <= dues(tmp_path)["y@two.example"] < now + HOUR
    assert json.loads(waiting("queue", "flush", "--all", "--json").stdout) == {"changed": 3, "settled": 0}


def test_reroute(waiting: Run, tmp_path: Path) -> None:
    """Recipients wait for another destination; their addresses stay."""
    waiting("queue", "reroute", "[192.0.2.9]", "--domain", "one.example")
    rows = json.loads(waiting("queue", "list", "--domain", "[192.0.2.9]", "--json").stdout)
    assert [one["recipient"] for one in rows] == ["x@One.example", "z@one.example"]


def test_remove(waiting: Run, tmp_path: Path) -> None:
    """Recipients are forgotten, nobody is told; a message leaves with its last one. The ledger knows that it was done by hand."""
    assert waiting("queue", "remove", "--recipient", "x@one.example").stderr == "1 recipient(s) changed\n"
    assert "no longer sent to x@One.example" in waiting("trace", "Q1").stdout
    assert list(states(tmp_path)) == ["y@two.example", "z@one.example"]
    assert json.loads(waiting("queue", "remove", "--all", "--yes", "--json").stdout) == {"changed": 2, "settled": 0}
    assert states(tmp_path) == {}
    assert json.loads(waiting("user", "show", "alice@example.test", "--json").stdout)["messages"] == 0
    waiting("store", "verify")


def test_return(waiting: Run, tmp_path: Path) -> None:
    """The sender is told once of all recipients that were given up; of a report nobody is told."""
    assert waiting("queue", "return", "--all").stderr == "3 recipient(s) changed\n"
    assert states(tmp_path) == {}
    with Store(tmp_path) as store:
        rows = store.connection().execute("SELECT CAST(p.prefix || b.data AS BLOB) FROM msg m JOIN content p ON p.id=m.content JOIN body b"
                                          " ON b.content=p.id JOIN mailbox x ON x.id=m.mailbox JOIN account a ON a.id=x.account"
                                          " WHERE a.address='alice@example.test'")  # fmt: skip
        ((report,),) = rows.fetchall()
    assert b"y@two.example" in report
    assert b"Action: failed" in report


def test_beside_the_scheduler(waiting: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the scheduler settles between our look and our word stays settled; the rest is done, and the person is told."""

    def meanwhile(house: Any, choice: Any, state: Any = None) -> Any:
        entries = chosen(house, choice, state)
        done = Outcome(entries[0][1].id, State.SENT, 0, 1, "2.0.0", "250 fine")
        house.store.apply([Settle((done,))])
        return entries

    chosen = queue_change._chosen
    monkeypatch.setattr(queue_change, "_chosen", meanwhile)
    told = waiting("queue", "hold", "Q1").stderr
    assert told == "1 recipient(s) changed\n1 recipient(s) were settled meanwhile and stay so\n"
    removed = waiting("queue", "remove", "--all", "--json").stdout
    assert json.loads(removed) == {"changed": 1, "settled": 1}
    assert states(tmp_path) == {}


@pytest.mark.parametrize("command", ["hold", "release", "retry", "return", "remove"])
def test_everything_must_be_said(waiting: Run, tmp_path: Path, command: str) -> None:
    """Nothing is changed by a command that forgot to say what; --all beside a restriction is a mistake."""
    before = states(tmp_path)
    assert "--all" in waiting("queue", command, code=2).stderr
    assert "対象を指定" in waiting("--lang", "ja", "queue", command, "Q1", "--all", code=2).stderr
    assert states(tmp_path) == before


def test_flush_must_say_what(house: Run) -> None:
    """A destination, or --all."""
    house("queue", "flush", code=2)
    house("queue", "flush", "one.example", "--all", code=2)
    house("queue", "reroute", "one.example", code=2)


def test_help_in_both_languages(house: Run) -> None:
    """Every command explains itself."""
    assert "waits or is held" in house("queue", "list", "--help").stdout
    assert "保留" in house("--lang", "ja", "queue", "--help").stdout


def many(now: int) -> Iterator[Deliver]:
    """More messages than go into one transaction."""
    for number in range(230):
        recipient = OutgoingRecipient(f"r{number}@far.example", "far.example")
        outgoing = Outgoing(f"M{number}", "alice@example.test", 0, now, now, 0, (recipient,))
        yield Deliver((), b"", len(DATA), now, DATA, outgoing=outgoing)


def test_many(house: Run, tmp_path: Path, now: int) -> None:
    """A queue of any length is changed in transactions of a bearable size."""
    with Store(tmp_path) as store:
        store.apply(list(many(now)))
        first = next(one.id for _, one in gather(store.queue.listing()))
        store.apply([ChangeQueued((first,), held=True)])
    assert json.loads(house("queue", "retry", "--all", "--json").stdout) == {"changed": 229, "settled": 0}
    assert json.loads(house("queue", "remove", "--sender", "alice@example.test", "--json").stdout)["changed"] == 230
