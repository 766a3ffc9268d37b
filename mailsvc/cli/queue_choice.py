"""Which recipients in the queue a command means: options that the commands of ``mailsvc queue`` share.

Everything that is said must hold. A command that changes something asks for at least one restriction, or ``--all``.
"""

import time
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any, TypeVar

import attrs
import click

from mailsvc.cli.house import House
from mailsvc.cli.params import DURATION
from mailsvc.cli.words import option, texts
from mailsvc.core.options import Duration
from mailsvc.core.queued import QueuedMessage, QueuedRecipient
from mailsvc.formats.address import canonical_domain
from mailsvc.store.connect import gather

__all__ = ["Choice", "Entry", "changing", "choosing"]

F = TypeVar("F", bound=Callable[..., Any])
Entry = tuple[QueuedMessage, QueuedRecipient]
"""One recipient of a message."""


@attrs.frozen(kw_only=True)
class Choice:
    """What was asked for; None and what is empty restrict nothing.

    :ivar ids: queue ids. :ivar sender: and ``recipient``: addresses, case folded; ``""``: the null sender.
    :ivar domain: the destination that is waited for, canonical. :ivar older_than: seconds since the arrival, at least.
    :ivar reason: part of a status or of what was said last, case folded.
    """

    ids: frozenset[str] = frozenset()
    sender: str | None = None
    recipient: str | None = None
    domain: str | None = None
    older_than: Duration | None = None
    reason: str | None = None

    def entries(self, house: House) -> Iterator[Entry]:
        """What waits or is held and was asked for, oldest message first; read a slice at a time. Raises MailError NOT_NOW."""
        before = time.time() - (self.older_than or 0)
        return (entry for entry in gather(house.store.queue.listing()) if self._means(*entry, before))

    @property
    def restricts(self) -> bool:
        """Whether anything was asked for."""
        return self != Choice()

    def _means(self, message: QueuedMessage, recipient: QueuedRecipient, before: float) -> bool:
        return (
            (not self.ids or message.queue_id in self.ids)
            and message.arrived <= before
            and (self.sender is None or message.sender.casefold() == self.sender)
            and (self.recipient is None or recipient.address.casefold() == self.recipient)
            and (self.domain is None or recipient.destination == self.domain)
            and (self.reason is None or self.reason in f"{recipient.status} {recipient.reply}".casefold())
        )


_OPTIONS = (
    click.argument("ids", nargs=-1, metavar="[QUEUE-ID]..."),
    option("--sender", metavar="ADDRESS", help="cli.queue-sender"),
    option("--recipient", metavar="ADDRESS", help="cli.queue-recipient"),
    option("--domain", metavar="DESTINATION", help="cli.queue-domain"),
    option("--older-than", type=DURATION, metavar="TIME", help="cli.queue-older-than"),
    option("--reason", metavar="TEXT", help="cli.queue-reason"),
)


def choosing(command: F) -> F:
    """Give a command the options; it gets a :class:`Choice` for them as the keyword ``choice``."""

    @wraps(command)
    def chosen(*args: Any, ids: tuple[str, ...], sender: str | None, recipient: str | None, domain: str | None,
               older_than: Duration | None, reason: str | None, **others: Any) -> Any:  # fmt: skip
        choice = Choice(
            ids=frozenset(ids),
            sender=_folded(sender),
            recipient=_folded(recipient),
            domain=None if domain is None else canonical_domain(domain),
            older_than=older_than,
            reason=None if reason is None else reason.casefold(),
        )
        return command(*args, choice=choice, **others)

    for add in reversed(_OPTIONS):
        chosen = add(chosen)
    return chosen  # type: ignore[return-value]


def changing(command: F) -> F:
    """The same for a command that changes what it is asked to: without a restriction, it wants ``--all``.

    The command raises click.UsageError if neither or both are given.
    """

    @wraps(command)
    def chosen(*args: Any, choice: Choice, everything: bool, **others: Any) -> Any:
        if choice.restricts == everything:
            raise click.UsageError(texts().say("queue.which"))
        return command(*args, choice=choice, **others)

    return choosing(option("--all", "everything", is_flag=True, help="cli.queue-all")(chosen))  # type: ignore[return-value]


def _folded(address: str | None) -> str | None:
    """As addresses are compared here: people type them in any case, and ``<>`` for the null sender."""
    return None if address is None else address.strip("<>").casefold()
