"""One message after the other: what our client says to servers of all kinds, and what it makes of their answers."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsvc.core.outbound import Answer, HopFailed, MailRecipient
from mailsvc.core.queued import Notify
from mailsvc.testing.transcript import CUTS, Cut

from .client_world import MESSAGE, PLAIN, World, codes, mail, rcpt

GREETING = """
    S: 220 mx.example.net ESMTP
    C: EHLO me.example.test
"""
BARE = GREETING + "S: 250 mx.example.net\n"
PIPELINING = GREETING + "S: 250-mx.example.net\nS: 250 PIPELINING\n"
CHUNKING = GREETING + "S: 250-mx.example.net\nS: 250-PIPELINING\nS: 250 CHUNKING\n"
ENVELOPE = "C: MAIL FROM:<a@example.test>\nC: RCPT TO:<b@example.net>\nC: DATA\n"
FINE = "S: 250 2.1.0 ok\nS: 250 2.1.5 ok\nS: 354 go\n"


def able(*keywords: str) -> str:
    """A greeting that offers extensions."""
    lines = ["mx.example.net", *keywords]
    return GREETING + "".join(f"S: 250-{line}\n" for line in lines[:-1]) + f"S: 250 {lines[-1]}\n"


@pytest.fixture(params=CUTS, ids=["whole", "byte by byte"])
def cut(request: pytest.FixtureRequest) -> Cut:
    """How the server's octets arrive."""
    return request.param


def test_without_extensions(cut: Cut) -> None:
    """One command, one reply; the dots of the message are doubled."""
    world = World(
        BARE
        + """
        C: MAIL FROM:<a@example.test>
        S: 250 2.1.0 ok
        C: RCPT TO:<b@example.net>
        S: 250 2.1.5 ok
        C: DATA
        S: 354 go
        C: .. two dots
        MESSAGE
        S: 250 2.0.0 taken as 4711
        C: QUIT
        S: 221 bye
        CLOSE
    """,
        cut=cut,
    )
    assert world.send(mail(b". two dots\r\n.\r\n\r\n..\r\n")) == [Answer(250, "2.0.0", "2.0.0 taken as 4711", "end")]
    assert world.peer.messages == [b".\r\n\r\n..\r\n"]
    assert world.connection.usable
    world.run(world.connection.quit())
    assert world.finish() == []
    assert not world.connection.usable


def test_pipelining(cut: Cut) -> None:
    """With PIPELINING a message takes two writes: everything up to DATA, and the rest (RFC 2920); the connection is used again."""
    again = ENVELOPE + FINE + "MESSAGE\nS: 250 2.0.0 taken\n"
    world = World(PIPELINING + again * 3, cut=cut)
    before = world.writes
    for _ in range(3):
        assert codes(world.send()) == [(250, "2.0.0", "end")]
    assert world.writes - before == 6
    assert world.peer.messages == [MESSAGE] * 3
    assert world.finish() == []


def test_chunking_in_one_write(cut: Cut) -> None:
    """With CHUNKING besides, a small message is one write altogether (RFC 3030)."""
    world = World(
        CHUNKING
        + """
        C: MAIL FROM:<a@example.test>
        C: RCPT TO:<b@example.net>
        CHUNK LAST
        S: 250 2.1.0 ok
        S: 250 2.1.5 ok
        S: 250 2.0.0 taken
    """,
        cut=cut,
    )
    before = world.writes
    assert codes(world.send(mail(b".\r\nno dot is doubled\r\n"))) == [(250, "2.0.0", "end")]
    assert world.writes - before == 1
    assert world.peer.messages == [b".\r\nno dot is doubled\r\n"]
    assert world.finish() == []


def test_chunking_for_nobody(cut: Cut) -> None:
    """A message sent together with a recipient who is refused: the refusal counts, and the next message begins with RSET."""
    commands = "C: MAIL FROM:<a@example.test>\nC: RCPT TO:<b@example.net>\nCHUNK LAST\n"
    world = World(
        CHUNKING
        + commands
        + "S: 250 2.1.0 ok\nS: 550 5.1.1 no\nS: 554 5.5.1 no valid recipients\n"
        + "C: RSET\nS: 250 ok\n"
        + commands
        + "S: 250 2.1.0 ok\nS: 250 2.1.5 ok\nS: 250 2.0.0 taken\n",
        cut=cut,
    )
    assert codes(world.send()) == [(550, "5.1.1", "RCPT")]
    assert codes(world.send()) == [(250, "2.0.0", "end")]
    assert world.finish() == []


