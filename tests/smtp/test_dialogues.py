"""Every written SMTP, submission and LMTP conversation, whole and byte by byte, on a transport in memory."""

import pytest

from mailsvc.testing.transcript import CUTS, WHOLE, Cut
from tests.smtp.dialogues import DIALOGUES, Dialogue
from tests.smtp.outward import OUTWARD
from tests.smtp.world import World

CASES = [
    pytest.param(dialogue, cut, id=f"{dialogue.name}-{cut.__name__.lower()}")
    for dialogue in DIALOGUES + OUTWARD
    for cut in CUTS
    if not dialogue.real_time and (cut is WHOLE or not dialogue.together)
]


@pytest.mark.parametrize(("dialogue", "cut"), CASES)
def test_dialogue(dialogue: Dialogue, cut: Cut) -> None:
    """The server says what is written, however the client's bytes are cut into segments, and stores what is written."""
    world = World(dialogue.listener, **dialogue.options)
    dialogue.prepare(world)
    world.play(dialogue.script, cut)
    assert world.store.bodies_delivered == list(dialogue.delivered)
