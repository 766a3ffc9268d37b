"""Bad input: it is answered with the reason, and the session goes on; before the line is closed there is a BYE."""

from tests.imap.dialogues.base import LOGGED_IN, SELECTED, Dialogue

__all__ = ["DIALOGUES"]

DIALOGUES = (
    Dialogue(
        "not-a-command",
        "RFC 3501 7.1.3: BAD with the tag, or untagged if there is none.",
        LOGGED_IN
        + r"""
        C: b FOO
        S: b BAD Unknown command FOO
        C: b
        S: * BAD …
        C:
        S: * BAD …
        C: + NOOP
        S: * BAD …
        C: b* NOOP
        S: * BAD …
        C: b  NOOP
        S: b BAD …
        C: c UID NOOP
        S: c BAD Unknown command UID NOOP
        C: d NOOP now
        S: d BAD …
        C: e NOOP
        S: e OK NOOP completed
        """,
    ),
    Dialogue(
        "strangers-who-do-not-speak-imap",
        "After twenty lines that are no command a stranger is shown out, with BYE.",
        "S: * OK …\n"
        + "C: GET / HTTP/1.1\nS: GET BAD …\n" * 19
        + "C: GET / HTTP/1.1\nS: GET BAD …\nS: * BYE Too many errors\nCLOSED\n",
    ),
    Dialogue(
        "bare-newlines",
        "RFC 3501 2.2: only CRLF ends a line; a lone CR or LF, or a NUL, makes the command bad, never two commands.",
        LOGGED_IN
        + r"""
        C= b"b NOOP\nc NOOP\r\n"
        S: b BAD Lone CR, LF or NUL in a command
        C= b"d NOOP\rx\r\n"
        S: d BAD Lone CR, LF or NUL in a command
        C= b"e NO\0OP\r\n"
        S: e BAD Lone CR, LF or NUL in a command
        C: f NOOP
        S: f OK NOOP completed
        """,
    ),
    Dialogue(
        "long-line-before-login",
        "A stranger's line has a limit; what is longer is thrown away, and the next command is read.",
        "S: * OK …\nC= b'a NOOP ' + b'x' * 20_000 + b'\\r\\n'\nS: a BAD Command line too long\nC: b NOOP\nS: b OK NOOP completed\n",
        together=True,
    ),
    Dialogue(
        "long-line-after-login",
        "A set of 100,000 elements is a command like any other.",
        SELECTED
        + "C= b'c UID FETCH ' + b','.join(b'%d' % (2 * n) for n in range(1, 100_001)) + b' (UID)\\r\\n'\n"
        + "S: * 2 FETCH (UID 2)\nS: * 4 FETCH (UID 4)\nS: c OK FETCH completed\n"
        + "C= b'd NOOP ' + b'x' * 2_000_000 + b'\\r\\n'\nS: d BAD Command line too long\nC: e NOOP\nS: e OK NOOP completed\n",
        together=True,
    ),
    Dialogue(
        "lingering",
        "A stranger's commands do not keep a place for ever; whoever has logged in may send NOOP all day.",
        "S: * OK …\n"
        + "".join(f"C: {n} AUTHENTICATE PLAIN\nS: +…\nC: *\nS: {n} BAD …\n" for n in range(50))
        + "".join(f"C: {n} NOOP\nS: {n} OK NOOP completed\n" for n in range(50))
        + "C: b CAPABILITY\nS: * BYE Too many commands before the log-in\nCLOSED\n",
    ),
    Dialogue(
        "lingering-after-login",
        "RFC 3501 5.4: NOOP keeps a session alive.",
        LOGGED_IN + "".join(f"C: {n} NOOP\nS: {n} OK NOOP completed\n" for n in range(150)),
        together=True,
    ),
    Dialogue(
        "too-much-work",
        "RFC 5530 LIMIT: what would keep the server busy for too long is refused, and the session goes on.",
        SELECTED
        + "C= b'c FETCH 1:* (' + b' '.join(b'BODY[]<%d.1>' % n for n in range(501)) + b')\\r\\n'\nS: c BAD [LIMIT] Too many items\n"
        + "C= b'd LIST \"\" (' + b'% ' * 10_000 + b'%)\\r\\n'\nS: d BAD [LIMIT] Too many or too long patterns\n"
        + "C= b'e LIST \"\" ' + b'%*' * 100_000 + b'\\r\\n'\nS: e BAD [LIMIT] …\n"
        + "C= b'e LIST ' + b'x' * 9_999 + b' (% %)\\r\\n'\nS: e BAD [LIMIT] Too many or too long patterns\n"
        + "C= b'e LIST ' + b'x' * 1_000_000 + b' %\\r\\n'\nS: e BAD [LIMIT] …\n"
        + "C= b'e LSUB ' + b'x' * 9_999 + b' %%%%%\\r\\n'\nS: e BAD [LIMIT] Too many or too long patterns\n"
        + "C= b'e LSUB \"\" ' + b'x' * 1_000_000 + b'\\r\\n'\nS: e BAD [LIMIT] …\n"
        + "C= b'e SELECT ' + b'&AwADFg-' * 100_000 + b'\\r\\n'\nS: e BAD [LIMIT] …\n"
        + "C= b'f FETCH 4 BODY.PEEK[HEADER.FIELDS (' + b' '.join(b'X%d' % n for n in range(50_000)) + b')]\\r\\n'\n"
        + "S: * 4 FETCH (BODY[HEADER.FIELDS (X0 X1 …)] {2}\nS:\nS: )\nS: f OK FETCH completed\n"
        + "C= b'g SEARCH ' + b'OR SEEN ' * 50_000 + b'ANSWERED\\r\\n'\nS: * SEARCH\nS: g OK SEARCH completed\n"
        + "C= b'h SEARCH ' + b'OR BODY a ' * 499 + b'BODY \"no such text\"\\r\\n'\nS: * SEARCH…\nS: h OK SEARCH completed\n"
        + "C= b'i SEARCH ' + b'OR BODY a ' * 500 + b'BODY b\\r\\n'\nS: i BAD [LIMIT] More than 500 texts to search for\n",
        together=True,
    ),
    Dialogue(
        "literals",
        "RFC 3501 4.3: literal sizes are plain numbers; NULs are not allowed in them.",
        LOGGED_IN
        + r"""
        C: b SELECT {-5}
        S: b BAD …
        C: c SELECT { 5}
        S: c BAD …
        C: d SELECT {1_0}
        S: d BAD …
        C: e SELECT {3+}
        C= b"a\0b\r\n"
        S: e BAD NUL in a literal
        C: f SELECT {70000}
        S: f BAD [TOOBIG] Literal too big
        C: g SELECT ~{3+}
        C: abc
        S: g BAD …
        C: h NOOP
        S: h OK NOOP completed
        """,
    ),
    Dialogue(
        "literal-refused-mid-command",
        "RFC 7888 5: what a client sends without waiting is thrown away with its command, never carried out.",
        LOGGED_IN
        + r"""
        C: b LOGIN {5000+}
        S: b BAD [TOOBIG] Literals of more than 4096 octets must be synchronizing (LITERAL-)
        """
        + "C= b'c LOGOUT\\r\\n' + b'x' * 4990 + b'\\r\\n'\n"
        + """
        C: d NOOP
        S: d OK NOOP completed
        """,
    ),
    Dialogue(
        "everything-pipelined",
        "RFC 3501 5.5: commands that come together are answered one after the other.",
        """
        S: * OK …
        C: a LOGIN alice "correct horse"
        C: b CREATE x
        C: c STATUS x (MESSAGES)
        C: d APPEND x {3+}
        C: a:b
        C: e STATUS x (MESSAGES)
        C: f DELETE x
        C: g STATUS x (MESSAGES)
        C: h LOGOUT
        S: a OK …
        S: b OK CREATE completed
        S: * STATUS "x" (MESSAGES 0)
        S: c OK STATUS completed
        S: d OK [APPENDUID … 1] APPEND completed
        S: * STATUS "x" (MESSAGES 1)
        S: e OK STATUS completed
        S: f OK DELETE completed
        S: g NO [NONEXISTENT] No such mailbox
        S: * BYE Goodbye
        S: h OK LOGOUT completed
        CLOSED
        """,
        together=True,
    ),
)
