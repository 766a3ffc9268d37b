"""An authoritative DNS server on the loopback, UDP and TCP, in threads: real names for tests that resolve, and all that may go wrong.

::

    zone = {"example.test": {"MX": ["10 mx.example.test."]}, "mx.example.test": {"A": ["127.0.0.2"]}, "broken.test": "servfail"}
    with DNSServer(zone) as server:
        DNSOptions(nameservers=("127.0.0.1",), port=server.port)

A value that is a text is a failure for all questions about that name: see :data:`FAILURES`. Names are A-labels, rdata as in zone files.
CNAMEs are followed as a recursive resolver would. The zone may be changed while it runs.
"""

import socketserver
import threading
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Self

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

__all__ = ["FAILURES", "DNSServer", "Zone"]

Zone = dict[str, dict[str, list[str]] | str]
"""Name -> record type -> rdata, or a failure."""

FAILURES: Mapping[str, str] = MappingProxyType(
    {
        "servfail": "SERVFAIL",
        "refused": "REFUSED",
        "drop": "no answer",
        "truncated": "no answer over UDP but that it is too long, none over TCP",
        "garbage": "octets that are no answer",
    }
)
"""What may stand in a zone instead of records -> what is answered."""

_MOST_ALIASES = 20
_SOA = "ns.invalid. hostmaster.invalid. 1 3600 600 86400 {ttl}"


class DNSServer:
    """Use it as a context manager. ``port``: of both transports. ``asked``: ``(name, type, transport)`` of every question so far."""

    def __init__(self, zone: Zone, ttl: int = 300, secure: bool = False, address: str = "127.0.0.1") -> None:
        """:param ttl: of answers, negative ones too. :param secure: claim that DNSSEC vouches for them (AD)."""
        self.zone = zone
        self.asked: list[tuple[str, str, str]] = []
        self._ttl = ttl
        self._secure = secure
        self._tcp = _TCPServer((address, 0), _TCPHandler)
        self.port = self._tcp.server_address[1]
        self._udp = _UDPServer((address, self.port), _UDPHandler)
        self._tcp.answer = self._udp.answer = self.answer
        self._threads = [
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
            for server in (self._tcp, self._udp)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        for server, thread in zip((self._tcp, self._udp), self._threads, strict=True):
            server.shutdown()
            thread.join()
            server.server_close()

    def answer(self, wire: bytes, transport: str) -> bytes | None:
        """What to say to a question; None: nothing."""
        try:
            query = dns.message.from_wire(wire)
        except dns.exception.DNSException:
            return None
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        self.asked.append((name, dns.rdatatype.to_text(question.rdtype), transport))
        response = dns.message.make_response(query, recursion_available=True)
        found = self.zone.get(name)
        if isinstance(found, str):
            return self._fail(found, response, transport)
        self._fill(response, question.name, question.rdtype)
        octets = response.to_wire(max_size=65535)
        if transport == "udp" and len(octets) > query.payload:
            return self._fail("truncated", response, transport)
        return octets

    def _fail(self, failure: str, response: dns.message.Message, transport: str) -> bytes | None:
        if failure == "drop" or (failure == "truncated" and transport == "tcp"):
            return None
        if failure == "garbage":
            return b"\xff" * 40
        if failure == "truncated":
            response.answer = []
            response.flags |= dns.flags.TC
        else:
            response.set_rcode(dns.rcode.from_text(failure))
        return response.to_wire()

    def _fill(self, response: dns.message.Message, name: dns.name.Name, kind: dns.rdatatype.RdataType) -> None:
        if self._secure:
            response.flags |= dns.flags.AD
        for _ in range(_MOST_ALIASES):
            records = self._records(name)
            wanted = dns.rdatatype.to_text(kind)
            if wanted in records:
                response.answer.append(dns.rrset.from_text_list(name, self._ttl, "IN", wanted, records[wanted]))
                return
            if "CNAME" not in records:
                break
            alias = dns.rrset.from_text_list(name, self._ttl, "IN", "CNAME", records["CNAME"])
            response.answer.append(alias)
            name = alias[0].target
        if not self._exists(name):
            response.set_rcode(dns.rcode.NXDOMAIN)
        soa = _SOA.format(ttl=self._ttl)
        response.authority.append(dns.rrset.from_text(name.parent(), self._ttl, "IN", "SOA", soa))

    def _records(self, name: dns.name.Name) -> dict[str, list[str]]:
        found = self.zone.get(name.to_text(omit_final_dot=True).lower(), {})
        return {} if isinstance(found, str) else found

    def _exists(self, name: dns.name.Name) -> bool:
        text = name.to_text(omit_final_dot=True).lower()
        return any(known == text or known.endswith("." + text) for known in self.zone)


class _UDPServer(socketserver.ThreadingUDPServer):
    daemon_threads = True
    answer: Any


class _TCPServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    answer: Any


class _UDPHandler(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        wire, socket = self.request
        reply = self.server.answer(wire, "udp")  # type: ignore[attr-defined]
        if reply is not None:
            socket.sendto(reply, self.client_address)


class _TCPHandler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        while len(size := self.rfile.read(2)) == 2:
            wire = self.rfile.read(int.from_bytes(size, "big"))
            reply = self.server.answer(wire, "tcp")  # type: ignore[attr-defined]
            if reply is None:
                return
            self.wfile.write(len(reply).to_bytes(2, "big") + reply)
