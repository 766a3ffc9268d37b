"""What the SQL functions work with: the connection, and lists of what remains to be done after the commit."""

import time
from typing import Any

import apsw
import attrs

from mailsvc.core.relay import RelayFactsChanged
from mailsvc.core.values import AccountChanged, MailboxChanged

__all__ = ["Context", "Labelled"]


@attrs.frozen
class Labelled:
    """A large message and the facts that are written into its file after the commit (:mod:`mailsvc.store.bodyfile`)."""

    location: str
    facts: dict[str, Any]


@attrs.define
class Context:
    """The state of one group of requests."""

    db: apsw.Connection
    locate: Any  # location -> size in octets of the body in that file, or None
    changed: list[MailboxChanged] = attrs.Factory(list)
    labelled: list[Labelled] = attrs.Factory(list)
    unlinked: list[str] = attrs.Factory(list)
    accounts: list[AccountChanged] = attrs.Factory(list)
    queued: list[str] = attrs.Factory(list)  # queue ids
    relay: list[RelayFactsChanged] = attrs.Factory(list)
    wall: float = attrs.Factory(lambda: time.time())  # seconds since the epoch, with fractions

    @property
    def now(self) -> int:
        """Whole seconds since the epoch."""
        return int(self.wall)

    def one(self, sql: str, *bindings: Any) -> Any:
        """The first row as a tuple, or None."""
        return self.db.execute(sql, bindings).fetchone()

    def all(self, sql: str, *bindings: Any) -> list[tuple[Any, ...]]:
        """All rows."""
        return self.db.execute(sql, bindings).fetchall()

    def mark(self) -> tuple[int, ...]:
        """Where the lists stand, for :meth:`forget`."""
        return tuple(map(len, self._lists()))

    def forget(self, mark: tuple[int, ...]) -> None:
        """Drop what a refused request put into the lists."""
        for entries, length in zip(self._lists(), mark, strict=True):
            del entries[length:]

    def _lists(self) -> tuple[list[Any], ...]:
        return self.changed, self.labelled, self.unlinked, self.accounts, self.queued, self.relay
