"""An SMTP, submission or LMTP listener in memory for tests: accounts, a portal that knows their passwords, a store that remembers.

The same listener can be put behind a socket: ``World(...).factory``.
"""

from collections.abc import Callable, Mapping, Sequence
from ipaddress import ip_network
from typing import Any

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import IUsernamePassword
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from zope.interface import implementer

from mailsvc.app.portal import MailPortal
from mailsvc.app.realm import Realm
from mailsvc.app.relay_domains import relay_domains
from mailsvc.auth.relay_checker import RelayChecker
from mailsvc.auth.relay_desk import USUAL
from mailsvc.auth.relay_rules import Rule
from mailsvc.auth.relay_words import RelayWords
from mailsvc.core.clocks import Clocks
from mailsvc.core.interfaces.delivery import IDelivery
from mailsvc.core.interfaces.release import IRelease
from mailsvc.core.operations import Deliver
from mailsvc.core.values import Body, Description
from mailsvc.delivery import Reception
from mailsvc.delivery.border import Border
from mailsvc.delivery.options import BorderOptions
from mailsvc.delivery.services import Services
from mailsvc.queue.options import RelayDomainOptions
from mailsvc.smtp import build
from mailsvc.testing.directory import MemoryDirectory
from mailsvc.testing.relay import MemoryGrants, make_test_permits
from mailsvc.testing.reports import RememberedReports
from mailsvc.testing.transcript import WHOLE, Cut, replay
from mailsvc.wire.conversation import Conversation
from mailsvc.wire.factory import ConversationFactory
from mailsvc.wire.options import ListenerOptions, Protocol

PASSWORD = "correct horse"
HOSTNAME = "mx.example.test"


class Writer:
    """A body in memory."""

    def __init__(self, store: "Store") -> None:
        self.store = store
        self.size = 0
        self.data = b""
        self.aborted = False

    def write(self, data: bytes) -> None:
        self.size += len(data)
        self.store.largest_piece = max(self.store.largest_piece, len(data))
        self.data += data

    async def close(self) -> Body:
        if "close" in self.store.failures:
            raise self.store.failures["close"]
        return Body(self.size, data=self.data)

    def abort(self) -> None:
        self.aborted = True


class Store:
    """The part of IStore that delivery uses.

    :ivar delivered: what was committed. :ivar writers: all body writers that were made.
    :ivar failures: step (``"space"``, ``"create"``, ``"close"``, ``"apply"``) -> what it raises.
    :ivar gate: if set, a commit waits for it.
    """

    def __init__(self) -> None:
        self.delivered: list[Deliver] = []
        self.writers: list[Writer] = []
        self.failures: dict[str, Exception] = {}
        self.gate: Deferred[None] | None = None
        self.largest_piece = 0
        self.bodies = self

    async def describe(self, prefix: bytes, body: Body) -> Description:
        """Not looked at here."""
        return Description(len(prefix), b"", b"")

    def create(self) -> Writer:
        if "create" in self.failures:
            raise self.failures["create"]
        self.writers.append(Writer(self))
        return self.writers[-1]

    def check_ready(self) -> None:
        if "space" in self.failures:
            raise self.failures["space"]

    async def apply(self, operations: Sequence[Any]) -> list[Any]:
        if self.gate is not None:
            await self.gate
        if "apply" in self.failures:
            raise self.failures["apply"]
        self.delivered += operations
        return [() for _ in operations]

    @property
    def bodies_delivered(self) -> list[bytes]:
        """The messages without our trace."""
        return [deliver.data or b"" for deliver in self.delivered]


class Directory(MemoryDirectory):
    """A directory whose answer about a recipient may be held back.

    :ivar gates: local part -> what the answer waits for.
    """

    def __init__(self) -> None:
        super().__init__("example.test")
        self.gates: dict[str, Deferred[None]] = {}

    async def resolve(self, address: Any) -> Any:
        if address.local in self.gates:
            await self.gates[address.local]
        return await super().resolve(address)


@implementer(ICredentialsChecker)
class Passwords:
    """Knows one password for everybody. ``answer`` can be set to fail or to wait."""

    credentialInterfaces = (IUsernamePassword,)

    def __init__(self) -> None:
        self.answer: Callable[[], Any] | None = None
        self.asked: list[Any] = []

    def requestAvatarId(self, credentials: Any) -> Any:
        self.asked.append(credentials)
        if self.answer is not None:
            return self.answer()
        if not credentials.checkPassword(PASSWORD.encode()):
            return fail(UnauthorizedLogin("wrong-password"))
        return succeed(b"alice@example.test")


