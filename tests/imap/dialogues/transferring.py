"""COPY and MOVE."""

from tests.imap.dialogues.base import SELECTED, Dialogue

__all__ = ["DIALOGUES"]

DIALOGUES = (
    Dialogue(
        "copy",
        "RFC 3501 6.4.7, 4315 3: flags and dates go along, and COPYUID says where they went.",
        SELECTED
        + r"""
        C: c STORE 2 +FLAGS.SILENT (\Flagged)
        S: c OK STORE completed
        C: d COPY 2:4 Sent
        S: d OK [COPYUID … 2:4 1:3] COPY completed
        C: e UID COPY 4,99 Sent
        S: e OK [COPYUID … 4 4] COPY completed
        C: f UID COPY 99 Sent
        S: f OK COPY completed
        C: g STATUS Sent (MESSAGES)
        S: * STATUS "Sent" (MESSAGES 4)
        S: g OK STATUS completed
        C: h COPY 1 INBOX
        S: * 5 EXISTS
        S: * 5 RECENT
        S: h OK [COPYUID … 1 5] COPY completed
        """,
    ),
    Dialogue(
        "copy-trycreate",
        "RFC 3501 6.4.7: a mailbox that could be made: TRYCREATE; nothing is copied.",
        SELECTED
        + """
        C: c COPY 1 nowhere
        S: c NO [TRYCREATE] No such mailbox
        C: d MOVE 1 nowhere
        S: d NO [TRYCREATE] No such mailbox
        C: e UID COPY 1:* nowhere
        S: e NO [TRYCREATE] No such mailbox
        C: f COPY 7 Sent
        S: f BAD No such message number
        """,
    ),
    Dialogue(
        "move",
        "RFC 6851 3.3: COPYUID comes untagged, before the EXPUNGE responses.",
        SELECTED
        + """
        C: c MOVE 2,4 Trash
        S: * OK [COPYUID … 2,4 1:2] Moved
        S: * 2 EXPUNGE
        S: * 3 EXPUNGE
        S: c OK MOVE completed
        C: d UID MOVE 3 Trash
        S: * OK [COPYUID … 3 3] Moved
        S: * 2 EXPUNGE
        S: d OK MOVE completed
        C: e UID MOVE 99 Trash
        S: e OK MOVE completed
        C: f FETCH 1:* UID
        S: * 1 FETCH (UID 1)
        S: f OK FETCH completed
        """,
    ),
    Dialogue(
        "move-to-itself",
        "RFC 6851 3.3: moved into the same mailbox, a message gets a new UID.",
        SELECTED
        + """
        C: c UID MOVE 1 INBOX
        S: * OK [COPYUID … 1 5] Moved
        S: * 1 EXPUNGE
        S: * 4 EXISTS
        S: * 4 RECENT
        S: c OK MOVE completed
        """,
    ),
)
