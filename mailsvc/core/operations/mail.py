"""What puts messages into mailboxes, changes them there, and takes them away."""

import attrs

from mailsvc.core.operations.base import Operation
from mailsvc.core.queued import Outgoing
from mailsvc.core.values import Description, Intervals

__all__ = ["Append", "ClaimRecent", "Copy", "Deliver", "Describe", "Expunge", "Move", "StoreFlags"]


@attrs.frozen
class Deliver(Operation):
    """Put one message into the named mailbox of each account (made if missing, with those above it), and into the queue.

    Result: a tuple of ``(mailbox id, uid, uidvalidity)``, one for each account in order. Raises QUOTA (naming the account; never
    a postmaster), NOT_FOUND.

    :ivar accounts: account ids, each once. :ivar prefix: the header lines that we add. :ivar data: the exact bytes received, or None
    when they are in the file ``location``. :ivar size: length of the body without the prefix. :ivar date: internal date.
    :ivar description: what ``IBodies.describe`` said, or None: it is made when it is first asked for. :ivar outgoing: the recipients
    elsewhere; without it there must be an account.
    """

    accounts: tuple[int, ...]
    prefix: bytes
    size: int
    date: int
    data: bytes | None = None
    location: str | None = None
    mailbox: str = "INBOX"
    flags: int = 0
    check_quota: bool = True
    description: Description | None = None
    outgoing: Outgoing | None = None


@attrs.frozen
class Append(Operation):
    """Put one message into a mailbox that exists (RFC 3501 6.3.11); several in one transaction are MULTIAPPEND (RFC 3502).

    Result: ``(mailbox id, uid, uidvalidity)``. Raises QUOTA, TOO_MANY (keywords), NOT_FOUND.

    :ivar flags: system bits, with ``SystemFlag.UTF8`` if the message came as UTF8 (RFC 6855 4). :ivar keywords: names.
    Other fields: :class:`Deliver`.
    """

    account: int
    mailbox: str
    size: int
    date: int
    data: bytes | None = None
    location: str | None = None
    flags: int = 0
    keywords: tuple[str, ...] = ()
    check_quota: bool = True
    description: Description | None = None


@attrs.frozen
class StoreFlags(Operation):
    """Change flags of messages; those that are gone are passed over. What clients may not change (``UTF8``) stays as it is.

    Result: ``(modseq, unmodified)``: the mailbox's modseq after it, which is the modseq of all rows that this changed and of no other, or 0
    if it changed nothing; and the UIDs (intervals) that were left alone for ``unchanged_since``. Rows whose flags are already so keep
    their modseq.
    Raises TOO_MANY (``too-many-keywords``), NOT_FOUND.

    :ivar add, remove: system bits. :ivar add_keywords, remove_keywords: names, in any case; new ones are learnt in this spelling.
    :ivar replace: first remove all flags (``STORE FLAGS``). :ivar unchanged_since: only rows with no higher modseq (RFC 7162 3.1.3).
    """

    mailbox: int
    uids: Intervals
    add: int = 0
    remove: int = 0
    add_keywords: tuple[str, ...] = ()
    remove_keywords: tuple[str, ...] = ()
    replace: bool = False
    unchanged_since: int | None = None


@attrs.frozen
class Copy(Operation):
    """Copy messages into the mailbox ``target`` of the same account, with flags and internal dates (RFC 3501 6.4.7); all or none.

    Result: ``(uidvalidity of the target, source UIDs, target UIDs)``, both as intervals and in the same order, for COPYUID (RFC 4315 3);
    those that are gone are passed over. Raises QUOTA, TOO_MANY (keywords), NOT_FOUND.
    """

    mailbox: int
    uids: Intervals
    target: str


@attrs.frozen
class Move(Operation):
    """Move messages into the mailbox ``target`` of the same account (RFC 6851), as one step.

    Result and errors: as for :class:`Copy`, but never QUOTA.
    """

    mailbox: int
    uids: Intervals
    target: str


@attrs.frozen
class Expunge(Operation):
    """Remove messages for good; those that are gone are passed over. Result: the UIDs removed now, as intervals.

    A thousand take about 12 ms, in which nobody else is served: whoever removes many does it in several transactions.

    :ivar deleted_only: only those with ``\\Deleted`` (EXPUNGE, UID EXPUNGE).
    """

    mailbox: int
    uids: Intervals
    deleted_only: bool = False


@attrs.frozen
class ClaimRecent(Operation):
    """Take the messages that no session has claimed yet: they are ``\\Recent`` in the session that asks (RFC 3501 2.3.2), at SELECT.

    Result: the lowest UID that is recent now. Only the UID up to which messages were claimed is kept (``Mailbox.recent``): nothing is
    written for a message. Messages that arrive while a mailbox is selected are recent in every session that has it selected and in the
    next that selects it ("if it is not possible to determine [...] SHOULD be considered recent"). Not needed if ``recent == uidnext``.
    """

    mailbox: int


@attrs.frozen
class Describe(Operation):
    """Keep the description of a message that has none: one from before there were any. Harmless if it has one, or is gone.

    :ivar content: a ``Rows.contents``.
    """

    content: int
    description: Description
