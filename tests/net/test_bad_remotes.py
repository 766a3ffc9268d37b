"""Servers that hang, drop, babble, lie and forget: each ends in an answer that says what happened, and in the time that it may take."""

from typing import Any

import attrs
import pytest
from twisted.internet.defer import Deferred
from twisted.internet.error import TCPTimedOutError
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure

from mailsvc.core.outbound import HopFailed
from mailsvc.net.smtp_client import SMTPConnector
from mailsvc.testing.transcript import CUTS, Cut

from .client_world import HOP, PLAIN, World, codes, mail, rcpt, result

HELLO = "S: 220 mx.example.net\nC: EHLO me.example.test\nS: 250 mx.example.net\n"
MAIL = "C: MAIL FROM:<a@example.test>\n"
RCPT = "S: 250 ok\nC: RCPT TO:<b@example.net>\n"
DATA = "S: 250 ok\nC: DATA\n"
END = "S: 354 go\nMESSAGE\n"

PHASES = {
    "greeting": ("", 300),
    "EHLO": ("S: 220 mx.example.net\nC: EHLO me.example.test\n", 300),
    "MAIL": (HELLO + MAIL, 300),
    "RCPT": (HELLO + MAIL + RCPT, 300),
    "DATA": (HELLO + MAIL + RCPT + DATA, 120),
    "end": (HELLO + MAIL + RCPT + DATA + END, 600),
}
"""Phase -> the conversation up to where its answer is due, and the seconds that it may take (RFC 5321 4.5.3.2)."""

CHUNKING = "S: 220 mx\nC: EHLO …\nS: 250-mx\nS: 250-PIPELINING\nS: 250-CHUNKING\nS: 250 SIZE 1000000\n"

in_each_phase = pytest.mark.parametrize("phase", PHASES)


def fate(world: World) -> Deferred[Any]:
    """Connecting, and if that succeeds sending a message."""
    outcome = Deferred.fromCoroutine(_all(world))
    world.pump()
    return outcome


async def _all(world: World) -> Any:
    connection = await world.connecting
    return await connection.send(mail(), rcpt())


def failure(world: World) -> HopFailed:
    """What comes of it, which is a failure."""
    outcome = result(fate(world))
    assert isinstance(outcome, HopFailed), outcome
    assert outcome.hop == HOP
    assert outcome.answer.temporary
    return outcome


@in_each_phase
def test_hangs(phase: str) -> None:
    """A server that says nothing more is given up after the time of RFC 5321 4.5.3.2, not before; after the dot it is in doubt."""
    script, seconds = PHASES[phase]
    world = World(script + "HANG")
    outcome = fate(world)
    world.reactor.advance(seconds - 1)
    assert not outcome.called
    world.reactor.advance(2)
    world.pump()
    broken = result(outcome)
    assert (broken.answer.phase, broken.answer.status, broken.in_doubt) == (phase, "4.4.2", phase == "end")
    assert f"{seconds} s" in broken.answer.text
    assert world.transport.aborting
    assert not world.reactor.getDelayedCalls()


@in_each_phase
def test_speaks_letter_by_letter(phase: str) -> None:
    """A reply that never ends is no reason to wait any longer."""
    script, seconds = PHASES[phase]
    world = World(script + "HANG")
    outcome = fate(world)
    for letter in b"250-" + b"x" * 19:
        world.protocol.dataReceived(bytes([letter]))
        world.reactor.advance(seconds / 20)
    world.pump()
    assert result(outcome).answer.phase == phase


def answers_late(world: World, outcome: "Deferred[Any]", late: float) -> float:
    """The server says 250 to whatever it is asked, each time after ``late`` seconds; how long that goes on."""
    began = world.reactor.seconds()
    while not outcome.called:
        world.reactor.advance(late)
        if not world.transport.aborting:
            world.protocol.dataReceived(b"250 ok\r\n")
        world.pump()
    return world.reactor.seconds() - began


