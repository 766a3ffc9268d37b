"""A refusal in words: what a person who wanted to send can do about it, composed from the rules that are switched on (requirement L5).

The sentences are in ``texts`` and may be replaced by the administrator. A reply is one line of ASCII English; who has said SMTPUTF8 gets
the same in the language of this server as well.
"""

from collections.abc import Iterator, Sequence
from ipaddress import ip_address

import attrs

from mailsvc.auth.relay_rules import PopBeforeSmtp, Rule, SenderPolicy, SmtpAuth, TrustedNetwork
from mailsvc.core.errors import Kind, MailError
from mailsvc.core.relay import RelayDecision
from mailsvc.core.values import Peer
from mailsvc.texts import Sentence, Texts
from mailsvc.wire.limits import within

__all__ = ["RelayWords", "duration", "family"]

_HEADS = {
    "account-disabled": "relay.head-account",
    "account-gone": "relay.head-account",
    "sending-off": "relay.head-account",
    "grant-expired": "relay.head-expired",
    "grant-ended": "relay.head-ended",
    "clock-set-back": "relay.head-expired",
    "shared-address": "relay.head-shared",
    "wrong-sender": "relay.head-sender",
    "wrong-from": "relay.head-from",
}
_UNKNOWN = "relay.head-unknown"

_ABOUT_SENDERS = frozenset({"wrong-sender", "wrong-from"})

_SENDERS = {SenderPolicy.OWN: Sentence("relay.sender-own"), SenderPolicy.DOMAIN: Sentence("relay.sender-domain")}


def family(address: str) -> str:
    """``"IPv4"`` or ``"IPv6"``; ``""`` for a Unix socket."""
    return f"IPv{ip_address(address).version}" if address else ""


def duration(seconds: int) -> Sentence:
    """So many minutes, or seconds where that is no whole number of them."""
    if seconds == 60:
        return Sentence("relay.minute")
    if seconds % 60:
        return Sentence("relay.seconds", count=seconds)
    return Sentence("relay.minutes", count=seconds // 60)


@attrs.frozen(kw_only=True)
class RelayWords:
    """:ivar rules: the table. :ivar texts: English. :ivar local: the language of this server, None if that is English.
    :ivar url: and ``contact``: where to ask, ``""`` for nowhere.
    """

    rules: Sequence[Rule] = ()
    texts: Texts = attrs.field(factory=Texts)
    local: Texts | None = None
    url: str = ""
    contact: str = ""

    def refusal(self, decision: RelayDecision, peer: Peer) -> MailError:
        """The error that says a decision's no."""
        rule = next((rule for rule in self.rules if rule.name == decision.rule), None)
        own_words = rule.refusal if rule is not None and decision.reason in _ABOUT_SENDERS else ""
        sentences = [Sentence("relay.denied"), *self._why(decision, rule, peer), *self._ways(decision, rule, peer)]
        return MailError(
            Kind.RELAY_DENIED,
            decision.reason,
            self._say(self.texts, sentences, own_words),
            detail=", ".join(f"{miss.rule}: {miss.reason}" for miss in decision.misses),
            local=self._say(self.local, sentences, "") if self.local is not None and not own_words else "",
        )

    def too_much(self, decision: RelayDecision) -> MailError:
        """The error for who has sent as much as an hour allows."""
        limits = decision.limits
        sentence = Sentence("relay.too-much", messages=limits.messages or "-", recipients=limits.recipients or "-")
        return MailError(
            Kind.TOO_MANY,
            "relay-limit",
            self._say(self.texts, [sentence], ""),
            detail=decision.account or decision.network,
            local=self._say(self.local, [sentence], "") if self.local is not None else "",
            temporary=True,
        )

    def _say(self, texts: Texts, sentences: Sequence[Sentence], own_words: str) -> str:
        said = [own_words] if own_words else [texts.tell(sentence) for sentence in sentences]
        said += [texts.tell(sentence) for sentence in self._help()]
        return texts.say("relay.space").join(said)

    def _help(self) -> Iterator[Sentence]:
        if self.url:
            yield Sentence("relay.url", url=self.url)
        if self.contact:
            yield Sentence("relay.contact", contact=self.contact)

    def _why(self, decision: RelayDecision, rule: Rule | None, peer: Peer) -> Iterator[Sentence]:
        yield Sentence(_HEADS.get(decision.reason, _UNKNOWN), address=peer.address)
        if decision.reason in _ABOUT_SENDERS and rule is not None and rule.sender in _SENDERS:
            yield _SENDERS[rule.sender]

    def _ways(self, decision: RelayDecision, rule: Rule | None, peer: Peer) -> Iterator[Sentence]:
        """What would help, for each rule that is switched on here."""
        if decision.reason in ("account-disabled", "sending-off", "wrong-from"):
            return
        ways = 0
        pop = next((one for one in self.rules if isinstance(one, PopBeforeSmtp) and _open_to(one, peer)), None)
        if pop is not None and pop is not rule_that_fits(rule, decision) and not pop.excludes(peer.address):
            yield Sentence("relay.way-pop", family=family(peer.address), time=duration(pop.window))
            ways += 1
        auth = any(isinstance(one, SmtpAuth) and _open_to(one, peer) for one in self.rules)
        if auth and not isinstance(rule, SmtpAuth):
            yield Sentence("relay.way-auth-too" if ways else "relay.way-auth")
            ways += 1
        if decision.reason == "no-rule" and any(isinstance(one, TrustedNetwork) for one in self.rules):
            yield Sentence("relay.way-network-too" if ways else "relay.way-network")


def rule_that_fits(rule: Rule | None, decision: RelayDecision) -> Rule | None:
    """The rule that would have said yes, but for the sender."""
    return rule if decision.reason in _ABOUT_SENDERS else None


def _open_to(rule: Rule, peer: Peer) -> bool:
    return not rule.networks or within(peer.address, rule.networks)
