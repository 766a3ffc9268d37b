"""ENABLE, UTF8=ACCEPT, CONDSTORE."""

from tests.imap.dialogues.base import LOGGED_IN, SELECTED, Dialogue

__all__ = ["DIALOGUES"]

DIALOGUES = (
    Dialogue(
        "enable",
        "RFC 5161 3.1, 3.2: unknown names are passed over; what is on already is not named again.",
        LOGGED_IN
        + """
        C: b ENABLE X-GOOD-IDEA
        S: * ENABLED
        S: b OK ENABLE completed
        C: c ENABLE condstore condstore X
        S: * ENABLED CONDSTORE
        S: c OK ENABLE completed
        C: d ENABLE CONDSTORE
        S: * ENABLED
        S: d OK ENABLE completed
        C: e ENABLE
        S: e BAD …
        """,
    ),
    Dialogue(
        "utf8-names",
        "RFC 6855 3: after ENABLE UTF8=ACCEPT names are UTF-8, in quoted strings; before it they are modified UTF-7.",
        LOGGED_IN
        + r"""
        C: b CREATE &U,BTFw-
        S: b OK CREATE completed
        C: c ENABLE UTF8=ACCEPT
        S: * ENABLED UTF8=ACCEPT
        S: c OK ENABLE completed
        C: d LIST "" "台*"
        S: * LIST (\HasNoChildren) "/" "台北"
        S: d OK LIST completed
        C: e CREATE "京都/&"
        S: e OK CREATE completed
        C: f STATUS "京都/&" (MESSAGES)
        S: * STATUS "京都/&" (MESSAGES 0)
        S: f OK STATUS completed
        """,
    ),
    Dialogue(
        "utf8-names-in-utf7",
        "RFC 6855 3, 3501 5.1.3: modified UTF-7 after ENABLE UTF8=ACCEPT, as Thunderbird 153 wrote it, is taken as it is meant.",
        LOGGED_IN
        + r"""
        C: 43 ENABLE UTF8=ACCEPT
        S: * ENABLED UTF8=ACCEPT
        S: 43 OK ENABLE completed
        C: 46 create "&TxqKCA-"
        S: 46 OK CREATE completed
        C: 47 subscribe "&TxqKCA-"
        S: 47 OK SUBSCRIBE completed
        C: 48 list "" "&TxqKCA-"
        S: * LIST (\HasNoChildren) "/" "会計"
        S: 48 OK LIST completed
        C: 49 create "&TxqKCA-/今年"
        S: 49 OK CREATE completed
        C: 50 status "会計/今年" (MESSAGES)
        S: * STATUS "会計/今年" (MESSAGES 0)
        S: 50 OK STATUS completed
        """,
    ),
    Dialogue(
        "utf8-search",
        "RFC 6855 3: no CHARSET after ENABLE UTF8=ACCEPT; strings are UTF-8.",
        SELECTED
        + """
        C: c ENABLE UTF8=ACCEPT
        S: * ENABLED UTF8=ACCEPT
        S: c OK ENABLE completed
        C: d SEARCH CHARSET UTF-8 SUBJECT x
        S: d BAD No CHARSET after ENABLE UTF8=ACCEPT
        C: e SEARCH SUBJECT "京都"
        S: * SEARCH 2
        S: e OK SEARCH completed
        """,
    ),
    Dialogue(
        "condstore-by-fetch",
        "RFC 7162 3.1: a FETCH of MODSEQ is enough to be told of mod-sequences from then on.",
        SELECTED
        + r"""
        C: c FETCH 1 (MODSEQ)
        S: * OK [HIGHESTMODSEQ 5] The highest mod-sequence
        S: * 1 FETCH (MODSEQ (2))
        S: c OK FETCH completed
        C: d STORE 1 +FLAGS (\Seen)
        S: * 1 FETCH (FLAGS (\Seen \Recent) MODSEQ (6))
        S: d OK STORE completed
        """,
    ),
    Dialogue(
        "condstore-by-status",
        "RFC 7162 3.1: STATUS (HIGHESTMODSEQ) too.",
        SELECTED
        + """
        C: c STATUS INBOX (HIGHESTMODSEQ)
        S: * OK [HIGHESTMODSEQ 5] The highest mod-sequence
        S: * STATUS "INBOX" (HIGHESTMODSEQ 5)
        S: c OK STATUS completed
        """,
    ),
)