def test_each_answer_just_in_time() -> None:
    """A server that uses all the time that RFC 5321 4.5.3.2 gives it is waited for, once: with one recipient nothing is cut short."""
    world = World("HANG")
    outcome = fate(world)
    for reply, late in ((b"220 hi", 299), (b"250 hi", 299), (b"250 ok", 299), (b"250 ok", 299), (b"354 go", 119)):
        world.reactor.advance(late)
        world.protocol.dataReceived(reply + b"\r\n")
        world.pump()
    world.reactor.advance(599)
    world.protocol.dataReceived(b"250 ok\r\n")
    assert result(outcome)[0].success


@pytest.mark.parametrize("pipelining", ["", "S: 250-PIPELINING\n"], ids=["one by one", "pipelining"])
def test_each_of_many_answers_just_in_time(pipelining: str) -> None:
    """A server that lets each of a hundred recipients wait for almost five minutes is given up after about an hour, not after eight."""
    world = World(f"S: 220 hi\nC: EHLO…\nS: 250-mx\n{pipelining}S: 250 HELP\nHANG")
    many = rcpt(*(f"r{number}@example.net" for number in range(100)))
    outcome = Deferred.fromCoroutine(world.connection.send(mail(), many))
    assert answers_late(world, outcome, 299) < 3 * 300 + 100 * 30 + 300
    broken = result(outcome)
    assert (broken.answer.status, broken.answer.phase, broken.in_doubt) == ("4.4.2", "RCPT", False)
    assert "all together" in broken.answer.text
    assert not world.reactor.getDelayedCalls()


def test_a_large_message_by_chunks_to_a_slow_host() -> None:
    """A host that needs a minute for each 64 KiB is as slow as a line may be, not one that plays for time: the message is not cut short."""
    world = World("S: 220 hi\nC: EHLO…\nS: 250-mx\nS: 250 CHUNKING\nHANG")
    outcome = Deferred.fromCoroutine(world.connection.send(mail(b"x\r\n" * 700_000), rcpt()))
    assert answers_late(world, outcome, 60) > 1800
    assert result(outcome)[0].success


def test_many_recipients_that_are_looked_up_one_by_one() -> None:
    """A server that asks another one about each recipient takes its time: half a minute for each is not too long."""
    world = World("S: 220 hi\nC: EHLO…\nS: 250 mx\nHANG")
    many = rcpt(*(f"r{number}@example.net" for number in range(100)))
    outcome = Deferred.fromCoroutine(world.connection.send(mail(), many))
    for _ in range(101):
        world.reactor.advance(30)
        world.protocol.dataReceived(b"250 ok\r\n")
    assert not outcome.called
    for reply in (b"354 go", b"250 ok"):
        world.pump()
        world.protocol.dataReceived(reply + b"\r\n")
    assert all(answer.success for answer in result(outcome))


def test_lmtp_answers_for_each_recipient_just_in_time() -> None:
    """After the message an LMTP server answers for each recipient: all together have a time, and who was answered for has the mail."""
    many = rcpt(*(f"r{number}@example.net" for number in range(20)))
    opening = "S: 220 hi\nC: LHLO…\nS: 250 mx\nC: MAIL…\nS: 250 ok\n"
    script = opening + "C: RCPT…\nS: 250 ok\n" * 20 + "C: DATA\nS: 354 go\nMESSAGE\nHANG"
    world = World(script, terms=attrs.evolve(PLAIN, lmtp=True))
    outcome = Deferred.fromCoroutine(world.connection.send(mail(), many))
    world.pump()
    assert answers_late(world, outcome, 599) < 3 * 300 + 20 * 30 + 600
    given = result(outcome)
    assert [answer.success for answer in given] == [True] * 3 + [False] * 17
    assert given[-1].temporary


