"""The resolver against a DNS server on the loopback: what it finds, what it takes for no answer, what it does not fall for."""

from contextlib import ExitStack

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase
from zope.interface.verify import verifyObject

from mailsvc.core.errors import Kind, MailError
from mailsvc.core.interfaces.outbound import IResolver
from mailsvc.core.options import Duration
from mailsvc.core.outbound import Exchanger
from mailsvc.net.options import DNSOptions
from mailsvc.net.resolver import MOST_ADDRESSES, MOST_EXCHANGERS, Resolver
from mailsvc.testing.dns_server import DNSServer, Zone
from mailsvc.testing.resolver import FakeResolver

ZONE: Zone = {
    "example.test": {"MX": ["20 mx2.example.test.", "10 mx1.example.test."]},
    "alias.test": {"CNAME": ["example.test."]},
    "xn--r8jz45g.test": {"MX": ["10 mx1.example.test."]},
    "no-mail.test": {"MX": ["0 ."]},
    "no-mx.test": {"A": ["127.0.0.9"]},
    "mx1.example.test": {"A": ["127.0.0.2", "127.0.0.3"], "AAAA": ["::1"]},
    "v4.test": {"A": ["127.0.0.4"]},
    "servfail.test": "servfail",
    "refused.test": "refused",
    "drop.test": "drop",
    "garbage.test": "garbage",
    "truncated.test": "truncated",
    "loop.test": {"CNAME": ["pool.test."]},
    "pool.test": {"CNAME": ["loop.test."]},
    "strange.test": {
        "MX": ["0 .", "5 192.0.2.1.", "6 a\\032b.test.", "7 -x.test.", "8 0x7f000001.", "10 mx1.example.test."]
    },
    "literal.test": {"MX": ["5 192.0.2.1."]},
    "crowd.test": {"MX": [f"{number} mx{number}.crowd.test." for number in range(1, 301)]},
    "fat.test": {"A": [f"127.1.0.{number}" for number in range(1, 200)]},
}


