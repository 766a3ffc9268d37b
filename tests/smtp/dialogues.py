"""SMTP, submission and LMTP conversations as data (see mailsvc.testing.transcript), for any driver: memory, a socket, a socket with TLS.

The world they happen in is :class:`tests.smtp.world.World`; ``alice``'s password is ``correct horse``.
"""

from collections.abc import Callable
from typing import Any

import attrs
from twisted.internet.task import deferLater

from mailsvc.core.errors import Kind, MailError, temporary
from mailsvc.wire.options import BareNewlines

__all__ = ["DIALOGUES", "Dialogue"]


@attrs.frozen
class Dialogue:
    """One conversation.

    :ivar name: of the test. :ivar about: what it shows. :ivar listener: protocol. :ivar options: of the listener, besides the defaults.
    :ivar delivered: the messages that are in the store afterwards, without our trace.
    :ivar cleartext: it holds only on a line without TLS. :ivar together: only if client lines that follow each other arrive together.
    :ivar prepare: what is to be done to the world before. :ivar real_time: something in it takes its time, so it needs a running clock.
    """

    name: str
    about: str
    script: str
    listener: str = "smtp"
    options: dict[str, Any] = attrs.field(factory=dict)
    delivered: tuple[bytes, ...] = ()
    cleartext: bool = False
    together: bool = False
    prepare: Callable[[Any], None] = lambda world: None
    real_time: bool = False

    @property
    def script_under_tls(self) -> str:
        """The script for a line with TLS, where STARTTLS is not offered."""
        return self.script.replace("S: 250-STARTTLS\n", "")


EHLO = """
S: 220 mx.example.test ESMTP ready
C: EHLO client.example
S: 250-mx.example.test
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
"""
HELO = """
S: 220 …
C: HELO client.example
S: 250 mx.example.test
"""
LHLO = """
S: 220 mx.example.test LMTP ready
C: LHLO client.example
S: 250-mx.example.test
S: 250-PIPELINING
S: 250-SIZE 50000000
S: 250-8BITMIME
S: 250-SMTPUTF8
S: 250-ENHANCEDSTATUSCODES
S: 250-CHUNKING
S: 250-DSN
S: 250-STARTTLS
S: 250 LIMITS RCPTMAX=1000
"""
LOG_IN = """
C: AUTH PLAIN AGFsaWNlAGNvcnJlY3QgaG9yc2U=
S: 235 2.7.0 Authentication successful
"""
TO_ALICE = """
C: MAIL FROM:<sender@example.com>
S: 250 2.1.0 Ok
C: RCPT TO:<alice@example.test>
S: 250 2.1.5 Ok
"""
DATA = """
C: DATA
S: 354 End data with <CR><LF>.<CR><LF>
"""

