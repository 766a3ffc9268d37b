"""Values for reports to senders (delivery status notifications, RFC 3464): what became of their mail.

Times are whole seconds since the epoch (UTC), sizes octets; addresses as in :mod:`mailsvc.core.queued`.
"""

import enum
from collections.abc import Awaitable, Callable

import attrs

from mailsvc.formats.smtp_replies import is_reply

__all__ = ["Action", "Original", "Told"]


class Action(enum.Enum):
    """What was done with a recipient (RFC 3464 2.3.3)."""

    FAILED = "failed"
    DELAYED = "delayed"  # it is still being tried
    DELIVERED = "delivered"  # into the mailbox
    RELAYED = "relayed"  # to a server that knows no DSN
    EXPANDED = "expanded"  # an alias that leads to several addresses; of these others may report


@attrs.frozen
class Told:
    """What there is to tell about one recipient; whether the sender wants to know is not asked here.

    :ivar address: the recipient as it was accepted. :ivar status: RFC 3463, ``"5.1.1"``. :ivar notify: bits of ``Notify``.
    :ivar orcpt: as in ``OutgoingRecipient``. :ivar reply: the remote's own words, the reply code first (``"550 5.1.1 no such user"``),
    or ours. :ivar host: who said it, or was tried in vain, ``name [address]``; ``""``: nobody was. :ivar at: of the last attempt, 0 if
    there was none. :ivar until: until when it is tried (DELAYED), else 0. :ivar limit: octets that the message may have where it was too
    big, 0 if unknown.
    """

    address: str
    action: Action
    status: str
    notify: int = 0
    orcpt: str = ""
    reply: str = ""
    host: str = ""
    at: int = 0
    until: int = 0
    limit: int = 0

    @property
    def answered(self) -> bool:
        """Whether ``reply`` is the host's; else it is ours."""
        return bool(self.host) and is_reply(self.reply)


@attrs.frozen
class Original:
    """The message that is reported about: what its envelope said, and its octets.

    :ivar read: ``read(offset, length)`` gives its octets from the first one that was (or would be) sent on, ``b""`` only at their end.
    It may know no more than the header, or not even that: then no more is returned. :ivar size: of all of it. Other fields: ``Outgoing``.
    """

    queue_id: str
    sender: str
    arrived: int
    size: int
    read: Callable[[int, int], Awaitable[bytes]]
    utf8: bool = False
    ret: str = ""
    envid: str = ""
