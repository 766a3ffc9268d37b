"""What the queue has to tell: what became of a recipient at another server, as an event for the transaction that settles it."""

from mailsvc.core.ledger import Event, Happening

__all__ = ["outcome"]


def outcome(
    what: Happening,
    at: int,
    queue_id: str,
    sender: str,
    recipient: str,
    status: str,
    reply: str,
    host: str = "",
    tls: str = "",
    account_id: int = 0,
) -> Event:
    """One try. ``what``: SENT, DEFERRED or FAILED.

    :param status: RFC 3463, ``"4.4.1"``. :param host: who said the reply, ``name [address]``; ``""``: we did. :param tls: version.
    :param account_id: of who answers for the message, and so may read of it; 0: nobody.
    """
    evidence = (("status", status), ("host", host), ("tls", tls))
    return Event(
        at=at,
        what=what,
        queue_id=queue_id,
        account_id=account_id,
        sender=sender,
        recipients=(recipient,),
        reason=status,
        reply=reply,
        evidence=tuple((name, value) for name, value in evidence if value),
    )
