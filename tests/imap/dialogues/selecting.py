"""SELECT, EXAMINE, CLOSE, UNSELECT, EXPUNGE, STATUS."""

from tests.imap.dialogues.base import LOGGED_IN, SELECTED, Dialogue

__all__ = ["DIALOGUES"]

DIALOGUES = (
    Dialogue(
        "select",
        "RFC 3501 6.3.1: everything that SELECT has to say; in the next session nothing is recent (2.3.2).",
        SELECTED
        + r"""
        C: c SELECT inbox
        S: * FLAGS (\Answered \Flagged \Deleted \Seen \Draft)
        S: * OK [PERMANENTFLAGS (\Answered \Flagged \Deleted \Seen \Draft \*)] Flags that stay
        S: * 4 EXISTS
        S: * 0 RECENT
        S: * OK [UIDVALIDITY …] UIDs are valid
        S: * OK [UIDNEXT 5] The next UID
        S: * OK [HIGHESTMODSEQ 5] The highest mod-sequence
        S: * OK [UNSEEN 1] The first unseen message
        S: c OK [READ-WRITE] SELECT completed
        """,
    ),
    Dialogue(
        "select-empty",
        "RFC 3501 6.3.1: an empty mailbox has no UNSEEN.",
        LOGGED_IN
        + r"""
        C: b SELECT Sent
        S: * FLAGS …
        S: * OK [PERMANENTFLAGS …
        S: * 0 EXISTS
        S: * 0 RECENT
        S: * OK [UIDVALIDITY …
        S: * OK [UIDNEXT 1] …
        S: * OK [HIGHESTMODSEQ 1] …
        S: b OK [READ-WRITE] SELECT completed
        """,
    ),
    Dialogue(
        "select-missing",
        "RFC 3501 6.3.1, RFC 5530 NONEXISTENT: after a SELECT that fails nothing is selected.",
        SELECTED
        + """
        C: c SELECT nowhere
        S: c NO [NONEXISTENT] No such mailbox
        C: d FETCH 1 FLAGS
        S: d BAD Not now: …
        """,
    ),
    Dialogue(
        "examine",
        "RFC 3501 6.3.2: EXAMINE changes nothing: no flags stay, what is recent stays recent, reading does not mark as read.",
        LOGGED_IN
        + r"""
        C: b EXAMINE INBOX
        S: * FLAGS (\Answered \Flagged \Deleted \Seen \Draft)
        S: * OK [PERMANENTFLAGS ()] Flags that stay
        S: * 4 EXISTS
        S: * 4 RECENT
        S: * OK [UIDVALIDITY …
        S: * OK [UIDNEXT 5] …
        S: * OK [HIGHESTMODSEQ …
        S: * OK [UNSEEN 1] …
        S: b OK [READ-ONLY] EXAMINE completed
        C: c STORE 1 +FLAGS (\Seen)
        S: c NO [READ-ONLY] The mailbox is selected read-only
        C: d FETCH 4 (BODY[TEXT] FLAGS)
        S: * 4 FETCH (BODY[TEXT] {18}
        S: no header at all
        S:  FLAGS (\Recent))
        S: d OK FETCH completed
        C: e EXPUNGE
        S: e NO [READ-ONLY] The mailbox is selected read-only
        C: f MOVE 1 Trash
        S: f NO [READ-ONLY] The mailbox is selected read-only
        C: g CLOSE
        S: g OK CLOSE completed
        C: h STATUS INBOX (RECENT UNSEEN)
        S: * STATUS "INBOX" (RECENT 4 UNSEEN 4)
        S: h OK STATUS completed
        """,
    ),
    Dialogue(
        "select-condstore",
        "RFC 7162 3.1.8: SELECT with CONDSTORE; other parameters are BAD.",
        LOGGED_IN
        + r"""
        C: b SELECT INBOX (CONDSTORE)
        S: * FLAGS …
        S: * OK [PERMANENTFLAGS …
        S: * 4 EXISTS
        S: * 4 RECENT
        S: * OK [UIDVALIDITY …
        S: * OK [UIDNEXT 5] …
        S: * OK [HIGHESTMODSEQ 5] …
        S: * OK [UNSEEN 1] …
        S: b OK [READ-WRITE] SELECT completed
        C: c STORE 1 +FLAGS (\Seen)
        S: * 1 FETCH (FLAGS (\Seen \Recent) MODSEQ (6))
        S: c OK STORE completed
        C: d SELECT INBOX (FOO)
        S: d BAD Unknown parameter FOO
        """,
    ),
    Dialogue(
        "close",
        "RFC 3501 6.4.2: CLOSE removes what is marked as deleted and says nothing of it.",
        SELECTED
        + r"""
        C: c STORE 2,3 +FLAGS.SILENT (\Deleted)
        S: c OK STORE completed
        C: d CLOSE
        S: d OK CLOSE completed
        C: e STATUS INBOX (MESSAGES UIDNEXT)
        S: * STATUS "INBOX" (MESSAGES 2 UIDNEXT 5)
        S: e OK STATUS completed
        C: f CLOSE
        S: f BAD Not now: …
        """,
    ),
    Dialogue(
        "unselect",
        "RFC 3691 2: UNSELECT leaves without removing anything.",
        SELECTED
        + r"""
        C: c STORE 2 +FLAGS.SILENT (\Deleted)
        S: c OK STORE completed
        C: d UNSELECT
        S: d OK UNSELECT completed
        C: e STATUS INBOX (MESSAGES)
        S: * STATUS "INBOX" (MESSAGES 4)
        S: e OK STATUS completed
        """,
    ),
    Dialogue(
        "expunge",
        "RFC 3501 6.4.3, 7.4.1: each EXPUNGE counts after the ones before it.",
        SELECTED
        + r"""
        C: c STORE 1,2,4 +FLAGS.SILENT (\Deleted)
        S: c OK STORE completed
        C: d EXPUNGE
        S: * 1 EXPUNGE
        S: * 1 EXPUNGE
        S: * 2 EXPUNGE
        S: d OK EXPUNGE completed
        C: e FETCH 1:* (UID)
        S: * 1 FETCH (UID 3)
        S: e OK FETCH completed
        C: f EXPUNGE
        S: f OK EXPUNGE completed
        """,
    ),
    Dialogue(
        "uid-expunge",
        "RFC 4315 2.1: UID EXPUNGE removes only what is in the set and marked as deleted.",
        SELECTED
        + r"""
        C: c STORE 1:3 +FLAGS.SILENT (\Deleted)
        S: c OK STORE completed
        C: d UID EXPUNGE 2,4
        S: * 2 EXPUNGE
        S: d OK EXPUNGE completed
        C: e UID EXPUNGE 100:200
        S: e OK EXPUNGE completed
        """,
    ),
    Dialogue(
        "status",
        "RFC 3501 6.3.10, RFC 8438 (SIZE), RFC 7162 3.1.7 (HIGHESTMODSEQ), RFC 7889 3.1 (APPENDLIMIT), RFC 9051 (DELETED).",
        LOGGED_IN
        + """
        C: b STATUS inbox (MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN)
        S: * STATUS "INBOX" (MESSAGES 4 RECENT 4 UIDNEXT 5 UIDVALIDITY … UNSEEN 4)
        S: b OK STATUS completed
        C: c STATUS INBOX (SIZE HIGHESTMODSEQ APPENDLIMIT DELETED)
        S: * STATUS "INBOX" (SIZE … HIGHESTMODSEQ 5 APPENDLIMIT 50000000 DELETED 0)
        S: c OK STATUS completed
        C: d STATUS nowhere (MESSAGES)
        S: d NO [NONEXISTENT] No such mailbox
        C: e STATUS INBOX (FOO)
        S: e BAD Unknown option FOO
        C: f STATUS INBOX ()
        S: f BAD Expected a status item at octet 17
        """,
    ),
    Dialogue(
        "usual-mailboxes",
        "At the first log-in Drafts, Sent, Junk and Trash are there, each with its use (RFC 6154 2), and subscribed to.",
        LOGGED_IN
        + r"""
        C: b LIST "" "*" RETURN (SPECIAL-USE SUBSCRIBED)
        S: * LIST (\HasNoChildren \Subscribed) "/" "INBOX"
        S: * LIST (\HasNoChildren \Drafts \Subscribed) "/" "Drafts"
        S: * LIST (\HasNoChildren \Junk \Subscribed) "/" "Junk"
        S: * LIST (\HasNoChildren \Sent \Subscribed) "/" "Sent"
        S: * LIST (\HasNoChildren \Trash \Subscribed) "/" "Trash"
        S: b OK LIST completed
        """,
    ),
)
