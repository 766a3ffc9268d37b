"""The order of writes, seen by strace on the running processes: nothing is promised before it is on the disk.

``kill -9`` cannot show this, for the page cache survives it. So an auditor (:mod:`mailsvc.testing.syncs`) reads the system calls of all
processes of a server: before each ``250`` the database's log is synced, and before that the file of a large message and its directory.
Each of the syncs is then taken away by a preloaded library, and the auditor must name exactly what is missing. It cannot tell whose
writes it sees, so nothing else may write meanwhile: the ledger is off, and what a server writes soon after its start is waited for.
"""

import poplib
import smtplib
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from benchmarks import slowsync
from mailsvc.ledger.ledger import INTERVAL
from mailsvc.testing import strace
from mailsvc.testing.harness import RunningServer, wait_for
from mailsvc.testing.syncs import Violation, audit

pytestmark = [pytest.mark.need("strace"), pytest.mark.need("cc")]

ALICE = "alice@example.test"
SMALL, INLINE, LARGE = 1_000, 120_000, 300_000

BODY_FILE, BODY_DIRECTORY = "*/bodies/tmp/*[!/]", "*/bodies/??/"
LOG, DATABASE, STORE = "*-wal", "*/mail.db", "*/store/"

NO_LEDGER = "[ledger]\non = false\n"
QUIET = 2 * INTERVAL
"""Seconds without a write after which none comes by itself: each worker tells the owner once how long the ledger is kept."""


def send(server: RunningServer, octets: int) -> None:
    """Hand in a message of this size."""
    text = "Subject: traced\r\n\r\n" + ("x" * 70 + "\r\n") * (octets // 72)
    with smtplib.SMTP(server.host, server.ports["smtp"], timeout=60) as client:
        client.sendmail("writer@elsewhere.test", [ALICE], text)


def delete_all(server: RunningServer) -> None:
    """Delete what is there by POP3, and wait until the files are gone."""
    session = poplib.POP3(server.host, server.ports["pop3"], timeout=60)
    session.user(ALICE)
    session.pass_(server.accounts[ALICE])
    for number in range(1, session.stat()[0] + 1):
        session.dele(number)
    session.quit()
    wait_for(lambda: not any((server.directory / "store" / "bodies").glob("??/*")), "the files are removed")


def fill_the_log(server: RunningServer) -> None:
    """Send until the log has been checkpointed into the database and begun anew."""
    log = server.directory / "store" / "mail.db-wal"

    def header() -> bytes:
        with log.open("rb") as file:
            return file.read(32)

    def began_anew() -> bool:
        send(server, INLINE if log.stat().st_size < 5_000_000 else SMALL)
        return header() != before

    before = header()
    wait_for(began_anew, "the log begins anew", 60)


Deed = Callable[[RunningServer], None]


def violations(folder: Path, deeds: Sequence[Deed], drop: Sequence[str] = ()) -> list[Violation]:
    """What the auditor finds while a server with these syncs dropped does what is asked of it."""
    environment = slowsync.environment(folder, drop=tuple(drop)) if drop else {}
    trace = folder / "trace"
    with RunningServer(folder / "server", workers=2, environment=environment, config=NO_LEDGER) as server:
        send(server, SMALL)  # every worker has read, every file is there
        store = server.directory / "store"
        wait_for(lambda: time.time() - (store / "mail.db-wal").stat().st_mtime > QUIET, "nothing is written")
        with strace.attached(server.processes().values(), trace):
            for deed in deeds:
                deed(server)
    events = strace.parse(trace.read_text().splitlines())
    return audit(events, str(store), existing=[str(path) for path in store.glob("mail.db*")])


def small(server: RunningServer) -> None:
    """A message that goes into the database."""
    send(server, SMALL)


def large(server: RunningServer) -> None:
    """A message that goes into a file."""
    send(server, LARGE)


def creation(folder: Path, drop: Sequence[str] = ()) -> list[Violation]:
    """What the auditor finds while the owner makes a new store."""
    trace, store = folder / "trace", folder / "new" / "store"
    environment = slowsync.environment(folder, drop=tuple(drop)) if drop else None
    owner = [sys.executable, "-m", "mailsvc.store.owner", str(store)]
    # The library is for the owner alone: strace -E sets it there.
    settings = [word for name, value in (environment or {}).items() for word in ("-E", f"{name}={value}")]
    arguments = [*strace.command(trace), *settings, *owner]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.stdin.close()
        process.wait(60)
    return audit(strace.parse(trace.read_text().splitlines()), str(store))


@pytest.mark.parametrize(
    "deeds",
    [(small,), (large,), (small, large, delete_all), (fill_the_log,)],
    ids=["small", "large", "deletion", "checkpoint"],
)
def test_order_is_kept(deeds: Sequence[Deed], tmp_path: Path) -> None:
    """Messages small and large, deletions and checkpoints: whatever is promised is on the disk before the answer."""
    assert violations(tmp_path, deeds) == []


def test_creation_is_durable(tmp_path: Path) -> None:
    """When a new store is ready, its directories and its database have names that survive a power cut."""
    assert creation(tmp_path) == []


def test_dropped_body_file_sync_is_seen(tmp_path: Path) -> None:
    """Without the sync of a large message's file the audit fails."""
    assert violations(tmp_path, [large], [BODY_FILE]) == [Violation.BODY_FILE_NOT_SYNCED]


def test_dropped_body_directory_sync_is_seen(tmp_path: Path) -> None:
    """Without the sync of the directory of a large message the audit fails."""
    found = violations(tmp_path, [large], [BODY_DIRECTORY])
    assert found == [Violation.BODY_DIRECTORY_NOT_SYNCED]


@pytest.mark.parametrize("deed", [small, large])
def test_dropped_database_sync_is_seen(deed: Deed, tmp_path: Path) -> None:
    """Without the sync of the database's log the audit fails, for messages small and large."""
    assert violations(tmp_path, [deed], [LOG]) == [Violation.DATABASE_NOT_SYNCED]


def test_dropped_sync_of_a_deletion_is_seen(tmp_path: Path) -> None:
    """Without the sync of the log a deletion is promised, and its file removed, too early."""
    found = violations(tmp_path, [large, delete_all], [LOG])
    assert found == [Violation.DATABASE_NOT_SYNCED, Violation.REMOVED_TOO_EARLY]


def test_dropped_checkpoint_sync_is_seen(tmp_path: Path) -> None:
    """Without the sync of the database at a checkpoint the audit fails."""
    assert violations(tmp_path, [fill_the_log], [DATABASE]) == [Violation.CHECKPOINT_NOT_SYNCED]


def test_dropped_sync_at_creation_is_seen(tmp_path: Path) -> None:
    """Without the syncs of the store's directory a new database has no durable name, and the audit fails."""
    assert creation(tmp_path, [STORE]) == [Violation.NAMES_NOT_SYNCED]
