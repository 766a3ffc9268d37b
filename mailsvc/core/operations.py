"""What the store can be asked to do: the vocabulary of ``IStore.apply``.

One call of ``apply`` carries a sequence of these and is one transaction: all of them are durable when it returns, or none happened.
They are values that cross a process border, so every field is a number, a string, bytes, None or a tuple of those.
UIDs are given and returned as intervals (``NumberSet.ranges``): a hundred thousand elements, or one that spans a million messages, are
carried out in linear time.

Each operation names its result in its docstring; an operation without one yields None. An operation on a mailbox that is given by its id
raises NOT_FOUND (``no-such-mailbox``) if it is gone; one that puts messages into a mailbox given by its name raises NOT_FOUND
(``no-such-target``): there, and only there, the client could make the mailbox and try again (TRYCREATE, RFC 3501 6.4.7).
"""

import attrs

from mailsvc.core.ledger import Row
from mailsvc.core.queued import Outcome, Outgoing
from mailsvc.core.values import Description, Intervals

__all__ = [
    "AddAccount",
    "AddAlias",
    "AddDevice",
    "AddDomain",
    "Append",
    "ChangeAccount",
    "ChangeQueued",
    "ClaimRecent",
    "Copy",
    "CreateMailbox",
    "DeleteMailbox",
    "Deliver",
    "Describe",
    "DropMailbox",
    "EndGrants",
    "Expunge",
    "KeepLedger",
    "Move",
    "Operation",
    "ProveGrant",
    "Record",
    "RegisterName",
    "ReleaseName",
    "RemoveAccount",
    "RemoveAlias",
    "RemoveDevice",
    "RemoveDomain",
    "RenameMailbox",
    "ResealDevice",
    "SetPassword",
    "SetProfile",
    "Settle",
    "SpendGrant",
    "StoreFlags",
    "Subscribe",
    "UseDevices",
]

VerifierRow = tuple[str, bytes, int, bytes, bytes]
"""A SCRAM verifier (RFC 5802 3): hash, salt, iterations, stored key, server key."""


@attrs.frozen
class Operation:
    """Base of all operations."""


# --- directory ---


@attrs.frozen
class AddDomain(Operation):
    """Make a domain with its ``postmaster`` account, or give an existing one more ``aliases``. Result: the domain's id."""

    name: str
    aliases: tuple[str, ...] = ()


@attrs.frozen
class RemoveDomain(Operation):
    """Remove a domain that has no account besides ``postmaster``. Raises IN_USE (with what is left), NOT_FOUND."""

    name: str


@attrs.frozen
class AddAccount(Operation):
    """Make an account with an INBOX. Result: the account's id. Raises EXISTS (also for an address in quarantine), NO_SUCH_DOMAIN.

    :ivar address: canonical address. :ivar login: a further login name, unique within the domain, or ``""``.
    :ivar password_hash: a PHC string, or ``""``: no log-in by password. :ivar quota: octets, 0 for none.
    :ivar verifiers: the password's SCRAM verifiers.
    :ivar mailbox: False: a login without a mailbox; the local part of ``address`` becomes the login, until a name is registered.
    """

    address: str
    login: str = ""
    password_hash: str = attrs.field(default="", repr=False)
    quota: int = 0
    verifiers: tuple[VerifierRow, ...] = attrs.field(default=(), repr=False)
    mailbox: bool = True


@attrs.frozen
class SetPassword(Operation):
    """Replace the password and its SCRAM verifiers. Raises NOT_FOUND; IN_USE if the hash is not ``expected`` (None: whatever it is)."""

    account: int
    password_hash: str = attrs.field(repr=False)
    verifiers: tuple[VerifierRow, ...] = attrs.field(default=(), repr=False)
    expected: str | None = attrs.field(default=None, repr=False)


@attrs.frozen
class AddDevice(Operation):
    """Make a device password (see :class:`mailsvc.core.secrets.Device`). Raises NOT_FOUND, EXISTS (the name), TOO_MANY.

    :ivar device: its id, a random number of 62 bits that is not 0.
    """

    account: int
    device: int
    name: str
    scopes: int
    expires: int
    key: str
    mac: bytes = attrs.field(repr=False)
    sealed: bytes | None = attrs.field(default=None, repr=False)
    verifiers: tuple[VerifierRow, ...] = attrs.field(default=(), repr=False)


@attrs.frozen
class RemoveDevice(Operation):
    """Revoke a device password. Raises NOT_FOUND."""

    account: int
    device: int


@attrs.frozen
class UseDevices(Operation):
    """Note when and from where devices were used last: ``(device, seconds since the epoch, address)`` each."""

    uses: tuple[tuple[int, int, str], ...]


@attrs.frozen
class ResealDevice(Operation):
    """Replace what was made under ``old_key``. Result: whether that was still so."""

    device: int
    old_key: str
    key: str
    mac: bytes = attrs.field(repr=False)
    sealed: bytes | None = attrs.field(repr=False)


@attrs.frozen
class ChangeAccount(Operation):
    """Change what is not None. Raises NOT_FOUND."""

    account: int
    enabled: bool | None = None
    quota: int | None = None
    set_flags: int = 0
    clear_flags: int = 0


