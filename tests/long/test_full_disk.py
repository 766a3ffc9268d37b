"""Disks and stores in trouble while ten connections send: clients hear "later", nothing that was acknowledged is lost, and when the trouble
is over the service goes on by itself.

The store lies on a small disk of its own (tmpfs), which only root may mount.
"""

import resource
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mailsvc.store.reserve import is_short
from mailsvc.testing.audit import Findings, collect, judge
from mailsvc.testing.correspondents import Correspondents, Fate, Ledger
from mailsvc.testing.disk import Disk, mounted
from mailsvc.testing.harness import RunningServer, wait_for

from .test_crashes import damage

MB = 1_000_000
ACCOUNTS = {f"box{number}@example.test": "secret" for number in range(5)}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """Where the server of :func:`under_load` keeps its store."""
    with mounted(tmp_path / "server" / "store", 160 * MB) as small:
        if small is None:
            pytest.skip("nobody may mount here")
        yield small


class UnderLoad:
    """A server that ten connections send to."""

    def __init__(self, server: RunningServer) -> None:
        self.server = server
        self.ledger = Ledger()
        self.findings = Findings()
        self.senders = Correspondents((server.host, server.ports["smtp"]), list(ACCOUNTS), self.ledger)

    def wait_for_refusals(self, *kinds: str, count: int = 20) -> None:
        """Until so many of these have come, and no other but the goodbyes of a service that stops."""
        wait_for(lambda: sum(self.ledger.replies[kind] for kind in kinds) >= count, f"{count} times {kinds}")
        others = set(self.ledger.replies) - set(kinds)
        assert all(" 421 4.3.2" in reply for reply in others)

    def promised(self) -> list[tuple[str, str]]:
        """Which letters have been taken for which mailboxes, until now."""
        letters = tuple(self.ledger.letters.values())
        return [(one.id, recipient) for one in letters if one.fate is Fate.PROMISED for recipient in one.recipients]

    def wait_for_letters(self, count: int = 50) -> None:
        """Until so many more letters are taken."""
        before = self.ledger.count(Fate.PROMISED)
        wait_for(lambda: self.ledger.count(Fate.PROMISED) >= before + count, f"{count} letters")


@contextmanager
def under_load(folder: Path, store: str) -> Iterator[UnderLoad]:
    """A server with two workers under load; afterwards mail is taken, what was promised is there, and the store is sound."""
    with RunningServer(folder / "server", ACCOUNTS, workers=2, store=store) as server:
        load = UnderLoad(server)
        load.senders.start()
        try:
            load.wait_for_letters()
            yield load
            load.wait_for_letters()
        except TimeoutError as error:
            raise AssertionError(f"{error}; refusals: {load.ledger.replies}") from error
        finally:
            load.senders.stop()
        load.server.stop()  # what was still on its way has come
        load.server.start()
        collect(server, load.findings)
        assert judge(load.ledger, load.findings) == []
        assert load.ledger.complaints == []
        assert damage(server)[0] == []


def test_low_space(disk: Disk, tmp_path: Path) -> None:
    """At the low-space mark mail is put off at MAIL, before anything is sent; what is there can be read and deleted meanwhile."""
    with under_load(tmp_path, 'low_disk = "60 MB"') as load:
        disk.fill(leave=60 * MB)
        load.wait_for_refusals("MAIL 452 4.3.1", count=100)
        promised = load.promised()
        assert collect(load.server, load.findings) > 0  # what is deleted makes room, and others begin to arrive
        assert [place for place in promised if not load.findings.copies[place]] == []
        disk.empty()


def test_full(disk: Disk, tmp_path: Path) -> None:
    """On a disk without a free octet every message is put off, no process ends, and with room again mail is taken again."""
    with under_load(tmp_path, "low_disk = 0") as load:
        family = load.server.processes()
        disk.fill()
        load.wait_for_refusals("message 451 4.3.0")
        assert load.server.processes() == family
        killed = load.server.kill("worker")
        wait_for(lambda: killed not in load.server.processes().values(), "it is gone")
        wait_for(lambda: len(load.server.processes()) == len(family), "a new worker")
        load.wait_for_refusals("message 451 4.3.0", count=100)
        family = load.server.processes()
        disk.empty()
        load.wait_for_letters()
        assert load.server.processes() == family


def test_deleting_on_full(disk: Disk, tmp_path: Path) -> None:
    """While ten connections fight for each octet of a full disk, mail is fetched and deleted: they do not get the room kept for that."""
    with under_load(tmp_path, "low_disk = 0") as load:
        for _ in range(3):
            disk.fill()
            load.wait_for_refusals("message 451 4.3.0", "MAIL 452 4.3.1", "message 452 4.3.1")
            assert collect(load.server, load.findings) > 0  # with the first that is deleted others begin to arrive
            wait_for(lambda: not is_short(str(tmp_path / "server" / "store" / "reserve")), "the reserve is whole")
            load.wait_for_letters(count=1)
        disk.empty()


def limit_files(pids: Iterable[int], octets: int) -> None:
    """From now on these processes cannot write beyond so many octets in any file: every write to the store fails."""
    for pid in pids:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (octets, resource.RLIM_INFINITY))


def test_writes_fail(tmp_path: Path) -> None:
    """While every write to the store fails, mail is put off; when writes succeed again it is taken again, by the same processes."""
    with under_load(tmp_path, "") as load:
        family = load.server.processes()
        limit_files(family.values(), 0)
        load.wait_for_refusals("message 451 4.3.0")
        limit_files(family.values(), resource.RLIM_INFINITY)
        load.wait_for_letters()
        assert load.server.processes() == family


def test_read_only(disk: Disk, tmp_path: Path) -> None:
    """On a disk that has become read-only clients are told "later"; when it can be written again, the service goes on."""
    with under_load(tmp_path, "low_disk = 0") as load:
        family = load.server.processes()
        load.server.kill("main", signal.SIGSTOP)  # so that nobody has a file open while the disk changes
        for name in family.keys() - {"main"}:
            load.server.kill(family[name])
        wait_for(lambda: disk.remount("ro"), "the disk is read-only")
        load.server.kill("main", signal.SIGCONT)
        load.wait_for_refusals("MAIL 451 4.3.0", "RCPT 451 4.3.0", "message 451 4.3.0")
        assert disk.remount("rw")


def test_started_read_only(disk: Disk, tmp_path: Path) -> None:
    """A service that is started on a read-only disk opens all the same: clients are told "later" until the disk can be written."""
    with under_load(tmp_path, "low_disk = 0") as load:
        load.server.stop()
        assert disk.remount("ro")
        load.server.start_only()
        load.wait_for_refusals("MAIL 451 4.3.0", "RCPT 451 4.3.0", "message 451 4.3.0")
        assert disk.remount("rw")


def test_owner_stands_still(tmp_path: Path) -> None:
    """While the store's owner does not answer, clients are told "later" in time; when it goes on, so does the service."""
    with under_load(tmp_path, 'timeout = "1 s"') as load:
        load.server.kill("owner", signal.SIGSTOP)
        load.wait_for_refusals("message 451 4.3.0")
        load.server.kill("owner", signal.SIGCONT)
