"""A POP3 server in memory for tests: accounts, messages, a portal that knows their passwords."""

from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import attrs
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import IUsernamePassword
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from zope.interface import implementer

from mailsvc.app.portal import MailPortal
from mailsvc.app.realm import Realm
from mailsvc.core.errors import Kind, MailError
from mailsvc.core.interfaces.directory import IDirectory
from mailsvc.core.interfaces.maildrop import IMaildrop
from mailsvc.core.operations import Deliver, Expunge, Operation, StoreFlags
from mailsvc.core.values import INBOX, Mailbox, Rows
from mailsvc.formats.imap.sets import NumberSet
from mailsvc.pop3 import build, maildrop_factory
from mailsvc.testing.directory import MemoryDirectory
from mailsvc.testing.store import make_store
from mailsvc.testing.transcript import WHOLE, Cut, replay
from mailsvc.wire.conversation import Conversation
from mailsvc.wire.factory import ConversationFactory
from mailsvc.wire.options import ListenerOptions, Protocol

PASSWORD = "correct horse"


@attrs.define
class Message:
    """One message in the store below."""

    uid: int
    data: bytes
    flags: int = 0


class Lock:
    """A lock in memory."""

    def __init__(self, store: "Store") -> None:
        self.store = store
        self.held = True

    def release(self) -> None:
        self.held = self.store.locked = False


class Store:
    """The part of IStore that POP3 uses, for one mailbox, with every wait and failure in the hands of the test.

    :ivar gates: name of a method -> what it waits for before it answers. :ivar failure: what every method raises, if set.
    """

    def __init__(self, *messages: bytes) -> None:
        self.messages = [Message(uid, data) for uid, data in enumerate(messages, 1)]
        self.locked = False
        self.applied: list[list[Operation]] = []
        self.failure: Exception | None = None
        self.gates: dict[str, Deferred[None]] = {}
        self.reads: list[tuple[int, int, int]] = []
        self.bodies = self

    async def _answer(self, question: str) -> None:
        if question in self.gates:
            await self.gates[question]
        if self.failure is not None:
            raise self.failure

    async def mailbox(self, account: int, name: str) -> Mailbox | None:
        await self._answer("mailbox")
        return Mailbox(1, account, INBOX, 77, len(self.messages) + 1, 1, len(self.messages), 0, 0)

    async def lock(self, mailbox: int) -> Lock:
        await self._answer("lock")
        if self.locked:
            raise MailError(Kind.IN_USE, "locked")
        self.locked = True
        self.lock_given = Lock(self)
        return self.lock_given

    async def rows(self, mailbox: int, first: int = 1, last: int = 0xFFFFFFFF) -> Rows:
        await self._answer("rows")
        kept = self.messages
        return Rows(
            uids=[m.uid for m in kept],
            modseqs=[1 for _ in kept],
            flags=[m.flags for m in kept],
            sizes=[len(m.data) for m in kept],
            dates=[0 for _ in kept],
            contents=[m.uid for m in kept],
        )

    async def get(self, content: int, offset: int = 0, length: int = -1) -> bytes:
        await self._answer("get")
        self.reads.append((content, offset, length))
        for message in self.messages:
            if message.uid == content:
                return message.data[offset:] if length < 0 else message.data[offset : offset + length]
        raise MailError(Kind.EXPUNGED, "expunged")

    async def get_many(self, contents: list[int], offset: int = 0, length: int = -1) -> list[bytes | None]:
        await self._answer("get")
        self.reads += [(content, offset, length) for content in contents]
        found = {message.uid: message.data for message in self.messages}
        return [found.get(content) for content in contents]

    async def apply(self, operations: list[Operation]) -> list[Any]:
        await self._answer("apply")
        self.applied.append(list(operations))
        for operation in operations:
            if isinstance(operation, Expunge):
                self.messages = [m for m in self.messages if m.uid not in NumberSet(operation.uids)]
            elif isinstance(operation, StoreFlags):
                for message in self.messages:
                    if message.uid in NumberSet(operation.uids):
                        message.flags |= operation.add
        return [None for _ in operations]


@implementer(ICredentialsChecker)
class Passwords:
    """Knows one password for everybody. ``answer`` can be replaced to fail or to wait."""

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


class Site:
    """A listener over a store and a directory: one account, ``alice`` with :data:`PASSWORD`."""

    def __init__(self, store: Any, directory: IDirectory, clock: Any = None, **options: Any) -> None:
        """:param clock: by default one that stands still. :param options: of the listener."""
        self.clock = clock or Clock()
        self.passwords = Passwords()
        factories: Any = {IMaildrop: maildrop_factory(store)}
        portal = MailPortal(Realm(directory, factories), [self.passwords], lambda event: None)
        options.setdefault("mechanisms", ("PLAIN", "LOGIN"))
        options.setdefault("cleartext", (ip_network("192.0.2.0/24"), ip_network("127.0.0.0/8")))
        self.options = ListenerOptions(protocol=Protocol.POP3, port=110, **options)
        self.factory = ConversationFactory(
            self.options, build(self.options, portal, "pop.example.test"), self.clock, tls="context"
        )

    def connect(self) -> tuple[Conversation, Transport]:
        """A connection that has been greeted."""
        address = IPv4Address("TCP", "192.0.2.1", 40000)
        transport = Transport(peerAddress=address)
        protocol = self.factory.buildProtocol(address)
        protocol.makeConnection(transport)
        return protocol, transport

    def play(self, script: str, cut: Cut = WHOLE) -> tuple[Conversation, Transport]:
        """Carry a script out on a new connection."""
        protocol, transport = self.connect()
        replay(script, protocol, transport, cut)
        return protocol, transport


class World(Site):
    """A site in memory; the INBOX holds ``messages``."""

    def __init__(self, *messages: bytes, **options: Any) -> None:
        self.store = Store(*messages)
        directory = MemoryDirectory()
        directory.add("alice@example.test")
        super().__init__(self.store, directory, **options)


class RealSite(Site):
    """A site over a real store in ``path``; close it."""

    def __init__(self, path: Path, *messages: bytes, **options: Any) -> None:
        self.made = make_store(path)
        account = self.made.accounts["alice@example.test"]
        self.made.store.commit([Deliver((account,), b"", len(data), 0, data=data) for data in messages])
        super().__init__(self.made.store, self.made.directory, **options)

    def close(self) -> None:
        """Close the store."""
        self.made.store.close()
