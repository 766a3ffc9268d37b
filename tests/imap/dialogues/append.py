"""APPEND, MULTIAPPEND, APPENDLIMIT."""

from tests.imap.dialogues.base import LOGGED_IN, SELECTED, Dialogue

__all__ = ["DIALOGUES"]

DIALOGUES = (
    Dialogue(
        "append",
        "RFC 3501 6.3.11, 4315 3: flags and date are kept, and the new UID is told.",
        LOGGED_IN
        + r"""
        C: b APPEND Sent (\Seen $Work) "17-Jul-1996 02:44:25 -0700" {5}
        S: + Ready
        C: a:b
        C= b""
        C:
        S: b OK [APPENDUID … 1] APPEND completed
        C: c SELECT Sent
        S: * FLAGS (\Answered \Flagged \Deleted \Seen \Draft $Work)
        S: * OK [PERMANENTFLAGS (\Answered \Flagged \Deleted \Seen \Draft $Work \*)] …
        S: * 1 EXISTS
        S: * 1 RECENT
        S: * OK [UIDVALIDITY …
        S: * OK [UIDNEXT 2] …
        S: * OK [HIGHESTMODSEQ …
        S: c OK …
        C: d FETCH 1 (FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])
        S: * 1 FETCH (FLAGS (\Seen \Recent $Work) INTERNALDATE "17-Jul-1996 09:44:25 +0000" RFC822.SIZE 5 BODY[] {5}
        S: a:b
        S: )
        S: d OK FETCH completed
        """,
    ),
    Dialogue(
        "append-without-flags",
        "RFC 3501 6.3.11: flags and date may be left out; the date is now then.",
        LOGGED_IN
        + """
        C: b APPEND Sent {3+}
        C: a:b
        S: b OK [APPENDUID … 1] APPEND completed
        C: c EXAMINE Sent
        S: * FLAGS …
        S: * OK [PERMANENTFLAGS ()] …
        S: * 1 EXISTS
        S: * 1 RECENT
        S: * OK [UIDVALIDITY …
        S: * OK [UIDNEXT 2] …
        S: * OK [HIGHESTMODSEQ …
        S: * OK [UNSEEN 1] …
        S: c OK …
        C: d FETCH 1 INTERNALDATE
        S: * 1 FETCH (INTERNALDATE " 9-Sep-2001 01:46:40 +0000")
        S: d OK FETCH completed
        """,
    ),
    Dialogue(
        "append-to-selected",
        "RFC 3501 6.3.11: a message that comes into the selected mailbox is announced before the answer.",
        SELECTED
        + """
        C: c APPEND INBOX {3}
        S: + Ready
        C: a:b
        S: * 5 EXISTS
        S: * 5 RECENT
        S: c OK [APPENDUID … 5] APPEND completed
        """,
    ),
    Dialogue(
        "append-trycreate",
        "RFC 3501 6.3.11: TRYCREATE, before the message is sent; it is thrown away where the client did not wait.",
        LOGGED_IN
        + """
        C: b APPEND nowhere {1000}
        S: b NO [TRYCREATE] No such mailbox
        C: c APPEND nowhere {10+}
        C: 0123456789
        S: c NO [TRYCREATE] No such mailbox
        C: d NOOP
        S: d OK NOOP completed
        """,
    ),
    Dialogue(
        "append-name-as-literal",
        "RFC 3501 9: the mailbox may be a literal too.",
        LOGGED_IN
        + """
        C: b APPEND {4}
        S: + Ready
        C: Sent {3}
        S: + Ready
        C: a:b
        S: b OK [APPENDUID … 1] APPEND completed
        C: c APPEND {3}
        S: + Ready
        C: Foo {3}
        S: c NO [TRYCREATE] No such mailbox
        """,
    ),
    Dialogue(
        "multiappend",
        "RFC 3502 6.3.11: several messages at once, each with its flags and date.",
        LOGGED_IN
        + r"""
        C: b APPEND Sent (\Seen) {3}
        S: + Ready
        C: a:b (\Flagged \Draft) " 1-Jan-1970 00:00:01 +0000" {3}
        S: + Ready
        C: c:d {3+}
        C: e:f
        S: b OK [APPENDUID … 1:3] APPEND completed
        C: c STATUS Sent (MESSAGES UNSEEN)
        S: * STATUS "Sent" (MESSAGES 3 UNSEEN 2)
        S: c OK STATUS completed
        """,
    ),
    Dialogue(
        "multiappend-all-or-none",
        "RFC 3502 6.3.11: if one message is refused, none is stored.",
        LOGGED_IN
        + """
        C: b APPEND Sent {3}
        S: + Ready
        C: a:b {60000000}
        S: b NO [TOOBIG] The largest message here has 50000000 octets
        C: c STATUS Sent (MESSAGES)
        S: * STATUS "Sent" (MESSAGES 0)
        S: c OK STATUS completed
        """,
    ),
    Dialogue(
        "append-cancelled",
        "RFC 3502 6.3.11: an empty literal cancels the APPEND.",
        LOGGED_IN
        + """
        C: b APPEND Sent {3}
        S: + Ready
        C: a:b {0}
        S: + Ready
        C:
        S: b NO A message has at least one octet
        C: c STATUS Sent (MESSAGES)
        S: * STATUS "Sent" (MESSAGES 0)
        S: c OK STATUS completed
        """,
    ),
    Dialogue(
        "append-too-big",
        "RFC 7889 4, 4469 4.2: TOOBIG before the message is sent; LITERAL- allows no large one without waiting (RFC 7888 5).",
        LOGGED_IN
        + """
        C: b APPEND Sent {50000001}
        S: b NO [TOOBIG] The largest message here has 50000000 octets
        C: c APPEND Sent {4097+}
        S: c BAD [TOOBIG] Literals of more than 4096 octets must be synchronizing (LITERAL-)
        """
        + "C= b'x' * 4097 + b'\\r\\n'\n"
        + """
        C: d NOOP
        S: d OK NOOP completed
        C: e APPEND Sent {99999999999}
        S: e BAD [TOOBIG] Literal too big
        """,
    ),
    Dialogue(
        "append-malformed",
        "An APPEND that is wrong is refused before its message is sent, if that can be known; nothing is stored.",
        LOGGED_IN
        + r"""
        C: b APPEND Sent (\Foo) {3}
        S: b BAD There is no flag \Foo to set
        C: c APPEND Sent "yesterday" {3}
        S: c BAD …
        C: d APPEND Sent {3}
        S: + Ready
        C: a:bx
        S: d BAD …
        C: e APPEND Sent
        S: e BAD …
        C: f APPEND Sent "a:b"
        S: f BAD …
        C: g STATUS Sent (MESSAGES)
        S: * STATUS "Sent" (MESSAGES 0)
        S: g OK STATUS completed
        """,
    ),
    Dialogue(
        "append-before-login",
        "A stranger's literals are small (RFC 7888 8); a large one is refused before it is sent.",
        """
        S: * OK …
        C: a APPEND INBOX {4000000000}
        S: a BAD [TOOBIG] Literal too big
        C: b LOGIN {1025}
        S: b BAD [TOOBIG] Literal too big
        C: c NOOP
        S: c OK NOOP completed
        """,
    ),
    Dialogue(
        "append-utf8",
        "RFC 6855 4: UTF8 (~{n} ...), once UTF8=ACCEPT is enabled.",
        LOGGED_IN
        + """
        C: b APPEND Sent UTF8 (~{14}
        S: b NO Enable UTF8=ACCEPT first
        C: c ENABLE UTF8=ACCEPT
        S: * ENABLED UTF8=ACCEPT
        S: c OK ENABLE completed
        C: d APPEND Sent UTF8 (~{14}
        S: + Ready
        C= "Subject: 京\\r\\n".encode()
        C: )
        S: d OK [APPENDUID … 1] APPEND completed
        C: e APPEND Sent ~{3}
        S: e NO [UNKNOWN-CTE] …
        """,
    ),
)
