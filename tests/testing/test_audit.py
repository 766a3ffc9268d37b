"""The audit of the mailboxes finds each way in which mail can be lost, doubled, changed or invented."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from mailsvc.formats.dsn.build import Letter as ReportLetter
from mailsvc.formats.dsn.build import build
from mailsvc.formats.dsn.values import DeliveryStatus, RecipientStatus
from mailsvc.testing.audit import Findings, doubles, judge, unexplained
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


C = "c@elsewhere.test"


def report() -> bytes:
    """To the writer: letter 1 did not reach C."""
    letter = ReportLetter(
        sender="p@x", recipient=A, subject="failed", date=datetime.now(UTC), token="R", host="x", text="why\n"
    )
    status = DeliveryStatus(
        reporter="x", recipients=(RecipientStatus(final=C, action="failed", status="5.1.1"),), envelope_id="1"
    )
    return build(letter, status)


def judged_outside(fate: Fate, sent: int = 0, waiting: int = 0, reported: int = 0, complete: bool = True) -> list[str]:
    """The verdict on one letter to C, who is elsewhere: copies at the next hop, in the queue, reports."""
    ledger, findings = Ledger(), Findings()
    ledger.add(Letter("1", (), digest(TEXT), fate, (C,)))
    for number in range(sent):
        findings.add(C, TEXT, 1.0 + number)
    for _ in range(reported):
        findings.add(A, report())
    findings.waiting["1", C] = waiting
    return judge(ledger, findings, complete)


@pytest.mark.parametrize("place", ["sent", "waiting", "reported"])
def test_mail_for_others_is_in_one_place(place: str) -> None:
    """A recipient elsewhere has the letter, waits for it, or is reported; nowhere is lost; what was never sent is nowhere."""
    assert judged_outside(Fate.PROMISED, **{place: 1}) == []
    assert "lost" in judged_outside(Fate.PROMISED)[0]
    assert "never sent" in judged_outside(Fate.UNSENT, **{place: 1})[0]


@pytest.mark.parametrize(
    "places", [{"sent": 1, "reported": 1}, {"waiting": 1, "reported": 1}, {"sent": 1, "waiting": 1}, {"reported": 2}]
)
def test_mail_for_others_is_not_in_two(places: dict[str, int]) -> None:
    """Who has a letter, or still waits for it, must not be reported, and nobody twice; in the end nobody who has it waits."""
    assert any("more than one place" in text for text in judged_outside(Fate.PROMISED, **places))


def test_second_copies() -> None:
    """A second copy is counted; only a kill after the first one, and before the second, explains it. Until all is complete it may wait."""
    assert judged_outside(Fate.PROMISED, sent=2) == []
    assert judged_outside(Fate.PROMISED, sent=1, waiting=1, complete=False) == []
    assert judged_outside(Fate.PROMISED, reported=1, waiting=1, complete=False) == [], "it was settled while we looked"
    findings = Findings()
    findings.add(C, TEXT, 100.0)
    findings.add(C, TEXT, 110.0)
    assert doubles(findings) == 1
    assert unexplained(findings, [102.0]) == []
    assert len(unexplained(findings, [90.0, 111.0])) == 1
