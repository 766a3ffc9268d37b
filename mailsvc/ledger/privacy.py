"""Who may read what: the administrator all, others what concerns them, and of that no more than the mail itself would tell them."""

import attrs

from mailsvc.core.ledger import Event

__all__ = ["seen_by"]


def seen_by(event: Event, account: int) -> Event | None:
    """The event as this account may read it; None if it is none of its business.

    Who answers for a message sees all of its row. Who received it sees from whom and when, and of the recipients only the addresses by
    which it came to them: not those of a Bcc, nor how its sender had logged in.
    """
    if account == event.account_id:
        return event
    mine = [place for place, accounts in enumerate(event.readers) if account in accounts]
    if not mine:
        return None
    return attrs.evolve(
        event,
        account="",
        account_id=0,
        recipients=tuple(event.recipients[place] for place in mine),
        readers=((account,),) * len(mine),
        evidence=(),
        decision=None,
    )