BASICS = (
    Dialogue(
        "a-message",
        "The everyday session: one message for one recipient; dots at the beginning of lines arrive as they were.",
        HELO
        + TO_ALICE
        + DATA
        + """
        C: Subject: hello
        C:
        C: ..
        C: ...two dots
        C: .
        S: 250 2.0.0 Ok: queued as …
        C: QUIT
        S: 221 2.0.0 Bye
        CLOSED
        """,
        delivered=(b"Subject: hello\r\n\r\n.\r\n..two dots\r\n",),
    ),
    Dialogue(
        "pipelined",
        "A whole transaction sent at once, data included, is answered in order (RFC 2920).",
        """
        S: 220 …
        C: HELO client.example
        C: MAIL FROM:<sender@example.com>
        C: RCPT TO:<nobody@example.test>
        C: RCPT TO:<bob@example.test>
        C: RCPT TO:<alice@example.test>
        C: DATA
        C: text
        C: .
        C: NOOP
        C: QUIT
        S: 250 mx.example.test
        S: 250 2.1.0 Ok
        S: 550 5.1.1 No such user here
        S: 250 2.1.5 Ok
        S: 250 2.1.5 Ok
        S: 354 …
        S: 250 2.0.0 Ok: queued as …
        S: 250 2.0.0 Ok
        S: 221 2.0.0 Bye
        CLOSED
        """,
        delivered=(b"text\r\n",),
    ),
    Dialogue(
        "extensions-without-tls",
        "EHLO lists what we can do, STARTTLS among it; AUTH because this network may log in without TLS.",
        EHLO,
        cleartext=True,
    ),
    Dialogue(
        "no-auth-where-passwords-could-be-read",
        "Without TLS, and without leave, AUTH is neither offered nor carried out.",
        """
        S: 220 …
        C: EHLO client.example
        S: 250-mx.example.test
        S: 250-PIPELINING
        S: 250-SIZE 50000000
        S: 250-8BITMIME
        S: 250-SMTPUTF8
        S: 250-ENHANCEDSTATUSCODES
        S: 250-CHUNKING
        S: 250-DSN
        S: 250-STARTTLS
        S: 250 LIMITS RCPTMAX=1000
        C: AUTH PLAIN AGFsaWNlAGNvcnJlY3QgaG9yc2U=
        S: 538 5.7.11 …
        """,
        options={"cleartext": ()},
        cleartext=True,
    ),
    Dialogue(
        "small-commands",
        "NOOP, HELP, VRFY, EXPN, RSET: before EHLO too.",
        """
        S: 220 …
        C: NOOP whatever
        S: 250 2.0.0 Ok
        C: HELP
        S: 214-2.0.0 Commands: HELO EHLO …STARTTLS AUTH MAIL RCPT DATA BDAT VRFY ETRN
        S: 214 2.0.0 RFC 5321 tells the rest
        C: VRFY alice
        S: 252 2.1.5 …
        C: VRFY
        S: 501 5.1.3 …
        C: EXPN staff
        S: 502 5.7.0 …
        C: RSET
        S: 250 2.0.0 Ok
        C: RSET now
        S: 501 5.5.4 …
        C: DATA now
        S: 501 5.5.4 …
        C: quit
        S: 221 2.0.0 Bye
        CLOSED
        """,
    ),
    Dialogue(
        "unknown-commands",
        "What is no command is told so, also between others in one segment; ETRN and TURN do not exist.",
        """
        S: 220 …
        C: XYZZY
        C: NOOP
        C: ETRN example.test
        C: TURN
        C:
        C: NOOP
        S: 500 5.5.1 Command not known
        S: 250 2.0.0 Ok
        S: 500 5.5.1 Command not known
        S: 500 5.5.1 Command not known
        S: 500 5.5.2 Syntax error: a command is missing
        S: 250 2.0.0 Ok
        """,
    ),
    Dialogue(
        "non-ascii-command-word",
        "A command word of any octets is only an unknown command.",
        """
        S: 220 …
        C= b"\\xff\\xfe\\r\\nNOOP\\r\\n"
        S: 500 5.5.1 Command not known
        S: 250 2.0.0 Ok
        """,
    ),
    Dialogue(
        "order-of-commands",
        "Each command out of its order gets 503 and changes nothing.",
        """
        S: 220 …
        C: MAIL FROM:<sender@example.com>
        S: 503 5.5.1 Say EHLO first
        C: RCPT TO:<alice@example.test>
        S: 503 5.5.1 MAIL first
        C: DATA
        S: 503 5.5.1 MAIL first
        C: AUTH PLAIN
        S: 503 5.5.1 Say EHLO first
        C: HELO client.example
        S: 250 …
        C: RCPT TO:<alice@example.test>
        S: 503 5.5.1 MAIL first
        C: MAIL FROM:<sender@example.com>
        S: 250 2.1.0 Ok
        C: MAIL FROM:<other@example.com>
        S: 503 5.5.1 …
        C: DATA
        S: 554 5.5.1 No valid recipients
        C: RCPT TO:<nobody@example.test>
        S: 550 5.1.1 …
        C: DATA
        S: 554 5.5.1 No valid recipients
        C: RCPT TO:<alice@example.test>
        S: 250 2.1.5 Ok
        C: RSET
        S: 250 2.0.0 Ok
        C: DATA
        S: 503 5.5.1 MAIL first
        C: MAIL FROM:<sender@example.com>
        S: 250 2.1.0 Ok
        C: HELO again.example
        S: 250 …
        C: RCPT TO:<alice@example.test>
        S: 503 5.5.1 MAIL first
        """,
    ),
    Dialogue(
        "helo-injection",
        "A lone LF or a control character in EHLO is refused: nothing of it could reach the Received field.",
        """
        S: 220 …
        C= b"EHLO a\\nX-Injected: 1\\r\\n"
        S: 500 5.5.2 …
        C= b"EHLO a\\x01b\\r\\n"
        S: 501 …
        C: EHLO
        S: 501 …
        C: EHLO two words
        S: 501 …
        C: MAIL FROM:<a@b>
        S: 503 5.5.1 Say EHLO first
        """,
    ),
    Dialogue(
        "bare-lf-command-line",
        "Only CRLF ends a command: a line with a lone LF is one bad line, not two commands.",
        HELO
        + """
        C= b"MAIL FROM:<a@example.com>\\nRCPT TO:<alice@example.test>\\r\\nNOOP\\r\\n"
        S: 500 5.5.2 …
        S: 250 2.0.0 Ok
        C: RCPT TO:<alice@example.test>
        S: 503 5.5.1 MAIL first
        """,
    ),
    Dialogue(
        "long-command-line",
        "A command line of 2,048 octets is read, a longer one refused, and neither is taken for two.",
        HELO
        + """
        C= b"NOOP " + b"x" * 2043 + b"\\r\\n"
        S: 250 2.0.0 Ok
        C= b"NOOP " + b"x" * 2044 + b"\\r\\n"
        S: 500 5.5.6 Line too long
        C= b"NOOP " + b"x" * 50000 + b"\\r\\nNOOP\\r\\n"
        S: 500 5.5.6 Line too long
        S: 250 2.0.0 Ok
        """,
    ),
    Dialogue(
        "too-many-errors",
        "Who talks nonsense is sent away after 25 lines of it.",
        "S: 220 …\n"
        + "C: XYZZY\n" * 30
        + "S: 500 5.5.1 Command not known\n" * 25
        + "S: 421 4.7.0 Too many errors…\nCLOSED\n",
    ),
    Dialogue(
        "a-web-browser",
        "A browser is told what this is, and none of its lines is taken for a command.",
        """
        S: 220 …
        C: POST / HTTP/1.1
        C: NOOP
        S: 421 4.7.0 …
        CLOSED
        """,
    ),
)

