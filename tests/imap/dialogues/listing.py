"""LIST and LSUB in all their forms."""

from tests.imap.dialogues.base import LOGGED_IN, Dialogue

__all__ = ["DIALOGUES"]

TREE = (
    LOGGED_IN
    + """
C: t1 CREATE fruit/apple
S: t1 OK CREATE completed
C: t2 CREATE fruit/banana
S: t2 OK CREATE completed
C: t3 CREATE tofu
S: t3 OK CREATE completed
C: t4 CREATE vegetable/broccoli
S: t4 OK CREATE completed
C: t5 DELETE vegetable
S: t5 OK DELETE completed
C: t6 SUBSCRIBE fruit/banana
S: t6 OK SUBSCRIBE completed
C: t7 SUBSCRIBE fruit/peach
S: t7 OK SUBSCRIBE completed
C: t8 SUBSCRIBE vegetable
S: t8 OK SUBSCRIBE completed
"""
)

DIALOGUES = (
    Dialogue(
        "list-delimiter",
        "RFC 3501 6.3.8: an empty pattern asks for the delimiter.",
        LOGGED_IN
        + r"""
        C: b LIST "" ""
        S: * LIST (\Noselect) "/" ""
        S: b OK LIST completed
        C: c LIST "fruit/" ""
        S: * LIST (\Noselect) "/" ""
        S: c OK LIST completed
        """,
    ),
    Dialogue(
        "list-wildcards",
        "RFC 3501 6.3.8: % stops at the delimiter, * does not; a pattern covers whole names; INBOX in any case.",
        TREE
        + r"""
        C: b LIST "" fruit
        S: * LIST (\HasChildren) "/" "fruit"
        S: b OK LIST completed
        C: c LIST "" fru%
        S: * LIST (\HasChildren) "/" "fruit"
        S: c OK LIST completed
        C: d LIST "" f*
        S: * LIST (\HasChildren) "/" "fruit"
        S: * LIST (\HasNoChildren) "/" "fruit/apple"
        S: * LIST (\HasNoChildren) "/" "fruit/banana"
        S: d OK LIST completed
        C: e LIST "fruit/" %
        S: * LIST (\HasNoChildren) "/" "fruit/apple"
        S: * LIST (\HasNoChildren) "/" "fruit/banana"
        S: e OK LIST completed
        C: f LIST "" %/b%
        S: * LIST (\HasNoChildren) "/" "fruit/banana"
        S: * LIST (\HasNoChildren) "/" "vegetable/broccoli"
        S: f OK LIST completed
        C: g LIST "" iNb*
        S: * LIST (\HasNoChildren) "/" "INBOX"
        S: g OK LIST completed
        C: h LIST "" FRUIT
        S: h OK LIST completed
        """,
    ),
    Dialogue(
        "list-children",
        "RFC 3348 3, RFC 5258 4: names that only have children are there, as \\Noselect and, in an extended LIST, \\NonExistent.",
        TREE
        + r"""
        C: b LIST "" v%
        S: * LIST (\Noselect \HasChildren) "/" "vegetable"
        S: b OK LIST completed
        C: c LIST "" v% RETURN (CHILDREN)
        S: * LIST (\NonExistent \Noselect \HasChildren) "/" "vegetable"
        S: c OK LIST completed
        """,
    ),
    Dialogue(
        "list-patterns",
        "RFC 5258 3: several patterns, each name once.",
        TREE
        + r"""
        C: b LIST "" (t% fruit/% fruit/apple)
        S: * LIST (\HasNoChildren) "/" "fruit/apple"
        S: * LIST (\HasNoChildren) "/" "fruit/banana"
        S: * LIST (\HasNoChildren) "/" "tofu"
        S: b OK LIST completed
        C: c LIST "" ()
        S: c BAD …
        """,
    ),
    Dialogue(
        "list-subscribed",
        "RFC 5258 3.1: what is subscribed to, existing or not.",
        TREE
        + r"""
        C: b LIST (SUBSCRIBED) "" (f* v*)
        S: * LIST (\HasNoChildren \Subscribed) "/" "fruit/banana"
        S: * LIST (\NonExistent \Noselect \HasNoChildren \Subscribed) "/" "fruit/peach"
        S: * LIST (\NonExistent \Noselect \HasChildren \Subscribed) "/" "vegetable"
        S: b OK LIST completed
        C: c LIST "" "fruit/%" RETURN (SUBSCRIBED)
        S: * LIST (\HasNoChildren) "/" "fruit/apple"
        S: * LIST (\HasNoChildren \Subscribed) "/" "fruit/banana"
        S: c OK LIST completed
        C: d LIST (REMOTE) "" t*
        S: * LIST (\HasNoChildren) "/" "tofu"
        S: d OK LIST completed
        """,
    ),
    Dialogue(
        "list-recursivematch",
        "RFC 5258 3.5: names that match because of what is below them say so in CHILDINFO.",
        TREE
        + r"""
        C: b LIST (SUBSCRIBED RECURSIVEMATCH) "" f%
        S: * LIST (\HasChildren) "/" "fruit" ("CHILDINFO" ("SUBSCRIBED"))
        S: b OK LIST completed
        C: c LIST (RECURSIVEMATCH) "" *
        S: c BAD RECURSIVEMATCH needs SUBSCRIBED
        C: d LIST (FOO) "" *
        S: d BAD Unknown option FOO
        C: e LIST "" * RETURN (FOO)
        S: e BAD Unknown option FOO
        """,
    ),
    Dialogue(
        "list-special-use",
        "RFC 6154 5: only mailboxes with a use.",
        TREE
        + r"""
        C: b LIST (SPECIAL-USE) "" %
        S: * LIST (\HasNoChildren \Drafts) "/" "Drafts"
        S: * LIST (\HasNoChildren \Junk) "/" "Junk"
        S: * LIST (\HasNoChildren \Sent) "/" "Sent"
        S: * LIST (\HasNoChildren \Trash) "/" "Trash"
        S: b OK LIST completed
        """,
    ),
    Dialogue(
        "list-status",
        "RFC 5819 2: STATUS of each mailbox after its LIST; of names without a mailbox there is none.",
        TREE
        + r"""
        C: b LIST "" (INBOX v*) RETURN (STATUS (MESSAGES UNSEEN))
        S: * LIST (\HasNoChildren) "/" "INBOX"
        S: * STATUS "INBOX" (MESSAGES 4 UNSEEN 4)
        S: * LIST (\NonExistent \Noselect \HasChildren) "/" "vegetable"
        S: * LIST (\HasNoChildren) "/" "vegetable/broccoli"
        S: * STATUS "vegetable/broccoli" (MESSAGES 0 UNSEEN 0)
        S: b OK LIST completed
        """,
    ),
    Dialogue(
        "lsub",
        "RFC 3501 6.3.9: of fruit/banana, % shows fruit, which is not subscribed to, as \\Noselect.",
        TREE
        + r"""
        C: b LSUB "" f*
        S: * LSUB () "/" "fruit/banana"
        S: * LSUB () "/" "fruit/peach"
        S: b OK LSUB completed
        C: c LSUB "" f%
        S: * LSUB (\Noselect) "/" "fruit"
        S: c OK LSUB completed
        C: d LSUB "fruit/" %
        S: * LSUB () "/" "fruit/banana"
        S: * LSUB () "/" "fruit/peach"
        S: d OK LSUB completed
        """,
    ),
)
