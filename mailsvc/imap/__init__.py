"""IMAP4rev1: many clients at the mailboxes of an account at once (RFC 3501)."""

from collections.abc import Callable
from typing import Any

from mailsvc.imap.mailboxes import mailboxes_factory
from mailsvc.imap.server import IMAPServer
from mailsvc.wire.options import ListenerOptions

__all__ = ["IMAPServer", "build", "mailboxes_factory"]


def build(options: ListenerOptions, portal: Any, hostname: str) -> Callable[[], IMAPServer]:
    """What makes the protocol of each connection of an IMAP listener, for :class:`~mailsvc.wire.factory.ConversationFactory`.

    :param options: the listener's. :param portal: a Portal whose realm gives IMailboxes. :param hostname: our name, for the greeting.
    """
    return lambda: IMAPServer(portal, hostname, options.message_size)