class Transport(StringTransport):
    """A StringTransport that also knows TLS and aborting."""

    tls: object = None
    aborted = False

    def startTLS(self, creator: object) -> None:
        self.tls = creator

    def abortConnection(self) -> None:
        self.aborted = True


class World:
    """One listener and what stands behind it.

    ``alice``, ``bob`` and ``postmaster`` take mail; ``carol`` is disabled, ``dave`` is full, ``erin`` has room for 100 octets; ``staff``
    leads to alice and bob, ``far`` to another server.
    """

    def __init__(
        self,
        protocol: str = "smtp",
        address: str = "192.0.2.1",
        clock: Any = None,
        rules: Sequence[Rule] = USUAL,
        words: Mapping[str, Any] | None = None,
        border: BorderOptions | None = None,
        domains: tuple[RelayDomainOptions, ...] = (),
        release: IRelease | None = None,
        **options: Any,
    ) -> None:
        """Set it up.

        :param rules: of the relay decision. :param words: how its refusals are put.
        :param domains: those whose mail is taken for other servers. :param options: of the listener.
        """
        if clock is None:
            clock = Clock()
            clock.advance(1_795_000_000)
        self.clock = clock
        self.address = address
        self.store = Store()
        self.reports = RememberedReports()
        self.directory = Directory()
        for name in ("alice", "bob", "postmaster"):
            self.directory.add(f"{name}@example.test")
        self.directory.add("carol@example.test", enabled=False)
        for name, used in (("dave", 10_000), ("erin", 8_900)):
            account = self.directory.add(f"{name}@example.test", quota=10_000)
            self.directory.change(account, octets=used)
        self.directory.alias("staff@example.test", "alice@example.test", "bob@example.test")
        self.directory.alias("far@example.test", "somebody@example.com")
        self.passwords = Passwords()
        options.setdefault("mechanisms", ("PLAIN", "LOGIN"))
        options.setdefault("cleartext", (ip_network("192.0.2.0/24"), ip_network("127.0.0.0/8")))
        self.options = ListenerOptions(protocol=Protocol(protocol), port=25, **options)
        self.grants = MemoryGrants()
        clocks = Clocks(wall=self.clock.seconds, steady=lambda: int(self.clock.seconds() * 1000), boot="boot")
        self.permits = make_test_permits(self.directory, rules, grants=self.grants, clocks=clocks)
        self.permits.words = RelayWords(rules=rules, **(words or {}))
        self.services = Services(
            store=self.store,  # type: ignore[arg-type]
            directory=self.directory,
            permits=self.permits,
            reports=self.reports,
            hostname=HOSTNAME,
            border=Border(border or BorderOptions()),
            find_relay_domain=relay_domains(domains),
            now=self.clock.seconds,
        )
        self.directory.changed = self.services.permits.desk.forget
        reception = Reception(self.services, {self.options.name: self.options})
        realm = Realm(self.directory, {IDelivery: reception.avatar})
        self.portal = MailPortal(realm, [self.passwords, RelayChecker(self.services.permits.desk)], lambda event: None)
        self.factory = ConversationFactory(
            self.options,
            build(self.options, self.portal, HOSTNAME, release, reception.size_limit),
            self.clock,
            tls="context",
        )

    def connect(self) -> tuple[Any, Transport]:
        """A connection that has been greeted."""
        address = IPv4Address("TCP", self.address, 40000)
        transport = Transport(peerAddress=address)
        protocol: Conversation = self.factory.buildProtocol(address)
        protocol.makeConnection(transport)
        return protocol, transport

    def play(self, script: str, cut: Cut = WHOLE) -> tuple[Any, Transport]:
        """Carry a script out on a new connection."""
        protocol, transport = self.connect()
        replay(script, protocol, transport, cut)
        return protocol, transport


def hang_up(protocol: Conversation) -> None:
    """The client is gone."""
    protocol.connectionLost(Failure(ConnectionLost()))  # type: ignore[no-untyped-call]


def said(transport: Transport) -> bytes:
    """What the server has said since it was asked last."""
    octets: bytes = transport.value()
    transport.clear()
    return octets
