"""The selected mailbox of a session: the store's view of it, and what the session is told of its changes.

``announce`` says what has changed; the session calls it before each tagged answer, IDLE whenever there is something. Sequence numbers are
resolved against the picture that the client has; from there on all work is by UID.

Standards: RFC 3501 5.2, 5.5, 7.2, 7.3, 7.4; RFC 7162 3.1 (MODSEQ in unsolicited FETCH).
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from itertools import compress
from typing import TYPE_CHECKING

from mailsvc.core.interfaces.view import IMailboxView, Run
from mailsvc.core.values import Mailbox, SystemFlag
from mailsvc.formats.imap import codes, responses
from mailsvc.formats.imap.extract import Range
from mailsvc.formats.imap.sections import FetchItem, Section
from mailsvc.formats.imap.sets import NumberSet
from mailsvc.imap.fetch.batch import Batch
from mailsvc.imap.fetch.columns import Plan
from mailsvc.imap.fetch.items import make_plan
from mailsvc.imap.flags import FlagNames
from mailsvc.imap.rows import rows_of
from mailsvc.imap.verbs import bad

if TYPE_CHECKING:
    from mailsvc.imap.session import Session

__all__ = ["ALL", "NOTHING", "Selection"]

ALL = NumberSet(((1, 0xFFFFFFFF),))
NOTHING = NumberSet()

RUN = 1000
"""Messages whose flags are written at a time."""


class Selection:
    """One session's selected mailbox.

    :ivar read_only: selected by EXAMINE. :ivar recent: messages from this UID on are ``\\Recent`` in this session.
    :ivar located: where sections of the large message lie that was looked at last: content -> section -> ranges.
    """

    __slots__ = ("_names", "located", "mailbox", "read_only", "recent", "view")

    def __init__(self, mailbox: Mailbox, view: IMailboxView, read_only: bool, recent: int) -> None:
        self.mailbox = mailbox
        self.view = view
        self.read_only = read_only
        self.recent = recent
        self.located: tuple[int, dict[Section, list[Range] | None]] = (0, {})
        self._names = FlagNames(view.keywords)

    def close(self) -> None:
        """Unselect."""
        self.view.close()

    @property
    def names(self) -> FlagNames:
        """How flags are written."""
        if self._names.keywords != self.view.keywords:
            self._names = FlagNames(self.view.keywords)
        return self._names

    # --- numbers ---

    async def resolve(self, numbers: NumberSet, by_uid: bool) -> NumberSet:
        """The UIDs that a set means to this client; those expunged meanwhile included. Raises Refused, NOT_NOW."""
        await self.view.refresh()
        if not by_uid and self.view.beyond(numbers):
            raise bad("No such message number")  # RFC 3501 9: seq-number
        return self.view.uids(numbers, by_uid)

    def sequence(self, uids: NumberSet) -> NumberSet:
        """The sequence numbers of UIDs in the picture."""
        return NumberSet.ascending([number for run in self.view.runs(uids) for number in _numbers(run)])

    def having(self, uids: NumberSet, test: Callable[[Run], Sequence[bool]]) -> NumberSet:
        """Those of some messages that pass a test of rows."""
        return NumberSet.ascending([uid for run in self.view.runs(uids) for uid in compress(run.uids, test(run))])

    @property
    def recent_count(self) -> int:
        """How many messages are recent."""
        view = self.view
        return view.exists - bisect_left(range(1, view.exists + 1), self.recent, key=view.uid)

    def first_unseen(self) -> int | None:
        """Sequence number of the first message without ``\\Seen``."""
        for run in self.view.runs(self.view.uids(ALL, by_uid=True)):
            for number, flags in zip(_numbers(run), run.flags, strict=True):
                if not flags & SystemFlag.SEEN:
                    return number
        return None

    # --- announcements ---

    def flags_line(self) -> bytes:
        """``* FLAGS`` and PERMANENTFLAGS (RFC 3501 7.1, 7.2.6)."""
        names = self.names.all()
        permanent = codes.permanent_flags([] if self.read_only else names, more=not self.read_only)
        return responses.flags(names) + responses.untagged("OK", "Flags that stay", permanent)

    def flag_plan(self, uid: bool, condstore: bool, flags: bool = True) -> Plan:
        """What an unsolicited FETCH says."""
        wanted = {"UID": uid, "FLAGS": flags, "MODSEQ": condstore}
        return make_plan(self, [FetchItem(name) for name, on in wanted.items() if on])

    async def announce(
        self, session: "Session", expunge: bool, uid: bool = False, but: NumberSet = NOTHING
    ) -> NumberSet:
        """Tell the session what has changed; returns the messages whose flags it was told. Raises NOT_NOW, Gone.

        :param expunge: whether EXPUNGE may be sent. :param uid: whether each FETCH is to name the UID (RFC 3501 6.4.8).
        :param but: messages whose flags the command itself says, or may not say.
        """
        told = await self.announce_all_but_flags(session, expunge) - but
        await self.show(session, told, self.flag_plan(uid, session.condstore))
        return told

    async def announce_all_but_flags(self, session: "Session", expunge: bool) -> NumberSet:
        """The same without the FETCH responses; returns the messages that need one. Raises NOT_NOW."""
        await self.view.refresh()
        updates = self.view.advance(expunge)
        if not updates:
            return NOTHING
        head = [self.flags_line()] if updates.keywords is not None else []
        head += map(responses.expunge, updates.expunged)
        if updates.exists is not None:
            head += [responses.exists(updates.exists), responses.recent(self.recent_count)]
        session.send(b"".join(head))
        return updates.changed

    async def show(self, session: "Session", uids: NumberSet, plan: Plan) -> None:
        """Send what a plan of mere rows says of messages. Raises Gone."""
        for rows in rows_of(self.view, uids, RUN):
            session.send(plan.lines(Batch(rows)))
            await session.drain()


def _numbers(run: Run) -> Iterator[int]:
    return iter(range(run.first, run.first + len(run.uids)))
