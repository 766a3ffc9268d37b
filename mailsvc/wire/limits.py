"""How many connections a listener holds: in total, per address, per network; and how many failed log-ins a connection."""

from collections import Counter
from collections.abc import Hashable, Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address

import attrs

from mailsvc.core.options import Network

__all__ = ["MAX_LOGIN_FAILURES", "Crowd", "Failures", "plain_address", "within"]

MAX_LOGIN_FAILURES = 3
"""Wrong passwords after which a connection is closed."""


def plain_address(host: str) -> str:
    """An address as text: without a zone, IPv4-mapped IPv6 unmapped (RFC 4291 2.5.5.2); ``""`` for what is no address."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return ""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)


def within(address: str, networks: Iterable[Network]) -> bool:
    """Whether an address is in one of the networks. A Unix socket's peer (``""``) counts as 127.0.0.1."""
    ip = ip_address(address or "127.0.0.1")
    return any(ip in network for network in networks if network.version == ip.version)


def _network(address: IPv4Address | IPv6Address) -> bytes:
    """The /24 or /64 that an address is in: what one person can easily have many addresses of."""
    return address.packed[:3] if isinstance(address, IPv4Address) else address.packed[:8]


@attrs.define
class Crowd:
    """Who is connected. Loopback and Unix sockets count towards the total only."""

    total: int
    per_address: int
    per_network: int
    size: int = 0
    _counts: Counter[Hashable] = attrs.field(factory=Counter)

    def enter(self, address: str) -> str | None:
        """Count one more connection, or say which limit it would exceed."""
        keys = self._keys(address)
        if self.size >= self.total:
            return "total"
        for key, limit in keys:
            if self._counts[key] >= limit:
                return key[0]
        self.size += 1
        self._counts.update(key for key, _ in keys)
        return None

    def leave(self, address: str) -> None:
        """A counted connection has ended."""
        self.size -= 1
        for key, _ in self._keys(address):
            self._counts[key] -= 1
            if not self._counts[key]:
                del self._counts[key]

    def _keys(self, address: str) -> list[tuple[tuple[str, bytes], int]]:
        if not address or (ip := ip_address(address)).is_loopback:
            return []
        return [(("address", ip.packed), self.per_address), (("network", _network(ip)), self.per_network)]


@attrs.define
class Failures:
    """The failed log-ins of one connection. (Slowing down those who come again is the business of auth.)"""

    count: int = 0

    def one_more(self) -> bool:
        """Count one; whether it is one too many, so that the connection is to be closed."""
        self.count += 1
        return self.count >= MAX_LOGIN_FAILURES