ADDRESSES = (
    Dialogue(
        "kinds-of-addresses",
        "Quoted local parts, literals, source routes, postmaster with and without a domain, host names in any case.",
        HELO
        + """
        C: MAIL FROM:<"odd sender"@[192.0.2.7]>
        S: 250 2.1.0 Ok
        C: RCPT TO:<@relay.example,@other.example:alice@EXAMPLE.test>
        S: 250 2.1.5 Ok
        C: RCPT TO:<"bob"@example.test>
        S: 250 2.1.5 Ok
        C: RCPT TO:<PostMaster>
        S: 250 2.1.5 Ok
        C: RCPT TO:<postmaster@example.test>
        S: 250 2.1.5 Ok
        C: RCPT TO:<alice@[192.0.2.7]>
        S: 550 5.7.1 …
        C: RCPT TO: <alice@example.test>
        S: 250 2.1.5 Ok
        C: RCPT TO:alice@example.test
        S: 501 5.1.3 …
        C: RCPT TO:<>
        S: 501 5.1.3 …
        """,
    ),
    Dialogue(
        "judged-at-rcpt",
        "What can be known of a recipient is said at RCPT: unknown, disabled, full, too full for this message, elsewhere.",
        HELO
        + """
        C: MAIL FROM:<> SIZE=200
        S: 250 2.1.0 Ok
        C: RCPT TO:<nobody@example.test>
        S: 550 5.1.1 No such user here
        C: RCPT TO:<carol@example.test>
        S: 550 5.2.1 This mailbox is disabled
        C: RCPT TO:<dave@example.test>
        S: 452 4.2.2 The mailbox is full
        C: RCPT TO:<erin@example.test>
        S: 452 4.2.2 The mailbox is full
        C: RCPT TO:<somebody@example.com>
        S: 550 5.7.1 Relaying denied…SMTP authentication…
        C: RCPT TO:<far@example.test>
        S: 250 2.1.5 Ok
        C: RCPT TO:<alice@example.test>
        S: 250 2.1.5 Ok
        """
        + DATA
        + """
        C: .
        S: 250 2.0.0 …
        """,
        delivered=(b"",),
    ),
    Dialogue(
        "room-for-a-small-one",
        "A mailbox that is nearly full takes what fits.",
        HELO
        + """
        C: MAIL FROM:<> SIZE=50
        S: 250 2.1.0 Ok
        C: RCPT TO:<erin@example.test>
        S: 250 2.1.5 Ok
        """,
    ),
    Dialogue(
        "utf8-addresses",
        "Addresses beyond ASCII need SMTPUTF8 in MAIL (RFC 6531 3.5).",
        EHLO
        + """
        C: MAIL FROM:<太郎@example.com>
        S: 553 5.6.7 …
        C: MAIL FROM:<sender@example.com>
        S: 250 2.1.0 Ok
        C: RCPT TO:<太郎@example.test>
        S: 553 5.6.7 …
        C: RSET
        S: 250 2.0.0 Ok
        C: MAIL FROM:<太郎@例え.テスト> SMTPUTF8
        S: 250 2.1.0 Ok
        C: RCPT TO:<太郎@example.test>
        S: 550 5.1.1 No such user here
        C: RCPT TO:<alice@example.test>
        S: 250 2.1.5 Ok
        """,
    ),
    Dialogue(
        "parameters",
        "Known parameters are read, unknown ones get 555, wrong or repeated ones 501; nothing is passed over.",
        HELO
        + """
        C: MAIL FROM:<a@example.com> BY=120;R
        S: 555 5.5.4 Unknown parameter BY
        C: MAIL FROM:<a@example.com> BODY=BINARYMIME
        S: 501 5.5.4 Bad value of parameter BODY
        C: MAIL FROM:<a@example.com> SIZE=1 SIZE=1
        S: 501 5.5.4 Parameter SIZE given twice
        C: MAIL FROM:<a@example.com> SIZE=many
        S: 501 5.5.4 Bad value of parameter SIZE
        C: MAIL FROM:<a@example.com> BODY=8BITMIME SIZE=100 AUTH=<>
        S: 250 2.1.0 Ok
        C: RCPT TO:<alice@example.test> RRVS=2026-01-01T00:00:00Z
        S: 555 5.5.4 Unknown parameter RRVS
        """,
    ),
    Dialogue(
        "too-many-recipients",
        "One recipient more than the limit is deferred, and the others have their message (RFC 5321 4.5.3.1.10).",
        HELO
        + TO_ALICE
        + """
        C: RCPT TO:<bob@example.test>
        S: 250 2.1.5 Ok
        C: RCPT TO:<postmaster@example.test>
        S: 452 4.5.3 Too many recipients
        """
        + DATA
        + """
        C: x
        C: .
        S: 250 2.0.0 …
        """,
        options={"recipients": 2},
        delivered=(b"x\r\n",),
    ),
)

