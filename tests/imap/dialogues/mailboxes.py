"""CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE."""

from tests.imap.dialogues.base import LOGGED_IN, SELECTED, Dialogue

__all__ = ["DIALOGUES"]

DIALOGUES = (
    Dialogue(
        "create",
        "RFC 3501 6.3.3: the mailboxes above it are made too; a final delimiter only announces children.",
        LOGGED_IN
        + r"""
        C: b CREATE owatagusiam/
        S: b OK CREATE completed
        C: c CREATE owatagusiam/blurdybloop
        S: c OK CREATE completed
        C: d CREATE x/y/z
        S: d OK CREATE completed
        C: e LIST "" x*
        S: * LIST (\HasChildren) "/" "x"
        S: * LIST (\HasChildren) "/" "x/y"
        S: * LIST (\HasNoChildren) "/" "x/y/z"
        S: e OK LIST completed
        C: f CREATE inbox
        S: f NO [ALREADYEXISTS] …
        C: g CREATE owatagusiam
        S: g NO [ALREADYEXISTS] …
        C: h CREATE a//b
        S: h NO [CANNOT] Mailbox name has an empty component
        C: i CREATE /
        S: i NO [CANNOT] …
        """,
    ),
    Dialogue(
        "names-in-utf7",
        "RFC 3501 5.1.3: names in modified UTF-7, in its one correct form only.",
        LOGGED_IN
        + r"""
        C: b CREATE &U,BTFw-/&ZeVnLIqe-
        S: b OK CREATE completed
        C: c LIST "" "&U*"
        S: c OK LIST completed
        C: d LIST "" "&U,BTFw-*"
        S: * LIST (\HasChildren) "/" "&U,BTFw-"
        S: * LIST (\HasNoChildren) "/" "&U,BTFw-/&ZeVnLIqe-"
        S: d OK LIST completed
        C: e CREATE &AGEAYg-
        S: e NO [CANNOT] …
        C: f CREATE "x & y"
        S: f NO [CANNOT] …
        C: g CREATE "x &- y"
        S: g OK CREATE completed
        """,
    ),
    Dialogue(
        "names-that-a-file-system-would-hate",
        "Names are names: dots, backslashes, quotes, blanks, wildcards in a string.",
        LOGGED_IN
        + r"""
        C: b CREATE ".."
        S: b OK CREATE completed
        C: c CREATE "a\\b \"c\""
        S: c OK CREATE completed
        C: d LIST "" "a%"
        S: * LIST (\HasNoChildren) "/" "a\\b \"c\""
        S: d OK LIST completed
        C: e DELETE ".."
        S: e OK DELETE completed
        C: f CREATE ../../x
        S: f OK CREATE completed
        """,
    ),
    Dialogue(
        "create-special-use",
        "RFC 6154 3: CREATE with USE; uses that are taken or unknown are refused with USEATTR.",
        LOGGED_IN
        + r"""
        C: b CREATE Old (USE (\Archive))
        S: b OK CREATE completed
        C: c CREATE More (USE (\Archive))
        S: c NO [USEATTR] …
        C: d CREATE Everything (USE (\All))
        S: d NO [USEATTR] A mailbox cannot be made for that use
        C: e LIST (SPECIAL-USE) "" "O*"
        S: * LIST (\HasNoChildren \Archive) "/" "Old"
        S: e OK LIST completed
        C: f CREATE X (FOO)
        S: f BAD Unknown parameter of CREATE
        """,
    ),
    Dialogue(
        "delete",
        "RFC 3501 6.3.4: what is below a mailbox stays, and its name with it; INBOX stays.",
        LOGGED_IN
        + r"""
        C: b CREATE foo/bar
        S: b OK CREATE completed
        C: c DELETE foo
        S: c OK DELETE completed
        C: d LIST "" foo*
        S: * LIST (\Noselect \HasChildren) "/" "foo"
        S: * LIST (\HasNoChildren) "/" "foo/bar"
        S: d OK LIST completed
        C: e DELETE foo
        S: e NO [HASCHILDREN] …
        C: f SELECT foo
        S: f NO [NONEXISTENT] No such mailbox
        C: g DELETE foo/bar
        S: g OK DELETE completed
        C: h LIST "" foo*
        S: h OK LIST completed
        C: i DELETE foo
        S: i NO [NONEXISTENT] No such mailbox
        C: j DELETE INBOX
        S: j NO [CANNOT] …
        """,
    ),
    Dialogue(
        "delete-selected",
        "RFC 3501 6.3.4: a session that deletes its own selected mailbox has none afterwards.",
        LOGGED_IN
        + """
        C: b CREATE foo
        S: b OK CREATE completed
        C: c SELECT foo
        S: * FLAGS …
        S: * OK [PERMANENTFLAGS …
        S: * 0 EXISTS
        S: * 0 RECENT
        S: * OK [UIDVALIDITY …
        S: * OK [UIDNEXT 1] …
        S: * OK [HIGHESTMODSEQ 1] …
        S: c OK …
        C: d DELETE foo
        S: * OK [CLOSED] …
        S: d OK DELETE completed
        C: e CHECK
        S: e BAD Not now: …
        """,
    ),
    Dialogue(
        "rename",
        "RFC 3501 6.3.5: a tree moves with its root; targets that exist are refused.",
        LOGGED_IN
        + r"""
        C: b CREATE a/b/c
        S: b OK CREATE completed
        C: c RENAME a zzz/new
        S: c OK RENAME completed
        C: d LIST "" "*"
        S: * LIST (\HasNoChildren) "/" "INBOX"
        S: * LIST (\HasNoChildren \Drafts) "/" "Drafts"
        S: * LIST (\HasNoChildren \Junk) "/" "Junk"
        S: * LIST (\HasNoChildren \Sent) "/" "Sent"
        S: * LIST (\HasNoChildren \Trash) "/" "Trash"
        S: * LIST (\HasChildren) "/" "zzz"
        S: * LIST (\HasChildren) "/" "zzz/new"
        S: * LIST (\HasChildren) "/" "zzz/new/b"
        S: * LIST (\HasNoChildren) "/" "zzz/new/b/c"
        S: d OK LIST completed
        C: e RENAME zzz/new Sent
        S: e NO [ALREADYEXISTS] …
        C: f RENAME nowhere elsewhere
        S: f NO [NONEXISTENT] No such mailbox
        C: g RENAME zzz zzz/below
        S: g NO [CANNOT] …
        C: h RENAME zzz INBOX
        S: h NO [ALREADYEXISTS] …
        """,
    ),
    Dialogue(
        "rename-inbox",
        "RFC 3501 6.3.5: RENAME INBOX moves its messages; INBOX stays, empty.",
        LOGGED_IN
        + """
        C: b RENAME INBOX old-mail
        S: b OK RENAME completed
        C: c STATUS INBOX (MESSAGES)
        S: * STATUS "INBOX" (MESSAGES 0)
        S: c OK STATUS completed
        C: d STATUS old-mail (MESSAGES)
        S: * STATUS "old-mail" (MESSAGES 4)
        S: d OK STATUS completed
        """,
    ),
    Dialogue(
        "rename-selected",
        "A mailbox can be renamed while it is selected; the session goes on with it.",
        LOGGED_IN
        + """
        C: b CREATE foo
        S: b OK CREATE completed
        C: c EXAMINE foo
        S: * FLAGS …
        S: * OK [PERMANENTFLAGS …
        S: * 0 EXISTS
        S: * 0 RECENT
        S: * OK [UIDVALIDITY …
        S: * OK [UIDNEXT 1] …
        S: * OK [HIGHESTMODSEQ 1] …
        S: c OK …
        C: d RENAME foo bar
        S: d OK RENAME completed
        C: e APPEND bar {3}
        S: + Ready
        C: a:b
        S: * 1 EXISTS
        S: * 1 RECENT
        S: e OK [APPENDUID … 1] APPEND completed
        """,
    ),
    Dialogue(
        "subscriptions",
        "RFC 3501 6.3.6, 6.3.7: subscriptions are names; they need no mailbox, and outlive it.",
        LOGGED_IN
        + r"""
        C: b SUBSCRIBE #news/comp.mail
        S: b OK SUBSCRIBE completed
        C: c LSUB "" "#*"
        S: * LSUB () "/" "#news/comp.mail"
        S: c OK LSUB completed
        C: d UNSUBSCRIBE #news/comp.mail
        S: d OK UNSUBSCRIBE completed
        C: e LSUB "" "#*"
        S: e OK LSUB completed
        C: f UNSUBSCRIBE #news/comp.mail
        S: f OK UNSUBSCRIBE completed
        C: g CREATE foo
        S: g OK CREATE completed
        C: h SUBSCRIBE foo
        S: h OK SUBSCRIBE completed
        C: i DELETE foo
        S: i OK DELETE completed
        C: j LSUB "" "f*"
        S: * LSUB () "/" "foo"
        S: j OK LSUB completed
        """,
    ),
    Dialogue(
        "create-while-selected",
        "RFC 3501 3: mailboxes are managed with or without a selected one.",
        SELECTED
        + """
        C: c CREATE foo
        S: c OK CREATE completed
        C: d RENAME foo bar
        S: d OK RENAME completed
        C: e DELETE bar
        S: e OK DELETE completed
        """,
    ),
)
