"""What changes the tree of mailboxes, and the list of subscriptions."""

import attrs

from mailsvc.core.operations.base import Operation

__all__ = ["CreateMailbox", "DeleteMailbox", "RenameMailbox", "Subscribe"]


@attrs.frozen
class CreateMailbox(Operation):
    """Make a mailbox, and those above it that are missing (RFC 3501 6.3.3). Result: its id.

    Raises EXISTS (``mailbox-exists``; ``special-use-taken`` if another mailbox has the attribute, RFC 6154 3), BAD_REQUEST
    (``bad-mailbox-name``, with a text for people), TOO_MANY, NOT_FOUND (the account).

    :ivar special_use: attributes such as ``\\Sent``. :ivar exist_ok: result is the id of the one that exists, which stays as it is.
    """

    account: int
    name: str
    special_use: tuple[str, ...] = ()
    exist_ok: bool = False


@attrs.frozen
class DeleteMailbox(Operation):
    """Remove a mailbox with all its messages; those below it stay, and its name stays as long as there are any (RFC 3501 6.3.4).

    Raises BAD_REQUEST (``inbox-stays``), NOT_FOUND, and IN_USE, not temporary (``has-children``: the name is no mailbox any more, but
    others are below it).
    """

    account: int
    name: str


@attrs.frozen
class RenameMailbox(Operation):
    """Rename a mailbox, or a name that only has others below it, with all that is below it (RFC 3501 6.3.5). UIDVALIDITY and ids stay.

    INBOX itself cannot go: its messages move to the new mailbox, and what is below INBOX stays. Subscriptions are names, and stay.
    Raises EXISTS (the target or something below it), BAD_REQUEST (``bad-mailbox-name``, ``into-itself``), NOT_FOUND.
    """

    account: int
    name: str
    new: str


@attrs.frozen
class Subscribe(Operation):
    """Put a name on the account's list of subscriptions, or take it off; it may be the name of no mailbox (RFC 3501 6.3.6). Raises
    TOO_MANY, BAD_REQUEST (``bad-mailbox-name``), NOT_FOUND (the account)."""

    account: int
    name: str
    on: bool = True