CONTENT = (
    Dialogue(
        "over-long-line-stays-in-data",
        "A line of 20,000 octets gets one 5xx at the end; what follows it is still the message, never a command.",
        HELO
        + TO_ALICE
        + DATA
        + """
        C= b"A" * 20000 + b"\\r\\n"
        C: MAIL FROM:<smuggler@example.com>
        C: RCPT TO:<alice@example.test>
        C: DATA
        C: .
        S: 554 5.6.0 …16384 octets
        C: NOOP
        S: 250 2.0.0 Ok
        """,
    ),
    Dialogue(
        "longest-line",
        "A line of 16,384 octets with its end is taken.",
        HELO
        + TO_ALICE
        + DATA
        + """
        C= b"A" * 16382 + b"\\r\\n.\\r\\n"
        S: 250 2.0.0 …
        """,
        delivered=(b"A" * 16382 + b"\r\n",),
    ),
    *(
        Dialogue(
            f"smuggling-{name}",
            "Only CRLF . CRLF ends a message; anything like it is refused as a whole, and what follows is no command.",
            HELO
            + TO_ALICE
            + DATA
            + f"""
            C= b"one" + {octets!r} + b"MAIL FROM:<smuggler@example.com>\\r\\nRCPT TO:<alice@example.test>\\r\\nDATA\\r\\ntwo\\r\\n.\\r\\n"
            S: 554 5.6.0 …bare CR or LF…
            C: NOOP
            S: 250 2.0.0 Ok
            """,
        )
        for name, octets in {
            "lf-dot-lf": b"\n.\n",
            "lf-dot-crlf": b"\n.\r\n",
            "cr-dot-cr": b"\r.\r",
            "cr-dot-crlf": b"\r.\r\n",
            "crlf-dot-lf": b"\r\n.\n",
            "crlf-dot-cr": b"\r\n.\rx",
        }.items()
    ),
    Dialogue(
        "nul",
        "A message with a NUL is refused.",
        HELO
        + TO_ALICE
        + DATA
        + """
        C= b"a\\0b\\r\\n\\r\\n\\0.\\r\\n.\\r\\n"
        S: 554 5.6.0 …NUL octet
        """,
    ),
    Dialogue(
        "normalised",
        "Where the listener says so, lone CR and LF become line ends and NUL disappears; still only CRLF . CRLF is the end.",
        HELO
        + TO_ALICE
        + DATA
        + """
        C= b"one\\ntwo\\rth\\0ree\\r\\n\\n.\\nMAIL FROM:<smuggler@example.com>\\n.\\r.\\r\\n.\\r\\n"
        S: 250 2.0.0 …
        """,
        options={"bare_newlines": BareNewlines.NORMALISE},
        delivered=(b"one\r\ntwo\r\nthree\r\n\r\n.\r\nMAIL FROM:<smuggler@example.com>\r\n.\r\n.\r\n",),
    ),
    Dialogue(
        "normalised-lines-may-be-too-long-too",
        "Normalising does not lift the limit of a line.",
        HELO
        + TO_ALICE
        + DATA
        + """
        C= b"A" * 20000 + b"\\n.\\r\\n\\r\\n.\\r\\n"
        S: 554 5.6.0 …16384 octets
        """,
        options={"bare_newlines": BareNewlines.NORMALISE},
    ),
    Dialogue(
        "eight-bit-header-and-no-header",
        "A message is taken as it is: 8-bit octets, no header, no blank line, an mbox line.",
        HELO
        + TO_ALICE
        + DATA
        + """
        C= b"From nobody Sat Nov 21\\r\\n\\xff\\xfe: \\xe9\\r\\n.\\r\\n"
        S: 250 2.0.0 …
        """,
        delivered=(b"From nobody Sat Nov 21\r\n\xff\xfe: \xe9\r\n",),
    ),
    Dialogue(
        "mail-loop",
        "A message that has passed more than 100 servers is refused (RFC 5321 6.3).",
        HELO
        + TO_ALICE
        + DATA
        + """
        C= b"Received: x\\r\\n" * 101 + b"\\r\\n.\\r\\n"
        S: 554 5.4.6 …
        """,
    ),
    Dialogue(
        "long-way-but-no-loop",
        "A hundred servers are not too many, and Received in the body is only text.",
        HELO
        + TO_ALICE
        + DATA
        + """
        C= b"received: x\\r\\n" * 100 + b"\\r\\nReceived: x\\r\\n.\\r\\n"
        S: 250 2.0.0 …
        """,
        delivered=(b"received: x\r\n" * 100 + b"\r\nReceived: x\r\n",),
    ),
    Dialogue(
        "too-big-by-size",
        "A message that says it is too big is refused at MAIL, with the limit and why it may be bigger than thought (RFC 1870).",
        HELO
        + """
        C: MAIL FROM:<sender@example.com> SIZE=1001
        S: 552 5.3.4 …1000 bytes…a third…
        C: MAIL FROM:<sender@example.com> SIZE=99999999999999999999
        S: 552 5.3.4 …
        C: MAIL FROM:<sender@example.com> SIZE=1000
        S: 250 2.1.0 Ok
        """,
        options={"message_size": 1000},
    ),
    Dialogue(
        "too-big-in-data",
        "A message that turns out too big is read to its end and refused once.",
        HELO
        + TO_ALICE
        + DATA
        + """
        C= b"0123456\\r\\n" * 200 + b".\\r\\n"
        S: 552 5.3.4 …1000 bytes…a third…
        """
        + TO_ALICE
        + DATA
        + """
        C= b"01234567\\r\\n" * 100 + b".\\r\\n"
        S: 250 2.0.0 …
        """,
        options={"message_size": 1000},
        delivered=(b"01234567\r\n" * 100,),
    ),
)

