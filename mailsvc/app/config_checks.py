"""What a single key cannot tell about a configuration: listeners against each other, TLS against certificates, names of domains.

Each check is a generator of ``(key, what is wrong)``; :data:`CHECKS` is the list of them.
"""

import grp
import os
import pwd
import re
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from itertools import combinations
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import idna

from mailsvc.app.config_file import KeyPath, key_text
from mailsvc.app.queue_checks import check_queue, check_routes
from mailsvc.app.relay_checks import relay_faults
from mailsvc.app.sources import faults
from mailsvc.formats.address import canonical_domain
from mailsvc.formats.sasl import MECHANISMS
from mailsvc.store.layout import SOCKET_PATH_BYTES, Layout
from mailsvc.texts import Sentence, own_texts
from mailsvc.wire.options import ListenerOptions, Protocol, TLSMode

if TYPE_CHECKING:
    from mailsvc.app.config import Config

__all__ = ["check", "domain_fault"]

Found = Iterator[tuple[KeyPath, Sentence]]
IPAddress = IPv4Address | IPv6Address


def check(config: "Config") -> Found:
    """Everything that is wrong with the configuration as a whole."""
    for one in CHECKS:
        yield from one(config)


# --- the service ---


def _presence(config: "Config") -> Found:
    if not config.listeners:
        yield ("listener",), Sentence("config.listener-missing")
    if not config.domains:
        yield ("domain",), Sentence("config.domain-missing")
    for value, path in (
        (config.workers, ("workers",)),
        (config.auth.hashing_threads, ("auth", "hashing_threads")),
        (config.store.timeout, ("store", "timeout")),
    ):
        if value < 1:
            yield path, Sentence("config.below", value=value, least=1)


def _hostname(config: "Config") -> Found:
    fault = domain_fault(config.hostname)
    if fault:
        yield ("hostname",), Sentence("config.domain-name", value=config.hostname, reason=fault)


def _account(config: "Config") -> Found:
    """The user and group to become must exist."""
    if config.group and not config.user:
        yield ("group",), Sentence("config.group-without-user")
    if config.user and not _exists(pwd.getpwnam, config.user):
        yield ("user",), Sentence("config.user-unknown", value=config.user)
    if config.group and not _exists(grp.getgrnam, config.group):
        yield ("group",), Sentence("config.group-unknown", value=config.group)


def _exists(find: Callable[[str], object], name: str) -> bool:
    try:
        find(name)
    except KeyError:
        return False
    return True


def _certificate(config: "Config") -> Found:
    if bool(config.tls.certificate) != bool(config.tls.key):
        missing = "key" if config.tls.certificate else "certificate"
        yield ("tls", missing), Sentence("config.tls-pair", missing=missing)
    for index, domain in enumerate(config.domains):
        if bool(domain.certificate) != bool(domain.key):
            missing = "key" if domain.certificate else "certificate"
            yield ("domain", index, missing), Sentence("config.tls-pair", missing=missing)
        elif domain.certificate and not config.tls.certificate:
            yield ("domain", index, "certificate"), Sentence("config.tls-default")
    if config.tls.client_revoked and not config.tls.client_authorities:
        yield ("tls", "client_revoked"), Sentence("config.tls-revoked")


def _store(config: "Config") -> Found:
    """The store's directory has a socket, whose path the system limits."""
    if len(os.fsencode(Layout(str(config.store.path)).socket)) > SOCKET_PATH_BYTES:
        yield ("store", "path"), Sentence("config.store-path", path=config.store.path)


def _sources(config: "Config") -> Found:
    for index, text in faults(config.auth.sources):
        yield ("auth", "sources", index), text


def _oauth(config: "Config") -> Found:
    """Tokens are judged by keys or by asking, and asked about only where nobody listens."""
    oauth = config.oauth
    if oauth.issuer and not oauth.keys and not oauth.introspection:
        yield ("oauth", "issuer"), Sentence("config.oauth-how")
    url = urlsplit(oauth.introspection)
    local = url.hostname in ("localhost", "127.0.0.1", "::1")
    if oauth.introspection and not (url.hostname and (url.scheme == "https" or (url.scheme == "http" and local))):
        yield ("oauth", "introspection"), Sentence("config.oauth-url", value=oauth.introspection)


def _texts(config: "Config") -> Found:
    """The administrator's own words must be sentences that we know, with facts that they have."""
    if config.texts is None:
        return
    try:
        own_texts(config.texts, "en")
    except (OSError, ValueError) as error:
        yield ("texts",), Sentence("config.texts", reason=error)


# --- listeners ---


def _listeners(config: "Config") -> Found:
    for index, listener in enumerate(config.listeners):
        for key, text in _listener(listener, certified=config.tls.certificate is not None):
            yield ("listener", index, key), text


def _listener(listener: ListenerOptions, certified: bool) -> Iterator[tuple[str, Sentence]]:
    if listener.address.startswith("unix:"):
        yield from _socket_file(listener)
    else:
        yield from _endpoint(listener)
    if listener.tls is not TLSMode.NONE and not certified:
        yield "tls", Sentence("config.tls-no-certificate", mode=listener.tls.value)
    if listener.protocol is Protocol.LMTP and listener.tls is TLSMode.IMPLICIT:
        yield "tls", Sentence("config.lmtp-tls")
    for key in ("connections", "connections_per_address", "connections_per_network", "idle_timeout"):
        if getattr(listener, key) < 1:
            yield key, Sentence("config.below", value=getattr(listener, key), least=1)
    if listener.protocol is Protocol.POPPASSD:
        yield from _poppassd(listener)
    for name in listener.mechanisms:
        if name not in MECHANISMS:
            yield "mechanisms", Sentence("config.choice", value=f'"{name}"', choices=", ".join(MECHANISMS))
    if listener.recipients < 100:
        yield "recipients", Sentence("config.recipients-least", value=listener.recipients)
    if listener.domain and (fault := domain_fault(listener.domain)):
        yield "domain", Sentence("config.domain-name", value=listener.domain, reason=fault)


