"""Enhanced status codes in plain words."""

import pytest

from mailsvc.core.reports import Action, Told
from mailsvc.queue.explanations import explain
from mailsvc.queue.wrapping import wrap


def key(
    status: str, action: Action = Action.FAILED, reply: str = "550 no", host: str = "mx.elsewhere.test [::1]"
) -> str:
    """Which explanation is given; ``""`` for none."""
    sentence = explain(Told("bob@elsewhere.test", action, status, reply=reply, host=host), 1000)
    return sentence.key.removeprefix("report.why.") if sentence else ""


@pytest.mark.parametrize(
    ("status", "why"),
    [
        ("5.1.1", "unknown-user"),
        ("5.1.2", "unknown-domain"),
        ("5.1.10", "no-mail"),
        ("5.2.2", "full"),
        ("4.2.2", "full"),
        ("5.3.4", "too-big"),
        ("4.4.1", "no-answer"),
        ("5.4.4", "no-route"),
        ("5.4.6", "loop"),
        ("5.6.3", "conversion"),
        ("5.6.7", "utf8"),
        ("5.6.99", "content"),
        ("5.7.1", "policy"),
        ("5.7.26", "policy"),
        ("4.7.5", "tls"),
        ("4.7.8", "misconfigured-here"),
        ("5.7.8", "policy"),
        ("5.0.0", "refused"),
        ("4.0.0", "temporary"),
        ("nonsense", "refused"),
    ],
)
def test_codes(status: str, why: str) -> None:
    """The whole code, else its detail, else its subject, else its class."""
    assert key(status) == why


def test_greylisting_is_only_a_delay() -> None:
    """Who has tried in vain for days is not told that it will go through soon."""
    assert key("4.7.1", Action.DELAYED) == "greylisting"
    assert key("4.7.1", Action.FAILED) == "temporary"


def test_time_that_is_over() -> None:
    """The last reason is explained; where it is only that another server's time was over, nothing is added: that is said anyway."""
    assert key("4.2.2", reply="452 4.2.2 quota") == "full"
    assert key("4.4.7") == ""
    assert key("5.4.7") == "expired"


@pytest.mark.parametrize(
    ("status", "reply", "why"),
    [
        ("5.0.0", "given up by the administrator", "unsent"),
        ("4.0.0", "Waits until its server asks for it (ETRN)", "unsent"),
        ("5.7.1", "Held: a route of the configuration says so", "unsent"),
        ("4.7.0", "the host offers no way to log in that we know", "unsent"),
        ("4.3.5", "Password file: Permission denied", "misconfigured-here"),
        ("5.1.3", "The address cannot be sent", "bad-address-here"),
        ("4.4.1", "cannot connect: Connection refused", "no-answer"),
        ("5.1.2", "The domain elsewhere.test does not exist", "unknown-domain"),
    ],
)
def test_nobody_is_said_to_have_refused_what_nobody_answered(status: str, reply: str, why: str) -> None:
    """Where the words are ours, the explanation blames no other server, whether one was tried or not."""
    for action in (Action.FAILED, Action.DELAYED):
        assert key(status, action, reply) == why
        assert key(status, action, reply, "") == why


def test_success_needs_no_reason() -> None:
    """Nothing is explained of mail that arrived."""
    assert key("2.0.0", Action.RELAYED) == ""


def test_too_big_with_a_limit() -> None:
    """Where the limit is known, the size that an attachment may have is told: base64 adds more than a third."""
    sentence = explain(Told("bob@elsewhere.test", Action.FAILED, "5.3.4", limit=10_000_000), 12_345_678)
    assert sentence is not None
    assert sentence.key == "report.why.too-big-limit"
    assert sentence.facts["size"] == "12,345,678"
    assert sentence.facts["limit"] == "10,000,000"
    assert sentence.facts["file"] == "7,307,692"


def test_lines_fit_on_the_screen() -> None:
    """76 columns; Japanese takes two each and is broken between characters, but no line begins with a full stop."""
    english = wrap("word " * 40, "  ").split("\n")
    assert all(len(line) <= 76 and line.startswith("  word") for line in english)
    japanese = wrap("あ" * 37 + "い。（え）" + "お" * 40).split("\n")
    assert japanese[0] == "あ" * 37
    assert japanese[1].startswith("い。（え）")
    assert wrap("x" * 200) == "x" * 200
    assert wrap("") == ""
