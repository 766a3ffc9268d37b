"""Some messages that follow each other in a picture, with what FETCH or SEARCH wants to know of them, column by column."""

import enum
from collections.abc import Sequence
from functools import cached_property
from itertools import compress
from typing import Any

from mailsvc.core.interfaces.mailboxes import IMailboxes
from mailsvc.core.interfaces.store import Field
from mailsvc.formats.imap.bodystructure import bodystructure
from mailsvc.formats.imap.envelope import envelope
from mailsvc.formats.imap.sets import NumberSet
from mailsvc.formats.mime.parts import Part, scan
from mailsvc.imap.rows import Rows

__all__ = ["Batch", "Need"]


class Need(enum.IntEnum):
    """How much of a message has to be read."""

    ROW = 0  # nothing: it is in the view's arrays
    DESCRIPTION = 1  # what was kept of it at delivery
    HEADER = 2
    BODY = 3


class Batch:
    """Parallel columns; messages that turn out to be gone are taken out of all of them.

    :ivar numbers: sequence numbers. :ivar uids, modseqs, flags, sizes, dates, contents: as in :class:`Rows`.
    :ivar described: columns from the store, by field. :ivar headers, bodies: octets, once loaded.
    """

    def __init__(self, rows: Rows) -> None:
        self.numbers = rows.numbers
        self.uids = rows.uids
        self.modseqs = rows.modseqs
        self.flags = rows.flags
        self.sizes = rows.sizes
        self.dates = rows.dates
        self.contents = rows.contents
        self.described: dict[Field, Sequence[Any]] = {}
        self.bodies: list[bytes] = []
        self.complete = True

    def __len__(self) -> int:
        return len(self.uids)

    @cached_property
    def headers(self) -> list[bytes]:
        """The header of each, the empty line included; of loaded bodies the beginning."""
        ends = self.described[Field.HEADER_SIZE]
        return [body[:end] for body, end in zip(self.bodies, ends, strict=True)]

    @cached_property
    def parts(self) -> list[Part]:
        """The structure of each loaded body."""
        return [scan(body) for body in self.bodies]

    async def load(self, mailboxes: IMailboxes, mailbox: int, fields: Sequence[Field], need: Need) -> None:
        """Read what is needed. Raises NOT_NOW."""
        if fields:
            await self._describe(mailboxes, mailbox, fields)
        if need is Need.HEADER:
            headers = self._there(await mailboxes.bodies.get_headers(list(self.contents)))
            self.headers = headers
        elif need is Need.BODY:
            self.bodies = self._there(await mailboxes.bodies.get_many(list(self.contents)))

    async def _describe(self, mailboxes: IMailboxes, mailbox: int, fields: Sequence[Field]) -> None:
        rows: list[tuple[Any, ...]] = []
        async for piece in mailboxes.fetch(mailbox, _intervals(self.uids), fields):
            rows += piece
        if len(rows) != len(self.uids):
            known = {row[0]: row for row in rows}
            rows = self._there([known.get(uid) for uid in self.uids])
        columns = list(zip(*rows, strict=True)) or [()] * (len(fields) + 1)
        self.described = dict(zip(fields, columns[1:], strict=True))

    def _there(self, values: Sequence[Any]) -> list[Any]:
        """The values that are not None; the messages of the others are gone."""
        if None not in values:
            return list(values)
        self.complete = False
        there = [value is not None for value in values]
        for name in ("numbers", "uids", "modseqs", "flags", "sizes", "dates", "contents"):
            setattr(self, name, list(compress(getattr(self, name), there)))
        self.described = {field: list(compress(column, there)) for field, column in self.described.items()}
        return list(compress(values, there))

    def substitute(self, bodies: list[bytes]) -> None:
        """Show other octets than those that are stored: everything is said of them then."""
        self.bodies = bodies
        self.sizes = [len(body) for body in bodies]
        self.described = {
            Field.HEADER_SIZE: [part.body for part in self.parts],
            Field.ENVELOPE: [envelope(part.fields) for part in self.parts],
            Field.BODYSTRUCTURE: [bodystructure(part) for part in self.parts],
        }


def _intervals(uids: Sequence[int]) -> NumberSet:
    return NumberSet.ascending(uids)
