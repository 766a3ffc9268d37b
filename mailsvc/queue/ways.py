"""By which way mail for a destination goes: what the administrator said, before any name is looked up.

The closest ``[[route]]`` counts: one that names the domain, else the longest of those with a dot before it, else ``*``; without one, the
MX records, on the terms of ``[queue]``. An address literal is a destination like others, but that it is its own host where no route names
one: whoever writes an address instead of a domain gets round no smarthost, and out of no server that holds everything. Only what somebody
made of a destination by hand (``mailsvc queue reroute``), ``host:port``, is that host and nothing else.

From which of our addresses mail goes: the route's, else those of the sender's domain (:meth:`Way.for_sender`), else those of ``[queue]``.
"""

from collections.abc import Iterable, Mapping, Sequence
from errno import EILSEQ
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path

import attrs

from mailsvc.core.outbound import Credentials, Hop, Terms, TLSDemand
from mailsvc.formats.address import canonical_domain
from mailsvc.queue.backoff import Patience, patience
from mailsvc.queue.options import QueueOptions, RelayDomainOptions, RouteOptions, find_relay_domain, split_host

__all__ = ["Senders", "Way", "Ways"]

_REMEMBERED = 4096

Senders = Mapping[str, tuple[str, ...]]
"""Canonical domain of the reverse-path -> our addresses for its mail."""


@attrs.frozen
class Way:
    """The way to a destination.

    :ivar lane: what concurrency is counted for (see :mod:`mailsvc.queue.schedule`). :ivar hosts: host and port of each next server, in
    order; empty: as the MX records of ``domain`` say, at ``port``. :ivar sources: our addresses. :ivar senders: those of senders' domains
    that have their own. :ivar password: the file it is in.
    """

    lane: str
    domain: str
    port: int
    helo: str
    tls: TLSDemand
    hosts: tuple[tuple[str, int], ...] = ()
    implicit_tls: bool = False
    lmtp: bool = False
    sources: tuple[str, ...] = ()
    senders: Senders = attrs.field(factory=dict, hash=False)
    user: str = ""
    password: Path | None = None
    hold: bool = False

    def for_sender(self, sender: str) -> "Way":
        """The way for mail with this reverse-path: from its domain's own addresses, on connections that no other mail is sent on."""
        sources = self.senders.get(canonical_domain(sender.rpartition("@")[2]))
        if not sources:
            return self
        return attrs.evolve(self, sources=sources, lane=f"{self.lane}; from {'/'.join(sources)}")

    def terms(self, hop: Hop) -> Terms:
        """The terms for one next hop. Raises OSError, whose ``strerror`` says why, if the password cannot be read."""
        version = ip_address(hop.address).version
        source = next((one for one in self.sources if ip_address(one).version == version), "")
        return Terms(self.helo, self.tls, source, self._credentials(), self.lmtp)

    def _credentials(self) -> Credentials | None:
        if not self.user or self.password is None:
            return None
        try:
            return Credentials(self.user, self.password.read_text(encoding="utf-8").rstrip("\r\n"))
        except UnicodeDecodeError as error:  # RFC 4616 2: a password is UTF-8
            raise OSError(EILSEQ, "it is not UTF-8; save it as UTF-8", str(self.password)) from error


class Ways:
    """All ways."""

    def __init__(
        self,
        options: QueueOptions,
        routes: Sequence[RouteOptions] = (),
        relay_domains: Iterable[RelayDomainOptions] = (),
        hostname: str = "localhost",
        senders: Senders | None = None,
    ) -> None:
        """:param senders: our addresses for mail from domains that have their own."""
        self._options = options
        self._senders = senders or {}
        self._relay_domains = tuple(relay_domains)
        self._helo = options.helo or hostname
        self._routes = {_pattern(name): route for route in reversed(routes) for name in route.domains}
        self.to = lru_cache(_REMEMBERED)(self._to)
        """The way to a destination."""

    def lane(self, destination: str) -> str:
        """The lane of a destination."""
        return self.to(destination).lane

    def patience(self, destination: str, report: bool) -> Patience:
        """How long mail for a destination is tried."""
        relayed = find_relay_domain(self._relay_domains, destination)
        if relayed is None:
            return patience(self._options, report)
        return patience(self._options, report, relayed.lifetime, relayed.on_demand)

    def _to(self, destination: str) -> Way:
        port = self._options.port
        if destination.startswith("[") and destination.endswith("]"):  # an address literal (RFC 5321 4.1.3)
            route = self._route(destination)
            itself = (destination[1:-1].removeprefix("ipv6:"), port)
            return self._way(route, destination, () if route and route.hosts else (itself,))
        if ":" in destination:
            return self._way(None, destination, (split_host(destination, port),))
        return self._way(self._route(destination), destination)

    def _route(self, domain: str) -> RouteOptions | None:
        """The closest route."""
        if domain in self._routes:
            return self._routes[domain]
        _, dot, above = domain.partition(".")
        while dot:
            if f".{above}" in self._routes:
                return self._routes[f".{above}"]
            _, dot, above = above.partition(".")
        return self._routes.get("*")

    def _way(self, route: RouteOptions | None, domain: str, hosts: tuple[tuple[str, int], ...] = ()) -> Way:
        route, options = route or RouteOptions(domains=()), self._options
        port = 465 if route.implicit_tls else 25 if route.hosts else options.port
        hosts = hosts or tuple(split_host(host, port) for host in route.hosts)
        return Way(
            lane=_lane(hosts, route) if hosts else domain,
            domain=domain,
            port=options.port,
            helo=self._helo,
            tls=route.tls or (TLSDemand.VERIFIED if route.user else options.tls),
            hosts=hosts,
            implicit_tls=route.implicit_tls,
            lmtp=route.lmtp,
            sources=route.sources or options.sources,
            senders={} if route.sources else self._senders,
            user=route.user,
            password=route.password,
            hold=route.hold,
        )


def _lane(hosts: Iterable[tuple[str, int]], route: RouteOptions) -> str:
    """One lane for all that goes to the same hosts on the same terms: a connection made on others must not carry it."""
    terms = {
        "as": route.user,
        "password": route.password,
        "tls": route.tls and route.tls.value,
        "from": "/".join(route.sources),
        "implicit TLS": route.implicit_tls,
        "LMTP": route.lmtp,
        "hold": route.hold,
    }
    said = (name if value is True else f"{name} {value}" for name, value in terms.items() if value)
    return "; ".join([", ".join(f"{host}:{number}" for host, number in hosts), *said])


def _pattern(name: str) -> str:
    """What a route's domain is looked up as."""
    return f".{canonical_domain(name[1:])}" if name.startswith(".") else canonical_domain(name)
