"""Credentials of a connection, and what a completed log-in yields."""

from twisted.cred.credentials import ICredentials
from zope.interface import Attribute, Interface

from mailsvc.core.values import Account, Peer

__all__ = ["IAuthenticated", "IConnection"]


class IAuthenticated(Interface):
    """The avatar of a completed SMTP AUTH: proof that somebody logged in, made by the realm only."""

    account: Account = Attribute("Who logged in.")
    mechanism: str = Attribute("By which SASL mechanism.")


class IConnection(ICredentials):
    """Credentials that only the connection layer can make: where a client is and what it has proved so far."""

    peer: Peer = Attribute("Address, listener, TLS state.")
    helo: str = Attribute("The name given in HELO or EHLO.")
    authenticated: IAuthenticated | None = Attribute("The avatar of a completed AUTH on this connection, or None.")
