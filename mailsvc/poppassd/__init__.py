"""poppassd: changing a password from old mail programs (Eudora and its like). Off unless a listener is configured."""

from collections.abc import Callable
from typing import Any

from mailsvc.poppassd.server import PopPassServer
from mailsvc.wire.options import ListenerOptions

__all__ = ["PopPassServer", "build"]


def build(options: ListenerOptions, portal: Any, hostname: str) -> Callable[[], PopPassServer]:
    """What makes the protocol of each connection, for :class:`~mailsvc.wire.factory.ConversationFactory`."""
    return lambda: PopPassServer(portal, hostname)
