"""Under which networks the grants of an address are kept: text in CIDR form."""

from functools import lru_cache
from ipaddress import ip_address, ip_network

__all__ = ["network_of", "networks_of"]

_PREFIXES = {4: (32,), 6: (128, 64)}
"""By IP version, how many bits of an address may stand for a client."""


@lru_cache(maxsize=4096)
def networks_of(address: str) -> tuple[str, ...]:
    """All networks under which there may be a grant that is good for this address; none for a Unix socket (``""``)."""
    if not address:
        return ()
    ip = ip_address(address)
    return tuple(str(ip_network((address, bits), strict=False)) for bits in _PREFIXES[ip.version])


def network_of(address: str, prefix: int) -> str:
    """The network that stands for a client here. ``prefix``: bits of an IPv6 address; of IPv4 all count."""
    exact, *wider = networks_of(address)
    return wider[0] if wider and prefix == 64 else exact
