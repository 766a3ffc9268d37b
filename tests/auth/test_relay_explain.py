"""A decision in plain words: situations in both languages, as a person would read them (``explained.en.txt``, ``explained.ja.txt``)."""

from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path

import attrs
import pytest

from mailsvc.auth.relay import decide
from mailsvc.auth.relay_explain import Situation, explain
from mailsvc.auth.relay_rules import PopBeforeSmtp, Rule, SenderPolicy, SmtpAuth, TrustedNetwork
from mailsvc.core.relay import Grant, Limits, RelayFacts, Spent
from mailsvc.core.values import Account, AccountFlag, Peer
from mailsvc.formats.address import Address
from mailsvc.texts import LANGUAGES, Texts

NOW = int(datetime(2026, 4, 8, 14, 2, tzinfo=UTC).timestamp())
HERE = Path(__file__).parent

TIM, KIM = Account(7, "tim@example.test"), Account(8, "kim@example.test")
AUTH = SmtpAuth(name="smtp-auth")
POP = PopBeforeSmtp(
    name="pop-before-smtp",
    window=600,
    shared=(ip_network("100.64.0.0/10"),),
    limits=Limits(messages=200, recipients=2000),
)
CAMPUS = TrustedNetwork(name="campus", networks=(ip_network("192.0.2.0/24"),))
LOCAL_USERS = attrs.evolve(CAMPUS, name="local-users", sender=SenderPolicy.OWN)
USUAL: tuple[Rule, ...] = (POP, AUTH)
GRANT = Grant(
    id="5f1c",
    network="203.0.113.9/32",
    account=TIM.id,
    rule="pop-before-smtp",
    credential=0,
    protocol="pop3",
    mechanism="USER",
    tls="TLSv1.3",
    first=NOW - 300,
    last=NOW - 60,
    expiry=NOW + 540,
)
EXPIRED = attrs.evolve(GRANT, first=NOW - 1200, last=NOW - 900, expiry=NOW - 300)
BY_HAND = attrs.evolve(GRANT, protocol="hand", mechanism="", tls="")
REVOKED = attrs.evolve(GRANT, ended=NOW - 30, why="password")


def situation(
    rules: tuple[Rule, ...],
    address: str = "203.0.113.9",
    grants: tuple[Grant, ...] = (),
    account: Account = TIM,
    log_in: bool = False,
    sender: str = "",
    own: bool = False,
    holders: tuple[Account, ...] = (),
    **more: object,
) -> Situation:
    """What is explained."""
    facts = RelayFacts(
        peer=Peer(address, "smtp@[::]:25", "smtp", mechanism="PLAIN" if log_in else ""),
        account=account if log_in else None,
        sender=Address.parse(sender) if sender else None,
        own=frozenset({account.id} if own else set()),
        grants=grants,
        holders=holders or (account,),
    )
    made = Situation(decision=decide(facts, NOW, rules), facts=facts, rules=rules, at=NOW)
    return attrs.evolve(made, **more)


SITUATIONS = {
    "1. authenticated": situation(USUAL, log_in=True),
    "2. a grant that is good": situation(USUAL, grants=(GRANT,)),
    "3. a grant that is over": situation(USUAL, grants=(EXPIRED,)),
    "4. nobody has ever logged in from there": situation(USUAL),
    "5. received over IPv6, sends over IPv4": situation(
        USUAL,
        sender="tim@example.test",
        elsewhere=((attrs.evolve(GRANT, network="2001:db8:1:2::9/128"), TIM),),
    ),
    "6. a trusted network": situation((CAMPUS, AUTH), "192.0.2.40"),
    "7. a trusted network and a sender of ours": situation(
        (LOCAL_USERS, AUTH), "192.0.2.40", sender="tim@example.test", own=True
    ),
    "8. a trusted network and another sender": situation((LOCAL_USERS, AUTH), "192.0.2.40", sender="x@elsewhere.test"),
    "9. an address that many people share": situation(USUAL, "100.64.3.9"),
    "10. an account that is switched off": situation(USUAL, grants=(GRANT,), account=attrs.evolve(TIM, enabled=False)),
    "11. the hour's limit is reached": situation(USUAL, grants=(GRANT,), over=Spent(200, 431)),
    "12. SMTP authentication only (preset none)": situation((AUTH,)),
    "13. taken back, seen later": situation(USUAL, grants=(REVOKED,), past=True),
    "14. an account that may not send": situation(
        USUAL, account=attrs.evolve(TIM, flags=AccountFlag.NO_SEND), log_in=True
    ),
    "15. received at another address": situation(
        USUAL, "198.51.100.7", sender="tim@example.test", elsewhere=((GRANT, TIM),)
    ),
    "16. given by hand": situation(USUAL, grants=(BY_HAND,)),
    "17. given by hand, and taken back": situation(
        USUAL, grants=(attrs.evolve(BY_HAND, ended=NOW - 30, why="revoked"),)
    ),
    "18. given by hand, and over": situation(USUAL, grants=(attrs.evolve(BY_HAND, expiry=NOW - 30),)),
    "19. two people behind one address": situation(
        USUAL, grants=(GRANT, attrs.evolve(GRANT, id="77aa", account=KIM.id, last=NOW - 120)), holders=(TIM, KIM)
    ),
    "20. a domain with a window of its own": situation(
        (attrs.evolve(POP, windows=(("example.test", 60),)), AUTH), grants=(EXPIRED,)
    ),
    "21. given by hand before the clock was set back": situation(
        USUAL, grants=(attrs.evolve(BY_HAND, first=NOW + 60, last=NOW + 60),)
    ),
    "22. one received mail there, another was given leave by hand": situation(
        USUAL,
        grants=(GRANT, attrs.evolve(BY_HAND, id="77aa", account=KIM.id, last=NOW - 120)),
        holders=(TIM, KIM),
    ),
}


def when(seconds: int) -> str:
    """The same everywhere on earth."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%H:%M")


def told(language: str) -> str:
    """All situations, each with its sentences."""
    texts = Texts(language)
    parts = [
        "\n".join([f"## {name}", *(texts.tell(sentence) for sentence in explain(one, when))])
        for name, one in SITUATIONS.items()
    ]
    return "\n\n".join(parts) + "\n"


@pytest.mark.parametrize("language", LANGUAGES)
def test_situations_read_well(language: str) -> None:
    """Whoever changes a sentence reads all of them again: ``python -m tests.auth.test_relay_explain`` writes the files anew."""
    assert told(language) == (HERE / f"explained.{language}.txt").read_text("utf-8")


def test_every_refusal_says_what_helps_or_why_nothing_does() -> None:
    """Nobody is left with a bare no."""
    for name, one in SITUATIONS.items():
        sentences = explain(one, when)
        assert len(sentences) >= 2, name


if __name__ == "__main__":
    for language in LANGUAGES:
        (HERE / f"explained.{language}.txt").write_text(told(language), "utf-8")
