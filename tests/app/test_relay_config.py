"""``[relay]``: what can be written there, what it amounts to, and what is refused because it would make an open relay."""

from ipaddress import ip_network
from pathlib import Path

import pytest

from mailsvc.app.config import load
from mailsvc.app.permits import relay_rules, relay_words
from mailsvc.auth.relay import decide
from mailsvc.auth.relay_options import RelayPreset
from mailsvc.auth.relay_rules import PopBeforeSmtp, Rule, SenderPolicy
from mailsvc.core.relay import RelayDecision, RelayFacts
from mailsvc.core.values import Peer
from mailsvc.formats.address import Address

from .test_config import MINIMAL, said, write


def rules(folder: Path, text: str, top: str = "") -> tuple[Rule, ...]:
    """The table that a file describes."""
    return relay_rules(load(write(folder, top + MINIMAL + text)))


def names(folder: Path, text: str) -> list[str]:
    """The names of its rules."""
    return [rule.name for rule in rules(folder, text)]


def test_by_default_nobody_relays_without_a_log_in(tmp_path: Path) -> None:
    """A new installation has SMTP AUTH and nothing else."""
    assert names(tmp_path, "") == ["smtp-auth"]


def test_presets(tmp_path: Path) -> None:
    """Each is a table; networks are asked for where they are the point."""
    networks = 'networks = ["192.0.2.0/24"]\n'
    made = {preset: rules(tmp_path, f'[relay]\npreset = "{preset.value}"\n{networks}') for preset in RelayPreset}
    assert {preset.value: [rule.name for rule in table] for preset, table in made.items()} == {
        "none": ["smtp-auth"],
        "addresses": ["smtp-auth", "trusted-network"],
        "local-users": ["smtp-auth", "trusted-network"],
        "kyoto": ["smtp-auth", "trusted-network", "pop-before-smtp"],
        "tohoku": ["smtp-auth", "trusted-network", "pop-before-smtp"],
    }
    assert made[RelayPreset.LOCAL_USERS][1].sender is SenderPolicy.OWN
    windows = {preset: made[preset][2].window for preset in (RelayPreset.KYOTO, RelayPreset.TOHOKU)}  # type: ignore[attr-defined]
    assert windows == {RelayPreset.KYOTO: 300, RelayPreset.TOHOKU: 600}
    assert all(made[preset][2].sender is SenderPolicy.ANY for preset in windows)


def test_own_rules_come_first(tmp_path: Path) -> None:
    """One of the same name takes the place of the preset's; all its keys arrive."""
    table = rules(
        tmp_path,
        """
[relay]
preset = "kyoto"
shared = ["10.0.0.0/8"]
[[relay.rules]]
rule = "trusted-network"
name = "campus"
networks = ["192.0.2.0/24", "2001:db8::/32"]
sender = "own-domain"
check_from = true
refusal = "Please use our domain"
recipients_per_hour = 50
[[relay.rules]]
rule = "pop-before-smtp"
window = "20 min"
ceiling = "2 h"
accounts = "marked"
protected_login = false
ipv6_prefix = 64
renew_idle = true
end_at_logout = true
""",
    )
    assert [rule.name for rule in table] == ["campus", "pop-before-smtp", "smtp-auth"]
    campus, pop, _ = table
    assert campus.networks == (ip_network("192.0.2.0/24"), ip_network("2001:db8::/32"))
    assert (campus.sender, campus.check_from, campus.refusal) == (SenderPolicy.DOMAIN, True, "Please use our domain")
    assert (campus.limits.messages, campus.limits.recipients) == (0, 50)
    assert isinstance(pop, PopBeforeSmtp)
    assert (pop.window, pop.ceiling, pop.everybody, pop.protected, pop.prefix) == (1200, 7200, False, False, 64)
    assert (pop.renew_idle, pop.end_at_logout, pop.loopback) == (True, True, False)
    assert pop.shared == (ip_network("10.0.0.0/8"),)
    assert (pop.limits.messages, pop.limits.recipients) == (200, 2000)


def test_window_of_a_domain(tmp_path: Path) -> None:
    """``relay_window`` stands with the domain."""
    text = MINIMAL.replace('name = "example.test"', 'name = "Example.Test"\nrelay_window = "7 min"')
    (_, pop) = relay_rules(load(write(tmp_path, text + '[relay]\npreset = "kyoto"\n')))
    assert isinstance(pop, PopBeforeSmtp)
    assert pop.windows == (("example.test", 420),)


RULE = '[[relay.rules]]\nrule = "trusted-network"\n'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[relay]\npreset = "anyone"\n', "a server that sends for anyone is found by spammers"),
        ('[[relay.rules]]\nrule = "anyone"\n', "a server that sends for anyone is found by spammers"),
        ('[relay]\npreset = "addresses"\n', "networks: is missing"),
        ('[relay]\npreset = "local-users"\n', "networks: is missing"),
        ('[relay]\nnetworks = ["0.0.0.0/0"]\n', "this would be an open relay"),
        ('[relay]\nnetworks = ["::/0"]\n', "this would be an open relay"),
        ('[relay]\nnetworks = ["0.0.0.0/1", "128.0.0.0/1"]\n', "this would be an open relay"),
        (RULE, "networks: is missing"),
        (RULE + 'networks = ["2000::/3"]\n', "this would be an open relay"),
        (RULE * 2, 'two rules are called "trusted-network"'),
        ('[[relay.rules]]\nrule = "pop-before-smtp"\nipv6_prefix = 48\n', "give 128"),
        ('[[relay.rules]]\nrule = "pop-before-smtp"\nwindow = "2 h"\n', "must not be shorter than window"),
        ('[[relay.rules]]\nrule = "pop-before-smtp"\nwindow = 0\n', "too small"),
        ('[relay]\nurl = "https://日本.example"\n', "one line of ASCII"),
        ('[[relay.rules]]\nrule = "smtp-auth"\nrefusal = "a\\nb"\n', "one line of ASCII"),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str, words: str) -> None:
    """Whatever would make an open relay, and whatever cannot work, in words that say what would be right."""
    problems = said(tmp_path, MINIMAL + text)
    assert any(words in problem for problem in problems), problems


def test_own_texts(tmp_path: Path) -> None:
    """The administrator's words take the place of ours, facts filled in; one that asks for a fact that is not there is refused."""
    (tmp_path / "words.toml").write_text(
        '[en.relay]\nway-pop = "Fetch mail and try again ({time})."\n[ja.relay]\ndenied = "中継不可。"\n', "utf-8"
    )
    text = f'language = "ja"\ntexts = "words.toml"\n{MINIMAL}[relay]\npreset = "kyoto"\n'
    words = relay_words(load(write(tmp_path, text)))
    decision = decide(
        RelayFacts(peer=(peer := Peer("192.0.2.1", "x", "smtp")), sender=Address("a", "b")), 0, words.rules
    )
    assert isinstance(decision, RelayDecision)
    error = words.refusal(decision, peer)
    assert "Fetch mail and try again (5 minutes)." in error.text
    assert error.local.startswith("中継不可。")
    for wrong in (
        '[en.relay]\nnonsense = "x"\n',
        '[en.relay]\ndenied = "{minutes}"\n',
        '[fr.relay]\ndenied = "x"\n',
        "x",
    ):
        (tmp_path / "words.toml").write_text(wrong, "utf-8")
        assert "texts: what stands in it cannot be used" in said(tmp_path, text)[0]
