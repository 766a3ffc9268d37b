"""The network as the queue needs it: names and next hops."""

from collections.abc import Sequence

from zope.interface import Attribute, Interface

from mailsvc.core.outbound import Answer, Exchanger, Hop, Mail, MailRecipient, Terms

__all__ = ["IConnector", "IMailConnection", "IResolver"]


class IResolver(Interface):
    """DNS. Temporary trouble raises ``MailError(NOT_NOW)``; a name that does not exist ``MailError(NO_SUCH_DOMAIN)``."""

    async def exchangers(domain: str) -> list[Exchanger]:
        """The MX records, in no special order; empty if there are none but the name exists.

        A null MX (RFC 7505) is the one with host ``""``. CNAMEs are followed. U-labels are looked up as A-labels.
        """

    async def addresses(host: str) -> list[str]:
        """IPv6 and IPv4 addresses of a host, as texts; empty if the name exists without any."""


class IMailConnection(Interface):
    """One connection to a next hop, ready for a transaction."""

    hop: Hop = Attribute("The other end.")
    tls: str = Attribute("The protocol version, or an empty text.")
    usable: bool = Attribute("Whether another message may be sent on it.")

    async def send(mail: Mail, recipients: Sequence[MailRecipient]) -> list[Answer]:
        """One transaction. An answer for each recipient, in order; what the host refuses of the message as a whole is the answer for each.

        Raises HopFailed if the connection breaks before all is answered; some recipients' refusals are then lost, which is harmless.
        """

    async def quit() -> None:
        """Say QUIT and close; never raises, never takes long."""

    def abort() -> None:
        """Close at once."""


class IConnector(Interface):
    """Makes connections."""

    async def connect(hop: Hop, terms: Terms) -> IMailConnection:
        """Connect, greet, start TLS and log in as the terms demand. Raises HopFailed."""
