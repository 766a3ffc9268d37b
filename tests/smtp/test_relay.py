"""Conversations about mail to other servers: refusals that help, permissions that come and go, and what is done to granted mail."""

from collections.abc import Sequence
from ipaddress import ip_network
from typing import Any

import attrs
import pytest
from twisted.internet.testing import StringTransport

from mailsvc.auth.relay_addresses import network_of
from mailsvc.auth.relay_rules import PopBeforeSmtp, Rule, SenderPolicy, SmtpAuth, TrustedNetwork
from mailsvc.auth.relay_words import RelayWords
from mailsvc.core.operations import Deliver, SpendGrant
from mailsvc.core.options import Size
from mailsvc.core.relay import Grant, Limits, RelayDecision, Spent
from mailsvc.core.values import Peer
from mailsvc.delivery.options import BorderOptions
from mailsvc.formats.dsn_parameters import Notify
from mailsvc.testing.transcript import replay
from mailsvc.texts import Texts
from tests.smtp.world import World

AUTH = SmtpAuth(name="smtp-auth")
POP = PopBeforeSmtp(name="pop", window=300, shared=(ip_network("100.64.0.0/10"),))
CAMPUS = TrustedNetwork(name="campus", networks=(ip_network("192.0.2.0/24"),), sender=SenderPolicy.OWN)
WORDS = {"local": Texts("ja"), "url": "https://mail.example.test/send", "contact": "postmaster@example.test"}

HELLO = """
    S: 220 …
    C: HELO pc
    S: 250 …
"""
ASK = """
    C: MAIL FROM:<anybody@where.test>
    S: 250 2.1.0 Ok
    C: RCPT TO:<x@elsewhere.test>
"""
YES = "    S: 250 2.1.5 Ok\n"
RSET = """
    C: RSET
    S: 250 2.0.0 Ok
"""


def world(*rules: Rule, address: str = "192.0.2.1", **settings: Any) -> World:
    """A port 25 with rules."""
    return World("smtp", address, rules=rules or (POP, AUTH), words=WORDS, **settings)


def give(here: World, address: str = "192.0.2.1", **changes: Any) -> Grant:
    """Alice has received mail there just now."""
    now = int(here.clock.seconds())
    grant = Grant(
        id="5f1c",
        network=network_of(address, 128),
        account=1,
        rule="pop",
        credential=0,
        protocol="pop3",
        mechanism="USER",
        tls="TLSv1.3",
        first=now,
        last=now,
        expiry=now + 300,
    )
    here.grants.grants.append(attrs.evolve(grant, **changes))
    here.permits.desk.forget()
    return here.grants.grants[-1]


def talk(here: World, *scripts: str) -> tuple[Any, StringTransport]:
    """Carry scripts out on one connection."""
    protocol, transport = here.connect()
    replay("".join(scripts), protocol, transport)
    return protocol, transport


