"""A relay decision in plain words, for who is no expert: what was decided, why, who answers for it, and what would help.

Pure: a :class:`Situation` in, sentences out. ``mailsvc relay explain`` prints them; the account's own page will.
"""

from collections.abc import Callable, Iterator, Sequence

import attrs

from mailsvc.auth.relay_rules import PopBeforeSmtp, Rule, SenderPolicy, SmtpAuth, standing
from mailsvc.auth.relay_words import duration, family
from mailsvc.core.relay import Grant, Miss, RelayDecision, RelayFacts, Spent
from mailsvc.core.values import Account
from mailsvc.texts import Sentence

__all__ = ["Situation", "explain"]

When = Callable[[float], str]
"""A time in words, of seconds since the epoch."""

_WHY = {
    "authenticated": "explain.authenticated",
    "granted": "explain.granted",
    "trusted-network": "explain.network",
    "certificate": "explain.certificate",
}
_MISSES = {
    "not-authenticated": "explain.not-authenticated",
    "no-grant": "explain.no-grant",
    "grant-expired": "explain.grant-expired",
    "clock-set-back": "explain.grant-clock",
    "grant-ended": "explain.grant-ended",
    "shared-address": "explain.shared-address",
    "other-network": "explain.other-network",
    "wrong-sender": "explain.wrong-sender",
    "account-disabled": "explain.account-disabled",
    "account-gone": "explain.account-gone",
    "sending-off": "explain.sending-off",
}
_BY_HAND = {
    "grant-expired": "explain.given-expired",
    "clock-set-back": "explain.given-clock",
    "grant-ended": "explain.given-ended",
}
_POLICIES = {
    SenderPolicy.ANY: Sentence("explain.sender-any"),
    SenderPolicy.OWN: Sentence("explain.sender-own"),
    SenderPolicy.DOMAIN: Sentence("explain.sender-domain"),
}
_ENDS = {
    "revoked": Sentence("explain.end-revoked"),
    "account": Sentence("explain.end-account"),
    "password": Sentence("explain.end-password"),
    "device": Sentence("explain.end-device"),
    "logout": Sentence("explain.end-logout"),
    "clock": Sentence("explain.end-clock"),
}


@attrs.frozen(kw_only=True)
class Situation:
    """What is to be explained.

    :ivar at: the time it is about; ``past``: whether that is not now. :ivar over: what was sent within an hour, if that is over a limit.
    :ivar elsewhere: grants that the sender's own account has at other addresses.
    """

    decision: RelayDecision
    facts: RelayFacts
    rules: Sequence[Rule]
    at: int
    past: bool = False
    over: Spent | None = None
    elsewhere: tuple[tuple[Grant, Account], ...] = ()

    def rule(self, name: str) -> Rule | None:
        """The rule of this name."""
        return next((rule for rule in self.rules if rule.name == name), None)


def explain(situation: Situation, when: When) -> list[Sentence]:
    """The sentences, in order."""
    allowed = situation.decision.allowed and situation.over is None
    head = ("explain.yes", "explain.no", "explain.yes-then", "explain.no-then")[2 * situation.past + (not allowed)]
    sentences = [Sentence(head, address=_address(situation), at=when(situation.at))]
    if situation.decision.allowed:
        sentences += _allowed(situation, when)
    else:
        sentences += _refused(situation, when)
        sentences += _advice(situation)
    return sentences


def _address(situation: Situation) -> str:
    return situation.facts.peer.address


def _sender(situation: Situation) -> str:
    return f"<{situation.facts.sender or ''}>"


# --- yes ---


