"""From a listener's options to the factory of its connections: a table from protocol to the room that speaks it."""

from collections.abc import Callable
from functools import partial
from typing import Any

import attrs

from mailsvc import imap, pop3, poppassd, smtp
from mailsvc.app.rooms import Rooms
from mailsvc.auth.doors import usable
from mailsvc.core.values import Active
from mailsvc.monitor import counters
from mailsvc.wire.conversation import Conversation
from mailsvc.wire.factory import ConversationFactory
from mailsvc.wire.options import ListenerOptions, Protocol, TLSMode

__all__ = ["PROTOCOLS", "make_factory"]

Builder = Callable[[ListenerOptions, Any, str], Callable[[], Conversation]]
"""Takes the listener's options, the portal and our hostname; yields what makes a protocol for one connection."""

PROTOCOLS: dict[Protocol, Builder] = {
    Protocol.SMTP: smtp.build,
    Protocol.SUBMISSION: smtp.build,
    Protocol.LMTP: smtp.build,
    Protocol.POP3: pop3.build,
    Protocol.IMAP: imap.build,
    Protocol.POPPASSD: poppassd.build,
}

_COUNTERS: dict[str, Callable[[str], None]] = {
    "connected": counters.connection_opened,
    "disconnected": counters.connection_closed,
    "refused": counters.connection_refused,
}


def make_factory(rooms: Rooms, options: ListenerOptions) -> ConversationFactory:
    """The factory of one listener in one process."""
    options = attrs.evolve(options, mechanisms=usable(options.mechanisms, rooms.config.auth, rooms.config.oauth))
    builder = PROTOCOLS[options.protocol]
    if builder is smtp.build:
        release = rooms.release if options.protocol is Protocol.SMTP else None
        builder = partial(smtp.build, release=release, size_limit=rooms.reception.size_limit)
    return ConversationFactory(
        options,
        builder(options, rooms.portal, rooms.config.hostname),
        rooms.reactor,
        tls=None if options.tls is TLSMode.NONE else rooms.tls,
        shares=rooms.config.workers,
        observe=partial(_observe, options.protocol.value),
        note=lambda session, doing: rooms.store.bus.publish(Active(session, doing)),
    )


def _observe(protocol: str, event: str) -> None:
    _COUNTERS[event](protocol)
