"""Which server speaks on a listener."""

from collections.abc import Callable

from twisted.cred.portal import Portal

from mailsvc.core.interfaces.release import IRelease
from mailsvc.core.values import Peer
from mailsvc.smtp.lmtp import LMTPServer
from mailsvc.smtp.server import SMTPServer
from mailsvc.wire.options import ListenerOptions, Protocol

__all__ = ["build"]

_SERVERS = {Protocol.SMTP: SMTPServer, Protocol.SUBMISSION: SMTPServer, Protocol.LMTP: LMTPServer}


def build(
    options: ListenerOptions,
    portal: Portal,
    hostname: str,
    release: IRelease | None = None,
    size_limit: Callable[[Peer], int] | None = None,
) -> Callable[[], SMTPServer]:
    """What makes the protocol of each connection of a listener, for :class:`~mailsvc.wire.factory.ConversationFactory`.

    :param portal: its realm gives IAuthenticated and IDelivery. :param hostname: our name in the greeting and after EHLO.
    :param release: for ETRN, where it is offered at all. :param size_limit: octets that a message of a client may have that has not logged
    in, 0 for no limit; without it, the listener's.
    """
    server = _SERVERS[options.protocol]
    return lambda: server(options, portal, hostname, release, size_limit)
