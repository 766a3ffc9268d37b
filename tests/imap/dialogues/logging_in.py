"""STARTTLS, LOGIN, AUTHENTICATE."""

import base64

from tests.imap.dialogues.base import Dialogue

__all__ = ["DIALOGUES"]

PLAIN = base64.b64encode(b"\0alice\0correct horse").decode()
WRONG = base64.b64encode(b"\0alice\0wrong").decode()
ALICE = base64.b64encode(b"alice").decode()
HORSE = base64.b64encode(b"correct horse").decode()

DIALOGUES = (
    Dialogue(
        "login-quoted",
        "RFC 3501 6.2.3, 4.3: user and password may be quoted strings, with escapes.",
        r"""
        S: * OK …
        C: a LOGIN "al\"ice" "cor\\rect"
        S: a NO [AUTHENTICATIONFAILED] Wrong user name or password
        C: b LOGIN "alice" "correct horse"
        S: b OK [CAPABILITY …] Logged in
        """,
    ),
    Dialogue(
        "login-literals",
        "RFC 3501 4.3: literals wait for the server's word.",
        """
        S: * OK …
        C: a LOGIN {5}
        S: + Ready
        C: alice {13}
        S: + Ready
        C: correct horse
        S: a OK [CAPABILITY …] Logged in
        """,
    ),
    Dialogue(
        "login-literals-not-waiting",
        "RFC 7888 3: non-synchronizing literals need no word.",
        """
        S: * OK …
        C: a LOGIN {5+}
        C: alice {13+}
        C: correct horse
        S: a OK [CAPABILITY …] Logged in
        """,
    ),
    Dialogue(
        "login-twice",
        "RFC 3501 6.2: once logged in, nobody logs in again.",
        """
        S: * OK …
        C: a LOGIN alice "correct horse"
        S: a OK …
        C: b LOGIN alice "correct horse"
        S: b BAD Not now: …
        C: c STARTTLS
        S: c BAD Not now: …
        C: d AUTHENTICATE PLAIN
        S: d BAD Not now: …
        """,
    ),
    Dialogue(
        "login-failures",
        "After three wrong passwords the connection ends, with BYE (RFC 3501 7.1.5, RFC 5530: AUTHENTICATIONFAILED).",
        f"""
        S: * OK …
        C: a LOGIN alice wrong
        S: a NO [AUTHENTICATIONFAILED] Wrong user name or password
        C: b LOGIN nobody wrong
        S: b NO [AUTHENTICATIONFAILED] Wrong user name or password
        C: c AUTHENTICATE PLAIN {WRONG}
        S: c NO [AUTHENTICATIONFAILED] Wrong user name or password
        S: * BYE Too many failed log-ins
        CLOSED
        """,
    ),
    Dialogue(
        "authenticate-plain",
        "RFC 3501 6.2.2: the challenge is empty, and a space follows the plus.",
        f"""
        S: * OK …
        C: a AUTHENTICATE plain
        S: +…
        C: {PLAIN}
        S: a OK [CAPABILITY …] Logged in
        """,
    ),
    Dialogue(
        "authenticate-initial-response",
        "RFC 4959 3 (SASL-IR): the first response comes with the command.",
        f"""
        S: * OK …
        C: a AUTHENTICATE PLAIN {PLAIN}
        S: a OK [CAPABILITY …] Logged in
        """,
    ),
    Dialogue(
        "authenticate-login",
        "AUTHENTICATE LOGIN asks for name and password.",
        f"""
        S: * OK …
        C: a AUTHENTICATE LOGIN
        S: + VXNlcm5hbWU6
        C: {ALICE}
        S: + UGFzc3dvcmQ6
        C: {HORSE}
        S: a OK [CAPABILITY …] Logged in
        """,
    ),
    Dialogue(
        "authenticate-cancelled",
        "RFC 3501 6.2.2: ``*`` cancels; the answer is BAD, and the session goes on.",
        """
        S: * OK …
        C: a AUTHENTICATE LOGIN
        S: + VXNlcm5hbWU6
        C: *
        S: a BAD Authentication cancelled
        C: b NOOP
        S: b OK NOOP completed
        """,
    ),
    Dialogue(
        "authenticate-malformed",
        "RFC 3501 6.2.2: what is not base64 is BAD; an unknown mechanism is NO.",
        """
        S: * OK …
        C: a AUTHENTICATE PLAIN
        S: +…
        C: not base64!
        S: a BAD That is not a valid response
        C: b AUTHENTICATE PLAIN =
        S: b BAD That is not a valid response
        C: c AUTHENTICATE CRAM-MD5
        S: c NO Unknown authentication mechanism
        C: d AUTHENTICATE
        S: d BAD Expected a space at octet 15
        """,
    ),
    Dialogue(
        "authenticate-oversized",
        "RFC 3501 6.2.2: a response that is too long is BAD, with the command or after a challenge; the session goes on.",
        f"""
        S: * OK …
        C: a AUTHENTICATE PLAIN
        S: +…
        C: {"A" * 12_292}
        S: a BAD The authentication exchange is too long
        C: b AUTHENTICATE PLAIN {"A" * 20_000}
        S: b BAD Command line too long
        C: c NOOP
        S: c OK NOOP completed
        """,
    ),
    Dialogue(
        "starttls",
        "RFC 3501 6.2.1: after TLS, capabilities are asked for again, and TLS is not begun twice.",
        """
        S: * OK …
        C: a STARTTLS
        S: a OK Begin TLS
        TLS
        C: b CAPABILITY
        S: * CAPABILITY IMAP4rev1 LITERAL- ID ENABLE SASL-IR AUTH=PLAIN AUTH=LOGIN
        S: b OK CAPABILITY completed
        C: c STARTTLS
        S: c BAD TLS cannot begin here and now
        C: d LOGIN alice "correct horse"
        S: d OK …
        """,
        cleartext=True,
    ),
    Dialogue(
        "states",
        "RFC 3501 3: commands of other states are BAD.",
        """
        S: * OK …
        C: a SELECT INBOX
        S: a BAD Log in first
        C: b FETCH 1 FLAGS
        S: b BAD Log in first
        C: c LOGIN alice "correct horse"
        S: c OK …
        C: d FETCH 1 FLAGS
        S: d BAD Not now: …
        C: e CLOSE
        S: e BAD Not now: …
        """,
    ),
)
