"""Values of the queue: mail on its way to other servers.

A message in the queue is one row, each recipient of it another; both live beside the mailboxes, in the same database, so that accepting
a message is one transaction whoever its recipients are. The kinds that go into operations are named tuples: they cross a process border.

Times are whole seconds since the epoch (UTC), sizes octets. Addresses are texts as RCPT says them, without angle brackets
(:func:`mailsvc.formats.smtp.mailbox`); the null sender is ``""``.
"""

import enum
from typing import NamedTuple

import attrs

from mailsvc.formats.dsn_parameters import Notify

__all__ = [
    "Attempt",
    "Notify",
    "Outcome",
    "Outgoing",
    "OutgoingRecipient",
    "QueueChanged",
    "QueuedMessage",
    "QueuedRecipient",
    "State",
    "Ticket",
]


class State(enum.IntEnum):
    """Where a recipient stands. All but the first two are final: reported, if somebody is to be told."""

    WAITING = 0
    HELD = 1  # by hand, until it is released
    SENT = 2  # the next server has taken it, and with it the duty to report (DSN)
    RELAYED = 3  # the next server has taken it, but knows no DSN (RFC 3461 5.2.2)
    FAILED = 4
    REMOVED = 5  # by hand, without a word to anybody


class OutgoingRecipient(NamedTuple):
    """One recipient elsewhere.

    ``destination``: under what it waits: the canonical domain, until it is rerouted. ``notify``: bits of :class:`Notify`. ``orcpt``:
    the original recipient as ``type;address``, xtext undone; ``""`` if the sender said none.
    """

    address: str
    destination: str
    notify: int = 0
    orcpt: str = ""


class Outgoing(NamedTuple):
    """The envelope under which a message enters the queue, for ``Deliver``.

    ``account``: who answers for it, 0 for nobody (reports, forwarded mail). ``skip``: octets at the start of our prefix that are for
    mailboxes only (Return-Path). ``body``: ``"7BIT"`` or ``"8BITMIME"``. ``ret``: ``""``, ``"FULL"`` or ``"HDRS"``; ``envid``: xtext undone
    (RFC 3461 4.3, 4.4). ``due``: when to try first.
    """

    queue_id: str
    sender: str
    account: int
    arrived: int
    due: int
    skip: int
    recipients: tuple[OutgoingRecipient, ...]
    body: str = "7BIT"
    utf8: bool = False
    ret: str = ""
    envid: str = ""


class Outcome(NamedTuple):
    """What became of one try, or of a decision by hand, for ``Settle``.

    ``recipient``: its id. ``state``: a :class:`State`. ``due``: the next try, if it waits. ``status``: RFC 3463, ``"4.4.1"``.
    ``host``: who said it, or was tried in vain, ``name [address]``; ``""``: nobody was. ``reply``: the remote's own words, the reply code
    first, or ours (:func:`mailsvc.formats.smtp_replies.is_reply`). ``tls``: protocol version or ``""``. ``tried``: whether it counts as an
    attempt. ``warned``: a delay was reported with this.
    """

    recipient: int
    state: int
    due: int
    at: int
    status: str
    reply: str
    host: str = ""
    tls: str = ""
    tried: bool = True
    warned: bool = False


class Ticket(NamedTuple):
    """What the schedule keeps of one recipient that waits: little, for there may be a million of them.

    ``sender``: among whom turns are taken: the account's id as text, else the sender's address. ``report``: it has the null sender.
    """

    recipient: int
    queue_id: str
    destination: str
    sender: str
    due: int
    attempts: int
    arrived: int
    size: int
    report: bool


@attrs.frozen
class QueuedMessage:
    """A message in the queue. ``content``: for ``IBodies``; ``size``: octets with our prefix. Other fields: :class:`Outgoing`."""

    queue_id: str
    content: int
    size: int
    sender: str
    account: int
    arrived: int
    skip: int
    body: str
    utf8: bool
    ret: str
    envid: str


@attrs.frozen
class QueuedRecipient:
    """A recipient of it, with the last word about it."""

    id: int
    queue_id: str
    address: str
    destination: str
    notify: int
    orcpt: str
    state: State
    due: int
    attempts: int
    warned: bool
    status: str
    reply: str
    host: str
    at: int


@attrs.frozen
class Attempt:
    """One try at one recipient, kept as long as the message is in the queue. Fields: :class:`Outcome`."""

    recipient: int
    at: int
    state: State
    status: str
    host: str
    tls: str
    reply: str


@attrs.frozen
class QueueChanged:
    """Published in every process after a commit that put recipients into the queue, changed them by hand, or settled some without a try.

    What a try did is not told: who tried knows it.

    :ivar queue_ids: of which messages; empty: look at all.
    """

    queue_ids: tuple[str, ...] = ()