def test_large_message_in_chunks() -> None:
    """A large message waits for RCPT, then goes in chunks, each answered."""
    content = b"x" * 70 + b"\r\n"
    content *= 2500
    world = World(
        CHUNKING
        + """
        C: MAIL FROM:<a@example.test>
        C: RCPT TO:<b@example.net>
        S: 250 ok
        S: 250 ok
        CHUNK
        S: 250 ok
        CHUNK
        S: 250 ok
        CHUNK LAST
        S: 250 2.0.0 taken
    """
    )
    assert codes(world.send(mail(content))) == [(250, "2.0.0", "end")]
    assert world.peer.messages == [content]
    assert world.finish() == []


def test_refused_chunk() -> None:
    """A chunk that is refused ends the message; the next one begins with RSET (RFC 3030 2)."""
    world = World(
        able("CHUNKING")
        + """
        C: MAIL FROM:<a@example.test>
        S: 250 ok
        C: RCPT TO:<b@example.net>
        S: 250 ok
        CHUNK
        S: 452 4.3.1 full
        C: RSET
        S: 250 ok
        C: MAIL FROM:<a@example.test>
        S: 552 5.2.3 no
    """
    )
    assert codes(world.send(mail(b"x\r\n" * 50_000))) == [(452, "4.3.1", "DATA")]
    assert codes(world.send()) == [(552, "5.2.3", "MAIL")]
    assert world.finish() == []


def test_each_recipient_has_its_own_answer(cut: Cut) -> None:
    """4xx for one recipient, 5xx for another, the message for the rest; answers come in the order of the recipients."""
    world = World(
        PIPELINING
        + """
        C: MAIL FROM:<a@example.test>
        C: RCPT TO:<one@example.net>
        C: RCPT TO:<two@example.net>
        C: RCPT TO:<three@example.net>
        C: DATA
        S: 250 ok
        S: 450-4.2.0 grey
        S: 450 4.2.0 listed
        S: 550 nobody
        S: 250 ok
        S: 354 go
        MESSAGE
        S: 250 taken
    """,
        cut=cut,
    )
    assert world.send(None, rcpt("one@example.net", "two@example.net", "three@example.net")) == [
        Answer(450, "4.2.0", "4.2.0 grey listed", "RCPT"),
        Answer(550, "5.0.0", "nobody", "RCPT"),
        Answer(250, "2.0.0", "taken", "end"),
    ]
    assert world.finish() == []


def test_nobody_accepted_but_data_is(cut: Cut) -> None:
    """A server that answers DATA with 354 although it refused everybody gets a lone dot (RFC 2920 3.1), whatever it says to that."""
    world = World(
        PIPELINING
        + ENVELOPE
        + "S: 250 ok\nS: 550 5.1.1 no\nS: 354 go\nMESSAGE\nS: 250 ok\n"
        + ENVELOPE
        + FINE
        + "HANG",
        cut=cut,
    )
    assert codes(world.send()) == [(550, "5.1.1", "RCPT")]
    assert world.peer.messages == [b""]
    with pytest.raises(AssertionError, match="still waits"):
        world.send()  # without RSET before it
    assert world.finish() == []


def test_nobody_accepted() -> None:
    """A transaction that did not come to its end is reset before the next one."""
    world = World(
        PIPELINING
        + ENVELOPE
        + "S: 250 ok\nS: 550 5.1.1 no\nS: 554 5.5.1 no valid recipients\n"
        + "C: RSET\nS: 250 ok\n"
        + ENVELOPE
        + FINE
        + "MESSAGE\nS: 250 2.0.0 taken\n"
    )
    assert codes(world.send()) == [(550, "5.1.1", "RCPT")]
    assert codes(world.send()) == [(250, "2.0.0", "end")]
    assert world.finish() == []