def test_an_idle_connection_begins_anew() -> None:
    """What a message took, and the time for which a connection lay idle, are not taken off from the next message's time."""
    world = World(HELLO + (MAIL + RCPT + DATA + "S: 354 go\nMESSAGE\nS: 250 ok\n") * 2 + "C: QUIT\nS: 221 bye")
    assert world.send()[0].success
    world.reactor.advance(5000)
    assert world.send()[0].success
    world.reactor.advance(5000)
    world.run(world.connection.quit())
    assert world.finish() == []


def test_hangs_before_it_is_connected() -> None:
    """A connection that does not come about."""
    reactor = MemoryReactorClock()
    connecting = Deferred.fromCoroutine(SMTPConnector(reactor).connect(HOP, PLAIN))
    (host, port, factory, timeout, bind) = reactor.tcpClients[0]
    assert (host, port, timeout, bind) == ("192.0.2.1", 25, 30, None)
    factory.clientConnectionFailed(None, Failure(TCPTimedOutError()))
    broken = result(connecting)
    assert (broken.answer.status, broken.answer.phase, broken.in_doubt) == ("4.4.1", "connect", False)


def test_hangs_while_it_is_sent_a_message() -> None:
    """A server that takes no more of a message is given up after three minutes; nothing is in doubt then."""
    world = World(HELLO + MAIL + RCPT + DATA + "S: 354 go\n" + "MESSAGE")
    sending = Deferred.fromCoroutine(world.connection.send(mail(b"x\r\n" * 100_000), rcpt()))
    world.transport.producer.pauseProducing()
    world.pump()
    assert world.peer.messages == []
    world.reactor.advance(179)
    assert not sending.called
    world.reactor.advance(2)
    broken = result(sending)
    assert (broken.answer.phase, broken.in_doubt) == ("DATA", False)


@pytest.mark.parametrize(
    "script",
    [
        HELLO + MAIL + RCPT + DATA + "S: 354 go\nMESSAGE",
        CHUNKING.replace("S: 250-PIPELINING\n", "").replace("SIZE 1000000", "HELP")
        + "C: MAIL…\nS: 250 ok\nC: RCPT…\nS: 250 ok\n"
        + "CHUNK\nS: 250 ok\n" * 40,
    ],
    ids=["DATA", "BDAT"],
)
def test_takes_a_message_for_ever(script: str) -> None:
    """A server that takes a little every other minute is given up: no line is as slow as that."""
    world = World(script)
    write = world.transport.write

    def write_slowly(data: bytes) -> None:
        write(data)
        if len(data) > 1000:
            world.transport.producer.pauseProducing()

    world.transport.write = write_slowly  # type: ignore[method-assign]
    sending = Deferred.fromCoroutine(world.connection.send(mail(b"x\r\n" * 1_000_000), rcpt()))
    waited = 0
    while not sending.called:
        world.pump()
        world.reactor.advance(120)
        waited += 120
        world.transport.producer.resumeProducing()
        world.pump()
        assert waited < 3000
    assert waited > 600
    assert "too slowly" in result(sending).answer.text


@in_each_phase
def test_drops(phase: str) -> None:
    """A server that closes: try again; after the dot nobody knows whether it has the message."""
    broken = failure(World(PHASES[phase][0] + "CLOSE"))
    assert (broken.answer.phase, broken.answer.status, broken.in_doubt) == (phase, "4.4.2", phase == "end")


@in_each_phase
@pytest.mark.parametrize(
    "octets",
    [b"\xff\xfe\r\n", b"hello\r\n", b"25\r\n", b"2500 x\r\n", b"999 x\r\n", b"250\n", b"\r\n", b"250-a\r\n354 b\r\n"],
)
def test_garbage(phase: str, octets: bytes) -> None:
    """What is no reply ends the connection at once: nobody knows any more what answers what."""
    broken = failure(World(PHASES[phase][0] + f"S= {octets!r}"))
    assert (broken.answer.phase, broken.answer.status, broken.in_doubt) == (phase, "4.5.0", phase == "end")


ENDLESS = {
    "line": b"250 " + b"x" * 10_000_000,
    "lines": b"250-x\r\n" * 1_500_000,
    "NULs": b"250-" + b"\0" * 10_000_000,
}


