"""The store's contract: what every backend promises (``tests/store/contract`` holds each backend to it).

All of it is asynchronous, and no file name, rename or link is visible: SQLite with files today, PostgreSQL with an object store tomorrow.
"""

from collections.abc import Callable, Sequence
from typing import Any

from zope.interface import Attribute, Interface

from mailsvc.core.operations import Operation
from mailsvc.core.values import Body, Mailbox, MailboxChanged, Rows

__all__ = ["IBodies", "IBodyWriter", "ILock", "IStore"]


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

    async def apply(operations: Sequence[Operation]) -> list[Any]:
        """Carry out the operations as one transaction and return their results in order once it is durable.

        Raises MailError: the kind an operation names, and then nothing of the transaction exists; or NOT_NOW when the store cannot
        answer: then the transaction happened whole or not at all, and the caller cannot know which.
        """

    async def mailbox(account: int, name: str) -> Mailbox | None:
        """The mailbox of this name."""

    async def mailboxes(account: int) -> list[Mailbox]:
        """All mailboxes of an account, by name."""

    async def rows(mailbox: int, first: int = 1, last: int = 0xFFFFFFFF) -> Rows:
        """The index rows with ``first <= uid <= last``."""

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