@pytest.mark.parametrize("greeting", [BARE, PIPELINING])
@pytest.mark.parametrize("reply", ["450 4.7.1 later", "550 5.7.1 never"])
def test_mail_refused(greeting: str, reply: str) -> None:
    """What is said to MAIL is the answer for everybody."""
    script = "C: MAIL FROM:<a@example.test>\n"
    if greeting == PIPELINING:
        script += "C: RCPT TO:<b@example.net>\nC: RCPT TO:<c@example.net>\nC: DATA\n"
    world = World(greeting + script + f"S: {reply}\n" + ("S: 503 ?\nS: 503 ?\nS: 503 ?\n" if "RCPT" in script else ""))
    answers = world.send(None, rcpt("b@example.net", "c@example.net"))
    assert codes(answers) == [(int(reply[:3]), reply[4:9], "MAIL")] * 2
    assert world.connection.usable
    assert world.finish() == []


def test_data_refused() -> None:
    """What is said to DATA is the answer for those who were accepted."""
    world = World(PIPELINING + ENVELOPE + "S: 250 ok\nS: 250 ok\nS: 451 4.3.0 not now\n")
    assert codes(world.send()) == [(451, "4.3.0", "DATA")]
    assert world.finish() == []


def test_senseless_answer_to_data() -> None:
    """250 to DATA is neither yes nor no: the message is tried again, on another connection."""
    world = World(PIPELINING + ENVELOPE + "S: 250 ok\nS: 250 ok\nS: 250 ok\n")
    assert codes(world.send()) == [(250, "4.5.0", "DATA")]
    assert not world.connection.usable


def test_too_many_recipients() -> None:
    """RCPTMAX (RFC 9422) is kept, by several transactions; who is one too many all the same gets another one."""
    ok = "S: 250 ok\n"
    world = World(
        able("PIPELINING", "LIMITS RCPTMAX=2 MAILMAX=3")
        + "C: MAIL…\nC: RCPT TO:<1@…\nC: RCPT TO:<2@…\nC: DATA\n"
        + ok * 2
        + "S: 452 4.5.3 too many\nS: 354 go\nMESSAGE\nS: 250 2.0.0 first\n"
        + "C: MAIL…\nC: RCPT TO:<2@…\nC: RCPT TO:<3@…\nC: DATA\n"
        + ok * 3
        + "S: 354 go\nMESSAGE\nS: 250 2.0.0 second\n"
        + "C: MAIL…\nC: RCPT TO:<4@…\nC: RCPT TO:<5@…\nC: DATA\n"
        + ok * 3
        + "S: 354 go\nMESSAGE\nS: 250 2.0.0 third\n"
    )
    answers = world.send(None, rcpt(*(f"{number}@example.net" for number in range(1, 7))))
    texts = ["2.0.0 first", "2.0.0 second", "2.0.0 second", "2.0.0 third", "2.0.0 third"]
    assert [one.text for one in answers[:5]] == texts
    assert (answers[5].status, answers[5].code) == ("4.5.3", 0)
    assert not world.connection.usable  # MAILMAX
    assert world.finish() == []


def test_too_many_domains() -> None:
    """RCPTDOMAINMAX (RFC 9422): who is at one domain too many waits for another connection, and this one takes no second message."""
    world = World(
        able("PIPELINING", "LIMITS RCPTDOMAINMAX=2 RCPTMAX=2")
        + "C: MAIL…\nC: RCPT TO:<1@one…\nC: RCPT TO:<2@two…\nC: DATA\n"
        + "S: 250 ok\nS: 250 ok\nS: 250 ok\nS: 354 go\nMESSAGE\nS: 250 taken\n"
        + "C: MAIL…\nC: RCPT TO:<4@ONE…\nC: DATA\n"
        + "S: 250 ok\nS: 250 ok\nS: 354 go\nMESSAGE\nS: 250 taken\n"
    )
    answers = world.send(None, rcpt("1@one.example", "2@two.example", "3@three.example", "4@ONE.example"))
    assert codes(answers) == [(250, "2.0.0", "end"), (250, "2.0.0", "end"), (0, "4.5.3", "RCPT"), (250, "2.0.0", "end")]
    assert not world.connection.usable
    assert world.finish() == []


