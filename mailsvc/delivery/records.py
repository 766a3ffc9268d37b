"""What the ledger is told of a transaction: one row for the message as a whole, and one for each relay decision that let a part of it out.

::

    sender, recipients, decisions -> accepted -> events, for the transaction that accepts the message
    sender, what is told          -> stopped  -> events, for the same
    sender, MailError             -> refused  -> event, to be noted
"""

from collections.abc import Iterable, Iterator

from mailsvc.core.errors import MailError
from mailsvc.core.interfaces.delivery import Recipient
from mailsvc.core.ledger import Event, Happening
from mailsvc.core.relay import RelayDecision
from mailsvc.core.reports import Action, Told
from mailsvc.delivery.services import Sender
from mailsvc.formats.address import Address
from mailsvc.formats.smtp import mailbox

__all__ = ["accepted", "refused", "stopped"]


def accepted(
    sender: Sender, recipients: Iterable[Recipient], at: float, queue_id: str, message_id: str, size: int
) -> list[Event]:
    """The rows of a message, for who answers for what differs. Recipients whom we take for anybody stand without a decision.

    :param at: seconds since the epoch, with fractions.
    """
    parts: dict[RelayDecision | str, list[Recipient]] = {}
    for recipient in recipients:
        why = sender.permission.allowed.get(recipient.forward_path) or _unasked(recipient)
        parts.setdefault(why, []).append(recipient)
    return [_accepted(sender, why, part, at, queue_id, message_id, size) for why, part in parts.items()]


def _unasked(recipient: Recipient) -> str:
    """Why a recipient needed no decision: he is ours, by whatever address his mail goes on, or his domain is one that we relay for."""
    return "local" if recipient.is_ours else "relay-domain"


def _accepted(
    sender: Sender,
    why: RelayDecision | str,
    recipients: list[Recipient],
    at: float,
    queue_id: str,
    message_id: str,
    size: int,
) -> Event:
    peer, envelope, account = sender.peer, sender.envelope, sender.account
    decision = None if isinstance(why, str) else why
    readers = tuple(_readers(recipients))
    return Event(
        at=at,
        what=Happening.ACCEPTED,
        queue_id=queue_id,
        message_id=message_id,
        account=decision.account if decision else account.address if account else "",
        account_id=decision.account_id if decision else account.id if account else 0,
        listener=peer.listener,
        protocol=envelope.protocol,
        address=peer.address,
        helo=envelope.helo,
        sender=_text(envelope.reverse_path),
        recipients=tuple(mailbox(one.forward_path) for one in recipients),
        readers=readers if any(readers) else (),
        size=size,
        reason=why if isinstance(why, str) else why.reason,
        decision=decision,
    )


def _readers(recipients: Iterable[Recipient]) -> Iterator[tuple[int, ...]]:
    """Who may read of which recipient. Of all the lists that one account is on only the first counts: a row stays as large as the
    recipients and the accounts are, and not as large as the one times the other."""
    listed: set[int] = set()
    for one in recipients:
        ids = tuple(account.id for account in one.accounts)
        if len(ids) > 1:
            ids = tuple(each for each in ids if each not in listed)
            listed.update(ids)
        yield ids


def stopped(sender: Sender, told: Iterable[Told], at: float, queue_id: str, size: int) -> list[Event]:
    """The rows of those recipients to whom an accepted message does not go (the border, loops); its sender has a report of it."""
    return [
        Event(
            at=at,
            what=Happening.FAILED,
            queue_id=queue_id,
            account_id=sender.answers,
            sender=_text(sender.envelope.reverse_path),
            recipients=(one.address,),
            size=size,
            reason=one.status,
            reply=one.reply,
        )
        for one in told
        if one.action is Action.FAILED
    ]


def refused(sender: Sender, recipient: Address | None, at: float, error: MailError) -> Event:
    """The row of a refusal, of a recipient or of the whole message."""
    peer, envelope, account = sender.peer, sender.envelope, sender.account
    return Event(
        at=at,
        what=Happening.REFUSED,
        account=account.address if account else "",
        account_id=account.id if account else 0,
        listener=peer.listener,
        protocol=envelope.protocol,
        address=peer.address,
        helo=envelope.helo,
        sender=_text(envelope.reverse_path),
        recipients=(mailbox(recipient),) if recipient else (),
        reason=error.reason,
        reply=error.text,
        evidence=(("temporary", "yes"),) if error.temporary else (),
    )


def _text(reverse_path: Address | None) -> str:
    return mailbox(reverse_path) if reverse_path else ""
