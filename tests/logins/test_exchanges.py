"""What goes wrong in an exchange, mechanism by mechanism, over real sockets: the protocol's own error, and a connection that lives on."""

import shutil
import tempfile
from base64 import b64encode
from collections.abc import Callable, Coroutine
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import attrs
from twisted.trial.unittest import TestCase

from mailsvc.core.errors import temporary
from mailsvc.testing.logins import PASSWORD
from mailsvc.testing.sockets import converse
from mailsvc.wire.options import TLSMode
from tests.logins.site import TLS, LoginSite

MALFORMED, CANCELLED, TOO_LONG, WRONG = "malformed", "cancelled", "too-long", "wrong"

ANSWERS = {
    "submission": {
        MALFORMED: "501 5.5.2 …",
        CANCELLED: "501 5.7.0 …",
        TOO_LONG: "500 5.5.6 …",
        WRONG: "535 5.7.8 …",
    },
    "pop3": {
        MALFORMED: "-ERR that is not a valid response",
        CANCELLED: "-ERR authentication cancelled",
        TOO_LONG: "-ERR the authentication exchange is too long",
        WRONG: "-ERR [AUTH] wrong user name or password",
    },
    "imap": {
        MALFORMED: "a BAD That is not a valid response",
        CANCELLED: "a BAD Authentication cancelled",
        TOO_LONG: "a BAD The authentication exchange is too long",
        WRONG: "a NO [AUTHENTICATIONFAILED] Wrong user name or password",
    },
}

FIRST = b"n,,n=alice,r=theirs"
PLUS = b"p=tls-exporter,,n=alice,r=theirs"
PROOF = b64encode(bytes(32))
BEARER = b"auth=Bearer dG9rZW4=\x01\x01"
LONG = b"A" * 12_289  # one octet over the limit

# mechanism, the client's lines (bytes: sent in base64; str: as they are), how it ends
CASES: list[tuple[str, list[bytes | str], str]] = [
    ("PLAIN", ["*"], CANCELLED),
    ("PLAIN", ["!!!!"], MALFORMED),
    ("PLAIN", ["AHRpbQ"], MALFORMED),
    ("PLAIN", [""], MALFORMED),
    ("PLAIN", [b"\0alice"], MALFORMED),
    ("PLAIN", [b"\0\xff\0x"], MALFORMED),
    ("PLAIN", [b"\0alice\0wrong"], WRONG),
    ("PLAIN", [b"\0nobody\0wrong"], WRONG),
    ("PLAIN", [LONG.decode()], TOO_LONG),
    ("LOGIN", ["*"], CANCELLED),
    ("LOGIN", [b"alice", "*"], CANCELLED),
    ("LOGIN", [b"alice", "%"], MALFORMED),
    ("LOGIN", [""], MALFORMED),
    ("LOGIN", [b"alice", b"wrong"], WRONG),
    ("CRAM-MD5", ["*"], CANCELLED),
    ("CRAM-MD5", ["%"], MALFORMED),
    ("CRAM-MD5", [""], MALFORMED),
    ("CRAM-MD5", [b"alice"], MALFORMED),
    ("CRAM-MD5", [b"alice 0123"], MALFORMED),
    ("CRAM-MD5", [b"alice " + b"0" * 32], WRONG),
    ("CRAM-MD5", [b"nobody " + b"0" * 32], WRONG),
    ("CRAM-MD5", [LONG.decode()], TOO_LONG),
    *(
        (name, lines, end)
        for name in ("SCRAM-SHA-1", "SCRAM-SHA-256")
        for lines, end in (
            (["*"], CANCELLED),
            ([""], MALFORMED),
            (["%"], MALFORMED),
            ([b"alice"], MALFORMED),
            ([b"n,,n=alice"], MALFORMED),
            ([b"n,,n=al=ice,r=x"], MALFORMED),
            ([b"n,,m=more,n=alice,r=x"], WRONG),
            ([b"y,,n=alice,r=x"], WRONG),  # -PLUS was offered: somebody has hidden it
            ([b"p=tls-exporter,,n=alice,r=x"], WRONG),
            ([FIRST, "*"], CANCELLED),
            ([FIRST, ""], MALFORMED),
            ([FIRST, b"c=biws,r=theirs"], MALFORMED),
            ([FIRST, b"c=%,r=theirs,p=AAAA"], MALFORMED),
            ([FIRST, b"c=biws,r=theirs,p=" + PROOF], WRONG),  # the nonce of an exchange that was overheard
            ([FIRST, b"c=eSws,r=theirs,p=" + PROOF], WRONG),
            ([LONG.decode()], TOO_LONG),
            ([FIRST, LONG.decode()], TOO_LONG),
        )
    ),
    *(
        (name, lines, end)
        for name in ("SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS")
        for lines, end in (
            ([FIRST], WRONG),
            ([b"y,,n=alice,r=x"], WRONG),
            ([b"p=tls-unique,,n=alice,r=x"], WRONG),
            ([PLUS, "*"], CANCELLED),
            ([PLUS, b"c=biws,r=theirs,p=" + PROOF], WRONG),  # bound to no channel after all
        )
    ),
    *(
        (name, lines, end)
        for name, first in (("OAUTHBEARER", b"n,,\x01" + BEARER), ("XOAUTH2", b"user=alice\x01" + BEARER))
        for lines, end in (
            (["*"], CANCELLED),
            ([""], MALFORMED),
            (["%"], MALFORMED),
            ([b"alice"], MALFORMED),
            ([first[:-1]], MALFORMED),
            ([first.replace(b"Bearer", b"Basic")], MALFORMED),
            ([first[:-1] + b"auth=Bearer eA==\x01\x01"], MALFORMED),  # which of the two?
            ([first, b"\x01"], WRONG),  # RFC 7628 3.2.3: told why, the client says that it has understood
            ([first, "*"], CANCELLED),
            ([LONG.decode()], TOO_LONG),
        )
    ),
    ("OAUTHBEARER", [b"p=tls-exporter,,\x01" + BEARER], WRONG),
]


