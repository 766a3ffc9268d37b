"""From the way to a destination to the hosts that are tried, in order (RFC 5321 5.1).

::

    Way with hosts:  their addresses
    else:            MX records -> those before us -> equal preferences shuffled -> addresses, IPv6 and IPv4 in turn
                     no MX record: the domain's own addresses (implicit MX); null MX: it takes no mail (RFC 7505)

Whatever ends before a connection is :class:`Unroutable`, with the answer that the recipients get.
"""

import random
import socket
from collections.abc import Callable, Iterable, Sequence
from ipaddress import IPv6Address, ip_address
from itertools import groupby, zip_longest

import attrs

from mailsvc.core.errors import Kind, MailError
from mailsvc.core.interfaces.outbound import IResolver
from mailsvc.core.outbound import Answer, Exchanger, Hop
from mailsvc.formats.address import canonical_domain
from mailsvc.queue.ways import Way

__all__ = ["MOST_HOPS", "Ourselves", "Router", "Unroutable"]

MOST_HOPS = 6
"""Addresses that are tried in one round."""

_OF_ONE_HOST = 3
_MOST_EXCHANGERS = 20


@attrs.frozen(auto_exc=True)
class Unroutable(Exception):
    """There is nobody to connect to."""

    answer: Answer


def _unroutable(status: str, text: str) -> Unroutable:
    return Unroutable(Answer(0, status, text, "connect"))


class Ourselves:
    """By what this host is known: mail that would come back here is not sent (RFC 5321 5.1, 6.3)."""

    def __init__(self, names: Iterable[str], addresses: Iterable[str], listening: Iterable[tuple[str, int]]) -> None:
        """:param addresses: those that are ours though this machine does not have them (NAT). :param listening: our listeners."""
        self._names = frozenset(map(canonical_domain, names))
        self._addresses = frozenset(map(_plain, addresses))
        self._listening = frozenset((_plain(address), port) for address, port in listening)

    def is_name(self, host: str) -> bool:
        """Whether a host name is ours."""
        return canonical_domain(host) in self._names

    def is_address(self, address: str, port: int) -> bool:
        """Whether a connection there would end at one of our own listeners; to "any address", it ends at this machine."""
        address = _plain(address)
        if address in self._addresses or (address, port) in self._listening or ip_address(address).is_unspecified:
            return True
        wild = {("::", port)} | ({("0.0.0.0", port)} if ip_address(address).version == 4 else set())
        return bool(wild & self._listening) and _is_local(address)


def _plain(address: str) -> str:
    """One spelling for each address; ``::ffff:192.0.2.1`` is IPv4 (RFC 4291 2.5.5.2)."""
    one = ip_address(address)
    return str((one.ipv4_mapped if isinstance(one, IPv6Address) else None) or one)


def _is_local(address: str) -> bool:
    """Whether this machine has the address: nobody else can bind it."""
    family = socket.AF_INET if ip_address(address).version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True


