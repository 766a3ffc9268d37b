"""The queue of a store that was restored from a backup or saved from damage.

What such a store shows as waiting may have been sent since: its rows are older than the accident. So all of it is held until a person
has looked and releases, returns or removes it (``mailsvc queue``); nothing is sent twice by itself, and nothing is lost.
"""

from typing import Any

import apsw

from mailsvc.core.queued import Outgoing, OutgoingRecipient, State
from mailsvc.store.context import Context
from mailsvc.store.sql_queue import enqueue

__all__ = ["envelope", "hold_all", "relink", "take_in"]


def hold_all(db: apsw.Connection) -> int:
    """Hold every recipient that waits. Returns how many are held now."""
    db.execute("UPDATE queued_recipient SET state=? WHERE state=?", (State.HELD, State.WAITING))
    row = db.execute("SELECT count(*) FROM queued_recipient WHERE state=?", (State.HELD,)).fetchone()
    return int(str(row[0])) if row else 0


def envelope(facts: dict[str, Any]) -> Outgoing | None:
    """The envelope that the file of a large message tells of; None if there is none that makes sense."""
    try:
        outgoing = Outgoing(*facts["queue"])
        outgoing = outgoing._replace(recipients=tuple(OutgoingRecipient(*one) for one in outgoing.recipients))
    except (KeyError, TypeError, ValueError):
        return None
    return outgoing if outgoing.recipients else None


def relink(db: apsw.Connection, queue_id: str, content: int) -> bool:
    """Give a message that was found again back to its row in the queue. Returns whether there is one."""
    db.execute("UPDATE queued SET content=? WHERE queue_id=?", (content, queue_id))
    return db.changes() > 0


def take_in(db: apsw.Connection, outgoing: Outgoing, content: int) -> None:
    """A message whose row is lost waits again, for all its recipients."""
    enqueue(Context(db, None), outgoing, content)
