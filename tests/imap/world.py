"""An IMAP server over a real store, for tests: accounts, messages, a portal that knows their passwords, sessions in memory."""

import atexit
import itertools
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import IUsernamePassword
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.address import IPv4Address
from twisted.internet.defer import fail, succeed
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from zope.interface import implementer

from mailsvc.app.portal import MailPortal
from mailsvc.app.realm import Realm
from mailsvc.core.interfaces.mailboxes import IMailboxes
from mailsvc.core.operations import AddAccount, Deliver
from mailsvc.imap import IMAPServer, build, mailboxes_factory
from mailsvc.testing.store import Made, make_store
from mailsvc.testing.transcript import WHOLE, Cut, Mismatch, replay
from mailsvc.wire.factory import ConversationFactory
from mailsvc.wire.options import ListenerOptions, Protocol

PASSWORD = "correct horse"

DAY = 86_400
"""Message n of the INBOX has the internal date of n days after 1970-01-01."""

NOW = 1_000_000_000
"""Sun, 9 Sep 2001 01:46:40 UTC: what the clock says."""


@implementer(ICredentialsChecker)
class Passwords:
    """Knows one password for everybody, and which account is whose. ``answer`` can be replaced to fail or to wait."""

    credentialInterfaces = (IUsernamePassword,)

    def __init__(self, accounts: dict[bytes, bytes]) -> None:
        self.answer: Callable[[], Any] | None = None
        self._accounts = accounts

    def requestAvatarId(self, credentials: Any) -> Any:
        if self.answer is not None:
            return self.answer()
        if not credentials.checkPassword(PASSWORD.encode()):
            return fail(UnauthorizedLogin("wrong-password"))
        return succeed(self._accounts[credentials.username])


class Transport(StringTransport):
    """A StringTransport that also knows TLS and aborting."""

    tls: object = None
    aborted = False

    def startTLS(self, creator: object) -> None:
        self.tls = creator

    def abortConnection(self) -> None:
        self.aborted = True


@cache
def shared_store() -> Made:
    """One real store for all tests that need nothing but accounts of their own: to make and remove one takes a while."""
    directory = tempfile.mkdtemp(prefix="mailsvc-imap-")
    made = make_store(Path(directory) / "store", ())
    atexit.register(shutil.rmtree, directory)
    atexit.register(made.store.close)
    return made


class World:
    """A listener over a real store with two accounts that log in as ``alice`` and ``bob``; alice's INBOX holds ``messages``.

    :ivar made: the store and its directory. :ivar accounts: login -> account id.
    """

    _count = itertools.count()

    def __init__(self, *messages: bytes, made: Made | None = None, clock: Any = None, **options: Any) -> None:
        """:param made: a store of the test's own, or else :func:`shared_store`. :param options: of the listener."""
        self.made = made or shared_store()
        number = next(self._count)
        addresses = {name: f"{name}-{number}@example.test" for name in ("alice", "bob")}
        made_ids = self.made.store.commit([AddAccount(address) for address in addresses.values()])
        self.accounts: dict[str, int] = dict(zip(addresses, made_ids, strict=True))
        self.clock = clock or Clock()
        if clock is None:
            self.clock.advance(NOW)
        for number, message in enumerate(messages, 1):
            self.deliver(message, date=number * DAY)
        self.passwords = Passwords({name.encode(): address.encode() for name, address in addresses.items()})
        factories: Any = {IMailboxes: mailboxes_factory(self.made.store)}
        portal = MailPortal(Realm(self.made.directory, factories), [self.passwords], lambda event: None)
        options.setdefault("mechanisms", ("PLAIN", "LOGIN"))
        options.setdefault("cleartext", (ip_network("192.0.2.0/24"), ip_network("127.0.0.0/8")))
        self.options = ListenerOptions(protocol=Protocol.IMAP, port=143, **options)
        self.factory = ConversationFactory(
            self.options, build(self.options, portal, "imap.example.test"), self.clock, tls="context"
        )

    def deliver(
        self, *messages: bytes, account: str = "alice", date: int = 0, flags: int = 0, mailbox: str = "INBOX"
    ) -> None:
        """Put messages into an account's INBOX, as LMTP would."""
        owner = self.accounts[account]
        self.made.store.commit(
            [Deliver((owner,), b"", len(data), date, data=data, flags=flags, mailbox=mailbox) for data in messages]
        )

    def connect(self) -> "Client":
        """A connection."""
        address = IPv4Address("TCP", "192.0.2.1", 40000)
        transport = Transport(peerAddress=address)
        protocol = self.factory.buildProtocol(address)
        protocol.makeConnection(transport)
        assert isinstance(protocol, IMAPServer)
        return Client(protocol, transport)

    def login(self, name: str = "alice", *commands: str) -> "Client":
        """A connection on which somebody has logged in, after further commands that must succeed."""
        client = self.connect()
        client.do(f'LOGIN {name} "{PASSWORD}"')
        for command in commands:
            client.do(command)
        return client

    def play(self, script: str, cut: Cut = WHOLE) -> "Client":
        """Carry a script out on a new connection."""
        client = self.connect()
        replay(script, client.protocol, client.transport, cut)
        return client


class Client:
    """The client's side of one connection in memory."""

    def __init__(self, protocol: IMAPServer, transport: Transport) -> None:
        self.protocol = protocol
        self.transport = transport
        self._tags = 0

    def heard(self) -> bytes:
        """What the server has said since the last time."""
        said: bytes = self.transport.value()
        self.transport.clear()
        return said

    def say(self, octets: bytes) -> bytes:
        """Send octets as they are; return what the server says at once."""
        self.protocol.dataReceived(octets)
        return self.heard()

    def do(self, command: str | bytes) -> list[bytes]:
        """One command that must succeed: its untagged responses, without CRLF."""
        *untagged, tagged = self.lines(command)
        if b" OK " not in tagged[:8]:
            raise Mismatch(f"{command!r} was answered {tagged!r}")
        return untagged

    def lines(self, command: str | bytes) -> list[bytes]:
        """One command: all its responses as lines; the last is the tagged one, without its tag."""
        self.heard()
        self._tags += 1
        tag = b"t%d" % self._tags
        octets = command.encode() if isinstance(command, str) else command
        said = self.say(tag + b" " + octets + b"\r\n")
        lines = said.removesuffix(b"\r\n").split(b"\r\n")
        if not lines[-1].startswith(tag + b" "):
            raise Mismatch(f"{command!r} was answered {said[-500:]!r}")
        lines[-1] = b" " + lines[-1].removeprefix(tag + b" ")
        return lines

    def play(self, script: str, cut: Cut = WHOLE) -> None:
        """Carry a script out."""
        self.heard()
        replay(script, self.protocol, self.transport, cut)