class Router:
    """Looks up where to connect."""

    def __init__(
        self,
        resolver: IResolver,
        ourselves: Ourselves,
        shuffle: Callable[[list[Exchanger]], None] = random.shuffle,
    ) -> None:
        self._resolver = resolver
        self._ourselves = ourselves
        self._shuffle = shuffle

    async def hops(self, way: Way) -> list[Hop]:
        """The addresses to try, in order; at least one. Raises Unroutable."""
        try:
            hops = await (self._fixed(way) if way.hosts else self._by_mx(way))
        except MailError as error:
            if error.kind is Kind.NO_SUCH_DOMAIN:
                raise _unroutable("5.1.2", f"The domain {way.domain} does not exist") from error
            raise _unroutable("4.4.3", f"The name servers of {way.domain} do not answer ({error.reason})") from error
        return hops[:MOST_HOPS]

    # --- hosts that the administrator named ---

    async def _fixed(self, way: Way) -> list[Hop]:
        hops: list[Hop] = []
        problem = "no address"
        for host, port in way.hosts:
            try:
                hops += [Hop(host, one, port, way.implicit_tls) for one in await self._addresses(host)]
            except MailError as error:  # the next one may have its addresses
                problem = error.reason
        if not hops:
            # The administrator's own entry: wrong today, put right tomorrow; nobody's mail is returned for it.
            raise _unroutable("4.4.4", f"No address of {way.lane} can be found ({problem})")
        others = [hop for hop in hops if not self._ourselves.is_address(hop.address, hop.port)]
        if not others:
            raise _unroutable("5.4.6", f"Mail for {way.domain} would come back to this host")
        return others

    # --- MX records ---

    async def _by_mx(self, way: Way) -> list[Hop]:
        exchangers = await self._resolver.exchangers(way.domain)
        if any(one.host in ("", ".") for one in exchangers):
            raise _unroutable("5.1.10", f"The domain {way.domain} takes no mail (null MX)")
        if not exchangers:
            return await self._implicit(way)
        ordered = self._in_order(exchangers)[:_MOST_EXCHANGERS]
        hops, looped, problem = await self._before_us(way, ordered)
        if hops:
            return hops
        if problem is not None:
            raise problem
        if looped:
            raise _unroutable("5.4.6", f"Mail for {way.domain} would come back to this host: it is the best MX")
        raise _unroutable("5.4.4", f"No mail server of {way.domain} has an address")

    async def _implicit(self, way: Way) -> list[Hop]:
        """No MX record: the domain itself, as if it were its own MX (RFC 5321 5.1)."""
        addresses = await self._addresses(way.domain)
        if not addresses:
            raise _unroutable("5.4.4", f"The domain {way.domain} has no mail server")
        if self._ourselves.is_name(way.domain) or any(self._ourselves.is_address(one, way.port) for one in addresses):
            raise _unroutable("5.4.6", f"Mail for {way.domain} would come back to this host")
        return [Hop(way.domain, one, way.port) for one in addresses[:_OF_ONE_HOST]]

    def _in_order(self, exchangers: Sequence[Exchanger]) -> list[Exchanger]:
        """The best first; those of equal preference in any order, to spread the load (RFC 5321 5.1)."""
        ordered: list[Exchanger] = []
        for _, equal in groupby(sorted(exchangers, key=_preference), _preference):
            group = list(equal)
            self._shuffle(group)
            ordered += group
        return ordered

    async def _before_us(self, way: Way, ordered: Sequence[Exchanger]) -> "tuple[list[Hop], bool, MailError | None]":
        """The hops before ourselves: we and all that are no better than we are not tried (RFC 5321 5.1). Whether we are among them,
        and what went wrong with looking up a host."""
        hops: list[tuple[int, Hop]] = []
        ours: int | None = None
        problem: MailError | None = None
        for one in ordered:
            if ours is not None and one.preference >= ours:
                break
            if len(hops) >= MOST_HOPS and one.preference > hops[-1][0]:
                break  # enough, and we are not among their equals
            try:
                addresses = [] if self._ourselves.is_name(one.host) else await self._addresses(one.host)
            except MailError as error:
                # A host that does not exist is passed over; one that cannot be looked up now may be the right one.
                problem = problem if error.kind is Kind.NO_SUCH_DOMAIN else error
                continue
            if self._ourselves.is_name(one.host) or any(self._ourselves.is_address(a, way.port) for a in addresses):
                ours = one.preference
                continue
            hops += [(one.preference, Hop(one.host, address, way.port)) for address in addresses[:_OF_ONE_HOST]]
        return [hop for preference, hop in hops if ours is None or preference < ours], ours is not None, problem

    # --- addresses ---

    async def _addresses(self, host: str) -> list[str]:
        """The addresses of a host, IPv6 and IPv4 in turn (RFC 8305 4); a literal is its own."""
        try:
            return [str(ip_address(host))]
        except ValueError:
            pass
        addresses = await self._resolver.addresses(host)
        six = [one for one in addresses if ":" in one]
        four = [one for one in addresses if ":" not in one]
        return [one for pair in zip_longest(six, four) for one in pair if one is not None]


def _preference(exchanger: Exchanger) -> int:
    return exchanger.preference