@in_each_phase
@pytest.mark.parametrize("kind", ENDLESS)
def test_ten_megabytes(phase: str, kind: str) -> None:
    """A reply of 10 MB is cut off after 2 kB of a line, or after 100 lines, and little of it is kept."""
    octets = ENDLESS[kind]
    world = World(PHASES[phase][0] + "HANG")
    outcome = fate(world)
    fed = 0
    for start in range(0, len(octets), 65_536):
        if world.transport.aborting:
            break
        world.protocol.dataReceived(octets[start : start + 65_536])
        fed += 65_536
    world.pump()
    assert fed == 65_536
    broken = result(outcome)
    assert (broken.answer.phase, broken.answer.status) == (phase, "4.5.0")
    assert len(broken.answer.text) < 200


def test_talks_without_being_asked() -> None:
    """A server that goes on talking while it should listen is not listened to for ever."""
    world = World(HELLO)
    connection = world.connection
    for _ in range(10_000_000 // 65_536):
        if not world.transport.aborting:
            world.protocol.dataReceived(b"250 ok\r\n" * 8192)
    assert world.transport.aborting
    assert not connection.usable


@pytest.mark.parametrize("cut", CUTS)
@in_each_phase
def test_421(phase: str, cut: Cut) -> None:
    """A server may close at any time with 421: another host may be tried; in answer to the message it is an answer."""
    world = World(PHASES[phase][0] + "S: 421 4.3.2 shutting down\nCLOSE", cut=cut)
    outcome = result(fate(world))
    if phase == "end":
        assert codes(outcome) == [(421, "4.3.2", "end")]
        assert not world.connection.usable
    else:
        assert isinstance(outcome, HopFailed)
        assert codes([outcome.answer]) == [(421, "4.3.2", phase)]
        assert outcome.answer.text == "4.3.2 shutting down"
        assert not outcome.in_doubt


def test_421_to_a_message_sent_at_once() -> None:
    """The same where MAIL, RCPT and the message were one write: what is answered with 421 is not in doubt."""
    broken = failure(World(CHUNKING + "C: MAIL…\nC: RCPT…\nCHUNK LAST\nS: 250 ok\nS: 421 4.7.0 enough\nCLOSE"))
    assert (codes([broken.answer]), broken.in_doubt) == ([(421, "4.7.0", "RCPT")], False)


def test_disconnect_after_a_message_sent_at_once() -> None:
    """A connection that breaks after one write with everything in it: the host may have taken the message."""
    for said in ("", "S: 250 ok\nS: 250 ok\n"):
        broken = failure(World(CHUNKING + "C: MAIL…\nC: RCPT…\nCHUNK LAST\n" + said + "CLOSE"))
        assert broken.in_doubt


def test_refuses_and_disconnects() -> None:
    """A server that refuses and slams the door has refused: no reason to ask it again for days."""
    commands = "C: MAIL…\nC: RCPT…\nC: RCPT…\nC: DATA\n"
    pipelining = "S: 220 mx\nC: EHLO …\nS: 250-mx\nS: 250 PIPELINING\n"
    for said, phase in (("S: 550 5.7.1 go away\n", "MAIL"), ("S: 250 ok\nS: 550 5.7.1 go\nS: 550 5.7.1 go\n", "RCPT")):
        world = World(pipelining + commands + said + "CLOSE")
        assert codes(world.send(None, rcpt("1@example.net", "2@example.net"))) == [(550, "5.7.1", phase)] * 2
    world = World(pipelining + commands + "S: 250 ok\nS: 550 5.7.1 not you\nCLOSE")
    assert isinstance(world.send(None, rcpt("1@example.net", "2@example.net")), HopFailed)


def test_250_then_disconnect() -> None:
    """A server that takes the message and hangs up has taken it; the connection is of no further use."""
    world = World(PHASES["end"][0] + "S: 250 2.0.0 ok\nCLOSE")
    assert codes(result(fate(world))) == [(250, "2.0.0", "end")]
    assert not world.connection.usable


def test_one_reply_too_many() -> None:
    """A reply that nobody asked for is never taken for the answer to the next message: the next one is not begun."""
    for more in ("S: 250 2.0.0 ok\nS: 250 ok\nS: 250 ok", "S: 250 2.0.0 ok\nS: 354 go", "S: 250 2.0.0 ok\nS= b'2'"):
        world = World(PHASES["end"][0] + more)
        assert codes(result(fate(world))) == [(250, "2.0.0", "end")]
        assert not world.connection.usable
        broken = world.send()
        assert (broken.answer.status, broken.in_doubt) == ("4.5.0", False)
        assert world.finish() == []


def test_garbage_after_250() -> None:
    """What is said after the answer takes nothing back."""
    world = World(PHASES["end"][0] + "S= b'250 2.0.0 ok\\r\\n\\xff\\r\\n'")
    assert codes(result(fate(world))) == [(250, "2.0.0", "end")]
    assert not world.connection.usable


@pytest.mark.parametrize("reply", ["552 5.3.4 too big", "452 4.3.1 no room"])
def test_lies_about_size(reply: str) -> None:
    """A server that offers a megabyte and takes less: what it says at MAIL, after the message or in the middle of it is the answer."""
    content = b"x" * 78 + b"\r\n"
    large = mail(content * 10_000)
    hello = CHUNKING.replace("S: 250-CHUNKING\n", "") + "C: MAIL FROM:<a@example.test> SIZE=800000\nC: RCPT…\nC: DATA\n"
    status = reply.split()[1]
    for said, phase in (
        (f"S: {reply}\nS: 503 x\nS: 503 x", "MAIL"),
        (f"S: 250 ok\nS: 250 ok\nS: 354 go\nMESSAGE\nS: {reply}", "end"),
    ):
        assert codes(World(hello + said).send(large)) == [(int(reply[:3]), status, phase)]
    world = World(hello + "S: 250 ok\nS: 250 ok\nS: 354 go\nMESSAGE")
    sending = Deferred.fromCoroutine(world.connection.send(large, rcpt()))
    world.transport.producer.pauseProducing()
    world.pump()
    world.protocol.dataReceived(reply.encode() + b"\r\n")
    world.transport.disconnecting = True
    world.pump()
    assert codes(result(sending)) == [(int(reply[:3]), status, "DATA")]


@pytest.mark.parametrize("reply", ["554 5.3.2 no mail here", "450 4.3.2 not now", "354 what?"])
def test_turns_away(reply: str) -> None:
    """A server that takes no mail at all says so in its greeting; the words are kept."""
    world = World(f"S: {reply}\nHANG")
    broken = result(world.connecting)
    assert (broken.answer.code, broken.answer.phase) == (int(reply[:3]), "greeting")
    assert broken.answer.text == reply[4:]
    assert world.transport.aborting


def test_knows_no_ehlo() -> None:
    """HELO is said to a server that refuses EHLO (RFC 5321 3.2)."""
    world = World("S: 220 old\nC: EHLO me.example.test\nS: 502 what?\nC: HELO me.example.test\nS: 250 old\n" + MAIL)
    assert world.connection.usable
    world = World("S: 220 old\nC: EHLO …\nS: 502 what?\nC: HELO …\nS: 502 what?")
    assert codes([result(world.connecting).answer]) == [(502, "5.0.0", "EHLO")]
    world = World("S: 220 old\nC: EHLO …\nS: 450 4.7.1 who?")
    assert codes([result(world.connecting).answer]) == [(450, "4.7.1", "EHLO")]


def test_quit_is_not_waited_for() -> None:
    """A server that does not answer QUIT is left after five seconds."""
    world = World(HELLO + "C: QUIT\nHANG")
    quitting = Deferred.fromCoroutine(world.connection.quit())
    world.pump()
    world.reactor.advance(6)
    world.pump()
    assert result(quitting) is None
    assert world.transport.aborting
