"""ETRN over the wire, with a real store (RFC 1985)."""

from ipaddress import ip_network
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from mailsvc.core.errors import temporary
from mailsvc.core.operations import ChangeQueued, Deliver
from mailsvc.core.queued import Outgoing, OutgoingRecipient, State
from mailsvc.queue.etrn import INTERVAL, Release
from mailsvc.queue.options import RelayDomainOptions
from mailsvc.testing.failing import FailingStore
from mailsvc.testing.store import make_store
from tests.smtp.dialogues import EHLO
from tests.smtp.world import World

NOW = 1_795_000_000
LATER = NOW + 86_400
NETWORKS = (ip_network("192.0.2.0/24"),)
DOMAINS = (
    RelayDomainOptions(name="branch.test", subdomains=True, etrn=NETWORKS),
    RelayDomainOptions(name="other.test", etrn=(ip_network("198.51.100.0/24"),)),
    RelayDomainOptions(name="secret.branch.test"),
    RelayDomainOptions(name="empty.test", etrn=NETWORKS),
)
WAITING = ("branch.test", "branch.test", "a.branch.test", "secret.branch.test", "other.test", "example.com")
OFFERED = EHLO.replace("S: 250 AUTH PLAIN LOGIN", "S: 250-AUTH PLAIN LOGIN\nS: 250 ETRN")


class EtrnTests(TestCase):
    """Mail waits for tomorrow; who may, asks for it."""

    def setUp(self) -> None:
        self.made = make_store(self.mktemp())
        self.store: Any = self.made.store
        self.addCleanup(self.store.close)
        self.clock = Clock()
        self.clock.advance(NOW)
        recipients = tuple(OutgoingRecipient(f"u{number}@{name}", name) for number, name in enumerate(WAITING))
        outgoing = Outgoing("QUEUED", "a@example.com", 0, NOW - 60, LATER, 0, recipients)
        self.store.commit([Deliver((), b"", 3, NOW, b"x\r\n", outgoing=outgoing)])

    def world(self, address: str = "192.0.2.1", protocol: str = "smtp", store: Any = None) -> World:
        """A listener, and a client at this address."""
        release = Release(store or self.store, DOMAINS, self.clock.seconds)
        return World(protocol, address, clock=self.clock, domains=DOMAINS, release=release)

    async def due(self) -> list[str]:
        """The destinations whose mail is due at once."""
        return [ticket.destination for ticket in await self.store.queue.tickets(["QUEUED"]) if ticket.due <= NOW + 1]

    async def test_a_domain(self) -> None:
        """Its mail is due at once, nobody else's; a moment later it is "started" without a further look, later there is a new one."""
        world = self.world()
        world.play(OFFERED + "C: ETRN Branch.Test\nS: 252 2.0.0 OK, pending messages for node Branch.Test started")
        self.assertEqual(await self.due(), ["branch.test", "branch.test"])
        world.play(OFFERED + "C: ETRN branch.test\nS: 250 2.0.0 OK, queuing for node branch.test started")
        self.clock.advance(INTERVAL)
        world.play(OFFERED + "C: ETRN branch.test\nS: 252 2.0.0 …")

    async def test_a_domain_below(self) -> None:
        """A domain that is covered by the one above it may be named; a domain with an entry of its own is that entry's."""
        self.world().play(OFFERED + "C: ETRN a.branch.test\nS: 252 2.0.0 …\nC: ETRN secret.branch.test\nS: 459 4.7.1 …")
        self.assertEqual(await self.due(), ["a.branch.test"])

    async def test_at_sign(self) -> None:
        """``@``: the domain and all below it, as far as the client may ask for them (RFC 1985 5.3)."""
        self.world().play(OFFERED + "C: ETRN @branch.test\nS: 252 2.0.0 …")
        self.assertEqual(await self.due(), ["branch.test", "branch.test", "a.branch.test"])

    async def test_nothing_waits(self) -> None:
        """251 for a domain without mail."""
        self.world().play(OFFERED + "C: ETRN empty.test\nS: 251 2.0.0 OK, no messages waiting for node empty.test")

    async def test_what_a_person_holds_stays(self) -> None:
        """Mail that was held by hand is not let go by a stranger."""
        held = [one.id for one in await self.store.queue.recipients("QUEUED")][:1]
        self.store.commit([ChangeQueued(tuple(held), held=True)])
        self.world().play(OFFERED + "C: ETRN branch.test\nS: 252 2.0.0 …")
        recipients = await self.store.queue.recipients("QUEUED")
        self.assertEqual([one.state for one in recipients[:2]], [State.HELD, State.WAITING])

    async def test_not_allowed(self) -> None:
        """459 for domains that are not the client's to ask for, whoever exists."""
        for node in ("other.test", "example.com", "@example.com", "xbranch.test", "secret.branch.test"):
            self.world().play(OFFERED + f"C: ETRN {node}\nS: 459 4.7.1 Node {node.removeprefix('@')} not allowed: …")
        self.assertEqual(await self.due(), [])

    async def test_syntax(self) -> None:
        """501 for what is no domain (RFC 1985 7)."""
        for argument in (
            "",
            "localname",
            "#queue",
            "@",
            "@test",
            "a b.test",
            "[192.0.2.1]",
            "[IPv6:2001:db8::1.2.3.4]",
            "b\u00fccher.test",
        ):
            self.world().play(OFFERED + f"C: ETRN {argument}\nS: 501 5.5.4 Syntax: ETRN [@]domain")

    async def test_within_a_transaction(self) -> None:
        """503 between MAIL and the end of the data (RFC 1985 5)."""
        self.world().play(OFFERED + "C: MAIL FROM:<>\nS: 250 2.1.0 Ok\nC: ETRN branch.test\nS: 503 5.5.1 …")
        self.assertEqual(await self.due(), [])

    async def test_other_clients(self) -> None:
        """Whoever may ask for nothing sees no ETRN, and has none."""
        self.world("203.0.113.1").play(
            "S: 220 …\nC: EHLO x\n" + "S: 250-…\n" * 8 + "S: 250-…\nS: 250 LIMITS RCPTMAX=1000"
        )
        self.world("203.0.113.1").play("S: 220 …\nC: ETRN branch.test\nS: 500 5.5.1 Command not known")

    async def test_store_that_fails(self) -> None:
        """458 while the queue cannot be looked at."""
        failing = FailingStore(temporary("store-down"))
        world = self.world(store=failing)
        for _ in range(2):  # a failure is no start that a second try could lean on
            world.play(OFFERED + "C: ETRN branch.test\nS: 458 4.3.0 Unable to queue messages for node branch.test")
