"""A world (of ``tests.smtp`` or ``tests.pop3``) behind a real socket with real TLS."""

import datetime
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred

from mailsvc.net.certificates import self_signed
from mailsvc.net.tls import KeyPair, ServerTLS
from mailsvc.testing.sockets import converse

__all__ = ["converse_over_tls"]

_TLS = ServerTLS(KeyPair(*self_signed(["localhost"], datetime.datetime.now(datetime.UTC))))


async def converse_over_tls(script: str, world: Any, watch: Callable[[Any], object] = lambda server: None) -> None:
    """Carry out a script on a connection with TLS from the first byte, and wait for its end on both sides. Raises Mismatch.

    :param world: made with ``clock=reactor``. :param watch: is shown the server's protocol after each piece of data that it received.
    """
    from twisted.internet import reactor

    build = world.factory.buildProtocol
    over: Deferred[None] = Deferred()

    def watched(address: Any) -> Any:
        protocol = build(address)
        receive, lose = protocol.dataReceived, protocol.connectionLost
        protocol.dataReceived = lambda data: (receive(data), watch(protocol))
        protocol.connectionLost = lambda reason: (lose(reason), over.callback(None))
        return protocol

    world.factory.buildProtocol = watched
    world.factory.tls = _TLS
    await converse(script, world.factory, reactor, implicit=True)
    await over
