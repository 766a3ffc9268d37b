"""The relay decision: who may send mail elsewhere, and why."""

import attrs
from hypothesis import given
from hypothesis import strategies as st
from twisted.cred.checkers import ANONYMOUS, ICredentialsChecker
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from mailsvc.auth.credentials import ConnectionCredentials
from mailsvc.auth.relay import decide
from mailsvc.auth.relay_checker import RelayChecker
from mailsvc.auth.relay_desk import USUAL
from mailsvc.core.interfaces.login import IAuthenticated
from mailsvc.core.relay import Miss, RelayDecision, RelayFacts
from mailsvc.core.values import Account, Peer
from mailsvc.formats.address import Address
from mailsvc.testing.directory import MemoryDirectory
from mailsvc.testing.relay import make_desk

PEER = Peer("192.0.2.1", "submission@[::]:587", "submission", tls="TLSv1.3", mechanism="PLAIN")
TIM = Account(1, "tim@example.test")


def facts(account: Account | None, **changes: object) -> RelayFacts:
    """What is known at RCPT."""
    known = RelayFacts(peer=PEER, account=account, sender=Address("tim", "example.test"))
    return attrs.evolve(known, **changes)


@implementer(IAuthenticated)
@attrs.frozen
class Avatar:
    """Proof of an SMTP AUTH."""

    account: Account
    mechanism: str = "PLAIN"


def test_who_logged_in_may_relay() -> None:
    """SMTP AUTH lets mail out; the decision says by which rule, for whom, and on what evidence."""
    assert decide(facts(TIM), 0, USUAL) == RelayDecision(
        allowed=True,
        rule="smtp-auth",
        kind="smtp-auth",
        account="tim@example.test",
        account_id=1,
        reason="authenticated",
        evidence=(("address", "192.0.2.1"), ("mechanism", "PLAIN"), ("tls", "TLSv1.3")),
    )


def test_a_disabled_account_may_not() -> None:
    """An account that was disabled meanwhile is refused at the next recipient."""
    decision = decide(facts(attrs.evolve(TIM, enabled=False)), 0, USUAL)
    assert (decision.allowed, decision.rule, decision.reason) == (False, "smtp-auth", "account-disabled")


def test_nobody_may_not() -> None:
    """Without a log-in no rule says yes, and the answer is no, with what each of them said."""
    decision = decide(facts(None), 0, USUAL)
    assert (decision.allowed, decision.reason) == (False, "no-rule")
    assert decision.misses == (Miss("smtp-auth", "not-authenticated"),)


LOCALS = st.sampled_from(["", "tim", "tim%elsewhere.test", "elsewhere.test!tim", "@a,@b:tim", "postmaster"])
ADDRESSES = st.builds(Address, LOCALS, st.sampled_from(["", "example.test", "elsewhere.test", "[192.0.2.1]"]))


@given(
    st.builds(
        RelayFacts,
        peer=st.builds(Peer, st.sampled_from(["", "127.0.0.1", "::1", "192.0.2.1"]), st.text(), st.text()),
        account=st.none(),
        certificate=st.none(),
        sender=st.none() | ADDRESSES,
        own=st.frozensets(st.integers(1, 3)),
        sender_domain=st.sampled_from(["", "example.test"]),
        grants=st.just(()),
        holders=st.just((TIM,)),
    ),
    st.integers(0, 2**40),
)
def test_no_facts_but_a_log_in_open_the_relay(known: RelayFacts, now: int) -> None:
    """Whatever address or sender a client without a log-in comes with: never."""
    assert not decide(known, now, USUAL).allowed


def test_first_rule_that_says_yes_decides() -> None:
    """Rules are asked in order; later ones are not heard once one has said yes."""
    no = Miss("no", "because")
    yes = RelayDecision(allowed=True, rule="yes", reason="because")
    rules = (lambda facts, now: no, lambda facts, now: yes, lambda facts, now: attrs.evolve(yes, rule="late"))
    assert decide(facts(TIM), 0, rules) is yes
    assert decide(facts(TIM), 0, ()).reason == "no-rule"


class RelayCheckerTests(SynchronousTestCase):
    """The account that answers for a connection."""

    def setUp(self) -> None:
        self.checker = RelayChecker(make_desk(MemoryDirectory()))

    def test_interface(self) -> None:
        """It is a checker like any of Twisted's."""
        verifyObject(ICredentialsChecker, self.checker)

    def test_after_auth(self) -> None:
        """A completed AUTH names the account."""
        credentials = ConnectionCredentials(peer=PEER, helo="pc", authenticated=Avatar(TIM))
        self.assertEqual(self.successResultOf(self.checker.requestAvatarId(credentials)), b"tim@example.test")

    def test_without_auth(self) -> None:
        """Nobody is no failure: mail for our own recipients is taken from anyone."""
        credentials = ConnectionCredentials(peer=PEER, helo="tim@example.test")
        self.assertEqual(self.successResultOf(self.checker.requestAvatarId(credentials)), ANONYMOUS)
