"""Who may read what: the administrator all, others what concerns them, and of that no more than the mail itself would tell them."""

import attrs

from mailsvc.core.ledger import WRITTEN, Event, Query, terms, text_term
from mailsvc.core.ledger_rows import pack

__all__ = ["seen_by", "shown"]


def shown(event: Event, query: Query) -> Event | None:
    """The event as who asks may read it; None if it is none of their business, or fits only by what they may not know."""
    if not query.account_id:
        return event
    seen = seen_by(event, query.account_id)
    if seen is not None and query.text and text_term(query.text) not in terms(pack(seen)):
        return None
    return seen


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
        evidence=event.evidence if event.reason in WRITTEN else (),
        decision=None,
    )
