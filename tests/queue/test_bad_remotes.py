"""Servers that hang, drop, babble, lie and forget, behind real sockets: each ends in a retry or a report, and never in silence."""

import datetime

import attrs
from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from mailsvc.core.options import Duration
from mailsvc.core.outbound import TLSDemand
from mailsvc.net.certificates import self_signed
from mailsvc.net.options import SMTPTimeouts
from mailsvc.net.smtp_client import SMTPConnector
from mailsvc.net.tls import KeyPair, ServerTLS
from mailsvc.testing.scripted_server import ScriptedServer
from tests.queue.doubles import Names
from tests.queue.world import World

BOB, CAROL = "bob@there.example", "carol@there.example"

SOON = Duration(0.3)
HASTY = SMTPTimeouts(connect=SOON, greeting=SOON, tls=SOON, command=SOON, data=SOON, block=SOON, end=SOON, quit=SOON)
PATIENT = SMTPTimeouts()

HELLO = "S: 220 mx\nC: EHLO …\nS: 250 mx\n"
MAIL = "C: MAIL FROM:…\n"
RCPT = "S: 250 ok\nC: RCPT TO:…\n"
DATA = "S: 250 ok\nC: DATA\n"
END = "S: 354 go\nMESSAGE\n"
TAKEN = "S: 250 2.0.0 taken\n"
BYE = "C: QUIT\nS: 221 bye\n"
ALL = HELLO + MAIL + RCPT + DATA + END

CERTIFIED = ServerTLS(KeyPair(*self_signed(["elsewhere.test"], datetime.datetime.now(datetime.UTC))))

PHASES = {
    "greeting": "",
    "EHLO": "S: 220 mx\nC: EHLO …\n",
    "MAIL": HELLO + MAIL,
    "RCPT": HELLO + MAIL + RCPT,
    "DATA": HELLO + MAIL + RCPT + DATA,
    "end": ALL,
}


