"""The edge of the relay decision: what is gathered, when it is gathered again, and which account answers for a connection."""

from typing import Any

import attrs
from twisted.cred.checkers import ANONYMOUS
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import succeed
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from mailsvc.app.portal import MailPortal
from mailsvc.app.realm import Realm
from mailsvc.auth.credentials import ConnectionCredentials
from mailsvc.auth.relay_checker import RelayChecker
from mailsvc.auth.relay_desk import Asked, RelayDesk
from mailsvc.auth.relay_rules import ClientCertificate, PopBeforeSmtp, Rule, SmtpAuth
from mailsvc.bus import Bus
from mailsvc.core.errors import MailError, temporary
from mailsvc.core.interfaces.delivery import IDelivery
from mailsvc.core.interfaces.login import IAuthenticated
from mailsvc.core.operations import EndGrants
from mailsvc.core.relay import Grant, RelayDecision, RelayFactsChanged
from mailsvc.core.values import Account, AccountChanged, AccountFlag, NewsMissed, Peer
from mailsvc.formats.address import Address
from mailsvc.store.connect import run
from mailsvc.testing.directory import MemoryDirectory
from mailsvc.testing.relay import FakeClocks, MemoryGrants, make_test_permits

POP, AUTH, CERTIFICATE = PopBeforeSmtp(name="pop"), SmtpAuth(name="auth"), ClientCertificate(name="certificate")
STRANGER = Peer("203.0.113.9", "smtp@[::]:25", "smtp")
ELSEWHERE = Address("x", "elsewhere.test")


@implementer(IAuthenticated)
@attrs.frozen
class Avatar:
    """Proof of an SMTP AUTH."""

    account: Account
    mechanism: str = "PLAIN"