@attrs.frozen
class SetProfile(Operation):
    """Replace what an account tells about its owner. Raises NOT_FOUND."""

    account: int
    name: str = ""
    organisation: str = ""
    telephone: str = ""
    reply_to: str = ""


@attrs.frozen
class RegisterName(Operation):
    """Give a login without a mailbox its address and an INBOX. Result: the address.

    Raises NOT_FOUND; EXISTS if the name is taken or in quarantine; IN_USE if the login has a mailbox already.
    """

    account: int
    name: str


@attrs.frozen
class DropMailbox(Operation):
    """Remove the mailbox of an account with all its mail; its login stays. Raises NOT_FOUND; BAD_REQUEST if it has no login of its own.

    :ivar quarantine: for how many seconds nobody may have the address.
    """

    account: int
    quarantine: int = 0


@attrs.frozen
class ReleaseName(Operation):
    """End the quarantine of an address. Raises NOT_FOUND."""

    address: str


@attrs.frozen
class RemoveAccount(Operation):
    """Remove an account and all its mail. Raises NOT_FOUND; IN_USE for a domain's ``postmaster`` unless an alias takes its place.

    :ivar quarantine: for how many seconds nobody may have the address.
    """

    account: int
    quarantine: int = 0


@attrs.frozen
class AddAlias(Operation):
    """Make or replace an alias. Raises EXISTS if an account has the address, NO_SUCH_DOMAIN."""

    address: str
    targets: tuple[str, ...]


@attrs.frozen
class RemoveAlias(Operation):
    """Remove an alias. Raises NOT_FOUND; IN_USE for the last thing that takes a domain's ``postmaster`` mail."""

    address: str


# --- who may relay ---


@attrs.frozen
class ProveGrant(Operation):
    """Somebody has shown who they are at an address: begin a grant there, or renew the one that lives.

    Result: the grant's id, which is ``id`` for a new one; ``""`` if the account answers for no mail, or has changed since ``epoch``.

    :ivar id: random. :ivar epoch: :meth:`IGrants.epoch` at the log-in. :ivar at: now, and ``steady`` on the other clock of the machine's
    start ``boot`` (:mod:`mailsvc.core.clocks`). :ivar expiry: until when this proof counts, ``deadline`` on the other clock.
    :ivar forget: grants that were over before this time are not kept any longer. :ivar address: the client's, for the ledger, whose rows
    of what begins and ends are written in the same transaction. Other fields: :class:`mailsvc.core.relay.Grant`.
    """

    id: str
    network: str
    account: int
    rule: str
    credential: int
    protocol: str
    mechanism: str
    tls: str
    epoch: int
    at: int
    expiry: int
    boot: str
    steady: int
    deadline: int
    forget: int = 0
    address: str = ""


@attrs.frozen
class EndGrants(Operation):
    """End grants that live: all that fit what is given. Result: their ids.

    Sessions that were open before cannot renew them, unless ``why`` is ``"logout"`` or ``"clock"``. Ending none is no error.
    """

    at: int
    why: str
    ids: tuple[str, ...] = ()
    account: int = 0
    network: str = ""


@attrs.frozen
class SpendGrant(Operation):
    """Count a message to other servers, in the transaction that accepts it. Raises TOO_MANY (``relay-limit``, temporary) over a limit.

    Result: whether a grant of the account was used for the first time ever.

    :ivar subjects: under which names it is counted (``IGrants.spent``). :ivar account: whose grant was used, 0: no grant was.
    :ivar most_messages: limits for the hour before ``at``, for each subject; 0: none.
    """

    subjects: tuple[str, ...]
    at: int
    recipients: int
    account: int = 0
    most_messages: int = 0
    most_recipients: int = 0


# --- the ledger ---


@attrs.frozen
class Record(Operation):
    """Write rows into the ledger."""

    rows: tuple[Row, ...]


@attrs.frozen
class KeepLedger(Operation):
    """From now on, forget rows of the ledger that are older than ``seconds``; write those of what the store itself does only if ``on``."""

    seconds: int
    on: bool = True


# --- messages ---


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


# --- the queue ---


@attrs.frozen
class Settle(Operation):
    """Write down what became of recipients in the queue; a message none of whose recipients waits or is held leaves it.

    With the ``Deliver`` of a report in the same transaction, a recipient is reported exactly once. Result: the queue ids of the messages
    that left. Raises NOT_FOUND (``settled``) if one of the recipients neither waits nor is held any more, or if the outcome says that
    a delay was reported which was reported before: then nothing was done.
    WAITING leaves one that is held so: it was held while the try was under way, and only a person releases it (``ChangeQueued``).
    """

    outcomes: tuple[Outcome, ...]


@attrs.frozen
class ChangeQueued(Operation):
    """Change what is not None for recipients that wait or are held; others are passed over. Result: how many there were.

    :ivar recipients: their ids. :ivar held: hold or release. :ivar due: when to try next; not in the second of the arrival, for what is
        due then was not asked for (``on_demand``). :ivar destination: wait for another one.
    """

    recipients: tuple[int, ...]
    held: bool | None = None
    due: int | None = None
    destination: str | None = None


# --- mailboxes ---


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
