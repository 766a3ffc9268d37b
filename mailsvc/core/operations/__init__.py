"""What the store can be asked to do: the vocabulary of ``IStore.apply``.

One call of ``apply`` carries a sequence of these and is one transaction: all of them are durable when it returns, or none happened.
They are values that cross a process border, so every field is a number, a string, bytes, None or a tuple of those.
UIDs are given and returned as intervals (``NumberSet.ranges``): a hundred thousand elements, or one that spans a million messages, are
carried out in linear time.

Each operation names its result in its docstring; an operation without one yields None. An operation on a mailbox that is given by its id
raises NOT_FOUND (``no-such-mailbox``) if it is gone; one that puts messages into a mailbox given by its name raises NOT_FOUND
(``no-such-target``): there, and only there, the client could make the mailbox and try again (TRYCREATE, RFC 3501 6.4.7).

They are imported from here; the files beside this one say what each means, one file for each thing that they change.
"""

from mailsvc.core.operations.accounts import (
    AddAccount,
    ChangeAccount,
    DropMailbox,
    RegisterName,
    ReleaseName,
    RemoveAccount,
    SetProfile,
)
from mailsvc.core.operations.base import Operation
from mailsvc.core.operations.domains import AddAlias, AddDomain, RemoveAlias, RemoveDomain
from mailsvc.core.operations.grants import EndGrants, ProveGrant, SpendGrant
from mailsvc.core.operations.ledger import KeepLedger, Record
from mailsvc.core.operations.mail import Append, ClaimRecent, Copy, Deliver, Describe, Expunge, Move, StoreFlags
from mailsvc.core.operations.mailboxes import CreateMailbox, DeleteMailbox, RenameMailbox, Subscribe
from mailsvc.core.operations.passwords import AddDevice, RemoveDevice, ResealDevice, SetPassword, UseDevices
from mailsvc.core.operations.queue import ChangeQueued, Settle

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
