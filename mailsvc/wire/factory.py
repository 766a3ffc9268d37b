"""Makes the conversations of one listener, keeps count of them, and ends them when the server stops.

Limits are those of one process: with several workers each takes its share, for the kernel spreads connections evenly.
"""

from collections.abc import Callable
from typing import Any

from twisted.internet import protocol
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.logger import Logger

from mailsvc.core.few_lines import FewLines
from mailsvc.core.values import Doing, Peer
from mailsvc.wire.conversation import Conversation
from mailsvc.wire.limits import Crowd, plain_address, within
from mailsvc.wire.options import ListenerOptions, TLSMode

__all__ = ["ConversationFactory"]

log = Logger()

TURNED_AWAY = 100
"""Clients at a time that are told why they may not stay: with TLS that takes a handshake. Further ones are cut off without a word."""


class ConversationFactory(protocol.ServerFactory):
    """One listener's factory.

    :ivar debug: whether the dialogue is logged, under ``mailsvc.`` and the protocol's name; may be changed at any time.
    """

    noisy = False
    debug = False

    def __init__(
        self,
        options: ListenerOptions,
        build: Callable[[], Conversation],
        clock: IReactorTime,
        tls: Any = None,
        shares: int = 1,
        observe: Callable[[str], object] = lambda event: None,
        note: Callable[[object, Doing], None] = lambda session, doing: None,
    ) -> None:
        """:param build: makes the protocol for one connection. :param tls: an IOpenSSLServerConnectionCreator, or None.
        :param shares: among how many processes the limits are divided. :param observe: told "connected", "disconnected", "refused".
        :param note: told what a session does once it has logged in.
        """
        self.options = options
        self.clock = clock
        self._few = FewLines(clock, self._left_out)
        self.tls = tls
        self.note = note
        self._build = build
        self._observe = observe
        self._crowd = Crowd(
            total=-(-options.connections // shares),
            per_address=-(-options.connections_per_address // shares),
            per_network=-(-options.connections_per_network // shares),
        )
        self._conversations: set[Conversation] = set()
        self._turned_away: set[Conversation] = set()
        self._log = Logger(namespace=f"mailsvc.{options.protocol.value}")
        self._stopping = False
        self._all_gone: Deferred[None] | None = None

    def buildProtocol(self, addr: IAddress | None) -> Conversation:  # type: ignore[override]
        """One conversation for one connection."""
        conversation = self._build()
        conversation.factory = self
        return conversation

    def peer_of(self, transport: Any) -> Peer:
        """What is known of a client before it says anything."""
        address = plain_address(getattr(transport.getPeer(), "host", None) or "")
        return Peer(
            address=address,
            listener=self.options.name,
            protocol=self.options.protocol.value,
            domain=self.options.domain,
            tls="TLS" if self.options.tls is TLSMode.IMPLICIT else None,
            cleartext_ok=within(address, self.options.cleartext),
            auth_needs_tls=self.options.auth_requires_tls,
            host=plain_address(getattr(transport.getHost(), "host", None) or ""),
        )

    def log_line(self, peer: Peer, speaker: str, line: str) -> None:
        """Log a line of a dialogue. ``speaker``: ``"C"`` or ``"S"``."""
        self._log.debug("{peer} {speaker}: {line}", peer=peer.address, speaker=speaker, line=line)

    def admit(self, conversation: Conversation) -> bool:
        """Count a new connection; False if it is one too many or the server is stopping: it is not counted then."""
        self._conversations.add(conversation)
        address = conversation.peer.address
        exceeded = "stopping" if self._stopping else self._crowd.enter(address)
        if exceeded:
            self._turned_away.add(conversation)
        self._observe("refused" if exceeded else "connected")
        if exceeded and self._few.allow(address):
            log.warn(
                "{listener}: {peer} turned away, limit: {limit}",
                listener=self.options.name,
                peer=address,
                limit=exceeded,
            )
        return exceeded is None

    def _left_out(self, count: int, places: int) -> None:
        log.warn(
            "{listener}: {count} more connections turned away within a minute, from {places} address(es)",
            listener=self.options.name,
            count=count,
            places=places,
        )

    @property
    def swamped(self) -> bool:
        """Whether more clients are being turned away than can be told so."""
        return len(self._turned_away) > TURNED_AWAY

    def dismiss(self, conversation: Conversation) -> None:
        """A connection has ended."""
        self._conversations.discard(conversation)
        if conversation in self._turned_away:
            self._turned_away.remove(conversation)
        else:
            self._crowd.leave(conversation.peer.address)
        self._observe("disconnected")
        if not self._conversations and self._all_gone is not None:
            done, self._all_gone = self._all_gone, None
            done.callback(None)

    async def drain(self, grace: float) -> None:
        """Tell everybody goodbye: idle clients now, busy ones after their command, and after ``grace`` seconds those still at it."""
        self._stopping = True
        for conversation in list(self._conversations):
            conversation.end("shutdown")
        if not self._conversations:
            return
        done: Deferred[None] = Deferred()
        self._all_gone = done
        deadline = self.clock.callLater(grace, self._cut_short)
        await done
        if deadline.active():
            deadline.cancel()

    def _cut_short(self) -> None:
        for conversation in list(self._conversations):
            conversation.cut_short()