CHUNKS = (
    Dialogue(
        "chunks",
        "A message in chunks, cut anywhere; dots and CRs at the edges mean nothing (RFC 3030).",
        HELO
        + TO_ALICE
        + """
        C= b"BDAT 5\\r\\nab\\r\\n.BDAT 0\\r\\nBDAT 3\\r\\n\\r\\n."
        S: 250 2.0.0 5 octets received
        S: 250 2.0.0 0 octets received
        S: 250 2.0.0 3 octets received
        C= b"BDAT 2 last\\r\\n\\r\\nNOOP\\r\\n"
        S: 250 2.0.0 Ok: queued as …
        S: 250 2.0.0 Ok
        """,
        delivered=(b"ab\r\n.\r\n.\r\n",),
    ),
    Dialogue(
        "empty-last-chunk",
        "BDAT 0 LAST ends a message, and its last line is completed.",
        HELO
        + TO_ALICE
        + """
        C= b"BDAT 4\\r\\nline"
        S: 250 2.0.0 4 octets received
        C: BDAT 0 LAST
        S: 250 2.0.0 Ok: queued as …
        """,
        delivered=(b"line\r\n",),
    ),
    Dialogue(
        "chunks-have-bare-newlines-refused-too",
        "We do not offer BINARYMIME: a lone LF in a chunk is refused at the end, a CR that ends the last chunk is completed.",
        HELO
        + TO_ALICE
        + """
        C= b"BDAT 4 LAST\\r\\na\\nb\\r"
        S: 554 5.6.0 …bare CR or LF…
        """
        + TO_ALICE
        + """
        C= b"BDAT 2 LAST\\r\\na\\r"
        S: 250 2.0.0 …
        """,
        delivered=(b"a\r\n",),
    ),
    Dialogue(
        "chunks-after-failed-rcpt",
        "The octets of a chunk that nobody wants are taken off the wire all the same, never read as commands.",
        HELO
        + """
        C= b"BDAT 6\\r\\nQUIT\\r\\n"
        S: 503 5.5.1 MAIL first
        C: MAIL FROM:<sender@example.com>
        C: RCPT TO:<nobody@example.test>
        C= b"BDAT 6\\r\\nQUIT\\r\\nBDAT 6 LAST\\r\\nQUIT\\r\\n"
        S: 250 2.1.0 Ok
        S: 550 5.1.1 …
        S: 554 5.5.1 No valid recipients
        S: 554 5.5.1 No valid recipients
        C: RSET
        S: 250 2.0.0 Ok
        """,
    ),
    Dialogue(
        "nothing-else-amid-chunks",
        "After BDAT has begun, DATA, RCPT and MAIL get 503; RSET ends it.",
        HELO
        + TO_ALICE
        + """
        C= b"BDAT 3\\r\\nabc"
        S: 250 2.0.0 3 octets received
        C: DATA
        S: 503 5.5.1 The message has begun with BDAT
        C: RCPT TO:<bob@example.test>
        S: 503 5.5.1 The message has begun with BDAT
        C: MAIL FROM:<>
        S: 503 5.5.1 …
        C: RSET
        S: 250 2.0.0 Ok
        C= b"BDAT 3 LAST\\r\\nabc"
        S: 503 5.5.1 MAIL first
        """
        + TO_ALICE
        + DATA
        + """
        C: x
        C: .
        S: 250 2.0.0 …
        """,
        delivered=(b"x\r\n",),
    ),
    Dialogue(
        "chunks-too-big",
        "The chunk that passes the limit gets 552 and ends the transaction; those behind it find none.",
        HELO
        + TO_ALICE
        + """
        C= b"BDAT 800\\r\\n" + b"x" * 800 + b"BDAT 300\\r\\n" + b"x" * 300 + b"BDAT 300 LAST\\r\\n" + b"x" * 300 + b"NOOP\\r\\n"
        S: 250 2.0.0 800 octets received
        S: 552 5.3.4 …1000 bytes…
        S: 503 5.5.1 MAIL first
        S: 250 2.0.0 Ok
        """,
        options={"message_size": 1000},
    ),
    *(
        Dialogue(
            f"bad-chunk-size-{number}",
            "After a chunk whose size cannot be read the connection ends: nothing of a message may be taken for commands.",
            HELO
            + f"""
            C= b"BDAT{argument}\\r\\nNOOP\\r\\n"
            S: 501 5.5.4 …
            CLOSED
            """,
        )
        for number, argument in enumerate(("", " many", " 6 FIRST", " -6", " 9999999999999999999999"))
    ),
)