def _wire(line: bytes | str) -> str:
    return b64encode(line).decode() if isinstance(line, bytes) else line


@attrs.frozen
class Words:
    """How a protocol says it: its opening, the command, the prompt before an answer, and something that shows that the connection lives."""

    opening: tuple[str, ...]
    command: str
    prompt: str
    alive: tuple[str, str]


WORDS = {
    "submission": Words(
        ("S: 220 …", "C: EHLO client.example", *["S: 250-…"] * 9, "S: 250 …"),
        "AUTH",
        "S: 334…",
        ("C: RSET", "S: 250 2.0.0 Ok"),
    ),
    "pop3": Words(("S: +OK …",), "AUTH", "S: + …", ("C: UTF8", "S: +OK …")),
    "imap": Words(("S: * OK …",), "a AUTHENTICATE", "S: + …", ("C: b NOOP", "S: b OK …")),
}


def script(protocol: str, cases: list[tuple[str, list[bytes | str], str]]) -> str:
    """The conversation: each exchange, then something that shows that the connection lives."""
    words = WORDS[protocol]
    lines = [*words.opening]
    for mechanism, answers, end in cases:
        lines.append(f"C: {words.command} {mechanism}")
        for answer in answers:
            lines += [words.prompt, f"C: {_wire(answer)}"]
        lines += [f"S: {ANSWERS[protocol][end]}", *words.alive]
    return "\n".join(lines)


def groups() -> list[list[tuple[str, list[bytes | str], str]]]:
    """The cases in conversations that stay below the limits on wrong passwords (3) and errors (20 and more)."""
    found: list[list[tuple[str, list[bytes | str], str]]] = [[]]
    for case in CASES:
        wrong = sum(end == WRONG for _, _, end in found[-1])
        if len(found[-1]) == 10 or (wrong == 2 and case[2] == WRONG):
            found.append([])
        found[-1].append(case)
    return found


class SocketCase(TestCase):
    """A site behind a real socket."""

    timeout = 120

    def site(self, protocol: str, **options: Any) -> LoginSite:
        """A fresh one, closed at the end."""
        from twisted.internet import reactor

        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        site = LoginSite(Path(folder), protocol, reactor, **options)
        self.addCleanup(site.close)
        return site

    async def converse(self, site: LoginSite, text: str, implicit: bool = True) -> None:
        """Carry out a conversation."""
        from twisted.internet import reactor

        site.factory.tls = TLS
        await converse(text, site.factory, reactor, implicit)
        await site.factory.drain(5.0)


async def _fail(*_: object) -> None:
    raise temporary("store-down")


