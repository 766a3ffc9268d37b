"""Every written IMAP conversation over a real store, whole and byte by byte, on a transport in memory."""

import pytest

from mailsvc.testing.transcript import CUTS, WHOLE, Cut
from tests.imap.dialogues.all import DIALOGUES
from tests.imap.dialogues.base import MESSAGES, Dialogue
from tests.imap.world import World

CASES = [
    pytest.param(dialogue, cut, id=f"{dialogue.name}-{cut.__name__.lower()}")
    for dialogue in DIALOGUES
    for cut in CUTS
    if cut is WHOLE or not dialogue.together
]


@pytest.mark.parametrize(("dialogue", "cut"), CASES)
def test_dialogue(dialogue: Dialogue, cut: Cut) -> None:
    """The server says what is written, however the client's octets are cut into segments."""
    World(*MESSAGES).play(dialogue.script, cut)


def test_names_are_unique() -> None:
    """No conversation hides another."""
    names = [dialogue.name for dialogue in DIALOGUES]
    assert sorted(set(names)) == sorted(names)