TLS = (
    Dialogue(
        "starttls-forgets-what-came-before",
        "Commands pipelined behind STARTTLS are thrown away; so are EHLO, AUTH and the transaction (RFC 3207 4.2).",
        EHLO
        + LOG_IN
        + TO_ALICE
        + """
        C: STARTTLS
        C: RSET
        C: MAIL FROM:<mallory@example.com>
        S: 220 2.0.0 Ready to start TLS
        TLS
        C: RCPT TO:<alice@example.test>
        S: 503 5.5.1 MAIL first
        C: MAIL FROM:<sender@example.com>
        S: 503 5.5.1 Say EHLO first
        C: AUTH PLAIN
        S: 503 5.5.1 Say EHLO first
        C: EHLO client.example
        S: 250-mx.example.test
        S: 250-PIPELINING
        S: 250-SIZE 50000000
        S: 250-8BITMIME
        S: 250-SMTPUTF8
        S: 250-ENHANCEDSTATUSCODES
        S: 250-CHUNKING
        S: 250-DSN
        S: 250-LIMITS RCPTMAX=1000
        S: 250 AUTH PLAIN LOGIN
        C: MAIL FROM:<sender@example.com>
        S: 250 2.1.0 Ok
        C: RCPT TO:<somebody@example.com>
        S: 550 5.7.1 …
        C: STARTTLS
        S: 503 5.5.1 TLS is already active
        """,
        cleartext=True,
        together=True,
    ),
    Dialogue(
        "starttls-takes-no-argument",
        "STARTTLS with an argument is refused, and the line stays as it was.",
        HELO
        + """
        C: STARTTLS now
        S: 501 5.5.4 …
        C: NOOP
        S: 250 2.0.0 Ok
        """,
        cleartext=True,
    ),
)

