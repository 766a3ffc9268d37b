"""What becomes of one message, recipient by recipient: mailboxes, the queue, and what its sender is to be told at once. Pure.

::

    recipients, border, size, earlier passes -> dispatch -> Dispatch(accounts, outgoing, told) -> transaction: Deliver, report

An alias keeps the reverse-path (RFC 5321 3.9.1), and the parameters of the sender's recipient go with it (RFC 3461 5.2.7): all of them to a
single target; to several without SUCCESS, for then the sender hears of the expansion instead. ORCPT tells the alias, if the sender gave
none (RFC 3461 5.2.1): reports name the address that the sender knows.

An alias that leads elsewhere and from there back to itself makes a loop, which may multiply the message each time. What has been here for
the same alias before, as our own Received fields tell, is not sent on by it again; nor what has been here :data:`MOST_PASSES` times.
"""

from collections.abc import Iterable, Iterator, Sequence

import attrs

from mailsvc.core.errors import Kind, MailError
from mailsvc.core.interfaces.delivery import Recipient
from mailsvc.core.queued import Notify, OutgoingRecipient
from mailsvc.core.reports import Action, Told
from mailsvc.delivery.border import Border
from mailsvc.delivery.named_twice import merged
from mailsvc.formats.address import Address, canonical_domain
from mailsvc.formats.smtp import mailbox

__all__ = ["MOST_PASSES", "Dispatch", "dispatch"]

MOST_PASSES = 10
"""How often a message may have been here and still be sent on by an alias."""

_LOOP = "Mail loop: the message has been sent on from here before"


@attrs.frozen
class Dispatch:
    """Where a message goes. Each account and each address once, however many recipients lead there."""

    accounts: tuple[int, ...]
    outgoing: tuple[OutgoingRecipient, ...]
    told: tuple[Told, ...]


def dispatch(recipients: Iterable[Recipient], border: Border, size: int, passes: Sequence[str] = ()) -> Dispatch:
    """What becomes of a message of ``size`` octets. Raises TOO_BIG if it would go out only, and may not; BAD_CONTENT if it only loops.

    :param passes: for whom it has been here before (:func:`mailsvc.formats.received.passes`).
    """
    accounts: dict[int, None] = {}
    outgoing: _Elsewhere = {}
    stopped: _Elsewhere = {}
    told: list[Told] = []
    looping = False
    for recipient in recipients:
        if recipient.is_alias and (recipient.forward_path.canonical in passes or len(passes) >= MOST_PASSES):
            told.append(_looping(recipient))
            looping = True
            continue
        accounts |= dict.fromkeys(account.id for account in recipient.accounts)
        leaves = False
        for address, one in _elsewhere(recipient):
            may = border.lets_out(address, size)
            leaves |= may
            _add(outgoing if may else stopped, address.local, one)
        told += _successes(recipient, leaves)
    told += (_stopped(one, border) for one in stopped.values())
    if looping and not accounts and not outgoing:
        raise MailError(Kind.BAD_CONTENT, "mail-loop", _LOOP)
    if not accounts and not outgoing:
        raise border.leaving.refusal()
    return Dispatch(tuple(accounts), tuple(outgoing.values()), tuple(told))


# --- to other servers ---


_Elsewhere = dict[tuple[str, str], OutgoingRecipient]
"""By local part and canonical domain."""


def _elsewhere(recipient: Recipient) -> Iterator[tuple[Address, OutgoingRecipient]]:
    """The addresses elsewhere behind a recipient, each with what the queue is to know of it."""
    notify, orcpt = recipient.notify, _original(recipient)
    if recipient.is_alias and _targets(recipient) > 1 and notify & Notify.SUCCESS:
        notify = (notify & ~Notify.SUCCESS) or Notify.NEVER  # 5.2.7.3 (c); nothing left is not the same as nothing said
    for address in recipient.outside:
        yield address, OutgoingRecipient(mailbox(address), canonical_domain(address.domain), int(notify), orcpt)


def _add(found: _Elsewhere, local: str, one: OutgoingRecipient) -> None:
    key = (local, one.destination)
    first = found.setdefault(key, one)
    if first is not one:
        found[key] = first._replace(notify=merged(first.notify, one.notify))


def _targets(recipient: Recipient) -> int:
    return len(recipient.accounts) + len(recipient.outside)


def _original(recipient: Recipient) -> str:
    if recipient.orcpt or not recipient.is_alias:
        return recipient.orcpt
    # RFC 6533 3: an address beyond ASCII has a type of its own.
    return f"{'rfc822' if recipient.forward_path.is_ascii else 'utf-8'};{mailbox(recipient.forward_path)}"


# --- to the sender ---


def _successes(recipient: Recipient, leaves: bool) -> list[Told]:
    """RFC 3461 5.2.3 and 5.2.7: of what is only sent on, the next server tells, or our queue."""
    several = _targets(recipient) > 1
    if not recipient.notify & Notify.SUCCESS or not (recipient.accounts or (leaves and several)):
        return []
    action, status = (Action.EXPANDED, "2.0.0") if leaves else (Action.DELIVERED, "2.1.5")
    return [Told(mailbox(recipient.forward_path), action, status, recipient.notify, recipient.orcpt)]


def _looping(recipient: Recipient) -> Told:
    return Told(
        address=mailbox(recipient.forward_path),
        action=Action.FAILED,
        status="5.4.6",
        notify=recipient.notify,
        orcpt=recipient.orcpt,
        reply=f"554 5.4.6 {_LOOP}",
    )


def _stopped(one: OutgoingRecipient, border: Border) -> Told:
    limit = border.leaving
    return Told(
        address=one.address,
        action=Action.FAILED,
        status="5.3.4",
        notify=one.notify,
        orcpt=one.orcpt,
        reply=f"552 5.3.4 {limit.refusal().text}",
        limit=limit.octets,
    )
