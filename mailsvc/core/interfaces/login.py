"""Credentials of a connection, and what a completed log-in yields."""

from twisted.cred.credentials import ICredentials
from zope.interface import Attribute, Interface

from mailsvc.core.values import Account, Peer

__all__ = ["IAuthenticated", "IConnection", "ISession"]


class ISession(Interface):
    """What a protocol passes as the mind of a log-in if the session that follows can be ended from our side."""

    def end(reason: str) -> None:
        """End it: at once if nothing runs, else after the running command, and before long in any case.

        :param reason: ``"shutdown"``, or ``"revoked"``: what the client logged in with is worth nothing any more.
        """


class IAuthenticated(Interface):
    """The avatar of a completed SMTP AUTH: proof that somebody logged in, made by the realm only."""

    account: Account = Attribute("Who logged in.")
    mechanism: str = Attribute("By which SASL mechanism.")


class IConnection(ICredentials):
    """Credentials that only the connection layer can make: where a client is and what it has proved so far."""

    peer: Peer = Attribute("Address, listener, TLS state.")
    helo: str = Attribute("The name given in HELO or EHLO.")
    authenticated: IAuthenticated | None = Attribute("The avatar of a completed AUTH on this connection, or None.")
