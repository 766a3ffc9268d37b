"""Makes connections to next hops."""

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any

import attrs
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint, connectProtocol
from twisted.internet.error import ConnectError
from zope.interface import implementer

from mailsvc.core.interfaces.outbound import IConnector
from mailsvc.core.outbound import Hop, HopFailed, Terms, TLSDemand
from mailsvc.net.options import SMTPTimeouts
from mailsvc.net.smtp_client.connection import SMTPConnection
from mailsvc.net.smtp_client.line import Line
from mailsvc.net.smtp_client.opening import TLSFailed, open_session
from mailsvc.net.smtp_client.tls import ClientTLS
from mailsvc.net.smtp_client.words import ours

__all__ = ["SMTPConnector"]


@implementer(IConnector)
class SMTPConnector:
    """See :class:`IConnector`. TLS that fails where it was only wished for is followed by a second connection without it (RFC 7435)."""

    def __init__(self, reactor: Any, timeouts: SMTPTimeouts | None = None, tls: ClientTLS | None = None) -> None:
        self._reactor = reactor
        self._timeouts = _table(timeouts or SMTPTimeouts())
        self._tls = tls or ClientTLS()

    async def connect(self, hop: Hop, terms: Terms) -> SMTPConnection:
        """A connection that is ready for a message. Raises HopFailed."""
        try:
            return await self._connect(hop, terms)
        except TLSFailed as failed:
            if terms.tls is not TLSDemand.OPPORTUNISTIC or terms.credentials is not None or hop.implicit_tls:
                raise failed.failure from None
        return await self._connect(hop, attrs.evolve(terms, tls=TLSDemand.NEVER))

    async def _connect(self, hop: Hop, terms: Terms) -> SMTPConnection:
        line = Line(hop, self._reactor, self._timeouts)
        try:
            await connectProtocol(self._endpoint(hop, terms.source), line)
        except (ConnectError, OSError, ValueError) as error:
            raise HopFailed(hop, ours("4.4.1", f"cannot connect: {_words(error)}", "connect")) from None
        try:
            return SMTPConnection(line, await open_session(line, terms, self._tls), terms.lmtp)
        except BaseException:
            line.fail("4.4.2", "given up")
            raise

    def _endpoint(self, hop: Hop, source: str) -> TCP4ClientEndpoint | TCP6ClientEndpoint:
        """A source of the other family has no meaning for this hop. Raises ValueError for what is no address."""
        version = ip_address(hop.address).version
        endpoint = TCP4ClientEndpoint if version == 4 else TCP6ClientEndpoint
        bind = (source, 0) if source and ip_address(source).version == version else None
        return endpoint(self._reactor, hop.address, hop.port, self._timeouts["connect"], bind)


def _words(error: Exception) -> str:
    return (str(error) or type(error).__name__).rstrip(".")


def _table(timeouts: SMTPTimeouts) -> Mapping[str, float]:
    """Phase -> seconds."""
    return {
        "connect": timeouts.connect,
        "greeting": timeouts.greeting,
        "EHLO": timeouts.command,
        "STARTTLS": timeouts.command,
        "TLS": timeouts.tls,
        "AUTH": timeouts.command,
        "MAIL": timeouts.command,
        "RCPT": timeouts.command,
        "DATA": timeouts.data,
        "block": timeouts.block,
        "end": timeouts.end,
        "QUIT": timeouts.quit,
    }
