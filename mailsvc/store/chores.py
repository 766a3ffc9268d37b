"""What the owner does when it has nothing better to do, a slice at a time: see :mod:`mailsvc.store.sql_chores`.

Each slice is a commit like any other, made by the same connection, so there is still one writer. Between two slices the owner answers
whoever has asked meanwhile.

Free pages are where the next messages go, so a few are kept. They are given back when they are more than an eighth of the database, or
than an eighth of what is free on the disk: then deleting mail ends the low-space mark.
"""

import os
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import apsw

from mailsvc.core.errors import MailError
from mailsvc.core.operations import Operation
from mailsvc.db.connection import DatabaseRefused
from mailsvc.store.committer import Committer
from mailsvc.store.layout import Layout
from mailsvc.store.sql_chores import TO_ERASE, Erase, GiveBack, Prune
from mailsvc.store.sql_ledger import FORGETTABLE, UNINDEXED, ForgetLedger, IndexLedger

__all__ = ["RECORDS", "Chores"]

RECORDS = 10_000
"""How many expunged messages a mailbox remembers at least, if there were so many."""

_PAGES = 256
_SHARE = 8


class Chores:
    """Knows what there is to do.

    :ivar overgrown: mailboxes with too many records of expunged messages; filled by a thread.
    """

    def __init__(self, layout: Layout, committer: Committer, shrunk: Callable[[], None]) -> None:
        """:param shrunk: called when the next checkpoint will make the file shorter."""
        self.overgrown: deque[int] = deque()
        self._layout = layout
        self._committer = committer
        self._shrunk = shrunk
        self._giving = False

    def slice(self) -> bool:
        """Do one slice; whether there is more to do now. Never raises."""
        try:
            return any(map(self._do, self._due()))  # what the disk refuses now shall not keep back what makes room
        except (apsw.Error, DatabaseRefused, OSError):
            return False  # whoever wants to commit hears of it

    def _do(self, chore: Operation) -> bool:
        (answer,) = self._committer.commit([[chore]]).answers
        if isinstance(chore, Prune) and answer == [0]:
            self.overgrown.popleft()
        return not isinstance(answer, MailError)

    def _due(self) -> Iterator[Operation]:
        """What there is to do, the most urgent first."""
        if found := self._committer.look(TO_ERASE):
            yield Erase(found[0][0])
        if self.overgrown:
            yield Prune(self.overgrown[0], RECORDS)
        if self._committer.look(UNINDEXED):
            yield IndexLedger()
        if self._committer.look(FORGETTABLE):
            yield ForgetLedger()
        if self._too_roomy():
            yield GiveBack(_PAGES)

    def _too_roomy(self) -> bool:
        free = self._number("freelist_count")
        before, self._giving = self._giving, free >= _PAGES and (self._giving or self._worth_it(free))
        if before and not self._giving:
            self._shrunk()
        return self._giving

    def _worth_it(self, free: int) -> bool:
        disk = os.statvfs(self._layout.root)
        return (
            free > self._number("page_count") // _SHARE
            or free * self._number("page_size") > disk.f_bavail * disk.f_frsize // _SHARE
        )

    def _number(self, pragma: str) -> int:
        row: tuple[Any, ...] = self._committer.look(f"PRAGMA {pragma}")[0]
        return int(row[0])
