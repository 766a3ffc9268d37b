"""Next hops without a network: what a host would say is said by a :class:`FakeHost`, and connections behave as the real ones do.

::

    connector = FakeConnector(clock)
    host = connector.host("mx1.example.test")        # by the hop's name
    host.refuse("carol@example.test", "550 5.1.1 nobody here")
    host.down = "4.4.1 connection refused"
"""

from collections.abc import Callable, Sequence

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from mailsvc.core.interfaces.outbound import IConnector, IMailConnection
from mailsvc.core.outbound import Answer, Hop, HopFailed, Mail, MailRecipient, Terms

__all__ = ["FakeConnection", "FakeConnector", "FakeHost", "Taken", "said"]


def said(words: str, phase: str) -> Answer:
    """``"550 5.1.1 nobody here"`` is the host's answer, ``"4.4.1 no route"`` ours."""
    first, _, rest = words.partition(" ")
    if "." in first:
        return Answer(0, first, rest, phase)
    status = rest.partition(" ")[0]
    return Answer(int(first), status if status.count(".") == 2 else f"{first[0]}.0.0", rest, phase)


@attrs.frozen
class Taken:
    """A message that a host has accepted, and for whom."""

    mail: Mail
    recipients: tuple[str, ...]
    content: bytes
    at: float


class FakeHost:
    """How a host behaves; anything may be changed at any time.

    :ivar down: why no connection comes about, as for :func:`said`; ``""``: one does. :ivar breaks: why a connection breaks in the middle
    of a message; :ivar forgets: the same after it has taken the message, without an answer. :ivar message: what it says to each message,
    whoever it is for; ``""``: 250. :ivar delay: seconds for a message. :ivar messages_each: after so many it closes (0: never).
    :ivar dsn: whether it knows DSN. :ivar silent: it answers nothing, ever: not to connections, not to messages.
    :ivar taken: what it has accepted. :ivar connections: open now, ``most_connections`` at a time so far, ``connected`` altogether.
    """

    def __init__(self) -> None:
        self.down = self.breaks = self.forgets = self.message = ""
        self.delay = 0.0
        self.messages_each = 0
        self.dsn = False
        self.silent = False
        self.taken: list[Taken] = []
        self.connections = self.most_connections = self.connected = 0
        self._refused: dict[str, str] = {}

    def refuse(self, address: str, words: str) -> None:
        """Say this at RCPT for an address; ``""``: accept it again."""
        self._refused[address] = words

    def rcpt(self, address: str) -> Answer | None:
        """The refusal of a recipient, or None."""
        words = self._refused.get(address)
        return said(words, "RCPT") if words else None


@implementer(IConnector)
class FakeConnector:
    """See :class:`IConnector`. Hosts that nobody has described take everything.

    :ivar hosts: by name of the hop. :ivar asked: every connection wanted so far.
    """

    def __init__(self, clock: IReactorTime, make: Callable[[], FakeHost] = FakeHost) -> None:
        self.hosts: dict[str, FakeHost] = {}
        self.asked: list[tuple[Hop, Terms]] = []
        self._clock = clock
        self._make = make

    def host(self, name: str) -> FakeHost:
        """The host of this name."""
        return self.hosts.setdefault(name, self._make())

    async def connect(self, hop: Hop, terms: Terms) -> "FakeConnection":
        """Connect to the host that the hop names."""
        self.asked.append((hop, terms))
        host = self.host(hop.name)
        if host.silent:
            await Deferred()
        if host.down:
            raise HopFailed(hop, said(host.down, "connect"))
        return FakeConnection(hop, host, self._clock)


@implementer(IMailConnection)
class FakeConnection:
    """See :class:`IMailConnection`."""

    tls = ""

    def __init__(self, hop: Hop, host: FakeHost, clock: IReactorTime) -> None:
        self.hop = hop
        self.usable = True
        self._host = host
        self._clock = clock
        self._sent = 0
        self._open = True
        host.connected += 1
        host.connections += 1
        host.most_connections = max(host.most_connections, host.connections)

    async def send(self, mail: Mail, recipients: Sequence[MailRecipient]) -> list[Answer]:
        """Hand it to the host."""
        host = self._host
        if host.silent:
            await Deferred()
        content = await mail.read(0, mail.size)
        while len(content) < mail.size:
            content += await mail.read(len(content), mail.size)
        if host.delay:
            waiting: Deferred[None] = Deferred()
            self._clock.callLater(host.delay, waiting.callback, None)
            await waiting
        if host.breaks or not self.usable:
            self.abort()
            raise HopFailed(self.hop, said(host.breaks or "4.4.2 connection closed", "DATA"))
        answers = self._answers(mail, recipients, content)
        self._sent += 1
        if host.messages_each and self._sent >= host.messages_each:
            self.abort()
        if host.forgets:
            self.abort()
            raise HopFailed(self.hop, said(host.forgets, "end"), in_doubt=True)
        return answers

    def _answers(self, mail: Mail, recipients: Sequence[MailRecipient], content: bytes) -> list[Answer]:
        host = self._host
        end = said(host.message or "250 2.0.0 taken", "end")
        end = attrs.evolve(end, reports=end.success and host.dsn)
        answers = [host.rcpt(recipient.address) or end for recipient in recipients]
        taken = [one.address for one, answer in zip(recipients, answers, strict=True) if answer.success]
        if taken:
            host.taken.append(Taken(mail, tuple(taken), content, self._clock.seconds()))
        return answers

    async def quit(self) -> None:
        """Close."""
        self.abort()

    def abort(self) -> None:
        """Close."""
        self.usable = False
        if self._open:
            self._open = False
            self._host.connections -= 1
