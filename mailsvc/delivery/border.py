"""How big a message may be: on its listener, and where it enters or leaves the institution.

A message enters when somebody hands it in who has not logged in, for whom no account answers otherwise (POP before SMTP, a certificate),
and whose address is not inside; it leaves for a recipient elsewhere whose domain is not inside. What SIZE announces is held against the
limits at MAIL and RCPT (RFC 1870 6), what really came after the data.
"""

import attrs

from mailsvc.core.errors import Kind, MailError
from mailsvc.core.values import Peer
from mailsvc.delivery.options import BorderOptions
from mailsvc.formats.address import Address, canonical_domain
from mailsvc.wire.limits import within

__all__ = ["Border", "SizeLimit"]


@attrs.frozen
class SizeLimit:
    """A limit, and how a refusal calls it.

    :ivar octets: 0 for no limit.
    """

    octets: int = 0
    name: str = "the limit"

    def allows(self, size: int) -> bool:
        """Whether a message of ``size`` octets may pass."""
        return not self.octets or size <= self.octets

    def check(self, size: int) -> None:
        """Raises TOO_BIG for a message that may not pass."""
        if not self.allows(size):
            raise self.refusal()

    def refusal(self) -> MailError:
        """What is said about a message over the limit."""
        text = f"Message too big, {self.name} is {self.octets} bytes (an attachment grows by a third when it is sent)"
        return MailError(Kind.TOO_BIG, "too-big", text)


class Border:
    """What is inside, and what may pass between there and the world."""

    def __init__(self, options: BorderOptions) -> None:
        self.leaving = SizeLimit(options.message_size, "the limit for mail that goes to other sites")
        self._entering = SizeLimit(options.message_size, "the limit for mail from other sites")
        self._networks = options.networks
        self._domains = frozenset(map(canonical_domain, options.domains))

    def limit(self, listener: int, peer: Peer) -> SizeLimit:
        """For what this client hands in as long as nobody answers for it; ``listener``: the limit of its listener, 0 for none."""
        entering = self._entering
        if not entering.octets or peer.mechanism or within(peer.address, self._networks):
            return SizeLimit(listener)
        return entering if not listener or entering.octets < listener else SizeLimit(listener)

    def lets_out(self, address: Address, size: int) -> bool:
        """Whether a message of this size may go to this address elsewhere."""
        return self.leaving.allows(size) or canonical_domain(address.domain) in self._domains