class MalformedTests(SocketCase):
    """One test for each protocol and group of cases; they are added below."""


def _test(protocol: str, cases: list[tuple[str, list[bytes | str], str]]) -> Callable[[Any], Coroutine[Any, Any, None]]:
    async def test(self: MalformedTests) -> None:
        site = self.site(protocol, tls=TLSMode.IMPLICIT)
        await self.converse(site, script(protocol, cases))
        self.assertEqual(site.logged_in, [])
        self.assertEqual(self.flushLoggedErrors(), [])

    test.__doc__ = f"{protocol}: {len(cases)} exchanges that fail, each answered; no traceback."
    return test


for _protocol in ANSWERS:
    for _number, _cases in enumerate(groups()):
        setattr(MalformedTests, f"test_{_protocol}_{_number:02}", _test(_protocol, _cases))


class OfferTests(SocketCase):
    """What is offered where, and what is said to those who try something else."""

    async def test_nothing_without_tls(self) -> None:
        """R3: without TLS no mechanism is offered, carried out or hinted at, APOP neither."""
        site = self.site("pop3")
        await self.converse(
            site,
            """
            S: +OK mail.example.test POP3 server ready
            C: CAPA
            S: +OK …
            S: STLS
            S: TOP
            S: UIDL
            S: RESP-CODES
            S: AUTH-RESP-CODE
            S: PIPELINING
            S: EXPIRE NEVER
            S: UTF8 USER
            S: LANG
            S: IMPLEMENTATION mailsvc
            S: .
            C: APOP alice c4c9334bac560ecc979e58001b3e22fb
            S: -ERR APOP is not offered here
            C: AUTH CRAM-MD5
            S: -ERR [SYS/PERM] a password would cross…
            C: AUTH SCRAM-SHA-256
            S: -ERR [SYS/PERM] a password would cross…
            C: AUTH PLAIN
            S: -ERR [SYS/PERM] a password would cross…
            """,
            implicit=False,
        )

    async def test_nothing_readable_where_tls_is_not_required(self) -> None:
        """With auth_requires_tls off, what hides the password is offered without TLS, and what shows it is not."""
        site = self.site("submission", auth_requires_tls=False)
        await self.converse(
            site,
            f"""
            S: 220 …
            C: EHLO client.example
            {chr(10).join(["S: 250-…"] * 9)}
            S: 250-LIMITS …
            S: 250 AUTH SCRAM-SHA-256 SCRAM-SHA-1 CRAM-MD5
            C: AUTH PLAIN
            S: 538 5.7.11 …
            C: AUTH SCRAM-SHA-256-PLUS
            S: 538 5.7.11 …
            C: AUTH CRAM-MD5
            S: 334 …
            C: *
            S: 501 5.7.0 …
            """,
            implicit=False,
        )

    async def test_ntlm(self) -> None:
        """Outlook with "Secure Password Authentication" is told to switch it off (A3)."""
        site = self.site("submission", tls=TLSMode.IMPLICIT)
        await self.converse(
            site,
            f"""
            S: 220 …
            C: EHLO client.example
            {chr(10).join(["S: 250-…"] * 9)}
            S: 250 AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-1-PLUS SCRAM-SHA-256 SCRAM-SHA-1 OAUTHBEARER XOAUTH2 CRAM-MD5 PLAIN LOGIN
            C: AUTH NTLM TlRMTVNTUAABAAAAB4IIogAAAAAAAAAAAAAAAAAAAAAFASgKAAAADw==
            S: 504 5.5.4 NTLM is not supported: … SPA (Secure Password Authentication)…
            C: AUTH GSSAPI
            S: 504 5.5.4 Authentication mechanism not known
            C: AUTH EXTERNAL =
            S: 504 5.5.4 Authentication mechanism not known
            """,
        )
        pop = self.site("pop3", tls=TLSMode.IMPLICIT)
        await self.converse(
            pop, "S: +OK …\nC: AUTH NTLM\nS: -ERR NTLM is not supported: …SPA…\nC: AUTH X\nS: -ERR unknown…"
        )

    async def test_old_form(self) -> None:
        """Outlook Express 4 finds the log-in where a listener says so in the form that it knows, and only what works (A3)."""
        site = self.site("submission", tls=TLSMode.IMPLICIT, mechanisms=("CRAM-MD5", "PLAIN", "LOGIN"), old_auth=True)
        plain = b64encode(f"\0alice\0{PASSWORD}".encode()).decode()
        await self.converse(
            site,
            f"""
            S: 220 …
            C: EHLO client.example
            {chr(10).join(["S: 250-…"] * 9)}
            S: 250-AUTH CRAM-MD5 PLAIN LOGIN
            S: 250 AUTH=LOGIN PLAIN
            C: AUTH PLAIN {plain}
            S: 235 …
            """,
        )
        bare = self.site("submission", auth_requires_tls=False, old_auth=True)
        await self.converse(
            bare,
            f"""
            S: 220 …
            C: EHLO client.example
            {chr(10).join(["S: 250-…"] * 10)}
            S: 250 AUTH SCRAM-SHA-256 SCRAM-SHA-1 CRAM-MD5
            """,
            implicit=False,
        )

    async def test_a_listener_that_offers_less(self) -> None:
        """What the listener does not want is unknown there, under TLS too."""
        site = self.site("pop3", tls=TLSMode.IMPLICIT, mechanisms=("SCRAM-SHA-256",), apop=False)
        await self.converse(
            site,
            """
            S: +OK mail.example.test POP3 server ready
            C: AUTH
            S: +OK …
            S: SCRAM-SHA-256
            S: .
            C: AUTH PLAIN
            S: -ERR unknown authentication mechanism
            C: APOP alice c4c9334bac560ecc979e58001b3e22fb
            S: -ERR APOP is not offered here
            """,
        )

    async def test_apop_timestamp(self) -> None:
        """The greeting shows a timestamp where APOP is offered; malformed and wrong digests are told apart; then the name is free again."""
        site = self.site("pop3", cleartext=(ip_network("127.0.0.0/8"),))
        await self.converse(
            site,
            """
            S: +OK mail.example.test POP3 server ready <…@mail.example.test>
            C: APOP alice
            S: -ERR wrong number of arguments
            C: APOP alice C4C9334BAC560ECC979E58001B3E22FB
            S: -ERR that is not a valid response
            C: APOP alice c4c9334bac560ecc979e58001b3e22fb
            S: -ERR [AUTH] wrong user name or password
            C: APOP nobody c4c9334bac560ecc979e58001b3e22fb
            S: -ERR [AUTH] wrong user name or password
            C: USER alice
            S: +OK …
            """,
            implicit=False,
        )

    async def test_a_broken_store(self) -> None:
        """While secrets cannot be read, SCRAM is "later", in every protocol, and the connection lives."""
        later = {"submission": "S: 454 4.7.0 …", "pop3": "S: -ERR [SYS/TEMP] …", "imap": "S: a NO [UNAVAILABLE] …"}
        for protocol, words in WORDS.items():
            site = self.site(protocol, tls=TLSMode.IMPLICIT)
            self.patch(site.secrets, "verifiers", _fail)
            asked = f"C: {words.command} SCRAM-SHA-256 {b64encode(FIRST).decode()}"
            await self.converse(site, "\n".join([*words.opening, *[asked, later[protocol]] * 2, *words.alive]))

    async def test_imap_offers(self) -> None:
        """CAPABILITY names what the listener wants and the line allows, the greeting's too, and the rest is refused."""
        site = self.site("imap", tls=TLSMode.IMPLICIT, mechanisms=("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"))
        await self.converse(
            site,
            """
            S: * OK [CAPABILITY IMAP4rev1 LITERAL- ID ENABLE SASL-IR AUTH=SCRAM-SHA-256-PLUS AUTH=SCRAM-SHA-256…
            C: a AUTHENTICATE NTLM
            S: a NO NTLM is not supported…
            C: b AUTHENTICATE PLAIN
            S: b NO Unknown authentication mechanism
            C: c AUTHENTICATE GSSAPI
            S: c NO Unknown authentication mechanism
            """,
        )
        bare = self.site("imap", auth_requires_tls=False)
        await self.converse(
            bare,
            """
            S: * OK [CAPABILITY … LOGINDISABLED AUTH=SCRAM-SHA-256 AUTH=SCRAM-SHA-1 AUTH=CRAM-MD5…
            C: a AUTHENTICATE PLAIN
            S: a NO [PRIVACYREQUIRED] …
            C: b LOGIN alice x
            S: b NO [PRIVACYREQUIRED] …
            """,
            implicit=False,
        )
