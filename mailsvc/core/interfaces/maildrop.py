"""A mailbox as POP3 sees it: frozen at log-in, locked, deleted from at QUIT (RFC 1939)."""

from collections.abc import Collection, Sequence

from zope.interface import Attribute, Interface

from mailsvc.core.values import Account

__all__ = ["IMaildrop"]


class IMaildrop(Interface):
    """The avatar of a POP3 log-in. It exists only while it holds the lock: the realm gives it opened or raises IN_USE."""

    account: Account = Attribute("Whose mail it is.")
    sizes: Sequence[int] = Attribute("Octets of each message as it is sent, in order.")
    uidls: Sequence[str] = Attribute("Unique ids, in order, stable for the life of the mailbox.")

    utf8: Collection[int] = Attribute("Which messages came with SMTPUTF8, so that their header fields may hold UTF-8.")

    async def read(index: int, offset: int = 0, length: int = -1) -> bytes:
        """Bytes of message ``index`` (from 0), from ``offset``. Raises EXPUNGED if another client removed it meanwhile."""

    async def update(deleted: Collection[int], retrieved: Collection[int]) -> None:
        """The UPDATE state (RFC 1939 6): remove, mark as seen, return when durable. Raises NOT_NOW if there is something to remove."""

    def close() -> None:
        """Give the lock back."""
