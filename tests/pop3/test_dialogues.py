"""Every written POP3 conversation, whole and byte by byte, on a transport in memory."""

from pathlib import Path

import pytest

from mailsvc.testing.transcript import CUTS, WHOLE, Cut
from tests.pop3.dialogues import DIALOGUES, MESSAGES, Dialogue
from tests.pop3.world import RealSite, World

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


@pytest.mark.parametrize("dialogue", DIALOGUES, ids=lambda dialogue: dialogue.name)
def test_dialogue_over_a_real_store(dialogue: Dialogue, tmp_path: Path) -> None:
    """The same over a store on the disk."""
    site = RealSite(tmp_path / "store", *MESSAGES)
    try:
        site.play(dialogue.script)
    finally:
        site.close()