def test_552_for_too_many() -> None:
    """552 after others were accepted may mean what 452 means (RFC 5321 4.5.3.1.10); for a full mailbox it stays what it is."""
    world = World(
        able("PIPELINING")
        + "C: MAIL…\nC: RCPT TO:<1@…\nC: RCPT TO:<2@…\nC: RCPT TO:<3@…\nC: DATA\n"
        + "S: 250 ok\nS: 250 ok\nS: 552 5.2.2 full\nS: 552 too many\nS: 354 go\nMESSAGE\nS: 250 taken\n"
        + "C: MAIL…\nC: RCPT TO:<3@…\nC: DATA\nS: 250 ok\nS: 250 ok\nS: 354 go\nMESSAGE\nS: 250 taken\n"
    )
    answers = world.send(None, rcpt("1@example.net", "2@example.net", "3@example.net"))
    assert [one.status for one in answers] == ["2.0.0", "5.2.2", "2.0.0"]
    assert world.finish() == []


def test_second_transaction_breaks() -> None:
    """What the first transaction delivered stays delivered, although the connection breaks in the second one."""
    world = World(
        able("PIPELINING", "LIMITS RCPTMAX=1")
        + "C: MAIL…\nC: RCPT…\nC: DATA\nS: 250 ok\nS: 250 ok\nS: 354 go\nMESSAGE\nS: 250 taken\n"
        + "C: MAIL…\nC: RCPT…\nC: DATA\nCLOSE"
    )
    answers = world.send(None, rcpt("1@example.net", "2@example.net"))
    assert codes(answers) == [(250, "2.0.0", "end"), (0, "4.4.2", "MAIL")]


def test_size() -> None:
    """SIZE is announced (RFC 1870), and what is larger than the host takes is not sent."""
    world = World(
        able("SIZE 100") + f"C: MAIL FROM:<a@example.test> SIZE={len(MESSAGE)}\nS: 250 ok\nC: RCPT…\nS: 550 no\n"
    )
    assert codes(world.send()) == [(550, "5.0.0", "RCPT")]
    (answer,) = world.send(mail(b"x" * 99 + b"\r\n"))
    assert (answer.code, answer.status) == (0, "5.3.4")
    assert "101" in answer.text
    assert "100" in answer.text
    assert world.finish() == []


@pytest.mark.parametrize("words", ["SIZE", "SIZE 0", "SIZE lots", "SIZE " + "9" * 40])
def test_size_without_limit(words: str) -> None:
    """SIZE without a sensible number is no limit."""
    world = World(able(words) + f"C: MAIL FROM:<a@example.test> SIZE={len(MESSAGE)}\nS: 550 no\n")
    assert codes(world.send()) == [(550, "5.0.0", "MAIL")]
    assert world.finish() == []


DSN_MAIL = "C: MAIL FROM:<a@example.test> RET=HDRS ENVID=a+2Bb\n"
DSN_RCPT = "C: RCPT TO:<b@example.net> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;x@example.test\n"


@pytest.mark.parametrize("knows", [True, False])
def test_dsn(knows: bool) -> None:
    """What the sender asks about reports is passed on to a host that knows DSN, and then it is that host's duty (RFC 3461 5.2)."""
    lines = DSN_MAIL + DSN_RCPT if knows else "C: MAIL FROM:<a@example.test>\nC: RCPT TO:<b@example.net>\n"
    world = World(
        able("PIPELINING", "DSN" if knows else "ETRN") + lines + "C: DATA\n" + FINE + "MESSAGE\nS: 250 2.0.0 ok\n"
    )
    recipient = MailRecipient("b@example.net", Notify.SUCCESS | Notify.FAILURE, "rfc822;x@example.test")
    (answer,) = world.send(mail(ret="HDRS", envid="a+b"), [recipient])
    assert answer.reports is knows
    assert world.finish() == []