REFUSALS: dict[str, tuple[tuple[Rule, ...], str, str]] = {
    "nobody has received": (
        (POP, AUTH),
        "192.0.2.1",
        "this server does not know yet who you are. Receive your mail first (IPv4, as you are sending now), then send again within "
        "5 minutes. Or switch on SMTP authentication (user name and password for outgoing mail) in your mail program.",
    ),
    "over IPv6": ((POP,), "2001:db8::1", "…Receive your mail first (IPv6, as you are sending now)…"),
    "SMTP AUTH only": (
        (AUTH,),
        "192.0.2.1",
        "this server does not know yet who you are. Switch on SMTP authentication (user name and password for outgoing mail) in your "
        "mail program.",
    ),
    "from outside the campus": (
        (CAMPUS,),
        "198.51.100.1",
        "this server does not know yet who you are. Send from within our own network.",
    ),
    "a sender of nobody here": (
        (CAMPUS, AUTH),
        "192.0.2.1",
        "you may not send with this sender address. Use your own address…",
    ),
    "own words": (
        (attrs.evolve(CAMPUS, refusal="Please write from example.test"),),
        "192.0.2.1",
        "Please write from example.test",
    ),
    "an address of many": (
        (POP, AUTH),
        "100.64.0.9",
        "many people share your address 100.64.0.9, so receiving your mail first does not help from there. …SMTP authentication…",
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_helps(name: str) -> None:
    """550 5.7.1 at RCPT, one line of ASCII composed from the rules that are switched on, with URL and contact; the connection stays."""
    rules, address, text = REFUSALS[name]
    words = text if name == "own words" else f"Relaying denied: {text}"
    reply = f"    S: 550 5.7.1 {words} Help: https://mail.example.test/send Contact: postmaster@example.test\n"
    talk(world(*rules, address=address), HELLO, ASK, reply, RSET)


def test_every_refusal_fits_into_a_reply() -> None:
    """However much there is to say, in either language a line has at most 512 octets (RFC 5321 4.5.3.1.5), and nothing is cut off."""
    address = "2001:db8:1111:2222:3333:4444:5555:6666"
    campus = attrs.evolve(CAMPUS, networks=(ip_network("203.0.113.0/24"),))
    words = RelayWords(rules=(POP, AUTH, campus), texts=Texts("en"), **WORDS)
    for reason in (
        "no-rule",
        "no-grant",
        "grant-expired",
        "grant-ended",
        "shared-address",
        "wrong-sender",
        "sending-off",
    ):
        for rule in ("", "campus", "pop"):
            decision = RelayDecision(allowed=False, rule=rule, reason=reason)
            error = words.refusal(decision, Peer(address, "smtp@[::]:25", "smtp"))
            assert len(f"550 5.7.1 {error.text}\r\n") <= 512
            assert error.text.isascii()
            assert len(f"550 5.7.1 {error.local}\r\n".encode()) <= 512, error.local


def test_japanese_under_smtputf8() -> None:
    """Who can read UTF-8 gets the same in the language of the server; nobody else gets an octet beyond ASCII."""
    talk(
        world(),
        """
        S: 220 …
        C: EHLO pc
        S: 250-…
        S: 250-PIPELINING
        S: 250-SIZE 50000000
        S: 250-8BITMIME
        S: 250-SMTPUTF8
        S: 250-ENHANCEDSTATUSCODES
        S: 250-CHUNKING
        S: 250-DSN
        S: 250-STARTTLS
        S: 250-LIMITS RCPTMAX=1000
        S: 250 AUTH PLAIN LOGIN
        C: MAIL FROM:<anybody@where.test> SMTPUTF8
        S: 250 2.1.0 Ok
        C: RCPT TO:<x@elsewhere.test>
        S: 550-5.7.1 Relaying denied: …
        S: 550 5.7.1 外部への送信はできません。…先にメールを受信し（送信と同じ IPv4 で）、5 分以内に送信し直してください。…
        """,
    )


def test_refused_receive_send() -> None:
    """On one connection, and within one transaction."""
    here = world()
    protocol, transport = talk(here, HELLO, ASK, "    S: 550 5.7.1 Relaying denied…\n")
    give(here)
    replay("    C: RCPT TO:<x@elsewhere.test>\n" + YES, protocol, transport)
    here.clock.advance(299)
    replay("    C: RCPT TO:<y@elsewhere.test>\n" + YES, protocol, transport)
    here.clock.advance(1)
    replay(
        "    C: RCPT TO:<z@elsewhere.test>\n    S: 550 5.7.1 Relaying denied: it is too long since you received your mail.…\n",
        protocol,
        transport,
    )


def test_revoked_within_a_transaction() -> None:
    """The next recipient is refused; those before it stay."""
    here = world()
    give(here)
    protocol, transport = talk(here, HELLO, ASK, YES)
    here.grants.grants = [attrs.evolve(here.grants.grants[0], ended=int(here.clock.seconds()), why="revoked")]
    here.permits.desk.forget()
    replay(
        "    C: RCPT TO:<z@elsewhere.test>\n    S: 550 5.7.1 Relaying denied: your permission to send was taken back.…\n",
        protocol,
        transport,
    )


def test_nothing_is_asked_twice() -> None:
    """While nothing has changed, a thousand recipients cost one look at the grants."""
    here = world()
    give(here)
    protocol, transport = talk(here, HELLO, ASK, YES)
    asked = here.grants.asked
    for _ in range(99):
        replay("    C: RCPT TO:<x@elsewhere.test>\n" + YES, protocol, transport)
    assert here.grants.asked == asked


def test_refusals_cost_no_patience() -> None:
    """Whoever is told to receive first is not made to wait, however many recipients the letter has: the clock stands still here."""
    here = world()
    more = "    C: RCPT TO:<x@elsewhere.test>\n    S: 550 5.7.1 Relaying denied…\n"
    protocol, transport = talk(here, HELLO, "    C: MAIL FROM:<anybody@where.test>\n    S: 250 …\n", more * 60)
    give(here)
    replay("    C: RCPT TO:<x@elsewhere.test>\n" + YES, protocol, transport)


def test_the_hours_limit() -> None:
    """It has a reply of its own, which asks for patience."""
    here = world(attrs.evolve(POP, limits=Limits(messages=200, recipients=3)), AUTH)
    give(here)
    more = "    C: RCPT TO:<x@elsewhere.test>\n"
    limit = "    S: 450 4.7.1 You have sent as much as an hour allows (200 messages, 3 recipients); please send again later.…\n"
    talk(here, HELLO, ASK, YES, more, YES, more, YES, more, limit)
    here.grants.used["account:1"] = Spent(200, 0)
    talk(here, HELLO, ASK, limit)


def test_mail_for_people_here_needs_no_permission() -> None:
    """Whatever the rules say of an address, it may write to people here."""
    talk(
        world(POP, address="100.64.0.9"),
        HELLO,
        """
        C: MAIL FROM:<anybody@where.test>
        S: 250 2.1.0 Ok
        C: RCPT TO:<alice@example.test>
        S: 250 2.1.5 Ok
        """,
    )


LETTER = """
    C: RCPT TO:<bob@example.test>
    S: 250 2.1.5 Ok
    C: DATA
    S: 354 …
"""


MESSAGE = """
    C: DATA
    S: 354 …
    C: Subject: x
    C: .
    S: 250 …
"""


def test_granted_mail_is_completed() -> None:
    """What a mail program has left out is added in front (RFC 6409 8); what it has written stays. It is counted with the message."""
    here = world()
    give(here)
    talk(here, HELLO, ASK, YES, LETTER, "    C: Subject: x\n    C: .\n    S: 250 …\n")
    spent, deliver = here.store.delivered[-2:]
    assert isinstance(spent, SpendGrant)
    assert (spent.subjects, spent.recipients, spent.account) == (("account:1", "192.0.2.1/32"), 1, 1)
    assert isinstance(deliver, Deliver)
    assert b"with SMTP (POP-before-SMTP) id" in deliver.prefix
    assert b"\r\nDate: " in deliver.prefix
    assert b"\r\nMessage-ID: <" in deliver.prefix
    complete = "    C: date: now\n    C: MESSAGE-ID : <1@pc>\n    C: .\n    S: 250 …\n"
    talk(here, HELLO, ASK, YES, LETTER, complete)
    assert b"Date: " not in here.store.delivered[-1].prefix
    assert b"Message-ID: " not in here.store.delivered[-1].prefix


BORDER = BorderOptions(message_size=Size(1000), networks=(), domains=("near.test",))
BIG = f"""
    C: DATA
    S: 354 …
    C: {"x" * 1400}
    C: .
"""


def test_the_border_asks_who_answers_at_each_message() -> None:
    """While a permission to send holds, mail of that address is one of ours; before and after it, on the same connection, it enters."""
    here = world(border=BORDER)
    big = "    C: MAIL FROM:<anybody@where.test> SIZE=1400\n"
    enters = "    S: 552 5.3.4 Message too big, the limit for mail from other sites is 1000 bytes…\n"
    protocol, transport = talk(here, HELLO, big, enters)
    give(here)
    replay(f"{big}    S: 250 2.1.0 Ok\n{LETTER.partition('C: DATA')[0]}{BIG}    S: 250 …\n", protocol, transport)
    (deliver,) = here.store.delivered
    assert len(deliver.accounts) == 1
    replay(
        f"    C: MAIL FROM:<anybody@where.test>\n    S: 250 2.1.0 Ok\n{LETTER.partition('C: DATA')[0]}",
        protocol,
        transport,
    )
    here.grants.grants = [attrs.evolve(here.grants.grants[0], ended=int(here.clock.seconds()), why="revoked")]
    here.permits.desk.forget()
    replay(f"{BIG}    S: 250 …\n{big}{enters}", protocol, transport)


def test_the_border_stops_granted_mail_that_leaves() -> None:
    """A permission to send is none to send more than may leave: inside it arrives, its sender hears who has not got it."""
    here = world(border=BORDER)
    give(here)
    talk(
        here,
        HELLO,
        ASK.replace(">\n    S: 250 2.1.0", "> SIZE=1400\n    S: 250 2.1.0"),
        "    S: 552 5.3.4 …1000 bytes…\n",
    )
    talk(here, HELLO, ASK, YES, LETTER.partition("C: DATA")[0], BIG, "    S: 250 …\n")
    (deliver,) = here.store.delivered
    assert len(deliver.accounts) == 1
    assert deliver.outgoing is None
    ((_, told),) = here.reports.told
    assert [(one.address, one.status) for one in told] == [("x@elsewhere.test", "5.3.4")]


def test_only_what_leaves_is_counted() -> None:
    """Recipients whom the border stops count towards no limit of the hour."""
    here = world(border=BORDER)
    give(here)
    near = "    C: RCPT TO:<x@near.test>\n" + YES
    talk(here, HELLO, ASK, YES, near, LETTER.partition("C: DATA")[0], BIG, "    S: 250 …\n")
    spent, deliver = here.store.delivered
    assert isinstance(spent, SpendGrant)
    assert spent.recipients == 1
    assert [one.address for one in deliver.outgoing.recipients] == ["x@near.test"]


@pytest.mark.parametrize(
    ("rules", "options", "size"),
    [
        ((AUTH,), {"mechanisms": ()}, 1000),  # a stranger, for ever
        ((AUTH,), {}, 5000),  # he may log in
        ((AUTH,), {"cleartext": ()}, 1000),  # not on this line
        ((POP,), {"mechanisms": ()}, 5000),  # he may have a permission
        ((AUTH,), {"mechanisms": (), "address": "10.0.0.1"}, 5000),  # he is inside
        ((AUTH,), {"mechanisms": (), "message_size": 700}, 700),
    ],
)
def test_what_size_promises(rules: tuple[Rule, ...], options: dict[str, Any], size: int) -> None:
    """EHLO tells the border's limit to those who cannot come to be more than strangers (RFC 1870 4)."""
    border = attrs.evolve(BORDER, networks=(ip_network("10.0.0.0/8"),))
    here = world(*rules, border=border, **{"message_size": 5000, **options})
    protocol, transport = here.connect()
    transport.clear()
    protocol.dataReceived(b"EHLO pc\r\n")
    assert b"-SIZE %d\r\n" % size in transport.value()


@pytest.mark.parametrize(
    ("parameters", "notify", "orcpt"),
    [
        ("NOTIFY=NEVER", Notify.NEVER, ""),
        ("ORCPT=rfc822;X@first.test", 0, "rfc822;X@first.test"),
        ("NOTIFY=DELAY ORCPT=rfc822;X+2By@first.test", Notify.DELAY, "rfc822;X+y@first.test"),
    ],
)
def test_wishes_for_a_report_go_along(parameters: str, notify: int, orcpt: str) -> None:
    """NOTIFY and ORCPT, one or both, are kept with the recipient for the next server (RFC 3461 5.2.1)."""
    here = world()
    give(here)
    ask = f"    C: MAIL FROM:<anybody@where.test>\n    S: 250 …\n    C: RCPT TO:<x@elsewhere.test> {parameters}\n"
    talk(here, HELLO, ask, YES, MESSAGE)
    deliver = here.store.delivered[-1]
    assert isinstance(deliver, Deliver)
    assert deliver.outgoing is not None
    assert [(one.notify, one.orcpt) for one in deliver.outgoing.recipients] == [(notify, orcpt)]


def test_first_use_is_told_once_the_message_is_taken() -> None:
    """When the store says that a grant is used for the first time ever, its owner is to be told; otherwise nobody is."""
    here = world()
    told: list[RelayDecision] = []
    here.permits.first_use = told.append
    give(here)
    talk(here, HELLO, ASK, YES, MESSAGE)
    assert told == []
    keep = here.store.apply

    async def apply(operations: Sequence[Any]) -> list[Any]:
        await keep(operations)
        return [isinstance(one, SpendGrant) for one in operations]

    here.store.apply = apply  # type: ignore[method-assign]
    talk(here, HELLO, ASK, YES, MESSAGE)
    assert [(one.account, one.kind) for one in told] == [("alice@example.test", "pop-before-smtp")]


def test_other_mail_is_not_completed() -> None:
    """A stranger's message for people here is none of ours to mend."""
    here = world()
    talk(
        here,
        HELLO,
        "    C: MAIL FROM:<anybody@where.test>\n    S: 250 …\n",
        LETTER,
        "    C: Subject: x\n    C: .\n    S: 250 …\n",
    )
    (deliver,) = here.store.delivered
    assert b"Date: " not in deliver.prefix
    assert b"POP-before-SMTP" not in deliver.prefix


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("From: Alice <alice@example.test>", "250 …"),
        ("From: bob@example.test", "550 5.7.1 Relaying denied: you may not send with this address in From:.…"),
        ("From: alice@example.test, x@elsewhere.test", "550 5.7.1 …"),
        ("From: nobody", "550 5.7.1 …"),
        ("Subject: no From", "550 5.7.1 …"),
        ("From: alice@example.test (\n    C: From: bob@example.test", "550 5.7.1 …"),
        (
            "From: alice@example.test\n" + f"    C: X: {'x' * 10_000}\n" * 7 + "    C: From: bob@example.test",
            "550 5.7.1 …",
        ),
    ],
)
def test_from_is_held_to_the_same(line: str, reply: str) -> None:
    """Where the rule wants it, the From: field must be the account's own too."""
    here = world(attrs.evolve(POP, sender=SenderPolicy.OWN, check_from=True))
    give(here)
    talk(
        here,
        HELLO,
        "    C: MAIL FROM:<alice@example.test>\n    S: 250 …\n    C: RCPT TO:<x@elsewhere.test>\n",
        YES,
        LETTER,
        f"    C: {line}\n    C: .\n    S: {reply}\n",
    )


