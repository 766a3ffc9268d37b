"""DNS: which hosts take a domain's mail, and their addresses (RFC 5321 5.1, RFC 7505), by dnspython in threads of its own.

Questions go to recursive resolvers; they follow CNAMEs. Answers stay in a cache for as long as DNS says, those that say "there is none"
too (RFC 2308). What strangers put into DNS is bounded and looked at: few records, only host names that can be host names.

A domain whose servers are silent takes threads for as long as a question may last. So the questions about one domain and everything below
it share a quarter of the threads, the same question is asked once for all who wait for it, and what is in the cache needs no thread.

The resolver's word that DNSSEC vouches for an answer (AD, RFC 4035 3.2.3) counts if the administrator named the resolver, or if it is on
this machine.
"""

import re
import threading
from collections.abc import Callable, Iterable
from heapq import nsmallest
from ipaddress import ip_address
from typing import Any

import dns.exception
import dns.flags
import dns.name
import dns.rdataclass
import dns.rdatatype
import dns.resolver
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool
from zope.interface import implementer

from mailsvc.core.errors import Kind, MailError, temporary
from mailsvc.core.interfaces.outbound import IResolver
from mailsvc.core.outbound import Exchanger
from mailsvc.formats.address import ascii_domain
from mailsvc.net.options import DNSOptions
from mailsvc.net.turns import Turns

__all__ = ["MOST_ADDRESSES", "MOST_EXCHANGERS", "Resolver"]

MOST_EXCHANGERS = 50
"""MX records of a domain that are looked at: those with the best preferences."""

MOST_ADDRESSES = 20
"""Addresses of each family that a host may have."""

_EDNS_PAYLOAD = 1232  # octets; larger answers come over TCP, not in fragments

_LABEL = "(?!-)[a-z0-9_-]{1,63}(?<!-)"
_HOST = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")
_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)")  # an address, not a name, if its last label is a number


class _Daemon(threading.Thread):
    """Holds up nobody: a question that is not answered must not delay the end of the process."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, daemon=True, **kwargs)


class _Threads(ThreadPool):
    threadFactory = _Daemon


@implementer(IResolver)
class Resolver(Service):
    """See :class:`IResolver`. Usable while it runs as a service."""

    def __init__(self, reactor: Any, options: DNSOptions | None = None) -> None:
        options = options or DNSOptions()
        self._reactor = reactor
        self._pool = _Threads(0, options.threads, "DNS")
        self._turns: Turns[dns.resolver.Answer] = Turns(reactor, max(options.threads // 4, 1), options.lifetime)
        self._dns = _make(options)
        self._trusted = bool(options.nameservers) or all(map(_is_here, self._dns.nameservers))

    def startService(self) -> None:
        """Allow threads."""
        super().startService()
        self._pool.start()

    def stopService(self) -> None:
        """Wait for nothing."""
        super().stopService()
        _Daemon(target=self._pool.stop).start()

    async def exchangers(self, domain: str) -> list[Exchanger]:
        """The MX records, best first."""
        answer = await self._ask(domain, "MX")
        if answer.rrset is None:
            return []
        secure = self._trusted and bool(answer.response.flags & dns.flags.AD)
        records = [(record.preference, _host(record.exchange)) for record in answer.rrset]
        if all(host == "" for _, host in records):  # RFC 7505 3: no host, and nothing else
            return [Exchanger(0, "", secure)]
        usable = ((preference, host) for preference, host in records if host)
        found = [Exchanger(preference, host, secure) for preference, host in nsmallest(MOST_EXCHANGERS, usable)]
        if not found:  # RFC 5321 5.1: then the domain's own address is not to be tried
            raise temporary("bad-mx", f"no MX of {domain} names a host")
        return found

    async def addresses(self, host: str) -> list[str]:
        """IPv6 first. One family is enough if the other one cannot be found out."""
        asked = [Deferred.fromCoroutine(self._ask(host, family)) for family in ("AAAA", "A")]
        found: list[str] = []
        errors: list[MailError] = []
        for answer in asked:
            try:
                found += _texts((await answer).rrset)
            except MailError as error:
                errors.append(error)
        if errors and not found:
            raise next((error for error in errors if error.temporary), errors[0])
        return found

    async def _ask(self, name: str, record: str) -> dns.resolver.Answer:
        """Raises MailError."""
        try:
            question = dns.name.from_text(ascii_domain(name))
        except (ValueError, dns.exception.DNSException) as error:
            raise MailError(Kind.NO_SUCH_DOMAIN, "not-a-domain", detail=f"{name!r}: {error}") from None
        known = self._known(question, record)
        if known is not None:
            return known
        return await self._turns.ask(_domain(question), (question, record), lambda: self._resolve(question, record))

    def _known(self, question: dns.name.Name, record: str) -> dns.resolver.Answer | None:
        """An answer that is valid still; that a name does not exist is looked up where all is."""
        found = self._dns.cache.get((question, dns.rdatatype.from_text(record), dns.rdataclass.IN))
        return found if isinstance(found, dns.resolver.Answer) else None

    async def _resolve(self, question: dns.name.Name, record: str) -> dns.resolver.Answer:
        """Raises MailError."""
        resolve: Callable[..., dns.resolver.Answer] = self._dns.resolve
        try:
            return await deferToThreadPool(
                self._reactor, self._pool, resolve, question, record, raise_on_no_answer=False, search=False
            )
        except dns.resolver.NXDOMAIN:
            name = question.to_text(omit_final_dot=True)
            raise MailError(Kind.NO_SUCH_DOMAIN, "no-such-domain", detail=name) from None
        except (dns.exception.DNSException, OSError) as error:
            raise temporary("dns", f"{record} of {question.to_text(omit_final_dot=True)}: {error}") from None


def _make(options: DNSOptions) -> dns.resolver.Resolver:
    resolver = dns.resolver.Resolver(configure=False)
    if options.nameservers:
        resolver.nameservers = list(options.nameservers)
    else:
        try:
            resolver.read_resolv_conf("/etc/resolv.conf")
        except dns.resolver.NoResolverConfiguration:
            resolver.nameservers = ["127.0.0.1"]  # resolv.conf(5): the default
    resolver.port = options.port
    resolver.timeout = options.timeout
    resolver.lifetime = options.lifetime
    resolver.cache = dns.resolver.LRUCache(options.cache)
    resolver.use_edns(0, 0, _EDNS_PAYLOAD)
    resolver.flags = dns.flags.RD | dns.flags.AD  # RFC 6840 5.7: AD in a question asks for it in the answer
    return resolver


def _domain(name: dns.name.Name) -> str:
    """What somebody has registered, most likely: ``example.org``, ``example.ac.jp``. Two that are taken for one only share their turns."""
    labels = name.to_text(omit_final_dot=True).lower().split(".")
    country = len(labels) > 2 and len(labels[-1]) == 2 and len(labels[-2]) <= 3
    return ".".join(labels[-3 if country else -2 :])


def _is_here(nameserver: object) -> bool:
    try:
        return ip_address(str(nameserver)).is_loopback
    except ValueError:
        return False


def _host(name: dns.name.Name) -> str | None:
    """The host that an MX names, ``""`` for the root, None for what cannot be one: an address, spaces, other octets."""
    text = name.to_text(omit_final_dot=True).lower()
    if name == dns.name.root:
        return ""
    return text if _HOST.fullmatch(text) and not _NUMBER.fullmatch(text) else None


def _texts(records: Iterable[Any] | None) -> list[str]:
    return [str(record.address) for record in list(records or ())[:MOST_ADDRESSES]]