def test_lmtp(cut: Cut) -> None:
    """LMTP: LHLO, and an answer for each accepted recipient after the message (RFC 2033)."""
    world = World(
        """
        S: 220 store LMTP
        C: LHLO me.example.test
        S: 250-store
        S: 250 PIPELINING
        C: MAIL FROM:<a@example.test>
        C: RCPT TO:<1@example.net>
        C: RCPT TO:<2@example.net>
        C: RCPT TO:<3@example.net>
        C: DATA
        S: 250 ok
        S: 250 ok
        S: 550 5.1.1 no
        S: 250 ok
        S: 354 go
        MESSAGE
        S: 250 2.0.0 kept
        S: 452 4.2.2 full
    """,
        terms=PLAIN.__class__("me.example.test", PLAIN.tls, lmtp=True),
        cut=cut,
    )
    answers = world.send(None, rcpt("1@example.net", "2@example.net", "3@example.net"))
    assert codes(answers) == [(250, "2.0.0", "end"), (550, "5.1.1", "RCPT"), (452, "4.2.2", "end")]
    assert world.finish() == []


def test_lmtp_breaks_between_answers() -> None:
    """Who has the message has it; the others are tried again."""
    world = World(
        "S: 220 store\nC: LHLO …\nS: 250-store\nS: 250-PIPELINING\nS: 250 CHUNKING\n"
        "C: MAIL…\nC: RCPT…\nC: RCPT…\nS: 250 ok\nS: 250 ok\nS: 250 ok\nCHUNK LAST\nS: 250 2.0.0 kept\nCLOSE",
        terms=PLAIN.__class__("me.example.test", PLAIN.tls, lmtp=True),
    )
    answers = world.send(None, rcpt("1@example.net", "2@example.net"))
    assert codes(answers) == [(250, "2.0.0", "end"), (0, "4.4.2", "end")]


def test_lmtp_waits_for_a_message_for_nobody() -> None:
    """An LMTP server that wants a message although it refused everybody would not answer it: the connection ends."""
    world = World(
        "S: 220 store\nC: LHLO …\nS: 250-store\nS: 250 PIPELINING\nC: MAIL…\nC: RCPT…\nC: DATA\n"
        "S: 250 ok\nS: 550 5.1.1 no\nS: 354 go\n",
        terms=PLAIN.__class__("me.example.test", PLAIN.tls, lmtp=True),
    )
    assert codes(world.send()) == [(550, "5.1.1", "RCPT")]
    assert not world.connection.usable


# --- what never leaves ---


@pytest.mark.parametrize("greeting", [PIPELINING, CHUNKING], ids=["DATA", "BDAT"])
@pytest.mark.parametrize(
    ("stored", "sent"),
    [
        (b"a\nb\rc\r\nd", b"a\r\nb\r\nc\r\nd\r\n"),
        (b"a\r", b"a\r\n"),
        (b"\n.\n\r.\r", b"\r\n.\r\n\r\n.\r\n"),
        (b"", b""),
        (b"no end", b"no end\r\n"),
    ],
)
def test_line_ends(stored: bytes, sent: bytes, greeting: str) -> None:
    """Whatever the store contains, only CRLF ends a line, and a line's end ends the message."""
    chunked = greeting == CHUNKING
    script = (
        (ENVELOPE.replace("C: DATA", "CHUNK LAST") + FINE.replace("354 go", "250 ok")) if chunked else ENVELOPE + FINE
    )
    world = World(greeting + script + ("" if chunked else "MESSAGE\nS: 250 2.0.0 ok\n"))
    assert codes(world.send(mail(stored)))[0][0] == 250
    assert world.peer.messages == [sent]
    assert world.finish() == []


