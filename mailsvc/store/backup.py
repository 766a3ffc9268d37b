"""Backup while the server runs, and restore.

The database is copied whole by SQLite's backup API: one step, one moment, and the writer goes on (in steps it would start over at each
write). Then come the files of large messages that this copy names, as hard links where the disk allows it: they never change. Files are
not removed meanwhile: the owner is asked to hold, and lets go when our connection ends. So each row of a backup has its file.

A restored store gives no UID again that was given after the backup: every mailbox skips a million of them. Clients keep what they have.
What waited in the queue is held (:mod:`mailsvc.store.requeue`).
"""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import apsw
import attrs

from mailsvc.db.connection import open_reader, open_writer
from mailsvc.db.schema import check, migrate
from mailsvc.store import requeue
from mailsvc.store.committer import take_lease
from mailsvc.store.connect import OwnerLink
from mailsvc.store.layout import Layout, sync_directory

__all__ = ["Restored", "backup", "restore"]

SKIPPED_UIDS = 1_000_000


def backup(layout: Layout, target: str) -> int:
    """Copy the store into the new directory ``target``. Returns the number of messages in it.

    Raises FileExistsError if there is something already, MailError(NOT_NOW) if the owner does not answer, OSError, apsw.Error.
    """
    copy = Layout(target)
    _must_be_empty(copy)
    copy.make()
    with _held(layout):
        _copy_database(layout.database, copy.database)
        db = open_reader(copy.database)
        try:
            for (location,) in db.execute("SELECT DISTINCT location FROM content WHERE location IS NOT NULL"):
                _link(layout.body(str(location)), copy.body(str(location)))
            (messages,) = db.execute("SELECT count(*) FROM msg").fetchone() or (0,)
        finally:
            db.close()
    _sync(copy)
    return int(str(messages))


@attrs.frozen
class Restored:
    """How much is in a restored store. :ivar held: recipients in the queue."""

    messages: int
    held: int


def restore(source: str, layout: Layout) -> Restored:
    """Make a store in ``layout`` from a backup, which stays as it is.

    Raises FileExistsError if there is a store already, FileNotFoundError without a backup, DatabaseRefused, OSError, apsw.Error.
    """
    backed_up = Layout(source)
    if not os.path.exists(backed_up.database):
        raise FileNotFoundError(errno.ENOENT, "there is no backup", source)
    _must_be_empty(layout)
    lease = take_lease(layout)
    try:
        layout.make()
        _copy_database(backed_up.database, layout.database)
        db = open_writer(layout.database)
        try:
            check(db)
            for (location,) in db.execute(
                "SELECT DISTINCT location FROM content WHERE location IS NOT NULL"
            ).fetchall():
                shutil.copy2(backed_up.body(str(location)), layout.body(str(location)))
            migrate(db)
            db.execute("UPDATE mailbox SET uidnext=uidnext+?1, modseq=modseq+?1", (SKIPPED_UIDS,))
            held = requeue.hold_all(db)
            (messages,) = db.execute("SELECT count(*) FROM msg").fetchone() or (0,)
        finally:
            db.close()
        _sync(layout)
    finally:
        os.close(lease)
    return Restored(int(str(messages)), held)


def _must_be_empty(layout: Layout) -> None:
    if os.path.exists(layout.database):
        raise FileExistsError(errno.EEXIST, "there is a store already", layout.root)


@contextmanager
def _held(layout: Layout) -> Iterator[None]:
    """No file is removed inside: a running owner holds, and without one we keep owners away."""
    try:
        link = OwnerLink(layout)
    except (FileNotFoundError, ConnectionRefusedError):
        lease = take_lease(layout)
        try:
            yield
        finally:
            os.close(lease)
        return
    with link:
        link.request("hold")
        yield


def _copy_database(source: str, target: str) -> None:
    reader = open_reader(source)
    os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
    copy = apsw.Connection(target, flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        with copy.backup("main", reader, "main") as running:
            while not running.done:
                running.step(-1)
        copy.execute("PRAGMA journal_mode=DELETE").fetchall()  # a backup is one file
    finally:
        copy.close()
        reader.close()


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP):
            raise
        shutil.copy2(source, target)


def _sync(layout: Layout) -> None:
    """Everything that was written, and the names."""
    for folder, _, names in os.walk(layout.root):
        for name in names:
            descriptor = os.open(os.path.join(folder, name), os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        sync_directory(folder)
