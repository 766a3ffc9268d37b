"""SEARCH: every key, results in both forms, charsets."""

from tests.imap.dialogues.base import SELECTED, Dialogue

__all__ = ["DIALOGUES"]

PREPARED = (
    SELECTED
    + r"""
C: t1 STORE 2 +FLAGS.SILENT (\Seen \Answered)
S: t1 OK STORE completed
C: t2 STORE 3 +FLAGS.SILENT (\Flagged \Deleted \Draft $Work)
S: * FLAGS …
S: * OK [PERMANENTFLAGS …
S: t2 OK STORE completed
"""
)

KEYS = {
    "ALL": "1 2 3 4",
    "ANSWERED": "2",
    "BCC gray": "",
    "BEFORE 4-Jan-1970": "1 2",
    "BODY two": "1",
    'BODY "no header"': "4",
    "BODY summary": "",
    "CC klensin": "1",
    "DELETED": "3",
    "DRAFT": "3",
    "FLAGGED": "3",
    "FROM GRAY": "1",
    'HEADER Message-Id ""': "1",
    "HEADER message-id B27397": "1",
    "KEYWORD $work": "3",
    "LARGER 100": "1 2",
    "NEW": "1 3 4",
    "NOT SEEN": "1 3 4",
    "OLD": "",
    "ON 4-Jan-1970": "3",
    "OR SEEN FLAGGED": "2 3",
    "OR OR SEEN FLAGGED 1": "1 2 3",
    "RECENT": "1 2 3 4",
    "SEEN": "2",
    "SENTBEFORE 18-Jul-1996": "1",
    "SENTON 17-Jul-1996": "1",
    "SENTON 18-Jul-1996": "",
    "SENTSINCE 17-Jul-1996": "1",
    "NOT SENTSINCE 17-Jul-1996": "2 3 4",
    "SINCE 4-Jan-1970": "3 4",
    "SMALLER 60": "3 4",
    "SUBJECT wg": "1",
    'SUBJECT ""': "1 2 3",
    "TEXT mtg": "1",
    "TEXT three": "1",
    "TO imap@cac": "1",
    "UID 2:3,99": "2 3",
    "UID *": "4",
    "UNANSWERED": "1 3 4",
    "UNDELETED": "1 2 4",
    "UNDRAFT": "1 2 4",
    "UNFLAGGED": "1 2 4",
    "UNKEYWORD $WORK": "1 2 4",
    "UNSEEN": "1 3 4",
    "2:3": "2 3",
    "2,4:*": "2 4",
    "4:9": "4",
    "3 UNSEEN": "3",
    "(SEEN ANSWERED)": "2",
    "NOT (SEEN ANSWERED)": "1 3 4",
    "UNSEEN NOT FLAGGED SMALLER 100": "4",
    "YOUNGER 999800000": "3 4",
    "OLDER 999800000": "1 2",
    "OR FROM gray BODY inside": "1 2",
    "NOT SUBJECT wg": "2 3 4",
}
"""Key -> sequence numbers found. RFC 3501 6.4.4; YOUNGER, OLDER: RFC 5032. The clock says 9-Sep-2001."""


def _script() -> str:
    lines = [PREPARED]
    for key, found in KEYS.items():
        lines += [f"C: k SEARCH {key}", f"S: * SEARCH{' ' * bool(found)}{found}", "S: k OK SEARCH completed"]
    return "\n".join(lines)


