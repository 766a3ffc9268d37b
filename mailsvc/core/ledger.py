"""What the ledger holds: one row for each thing that happened to a message, each with its reason and what was seen.

A row is for people: it can be read years later without the message, the grant or the account that it speaks of. So names stand in it as
text, as they were. Times are whole seconds since the epoch (UTC).
"""

import enum

import attrs

from mailsvc.core.relay import RelayDecision

__all__ = ["Event", "Happening", "Query"]


class Happening(enum.Enum):
    """What happened."""

    REFUSED = "refused"  # a recipient, or a whole message: nothing of it exists
    ACCEPTED = "accepted"  # a recipient: in a mailbox, or on its way
    SENT = "sent"  # another server has taken it
    DEFERRED = "deferred"
    FAILED = "failed"
    GRANTED = "granted"  # POP-before-SMTP: given, renewed
    ENDED = "ended"  # POP-before-SMTP: revoked, logged out


@attrs.frozen(kw_only=True)
class Event:
    """One row.

    :ivar queue_id: of the message, ``""`` while it has none. :ivar message_id: the field's value without angle brackets, ``""`` if unknown.
    :ivar account: address of who answers for it, ``""`` for nobody; ``account_id``: its id at the time, 0 for nobody.
    :ivar address: IP address of the client. :ivar sender: reverse-path, ``""`` for ``<>``. :ivar recipient: one of them, as RCPT said.
    :ivar reason: a short stable name, such as ``"no-grant"``. :ivar reply: what the client was told, ``""`` if that is the usual.
    :ivar evidence: further (name, value) pairs.
    :ivar decision: the relay decision, if there was one.
    """

    at: int
    what: Happening
    queue_id: str = ""
    message_id: str = ""
    account: str = ""
    account_id: int = 0
    listener: str = ""
    address: str = ""
    helo: str = ""
    sender: str = ""
    recipient: str = ""
    size: int = 0
    reason: str = ""
    reply: str = ""
    evidence: tuple[tuple[str, str], ...] = ()
    decision: RelayDecision | None = None


@attrs.frozen(kw_only=True)
class Query:
    """Which rows are wanted; all that is given must fit.

    :ivar text: a queue id, a Message-ID or an address (sender or recipient). :ivar account_id: rows of this account only.
    :ivar address: rows of clients at this IP address. :ivar since: from, and ``until``: before this time. :ivar most: rows, newest first.
    """

    text: str = ""
    account_id: int = 0
    address: str = ""
    since: int = 0
    until: int = 0
    most: int = 100
