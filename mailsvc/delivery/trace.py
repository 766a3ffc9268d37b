"""Queue ids, and the header lines that we put before a message."""

import base64
import os
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache

from mailsvc.core.interfaces.delivery import Recipient
from mailsvc.delivery.services import Sender
from mailsvc.formats.received import Hop, date_time, received, return_path

__all__ = ["make_queue_ids", "rendered_date", "trace"]

_ID_BITS = 32


def make_queue_ids(now: Callable[[], float]) -> Callable[[], str]:
    """Makes ids of 16 characters, unlike any other of any process: the time in ms (they sort by it), then a count from a random start."""
    state = int.from_bytes(os.urandom(_ID_BITS // 8))

    def next_id() -> str:
        nonlocal state
        state = (state + 1) % (1 << _ID_BITS)
        return base64.b32hexencode(((int(now() * 1000) << _ID_BITS) | state).to_bytes(10)).decode("ascii")

    return next_id


@lru_cache(maxsize=4)
def rendered_date(second: int) -> str:
    """The time in the local zone: rendered once a second, not once a message."""
    return date_time(datetime.fromtimestamp(second).astimezone())


def trace(sender: Sender, recipients: list[Recipient], hostname: str, queue_id: str, second: int) -> bytes:
    """Return-Path and Received. Of a grant no more is told than that there was one; whose, is in the ledger."""
    decision = sender.permission.decision
    hop = Hop(
        helo=sender.envelope.helo,
        address=sender.peer.address,
        tls=sender.peer.tls,
        by=hostname,
        protocol=sender.envelope.protocol,
        id=queue_id,
        recipient=recipients[0].forward_path if len(recipients) == 1 else None,
        date=rendered_date(second),
        by_grant=bool(decision and decision.grant),
    )
    return return_path(sender.envelope.reverse_path) + received(hop)
