"""What the ledger holds: one row for each thing that happened to a message, with its reason and what was seen.

A row is for people: it can be read years later without the message, the grant or the account that it speaks of. So names stand in it as
text, as they were. Times are seconds since the epoch (UTC), those of events with fractions: a refusal, a log-in and an acceptance may share
one second, and people are to read them in the order in which they happened.

A row that is stored is a :class:`Row` of plain values, for it crosses a process border; :mod:`mailsvc.core.ledger_rows` turns one into the
other. :func:`terms` says by which words a row is found.
"""

import enum
import json
from hashlib import blake2b
from typing import NamedTuple

import attrs

from mailsvc.core.relay import RelayDecision

__all__ = [
    "FIRST_USE",
    "PART",
    "REPORT",
    "WRITTEN",
    "Event",
    "Happening",
    "Query",
    "Row",
    "account_term",
    "address_term",
    "hashed",
    "terms",
    "text_term",
]

PART = 4096
"""Rows whose index lies together."""


REPORT, FIRST_USE = "report", "first-use"
WRITTEN = frozenset({REPORT, FIRST_USE})
"""Reasons of messages that this server wrote itself: a report of what became of a message (its evidence ``about`` is the queue id of
that), a letter to who owns an account that somebody has sent by POP-before-SMTP for the first time."""


class Happening(enum.Enum):
    """What happened."""

    REFUSED = "refused"  # a recipient, or a whole message: nothing of it exists
    ACCEPTED = "accepted"  # a message: in mailboxes, or on its way
    SENT = "sent"  # another server has taken it
    HELD = "held"  # in the queue, until somebody releases it
    DEFERRED = "deferred"
    FAILED = "failed"
    REMOVED = "removed"  # by hand, without a word to anybody
    GRANTED = "granted"  # POP-before-SMTP: given, or extended by hand; what log-ins renew is in the decisions that it leads to
    # POP-before-SMTP: revoked, logged out, something was taken from the account; not: its time was over
    ENDED = "ended"


@attrs.frozen(kw_only=True)
class Event:
    """One row.

    :ivar at: when it happened, on the wall clock; whole in rows of earlier releases.
    :ivar queue_id: of the message, ``""`` while it has none. :ivar message_id: the field's value without angle brackets, ``""`` if unknown.
    :ivar account: address of who answers for it, ``""`` for nobody; ``account_id``: its id at the time, 0 for nobody.
    :ivar listener: and ``protocol``: where it came in, and as what (``with`` of Received, RFC 3848: ``"ESMTPSA"``).
    :ivar address: IP address of the client. :ivar sender: reverse-path, ``""`` for ``<>``. :ivar recipients: as RCPT said.
    :ivar readers: for each recipient, the ids of the accounts here that have the message by it; they may read of it. Empty: nobody here.
    Who is on several lists that were named stands with the first.
    :ivar reason: a short stable name, such as ``"no-grant"``. :ivar reply: what the client was told, or what the other server said.
    :ivar evidence: further (name, value) pairs.
    :ivar decision: the relay decision, if there was one.
    """

    at: float
    what: Happening
    queue_id: str = ""
    message_id: str = ""
    account: str = ""
    account_id: int = 0
    listener: str = ""
    protocol: str = ""
    address: str = ""
    helo: str = ""
    sender: str = ""
    recipients: tuple[str, ...] = ()
    readers: tuple[tuple[int, ...], ...] = ()
    size: int = 0
    reason: str = ""
    reply: str = ""
    evidence: tuple[tuple[str, str], ...] = ()
    decision: RelayDecision | None = None


@attrs.frozen(kw_only=True)
class Query:
    """Which rows are wanted; all that is given must fit.

    :ivar text: a queue id, a Message-ID or an address (sender or recipient). :ivar account_id: only what this account may read, of which
    it is shown no more than concerns it; 0: all, for the administrator.
    :ivar address: rows of clients at this IP address. :ivar since: from, and ``until``: before this time, 0: whenever.
    :ivar most: so many, those that were written last.
    """

    text: str = ""
    account_id: int = 0
    address: str = ""
    since: float = 0
    until: float = 0
    most: int = 100


class Row(NamedTuple):
    """An event as it is stored. ``recipients`` and ``readers``: one line each for a recipient; ``more``: JSON, ``""`` for nothing."""

    at: float
    what: str
    queue_id: str
    message_id: str
    account: str
    account_id: int
    listener: str
    protocol: str
    address: str
    helo: str
    sender: str
    recipients: str
    readers: str
    size: int
    reason: str
    reply: str
    more: str


def text_term(text: str) -> str:
    """For a queue id, a Message-ID or a mail address."""
    return text.strip().removeprefix("<").removesuffix(">").lower()


def address_term(address: str) -> str:
    """For an IP address."""
    return f"ip {address}"


def account_term(account: int) -> str:
    """For who may read it."""
    return f"account {account}"


def terms(row: Row) -> set[str]:
    """All words by which a row is found."""
    found = {text_term(row.queue_id), text_term(row.message_id), text_term(row.sender)}
    found.update(map(text_term, row.recipients.split("\n")))
    found.discard("")
    if row.address:
        found.add(address_term(row.address))
    if row.account_id:
        found.add(account_term(row.account_id))
    found.update(account_term(int(number)) for number in row.readers.split())
    if row.reason == REPORT and row.more:
        found.update(text_term(value) for name, value in json.loads(row.more).get("evidence", ()) if name == "about")
    return found


def hashed(term: str) -> int:
    """A term as the index has it: 64 bits; rows that are found by it are looked at."""
    return int.from_bytes(blake2b(term.encode("utf-8", "replace"), digest_size=8).digest(), signed=True)
