"""Many clients at one account, in two worker processes, for long: pictures, mailboxes and promises agree, also when a worker is killed.

What is done and what is checked: :mod:`mailsvc.testing.imap_crowd`. The long form makes 50,000 steps and leaves its figures in
``benchmarks/results/imap-crowd.md``; ``MAILSVC_SEED`` gives the same commands again (not the same moments)::

    MAILSVC_LONG=1 python -m pytest tests/long/test_imap_crowd.py
"""

import os
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mailsvc.testing.harness import RunningServer
from mailsvc.testing.imap_crowd import Crowd

LONG = os.environ.get("MAILSVC_LONG") == "1"
STEPS = 50_000 if LONG else 5_000
KILL_EVERY = 2_000 if LONG else 1_000
RESULTS = Path(__file__).parents[2] / "benchmarks" / "results" / "imap-crowd.md"


def report(crowd: Crowd, seed: int, seconds: float) -> str:
    """The figures of a run, as Markdown."""
    done = dict(crowd.done.most_common())
    checkpoints, lost = done.pop("checkpoints"), done.pop("connections lost", 0)
    lines = [
        "# A crowd of IMAP clients",
        "",
        f"{datetime.now(UTC):%Y-%m-%d}, {sum(done.values())} steps in {seconds:.0f} s, two workers, six clients with deliveries by SMTP "
        f"and LMTP and deletions by POP3 in between, a worker killed every {KILL_EVERY} steps, seed {seed}.",
        "",
        f"- {checkpoints} checkpoints: every picture, kept from untagged data alone, was what a fresh session saw; until the last of the "
        f"six was up to date and had proved it by two searches: at most {1000 * crowd.slowest:.0f} ms",
        "- acknowledged messages lost: 0; doubled: 0; UIDs used twice: 0; modseqs that fell: 0; EXPUNGE where none may be: 0; texts shown "
        "under another message's number: 0",
        f"- connections that had to be opened again, because their worker was killed or their mailbox deleted: {lost}",
        f"- {', '.join(f'{name.replace(chr(95), chr(32))} {count}' for name, count in done.items())}",
    ]
    return "\n".join(lines) + "\n"


def test_a_crowd_for_long(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever six clients do at once in two processes, each of them knows the truth, and nothing that was promised is lost."""
    seed, begun = int(os.environ.get("MAILSVC_SEED", time.time() if LONG else 1)), time.monotonic()
    with RunningServer(tmp_path / "server", workers=2) as server:
        crowd = Crowd(server, seed)
        crowd.run(STEPS, kill_every=KILL_EVERY)
        assert "Traceback" not in server.log
    text = report(crowd, seed, time.monotonic() - begun)
    with capsys.disabled():
        print("\n" + text)
    if LONG:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(text, encoding="utf-8")