class DeskTests(SynchronousTestCase):
    """With a directory and grants in memory."""

    def setUp(self) -> None:
        self.clocks = FakeClocks()
        self.directory = MemoryDirectory()
        self.alice = self.directory.add("alice@example.test")
        self.grants = MemoryGrants()
        self.applied: list[Any] = []
        self.touch = True
        self.desk = self.make(POP, CERTIFICATE, AUTH)

    def make(self, *rules: Rule) -> RelayDesk:
        """A desk with these rules."""
        return RelayDesk(
            rules, self.directory, self.grants, self.apply, self.clocks.clocks, in_touch=lambda: self.touch
        )

    async def apply(self, operations: Any) -> list[Any]:
        """Remember."""
        self.applied += operations
        return []

    def give(self, **changes: Any) -> Grant:
        """Alice has received mail at the stranger's address."""
        now = int(self.clocks.wall)
        grant = Grant(
            id="1",
            network="203.0.113.9/32",
            account=self.alice.id,
            rule="pop",
            credential=0,
            protocol="imap",
            mechanism="USER",
            tls="TLSv1.3",
            first=now,
            last=now,
            expiry=now + 300,
            boot=self.clocks.boot,
            deadline=self.clocks.steady + 300_000,
        )
        self.grants.grants.append(attrs.evolve(grant, **changes))
        return self.grants.grants[-1]

    def decide(self, peer: Peer = STRANGER, account: int = 0) -> RelayDecision:
        """What the desk says."""
        return run(self.desk.decide(Asked(peer=peer, account=account, sender=None)))

    def test_a_grant_with_its_evidence(self) -> None:
        """The decision names the account, the grant, how it was proved, and its end on both clocks."""
        grant = self.give()
        decision = self.decide()
        self.assertEqual((decision.allowed, decision.rule, decision.kind), (True, "pop", "pop-before-smtp"))
        self.assertEqual(
            (decision.account, decision.grant, decision.network), ("alice@example.test", "1", grant.network)
        )
        self.assertEqual((decision.expiry, decision.deadline), (grant.expiry, grant.deadline))
        self.assertEqual(dict(decision.evidence)["protocol"], "imap")

    def test_an_account_id_alone_is_no_log_in(self) -> None:
        """Only the portal says that a log-in was completed; an account that merely answers for a connection has not logged in."""
        self.assertFalse(self.decide(account=self.alice.id).allowed)
        self.assertTrue(self.decide(attrs.evolve(STRANGER, mechanism="PLAIN"), self.alice.id).allowed)

    def test_a_clock_that_was_set_back(self) -> None:
        """It ends the grant, and ends it for good in all processes."""
        self.give()
        self.clocks.set_wall(self.clocks.wall - 100)
        self.assertEqual(self.decide().reason, "clock-set-back")
        self.assertEqual(self.applied, [EndGrants(int(self.clocks.wall), "clock", ("1",))])

    def test_the_clock_that_nobody_sets(self) -> None:
        """However often the other one is set back a little, five minutes are five minutes."""
        self.give()
        for _ in range(3):
            self.clocks.advance(100)
            self.clocks.set_wall(self.clocks.wall - 100)
        self.assertEqual(self.decide().reason, "grant-expired")

    def test_a_grant_of_before_the_reboot(self) -> None:
        """The second clock has begun anew, so the first one counts alone."""
        self.give(boot="an earlier one", deadline=1)
        self.assertTrue(self.decide().allowed)

    def test_certificates(self) -> None:
        """An address in the certificate must be an account's, in good standing."""
        shown = attrs.evolve(STRANGER, tls="TLSv1.3", certificate=("nobody@example.test", "alice@example.test"))
        self.assertEqual((self.decide(shown).reason, self.decide(shown).account), ("certificate", "alice@example.test"))
        self.directory.change(self.alice, enabled=False)
        self.assertEqual(self.decide(shown).reason, "account-disabled")
        self.assertFalse(self.decide(attrs.evolve(shown, certificate=("nobody@example.test",))).allowed)

    def test_when_it_is_decided_anew(self) -> None:
        """After any change, after news may have been lost, while there can be none, and when the time is over."""
        self.give()
        decision, generation, now = self.decide(), self.desk.generation, int(self.clocks.wall)
        self.assertTrue(self.desk.still_good(decision, generation, now))
        bus = Bus()
        self.desk.listen(bus)
        for event in (RelayFactsChanged(), AccountChanged(1), NewsMissed()):
            bus.publish(event)
            self.assertFalse(self.desk.still_good(decision, generation, now))
            generation = self.desk.generation
        self.touch = False
        self.assertFalse(self.desk.still_good(decision, generation, now))
        self.touch = True
        self.clocks.advance(300)
        self.assertFalse(self.desk.still_good(decision, generation, now))

    def test_the_directory_is_away(self) -> None:
        """Nothing is allowed on a guess: the client hears "later"."""
        self.give()
        self.directory.failure = temporary("store-restarting")
        permission = make_test_permits(self.directory, (POP,), grants=self.grants).permission(STRANGER, 0, None)
        self.assertTrue(self.assertRaises(MailError, run, permission.check(ELSEWHERE)).temporary)

    # --- the checker ---

    def answering(self, **credentials: Any) -> Any:
        """The avatar id of a connection."""
        made = ConnectionCredentials(**{"peer": STRANGER, **credentials})
        return self.successResultOf(RelayChecker(self.desk).requestAvatarId(made))

    def test_who_answers(self) -> None:
        """Who has logged in, else whose grant or certificate it is, else nobody: which is no failure."""
        self.assertEqual(self.answering(helo="alice@example.test"), ANONYMOUS)
        self.assertEqual(self.answering(peer=attrs.evolve(STRANGER, mechanism="PLAIN")), ANONYMOUS)
        self.give()
        self.assertEqual(self.answering(), b"alice@example.test")
        self.assertEqual(self.answering(peer=attrs.evolve(STRANGER, address="203.0.113.8")), ANONYMOUS)
        bob = self.directory.add("bob@example.test")
        self.assertEqual(self.answering(authenticated=Avatar(bob)), b"bob@example.test")

    def test_without_such_rules_nobody_is_looked_up(self) -> None:
        """Port 25 of a server with SMTP AUTH only asks nothing about strangers."""
        self.desk = self.make(AUTH)
        self.assertEqual(self.answering(), ANONYMOUS)
        self.assertEqual(self.grants.asked, 0)

    def test_an_account_that_may_not_send_costs_nobody_his_mail(self) -> None:
        """Through portal and realm: a grant of an account that was muted leaves the connection anonymous, and so welcome."""
        self.give()
        realm = Realm(self.directory, {IDelivery: lambda account, peer: (account, lambda: None)})
        portal = MailPortal(realm, [RelayChecker(self.desk)], lambda event: None)

        def avatar() -> Any:
            return self.successResultOf(portal.login(ConnectionCredentials(peer=STRANGER), None, IDelivery))[1]

        self.assertEqual(avatar(), self.alice)
        self.directory.change(self.alice, flags=AccountFlag.NO_SEND)
        self.assertIsNone(avatar())
        self.directory.change(self.alice, flags=AccountFlag(0), enabled=False)
        self.assertIsNone(avatar())

    def test_mechanism_of_a_stranger(self) -> None:
        """What a protocol says of the mechanism counts for nothing: the portal takes it from the proof."""
        seen: list[Peer] = []

        def factory(account: Account | None, peer: Peer) -> Any:
            seen.append(peer)
            return succeed((account, lambda: None))

        portal = MailPortal(Realm(self.directory, {IDelivery: factory}), [RelayChecker(self.desk)], lambda event: None)
        forged = ConnectionCredentials(peer=attrs.evolve(STRANGER, mechanism="PLAIN"))
        self.successResultOf(portal.login(forged, None, IDelivery))
        self.assertEqual(seen[0].mechanism, "")
        self.failureResultOf(portal.login(forged, None, IAuthenticated), UnauthorizedLogin)