AUTH = (
    Dialogue(
        "auth-plain",
        "PLAIN with an initial response, and with one that is asked for; who is logged in cannot do it again.",
        EHLO
        + LOG_IN
        + """
        C: AUTH PLAIN AGFsaWNlAGNvcnJlY3QgaG9yc2U=
        S: 503 5.5.1 Already authenticated
        """,
    ),
    Dialogue(
        "auth-plain-asked",
        "PLAIN without an initial response is asked for it.",
        EHLO
        + """
        C: auth plain
        S: 334…
        C: AGFsaWNlAGNvcnJlY3QgaG9yc2U=
        S: 235 2.7.0 Authentication successful
        """,
    ),
    Dialogue(
        "auth-login",
        "LOGIN asks for name and password; the exchange may be pipelined.",
        EHLO
        + """
        C: AUTH LOGIN
        C: YWxpY2U=
        C: Y29ycmVjdCBob3JzZQ==
        C: NOOP
        S: 334 …
        S: 334 …
        S: 235 2.7.0 Authentication successful
        S: 250 2.0.0 Ok
        """,
    ),
    Dialogue(
        "malformed-auth",
        "AUTH without argument, unknown, cancelled, empty, garbage, oversized: each is answered, the connection stays.",
        EHLO
        + """
        C: AUTH
        S: 501 5.5.4 …
        C: AUTH XYZZY
        S: 504 5.5.4 …
        C: AUTH CRAM-MD5
        S: 504 5.5.4 …
        C: AUTH PLAIN =
        S: 501 5.5.2 …
        C: AUTH PLAIN
        S: 334…
        C: *
        S: 501 5.7.0 …
        C: AUTH PLAIN !!!
        S: 501 5.5.2 …
        C: AUTH PLAIN AGFsaWNl
        S: 501 5.5.2 …
        C: AUTH LOGIN
        S: 334 …
        C: ====
        S: 501 5.5.2 …
        C: AUTH PLAIN
        S: 334…
        C= b"A" * 20000 + b"\\r\\n"
        S: 500 5.5.6 …
        C= b"AUTH PLAIN " + b"A" * 20000 + b"\\r\\n"
        S: 500 5.5.6 …
        C= b"AUTH PLAIN " + b"A" * 12000 + b"\\r\\n"
        S: 501 5.5.2 …
        C: NOOP
        S: 250 2.0.0 Ok
        """,
    ),
    Dialogue(
        "wrong-passwords",
        "A wrong password is 535; after the third the connection is closed.",
        EHLO
        + """
        C: AUTH PLAIN AGFsaWNlAHdyb25n
        S: 535 5.7.8 Authentication credentials invalid
        C: AUTH PLAIN AGFsaWNlAHdyb25n
        S: 535 5.7.8 Authentication credentials invalid
        C: AUTH PLAIN AGFsaWNlAHdyb25n
        S: 535 5.7.8 Authentication credentials invalid
        S: 421 4.7.0 Too many failed log-ins…
        CLOSED
        """,
    ),
    Dialogue(
        "no-auth-in-a-transaction",
        "AUTH within a transaction is 503 (RFC 4954 4).",
        EHLO
        + TO_ALICE
        + """
        C: AUTH PLAIN AGFsaWNlAGNvcnJlY3QgaG9yc2U=
        S: 503 5.5.1 AUTH is not allowed during a mail transaction
        """,
    ),
    Dialogue(
        "relay-after-auth",
        "Outside recipients are refused to strangers; who has logged in may send to them.",
        EHLO
        + """
        C: MAIL FROM:<alice@example.test>
        S: 250 2.1.0 Ok
        C: RCPT TO:<somebody@example.com>
        S: 550 5.7.1 …
        C: RSET
        S: 250 2.0.0 Ok
        """
        + LOG_IN
        + """
        C: MAIL FROM:<alice@example.test>
        S: 250 2.1.0 Ok
        C: RCPT TO:<somebody@example.com>
        S: 250 2.1.5 Ok
        C: RCPT TO:<bob@example.test>
        S: 250 2.1.5 Ok
        """
        + DATA
        + """
        C: x
        C: .
        S: 250 2.0.0 …
        """,
        delivered=(b"x\r\n",),
    ),
    Dialogue(
        "submission-needs-a-log-in",
        "On the submission port nothing goes without a log-in (RFC 6409 4.3).",
        EHLO
        + """
        C: MAIL FROM:<alice@example.test>
        S: 530 5.7.0 Authentication required
        """
        + LOG_IN
        + TO_ALICE,
        listener="submission",
    ),
    Dialogue(
        "submission-needs-tls-first",
        "Where a password could be read, the submission port says what comes first.",
        HELO
        + """
        C: MAIL FROM:<alice@example.test>
        S: 530 5.7.0 …STARTTLS first…
        """,
        listener="submission",
        options={"cleartext": ()},
        cleartext=True,
    ),
)

LMTP = (
    Dialogue(
        "lmtp",
        "One answer for each accepted recipient, after DATA and after the last chunk (RFC 2033 4.2).",
        LHLO
        + """
        C: MAIL FROM:<sender@example.com>
        C: RCPT TO:<alice@example.test>
        C: RCPT TO:<nobody@example.test>
        C: RCPT TO:<bob@example.test>
        C: DATA
        S: 250 2.1.0 Ok
        S: 250 2.1.5 Ok
        S: 550 5.1.1 No such user here
        S: 250 2.1.5 Ok
        S: 354 …
        C: x
        C: .
        S: 250 2.0.0 <alice@example.test> Ok: queued as …
        S: 250 2.0.0 <bob@example.test> Ok: queued as …
        C: MAIL FROM:<>
        C: RCPT TO:<alice@example.test>
        C: RCPT TO:<bob@example.test>
        C= b"BDAT 3\\r\\ny\\r\\nBDAT 0 LAST\\r\\n"
        S: 250 2.1.0 Ok
        S: 250 2.1.5 Ok
        S: 250 2.1.5 Ok
        S: 250 2.0.0 3 octets received
        S: 250 2.0.0 <alice@example.test> Ok: queued as …
        S: 250 2.0.0 <bob@example.test> Ok: queued as …
        C: QUIT
        S: 221 2.0.0 Bye
        CLOSED
        """,
        listener="lmtp",
        delivered=(b"x\r\n", b"y\r\n"),
    ),
    Dialogue(
        "lmtp-named-twice",
        "An address that is named twice is answered twice, and has the message once.",
        LHLO
        + TO_ALICE
        + """
        C: RCPT TO:<Alice@Example.TEST>
        S: 250 2.1.5 Ok
        """
        + DATA
        + """
        C: x
        C: .
        S: 250 2.0.0 <alice@example.test> Ok: queued as …
        S: 250 2.0.0 <Alice@Example.TEST> Ok: queued as …
        """,
        listener="lmtp",
        delivered=(b"x\r\n",),
    ),
    Dialogue(
        "lmtp-is-not-smtp",
        "HELO, EHLO and AUTH do not exist; without recipients there is nothing to answer (RFC 2033 4.1, 4.2).",
        """
        S: 220 …
        C: EHLO client.example
        S: 500 5.5.1 Command not known
        C: HELO client.example
        S: 500 5.5.1 Command not known
        C: AUTH PLAIN
        S: 500 5.5.1 Command not known
        C: MAIL FROM:<>
        S: 503 5.5.1 Say LHLO first
        C: LHLO client.example
        S: 250-mx.example.test
        S: 250-PIPELINING
        S: 250-SIZE 50000000
        S: 250-8BITMIME
        S: 250-SMTPUTF8
        S: 250-ENHANCEDSTATUSCODES
        S: 250-CHUNKING
        S: 250-DSN
        S: 250-STARTTLS
        S: 250 LIMITS RCPTMAX=1000
        C: MAIL FROM:<>
        S: 250 2.1.0 Ok
        C: DATA
        S: 503 5.5.1 No valid recipients
        C= b"BDAT 4 LAST\\r\\nx\\r\\ny"
        S: 503 5.5.1 No valid recipients
        """,
        listener="lmtp",
    ),
    Dialogue(
        "lmtp-never-relays",
        "An outside recipient is refused by LMTP for good.",
        LHLO
        + """
        C: MAIL FROM:<alice@example.test>
        S: 250 2.1.0 Ok
        C: RCPT TO:<somebody@example.com>
        S: 550 5.7.1 …LMTP does not relay
        """,
        listener="lmtp",
    ),
    Dialogue(
        "lmtp-refusals-come-for-each",
        "A message that is refused at its end is refused to each recipient.",
        LHLO
        + TO_ALICE
        + """
        C: RCPT TO:<bob@example.test>
        S: 250 2.1.5 Ok
        """
        + DATA
        + """
        C= b"a\\nb\\r\\n.\\r\\n"
        S: 554 5.6.0 <alice@example.test> …bare CR or LF…
        S: 554 5.6.0 <bob@example.test> …bare CR or LF…
        """,
        listener="lmtp",
    ),
)


