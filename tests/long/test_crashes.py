"""Kill -9 in a loop, under load: what was acknowledged is there, once for each recipient, and nothing else is.

Ten connections send without pause, from 1 kB to 300 kB, so that texts go into the database and into files. On a disk whose syncs take
10 ms (so that transactions stay open long enough to be hit) random processes are killed: the owner of the store, a worker, the main
process, all at once. Every few kills the mailboxes are emptied by POP3 and compared with the senders' ledger, digest by digest.

Every fourth letter goes to somebody elsewhere, too: to a next hop that takes it or refuses the address, to one that nobody answers for, or
along a route that holds everything. Each such recipient is afterwards at the next hop, in the queue, or in one report to the writer. The
next hop may have a second copy, where the sender was killed before it could write down that the first was taken: SMTP cannot tell.

The short form makes 12 kills. The long one, 200, is for a quiet hour and leaves its figures in ``benchmarks/results/crashes.md``::

    MAILSVC_LONG=1 python -m pytest tests/long/test_crashes.py

``kill -9`` cannot show that syncs are made, for the page cache survives it: see ``test_sync_order.py``.
"""

import os
import random
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchmarks import slowsync
from mailsvc.db.connection import open_reader
from mailsvc.store.layout import Layout
from mailsvc.store.orphans import find
from mailsvc.store.verify import verify
from mailsvc.testing.audit import Findings, collect, doubles, judge, look_into_queue, unexplained
from mailsvc.testing.correspondents import Abroad, Correspondents, Fate, Ledger
from mailsvc.testing.crashes import Crasher, Kill, summary
from mailsvc.testing.harness import RunningServer, wait_for
from mailsvc.testing.next_hop import NextHop

LONG = os.environ.get("MAILSVC_LONG") == "1"
KILLS = 200 if LONG else 12
ROUND = 20 if LONG else 6
SYNC_MS = 10
RESULTS = Path(__file__).parents[2] / "benchmarks" / "results" / "crashes.md"


ABROAD = ("ann@taken.test",) * 4 + ("ben@taken.test",) * 4 + ("nobody@taken.test", "cid@held.test", "dot@deaf.test")
"""Addresses elsewhere: most are taken, one is refused, one is held, one has a server that does not answer."""

QUEUE = """
[queue]
retry_first = "1 s"
retry_longest = "5 s"

[[route]]
domains = ["taken.test"]
hosts = ["127.0.0.1:{port}"]

[[route]]
domains = ["held.test"]
hold = true

[[route]]
domains = ["deaf.test"]
hosts = ["127.0.0.1:1"]
"""


def look(server: RunningServer, hop: NextHop, findings: Findings) -> None:
    """Look everywhere: first into the queue, for what leaves it goes to the others."""
    look_into_queue(server, findings)
    hop.collect(findings)
    collect(server, findings)


def is_drained(server: RunningServer) -> bool:
    """Whether nothing waits any more but what nobody answers for."""
    now = Findings()
    look_into_queue(server, now)
    return {address for _, address in now.waiting} <= {"cid@held.test", "dot@deaf.test"}


def damage(server: RunningServer) -> tuple[list[str], int]:
    """What ``store verify`` finds, and how many files of letters that never came to be wait for their removal."""
    layout = Layout(str(server.directory / "store"))
    db = open_reader(layout.database)
    try:
        return [found.text() for found in verify(layout, db)], len(find(layout, db, age=0))
    finally:
        db.close()


def report(kills: Sequence[Kill], ledger: Ledger, findings: Findings, orphans: int, seed: int, seconds: float) -> str:
    """The figures of a run, as Markdown."""
    letters = {fate.name.lower(): ledger.count(fate) for fate in Fate}
    lines = [
        "# Kill -9 under load",
        "",
        f"{datetime.now(UTC):%Y-%m-%d}, {len(kills)} kills in {seconds:.0f} s, two workers, ten connections, seed {seed}, "
        f"syncs {SYNC_MS} ms longer than the disk's own.",
        "",
        *summary(kills),
        "",
        '"Inside an open transaction": with the processes stopped, the owner held the write lock of the database, and the kill then cost a '
        "letter its answer.",
        "",
        f"- letters: {sum(letters.values())}; promised by 250: {letters['promised']}; sent to the end without 250: {letters['doubtful']}; "
        f"cut off before their end: {letters['unsent']}",
        "- promised letters lost: 0; doubled: 0; changed: 0; invented, or taken for some of their recipients only: 0",
        f"- recipients elsewhere: {len(findings.moments)} taken by the next hop, {findings.reported.total()} reported, "
        f"{findings.waiting.total()} waiting or held; lost: 0; second copies, of letters whose sender was killed before it knew: "
        f"{doubles(findings)}",
        f"- `store verify`: no damage; files of letters that never came to be, waiting for their hour: {orphans}",
        f"- refusals that clients saw: {dict(sorted(ledger.replies.items()))}",
    ]
    return "\n".join(lines) + "\n"


@pytest.mark.need("cc")
def test_nothing_is_lost(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever is killed whenever: acknowledged mail is there exactly once for each recipient, none is invented, and the store is sound."""
    seed, begun = int(os.environ.get("MAILSVC_SEED", time.time())), time.monotonic()
    ledger, findings, kills = Ledger(), Findings(), list[Kill]()
    accounts = {f"box{number}@example.test": "secret" for number in range(5)}
    slow = slowsync.environment(tmp_path, sleep_ms=SYNC_MS)
    abroad = Abroad(*next(iter(accounts.items())), ABROAD)
    with (
        NextHop() as hop,
        RunningServer(
            tmp_path / "server", accounts, workers=2, environment=slow, config=QUEUE.format(port=hop.port)
        ) as server,
    ):
        senders = Correspondents((server.host, server.ports["smtp"]), list(accounts), ledger, seed=seed, abroad=abroad)
        crasher = Crasher(server, ledger, random.Random(seed))
        while len(kills) < KILLS:
            senders.start()
            kills += [crasher.kill() for _ in range(ROUND)]
            senders.stop()
            look(server, hop, findings)
            assert judge(ledger, findings, complete=False) == [], f"seed {seed}"
        server.stop()  # what was still on its way has come
        server.start()
        wait_for(lambda: is_drained(server), "the queue is sent")
        look(server, hop, findings)
        assert judge(ledger, findings) == [], f"seed {seed}"
        # Who sends outlives the owner of the store, and holds what it knows until there is another.
        senders_killed = [kill.at for kill in kills if kill.victim != "owner"]
        assert unexplained(findings, senders_killed) == [], f"seed {seed}"
        assert all((findings.moments, findings.reported, findings.waiting)), "each way was gone"
        assert ledger.complaints == []
        damages, orphans = damage(server)
        assert damages == []
    text = report(kills, ledger, findings, orphans, seed, time.monotonic() - begun)
    with capsys.disabled():
        print("\n" + text)
    assert 2 * sum(kill.inside for kill in kills) >= len(kills)
    if LONG:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(text, encoding="utf-8")
