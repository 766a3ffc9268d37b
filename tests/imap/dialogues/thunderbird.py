"""What Thunderbird 153 really sends: the client's commands are from a server's log of tests/interop/thunderbird_steps.py."""

import base64

from tests.imap.dialogues.base import Dialogue

__all__ = ["DIALOGUES"]

PLAIN = base64.b64encode(b"\0alice\0correct horse").decode()
FIELDS = (
    "HEADER.FIELDS (From To Cc Bcc Subject Date Message-ID Priority X-Priority References Newsgroups In-Reply-To "
    "Content-Type Reply-To Received)"
)
SENT = 'b"From: a@example.test\\r\\nSubject: \\xe4\\xbc\\x9a\\xe8\\xad\\xb0\\r\\n\\r\\n\\xe4\\xba\\xac\\xe9\\x83\\xbd\\r\\n)\\r\\n"'
"""A letter in UTF-8 of 49 octets, and the end of APPEND's UTF8 (~{...})."""

LOGGED_IN = rf"""
S: * OK [CAPABILITY IMAP4rev1 …
C: 87 authenticate PLAIN
S: + …
C: {PLAIN}
S: 87 OK [CAPABILITY …] Logged in
C: 88 namespace
S: * NAMESPACE (("" "/")) NIL NIL
S: 88 OK NAMESPACE completed
C: 89 ID ("name" "Thunderbird" "version" "153.7.0")
S: * ID ("name" "mailsvc" …)
S: 89 OK ID completed
C: 90 ENABLE UTF8=ACCEPT
S: * ENABLED UTF8=ACCEPT
S: 90 OK ENABLE completed
"""

SELECTED = (
    LOGGED_IN
    + r"""
C: 91 select "INBOX"
S: * FLAGS (\Answered \Flagged \Deleted \Seen \Draft)
S: * OK [PERMANENTFLAGS (\Answered \Flagged \Deleted \Seen \Draft \*)] …
S: * 4 EXISTS
S: * 4 RECENT
S: * OK [UIDVALIDITY …] …
S: * OK [UIDNEXT 5] …
S: * OK [HIGHESTMODSEQ …] …
S: * OK [UNSEEN 1] …
S: 91 OK [READ-WRITE] SELECT completed
"""
)

