"""How much of a client is borne: what is counted, when it is too much, and who is asked to wait."""

import pytest

from mailsvc.core.errors import Kind, MailError
from mailsvc.smtp.patience import MAX_ERRORS, MAX_IDLE, MAX_REFUSALS, PENANCE, QUICK_REFUSALS, Patience

NO_SUCH_USER = MailError(Kind.NO_SUCH_USER, "unknown-recipient")
LATER = MailError(Kind.TOO_MANY, "too-many-recipients", temporary=True)
NO_RELAY = MailError(Kind.RELAY_DENIED, "relay-denied")


@pytest.mark.parametrize("trusting", [False, True])
def test_mistakes(trusting: bool) -> None:
    """So much nonsense is too much of anybody, and a message makes it forgotten."""
    patience = Patience(trusting)
    assert [patience.mistake() for _ in range(MAX_ERRORS)] == [0] * (MAX_ERRORS - 1) + [MAX_ERRORS]
    patience.forgive()
    assert patience.mistake() == 0


@pytest.mark.parametrize("temporary", [False, True])
def test_refusals(temporary: bool) -> None:
    """Refusals for good and for now are counted apart; whoever is trusted may have any number of them."""
    patience, most = Patience(trusting=False), MAX_REFUSALS[temporary]
    assert [patience.refused(temporary) for _ in range(most + 1)] == [0] * (most - 1) + [most, most + 1]
    assert patience.refused(not temporary) == 0
    patience.forgive()
    assert patience.refused(temporary) == 0
    trusting = Patience(trusting=True)
    assert not any(trusting.refused(temporary) for _ in range(most + 1))


def test_idling() -> None:
    """Commands that do no work are borne a hundred times."""
    patience, trusting = Patience(trusting=False), Patience(trusting=True)
    assert [patience.idled() for _ in range(MAX_IDLE + 1)] == [False] * MAX_IDLE + [True]
    assert not any(trusting.idled() for _ in range(MAX_IDLE + 1))
    patience.forgive()
    assert not patience.idled()


def test_penance() -> None:
    """Whoever tries name after name waits for each further one; the answers that tell nothing of names come at once."""
    patience, trusting = Patience(trusting=False), Patience(trusting=True)
    for _ in range(QUICK_REFUSALS):
        assert patience.penance(NO_SUCH_USER) == 0
        patience.refused(temporary=False)
        trusting.refused(temporary=False)
    assert [patience.penance(error) for error in (NO_SUCH_USER, LATER, NO_RELAY)] == [PENANCE, 0, 0]
    assert trusting.penance(NO_SUCH_USER) == 0
