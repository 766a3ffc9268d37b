"""The mailboxes of one account, as IMAP works with them: the avatar of an IMAP log-in.

Whatever changes something is one transaction, durable when it returns. UIDs are :class:`~mailsvc.formats.imap.sets.NumberSet`; mailboxes
are named while they are worked on from outside and known by id while they are selected.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import attrs
from zope.interface import Attribute, Interface

from mailsvc.core.interfaces.store import Field, IBodies, IBodyWriter
from mailsvc.core.interfaces.view import IMailboxView
from mailsvc.core.values import Account, Mailbox
from mailsvc.formats.imap.sets import NumberSet

__all__ = ["Copied", "FlagChange", "IMailboxes", "NewMessage"]


@attrs.frozen
class NewMessage:
    """One message of an APPEND, with its octets in ``writer``.

    :ivar flags: system bits, with ``SystemFlag.UTF8`` if it was sent as UTF8. :ivar keywords: names. :ivar date: internal date.
    """

    writer: IBodyWriter
    date: int
    flags: int = 0
    keywords: tuple[str, ...] = ()


@attrs.frozen
class FlagChange:
    """What a STORE does to flags: system bits and keyword names to add and to remove.

    :ivar replace: remove all others first. :ivar unchanged_since: only messages with no higher modseq (RFC 7162 3.1.3).
    """

    add: int = 0
    remove: int = 0
    add_keywords: tuple[str, ...] = ()
    remove_keywords: tuple[str, ...] = ()
    replace: bool = False
    unchanged_since: int | None = None


@attrs.frozen
class Copied:
    """Where messages went, for COPYUID and APPENDUID: the n-th of ``source`` became the n-th of ``target``."""

    uidvalidity: int
    source: NumberSet
    target: NumberSet


class IMailboxes(Interface):
    """What a person may do with their mail. Errors are those of the operations in :mod:`mailsvc.core.operations`, and NOT_NOW."""

    account: Account = Attribute("Whose mail it is.")
    bodies: IBodies = Attribute("To read messages from, and to write new ones into.")

    async def elsewhere(function: Callable[..., Any], *args: Any) -> Any:
        """The result of a long computation, which nobody else has to wait for meanwhile."""

    async def prepare() -> None:
        """Make the usual mailboxes, if the account has none but INBOX and the store takes them now."""

    async def all() -> list[Mailbox]:
        """All mailboxes, by name."""

    async def find(name: str) -> Mailbox | None:
        """The mailbox of this name."""

    async def subscriptions() -> list[str]:
        """Names subscribed to, sorted; not all need be mailboxes."""

    async def view(mailbox: int) -> IMailboxView:
        """Select a mailbox."""

    async def claim_recent(mailbox: int) -> int:
        """Take the messages that are recent to nobody else; returns the lowest UID that is recent now."""

    def fetch(mailbox: int, uids: NumberSet, fields: Sequence[Field]) -> AsyncIterator[list[tuple[Any, ...]]]:
        """See ``IStore.fetch``."""

    async def check_space(octets: int) -> None:
        """Whether a message of this size may come: raises QUOTA, or NOT_NOW if the disk is low."""

    async def append(name: str, messages: Sequence[NewMessage]) -> tuple[int, NumberSet]:
        """Put messages into a mailbox, all or none; returns UIDVALIDITY and their UIDs."""

    async def store_flags(mailbox: int, uids: NumberSet, change: FlagChange) -> tuple[int, NumberSet]:
        """Change flags; returns the modseq of what changed (0: nothing), and the UIDs left alone for ``unchanged_since``."""

    async def expunge(mailbox: int, uids: NumberSet) -> NumberSet:
        """Remove those with ``\\Deleted`` for good; returns which those were."""

    async def copy(mailbox: int, uids: NumberSet, target: str) -> Copied:
        """Copy messages, all or none."""

    async def move(mailbox: int, uids: NumberSet, target: str) -> Copied:
        """Move messages, as one step."""

    async def create(name: str, special_use: Sequence[str] = ()) -> int:
        """Make a mailbox and those above it."""

    async def delete(name: str) -> None:
        """Remove a mailbox with all its messages."""

    async def rename(name: str, new: str) -> None:
        """Rename a mailbox with all below it; of INBOX move the messages."""

    async def subscribe(name: str, on: bool) -> None:
        """Put a name on the list of subscriptions or take it off."""
