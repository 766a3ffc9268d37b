"""POP3 conversations as data (see mailsvc.testing.transcript), for any driver: a transport in memory, a socket, a socket with TLS.

The account is ``alice`` with the password ``correct horse``; its INBOX holds :data:`MESSAGES`.
"""

import attrs

__all__ = ["DIALOGUES", "LOGGED_IN", "MESSAGES", "Dialogue"]

MESSAGES = (
    b"Subject: one\r\n\r\n.\r\n..\r\n.dotted\r\nend\r\n",
    b"Subject: two\r\n\r\n1\r\n2\r\n3\r\n",
    b"Subject: header only\r\n\r\n",
)
"""37, 25 and 24 octets."""

LOGGED_IN = """
S: +OK …
C: USER alice
S: +OK now send the password
C: PASS correct horse
S: +OK maildrop has 3 message(s) (…)
"""


@attrs.frozen
class Dialogue:
    """One conversation.

    :ivar name: of the test. :ivar about: what it shows. :ivar cleartext: it holds only on a line without TLS.
    :ivar together: it holds only if client lines that follow each other arrive together.
    """

    name: str
    about: str
    script: str
    cleartext: bool = False
    together: bool = False


DIALOGUES = (
    Dialogue(
        "capabilities-before-login",
        "CAPA tells what this line offers before the log-in: STLS, and passwords where they may be asked for.",
        """
        S: +OK pop.example.test POP3 server ready
        C: capa
        S: +OK capability list follows
        S: STLS
        S: USER
        S: SASL PLAIN LOGIN
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
        """,
        cleartext=True,
    ),
    Dialogue(
        "capabilities-after-login",
        "CAPA after the log-in offers no STLS: TLS begins in the AUTHORIZATION state only (RFC 2595 4).",
        LOGGED_IN
        + """
        C: CAPA
        S: +OK capability list follows
        S: USER
        S: SASL PLAIN LOGIN
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
        C: STLS
        S: -ERR you are logged in already
        """,
    ),
    Dialogue(
        "retrieve-and-delete",
        "The everyday session: sizes, unique ids, retrieval, deletion, goodbye.",
        LOGGED_IN
        + """
        C: STAT
        S: +OK 3 86
        C: LIST
        S: +OK 3 message(s) (86 octets)
        S: 1 37
        S: 2 25
        S: 3 24
        S: .
        C: UIDL
        S: +OK unique ids follow
        S: 1 ….1
        S: 2 ….2
        S: 3 ….3
        S: .
        C: RETR 2
        S: +OK 25 octets
        S: Subject: two
        S:
        S: 1
        S: 2
        S: 3
        S: .
        C: DELE 2
        S: +OK message 2 deleted
        C: QUIT
        S: +OK goodbye, 1 message(s) deleted
        CLOSED
        """,
    ),
    Dialogue(
        "dots-are-doubled",
        "Lines that begin with a dot, or are one, reach the client whole (RFC 1939 3).",
        LOGGED_IN
        + """
        C: RETR 1
        S: +OK 37 octets
        S: Subject: one
        S:
        S: ..
        S: ...
        S: ..dotted
        S: end
        S: .
        """,
    ),
    Dialogue(
        "deleted-messages-vanish",
        "A message marked as deleted is in no total and no list, and cannot be read or deleted again, until RSET.",
        LOGGED_IN
        + """
        C: DELE 1
        S: +OK message 1 deleted
        C: STAT
        S: +OK 2 49
        C: LIST
        S: +OK 2 message(s) (49 octets)
        S: 2 25
        S: 3 24
        S: .
        C: UIDL
        S: +OK unique ids follow
        S: 2 ….2
        S: 3 ….3
        S: .
        C: LIST 1
        S: -ERR no such message
        C: UIDL 1
        S: -ERR no such message
        C: RETR 1
        S: -ERR no such message
        C: TOP 1 0
        S: -ERR no such message
        C: DELE 1
        S: -ERR no such message
        C: RSET
        S: +OK maildrop has 3 message(s) (86 octets)
        C: LIST 1
        S: +OK 1 37
        C: UIDL 1
        S: +OK 1 ….1
        C: QUIT
        S: +OK goodbye
        CLOSED
        """,
    ),
    Dialogue(
        "message-numbers-out-of-range",
        "No number that is not a message's, however written, deletes or shows anything.",
        LOGGED_IN
        + """
        C: DELE 0
        C: DELE -1
        C: DELE x
        C: DELE 4
        C: DELE 99
        C: DELE 1.0
        C: DELE 99999999999999999999999999999999999999999999
        C: DELE ²
        C: RETR 0
        C: LIST 0
        C: UIDL 00
        C: TOP 0 1
        S: -ERR no such message
        S: -ERR no such message
        S: -ERR no such message
        S: -ERR no such message
        S: -ERR no such message
        S: -ERR no such message
        S: -ERR no such message
        S: -ERR no such message
        S: -ERR no such message
        S: -ERR no such message
        S: -ERR no such message
        S: -ERR no such message
        C: STAT
        S: +OK 3 86
        """,
    ),
    Dialogue(
        "argument-counts",
        "Too few or too many arguments are named as what is wrong, and the session goes on.",
        LOGGED_IN
        + """
        C: RETR
        C: RETR 1 2
        C: DELE
        C: TOP 1
        C: TOP
        C: TOP 1 2 3
        C: UIDL 1 2
        C: LIST 1 2
        C: STAT 1
        C: QUIT now
        S: -ERR wrong number of arguments
        S: -ERR wrong number of arguments
        S: -ERR wrong number of arguments
        S: -ERR wrong number of arguments
        S: -ERR wrong number of arguments
        S: -ERR wrong number of arguments
        S: -ERR wrong number of arguments
        S: -ERR wrong number of arguments
        S: -ERR wrong number of arguments
        S: -ERR wrong number of arguments
        C: TOP 1 x
        S: -ERR the number of lines must be a number
        C: NOOP
        S: +OK done
        """,
    ),
    Dialogue(
        "argument-counts-before-login",
        "The same before the log-in.",
        """
        S: +OK …
        C: USER
        S: -ERR wrong number of arguments
        C: PASS
        S: -ERR wrong number of arguments
        C: CAPA x
        S: -ERR wrong number of arguments
        C: AUTH PLAIN AAAA BBBB
        S: -ERR wrong number of arguments
        C: NOOP
        S: -ERR log in first
        """,
    ),
    Dialogue(
        "pipelined-unknown-command",
        "An unknown command among pipelined ones is answered in its turn and loses none of the others.",
        LOGGED_IN
        + """
        C: STAT
        C: XYZZY
        C: LIST 1
        C= b"\\xff\\xfe\\r\\n"
        C: NOOP
        S: +OK 3 86
        S: -ERR unknown command
        S: +OK 1 37
        S: -ERR unknown command
        S: +OK done
        """,
    ),
    Dialogue(
        "everything-pipelined",
        "A whole session sent at once is answered in order.",
        """
        S: +OK …
        C: USER alice
        C: PASS correct horse
        C: STAT
        C: TOP 2 1
        C: DELE 2
        C: QUIT
        C: STAT
        S: +OK now send the password
        S: +OK maildrop has 3 message(s) (86 octets)
        S: +OK 3 86
        S: +OK top of message follows
        S: Subject: two
        S:
        S: 1
        S: .
        S: +OK message 2 deleted
        S: +OK goodbye, 1 message(s) deleted
        CLOSED
        """,
    ),
    Dialogue(
        "not-offered",
        "LAST, RPOP and XTND are not commands here; the greeting offers no APOP timestamp, and APOP is refused.",
        LOGGED_IN
        + """
        C: LAST
        S: -ERR unknown command
        C: XTND XMIT
        S: -ERR unknown command
        C: RPOP alice
        S: -ERR unknown command
        C: APOP alice c4c9334bac560ecc979e58001b3e22fb
        S: -ERR you are logged in already
        """,
    ),
    Dialogue(
        "commands-in-the-wrong-state",
        "Commands of the other state are refused by name, and a second log-in is impossible.",
        """
        S: +OK …
        C: STAT
        C: RETR 1
        C: QUIT x
        S: -ERR log in first
        S: -ERR log in first
        S: -ERR wrong number of arguments
        """
        + LOGGED_IN.partition("\n")[2].partition("\n")[2]
        + """
        C: USER alice
        C: PASS correct horse
        C: AUTH PLAIN
        C: UTF8
        S: -ERR you are logged in already
        S: -ERR you are logged in already
        S: -ERR you are logged in already
        S: -ERR you are logged in already
        """,
    ),
    Dialogue(
        "top",
        "TOP shows the header, the blank line and as many lines as there are and were asked for.",
        LOGGED_IN
        + """
        C: TOP 2 0
        S: +OK top of message follows
        S: Subject: two
        S:
        S: .
        C: TOP 2 2
        S: +OK top of message follows
        S: Subject: two
        S:
        S: 1
        S: 2
        S: .
        C: TOP 2 99999999999999999999
        S: +OK top of message follows
        S: Subject: two
        S:
        S: 1
        S: 2
        S: 3
        S: .
        C: TOP 3 5
        S: +OK top of message follows
        S: Subject: header only
        S:
        S: .
        """,
    ),
    Dialogue(
        "wrong-password",
        "A wrong password is told by [AUTH], in the same words for every name; USER must come again; three end the connection.",
        """
        S: +OK …
        C: USER alice
        S: +OK now send the password
        C: PASS wrong
        S: -ERR [AUTH] wrong user name or password
        C: PASS correct horse
        S: -ERR send USER first
        C: USER nobody
        S: +OK now send the password
        C: PASS wrong
        S: -ERR [AUTH] wrong user name or password
        C: AUTH PLAIN AGFsaWNlAHdyb25n
        S: -ERR [AUTH] wrong user name or password
        CLOSED
        """,
    ),
    Dialogue(
        "auth-plain-initial-response",
        "AUTH PLAIN with its response in the command (RFC 5034 4).",
        """
        S: +OK …
        C: AUTH plain AGFsaWNlAGNvcnJlY3QgaG9yc2U=
        S: +OK maildrop has 3 message(s) (86 octets)
        """,
    ),
    Dialogue(
        "auth-plain-in-two-steps",
        "AUTH PLAIN with the response on a line of its own.",
        """
        S: +OK …
        C: AUTH PLAIN
        S: + …
        C: AGFsaWNlAGNvcnJlY3QgaG9yc2U=
        S: +OK maildrop has 3 message(s) (86 octets)
        """,
    ),
    Dialogue(
        "auth-login",
        "AUTH LOGIN asks for name and password.",
        """
        S: +OK …
        C: AUTH LOGIN
        S: + VXNlcm5hbWU6
        C: YWxpY2U=
        S: + UGFzc3dvcmQ6
        C: Y29ycmVjdCBob3JzZQ==
        S: +OK maildrop has 3 message(s) (86 octets)
        """,
    ),
    Dialogue(
        "auth-pipelined",
        "A response sent together with its AUTH is taken by it, and what follows is a command.",
        """
        S: +OK …
        C: AUTH PLAIN
        C: AGFsaWNlAGNvcnJlY3QgaG9yc2U=
        C: STAT
        S: + …
        S: +OK maildrop has 3 message(s) (86 octets)
        S: +OK 3 86
        """,
    ),
    Dialogue(
        "auth-list",
        "AUTH without an argument lists the mechanisms.",
        """
        S: +OK …
        C: AUTH
        S: +OK authentication mechanisms follow
        S: PLAIN
        S: LOGIN
        S: .
        """,
    ),
    Dialogue(
        "auth-refused",
        "Unknown mechanisms, `=`, `*`, garbage and over-long responses are answered, and the session goes on.",
        """
        S: +OK …
        C: AUTH CRAM-MD5
        S: -ERR unknown authentication mechanism
        C: AUTH é
        S: -ERR unknown authentication mechanism
        C: AUTH PLAIN =
        S: -ERR that is not a valid response
        C: AUTH PLAIN
        S: + …
        C: *
        S: -ERR authentication cancelled
        C: AUTH PLAIN !!!!
        S: -ERR that is not a valid response
        C: AUTH LOGIN
        S: + VXNlcm5hbWU6
        C:
        S: -ERR that is not a valid response
        C: AUTH PLAIN
        S: + …
        C= b"A" * 20000 + b"\\r\\n"
        S: -ERR the authentication exchange is too long
        C: AUTH PLAIN AGFsaWNlAGNvcnJlY3QgaG9yc2U=
        S: +OK maildrop has 3 message(s) (86 octets)
        """,
    ),
    Dialogue(
        "long-line",
        "An over-long line gets one answer; nothing in it is taken for a command.",
        LOGGED_IN
        + """
        C= b"DELE 1" + b" " * 5000 + b"DELE 1\\r\\n"
        S: -ERR line too long
        C: STAT
        S: +OK 3 86
        """,
    ),
    Dialogue(
        "bare-newlines",
        "Only CRLF ends a command: lone CR, LF or NUL make it no command at all.",
        LOGGED_IN
        + """
        C= b"NOOP\\nDELE 1\\r\\n"
        S: -ERR a lone CR, LF or NUL in the command
        C= b"NOOP\\rDELE 1\\r\\n"
        S: -ERR a lone CR, LF or NUL in the command
        C= b"DELE 1\\0\\r\\n"
        S: -ERR a lone CR, LF or NUL in the command
        C: STAT
        S: +OK 3 86
        """,
    ),
    Dialogue(
        "too-many-errors",
        "Who sends nothing but nonsense is shown out.",
        "S: +OK …\n"
        + "C: GET / HTTP/1.1\n" * 25
        + "S: -ERR unknown command\n" * 19
        + "S: -ERR too many errors, goodbye\nCLOSED\n",
    ),
    Dialogue(
        "languages",
        "LANG lists languages, chooses one by its range, keeps it when another is unknown; * is the administrator's (RFC 6856 3).",
        """
        S: +OK …
        C: LANG
        S: +OK language list follows
        S: en English
        S: ja 日本語
        S: .
        C: LANG tlh
        S: -ERR no such language here
        C: LANG JA-jp
        S: +OK ja 日本語で応答します
        C: XYZZY
        S: -ERR 知らないコマンドです
        C: LANG tlh
        S: -ERR その言語は使えません
        C: LANG *
        S: +OK en speaking English
        C: XYZZY
        S: -ERR unknown command
        """,
    ),
    Dialogue(
        "quit-before-login",
        "QUIT without a log-in says goodbye.",
        """
        S: +OK …
        C: QUIT
        S: +OK goodbye
        CLOSED
        """,
    ),
    Dialogue(
        "stls-forgets-what-came-before",
        "What was pipelined behind STLS is thrown away, and so is USER; inside TLS there is no second STLS (RFC 2595 4).",
        """
        S: +OK …
        C: USER mallory
        S: +OK now send the password
        C: STLS
        C: USER mallory
        S: +OK begin TLS
        TLS
        C: PASS correct horse
        S: -ERR send USER first
        C: STLS
        S: -ERR TLS cannot begin here and now
        """,
        cleartext=True,
        together=True,
    ),
    Dialogue(
        "no-stls-after-utf8",
        "STLS after UTF8 is refused (RFC 6856 2.1).",
        """
        S: +OK …
        C: UTF8
        S: +OK UTF-8 from here on
        C: STLS
        S: -ERR TLS cannot begin here and now
        """,
        cleartext=True,
    ),
)
"""All of them."""
