"""Room on the disk that is kept for deleting: a file that is given up when a commit finds the disk full, and taken back afterwards.

Deleting takes room before it makes any: the write-ahead log grows, with its next checkpoint perhaps the database, and a store that is
opened needs 32 kB for the index of the log. On a disk without one free octet nobody could make room.

1. a commit meets the full disk: the file is cut to nothing
2. what takes something away or changes flags (:func:`mailsvc.store.transaction.frees`) is committed in its room; all else is put off, and
   workers take neither new messages nor more octets of those that are arriving (:func:`is_short`)
3. the housekeeper brings the log into the database, which gives back the log's room, and takes as much of the reserve as there is,
   five times a second until it is whole; then the store takes mail again

The length of the file is how much is taken, so every process sees it by a ``stat``, and after a crash the next owner begins with step 3.
Nothing is kept in the file: it may be removed at any time, and backups do not have it.
"""

import errno
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import apsw

__all__ = ["SIZE", "Reserve", "is_full", "is_short"]

SIZE = 16 * 1024 * 1024
"""Octets. A group of 500 deletions makes a log of 2 MB, EXPUNGE of 20,000 messages of 3 kB as well, of 50,000 tiny ones 18 MB (then people
delete in parts). The checkpoint of what was delivered before the disk was full: 8 MB, and what a fast disk writes in 0.2 s."""

_STEP = 1024 * 1024
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def is_short(path: str) -> bool:
    """Whether some of the reserve in the file ``path`` is given up. A store that has none keeps nothing back."""
    try:
        return os.stat(path).st_size < SIZE
    except OSError:
        return False


def is_full(error: BaseException) -> bool:
    """Whether it says that the disk is full."""
    if isinstance(error, apsw.IOError):  # the index of the log cannot grow: the database is being opened
        return getattr(error, "extendedresult", 0) == apsw.SQLITE_IOERR_SHMSIZE
    if isinstance(error, apsw.FullError):
        return True
    return isinstance(error, OSError) and error.errno in _FULL


class Reserve:
    """The reserve of one store, in the process that writes.

    :ivar short: whether some of it is given up. False in a process that has neither taken it nor given it up.
    """

    def __init__(self, path: str, log: Callable[[str], None]) -> None:
        self.short = False
        self._path = path
        self._log = log
        self._lock = threading.Lock()  # so that it is not taken back while somebody writes in its room

    @contextmanager
    def given_up(self) -> Iterator[None]:
        """Inside, the disk has the room of the reserve, if the store has one."""
        with self._lock:
            if os.path.exists(self._path):
                os.truncate(self._path, 0)
                self.short = True
                self._log("the disk is full: only what makes room is committed now")
            yield

    def take(self) -> None:
        """Take as much as there is room for. Never raises: where no file can be made for another reason, there is no reserve."""
        with self._lock:
            was_short = self.short
            try:
                self.short = not self._take()
            except OSError as error:
                self._log(f"no room can be kept for deleting, {self._path}: {error}")
                self._forget()
                return
        if was_short and not self.short:
            self._log("what is kept for deleting is whole again: mail is taken if there is room")

    def _take(self) -> bool:
        taken = 0
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                while taken < SIZE:
                    os.posix_fallocate(descriptor, taken, _STEP)
                    taken += _STEP
            finally:
                os.ftruncate(descriptor, taken)  # without the part of a step that ext4 leaves
                os.close(descriptor)
        except OSError as error:
            if error.errno not in _FULL:
                raise
        return taken == SIZE

    def _forget(self) -> None:
        self.short = False
        try:
            os.unlink(self._path)
        except OSError as error:
            self._log(f"{self._path} cannot be removed: {error}")
