"""Kills without warning, and what each of them hit.

A victim is stopped (SIGSTOP) before it is killed, so that what is recorded about the moment of the kill is true: whether the store's owner
was inside a write transaction (SQLite's own lock says so), and which letters were between their last octet and the answer. Which of those
were really interrupted is known afterwards: those that never got their 250.
"""

import fcntl
import os
import random
import signal
import struct
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import attrs

from mailsvc.testing.correspondents import Fate, Ledger
from mailsvc.testing.harness import RunningServer, alive, wait_for

__all__ = ["VICTIMS", "Crasher", "Kill", "summary", "writer"]

VICTIMS = {"owner": 8, "worker": 6, "main": 2, "all at once": 4}
"""Whom it hits, and how often in twenty. Main alone commits nothing when there are workers; all at once is how a container is killed."""

_FAMILY = {"main", "owner", "worker", "worker 1"}
# The octet of mail.db-shm that a writing transaction locks (https://sqlite.org/walformat.html#write_lock).
_WAL_WRITE_LOCK = 120
_FLOCK = "hhqqi"  # struct flock of Linux: type, whence, start, length, pid


def writer(database: Path) -> int:
    """The process that is inside a write transaction of this database now, 0 if there is none. Blocks nobody."""
    question = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, _WAL_WRITE_LOCK, 1, 0)
    try:
        with open(f"{database}-shm", "rb") as file:
            kind, _, _, _, pid = struct.unpack(_FLOCK, fcntl.fcntl(file, fcntl.F_GETLK, question))
    except OSError:
        return 0
    return 0 if kind == fcntl.F_UNLCK else int(pid)


@attrs.frozen
class Kill:
    """One kill.

    :ivar in_commit: whether the owner was between BEGIN and the end of COMMIT. :ivar waiting: letters whose end had been sent, without an
        answer yet. :ivar interrupted: those of them that never got one. :ivar at: when, as ``time.monotonic`` says.
    """

    victim: str
    in_commit: bool
    waiting: int
    interrupted: int
    at: float = 0.0

    @property
    def inside(self) -> bool:
        """Whether it hit inside an open transaction: one that was being written, with a letter that lost its answer by it."""
        return self.in_commit and self.interrupted > 0


class Crasher:
    """Kills processes of a server under load.

    :param ledger: of those who send. :param choice: what is random.
    """

    def __init__(self, server: RunningServer, ledger: Ledger, choice: random.Random) -> None:
        self._server = server
        self._ledger = ledger
        self._random = choice
        self._database = server.directory / "store" / "mail.db"

    def kill(self) -> Kill:
        """Kill somebody at a random moment, wait until all are back and letters are taken again, and tell what was hit.

        Raises TimeoutError if the service does not come back: by itself, or started again after its main process was killed.
        """
        victim = self._random.choices(list(VICTIMS), list(VICTIMS.values()))[0]
        family = self._server.processes()
        victims = _pids(victim, family, self._random)
        in_commit = self._stop_in_commit({family["owner"], *victims})
        waiting, at = self._ledger.ids(Fate.WAITING), time.monotonic()
        for pid in victims:
            self._server.kill(pid)
        _signal(signal.SIGCONT, family.values())  # those that were stopped and live
        self._come_back(family, victims)
        interrupted = waiting & self._ledger.ids(Fate.DOUBTFUL)
        return Kill(victim, in_commit, len(waiting), len(interrupted), at)

    def _stop_in_commit(self, pids: Collection[int]) -> bool:
        """Stop processes, if it can be had within a second while a transaction is being written; returns whether one is."""
        time.sleep(self._random.uniform(0, 0.3))
        deadline = time.monotonic() + 1
        while True:
            _signal(signal.SIGSTOP, pids)
            wait_for(lambda: all(map(_is_stopped, pids)), "processes stop")
            if writer(self._database) in pids:
                return True
            if time.monotonic() > deadline:
                return False
            _signal(signal.SIGCONT, pids)
            time.sleep(self._random.uniform(0, 0.01))

    def _come_back(self, family: Mapping[str, int], victims: Collection[int]) -> None:
        if family["main"] in victims:
            wait_for(lambda: not any(map(alive, family.values())), "the others end")
            self._server.start()
        wait_for(self._is_whole, "all processes are back")
        promised = self._ledger.count(Fate.PROMISED)
        wait_for(lambda: self._ledger.count(Fate.PROMISED) > promised, "letters are taken again")

    def _is_whole(self) -> bool:
        return self._server.processes().keys() == _FAMILY


def _pids(victim: str, family: Mapping[str, int], choice: random.Random) -> list[int]:
    if victim == "all at once":
        return list(family.values())
    return [family[choice.choice([name for name in sorted(family) if name.startswith(victim)])]]


def _signal(number: signal.Signals, pids: Iterable[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _is_stopped(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "TZX"
    except OSError:
        return True


def summary(kills: Sequence[Kill]) -> list[str]:
    """A table of what was hit, line by line."""
    lines = [
        "| killed | times | inside an open transaction | letters waiting for their answer | of these interrupted |",
        "|---|---:|---:|---:|---:|",
    ]
    for name in (*VICTIMS, "all"):
        of_these = [kill for kill in kills if name in ("all", kill.victim)]
        figures = (
            len(of_these),
            sum(k.inside for k in of_these),
            sum(k.waiting for k in of_these),
            sum(k.interrupted for k in of_these),
        )
        lines.append(f"| {name} | " + " | ".join(map(str, figures)) + " |")
    return lines
