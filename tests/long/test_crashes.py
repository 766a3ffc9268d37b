"""Kill -9 in a loop, under load: what was acknowledged is there, once for each recipient, and nothing else is.

Ten connections send without pause, from 1 kB to 300 kB, so that texts go into the database and into files. On a disk whose syncs take
10 ms (so that transactions stay open long enough to be hit) random processes are killed: the owner of the store, a worker, the main
process, all at once. Every few kills the mailboxes are emptied by POP3 and compared with the senders' ledger, digest by digest.

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
from mailsvc.testing.audit import Findings, collect, judge
from mailsvc.testing.correspondents import Correspondents, Fate, Ledger
from mailsvc.testing.crashes import Crasher, Kill, summary
from mailsvc.testing.harness import RunningServer

LONG = os.environ.get("MAILSVC_LONG") == "1"
KILLS = 200 if LONG else 12
ROUND = 20 if LONG else 6
SYNC_MS = 10
RESULTS = Path(__file__).parents[2] / "benchmarks" / "results" / "crashes.md"


def damage(server: RunningServer) -> tuple[list[str], int]:
    """What ``store verify`` finds, and how many files of letters that never came to be wait for their removal."""
    layout = Layout(str(server.directory / "store"))
    db = open_reader(layout.database)
    try:
        return [found.text() for found in verify(layout, db)], len(find(layout, db, age=0))
    finally:
        db.close()


def report(kills: Sequence[Kill], ledger: Ledger, orphans: int, seed: int, seconds: float) -> str:
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
    with RunningServer(tmp_path / "server", accounts, workers=2, environment=slow) as server:
        senders = Correspondents((server.host, server.ports["smtp"]), list(accounts), ledger, seed=seed)
        crasher = Crasher(server, ledger, random.Random(seed))
        while len(kills) < KILLS:
            senders.start()
            kills += [crasher.kill() for _ in range(ROUND)]
            senders.stop()
            collect(server, findings)
            assert judge(ledger, findings, complete=False) == [], f"seed {seed}"
        server.stop()  # what was still on its way has come
        server.start()
        collect(server, findings)
        assert judge(ledger, findings) == [], f"seed {seed}"
        assert ledger.complaints == []
        damages, orphans = damage(server)
        assert damages == []
    text = report(kills, ledger, orphans, seed, time.monotonic() - begun)
    with capsys.disabled():
        print("\n" + text)
    assert 2 * sum(kill.inside for kill in kills) >= len(kills)
    if LONG:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(text, encoding="utf-8")
