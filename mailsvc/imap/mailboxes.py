"""The avatar of an IMAP log-in: the mailboxes of one account over the store. Each change is one ``apply``."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

from twisted.logger import Logger
from zope.interface import implementer

from mailsvc.core.errors import Kind, MailError
from mailsvc.core.interfaces.mailboxes import Copied, FlagChange, IMailboxes, NewMessage
from mailsvc.core.interfaces.store import Field, IStore
from mailsvc.core.interfaces.view import IMailboxView
from mailsvc.core.operations import (
    Append,
    ClaimRecent,
    Copy,
    CreateMailbox,
    DeleteMailbox,
    Expunge,
    Move,
    Operation,
    RenameMailbox,
    StoreFlags,
    Subscribe,
)
from mailsvc.core.values import INBOX, Account, Mailbox
from mailsvc.formats.imap.sets import NumberSet

__all__ = ["USUAL", "Mailboxes", "mailboxes_factory"]

_log = Logger(namespace="mailsvc.imap")

USUAL = {"Drafts": "\\Drafts", "Sent": "\\Sent", "Junk": "\\Junk", "Trash": "\\Trash"}
"""The mailboxes that an account gets at its first log-in, with their use (RFC 6154 2)."""

Factory = Callable[[Account, Any], Awaitable[tuple[IMailboxes, Callable[[], None]]]]
"""What the realm calls for a log-in: account and mind -> the avatar and what ends it."""


Elsewhere = Callable[..., Awaitable[Any]]
"""Takes a function and its arguments; runs it where nobody has to wait for it."""


async def _here(function: Callable[..., Any], *args: Any) -> Any:
    return function(*args)


def mailboxes_factory(store: IStore, elsewhere: Elsewhere = _here) -> Factory:
    """The realm's factory for IMailboxes. It raises NOT_NOW. ``elsewhere``: for long computations, such as a search."""

    async def factory(account: Account, mind: Any) -> tuple[IMailboxes, Callable[[], None]]:
        mailboxes = Mailboxes(store, account, elsewhere)
        await mailboxes.prepare()
        return mailboxes, lambda: None

    return factory


@implementer(IMailboxes)
class Mailboxes:
    """One account's mailboxes."""

    __slots__ = ("_elsewhere", "_store", "account", "bodies")

    def __init__(self, store: IStore, account: Account, elsewhere: Elsewhere = _here) -> None:
        self.account = account
        self._elsewhere = elsewhere
        self.bodies = store.bodies
        self._store = store

    async def _apply(self, operation: Operation) -> Any:
        (result,) = await self._store.apply([operation])
        return result

    async def elsewhere(self, function: Callable[..., Any], *args: Any) -> Any:
        """The result of a long computation."""
        return await self._elsewhere(function, *args)

    # --- what there is ---

    async def prepare(self) -> None:
        """Make the usual mailboxes while there is nothing but INBOX; if the store takes nothing now, at the next log-in."""
        if [mailbox.name for mailbox in await self.all()] != [INBOX]:
            return
        account = self.account.id
        made = [CreateMailbox(account, name, (use,), exist_ok=True) for name, use in USUAL.items()]
        try:
            await self._store.apply([*made, *(Subscribe(account, name) for name in (INBOX, *USUAL))])
        except MailError as error:
            if error.kind is not Kind.NOT_NOW:
                raise
            # A full disk: what is in INBOX can be read all the same.
            _log.warn("{account}: the usual mailboxes are not made: {error}", account=self.account.address, error=error)

    async def all(self) -> list[Mailbox]:
        """All mailboxes, by name."""
        return await self._store.mailboxes(self.account.id)

    async def find(self, name: str) -> Mailbox | None:
        """The mailbox of this name."""
        return await self._store.mailbox(self.account.id, name)

    async def subscriptions(self) -> list[str]:
        """Names subscribed to."""
        return await self._store.subscriptions(self.account.id)

    # --- a selected mailbox ---

    async def view(self, mailbox: int) -> IMailboxView:
        """Select a mailbox."""
        return await self._store.view(mailbox)

    async def claim_recent(self, mailbox: int) -> int:
        """Take the messages that are recent to nobody else."""
        lowest: int = await self._apply(ClaimRecent(mailbox))
        return lowest

    def fetch(self, mailbox: int, uids: NumberSet, fields: Sequence[Field]) -> AsyncIterator[list[tuple[Any, ...]]]:
        """Slices of what was asked for."""
        return self._store.fetch(mailbox, uids.ranges, fields)

    async def store_flags(self, mailbox: int, uids: NumberSet, change: FlagChange) -> tuple[int, NumberSet]:
        """Change flags; the modseq of what changed, and the UIDs left alone."""
        modseq, unmodified = await self._apply(
            StoreFlags(
                mailbox,
                uids.ranges,
                add=change.add,
                remove=change.remove,
                add_keywords=change.add_keywords,
                remove_keywords=change.remove_keywords,
                replace=change.replace,
                unchanged_since=change.unchanged_since,
            )
        )
        return modseq, NumberSet(unmodified)

    async def expunge(self, mailbox: int, uids: NumberSet) -> NumberSet:
        """Remove those with ``\\Deleted`` for good."""
        return NumberSet(await self._apply(Expunge(mailbox, uids.ranges, deleted_only=True)))

    async def copy(self, mailbox: int, uids: NumberSet, target: str) -> Copied:
        """Copy messages, all or none."""
        return _copied(await self._apply(Copy(mailbox, uids.ranges, target)))

    async def move(self, mailbox: int, uids: NumberSet, target: str) -> Copied:
        """Move messages, as one step."""
        return _copied(await self._apply(Move(mailbox, uids.ranges, target)))

    # --- new messages ---

    async def check_space(self, octets: int) -> None:
        """Raise QUOTA or NOT_NOW if a message of this size has no place."""
        self._store.check_ready()
        # How full it is now, the transaction will see; what can never fit need not be sent.
        if self.account.quota and octets > self.account.quota:
            raise MailError(Kind.QUOTA, "over-quota", detail=self.account.address)

    async def append(self, name: str, messages: Sequence[NewMessage]) -> tuple[int, NumberSet]:
        """Put messages into a mailbox, all or none; UIDVALIDITY and their UIDs."""
        operations = [await self._append(name, message) for message in messages]
        results = await self._store.apply(operations)
        return results[0][2], NumberSet.of(uid for _, uid, _ in results)

    async def _append(self, name: str, message: NewMessage) -> Append:
        body = await message.writer.close()
        return Append(
            self.account.id,
            name,
            body.size,
            message.date,
            data=body.data,
            location=body.location,
            flags=message.flags,
            keywords=message.keywords,
            description=await self.bodies.describe(b"", body),
        )

    # --- names ---

    async def create(self, name: str, special_use: Sequence[str] = ()) -> int:
        """Make a mailbox and those above it."""
        made: int = await self._apply(CreateMailbox(self.account.id, name, tuple(special_use)))
        return made

    async def delete(self, name: str) -> None:
        """Remove a mailbox with all its messages."""
        await self._apply(DeleteMailbox(self.account.id, name))

    async def rename(self, name: str, new: str) -> None:
        """Rename a mailbox with all below it."""
        await self._apply(RenameMailbox(self.account.id, name, new))

    async def subscribe(self, name: str, on: bool) -> None:
        """Put a name on the list of subscriptions or take it off."""
        await self._apply(Subscribe(self.account.id, name, on))


def _copied(result: Any) -> Copied:
    uidvalidity, source, target = result
    return Copied(uidvalidity, NumberSet(source), NumberSet(target))