DIALOGUES = (
    Dialogue(
        "thunderbird-folders",
        "RFC 5258 3.1, 6154 5.1: it lists what is subscribed and its uses, subscribes to folders it makes, renames into the Trash.",
        LOGGED_IN
        + r"""
        C: 91 list (subscribed) "" "*" return (special-use)
        S: * LIST (\HasNoChildren \Subscribed) "/" "INBOX"
        S: * LIST (\HasNoChildren \Drafts \Subscribed) "/" "Drafts"
        S: * LIST (\HasNoChildren \Junk \Subscribed) "/" "Junk"
        S: * LIST (\HasNoChildren \Sent \Subscribed) "/" "Sent"
        S: * LIST (\HasNoChildren \Trash \Subscribed) "/" "Trash"
        S: 91 OK LIST completed
        C: 92 list "" "INBOX"
        S: * LIST (\HasNoChildren) "/" "INBOX"
        S: 92 OK LIST completed
        C: 93 create "新規"
        S: 93 OK CREATE completed
        C: 94 subscribe "新規"
        S: 94 OK SUBSCRIBE completed
        C: 95 list "" "新規"
        S: * LIST (\HasNoChildren) "/" "新規"
        S: 95 OK LIST completed
        C: 96 create "新規/提案書"
        S: 96 OK CREATE completed
        C: 97 subscribe "新規/提案書"
        S: 97 OK SUBSCRIBE completed
        C: 98 list "" "新規/提案書"
        S: * LIST (\HasNoChildren) "/" "新規/提案書"
        S: 98 OK LIST completed
        C: 99 STATUS "新規/提案書" (UIDNEXT MESSAGES UNSEEN RECENT)
        S: * STATUS "新規/提案書" (UIDNEXT 1 MESSAGES 0 UNSEEN 0 RECENT 0)
        S: 99 OK STATUS completed
        C: 100 list (subscribed) "" "新規/*" return (special-use)
        S: * LIST (\HasNoChildren \Subscribed) "/" "新規/提案書"
        S: 100 OK LIST completed
        C: 101 rename "新規" "Trash/新規"
        S: 101 OK RENAME completed
        C: 102 subscribe "Trash/新規"
        S: 102 OK SUBSCRIBE completed
        C: 103 unsubscribe "新規"
        S: 103 OK UNSUBSCRIBE completed
        C: 104 subscribe "Trash/新規/提案書"
        S: 104 OK SUBSCRIBE completed
        C: 105 unsubscribe "新規/提案書"
        S: 105 OK UNSUBSCRIBE completed
        """,
    ),
    Dialogue(
        "thunderbird-reads",
        "RFC 3501 6.4.5, 6.4.6, 2177 3: flags, header fields, whole messages by UID; after each IDLE it looks beyond the last one.",
        SELECTED
        + rf"""
        C: 92 UID fetch 1:* (FLAGS)
        S: * 1 FETCH (UID 1 FLAGS (\Recent))
        S: * 2 FETCH (UID 2 FLAGS (\Recent))
        S: * 3 FETCH (UID 3 FLAGS (\Recent))
        S: * 4 FETCH (UID 4 FLAGS (\Recent))
        S: 92 OK FETCH completed
        C: 93 UID fetch 1:2 (UID RFC822.SIZE FLAGS BODY.PEEK[{FIELDS}])
        S: * 1 FETCH (UID 1 RFC822.SIZE 328 FLAGS (\Recent) BODY[{FIELDS}] {{289}}
        S: Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)
        S: From: Terry Gray <gray@cac.example>
        S: Subject: IMAP4rev1 WG mtg summary
        S: To: imap@cac.example
        S: cc: minutes@cnri.example, John Klensin <klensin@mit.example>
        S: Message-Id: <B27397-0100000@cac.example>
        S: Content-Type: TEXT/PLAIN; CHARSET=US-ASCII
        S:
        S: )
        S: * 2 FETCH (UID 2 RFC822.SIZE 397 FLAGS (\Recent) BODY[{FIELDS}] {{94}}
        S: Subject: =?ISO-2022-JP?B?GyRCNX5FVBsoQg==?=
        S: Content-Type: multipart/mixed; boundary="x;y"
        S:
        S: )
        S: 93 OK FETCH completed
        C: 94 UID fetch 4 (UID RFC822.SIZE BODY.PEEK[])
        S: * 4 FETCH (UID 4 RFC822.SIZE 20 BODY[] {{20}}
        S:
        S: no header at all
        S: )
        S: 94 OK FETCH completed
        C: 95 UID fetch 1 (UID BODY.PEEK[HEADER.FIELDS (Content-Type Content-Transfer-Encoding)] BODY.PEEK[TEXT]<0.2048>)
        S: * 1 FETCH (UID 1 BODY[HEADER.FIELDS (Content-Type Content-Transfer-Encoding)] {{46}}
        S: Content-Type: TEXT/PLAIN; CHARSET=US-ASCII
        S:
        S:  BODY[TEXT]<0> {{20}}
        S: One.
        S: Two.
        S: Three.
        S: )
        S: 95 OK FETCH completed
        C: 96 uid store 1 +Flags (\Seen)
        S: * 1 FETCH (UID 1 FLAGS (\Seen \Recent))
        S: 96 OK STORE completed
        C: 97 IDLE
        S: + idling
        C: DONE
        S: 97 OK IDLE completed
        C: 98 noop
        S: 98 OK NOOP completed
        C: 99 UID fetch 5:* (FLAGS)
        S: * 4 FETCH (UID 4 FLAGS (\Recent))
        S: 99 OK FETCH completed
        C: 100 uid store 2 +Flags (\Flagged)
        S: * 2 FETCH (UID 2 FLAGS (\Flagged \Recent))
        S: 100 OK STORE completed
        C: 101 uid store 1 +FLAGS (=e6=80=a5=e3=81=8e)
        S: * FLAGS (\Answered \Flagged \Deleted \Seen \Draft =e6=80=a5=e3=81=8e)
        S: * OK [PERMANENTFLAGS (\Answered \Flagged \Deleted \Seen \Draft =e6=80=a5=e3=81=8e \*)] …
        S: * 1 FETCH (UID 1 FLAGS (\Seen \Recent =e6=80=a5=e3=81=8e))
        S: 101 OK STORE completed
        C: 102 check
        S: 102 OK CHECK completed
        """,
    ),
    Dialogue(
        "thunderbird-searches",
        "RFC 3501 6.4.4, 6855 3: words that are not ASCII come as literals without CHARSET.",
        SELECTED
        + """
        C: 92 uid SEARCH UNDELETED SUBJECT {6}
        S: + Ready
        C: 京都
        S: * SEARCH 2
        S: 92 OK SEARCH completed
        C: 93 uid SEARCH UNDELETED BODY {6}
        S: + Ready
        C: 京都
        S: * SEARCH 2
        S: 93 OK SEARCH completed
        C: 94 uid SEARCH UNDELETED FROM "gray"
        S: * SEARCH 1
        S: 94 OK SEARCH completed
        """,
    ),
    Dialogue(
        "thunderbird-deletes",
        "RFC 6851 3.3: Delete moves to the Trash; RFC 3501 6.4.3: Empty Trash marks all by number and expunges.",
        SELECTED
        + r"""
        C: 92 uid move 2 "Trash"
        S: * OK [COPYUID … 2 1] Moved
        S: * 2 EXPUNGE
        S: 92 OK MOVE completed
        C: 93 select "Trash"
        S: * FLAGS (\Answered \Flagged \Deleted \Seen \Draft)
        S: * OK [PERMANENTFLAGS (\Answered \Flagged \Deleted \Seen \Draft \*)] …
        S: * 1 EXISTS
        S: * 1 RECENT
        S: * OK [UIDVALIDITY …] …
        S: * OK [UIDNEXT 2] …
        S: * OK [HIGHESTMODSEQ …] …
        S: * OK [UNSEEN 1] …
        S: 93 OK [READ-WRITE] SELECT completed
        C: 94 store 1:* +FLAGS.SILENT (\Deleted)
        S: 94 OK STORE completed
        C: 95 expunge
        S: * 1 EXPUNGE
        S: 95 OK EXPUNGE completed
        C: 96 list "" "Trash/*"
        S: 96 OK LIST completed
        """,
    ),
    Dialogue(
        "thunderbird-keeps-what-it-sent",
        "RFC 6855 4: the copy for Sent comes as UTF8 (~{...}), with or without UTF-8 in its header.",
        SELECTED
        + rf"""
        C: 92 append "Sent" (\Seen) UTF8 (~{{49}}
        S: + Ready
        C= {SENT}
        S: 92 OK [APPENDUID … 1] APPEND completed
        C: 93 IDLE
        S: + idling
        C: DONE
        S: 93 OK IDLE completed
        C: 94 noop
        S: 94 OK NOOP completed
        """,
    ),
)
