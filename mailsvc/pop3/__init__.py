"""POP3: reading a mailbox from the INBOX of an account (RFC 1939)."""

from collections.abc import Callable
from typing import Any

from mailsvc.pop3.maildrop import maildrop_factory
from mailsvc.pop3.server import POP3Server
from mailsvc.wire.options import ListenerOptions

__all__ = ["POP3Server", "build", "maildrop_factory"]


def build(options: ListenerOptions, portal: Any, hostname: str) -> Callable[[], POP3Server]:
    """What makes the protocol of each connection of a POP3 listener, for :class:`~mailsvc.wire.factory.ConversationFactory`.

    :param options: the listener's, as every protocol's builder takes them; POP3 finds them in its factory.
    :param portal: a Portal whose realm gives IMaildrop. :param hostname: our name, for the greeting.
    """
    return lambda: POP3Server(portal, hostname)
