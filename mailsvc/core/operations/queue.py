"""What changes the recipients that wait in the queue. (Mail enters it with :class:`~mailsvc.core.operations.mail.Deliver`.)"""

import attrs

from mailsvc.core.operations.base import Operation
from mailsvc.core.queued import Outcome

__all__ = ["ChangeQueued", "Settle"]


@attrs.frozen
class Settle(Operation):
    """Write down what became of recipients in the queue; a message none of whose recipients waits or is held leaves it.

    With the ``Deliver`` of a report in the same transaction, a recipient is reported exactly once. Result: the queue ids of the messages
    that left. Raises NOT_FOUND (``settled``) if one of the recipients neither waits nor is held any more, or if the outcome says that
    a delay was reported which was reported before: then nothing was done.
    WAITING leaves one that is held so: it was held while the try was under way, and only a person releases it (``ChangeQueued``).
    """

    outcomes: tuple[Outcome, ...]


@attrs.frozen
class ChangeQueued(Operation):
    """Change what is not None for recipients that wait or are held; others are passed over. Result: how many there were.

    :ivar recipients: their ids. :ivar held: hold or release. :ivar due: when to try next; not in the second of the arrival, for what is
        due then was not asked for (``on_demand``). :ivar destination: wait for another one.
    """

    recipients: tuple[int, ...]
    held: bool | None = None
    due: int | None = None
    destination: str | None = None
