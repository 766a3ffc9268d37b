"""The one writer: holds the lease and the connection, and turns a group of requests into one commit.

Used by the owner process for all workers, and in-process by :mod:`mailsvc.store.direct`. After an error of the database everybody in
the group hears NOT_NOW, and the connection is closed and opened anew: a sync that failed is never repeated on the same descriptor
(the kernel may have dropped the pages, and a second call would say that all is well). If the disk was full, what makes room is tried once
more, in the room of the reserve (:mod:`mailsvc.store.reserve`), and only what makes room is committed until the reserve is whole.
"""

import fcntl
import os
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import apsw
import attrs

from mailsvc.core.errors import MailError, temporary
from mailsvc.core.operations import Operation
from mailsvc.core.queued import QueueChanged
from mailsvc.core.relay import RelayFactsChanged
from mailsvc.core.values import AccountChanged, MailboxChanged
from mailsvc.db.connection import DatabaseRefused, open_writer
from mailsvc.db.schema import migrate
from mailsvc.store import bodyfile, transaction
from mailsvc.store.context import Context, Labelled
from mailsvc.store.layout import Layout, sync_directory
from mailsvc.store.reserve import Reserve, is_full

__all__ = ["Committer", "Group", "LeaseTaken", "take_lease"]


T = TypeVar("T")


class LeaseTaken(Exception):
    """Another process owns this store."""


def take_lease(layout: Layout) -> int:
    """The descriptor of the locked lease file; the lock ends with the process. Raises LeaseTaken, OSError."""
    layout.make_root()
    descriptor = os.open(layout.lease, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise LeaseTaken(f"the store in {layout.root} is in use by another process") from error
    with suppress(OSError):  # for people: on a full disk the lock alone has to do
        length = os.pwrite(descriptor, b"%d\n" % os.getpid(), 0)
        os.ftruncate(descriptor, length)
    return descriptor


@attrs.frozen
class Group:
    """What one commit did.

    :ivar answers: for each request its results, or why nothing of it was done.
    :ivar changed: and ``accounts``, ``queue``, ``relay``: whom to tell of what.
    """

    answers: list[list[Any] | MailError]
    changed: list[MailboxChanged]
    accounts: list[AccountChanged]
    queue: QueueChanged | None = None
    relay: RelayFactsChanged | None = None


class Committer:
    """Commits groups of requests.

    :ivar commits: how many transactions were committed; ``requests``: how many requests they carried.
    :ivar log_pages: how many pages the write-ahead log had after the last of them; ``pages``: how many went into it in all.
    :ivar reserve: room for deleting on a full disk; whoever runs for long takes it.
    """

    def __init__(self, layout: Layout, log: Callable[[str], None]) -> None:
        self.commits = 0
        self.requests = 0
        self.log_pages = 0
        self.pages = 0
        self.unlink: Callable[[Iterable[str]], None] = self.unlink_now
        self.reserve = Reserve(layout.reserve, log)
        self._layout = layout
        self._log = log
        self._lease = -1
        self._db: apsw.Connection | None = None
        self._unlinked: deque[str] = deque()  # filled by a thread: files that are gone, their rows not yet

    def open(self) -> None:
        """Take the lease, make what is missing, bring the schema up to date. Raises LeaseTaken, DatabaseRefused, OSError, apsw.Error."""
        self._lease = take_lease(self._layout)
        try:
            self._on_full_disk(self._prepare, lambda: True)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the connection and give the lease back."""
        self._disconnect()
        if self._lease >= 0:
            os.close(self._lease)
            self._lease = -1

    def commit(self, requests: Sequence[Sequence[Operation]]) -> Group:
        """Carry out the requests as one transaction, each whole or not at all. Never raises."""
        try:
            context, answers = self._on_full_disk(
                lambda: self._attempt(requests), lambda: any(map(transaction.frees, requests))
            )
        except (apsw.Error, MailError, DatabaseRefused, OSError) as error:
            self._log(f"commit failed: {error!r}")
            return Group([temporary("commit-failed", repr(error)) for _ in requests], [], [])
        self.commits += 1
        self.requests += len(requests)
        self._label(context.labelled)
        if context.unlinked:
            self.unlink(context.unlinked)
        relay = RelayFactsChanged() if context.relay else None
        return Group(answers, transaction.changes(context), context.accounts, transaction.queue_change(context), relay)

    def _on_full_disk(self, work: Callable[[], T], worth: Callable[[], bool]) -> T:
        """Do the work; if the disk is full and it is worth it, once more in the room of the reserve."""
        try:
            return work()
        except (apsw.Error, OSError) as error:
            if not (is_full(error) and worth()):
                raise
        with self.reserve.given_up():
            return work()

    def _prepare(self) -> None:
        self._layout.make()
        db = self._connected()
        migrate(db)
        sync_directory(self._layout.root)
        self.unlink([str(row[0]) for row in db.execute("SELECT location FROM unlink_later").fetchall()])

    def _attempt(self, requests: Sequence[Sequence[Operation]]) -> tuple[Context, list[list[Any] | MailError]]:
        try:
            context = Context(self._connected(), self._size_of)
            return context, self._transact(context, requests)
        except BaseException:
            self._disconnect()
            raise

    def look(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a question, asked between two commits. Raises apsw.Error, DatabaseRefused, OSError."""
        return self._connected().execute(sql).fetchall()

    def unlink_now(self, locations: Iterable[str]) -> None:
        """Remove files whose last message is gone; the rows that remember them follow with the next commit. From any thread."""
        for location in locations:
            try:
                os.unlink(self._layout.body(location))
            except FileNotFoundError:
                pass  # done before a crash
            except OSError as error:
                self._log(f"cannot remove {location}, will try at the next start: {error}")
                continue
            self._unlinked.append(location)

    def _transact(self, context: Context, requests: Sequence[Sequence[Operation]]) -> list[list[Any] | MailError]:
        db = context.db
        db.execute("BEGIN IMMEDIATE")
        gone = [(self._unlinked[index],) for index in range(len(self._unlinked))]
        db.executemany("DELETE FROM unlink_later WHERE location=?", gone)
        answers = [self._apply(context, request) for request in requests]
        db.execute("COMMIT")
        for _ in gone:
            self._unlinked.popleft()
        return answers

    def _apply(self, context: Context, request: Sequence[Operation]) -> list[Any] | MailError:
        if self.reserve.short and not transaction.frees(request):
            return temporary("low-disk", "what is free is kept for deleting")
        return transaction.apply(context, request)

    def _connected(self) -> apsw.Connection:
        if self._db is None:
            self._db = open_writer(self._layout.database)
            self._db.set_wal_hook(self._logged)
        return self._db

    def _logged(self, connection: apsw.Connection, name: str, pages: int) -> int:
        begun_anew = pages < self.log_pages
        self.pages += pages if begun_anew else pages - self.log_pages
        self.log_pages = pages
        return apsw.SQLITE_OK

    def _disconnect(self) -> None:
        db, self._db = self._db, None
        if db is not None:
            try:
                db.close()
            except apsw.Error as error:
                self._log(f"closing the database: {error!r}")

    def _size_of(self, location: str) -> int | None:
        return bodyfile.size_of(self._layout.body(location))

    def _label(self, labelled: list[Labelled]) -> None:
        for entry in labelled:
            try:
                bodyfile.label(self._layout.body(entry.location), entry.facts)
            except OSError as error:
                self._log(f"cannot label {entry.location}: {error}")  # insurance only
