"""The names of an account as a tree, for LIST and LSUB: what exists, what only has others below it, what is subscribed to."""

from collections.abc import Iterable, Sequence

from mailsvc.core.values import INBOX, Mailbox
from mailsvc.formats.imap.names import parents

__all__ = ["Tree"]


class Tree:
    """Names and what is known of them. ``names``: INBOX, then all others sorted, names without a mailbox included."""

    def __init__(self, mailboxes: Sequence[Mailbox], subscribed: Iterable[str]) -> None:
        self.mailboxes = {mailbox.name: mailbox for mailbox in mailboxes}
        self.subscribed = frozenset(subscribed)
        self._with_children = {parent for name in self.mailboxes for parent in parents(name)}
        self.names = in_order({*self.mailboxes, *self._with_children})

    def uses(self, name: str) -> tuple[str, ...]:
        """The special uses of a mailbox (RFC 6154)."""
        mailbox = self.mailboxes.get(name)
        return mailbox.special_use if mailbox is not None else ()

    def attributes(self, name: str, extended: bool) -> list[str]:
        """Whether it can be selected, whether there is anything below it, what it is for (RFC 3501 7.2.2, RFC 3348, RFC 5258 3)."""
        found = []
        if name not in self.mailboxes:
            # \\NonExistent implies \\Noselect, but only those who know RFC 5258 know that.
            found += ["\\NonExistent", "\\Noselect"] if extended else ["\\Noselect"]
        found.append("\\HasChildren" if name in self._with_children else "\\HasNoChildren")
        return [*found, *self.uses(name)]


def in_order(names: Iterable[str]) -> list[str]:
    """Sorted, INBOX first."""
    return sorted(names, key=lambda name: (name != INBOX, name))
