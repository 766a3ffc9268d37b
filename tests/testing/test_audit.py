"""The audit of the mailboxes finds each way in which mail can be lost, doubled, changed or invented."""

from collections.abc import Sequence

import pytest

from mailsvc.testing.audit import Findings, judge
from mailsvc.testing.correspondents import MARK, Fate, Ledger, Letter, digest

A, B = "a@example.test", "b@example.test"
TEXT = MARK + b"1\r\n\r\n.text\r\n"


def judged(fate: Fate, found: Sequence[str], text: bytes = TEXT, complete: bool = True) -> list[str]:
    """The verdict on one letter to A and B with this fate, found in these mailboxes."""
    ledger, findings = Ledger(), Findings()
    ledger.add(Letter("1", (A, B), digest(TEXT), fate))
    for address in found:
        findings.add(address, b"Received: from somewhere\r\n" + text)
    return judge(ledger, findings, complete)


@pytest.mark.parametrize(
    ("fate", "found"),
    [(Fate.PROMISED, [A, B]), (Fate.DOUBTFUL, [A, B]), (Fate.DOUBTFUL, []), (Fate.UNSENT, [])],
)
def test_all_is_well(fate: Fate, found: Sequence[str]) -> None:
    """What was promised is there; what was not answered is there for all, or for nobody; what was not sent is nowhere."""
    assert judged(fate, found) == []


@pytest.mark.parametrize(
    ("fate", "found", "verdict"),
    [
        (Fate.PROMISED, [], "promised and is lost"),
        (Fate.PROMISED, [A], "promised and is lost"),
        (Fate.PROMISED, [A, B, B], "doubled"),
        (Fate.DOUBTFUL, [B], "some of its recipients only"),
        (Fate.DOUBTFUL, [A, A, B, B], "doubled"),
        (Fate.UNSENT, [A, B], "never sent to its end"),
        (Fate.PROMISED, [A, B, "c@example.test"], "nobody wrote letter 1 to c@example.test"),
    ],
)
def test_each_fault_is_named(fate: Fate, found: Sequence[str], verdict: str) -> None:
    """Lost, doubled, partly delivered, or given to somebody else: each has its sentence."""
    (sentence,) = judged(fate, found)
    assert verdict in sentence


def test_change_is_seen() -> None:
    """One octet less is another letter."""
    assert judged(Fate.PROMISED, [A, B], TEXT[:-3] + b"\r\n") == ["letter 1 was changed"]


def test_strange_mail_is_seen() -> None:
    """A message that no correspondent wrote is reported."""
    (sentence,) = judged(Fate.DOUBTFUL, [A], b"Subject: what\r\n\r\n")
    assert "nobody wrote this" in sentence


def test_not_yet_complete() -> None:
    """While mail may still be coming, only what was promised is asked for."""
    assert judged(Fate.DOUBTFUL, [A], complete=False) == []
    assert judged(Fate.PROMISED, [A], complete=False) != []
