"""STORE, with and without .SILENT and UNCHANGEDSINCE."""

from tests.imap.dialogues.base import SELECTED, Dialogue

__all__ = ["DIALOGUES"]

DIALOGUES = (
    Dialogue(
        "store",
        "RFC 3501 6.4.6: replace, add, remove; the new flags of every message of the set are told.",
        SELECTED
        + r"""
        C: c STORE 2:4 +FLAGS (\Deleted)
        S: * 2 FETCH (FLAGS (\Deleted \Recent))
        S: * 3 FETCH (FLAGS (\Deleted \Recent))
        S: * 4 FETCH (FLAGS (\Deleted \Recent))
        S: c OK STORE completed
        C: d STORE 2 FLAGS \Seen \Draft
        S: * 2 FETCH (FLAGS (\Seen \Draft \Recent))
        S: d OK STORE completed
        C: e STORE 2,3 -FLAGS (\Seen \Flagged)
        S: * 2 FETCH (FLAGS (\Draft \Recent))
        S: * 3 FETCH (FLAGS (\Deleted \Recent))
        S: e OK STORE completed
        C: f STORE 2 FLAGS ()
        S: * 2 FETCH (FLAGS (\Recent))
        S: f OK STORE completed
        C: g STORE 2 +FLAGS.SILENT (\Answered)
        S: g OK STORE completed
        C: h FETCH 2 FLAGS
        S: * 2 FETCH (FLAGS (\Answered \Recent))
        S: h OK FETCH completed
        """,
    ),
    Dialogue(
        "store-keywords",
        "RFC 3501 2.3.2: new keywords are told with FLAGS before they are used; they compare in any case.",
        SELECTED
        + r"""
        C: c STORE 1 +FLAGS ($Forwarded work)
        S: * FLAGS (\Answered \Flagged \Deleted \Seen \Draft $Forwarded work)
        S: * OK [PERMANENTFLAGS (\Answered \Flagged \Deleted \Seen \Draft $Forwarded work \*)] …
        S: * 1 FETCH (FLAGS (\Recent $Forwarded work))
        S: c OK STORE completed
        C: d STORE 1 -FLAGS (WORK)
        S: * 1 FETCH (FLAGS (\Recent $Forwarded))
        S: d OK STORE completed
        C: e STORE 1 +FLAGS (\Recent)
        S: e BAD There is no flag \Recent to set
        C: f SEARCH KEYWORD $forwarded
        S: * SEARCH 1
        S: f OK SEARCH completed
        C: g SEARCH UNKEYWORD nothing
        S: * SEARCH 1 2 3 4
        S: g OK SEARCH completed
        """,
    ),
    Dialogue(
        "uid-store",
        "RFC 3501 6.4.8: FETCH responses to a UID command name the UID; UIDs that do not exist are passed over.",
        SELECTED
        + r"""
        C: c UID STORE 2,77 +FLAGS (\Seen)
        S: * 2 FETCH (UID 2 FLAGS (\Seen \Recent))
        S: c OK STORE completed
        C: d UID STORE 77 +FLAGS (\Seen)
        S: d OK STORE completed
        """,
    ),
    Dialogue(
        "store-malformed",
        "RFC 3501 6.4.6: what is not FLAGS is BAD; so is a number that no message has.",
        SELECTED
        + r"""
        C: c STORE 1 BOGUS (\Seen)
        S: c BAD …
        C: d STORE 1 +FLAGS
        S: d BAD …
        C: e STORE 5 +FLAGS (\Seen)
        S: e BAD No such message number
        C: f STORE 0 +FLAGS (\Seen)
        S: f BAD Message numbers are between 1 and 4294967295
        C: g STORE 1:2:3 +FLAGS (\Seen)
        S: g BAD …
        C: h STORE 1,,2 +FLAGS (\Seen)
        S: h BAD …
        """,
    ),
    Dialogue(
        "store-unchangedsince",
        "RFC 7162 3.1.3: messages that changed since are left alone, and named in MODIFIED.",
        SELECTED
        + r"""
        C: c STORE 1 +FLAGS (\Seen)
        S: * 1 FETCH (FLAGS (\Seen \Recent))
        S: c OK STORE completed
        C: d UID STORE 1:2 (UNCHANGEDSINCE 5) +FLAGS.SILENT (\Flagged)
        S: * OK [HIGHESTMODSEQ 6] The highest mod-sequence
        S: * 2 FETCH (UID 2 MODSEQ (7))
        S: d OK [MODIFIED 1] Some of the messages were changed meanwhile
        C: e STORE 1:2 (UNCHANGEDSINCE 7) +FLAGS (\Draft)
        S: * 1 FETCH (FLAGS (\Seen \Draft \Recent) MODSEQ (8))
        S: * 2 FETCH (FLAGS (\Flagged \Draft \Recent) MODSEQ (8))
        S: e OK STORE completed
        C: f STORE 3 (UNCHANGEDSINCE 0) +FLAGS.SILENT (\Seen)
        S: f OK [MODIFIED 3] Some of the messages were changed meanwhile
        """,
    ),
    Dialogue(
        "store-modseq",
        "RFC 7162 3.1.3: once mod-sequences are wanted, even a silent STORE tells the new one, where something changed.",
        SELECTED
        + r"""
        C: c ENABLE CONDSTORE
        S: * OK [HIGHESTMODSEQ 5] The highest mod-sequence
        S: * ENABLED CONDSTORE
        S: c OK ENABLE completed
        C: d STORE 1 +FLAGS.SILENT (\Seen)
        S: * 1 FETCH (MODSEQ (6))
        S: d OK STORE completed
        C: e STORE 1:2 +FLAGS.SILENT (\Seen)
        S: * 2 FETCH (MODSEQ (7))
        S: e OK STORE completed
        C: f STORE 1 +FLAGS.SILENT (\Seen)
        S: f OK STORE completed
        """,
    ),
)
