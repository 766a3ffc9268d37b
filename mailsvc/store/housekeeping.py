"""What the owner does beside its commits, in a thread with a connection of its own: checkpoints, removal of files, the hourly look for
files without a message and for mailboxes that remember too much.

Checkpoints were measured: SQLite's automatic one stops the writer for 22 ms at the 99th percentile on a slow disk, a PASSIVE one from a
second connection for 8 ms. Each needs two syncs, which a single spindle does not have for messages meanwhile, so there is none before
8 MB have gathered; what it could not do then is done when nobody writes. Under constant load the log grows all the same; above 64 MB a
RESTART makes it begin anew.
"""

import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress

import apsw

from mailsvc.db.connection import open_writer
from mailsvc.store import orphans
from mailsvc.store.chores import RECORDS, Chores
from mailsvc.store.committer import Committer
from mailsvc.store.layout import Layout
from mailsvc.store.sql_chores import OVERGROWN

__all__ = ["PASSIVE", "Housekeeper"]

_EVERY = 0.2
_MEGABYTE = 256  # pages
PASSIVE = 8 * _MEGABYTE
"""Pages that the log gathers before they are put into the database; of 4096 octets. Half of what the reserve has for a full disk."""

_RESTART = 64 * _MEGABYTE
_SWEEP_EVERY = 3600


class Housekeeper(threading.Thread):
    """Keeps the log short and the directories clean.

    :ivar held: while it is above zero no file is removed (a backup is linking them).
    :ivar chores: what the owner's main thread does; it is told what was found.
    """

    def __init__(self, layout: Layout, committer: Committer, log: Callable[[str], None]) -> None:
        super().__init__(name="housekeeper", daemon=True)
        self.held = 0
        self.chores = Chores(layout, committer, self.checkpoint)
        self._layout = layout
        self._committer = committer
        self._log = log
        self._pending: list[str] = []
        self._lock = threading.Lock()  # guards held and pending: a backup that holds must not meet a removal half way
        self._wake = threading.Event()
        self._finished = threading.Event()
        self._pages = 0  # that went into the log, at the last look
        self._tried = 0  # the same, when a checkpoint was tried last
        self._left = False  # whether some of them stayed in the log: somebody read, or wrote meanwhile
        self._asked = False
        self._swept = float("-inf")

    def unlink(self, locations: Iterable[str]) -> None:
        """Remove these files soon."""
        with self._lock:
            self._pending.extend(locations)
        self._wake.set()

    def hold(self, by: int) -> None:
        """Stop (+1) or allow again (-1) the removal of files; returns when none is under way."""
        with self._lock:
            self.held += by
        self._wake.set()

    def checkpoint(self) -> None:
        """Make one soon, however short the log is."""
        self._asked = True

    def stop(self) -> None:
        """End the thread, after what it is doing now."""
        self._finished.set()
        self._wake.set()
        self.join(10)

    def run(self) -> None:
        """The thread's body: nothing that fails here may end it."""
        while not self._finished.is_set():
            try:
                self._work()
            except Exception as error:
                self._log(f"housekeeping failed, goes on in a second: {error!r}")
                self._finished.wait(1)

    def _work(self) -> None:
        db = open_writer(self._layout.database)
        db.set_busy_timeout(1000)
        try:
            while not self._finished.is_set():
                self._wake.wait(_EVERY)
                self._wake.clear()
                self._remove()
                self._checkpoint(db)
                self._take_reserve(db)
                self._sweep(db)
        finally:
            db.close()

    def _remove(self) -> None:
        with self._lock:
            if not self.held and self._pending:
                pending, self._pending = self._pending, []
                self._committer.unlink_now(pending)

    def _checkpoint(self, db: apsw.Connection) -> None:
        pages = self._committer.pages
        quiet, self._pages = pages == self._pages, pages
        if self._asked or pages - self._tried > PASSIVE or (self._left and quiet):
            self._tried = pages
            long = self._committer.log_pages > _RESTART
            self._left = not self._try(db, apsw.SQLITE_CHECKPOINT_RESTART if long else apsw.SQLITE_CHECKPOINT_PASSIVE)
            self._asked = self._asked and self._left

    def _take_reserve(self, db: apsw.Connection) -> None:
        """After the full disk has had it (:mod:`mailsvc.store.reserve`): the room of the log is the first that comes back."""
        if self._committer.reserve.short:
            self._try(db, apsw.SQLITE_CHECKPOINT_TRUNCATE)
            self._committer.reserve.take()

    def _try(self, db: apsw.Connection, mode: int) -> bool:
        """Whether all of the log is in the database now."""
        # A reader is in the way, or the disk is full: later.
        with suppress(apsw.BusyError, apsw.FullError):
            frames, done = db.wal_checkpoint(mode=mode)
            return frames == done
        return False

    def _sweep(self, db: apsw.Connection) -> None:
        if time.monotonic() - self._swept < _SWEEP_EVERY:
            return
        with self._lock:
            if self.held:
                return
            self._swept = time.monotonic()
            removed = orphans.sweep(self._layout, db)
        self.chores.overgrown.extend(row[0] for row in db.execute(OVERGROWN, (RECORDS,)))
        if removed:
            self._log(f"removed {len(removed)} files of messages that never came to be")