def _poppassd(listener: ListenerOptions) -> Iterator[tuple[str, Sentence]]:
    """Two passwords would cross the line, and the protocol cannot begin TLS."""
    address = _ip(listener.address)
    local = listener.address.startswith("unix:") or (address is not None and address.is_loopback)
    if listener.tls is TLSMode.STARTTLS or (listener.tls is TLSMode.NONE and not local):
        yield "tls", Sentence("config.poppassd-tls")


def _socket_file(listener: ListenerOptions) -> Iterator[tuple[str, Sentence]]:
    path = listener.address.removeprefix("unix:")
    if not path.startswith("/") or len(path.encode()) > SOCKET_PATH_BYTES:
        yield "address", Sentence("config.address-socket-path", most=SOCKET_PATH_BYTES)
    if listener.port:
        yield "port", Sentence("config.port-unix")


def _endpoint(listener: ListenerOptions) -> Iterator[tuple[str, Sentence]]:
    address = _ip(listener.address)
    if address is None:
        yield "address", Sentence("config.address", value=f'"{listener.address}"')
    elif listener.protocol is Protocol.LMTP and not address.is_loopback and not listener.lmtp_public:
        yield "address", Sentence("config.lmtp-public", address=listener.address)
    if not listener.port:
        yield "port", Sentence("config.port-missing")
    elif listener.port > 65535:
        yield "port", Sentence("config.port-range", port=listener.port)


def _ip(text: str) -> IPAddress | None:
    """The address, an IPv4-mapped one as IPv4."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _monitor(config: "Config") -> Found:
    if config.monitor.port and _ip(config.monitor.address) is None:
        yield ("monitor", "address"), Sentence("config.address", value=f'"{config.monitor.address}"')
    if config.monitor.port > 65535:
        yield ("monitor", "port"), Sentence("config.port-range", port=config.monitor.port)


def _collisions(config: "Config") -> Found:
    """No two may want the same port of the same address, or the same socket file."""
    for (first, one, port), (second, two, other_port) in combinations(_endpoints(config), 2):
        other = key_text(first)
        if one == two and one.startswith("unix:"):
            yield (*second, "address"), Sentence("config.socket-twice", other=other)
        elif port == other_port and port and _overlap(_ip(one), _ip(two)):
            yield (*second, "port"), Sentence("config.port-twice", port=port, address=two, other=other)


def _endpoints(config: "Config") -> Iterator[tuple[KeyPath, str, int]]:
    for index, listener in enumerate(config.listeners):
        yield ("listener", index), listener.address, listener.port
    yield ("monitor",), config.monitor.address, config.monitor.port


def _overlap(one: IPAddress | None, two: IPAddress | None) -> bool:
    """Whether one of two addresses covers the other: ``::`` stands for every address of both kinds, ``0.0.0.0`` for all of IPv4."""
    return one is not None and two is not None and (one == two or _covers(one, two) or _covers(two, one))


def _covers(wide: IPAddress, narrow: IPAddress) -> bool:
    return wide.is_unspecified and (wide.version == 6 or narrow.version == 4)


# --- domains ---


def _domains(config: "Config") -> Found:
    seen: dict[str, KeyPath] = {}
    for path, name in _domain_names(config):
        fault, canonical = domain_fault(name), canonical_domain(name)
        if fault:
            yield path, Sentence("config.domain-name", value=name, reason=fault)
        elif canonical in seen:
            yield path, Sentence("config.domain-twice", value=name, other=key_text(seen[canonical]))
        seen.setdefault(canonical, path)


def _domain_names(config: "Config") -> Iterator[tuple[KeyPath, str]]:
    for index, domain in enumerate(config.domains):
        yield ("domain", index, "name"), domain.name
        for number, alias in enumerate(domain.aliases):
            yield ("domain", index, "aliases", number), alias
    for index, relayed in enumerate(config.relay_domains):
        yield ("relay_domain", index, "name"), relayed.name


def _border(config: "Config") -> Found:
    for index, name in enumerate(config.border.domains):
        if fault := domain_fault(name):
            yield ("border", "domains", index), Sentence("config.domain-name", value=name, reason=fault)


def _name_rules(config: "Config") -> Found:
    for index, domain in enumerate(config.domains):
        try:
            re.compile(domain.name_pattern)
        except re.error as error:
            yield ("domain", index, "name_pattern"), Sentence("config.pattern", reason=error)


def domain_fault(name: str) -> Sentence | None:
    """Why this is not the name of a mail domain (RFC 5321 4.1.2, RFC 5890), or None."""
    if not name:
        return Sentence("config.domain-reason.empty")
    if _ip(name.strip("[]")):
        return Sentence("config.domain-reason.literal")
    try:
        encoded = idna.encode(canonical_domain(name), std3_rules=True)
    except (idna.IDNAError, UnicodeError) as error:
        too_long = str(error) == "Domain too long"
        return Sentence("config.domain-reason.long" if too_long else "config.domain-reason.label")
    return Sentence("config.domain-reason.long") if len(encoded) > 253 else None


CHECKS = (
    _presence,
    _hostname,
    _account,
    _certificate,
    _store,
    _sources,
    _oauth,
    _listeners,
    _monitor,
    _collisions,
    _domains,
    _border,
    _name_rules,
    check_queue,
    check_routes,
    relay_faults,
    _texts,
)
