"""Taking a message in: what an SMTP or LMTP session may do once the portal has said who it is.

One :class:`IDelivery` avatar serves a connection until it logs in or upgrades to TLS; each mail transaction is a :class:`ITransaction`.
"""

from collections.abc import Sequence

import attrs
from zope.interface import Attribute, Interface

from mailsvc.core.values import Account, Peer
from mailsvc.formats.address import Address

__all__ = ["Envelope", "IDelivery", "ITransaction", "Recipient"]


@attrs.frozen
class Envelope:
    """What MAIL said.

    :ivar reverse_path: None for the null sender ``<>``. :ivar size: the SIZE parameter, 0 if not given.
    :ivar helo: the name the client gave. :ivar utf8: SMTPUTF8 was given. :ivar protocol: ``with`` of Received (RFC 3848, 6531 4.3).
    :ivar ret: ``"FULL"``, ``"HDRS"`` or ``""``. :ivar envid: xtext undone, ``""`` if not given (RFC 3461 4.3, 4.4).
    """

    reverse_path: Address | None
    helo: str
    size: int = 0
    utf8: bool = False
    body: str = "7BIT"
    protocol: str = "ESMTP"
    ret: str = ""
    envid: str = ""


@attrs.frozen
class Recipient:
    """One accepted recipient: the forward-path and where it leads.

    :ivar accounts: those here that receive. :ivar outside: addresses elsewhere: the forward-path itself, or what an alias leads to.
    :ivar notify: bits of :class:`~mailsvc.core.queued.Notify`. :ivar orcpt: ``type;address``, xtext undone, ``""`` if not given.
    """

    forward_path: Address
    accounts: tuple[Account, ...] = ()
    outside: tuple[Address, ...] = ()
    notify: int = 0
    orcpt: str = ""

    @property
    def is_alias(self) -> bool:
        """Whether what goes outside goes to another address than the one that was named."""
        return bool(self.outside) and self.outside != (self.forward_path,)

    @property
    def is_ours(self) -> bool:
        """Whether the address is one of this server, by whatever address its mail goes on."""
        return bool(self.accounts) or self.is_alias


class ITransaction(Interface):
    """One mail transaction, from MAIL to the reply after the data."""

    recipients: Sequence[Recipient] = Attribute("The accepted recipients, in order, each as often as it was named.")

    async def rcpt(forward_path: Address, notify: int = 0, orcpt: str = "") -> Recipient:
        """Accept a recipient; ``notify``, ``orcpt``: see :class:`Recipient`.

        Raises NO_SUCH_USER, NO_SUCH_DOMAIN, DISABLED, QUOTA, RELAY_DENIED, TOO_BIG (for a recipient beyond the border), NOT_NOW, TOO_MANY.
        """

    def write(data: bytes) -> None:
        """Add bytes of the message (after transparency was undone). Bytes past the size limit are counted and dropped."""

    async def commit() -> str:
        """End of data: judge and store the message for all recipients as one transaction. Returns the queue id when it is durable.

        Raises TOO_BIG, BAD_CONTENT (bare CR, LF or NUL; mail loop), QUOTA, NOT_NOW: nothing of the message exists then.
        """

    def abort() -> None:
        """Forget the transaction (RSET, lost connection, new EHLO)."""


class IDelivery(Interface):
    """The right to hand in mail, as far as this client goes."""

    peer: Peer = Attribute("Who is handing in mail.")
    account: Account | None = Attribute("Who answers for what is relayed; None: local recipients only.")

    async def expand(address: Address) -> Sequence[Address]:
        """Whom mail for an address of ours reaches (RFC 5321 3.5). Raises NO_SUCH_USER, DISABLED, RELAY_DENIED (not ours), NOT_NOW."""

    async def mail(envelope: Envelope) -> ITransaction:
        """Begin a transaction. Raises TOO_BIG by SIZE, NOT_NOW (low disk, store down)."""