class BadRemoteTests(TestCase):
    """The whole queue with its real client, opposite one bad server."""

    timeout = 120

    async def meet(self, *scripts, tls=None, recipients=(BOB,), demand=TLSDemand.OPPORTUNISTIC, timeouts=PATIENT):
        """Send a message to a server with these scripts, until each recipient has been tried or is gone; the world."""
        server = ScriptedServer(reactor, *scripts, tls=tls)
        names = Names({"there.example": [(10, "mx.there.example")]}, {"mx.there.example": ["127.0.0.1"]})
        world = World(
            self.mktemp(),
            names,
            SMTPConnector(reactor, timeouts),
            clock=reactor,
            port=server.port,
            connection_idle=1,
            tls=demand,
        )
        world.queue.startService()
        try:
            queue_id = world.post(*recipients)
            await self.until(lambda: all(one[1] for one in world.waiting().values()))
        finally:
            await world.queue.stopService()
            await server.stop()
            self.addCleanup(world.store.close)
        self.server = server
        self.queue_id = queue_id
        return world

    async def until(self, condition):
        """Look again and again."""
        while not condition():
            await deferLater(reactor, 0.02)

    async def put_off(self, status, *scripts, **fields):
        """The recipient waits, with this status; the sender has heard nothing."""
        world = await self.meet(*scripts, **fields)
        state, attempts, given, reply, due = world.waiting()[BOB]
        assert (state, attempts, given) == ("WAITING", 1, status), (given, reply)
        assert due > 60
        assert reply
        assert world.mailbox() == []
        return reply

    async def returned(self, status, *scripts, **fields):
        """The sender has a report with this status, and nothing waits."""
        world = await self.meet(*scripts, **fields)
        (report,) = world.mailbox()
        assert f"Status: {status}" in report, report
        assert world.waiting() == {}
        return report

    # --- silence and cuts ---

    async def test_hangs_in_each_phase(self):
        """A server that says nothing more, wherever it stops, costs its time-out and a retry."""
        for phase, script in PHASES.items():
            with self.subTest(phase):
                await self.put_off("4.4.2", script + "HANG", timeouts=HASTY)

    async def test_drops_in_each_phase(self):
        """A server that closes the connection, wherever it does, is tried again later."""
        for phase, script in PHASES.items():
            with self.subTest(phase):
                await self.put_off("4.4.2", script + "CLOSE")

    async def test_250_then_disconnect(self):
        """It says 250 and hangs up without a goodbye: the message is delivered, once."""
        world = await self.meet(ALL + TAKEN + "CLOSE")
        assert world.waiting() == {}
        assert len(self.server.messages) == 1

    async def test_disconnect_after_the_final_dot(self):
        """It has the whole message and says nothing: it is sent again later (and may come twice), never given up at once."""
        await self.put_off("4.4.2", ALL + "CLOSE")
        assert len(self.server.messages) == 1

    # --- nonsense ---

    async def test_garbage(self):
        """A server of another protocol, or of none."""
        for said in ('b"HTTP/1.1 400 Bad Request\\r\\n\\r\\n"', 'b"\\x00\\xff" * 2000', 'b"+OK POP3 ready\\r\\n"'):
            with self.subTest(said):
                await self.put_off("4.5.0", f"S= {said}\nHANG")

    async def test_reply_of_10_mb(self):
        """A reply that does not end is not read to its end."""
        await self.put_off("4.5.0", 'S= b"220-" + b"x" * 10_000_000\nHANG')
        await self.put_off("4.5.0", 'S= b"220-mx\\r\\n" * 1_000_000\nHANG')

    # --- refusals ---

    async def test_4xx_for_one_and_5xx_for_another(self):
        """Each recipient has a fate of its own."""
        script = (
            HELLO + MAIL + "S: 250 ok\nC: RCPT TO:<bob@there.example>\nS: 450 4.2.0 later\n"
            "C: RCPT TO:<carol@there.example>\nS: 550 5.1.1 who?\nC: RSET\nS: 250 ok\n" + BYE
        )
        world = await self.meet(script, recipients=(BOB, CAROL))
        assert list(world.waiting()) == [BOB]
        (report,) = world.mailbox()
        assert f"Final-Recipient: rfc822; {CAROL}" in report
        assert "550 5.1.1 who?" in report

    async def test_421_anywhere(self):
        """A server that closes with 421 is tried again later, in each phase."""
        for phase, script in PHASES.items():
            with self.subTest(phase):
                reply = await self.put_off("4.3.2", script + "S: 421 4.3.2 shutting down\nCLOSE")
                assert "shutting down" in reply

    async def test_lies_about_size(self):
        """It offers any size, and refuses after the data: the sender learns why."""
        script = "S: 220 mx\nC: EHLO …\nS: 250-mx\nS: 250 SIZE 0\n" + MAIL + RCPT + DATA + END
        await self.returned("5.3.4", script + "S: 552 5.3.4 too big\n" + BYE)

    async def test_size_is_too_small(self):
        """It says how much it takes, and the message is more: it is not even sent."""
        report = await self.returned("5.3.4", "S: 220 mx\nC: EHLO …\nS: 250-mx\nS: 250 SIZE 10\n" + BYE)
        assert BOB in report

    async def test_5xx_greeting(self):
        """A host that takes no mail from anybody (RFC 7504) is no reason to try for days."""
        await self.returned("5.3.2", "S: 554 5.3.2 no SMTP here\n" + BYE)

    # --- TLS ---

    async def test_broken_tls(self):
        """STARTTLS that ends in garbage: the message goes without, where TLS was only wished for."""
        broken = "S: 220 mx\nC: EHLO …\nS: 250-mx\nS: 250 STARTTLS\nC: STARTTLS\nS: 220 go\nS= b'garbage' * 100\nHANG"
        world = await self.meet(broken, ALL + TAKEN + BYE, timeouts=attrs.evolve(PATIENT, tls=SOON))
        assert world.waiting() == {}
        assert len(self.server.messages) == 1

    async def test_tls_that_vanishes(self):
        """TLS is demanded and not offered: nothing is sent in clear text, and it is tried again."""
        await self.put_off("4.7.4", HELLO + BYE, demand=TLSDemand.REQUIRED)

    async def test_tls(self):
        """Where it is offered it is used, whatever the certificate."""
        script = "S: 220 mx\nC: EHLO …\nS: 250-mx\nS: 250 STARTTLS\nC: STARTTLS\nS: 220 go\nTLS\nC: EHLO …\nS: 250 mx\n"
        world = await self.meet(script + MAIL + RCPT + DATA + END + TAKEN + BYE, tls=CERTIFIED)
        assert world.waiting() == {}
        assert len(self.server.messages) == 1
        assert self.server.problems == []
