"""Another server asks for its mail (ETRN, RFC 1985): what waits for its domain is due at once.

Mail goes the configured way, whoever asks for it: a stranger could gain nothing by asking but trouble the queue, so only the networks of
the ``[[relay_domain]]`` may, and once in :data:`INTERVAL` seconds is often enough.
"""

from collections.abc import Callable

import attrs
from twisted.logger import Logger
from zope.interface import implementer

from mailsvc.core.errors import Kind, MailError
from mailsvc.core.interfaces.release import IRelease
from mailsvc.core.interfaces.store import IStore
from mailsvc.core.operations import ChangeQueued
from mailsvc.core.values import Peer
from mailsvc.formats.address import canonical_domain
from mailsvc.queue.options import RelayDomainOptions, find_relay_domain
from mailsvc.wire.limits import within

__all__ = ["INTERVAL", "Release"]

log = Logger(namespace="mailsvc.queue")

INTERVAL = 60
"""Seconds after which a domain's mail can be asked for again."""


@implementer(IRelease)
@attrs.frozen
class Release:
    """See :class:`~mailsvc.core.interfaces.release.IRelease`."""

    store: IStore
    domains: tuple[RelayDomainOptions, ...]
    now: Callable[[], float]
    _asked: dict[tuple[str, bool], float] = attrs.field(factory=dict)

    def offered(self, peer: Peer) -> bool:
        """Whether this client may ask for anything at all."""
        return any(within(peer.address, one.etrn) for one in self.domains)

    async def release(self, node: str, below: bool, peer: Peer) -> int | None:
        """Try now what waits for a domain. Raises FORBIDDEN, NOT_NOW."""
        domain = canonical_domain(node)
        if not self._allowed(domain, peer):
            raise MailError(Kind.FORBIDDEN, "etrn-not-allowed", detail=node)
        if self._too_soon(domain, below):
            return None
        recipients = await (self._below(domain, peer) if below else self.store.queue.bound_for(domain))
        count = 0
        if recipients:
            (count,) = await self.store.apply([ChangeQueued(tuple(recipients), due=int(self.now()))])
        self._asked[domain, below] = self.now()
        log.info("ETRN {domain} from {peer}: {count} recipients due", domain=node, peer=peer.address, count=count)
        return count

    def _allowed(self, domain: str, peer: Peer) -> bool:
        found = find_relay_domain(self.domains, domain)
        return found is not None and within(peer.address, found.etrn)

    def _too_soon(self, domain: str, below: bool) -> bool:
        """Whether it was asked for within the interval; what was asked for before that is forgotten."""
        now = self.now()
        for key, last in list(self._asked.items()):
            if not 0 <= now - last < INTERVAL:
                del self._asked[key]
        return (domain, below) in self._asked

    async def _below(self, domain: str, peer: Peer) -> list[int]:
        """RFC 1985 5.3: what waits for it and for names below it, as far as this client may ask for them."""
        found = []
        async for tickets in self.store.queue.waiting():
            for ticket in tickets:
                name = ticket.destination
                if (name == domain or name.endswith("." + domain)) and self._allowed(name, peer):
                    found.append(ticket.recipient)
        return found
