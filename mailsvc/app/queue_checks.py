"""What is wrong with the configuration of the queue: values that make no sense, routes that contradict themselves."""

from collections.abc import Iterator
from ipaddress import ip_address
from typing import TYPE_CHECKING

from mailsvc.app.config_file import KeyPath, key_text
from mailsvc.core.outbound import TLSDemand
from mailsvc.formats.address import canonical_domain
from mailsvc.queue.options import RouteOptions, split_host
from mailsvc.texts import Sentence

if TYPE_CHECKING:
    from mailsvc.app.config import Config

__all__ = ["check_queue", "check_routes"]

Found = Iterator[tuple[KeyPath, Sentence]]

_AT_LEAST_ONE = (
    "retry_first",
    "retry_growth",
    "retry_longest",
    "lifetime",
    "report_lifetime",
    "connections",
    "connections_at_first",
    "connections_per_destination",
    "recipients",
    "messages_per_connection",
)


def check_queue(config: "Config") -> Found:
    """``[queue]``, and what else of it stands in other tables."""
    options = config.queue
    for key in _AT_LEAST_ONE:
        if getattr(options, key) < 1:
            yield ("queue", key), Sentence("config.below", value=getattr(options, key), least=1)
    if not 0 < options.port < 65536:
        yield ("queue", "port"), Sentence("config.port-range", port=options.port)
    yield from _addresses(options.sources, ("queue", "sources"))
    yield from _addresses(options.addresses, ("queue", "addresses"))
    yield from _addresses(config.dns.nameservers, ("dns", "nameservers"))
    for index, domain in enumerate(config.domains):
        yield from _addresses(domain.sources, ("domain", index, "sources"))


def check_routes(config: "Config") -> Found:
    """Each ``[[route]]``, and one against another."""
    seen: dict[str, KeyPath] = {}
    for index, route in enumerate(config.routes):
        path: KeyPath = ("route", index)
        for key, text in _route(route):
            yield (*path, key), text
        yield from _addresses(route.sources, (*path, "sources"))
        for number, name in enumerate(route.domains):
            if (canonical := canonical_domain(name)) in seen:
                yield (
                    (*path, "domains", number),
                    Sentence("config.domain-twice", value=name, other=key_text(seen[canonical])),
                )
            seen.setdefault(canonical, (*path, "domains", number))


def _route(route: RouteOptions) -> Iterator[tuple[str, Sentence]]:
    for host in route.hosts:
        try:
            split_host(host, 25)
        except ValueError:
            yield "hosts", Sentence("config.route-host", value=host)
    if bool(route.user) != bool(route.password):
        yield ("password" if route.user else "user"), Sentence("config.route-login")
    if route.user and not route.hosts:
        yield "user", Sentence("config.route-user")
    if route.user and route.tls in (TLSDemand.NEVER, TLSDemand.OPPORTUNISTIC):
        yield "tls", Sentence("config.route-tls")
    if (route.lmtp or route.implicit_tls) and not route.hosts:
        yield ("lmtp" if route.lmtp else "implicit_tls"), Sentence("config.route-hosts")


def _addresses(values: tuple[str, ...], path: KeyPath) -> Found:
    for number, value in enumerate(values):
        try:
            ip_address(value)
        except ValueError:
            yield (*path, number), Sentence("config.address", value=f'"{value}"')