def _store_fails(error: Exception) -> Callable[[Any], None]:
    return lambda world: world.store.failures.update(apply=error)


def _low_disk(world: Any) -> None:
    world.store.failures["space"] = temporary("low-disk")


def _slow_alice(world: Any) -> None:
    world.directory.gates["alice"] = deferLater(world.clock, 0.1)


TROUBLE = (
    Dialogue(
        "452-from-the-store",
        "A mailbox that is found full at the last moment is 452, never 550.",
        HELO
        + TO_ALICE
        + DATA
        + """
        C: x
        C: .
        S: 452 4.2.2 The mailbox is full
        C: NOOP
        S: 250 2.0.0 Ok
        """,
        prepare=_store_fails(MailError(Kind.QUOTA, "mailbox-full")),
    ),
    Dialogue(
        "one-recipient-of-two-fails",
        "If one of two recipients cannot have the message, neither has it, and LMTP says so for each.",
        LHLO
        + TO_ALICE
        + """
        C: RCPT TO:<bob@example.test>
        S: 250 2.1.5 Ok
        """
        + DATA
        + """
        C: x
        C: .
        S: 452 4.2.2 <alice@example.test> The mailbox is full
        S: 452 4.2.2 <bob@example.test> The mailbox is full
        """,
        listener="lmtp",
        prepare=_store_fails(MailError(Kind.QUOTA, "mailbox-full", detail="bob@example.test")),
    ),
    Dialogue(
        "store-down",
        "A store that does not answer is 451, after DATA and after the last chunk.",
        HELO
        + TO_ALICE
        + DATA
        + """
        C: x
        C: .
        S: 451 4.3.0 …
        """
        + TO_ALICE
        + """
        C= b"BDAT 3 LAST\\r\\nx\\r\\n"
        S: 451 4.3.0 …
        """,
        prepare=_store_fails(temporary("store-down")),
    ),
    Dialogue(
        "low-disk",
        "Below the low-disk mark MAIL is 452 4.3.1: nobody sends a message for nothing.",
        HELO
        + """
        C: MAIL FROM:<sender@example.com>
        S: 452 4.3.1 …
        """,
        prepare=_low_disk,
    ),
    Dialogue(
        "slow-recipient-with-pipelined-data",
        "A recipient that takes its time to look up, with DATA pipelined behind: answers in order, and the text is no command.",
        """
        S: 220 …
        C: HELO client.example
        C: MAIL FROM:<sender@example.com>
        C: RCPT TO:<alice@example.test>
        C: RCPT TO:<nobody@example.test>
        C: DATA
        C: MAIL FROM:<text@example.com>
        C: .
        C: QUIT
        S: 250 …
        S: 250 2.1.0 Ok
        S: 250 2.1.5 Ok
        S: 550 5.1.1 …
        S: 354 …
        S: 250 2.0.0 Ok: queued as …
        S: 221 2.0.0 Bye
        CLOSED
        """,
        delivered=(b"MAIL FROM:<text@example.com>\r\n",),
        prepare=_slow_alice,
        real_time=True,
    ),
)

DIALOGUES = BASICS + ADDRESSES + CONTENT + CHUNKS + TLS + AUTH + LMTP + TROUBLE
"""All of them."""
