"""Every written POP3 conversation, whole and byte by byte, on a transport in memory."""

import pytest

from mailsvc.testing.transcript import CUTS, WHOLE, Cut
from tests.pop3.dialogues import DIALOGUES, MESSAGES, Dialogue
from tests.pop3.world import World

CASES = [
    pytest.param(dialogue, cut, id=f"{dialogue.name}-{cut.__name__.lower()}")
    for dialogue in DIALOGUES
    for cut in CUTS
    if cut is WHOLE or not dialogue.together
]


@pytest.mark.parametrize(("dialogue", "cut"), CASES)
def test_dialogue(dialogue: Dialogue, cut: Cut) -> None:
    """The server says what is written, however the client's bytes are cut into segments."""
    World(*MESSAGES).play(dialogue.script, cut)