@pytest.mark.parametrize(
    ("sender", "fits"),
    [
        ("alice@example.test", True),
        ("ALICE@Example.Test", True),
        ("staff@example.test", True),
        ("bob@example.test", False),
        ("nobody@example.test", False),
        ("alice@elsewhere.test", False),
        ("", True),
    ],
)
def test_own_addresses_and_aliases(sender: str, fits: bool) -> None:
    """The account's address and its aliases, in any spelling, and the null sender; nobody else's."""
    here = world(attrs.evolve(POP, sender=SenderPolicy.OWN))
    give(here)
    script = f"    C: MAIL FROM:<{sender}>\n    S: 250 …\n    C: RCPT TO:<x@elsewhere.test>\n"
    talk(
        here,
        HELLO,
        script,
        YES if fits else "    S: 550 5.7.1 Relaying denied: you may not send with this sender address.…\n",
    )


def test_a_network_and_its_senders() -> None:
    """Network and sender both: an address of ours from the campus; not the null sender, for which nobody would answer."""
    for sender, fits in (
        ("alice@example.test", True),
        ("nobody@example.test", False),
        ("x@elsewhere.test", False),
        ("", False),
    ):
        script = f"    C: MAIL FROM:<{sender}>\n    S: 250 …\n    C: RCPT TO:<x@elsewhere.test>\n"
        talk(world(CAMPUS), HELLO, script, YES if fits else "    S: 550 5.7.1 …\n")
        talk(world(CAMPUS, address="198.51.100.1"), HELLO, script, "    S: 550 5.7.1 …\n")