@pytest.mark.parametrize("most", [1, 2, 7])
def test_line_ends_across_blocks(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same when the message is read in pieces that cut line ends in two."""
    monkeypatch.setattr("mailsvc.net.smtp_client.body.BLOCK", most)
    world = World(PIPELINING + ENVELOPE + FINE + "MESSAGE\nS: 250 2.0.0 ok\n")
    world.send(mail(b"good\r\nbad\nbad\rgood\r\n\r\n.\r\n..\r\r\n\n", most=most))
    assert world.peer.messages == [b"good\r\nbad\r\nbad\r\ngood\r\n\r\n.\r\n..\r\n\r\n\r\n"]


def test_nul() -> None:
    """A message with NUL is not sent: 5.6.0."""
    world = World(PIPELINING)
    assert codes(world.send(mail(b"a\0b\r\n"))) == [(0, "5.6.0", "MAIL")]
    assert world.connection.usable
    assert world.finish() == []


def test_nul_in_the_middle() -> None:
    """NUL that is found while the message is being sent: the connection is cut, so that nothing counts as sent."""
    world = World(PIPELINING + ENVELOPE + FINE + "MESSAGE\n")
    assert codes(world.send(mail(b"x" * 100_000 + b"\0\r\n"))) == [(0, "5.6.0", "MAIL")]
    assert world.transport.aborting
    assert world.peer.messages == []


@pytest.mark.parametrize("address", ["a\r\nRSET@example.net", "a\0@example.net", "a\u2028@example.net"])
def test_addresses_that_are_none(address: str) -> None:
    """No address can bring a command of its own."""
    world = World(able("SMTPUTF8"))
    assert codes(world.send(None, rcpt(address))) == [(0, "5.1.3", "RCPT")]
    assert codes(world.send(mail(sender=address))) == [(0, "5.1.7", "MAIL")]
    assert world.finish() == []


# --- beyond ASCII ---


def test_eight_bit() -> None:
    """8-bit text is announced to a host that takes it (RFC 6152), also if nobody said so before."""
    content = "Subject: x\r\n\r\nGrüße\r\n".encode()
    script = "C: MAIL FROM:<a@example.test> BODY=8BITMIME\nC: RCPT…\nC: DATA\n" + FINE + "MESSAGE\nS: 250 ok\n"
    world = World(able("PIPELINING", "8BITMIME") + script * 2)
    world.send(mail(content))
    world.send(mail(body="8BITMIME"))
    assert world.peer.messages == [content, MESSAGE]
    assert world.finish() == []


def test_down_conversion() -> None:
    """A host without 8BITMIME gets the text encoded, and SIZE says how large that is."""
    content = (
        "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
        + "Grüße aus Köln am schönen Rhein\r\n" * 3
    )
    world = World(
        able("PIPELINING", "SIZE")
        + "C: MAIL FROM:<a@example.test> SIZE=…\nC: RCPT…\nC: DATA\n"
        + FINE
        + "MESSAGE\nS: 250 ok\n"
    )
    world.send(mail(content.encode(), body="8BITMIME"))
    (sent,) = world.peer.messages
    assert b"Content-Transfer-Encoding: quoted-printable\r\n" in sent
    assert b"Gr=C3=BC=C3=9Fe aus" in sent
    assert world.finish() == []


def test_impossible_down_conversion() -> None:
    """A signed part must not be changed: 5.6.3."""
    content = b"Content-Type: multipart/signed; boundary=x\r\n\r\n--x\r\n\r\nGr\xfc\xdfe\r\n--x--\r\n"
    world = World(PIPELINING)
    assert codes(world.send(mail(content))) == [(0, "5.6.3", "MAIL")]
    assert world.finish() == []


def test_smtputf8() -> None:
    """Addresses beyond ASCII are sent with SMTPUTF8 (RFC 6531)."""
    world = World(
        able("PIPELINING", "8BITMIME", "SMTPUTF8")
        + "C: MAIL FROM:<太郎@example.test> SMTPUTF8\nC: RCPT TO:<花子@例え.test>\nC: DATA\n"
        + FINE
        + "MESSAGE\nS: 250 ok\n"
    )
    assert codes(world.send(mail(sender="太郎@example.test"), rcpt("花子@例え.test")))[0][0] == 250
    assert world.finish() == []


def test_no_smtputf8() -> None:
    """A host without SMTPUTF8 gets what can do without: a domain in A-labels; the recipient that cannot is told 5.6.7, nobody else."""
    world = World(
        able("PIPELINING", "8BITMIME")
        + "C: MAIL FROM:<a@xn--r8jz45g.test>\nC: RCPT TO:<b@example.net>\nC: DATA\n"
        + FINE
        + "MESSAGE\nS: 250 ok\n"
    )
    answers = world.send(mail(sender="a@例え.test", utf8=True), rcpt("花子@example.net", "b@example.net"))
    assert codes(answers) == [(0, "5.6.7", "RCPT"), (250, "2.0.0", "end")]
    assert codes(world.send(mail(sender="太郎@example.test"))) == [(0, "5.6.7", "MAIL")]
    assert codes(world.send(mail("Subject: 表\r\n\r\nx\r\n".encode(), utf8=True))) == [(0, "5.6.7", "MAIL")]
    assert world.finish() == []


def test_header_in_utf8() -> None:
    """A header in UTF-8 needs SMTPUTF8 too; an ASCII one does not, whatever the sender had said."""
    refused = "C: …\nC: DATA\nS: 550 x\nS: 503 x\nS: 503 x\n"
    world = World(
        able("PIPELINING", "8BITMIME", "SMTPUTF8")
        + f"C: MAIL FROM:<a@example.test> BODY=8BITMIME SMTPUTF8\n{refused}"
        + f"C: MAIL FROM:<a@example.test>\n{refused}"
    )
    world.send(mail("Subject: 表\r\n\r\nx\r\n".encode(), utf8=True))
    world.send(mail(utf8=True))
    assert world.finish() == []


# --- what goes wrong on our side ---


def test_message_cannot_be_read() -> None:
    """A store that fails in the middle of a message: the connection is cut, the error comes through, nothing half is accepted."""
    problem = OSError("disk")

    async def read(offset: int, length: int) -> bytes:
        if offset:
            raise problem
        return b"x" * length

    world = World(PIPELINING + ENVELOPE + FINE + "MESSAGE\n")
    message = mail(b"x" * 200_000)
    assert world.send(message.__class__(message.sender, message.size, read)) is problem
    assert world.transport.aborting
    assert world.peer.messages == []


def test_message_is_shorter_than_it_should_be() -> None:
    """Octets that are missing are no end of the message."""

    async def read(offset: int, length: int) -> bytes:
        return b"" if offset else b"x" * length

    world = World(PIPELINING + ENVELOPE + FINE + "MESSAGE\n")
    error = world.send(mail().__class__("a@example.test", 200_000, read))
    assert error.reason == "message-cut-short"
    assert world.transport.aborting


def test_cancelled() -> None:
    """Who waits no longer may say so: the connection is cut."""
    from twisted.internet.defer import Deferred

    world = World(PIPELINING + ENVELOPE + "HANG")
    sending = Deferred.fromCoroutine(world.connection.send(mail(), rcpt()))
    sending.addErrback(lambda failure: None)
    world.pump()
    sending.cancel()
    world.pump()
    assert world.transport.aborting
    assert not world.connection.usable


def test_used_after_the_end() -> None:
    """A connection that the server has closed meanwhile says so."""
    world = World(PIPELINING + "S: 421 4.3.2 closing\nCLOSE")
    assert not world.connection.usable
    failure = world.send()
    assert isinstance(failure, HopFailed)
    assert failure.answer.status == "4.3.2"
    assert not failure.in_doubt


PIECES = st.sampled_from([b"\r", b"\n", b"\r\n", b".", b"x", b"\r\n.\r\n", b"\r\n.", b"long line"])


@given(st.lists(PIECES, max_size=30), st.integers(1, 9))
def test_what_leaves_is_what_the_store_holds(pieces: list[bytes], block: int) -> None:
    """Whatever is stored and however it is read: it arrives whole, with strict line ends."""
    content = b"".join(pieces)
    expected = re.sub(rb"\r\n|\r|\n", b"\r\n", content)
    expected += b"" if expected.endswith(b"\r\n") or not expected else b"\r\n"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mailsvc.net.smtp_client.body.BLOCK", block)
        world = World(PIPELINING + ENVELOPE + FINE + "MESSAGE\nS: 250 2.0.0 ok\n")
        assert codes(world.send(mail(content, most=block))) == [(250, "2.0.0", "end")]
    assert world.peer.messages == [expected]
    assert world.finish() == []
