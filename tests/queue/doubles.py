"""A small world for the queue: names, hosts and a clock, all in memory."""

from collections import Counter

from twisted.internet.defer import Deferred
from zope.interface import implementer

from mailsvc.core.errors import Kind, MailError, temporary
from mailsvc.core.interfaces.outbound import IConnector, IMailConnection, IResolver
from mailsvc.core.outbound import Answer, Exchanger, HopFailed

OK = Answer(250, "2.0.0", "Ok: queued", "end")
LATER = Answer(450, "4.2.0", "come back later", "RCPT")
NEVER = Answer(550, "5.1.1", "no such user", "RCPT")
REFUSED = Answer(0, "4.4.1", "Connection refused", "connect")


@implementer(IResolver)
class Names:
    """DNS: ``mx`` domain -> [(preference, host)], ``a`` host -> [address]; a name in neither does not exist; ``broken`` ones time out."""

    def __init__(self, mx=None, a=None, broken=()):
        self.mx, self.a, self.broken = mx or {}, a or {}, set(broken)
        self.asked = Counter()

    def _check(self, name):
        self.asked[name] += 1
        if name in self.broken:
            raise temporary("dns-timeout")
        if name not in self.mx and name not in self.a:
            raise MailError(Kind.NO_SUCH_DOMAIN, "nxdomain")

    async def exchangers(self, domain):
        """The MX records."""
        self._check(domain)
        return [Exchanger(preference, host) for preference, host in self.mx.get(domain, [])]

    async def addresses(self, host):
        """The addresses."""
        self._check(host)
        return list(self.a.get(host, []))


@implementer(IMailConnection)
class Connection:
    """One connection to a host of :class:`Hosts`."""

    def __init__(self, hosts, hop, terms):
        self.hosts, self.hop, self.terms = hosts, hop, terms
        self.tls = "TLSv1.3" if terms.tls.value != "never" else ""
        self.usable = True
        self.ended = ""

    async def send(self, mail, recipients):
        """Whatever the host's script says: an Answer for all, a dict by address, an exception, or a Deferred of those."""
        said = self.hosts.say(self.hop, mail, recipients)
        if isinstance(said, Deferred):
            said = await said
        if isinstance(said, HopFailed):
            self.usable = False
            raise said
        answers = [said.get(one.address, OK) if isinstance(said, dict) else said for one in recipients]
        content = b""
        while part := await mail.read(len(content), 1000):
            content += part
        assert len(content) == mail.size
        for one, answer in zip(recipients, answers, strict=True):
            if answer.success:
                self.hosts.delivered[mail.envid or content, one.address] += 1
        return answers

    async def quit(self):
        """Say goodbye."""
        self.usable, self.ended = False, "quit"

    def abort(self):
        """Cut."""
        self.usable, self.ended = False, "abort"


@implementer(IConnector)
class Hosts:
    """Hosts by address. ``down``: nobody answers there; ``script``: address -> function(mail, recipients) -> what is said."""

    def __init__(self, down=(), script=None):
        self.down, self.script = set(down), script or {}
        self.connections, self.sent, self.delivered = [], [], Counter()
        self.tried = Counter()
        self.refuse_tls = set()

    async def connect(self, hop, terms):
        """A connection, unless the host is down."""
        self.tried[hop.address] += 1
        if hop.address in self.down:
            raise HopFailed(hop, REFUSED)
        if hop.address in self.refuse_tls and terms.tls.value != "never":
            raise HopFailed(hop, Answer(0, "4.7.5", "TLS handshake failed", "STARTTLS"))
        connection = Connection(self, hop, terms)
        self.connections.append(connection)
        return connection

    def say(self, hop, mail, recipients):
        """The answer of the host."""
        self.sent.append((hop.address, [one.address for one in recipients]))
        script = self.script.get(hop.address)
        return script(mail, recipients) if script else OK


def broken(hop, phase="DATA", in_doubt=False, text="Connection lost"):
    """A connection that ends in the middle."""
    return HopFailed(hop, Answer(0, "4.4.2", text, phase), in_doubt)
