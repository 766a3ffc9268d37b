"""Our SMTP client on a connection in memory, opposite a scripted server: no sockets, and a clock that stands still."""

from collections.abc import Coroutine, Iterable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure

from mailsvc.core.outbound import Answer, Hop, Mail, MailRecipient, Terms, TLSDemand
from mailsvc.net.smtp_client import SMTPConnector
from mailsvc.testing.smtp_script import ScriptedPeer
from mailsvc.testing.transcript import WHOLE, Cut

__all__ = ["HOP", "PLAIN", "World", "mail", "rcpt"]

HOP = Hop("mx.example.net", "192.0.2.1")
PLAIN = Terms("me.example.test", tls=TLSDemand.NEVER)
MESSAGE = b"Subject: hello\r\n\r\nHello\r\n"


def mail(content: bytes = MESSAGE, sender: str = "a@example.test", most: int = 0, **given: Any) -> Mail:
    """A message; :param most: octets that one read gives at most."""

    async def read(offset: int, length: int) -> bytes:
        return content[offset : offset + min(length, most or length)]

    return Mail(sender, len(content), read, **given)


def rcpt(*addresses: str) -> list[MailRecipient]:
    """Recipients."""
    return [MailRecipient(address) for address in addresses or ("b@example.net",)]


class _Transport(StringTransport):
    """Tells an abort from an orderly end."""

    aborting = False

    def abortConnection(self) -> None:
        """Cut."""
        self.aborting = self.disconnecting = True


class World:
    """One connection, begun as soon as something is run; the script is checked by :meth:`finish`."""

    def __init__(self, script: str, terms: Terms = PLAIN, hop: Hop = HOP, cut: Cut = WHOLE) -> None:
        self.reactor = MemoryReactorClock()
        self.transport = _Transport()
        self.peer = ScriptedPeer(script, self._say, self._act)
        self.writes = 0
        self._cut = cut
        self._said: list[bytes] = []
        self._lost = self._over = False
        self.connecting = Deferred.fromCoroutine(SMTPConnector(self.reactor).connect(hop, terms))
        (*_, factory, _, _) = self.reactor.tcpClients[0]
        self.protocol = factory.buildProtocol(None)
        self.protocol.makeConnection(self.transport)
        self.peer.begin()
        self.pump()

    def pump(self) -> None:
        """Let both sides talk until they are silent."""
        while True:
            if self._said:
                for piece in self._cut(self._said.pop(0)):
                    if not self.transport.aborting:
                        self.protocol.dataReceived(piece)
            elif written := self.transport.value():
                self.transport.clear()
                self.writes += 1
                self.peer.feed(written)
            elif (self.transport.disconnecting or self._lost) and not self._over:
                self._over = True
                self.protocol.connectionLost(Failure(ConnectionDone()))
            else:
                return

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """The result, or the exception raised. Fails if it still waits."""
        done = Deferred.fromCoroutine(coroutine)
        self.pump()
        return result(done)

    @property
    def connection(self) -> Any:
        """The connection; raises what connecting raised."""
        connection = result(self.connecting)
        if isinstance(connection, BaseException):
            raise connection
        return connection

    def send(self, message: Mail | None = None, recipients: Iterable[MailRecipient] = ()) -> Any:
        """What became of a message; HopFailed as a value."""
        return self.run(self.connection.send(message or mail(), list(recipients) or rcpt()))

    def finish(self) -> list[str]:
        """Where the client did not keep to the script."""
        self.peer.finish()
        return self.peer.problems

    def _say(self, octets: bytes) -> None:
        self._said.append(octets)

    def _act(self, what: str) -> None:
        self._lost = what in ("CLOSE", "RESET")


def result(done: "Deferred[Any]") -> Any:
    """Of a Deferred that has one; an exception is a value."""
    found: list[Any] = []
    done.addBoth(lambda outcome: found.append(outcome.value if isinstance(outcome, Failure) else outcome))
    if not found:
        raise AssertionError("it still waits")
    done.addCallback(lambda _: found[0])
    return found[0]


def codes(answers: list[Answer]) -> list[tuple[int, str, str]]:
    """Code, status and phase of each."""
    return [(one.code, one.status, one.phase) for one in answers]
