"""All conversations."""

from tests.imap.dialogues import (
    append,
    enabling,
    fetching,
    general,
    listing,
    logging_in,
    mailboxes,
    searching,
    selecting,
    storing,
    thunderbird,
    transferring,
    trouble,
)

__all__ = ["DIALOGUES"]

DIALOGUES = tuple(
    dialogue
    for module in (
        general,
        logging_in,
        selecting,
        mailboxes,
        listing,
        append,
        fetching,
        storing,
        transferring,
        searching,
        enabling,
        thunderbird,
        trouble,
    )
    for dialogue in module.DIALOGUES
)
