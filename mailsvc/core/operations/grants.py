"""What changes who may relay because of having read mail a moment ago."""

import attrs

from mailsvc.core.operations.base import Operation

__all__ = ["EndGrants", "ProveGrant", "SpendGrant"]


@attrs.frozen
class ProveGrant(Operation):
    """Somebody has shown who they are at an address: begin a grant there, or renew the one that lives.

    Result: the grant's id, which is ``id`` for a new one; ``""`` if the account answers for no mail, or has changed since ``epoch``.

    :ivar id: random. :ivar epoch: :meth:`IGrants.epoch` at the log-in. :ivar at: now, and ``steady`` on the other clock of the machine's
    start ``boot`` (:mod:`mailsvc.core.clocks`). :ivar expiry: until when this proof counts, ``deadline`` on the other clock.
    :ivar forget: grants that were over before this time are not kept any longer. :ivar address: the client's, for the ledger, whose rows
    of what begins, is extended by hand and ends are written in the same transaction. Other fields: :class:`mailsvc.core.relay.Grant`.
    """

    id: str
    network: str
    account: int
    rule: str
    credential: int
    protocol: str
    mechanism: str
    tls: str
    epoch: int
    at: int
    expiry: int
    boot: str
    steady: int
    deadline: int
    forget: int = 0
    address: str = ""


@attrs.frozen
class EndGrants(Operation):
    """End grants that live: all that fit what is given. Result: their ids.

    Sessions that were open before cannot renew them, unless ``why`` is ``"logout"`` or ``"clock"``. Ending none is no error.
    """

    at: int
    why: str
    ids: tuple[str, ...] = ()
    account: int = 0
    network: str = ""


@attrs.frozen
class SpendGrant(Operation):
    """Count a message to other servers, in the transaction that accepts it. Raises TOO_MANY (``relay-limit``, temporary) over a limit.

    Result: whether a grant of the account was used for the first time ever.

    :ivar subjects: under which names it is counted (``IGrants.spent``). :ivar account: whose grant was used, 0: no grant was.
    :ivar most_messages: limits for the hour before ``at``, for each subject; 0: none.
    """

    subjects: tuple[str, ...]
    at: int
    recipients: int
    account: int = 0
    most_messages: int = 0
    most_recipients: int = 0
