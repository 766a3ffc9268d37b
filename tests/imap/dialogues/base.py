"""What all conversations have in common: the account ``alice`` with the password ``correct horse``, and the messages of its INBOX."""

import attrs

__all__ = ["LOGGED_IN", "MESSAGES", "SELECTED", "Dialogue"]


@attrs.frozen
class Dialogue:
    """One conversation.

    :ivar name: of the test. :ivar about: what it shows, with the RFC's section. :ivar cleartext: it holds only on a line without TLS.
    :ivar together: it holds only if client lines that follow each other arrive together.
    """

    name: str
    about: str
    script: str
    cleartext: bool = False
    together: bool = False


LOGGED_IN = """
S: * OK [CAPABILITY IMAP4rev1 …] imap.example.test IMAP server ready
C: a LOGIN alice "correct horse"
S: a OK [CAPABILITY IMAP4rev1 …] Logged in
"""

SELECTED = (
    LOGGED_IN
    + r"""
C: b SELECT INBOX
S: * FLAGS (\Answered \Flagged \Deleted \Seen \Draft)
S: * OK [PERMANENTFLAGS (\Answered \Flagged \Deleted \Seen \Draft \*)] …
S: * 4 EXISTS
S: * 4 RECENT
S: * OK [UIDVALIDITY …] …
S: * OK [UIDNEXT 5] …
S: * OK [HIGHESTMODSEQ …] …
S: * OK [UNSEEN 1] …
S: b OK [READ-WRITE] SELECT completed
"""
)

PLAIN = (
    b"Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\r\n"
    b"From: Terry Gray <gray@cac.example>\r\n"
    b"Subject: IMAP4rev1 WG mtg summary\r\n"
    b"To: imap@cac.example\r\n"
    b"cc: minutes@cnri.example, John Klensin <klensin@mit.example>\r\n"
    b"Message-Id: <B27397-0100000@cac.example>\r\n"
    b"MIME-Version: 1.0\r\n"
    b"Content-Type: TEXT/PLAIN; CHARSET=US-ASCII\r\n"
    b"\r\n"
    b"One.\r\nTwo.\r\nThree.\r\n"
)
"""RFC 3501 8's message: 345 octets, 328 of them header, 20 of text."""

MIXED = (
    b"Subject: =?ISO-2022-JP?B?GyRCNX5FVBsoQg==?=\r\n"
    b'Content-Type: multipart/mixed; boundary="x;y"\r\n'
    b"\r\n"
    b"preamble\r\n"
    b"--x;y\r\n"
    b"Content-Type: text/plain; charset=iso-2022-jp\r\n"
    b"\r\n"
    b"\x1b$B5~ET\x1b(B\r\n"
    b"--x;y\r\n"
    b"Content-Type: application/octet-stream; name=A.pdf\r\n"
    b"Content-Transfer-Encoding: base64\r\n"
    b"Content-Disposition: attachment; filename=A.pdf\r\n"
    b"\r\n"
    b"AAEC\r\n"
    b"--x;y\r\n"
    b"Content-Type: message/rfc822\r\n"
    b"\r\n"
    b"Subject: inner\r\n"
    b"\r\n"
    b"inside\r\n"
    b"--x;y--\r\n"
)
"""A multipart of 1: text, 2: base64 with a NUL, 3: a message. The subject is 京都 and so is the text."""

POOR = b"From: undisclosed\r\nFrom: nobody\r\nSubject: caf\xe9\r\n\r\nline\r\n"
"""A header such as they come: an address without domain, twice, and an octet above 127."""

BARE = b"\r\nno header at all\r\n"

MESSAGES = (PLAIN, MIXED, POOR, BARE)
