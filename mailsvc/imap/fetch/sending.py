"""Sending what a FETCH asked for, batch by batch, with back-pressure.

Small messages go many at a time: read together, joined, written once. A large one goes alone, its sections in pieces from where they lie,
the next piece when the client has taken the last; so neither memory nor other clients suffer.

A message with UTF-8 in its header that came by SMTPUTF8 is shown to a client that has not enabled UTF8=ACCEPT as its surrogate (RFC 6855 7,
RFC 6858), in every item alike.
"""

from collections.abc import AsyncIterator, Iterator
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

from mailsvc.core.interfaces.mailboxes import IMailboxes
from mailsvc.core.values import SystemFlag
from mailsvc.formats.downgrade import ascii_header, end_of_header
from mailsvc.formats.imap.extract import Range, cut, ranges, total
from mailsvc.formats.imap.sections import Section
from mailsvc.formats.imap.sets import NumberSet
from mailsvc.formats.imap.strings import NIL
from mailsvc.formats.mime.parts import scan
from mailsvc.imap.fetch.batch import Batch, Need
from mailsvc.imap.fetch.columns import Column, Plan
from mailsvc.imap.rows import Rows, rows_of
from mailsvc.wire.connection import Gone

if TYPE_CHECKING:
    from mailsvc.imap.selection import Selection
    from mailsvc.imap.session import Session

__all__ = ["send_all"]

MESSAGES = {Need.ROW: 1500, Need.DESCRIPTION: 250, Need.HEADER: 100, Need.BODY: 100}
"""How many messages make a batch."""

OCTETS = 262_144
"""How many octets of bodies make a batch; a message with more is large."""

PIECE = 131_072
"""Octets of the pieces of a large message."""


async def send_all(session: "Session", selection: "Selection", uids: NumberSet, plan: Plan) -> bool:
    """Send what ``plan`` says of each message; return whether all were there. Raises Gone, NOT_NOW, Refused."""
    complete = True
    async for batch in _batches(session, selection, uids, plan):
        session.send(await session.mailboxes.elsewhere(plan.lines, batch) if plan.structured else plan.lines(batch))
        complete = complete and batch.complete
        await session.drain()
    return complete


async def _batches(session: "Session", selection: "Selection", uids: NumberSet, plan: Plan) -> AsyncIterator[Batch]:
    """Loaded batches, in order; what is sent in another way is sent in between."""
    sender = _Sender(session, selection, plan)
    for rows in rows_of(selection.view, uids, MESSAGES[plan.need]):
        for part in _parts(rows, plan, session.utf8):
            if sender.in_pieces(part):
                await sender.send_large(part)
                continue
            batch = await sender.load(part)
            if len(batch):
                yield batch


def _parts(rows: Rows, plan: Plan, utf8: bool) -> Iterator[Rows]:
    """Rows cut where its bodies become too many octets, and around messages that need a surrogate."""
    surrogates = not utf8 and plan.about_octets and bool(reduce(or_, rows.flags, 0) & SystemFlag.UTF8)
    if not surrogates and plan.need is not Need.BODY:
        yield rows
        return
    start = octets = 0
    for at, (size, flags) in enumerate(zip(rows.sizes, rows.flags, strict=True)):
        alone = surrogates and flags & SystemFlag.UTF8
        octets += size if plan.need is Need.BODY else 0
        if at > start and (alone or octets > OCTETS):
            yield rows.part(start, at)
            start, octets = at, size if plan.need is Need.BODY else 0
        if alone:
            yield rows.part(at, at + 1)
            start, octets = at + 1, 0
    if start < len(rows):
        yield rows.part(start, len(rows))


