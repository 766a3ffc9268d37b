"""The grants of POP-before-SMTP, read from the database's tables: a few indexed rows for each question."""

# ruff: noqa: S608 - SQL is put together from constants of this module only

import json
from collections.abc import Callable, Sequence
from typing import Any

import apsw
from zope.interface import implementer

from mailsvc.core.errors import temporary
from mailsvc.core.interfaces.grants import IGrants
from mailsvc.core.relay import Grant, Spent

__all__ = ["Grants"]

_FIELDS = (
    "id", "network", "account", "rule", "credential", "protocol", "mechanism", "tls",
    "first", "last", "expiry", "ended", "why", "boot", "deadline",
)  # fmt: skip
_GRANT = f"SELECT {', '.join(_FIELDS)} FROM relay_grant"

RECENT = 20
"""Grants of one network that are looked at: more accounts than that behind one address at a time are found by nobody's log-in."""


@implementer(IGrants)
class Grants:
    """Reads of grants."""

    def __init__(self, connection: Callable[[], apsw.Connection]) -> None:
        """:param connection: gives a read-only connection; raises MailError(NOT_NOW) if there is none now."""
        self._connection = connection

    async def at(self, networks: Sequence[str]) -> list[Grant]:
        """The grants of these networks, the latest proof first."""
        found: list[Grant] = []
        for network in networks:
            rows = self._all(f"{_GRANT} WHERE network=? ORDER BY last DESC LIMIT {RECENT}", network)
            found += [_grant(row) for row in rows]
        return sorted(found, key=lambda grant: grant.proved, reverse=True) if len(found) > 1 else found

    async def find(self, account: int = 0, network: str = "", since: int = 0, most: int = 1000) -> list[Grant]:
        """Grants that were good at ``since`` or later, the latest proof first."""
        rows = self._all(
            f"{_GRANT} WHERE iif(ended, min(ended, expiry), expiry)>?1 AND (?2=0 OR account=?2) AND (?3='' OR network=?3)"
            " ORDER BY last DESC LIMIT ?4",
            since,
            account,
            network,
            most,
        )
        return [_grant(row) for row in rows]

    async def epoch(self, account: int) -> int:
        """Grows whenever something is taken from the account."""
        rows = self._all("SELECT epoch FROM relay_account WHERE account=?", account)
        return int(rows[0][0]) if rows else 0

    async def spent(self, subjects: Sequence[str], since: int) -> Spent:
        """The most that went out for one of these subjects since then."""
        rows = self._all(
            "SELECT sum(messages), sum(recipients) FROM relay_spent"
            " WHERE subject IN (SELECT value FROM json_each(?)) AND slot>? GROUP BY subject",
            json.dumps(subjects),
            since,
        )
        return Spent(max((row[0] for row in rows), default=0), max((row[1] for row in rows), default=0))

    async def told(self, account: int) -> bool:
        """Whether the account knows that somebody sends by its grants."""
        return bool(self._all("SELECT 1 FROM relay_account WHERE account=? AND told=1", account))

    def _all(self, sql: str, *bindings: Any) -> list[tuple[Any, ...]]:
        try:
            return self._connection().execute(sql, bindings).fetchall()
        except apsw.Error as error:
            raise temporary("grants-unreadable", repr(error)) from error


def _grant(row: tuple[Any, ...]) -> Grant:
    return Grant(**dict(zip(_FIELDS, row, strict=True)))
