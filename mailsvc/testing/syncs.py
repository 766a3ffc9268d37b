"""Is everything that was promised on the disk by then? An auditor of traces.

::

    strace -> mailsvc.testing.strace.parse -> events -> audit -> violations, none if the order of writes was kept

The promises are the answers to clients: ``250`` to a message, ``+OK`` to the QUIT that deletes, and the owner's word that a store is ready.
What must be true of each, and of the steps before it, is in :class:`Violation`. The trace must be that of one client at a time: of two at
once nobody could say whose writes a sync was for.
"""

import enum
import os
import re
from collections.abc import Callable, Iterable

from mailsvc.store.layout import Layout
from mailsvc.testing.strace import Event

__all__ = ["Violation", "audit"]


class Violation(enum.Enum):
    """What a power cut would make of it."""

    BODY_FILE_NOT_SYNCED = "a large message got its name before its octets were synced"
    BODY_DIRECTORY_NOT_SYNCED = "the row of a large message was written before the name of its file was synced"
    DATABASE_NOT_SYNCED = "a promise was given before the database's log was synced"
    NOTHING_WRITTEN = "a promise was given and nothing was written for it"
    NAMES_NOT_SYNCED = "a promise was given before the store's own files and directories had durable names"
    CHECKPOINT_NOT_SYNCED = "the database's log was begun anew before the database itself was synced"
    REMOVED_TOO_EARLY = "the file of a deleted message was removed before the deletion was synced"


_READY = re.compile(r"ready\\n")
_TAKEN = re.compile(r"250 2\.0\.0 Ok: queued|\+OK goodbye, [1-9]")


def audit(events: Iterable[Event], root: str, existing: Iterable[str] = ()) -> list[Violation]:
    """What was done in the wrong order, in the order of discovery.

    :param root: the store's directory. :param existing: paths that were there before, and durable.
    """
    auditor = _Auditor(Layout(root), existing)
    moments = [moment for event in events if event.ok for moment in _moments(event)]
    for _, ended, event in sorted(moments, key=lambda moment: moment[:2]):
        auditor.see(event, ended)
    return auditor.violations


def _moments(event: Event) -> tuple[tuple[int, bool, Event], tuple[int, bool, Event]]:
    """When it begins and when it ends: what is between counts for neither."""
    return (event.begin, False, event), (event.end, True, event)


class _Auditor:
    """Knows what is not yet on the disk. A write counts from its end, a sync covers what ended before it began."""

    def __init__(self, layout: Layout, existing: Iterable[str]) -> None:
        self.violations: list[Violation] = []
        self._layout = layout
        self._log = layout.database + "-wal"
        self._known = set(existing)
        self._octets: set[str] = set()  # files with octets that are not synced
        self._names: set[str] = set()  # directories with names that are not synced
        self._covered: dict[str, set[str]] = {}  # by path of the sync under way: what it will have made durable
        self._committed = 0  # writes to the log since the last promise
        self._seen: dict[tuple[str, bool], Callable[[Event], None]] = {
            **dict.fromkeys([("write", True), ("writev", True), ("pwritev", True), ("pwrite64", True)], self._written),
            **dict.fromkeys([("write", False), ("writev", False), ("sendto", False), ("sendmsg", False)], self._said),
            **dict.fromkeys([("fsync", False), ("fdatasync", False)], self._sync_begun),
            **dict.fromkeys([("fsync", True), ("fdatasync", True)], self._synced),
            **dict.fromkeys([("rename", True), ("renameat", True), ("renameat2", True)], self._renamed),
            **dict.fromkeys([("mkdir", True), ("mkdirat", True)], self._made),
            **dict.fromkeys([("unlink", False), ("unlinkat", False)], self._removed),
            ("openat", True): self._opened,
            ("pwrite64", False): self._about_to_write,
            ("ftruncate", False): self._cut,
        }

    def see(self, event: Event, ended: bool) -> None:
        """Take the beginning or the end of a call into account."""
        handler = self._seen.get((event.call, ended))
        if handler is not None:
            handler(event)

    def _found(self, violation: Violation, wrong: bool) -> None:
        if wrong and violation not in self.violations:
            self.violations.append(violation)

    # --- what makes something less than durable ---

    def _written(self, event: Event) -> None:
        if self._is_ours(event.path):
            self._octets.add(event.path)
            self._uncover(event.path, event.path)

    def _opened(self, event: Event) -> None:
        path = event.path
        if "O_CREAT" in event.arguments and self._is_ours(path) and path not in self._known:
            self._known.add(path)
            if path in (self._layout.database, self._log):
                self._name(path)

    def _made(self, event: Event) -> None:
        self._name(event.path)

    def _renamed(self, event: Event) -> None:
        self._found(Violation.BODY_FILE_NOT_SYNCED, event.path in self._octets)
        self._octets.discard(event.path)
        self._name(event.text)

    def _name(self, path: str) -> None:
        directory = os.path.dirname(path)
        self._names.add(directory)
        self._uncover(directory, directory)

    def _uncover(self, path: str, what: str) -> None:
        self._covered.get(path, set()).discard(what)

    def _holds_bodies(self, directory: str) -> bool:
        return directory.startswith(self._layout.bodies + "/")

    def _is_ours(self, path: str) -> bool:
        return path in (self._layout.database, self._log) or path.startswith(self._layout.bodies + "/")

    # --- what makes it durable ---

    def _sync_begun(self, event: Event) -> None:
        self._covered[event.path] = {event.path}

    def _synced(self, event: Event) -> None:
        durable = self._covered.pop(event.path, set())
        self._octets -= durable
        self._names -= durable

    # --- what must not happen before ---

    def _about_to_write(self, event: Event) -> None:
        if event.path == self._log:
            self._committed += 1
            self._found(Violation.BODY_DIRECTORY_NOT_SYNCED, any(map(self._holds_bodies, self._names)))
            self._found(Violation.CHECKPOINT_NOT_SYNCED, event.offset == 0 and self._layout.database in self._octets)

    def _cut(self, event: Event) -> None:
        self._found(Violation.CHECKPOINT_NOT_SYNCED, event.path == self._log and self._layout.database in self._octets)

    def _removed(self, event: Event) -> None:
        directory = os.path.dirname(event.path)
        body = self._holds_bodies(directory) and directory != self._layout.tmp
        self._found(Violation.REMOVED_TOO_EARLY, body and self._log in self._octets)
        self._found(Violation.CHECKPOINT_NOT_SYNCED, event.path == self._log and self._layout.database in self._octets)

    def _said(self, event: Event) -> None:
        taken = event.path.startswith("TCP:") and _TAKEN.match(event.text)
        if not taken and not _READY.fullmatch(event.text):
            return
        self._found(Violation.DATABASE_NOT_SYNCED, self._log in self._octets)
        self._found(Violation.NAMES_NOT_SYNCED, not all(map(self._holds_bodies, self._names)))
        if taken:
            self._found(Violation.NOTHING_WRITTEN, not self._committed)
            self._committed = 0