def _allowed(situation: Situation, when: When) -> Iterator[Sentence]:
    decision = situation.decision
    seen = {"mechanism": "", "tls": "", "protocol": "", **dict(decision.evidence)}
    by_hand = seen["protocol"] == "hand"
    yield Sentence(
        "explain.given" if by_hand else _WHY[decision.reason],
        account=decision.account,
        address=_address(situation),
        rule=decision.rule,
        mechanism=seen["mechanism"],
        protocol=seen["protocol"].upper(),
        first=when(int(seen.get("first", 0))),
        last=when(int(seen.get("last", 0))),
        expiry=when(decision.expiry or 0),
    )
    rule = situation.rule(decision.rule)
    if rule is not None and rule.sender is not SenderPolicy.ANY:
        yield Sentence("explain.sender-fits", sender=_sender(situation), policy=_POLICIES[rule.sender])
    yield from _others(situation)
    if situation.over is not None:
        yield _limit(situation, situation.over)
    elif decision.account:
        yield Sentence("explain.answers", account=decision.account)
    else:
        yield Sentence("explain.answers-nobody")


def _others(situation: Situation) -> Iterator[Sentence]:
    """The other accounts whose grants are good at this address: none of them answers, and people should know why."""
    decision, facts = situation.decision, situation.facts
    if not decision.grant:
        return
    good = [grant for grant in facts.grants if grant.rule == decision.rule and grant.holds(situation.at)]
    holders = map(facts.holder, good)
    others = {one.address for one in holders if one is not None and not standing(one)} - {decision.account}
    if others:
        by_hand = any(grant.protocol == "hand" for grant in good)
        yield Sentence("explain.others-given" if by_hand else "explain.others", accounts=", ".join(sorted(others)))


def _limit(situation: Situation, spent: Spent) -> Sentence:
    limits = situation.decision.limits
    return Sentence(
        "explain.limit",
        rule=situation.decision.rule,
        messages=spent.messages,
        recipients=spent.recipients,
        most_messages=limits.messages or "-",
        most_recipients=limits.recipients or "-",
    )


# --- no ---


def _refused(situation: Situation, when: When) -> Iterator[Sentence]:
    for miss in situation.decision.misses:
        if miss.reason in _MISSES:
            yield _miss(situation, miss, when)
    for grant, account in situation.elsewhere:
        other = grant.network.partition("/")[0]
        different = family(other) != family(_address(situation))
        yield Sentence(
            "explain.other-family" if different else "explain.other-address",
            account=account.address,
            last=when(grant.last),
            other=other,
            family=family(other),
            here=family(_address(situation)),
            address=_address(situation),
        )


def _miss(situation: Situation, miss: Miss, when: When) -> Sentence:
    grant = _grant(situation, miss.rule)
    holder = situation.facts.holder(grant) if grant is not None else situation.facts.account
    rule = situation.rule(miss.rule)
    by_hand = grant is not None and grant.protocol == "hand"
    return Sentence(
        (_BY_HAND if by_hand else _MISSES).get(miss.reason, _MISSES[miss.reason]),
        rule=miss.rule,
        address=_address(situation),
        sender=_sender(situation),
        policy=_POLICIES[rule.sender if rule is not None else SenderPolicy.ANY],
        account=holder.address if holder is not None else Sentence("explain.somebody"),
        last=when(grant.last) if grant is not None else "",
        over=when(miss.when),
        why=_ENDS.get(grant.why if grant is not None else "", Sentence("explain.end-revoked")),
    )


def _grant(situation: Situation, rule: str) -> Grant | None:
    """The latest there by a rule."""
    return next((grant for grant in situation.facts.grants if grant.rule == rule), None)


def _window(situation: Situation, pop: PopBeforeSmtp) -> int:
    """Seconds for which receiving mail lets one send: that of the account that did so there last, if one did."""
    grant = _grant(situation, pop.name)
    holder = situation.facts.holder(grant) if grant is not None else None
    return pop.window_of(holder) if holder is not None else pop.window


def _advice(situation: Situation) -> Iterator[Sentence]:
    """What would help."""
    reasons = {miss.reason for miss in situation.decision.misses}
    if reasons & {"account-disabled", "sending-off"}:
        return
    pop = next((rule for rule in situation.rules if isinstance(rule, PopBeforeSmtp)), None)
    if pop is not None and not pop.excludes(_address(situation)) and "wrong-sender" not in reasons:
        yield Sentence("explain.advice-receive", time=duration(_window(situation, pop)))
    if any(isinstance(rule, SmtpAuth) for rule in situation.rules):
        yield Sentence("explain.advice-auth")