class ResolverTests(TestCase):
    """:class:`mailsvc.net.resolver.Resolver`."""

    def setUp(self) -> None:
        """A server and a resolver that asks nobody else."""
        self.prepare()

    def prepare(self, ttl: int = 300, secure: bool = False, threads: int = 16, patience: float = 60) -> None:
        """Others. The patience is in seconds."""
        stack = ExitStack()
        self.addCleanup(stack.close)
        self.server = stack.enter_context(DNSServer(ZONE, ttl, secure))
        options = DNSOptions(
            nameservers=("127.0.0.1",),
            port=self.server.port,
            timeout=Duration(patience),
            lifetime=Duration(patience),
            threads=threads,
        )
        self.resolver = Resolver(reactor, options)
        self.resolver.startService()
        self.addCleanup(self.resolver.stopService)

    async def refusal(self, name: str) -> MailError:
        """What asking for the exchangers of a name raises."""
        with self.assertRaises(MailError) as raised:
            await self.resolver.exchangers(name)
        return raised.exception

    async def test_exchangers(self) -> None:
        """MX records come best first; a CNAME is followed, U-labels are looked up as A-labels, case and a final dot do not matter."""
        expected = [Exchanger(10, "mx1.example.test"), Exchanger(20, "mx2.example.test")]
        for name in ("example.test", "alias.test", "EXAMPLE.test."):
            self.assertEqual(await self.resolver.exchangers(name), expected)
        self.assertEqual(await self.resolver.exchangers("例え.test"), expected[:1])

    async def test_null_mx(self) -> None:
        """A domain that takes no mail (RFC 7505) has one exchanger without a name."""
        self.assertEqual(await self.resolver.exchangers("no-mail.test"), [Exchanger(0, "")])

    async def test_no_mx(self) -> None:
        """A name without MX is not a name that does not exist."""
        self.assertEqual(await self.resolver.exchangers("no-mx.test"), [])
        self.assertEqual(await self.resolver.addresses("example.test"), [])

    async def test_no_such_name(self) -> None:
        """NXDOMAIN is final, and so is what can be no domain name."""
        for name in ("nowhere.test", "a" * 70 + ".test", "a..test", "x" * 300, "\u2028.test"):
            error = await self.refusal(name)
            self.assertEqual((error.kind, error.temporary), (Kind.NO_SUCH_DOMAIN, False), name)

    async def test_temporary_trouble(self) -> None:
        """SERVFAIL, REFUSED, silence, garbage, a loop of CNAMEs and an answer that comes by no transport: try again later."""
        self.prepare(patience=1)
        for name in ("servfail.test", "refused.test", "drop.test", "garbage.test", "loop.test", "truncated.test"):
            error = await self.refusal(name)
            self.assertEqual((error.kind, error.temporary), (Kind.NOT_NOW, True), name)

    async def test_truncated(self) -> None:
        """What does not fit into a datagram is asked for over TCP; of 300 exchangers the best are looked at."""
        found = await self.resolver.exchangers("crowd.test")
        self.assertEqual([one.preference for one in found], list(range(1, MOST_EXCHANGERS + 1)))
        self.assertEqual(self.server.asked, [("crowd.test", "MX", "udp"), ("crowd.test", "MX", "tcp")])
        self.assertEqual(len(await self.resolver.addresses("fat.test")), MOST_ADDRESSES)

    async def test_strange_targets(self) -> None:
        """Addresses, spaces and the like are no hosts; if nothing else is there, somebody may put it right."""
        self.assertEqual(await self.resolver.exchangers("strange.test"), [Exchanger(10, "mx1.example.test")])
        self.assertTrue((await self.refusal("literal.test")).temporary)

    async def test_addresses(self) -> None:
        """IPv6 comes before IPv4."""
        first, *others = await self.resolver.addresses("mx1.example.test")
        self.assertEqual((first, set(others)), ("::1", {"127.0.0.2", "127.0.0.3"}))
        self.assertEqual(await self.resolver.addresses("v4.test"), ["127.0.0.4"])

    async def test_cache(self) -> None:
        """An answer is asked for once as long as it is valid, also when it says that there is none."""
        for _ in range(3):
            await self.resolver.exchangers("example.test")
            await self.resolver.exchangers("no-mx.test")
            await self.refusal("nowhere.test")
        self.assertEqual([name for name, _, _ in self.server.asked], ["example.test", "no-mx.test", "nowhere.test"])

    async def test_no_time_to_live(self) -> None:
        """An answer that may not be kept is asked for again."""
        self.prepare(ttl=0)
        await self.resolver.exchangers("example.test")
        await self.resolver.exchangers("example.test")
        self.assertEqual(len(self.server.asked), 2)

    async def test_asked_once_for_all(self) -> None:
        """Many who want to know the same at the same moment make one question."""
        asked = [Deferred.fromCoroutine(self.resolver.exchangers("example.test")) for _ in range(20)]
        for each in asked:
            self.assertEqual(len(await each), 2)
        self.assertEqual(self.server.asked, [("example.test", "MX", "udp")])

    async def test_a_silent_domain_does_not_hold_up_others(self) -> None:
        """Many names below a domain whose server is silent: other domains are answered meanwhile, and these are for another time."""
        self.prepare(threads=4, patience=6)
        names = [f"n{number}.drop.test" for number in range(4)]
        ZONE.update(dict.fromkeys(names, "drop"))
        silent = [Deferred.fromCoroutine(self.refusal(name)) for name in names]
        self.assertEqual(len(await self.resolver.exchangers("example.test")), 2)
        self.assertFalse(silent[-1].called)
        for each in silent:
            self.assertTrue((await each).temporary)

    async def test_what_is_known_needs_no_thread(self) -> None:
        """An answer in the cache comes at once, however many questions are waiting."""
        await self.resolver.exchangers("example.test")
        known = Deferred.fromCoroutine(self.resolver.exchangers("example.test"))
        self.assertTrue(known.called)
        self.assertEqual(len(await known), 2)

    async def test_secure(self) -> None:
        """What DNSSEC vouches for is marked, and nothing else."""
        self.assertFalse(any(one.secure for one in await self.resolver.exchangers("example.test")))
        self.prepare(secure=True)
        self.assertTrue(all(one.secure for one in await self.resolver.exchangers("example.test")))

    async def test_fake_behaves_alike(self) -> None:
        """The resolver with a table, which other tests use, answers as the real one does."""
        fake = FakeResolver(
            {"example.test": [(20, "mx2.example.test"), (10, "mx1.example.test")], "no-mail.test": [(0, "")]},
            {"mx1.example.test": ["127.0.0.2", "127.0.0.3", "::1"], "no-mx.test": ["127.0.0.9"]},
        )
        fake.silent.add("drop.test")
        for resolver in (self.resolver, fake):
            self.assertTrue(verifyObject(IResolver, resolver))
        names = (
            "example.test",
            "no-mail.test",
            "no-mx.test",
            "nowhere.test",
            "mx1.example.test",
            "a..test",
            "drop.test",
        )
        for name in names:
            if name == "drop.test":
                self.prepare(patience=1)
            for question in ("exchangers", "addresses"):
                self.assertEqual(
                    await outcome(getattr(fake, question), name),
                    await outcome(getattr(self.resolver, question), name),
                    name,
                )


async def outcome(ask: object, name: str) -> object:
    """The answer, in no special order, or the kind of the refusal."""
    try:
        return sorted(await ask(name), key=str)  # type: ignore[operator]
    except MailError as error:
        return error.kind