DIALOGUES = (
    Dialogue("search-keys", "RFC 3501 6.4.4, RFC 5032: every key; nothing found is said too.", _script()),
    Dialogue(
        "uid-search",
        "RFC 3501 6.4.8: UID SEARCH answers with UIDs; sequence numbers in it are still numbers.",
        PREPARED
        + r"""
        C: c EXPUNGE
        S: * 3 EXPUNGE
        S: c OK EXPUNGE completed
        C: d UID SEARCH 3
        S: * SEARCH 4
        S: d OK SEARCH completed
        C: e SEARCH UID 4
        S: * SEARCH 3
        S: e OK SEARCH completed
        """,
    ),
    Dialogue(
        "search-japanese",
        "RFC 3501 6.4.4: CHARSET; 京都 in ISO-2022-JP is found by UTF-8, Shift_JIS, EUC-JP and ISO-2022-JP, in subject and text.",
        SELECTED
        + r"""
        C: c SEARCH CHARSET UTF-8 SUBJECT {6}
        S: + Ready
        C: 京都
        S: * SEARCH 2
        S: c OK SEARCH completed
        C: d SEARCH CHARSET SHIFT_JIS SUBJECT {4}
        S: + Ready
        C= "京都\r\n".encode("shift_jis")
        S: * SEARCH 2
        S: d OK SEARCH completed
        C: e SEARCH CHARSET euc-jp BODY {4+}
        C= "京都\r\n".encode("euc-jp")
        S: * SEARCH 2
        S: e OK SEARCH completed
        C: f SEARCH CHARSET ISO-2022-JP TEXT {10+}
        C= "京都\r\n".encode("iso-2022-jp")
        S: * SEARCH 2
        S: f OK SEARCH completed
        C: g SEARCH SUBJECT "京都"
        S: * SEARCH 2
        S: g OK SEARCH completed
        C: h SEARCH CHARSET ISO-8859-1 SUBJECT {4+}
        C= b"caf\xe9\r\n"
        S: * SEARCH 3
        S: h OK SEARCH completed
        """,
    ),
    Dialogue(
        "search-badcharset",
        "RFC 3501 6.4.4, 7.1: BADCHARSET names charsets that are known.",
        SELECTED
        + """
        C: c SEARCH CHARSET X-NONE TEXT x
        S: c NO [BADCHARSET (US-ASCII UTF-8 …)] Unknown charset
        """,
    ),
    Dialogue(
        "esearch",
        "RFC 4731 3.1: RETURN; MIN, MAX and ALL only where something was found.",
        PREPARED
        + r"""
        C: c SEARCH RETURN (MIN COUNT) UNSEEN
        S: * ESEARCH (TAG "c") MIN 1 COUNT 3
        S: c OK SEARCH completed
        C: d UID SEARCH RETURN () UNSEEN
        S: * ESEARCH (TAG "d") UID ALL 1,3:4
        S: d OK SEARCH completed
        C: e SEARCH RETURN (MIN MAX ALL COUNT) FROM nobody-at-all
        S: * ESEARCH (TAG "e") COUNT 0
        S: e OK SEARCH completed
        C: f SEARCH RETURN (ALL) FROM nobody-at-all
        S: * ESEARCH (TAG "f")
        S: f OK SEARCH completed
        C: g SEARCH RETURN (MAX) CHARSET UTF-8 ALL
        S: * ESEARCH (TAG "g") MAX 4
        S: g OK SEARCH completed
        C: h SEARCH RETURN (FOO) ALL
        S: h BAD Unknown result option FOO
        """,
    ),
    Dialogue(
        "search-modseq",
        "RFC 7162 3.1.5, RFC 4731 3.2: MODSEQ, with the highest of what is returned.",
        PREPARED
        + r"""
        C: c SEARCH MODSEQ 6
        S: * OK [HIGHESTMODSEQ 7] The highest mod-sequence
        S: * SEARCH 2 3 (MODSEQ 7)
        S: c OK SEARCH completed
        C: d SEARCH MODSEQ "/flags/\\draft" all 7
        S: * SEARCH 3 (MODSEQ 7)
        S: d OK SEARCH completed
        C: e SEARCH RETURN (MIN) MODSEQ 6
        S: * ESEARCH (TAG "e") MIN 2 MODSEQ 6
        S: e OK SEARCH completed
        C: f SEARCH RETURN (ALL) MODSEQ 6
        S: * ESEARCH (TAG "f") ALL 2:3 MODSEQ 7
        S: f OK SEARCH completed
        C: g SEARCH MODSEQ 100
        S: * SEARCH
        S: g OK SEARCH completed
        """,
    ),
    Dialogue(
        "search-malformed",
        "RFC 3501 6.4.4: unknown keys, missing arguments and deep nesting are BAD.",
        SELECTED
        + "C: c SEARCH FOO\nS: c BAD Unknown search key FOO\n"
        + "C: d SEARCH FROM\nS: d BAD …\n"
        + "C: e SEARCH\nS: e BAD …\n"
        + "C: f SEARCH BEFORE yesterday\nS: f BAD …\n"
        + "C: g SEARCH SINCE 31-Feb-2001\nS: g BAD No such day\n"
        + f"C: h SEARCH {'(' * 40}ALL{')' * 40}\nS: h BAD Nested deeper than 32\n"
        + f"C: i SEARCH {'NOT ' * 40}ALL\nS: i BAD Nested deeper than 32\n"
        + "C: j SEARCH 0\nS: j BAD …\n",
    ),
)
