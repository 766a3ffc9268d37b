"""CAPABILITY, NOOP, LOGOUT, ID, NAMESPACE, IDLE, and how the server greets and ends."""

from tests.imap.dialogues.base import LOGGED_IN, SELECTED, Dialogue

__all__ = ["DIALOGUES"]

AFTER = (
    "IMAP4rev1 LITERAL- ID ENABLE UTF8=ACCEPT IDLE NAMESPACE UNSELECT CONDSTORE CREATE-SPECIAL-USE CHILDREN LIST-EXTENDED LIST-STATUS "
    "SPECIAL-USE STATUS=SIZE UIDPLUS MULTIAPPEND APPENDLIMIT=50000000 ESEARCH WITHIN BINARY MOVE"
)

DIALOGUES = (
    Dialogue(
        "capability-in-clear",
        "RFC 3501 6.1.1: a stranger hears what can be done before the log-in, in the greeting already.",
        """
        S: * OK [CAPABILITY IMAP4rev1 LITERAL- ID ENABLE SASL-IR STARTTLS AUTH=PLAIN AUTH=LOGIN] imap.example.test IMAP server ready
        C: a1 capability
        S: * CAPABILITY IMAP4rev1 LITERAL- ID ENABLE SASL-IR STARTTLS AUTH=PLAIN AUTH=LOGIN
        S: a1 OK CAPABILITY completed
        """,
        cleartext=True,
    ),
    Dialogue(
        "capability-after-login",
        "RFC 3501 7.2.1, 7888 5: after the log-in everything is announced; LITERAL- and never LITERAL+ beside it.",
        f"""
        S: * OK …
        C: a LOGIN alice "correct horse"
        S: a OK [CAPABILITY {AFTER}] Logged in
        C: b CAPABILITY
        S: * CAPABILITY {AFTER}
        S: b OK CAPABILITY completed
        """,
    ),
    Dialogue(
        "noop",
        "RFC 3501 6.1.2: NOOP does nothing, in every state.",
        """
        S: * OK …
        C: a NOOP
        S: a OK NOOP completed
        C: b LOGIN alice "correct horse"
        S: b OK …
        C: c noop
        S: c OK NOOP completed
        """,
    ),
    Dialogue(
        "logout",
        "RFC 3501 6.1.3: BYE comes before the tagged answer, then the line is closed; what was pipelined after it is not carried out.",
        """
        S: * OK …
        C: a LOGOUT
        C: b NOOP
        S: * BYE Goodbye
        S: a OK LOGOUT completed
        CLOSED
        """,
        together=True,
    ),
    Dialogue(
        "logout-selected",
        "RFC 3501 6.1.3: LOGOUT works with a mailbox selected.",
        SELECTED
        + """
        C: c LOGOUT
        S: * BYE Goodbye
        S: c OK LOGOUT completed
        CLOSED
        """,
    ),
    Dialogue(
        "id",
        "RFC 2971 3.1: ID in every state, with a list or NIL.",
        """
        S: * OK …
        C: a ID NIL
        S: * ID ("name" "mailsvc" "version" "…")
        S: a OK ID completed
        C: b ID ("name" "sodr" "version" "19.34" "vendor" NIL)
        S: * ID ("name" "mailsvc" …)
        S: b OK ID completed
        C: c ID ("name")
        S: c BAD Expected a space at octet 13
        """,
    ),
    Dialogue(
        "namespace",
        "RFC 2342 5: one personal namespace without prefix.",
        LOGGED_IN
        + """
        C: b NAMESPACE
        S: * NAMESPACE (("" "/")) NIL NIL
        S: b OK NAMESPACE completed
        """,
    ),
    Dialogue(
        "idle-ends-with-done-only",
        "RFC 2177 3: DONE ends IDLE, in any case; anything else does not.",
        LOGGED_IN
        + """
        C: b IDLE
        S: + idling
        C: c NOOP
        S: * BAD Expected DONE
        C: done
        S: b OK IDLE completed
        C: d NOOP
        S: d OK NOOP completed
        """,
    ),
    Dialogue(
        "idle-pipelined",
        "RFC 2177 3: DONE and the next command may come in one segment.",
        SELECTED
        + """
        C: c IDLE
        C: DONE
        C: d NOOP
        S: + idling
        S: c OK IDLE completed
        S: d OK NOOP completed
        """,
        together=True,
    ),
    Dialogue(
        "idle-too-many-errors",
        "A client that never says DONE but other things is shown out, with BYE.",
        LOGGED_IN
        + """
        C: b IDLE
        S: + idling
        """
        + "C: hello\nS: * BAD Expected DONE\n" * 20
        + """
        S: * BYE Too many errors
        CLOSED
        """,
    ),
    Dialogue(
        "idle-before-login",
        "RFC 2177: IDLE needs a log-in.",
        """
        S: * OK …
        C: a IDLE
        S: a BAD Log in first
        """,
    ),
    Dialogue(
        "check",
        "RFC 3501 6.4.1: CHECK needs a selected mailbox and has nothing to do.",
        SELECTED
        + """
        C: c CHECK
        S: c OK CHECK completed
        C: d UNSELECT
        S: d OK UNSELECT completed
        C: e CHECK
        S: e BAD Not now: …
        """,
    ),
)