class _Sender:
    """The parts of one FETCH that know the session."""

    def __init__(self, session: "Session", selection: "Selection", plan: Plan) -> None:
        self._session = session
        self._selection = selection
        self._plan = plan
        self._ranged = bool(plan.large) and all(column.spot is not None for column in plan.large)
        self._mailboxes: IMailboxes = session.mailboxes

    @property
    def _mailbox(self) -> int:
        return self._selection.view.mailbox

    def _surrogate(self, rows: Rows) -> bool:
        alone = len(rows) == 1 and self._plan.about_octets and not self._session.utf8
        return alone and bool(rows.flags[0] & SystemFlag.UTF8)

    def in_pieces(self, rows: Rows) -> bool:
        """Whether these are to be sent one by one, their sections by range."""
        return not self._surrogate(rows) and self._ranged and rows.sizes[0] > OCTETS

    async def load(self, rows: Rows) -> Batch:
        """The batch with all that the plan needs."""
        batch, plan = Batch(rows), self._plan
        if not self._surrogate(rows):
            await batch.load(self._mailboxes, self._mailbox, plan.fields, plan.need)
        else:
            await batch.load(self._mailboxes, self._mailbox, (), Need.BODY)
            batch.substitute([_ascii(body) for body in batch.bodies])
        return batch

    # --- in pieces ---

    async def send_large(self, rows: Rows) -> None:
        """Send messages whose sections are taken from where they lie."""
        for at in range(len(rows)):
            await self._send_one(rows.part(at, at + 1))

    async def _send_one(self, rows: Rows) -> None:
        batch = Batch(rows)
        rest = Plan([column for column in self._plan.columns if column.spot is None])
        await batch.load(self._mailboxes, self._mailbox, self._plan.fields, rest.need)
        if not len(batch):
            return
        found = [await self._ranges(batch, column) for column in self._plan.large]
        small = dict(zip(rest.columns, (next(iter(column.values(batch))) for column in rest.columns), strict=True))
        large = dict(zip(self._plan.large, found, strict=True))
        mark = b"* %d FETCH (" % batch.numbers[0]
        for column in self._plan.columns:
            self._session.send(mark)
            if column.spot is None:
                self._session.send(column.form % small[column])
            else:
                await self._send_ranges(column, batch.contents[0], large[column])
            mark = b" "
        self._session.send(b")\r\n")
        await self._session.drain()

    async def _ranges(self, batch: Batch, column: Column) -> list[Range] | None:
        assert column.spot is not None
        if column.spot.locate is not None:
            found: list[Range] | None = column.spot.locate(batch, 0)
        else:
            found = await self._locate(batch.contents[0], column.spot.section)
        return None if found is None else cut(found, column.spot.partial)

    async def _locate(self, content: int, section: Section) -> list[Range] | None:
        """Where a part lies in a large message. A client reads such a one bit by bit, so the answer is kept."""
        known, places = self._selection.located
        if known != content:
            self._selection.located = known, places = content, {}
        if section not in places:
            data = await self._mailboxes.bodies.get(content)
            places[section] = await self._mailboxes.elsewhere(_locate, data, section)
        return places[section]

    async def _send_ranges(self, column: Column, content: int, found: list[Range] | None) -> None:
        send = self._session.send
        if found is None:
            send(column.label + b" " + NIL)
            return
        send(column.label + b" {%d}\r\n" % total(found))
        for offset, length in found:
            for start in range(offset, offset + length, PIECE):
                send(await self._read(content, start, min(PIECE, offset + length - start)))
                await self._session.drain()

    async def _read(self, content: int, offset: int, length: int) -> bytes:
        try:
            piece = await self._mailboxes.bodies.get(content, offset, length)
        except Exception as error:
            # Within a literal there is no way to say so, and fewer octets than promised would be taken from the next response.
            self._session.log("{client}: {account} cut off within a message: {error}", error=error)
            self._session.abort()
            raise Gone from error
        return piece.replace(b"\0", b"\x80")


def _locate(data: bytes, section: Section) -> list[Range] | None:
    return ranges(data, scan(data), section)


def _ascii(body: bytes) -> bytes:
    end = end_of_header(body)
    return body if end is None else ascii_header(body[:end]) + body[end:]
