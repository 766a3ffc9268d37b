"""A selected mailbox as one session sees it (RFC 3501 5.5, 7.4.1).

What the session was told so far is its *picture*: how many messages there are and which UID each sequence number means. It changes only
in :meth:`IMailboxView.advance`, whatever others do meanwhile. Behind the picture are arrays that all sessions of the process share::

    commit of any process -> MailboxChanged -> arrays follow -> picture follows in advance()

A command goes like this: ``await view.refresh()``, resolve its numbers with :meth:`IMailboxView.uids`, work by UID from there on,
``await view.refresh()`` again if it changed anything, send what ``view.advance(expunge=...)`` returns, then the tagged response.
"""

from collections.abc import Iterator, Sequence

import attrs
from twisted.internet.defer import Deferred
from zope.interface import Attribute, Interface

from mailsvc.formats.imap.sets import NumberSet

__all__ = ["IMailboxView", "Run", "Updates"]

_NOTHING = NumberSet()


@attrs.frozen
class Run:
    """Some messages that follow each other in a picture, as parallel arrays: the first has sequence number ``first``, the next
    ``first + 1`` and so on."""

    first: int
    uids: Sequence[int]
    modseqs: Sequence[int]
    flags: Sequence[int]
    sizes: Sequence[int]
    dates: Sequence[int]
    contents: Sequence[int]


@attrs.frozen
class Updates:
    """What the session is to be told now, in this order.

    :ivar keywords: the names of all keywords if there are new ones (``* FLAGS``), else None.
    :ivar expunged: sequence numbers for ``* n EXPUNGE``, one after the other as RFC 3501 7.4.1 counts. :ivar vanished: their UIDs.
    :ivar exists: ``* n EXISTS`` if messages came, else None.
    :ivar changed: where flags changed, of messages that are not new: ``view.runs(updates.changed)`` gives those that are still there.
    Rows with the modseq that the session's own ``StoreFlags`` returned are its own doing (``.SILENT``).
    """

    keywords: tuple[str, ...] | None = None
    expunged: Sequence[int] = ()
    vanished: NumberSet = _NOTHING
    exists: int | None = None
    changed: NumberSet = _NOTHING

    def __bool__(self) -> bool:
        return self.keywords is not None or bool(self.vanished) or self.exists is not None or bool(self.changed)


class IMailboxView(Interface):
    """One session's picture of a mailbox. Sequence numbers count from 1. Nothing here reads the database but :meth:`refresh`."""

    mailbox: int = Attribute("The mailbox's id.")
    exists: int = Attribute("How many messages the session knows of, expunged ones that it was not told of included.")
    uidnext: int = Attribute("Above every UID that the session knows of.")
    modseq: int = Attribute("All changes up to this one are in the arrays (HIGHESTMODSEQ, once all was told).")
    keywords: tuple[str, ...] = Attribute(
        "Names of the keyword bits (from ``SystemFlag.KEYWORDS`` up) as they are now."
    )
    deleted: bool = Attribute("The mailbox itself is gone: the session must be ended or unselected.")
    pending: bool = Attribute("Whether :meth:`advance` would have something to tell, were all allowed.")

    async def refresh() -> None:
        """Take in what this process has heard of, its own commits included. Cheap if there is nothing. Raises NOT_NOW."""

    def uids(numbers: NumberSet, by_uid: bool) -> NumberSet:
        """The UIDs of the messages in the picture that a set of sequence numbers or UIDs means, ``*`` resolved.

        The result is as short as the set or the mailbox: an interval spans UIDs that no message has. Sequence numbers above
        :attr:`exists` are passed over; see :meth:`beyond`.
        """

    def beyond(numbers: NumberSet) -> bool:
        """Whether a set holds a sequence number that no message has (an error, RFC 3501 9 seq-number)."""

    def gone(uids: NumberSet) -> NumberSet:
        """Those in a result of :meth:`uids` that were expunged but not yet told (EXPUNGEISSUED, RFC 5530)."""

    def seq(uid: int) -> int | None:
        """The sequence number of a UID in the picture, expunged or not; None if there is none."""

    def uid(seq: int) -> int:
        """The UID of a sequence number. Raises IndexError."""

    def runs(uids: NumberSet, size: int = 1000) -> Iterator[Run]:
        """The messages of the picture that are still there, as they are now, in runs of at most ``size``.

        The iterator may be kept while others change the mailbox: each run is right when it is taken.
        """

    def advance(expunge: bool) -> Updates:
        """Bring the picture up to date and return what the session is to be told.

        :param expunge: False where EXPUNGE must not be sent: in FETCH, STORE, SEARCH and while no command is in progress (RFC 3501 7.4.1).
        """

    def changed() -> "Deferred[None]":
        """Fires when :attr:`pending` or :attr:`deleted` is true, at once if it is (IDLE). May be cancelled. One at a time."""

    def close() -> None:
        """Unselect. Harmless twice."""
