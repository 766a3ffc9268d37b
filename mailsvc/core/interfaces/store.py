"""The store's contract: what every backend promises (``tests/store/contract`` holds each backend to it).

All of it is asynchronous, and no file name, rename or link is visible: SQLite with files today, PostgreSQL with an object store tomorrow.
"""

import enum
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from zope.interface import Attribute, Interface

from mailsvc.core.interfaces.queue import IQueue
from mailsvc.core.interfaces.view import IMailboxView
from mailsvc.core.operations import Operation
from mailsvc.core.values import Body, Description, Intervals, Mailbox, MailboxChanged, Rows

__all__ = ["Field", "IBodies", "IBodyWriter", "ILock", "IStore"]


class Field(enum.Enum):
    """What :meth:`IStore.fetch` can say of a message. None of it opens a body."""

    MODSEQ = "modseq"
    FLAGS = "flags"
    SIZE = "size"
    DATE = "date"
    CONTENT = "content"  # for bodies
    HEADER_SIZE = "header"  # octets before the body, the empty line included
    ENVELOPE = "envelope"  # as IMAP writes it
    BODYSTRUCTURE = "bodystructure"  # as IMAP writes it


class IBodyWriter(Interface):
    """Takes the bytes of one message as they arrive; memory use is bounded whatever the size."""

    size: int

    def write(data: bytes) -> None:
        """Add bytes. Never blocks for long; an error of the disk is kept for :meth:`close`."""

    async def close() -> Body:
        """Make the bytes durable (or hold them for the commit) and return the value for ``Deliver``.

        Raises MailError(NOT_NOW) if the disk failed; nothing is left behind then.
        """

    def abort() -> None:
        """Forget everything written. Harmless after :meth:`close` failed, or twice."""


class IBodies(Interface):
    """Immutable message bodies."""

    def create() -> IBodyWriter:
        """A writer for one new body."""

    async def get(content: int, offset: int = 0, length: int = -1) -> bytes:
        """Bytes of the message (prefix and body as one), from ``offset``; ``length`` -1 for all. Raises EXPUNGED."""

    async def get_many(contents: Sequence[int], offset: int = 0, length: int = -1) -> list[bytes | None]:
        """The same part of many messages at the price of a few, in this order; None for those that are gone.

        It is all in memory at once: ask for as much as that may be (sizes are known), or for a part.
        """

    async def get_headers(contents: Sequence[int]) -> list[bytes | None]:
        """The headers of many messages, our prefix and the empty line included; None for those that are gone."""

    async def describe(prefix: bytes, body: Body) -> Description:
        """What is kept of a message besides its bytes, for ``Deliver`` and ``Append``; large bodies are looked at in a thread."""


class ILock(Interface):
    """An exclusive lock on a mailbox; ended by :meth:`release` or by the death of the process that holds it."""

    held: bool = Attribute(
        "False once it was released, after a restart of the store until it was taken again, and for good if somebody else was faster."
    )

    def release() -> None:
        """Give the lock back. Harmless twice."""


class IStore(Interface):
    """Where accounts, mailboxes and messages live."""

    bodies: IBodies
    queue: IQueue

    async def apply(operations: Sequence[Operation]) -> list[Any]:
        """Carry out the operations as one transaction and return their results in order once it is durable.

        Raises MailError: the kind an operation names, and then nothing of the transaction exists; or NOT_NOW when the store cannot
        answer: then the transaction happened whole or not at all, and the caller cannot know which.
        """

    async def mailbox(account: int, name: str) -> Mailbox | None:
        """The mailbox of this name."""

    async def mailboxes(account: int) -> list[Mailbox]:
        """All mailboxes of an account, by name."""

    async def subscriptions(account: int) -> list[str]:
        """The names that the account is subscribed to, sorted; not all need be mailboxes."""

    async def view(mailbox: int) -> IMailboxView:
        """Select a mailbox: a picture of its own over arrays that all sessions of this process share. Raises NOT_FOUND, NOT_NOW."""

    def fetch(mailbox: int, uids: Intervals, fields: Sequence[Field]) -> AsyncIterator[list[tuple[Any, ...]]]:
        """Say what you want, and get just that: slices (lists) of ``(uid, *values of the fields in their order)``, by UID.

        Messages that are gone are missing. Each slice is as of the moment in which it is asked for; between slices others get their turn.
        """

    async def rows(mailbox: int, first: int = 1, last: int = 0xFFFFFFFF) -> Rows:
        """The index rows with ``first <= uid <= last``."""

    async def rows_in(mailbox: int, uids: Intervals) -> Rows:
        """The index rows in these intervals, for those who keep them themselves. Raises NOT_FOUND."""

    async def changes(mailbox: int, modseq: int) -> tuple[Rows, list[int], bool]:
        """What changed after ``modseq``: the rows with a higher one, the UIDs expunged since, and whether the latter are complete
        (False: records that old were pruned, compare with the full list of UIDs)."""

    async def lock(mailbox: int) -> ILock:
        """Lock a mailbox for this session, in all processes. Raises IN_USE."""

    def subscribe(listener: Callable[[MailboxChanged], None]) -> Callable[[], None]:
        """Call ``listener`` after every commit, of any process, that changed a mailbox; returns a function that ends it."""

    async def ping() -> None:
        """Return when the store can commit; raises NOT_NOW otherwise (health, low disk)."""

    def check_ready() -> None:
        """Raise NOT_NOW if a message could not be taken now: the disk is below the low-space mark, or nobody is there to commit.

        Asked before a client sends its message, and cheap enough for each MAIL.
        """
