"""What a delivery status notification says (RFC 3464 2.2, 2.3)."""

from datetime import datetime

import attrs

__all__ = ["Bounce", "DeliveryStatus", "RecipientStatus"]


@attrs.frozen(kw_only=True)
class RecipientStatus:
    """Of one recipient.

    :ivar final: the address as the reporting server accepted it. :ivar original: as the sender named it, ``type;address``, ``""`` if he
    did not. :ivar action: ``"failed"``, ``"delayed"``, ``"delivered"``, ``"relayed"`` or ``"expanded"``. :ivar status: RFC 3463.
    :ivar remote: name of the server that said it, ``""`` if none was asked. :ivar diagnostic: what was said, ``type;words``, ``""`` if
    nothing; type ``smtp``: with the reply code. :ivar tried: the last attempt. :ivar until: how long it will be tried.
    """

    final: str
    action: str
    status: str
    original: str = ""
    remote: str = ""
    diagnostic: str = ""
    tried: datetime | None = None
    until: datetime | None = None


@attrs.frozen(kw_only=True)
class DeliveryStatus:
    """Of one message.

    :ivar reporter: name of the server that reports. :ivar envelope_id: ENVID (RFC 3461 4.4). :ivar arrived: there.
    """

    reporter: str
    recipients: tuple[RecipientStatus, ...]
    envelope_id: str = ""
    arrived: datetime | None = None


@attrs.frozen(kw_only=True)
class Bounce:
    """A report that was read.

    :ivar style: ``"rfc3464"``, or which old form it has: ``"exim"``, ``"qmail"``. :ivar message_id: of the message reported about, with
    angle brackets; ``""`` if the report does not show it.
    """

    status: DeliveryStatus
    style: str = "rfc3464"
    message_id: str = ""
