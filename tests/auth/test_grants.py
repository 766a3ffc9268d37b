"""POP-before-SMTP: which log-ins let their address send, until when, and what ends it. Over a real store, with clocks that stand still."""

from ipaddress import ip_network
from typing import Any

import attrs
import pytest
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailsvc.auth.grants import GATHER, Granting, is_ours, objection
from mailsvc.auth.relay_rules import PopBeforeSmtp
from mailsvc.bus import Bus
from mailsvc.core.errors import MailError, temporary
from mailsvc.core.ledger import Query
from mailsvc.core.operations import AddDevice, ChangeAccount, EndGrants, ProveGrant, SpendGrant
from mailsvc.core.relay import Grant, Spent, account_subject
from mailsvc.core.secrets import LOGIN, Scope
from mailsvc.core.values import Account, AccountFlag, Active, Doing, LoggedIn, Peer
from mailsvc.directory import Grants, Secrets
from mailsvc.ledger.finding import find
from mailsvc.store.connect import run
from mailsvc.testing.relay import FakeClocks
from mailsvc.testing.store import make_store

RULE = PopBeforeSmtp(name="pop", window=300, ceiling=1000, shared=(ip_network("100.64.0.0/10"),))
HERE = "203.0.113.9"
PEER = Peer(HERE, "pop3@[::]:110", "pop3", tls="TLSv1.3", mechanism="USER", host="198.51.100.1")
TIM = Account(7, "tim@example.test")


def nobodys(address: str) -> bool:
    """No address is this machine's."""
    return False


@pytest.mark.parametrize(
    ("changes", "flags", "reason"),
    [
        ({}, 0, ""),
        ({"protocol": "imap"}, 0, ""),
        ({"protocol": "smtp"}, 0, "not-reading"),
        ({"protocol": "poppassd"}, 0, "not-reading"),
        ({"protocol": "web"}, 0, "not-reading"),
        ({"address": "100.64.1.2"}, 0, "shared-address"),
        ({"address": "127.0.0.1"}, 0, "shared-address"),
        ({"address": "::1"}, 0, "shared-address"),
        ({"address": ""}, 0, "shared-address"),
        ({"address": "169.254.3.4"}, 0, "shared-address"),
        ({"address": "fe80::1"}, 0, "shared-address"),
        ({"address": "198.51.100.1"}, 0, "own-address"),
        ({"tls": None}, 0, "password-in-the-clear"),
        ({"tls": None, "mechanism": "PLAIN"}, 0, "password-in-the-clear"),
        ({"tls": None, "mechanism": "APOP"}, 0, ""),
        ({"tls": None, "mechanism": "CRAM-MD5"}, 0, ""),
        ({"tls": None, "mechanism": "SCRAM-SHA-256"}, 0, ""),
        ({}, AccountFlag.NO_SEND, "sending-off"),
        ({}, AccountFlag.SHARED, "shared-log-in"),
        ({}, AccountFlag.NO_POP_BEFORE_SMTP, "switched-off"),
    ],
)
def test_which_log_ins_count(changes: dict[str, Any], flags: int, reason: str) -> None:
    """Reading mail, from an address that stands for one person, with a password that nobody could read, on an account that may send."""
    account = attrs.evolve(TIM, flags=AccountFlag(flags))
    assert objection(RULE, account, attrs.evolve(PEER, **changes), nobodys) == reason


def test_what_the_rule_asks_for() -> None:
    """A rule may be for some networks, for marked accounts, or take passwords in the clear."""
    campus = attrs.evolve(RULE, networks=(ip_network("192.0.2.0/24"),))
    marked = attrs.evolve(RULE, everybody=False)
    assert objection(campus, TIM, PEER, nobodys) == "other-network"
    assert objection(marked, TIM, PEER, nobodys) == "not-marked"
    assert objection(marked, attrs.evolve(TIM, flags=AccountFlag.POP_BEFORE_SMTP), PEER, nobodys) == ""
    assert objection(attrs.evolve(RULE, protected=False), TIM, attrs.evolve(PEER, tls=None), nobodys) == ""
    assert objection(attrs.evolve(RULE, loopback=True), TIM, attrs.evolve(PEER, address="127.0.0.2"), nobodys) == ""
    assert (
        objection(attrs.evolve(RULE, loopback=True), TIM, attrs.evolve(PEER, address=""), nobodys) == "shared-address"
    )
    assert objection(RULE, attrs.evolve(TIM, mailbox=False), PEER, nobodys) == "no-mailbox"
    assert objection(RULE, attrs.evolve(TIM, enabled=False), PEER, nobodys) == "account-disabled"
    assert objection(RULE, TIM, PEER, lambda address: True) == "own-address"


def test_own_addresses_are_known() -> None:
    """An address of this machine is told from others without sending anything."""
    assert is_ours("127.0.0.1")
    assert not is_ours("203.0.113.9")


class GrantingTests(SynchronousTestCase):
    """Log-ins on the bus, grants in the store."""

    def setUp(self) -> None:
        self.made = make_store(self.mktemp())
        self.store = self.made.store
        self.addCleanup(self.store.close)
        self.alice = self.made.accounts["alice@example.test"]
        self.clocks = FakeClocks()
        self.reactor = Clock()
        self.bus = Bus()
        self.failure: MailError | None = None
        self.grants = Grants(self.store.connection)
        self.begin(RULE)

    def begin(self, *rules: PopBeforeSmtp) -> None:
        """Start again with other rules."""
        self.bus = Bus()
        self.granting = Granting(
            self.reactor,
            rules,
            self.grants,
            Secrets(self.store.connection),
            self.apply,
            self.clocks.clocks,
            ours=nobodys,
        )
        self.granting.listen(self.bus)
        self.granting.startService()

    async def apply(self, operations: Any) -> list[Any]:
        """The store, unless it fails."""
        if self.failure is not None:
            raise self.failure
        return self.store.commit(operations)

    def log_in(self, session: object = None, credential: int = LOGIN, **changes: Any) -> None:
        """Alice reads her mail."""
        account = run(self.made.directory.account(self.alice))
        assert account is not None
        self.bus.publish(LoggedIn(account, attrs.evolve(PEER, **changes), credential, session))

    def found(self, network: str = f"{HERE}/32") -> list[Grant]:
        """The grants there."""
        return run(self.grants.at([network]))

    def seconds_left(self) -> int:
        """Of the latest grant."""
        return self.found()[0].expiry - self.clocks.clocks.now

    def test_a_log_in(self) -> None:
        """Address, account, mechanism, TLS and times are in the store when the log-in is over."""
        self.log_in()
        (grant,) = self.found()
        now = self.clocks.clocks.now
        self.assertEqual(
            (grant.account, grant.rule, grant.protocol, grant.mechanism), (self.alice, "pop", "pop3", "USER")
        )
        self.assertEqual((grant.tls, grant.first, grant.last, grant.expiry), ("TLSv1.3", now, now, now + 300))
        self.assertTrue(grant.holds(now))
        self.assertNotIn("alice", grant.id)

    def test_another_log_in_renews(self) -> None:
        """The same grant goes on: first proof, last proof, new end."""
        self.log_in()
        first = self.found()[0]
        self.clocks.advance(200)
        self.log_in()
        (grant,) = self.found()
        self.assertEqual((grant.id, grant.first, grant.last), (first.id, first.first, first.last + 200))
        self.assertEqual(self.seconds_left(), 300)

    def test_after_the_end_begins_another(self) -> None:
        """What is over stays over, for the record."""
        self.log_in()
        self.clocks.advance(301)
        self.log_in()
        newer, older = self.found()
        self.assertNotEqual(newer.id, older.id)
        self.assertFalse(older.holds(self.clocks.clocks.now))

    def test_reading_renews_up_to_the_ceiling(self) -> None:
        """A slow download counts from its last message, but no longer than the ceiling after the log-in."""
        session = Session()
        self.log_in(session)
        for wait, left in ((250, 300), (250, 300), (250, 250), (200, 50)):
            self.clocks.advance(wait)
            self.bus.publish(Active(session, Doing.READING))
            self.assertEqual(self.seconds_left(), left)
        self.clocks.advance(100)
        self.bus.publish(Active(session, Doing.READING))
        self.assertFalse(self.found()[0].holds(self.clocks.clocks.now))

    def test_many_messages_are_few_writes(self) -> None:
        """A thousand messages within a second are written once, and the last of them counts."""
        session = Session()
        self.log_in(session)
        commits = self.store.committer.commits
        for _ in range(1000):
            self.clocks.advance(0.0005)
            self.bus.publish(Active(session, Doing.READING))
        self.reactor.advance(GATHER)
        self.assertEqual(self.store.committer.commits, commits + 1)

    def test_quit_counts_at_once(self) -> None:
        """QUIT is a proof; a line that is cut is none."""
        for doing, left in ((Doing.LEAVING, 300), (Doing.GONE, 200)):
            session = Session()
            self.log_in(session)
            self.clocks.advance(100)
            self.bus.publish(Active(session, doing))
            self.assertEqual(self.seconds_left(), left)

    def test_noop_and_idle(self) -> None:
        """They renew nothing, unless the rule says so."""
        for rule, left in ((RULE, 200), (attrs.evolve(RULE, renew_idle=True), 300)):
            self.begin(rule)
            session = Session()
            self.log_in(session)
            self.clocks.advance(100)
            self.bus.publish(Active(session, Doing.NOOP))
            self.assertEqual(self.seconds_left(), left)
        self.bus.publish(Active(session, Doing.IDLE))
        self.clocks.advance(100)
        self.reactor.advance(30)
        self.assertEqual(self.seconds_left(), 300)

    def test_end_at_logout(self) -> None:
        """An option for the strict: the grant ends with the session, even if that is over before the grant is written."""
        self.begin(attrs.evolve(RULE, end_at_logout=True))
        session = Session()
        self.log_in(session)
        self.bus.publish(Active(session, Doing.LEAVING))
        self.assertEqual(
            [(grant.why, grant.holds(self.clocks.clocks.now)) for grant in self.found()], [("logout", False)]
        )

    def test_ipv6_prefix(self) -> None:
        """Exactly the address, or its /64."""
        self.log_in(address="2001:db8:1:2::9")
        self.assertEqual(len(self.found("2001:db8:1:2::9/128")), 1)
        self.begin(attrs.evolve(RULE, prefix=64))
        self.log_in(address="2001:db8:1:2::9")
        self.assertEqual(len(find(self.store.connection(), Query(address="2001:db8:1:2::9"))), 2)
        self.assertEqual(len(self.found("2001:db8:1:2::/64")), 1)

    def test_device_passwords(self) -> None:
        """One that may not send gives no grant; one that expires soon gives a short one."""
        for device, scopes, expires in ((5, Scope.POP3, 0), (6, Scope.ALL, self.clocks.clocks.now + 50)):
            self.store.commit([AddDevice(self.alice, device, str(device), int(scopes), expires, "key", b"mac")])
        self.log_in(credential=5)
        self.assertEqual(self.found(), [])
        self.log_in(credential=6)
        self.assertEqual(self.seconds_left(), 50)

    def test_window_of_a_domain(self) -> None:
        """The domain of the account may have its own window."""
        self.begin(attrs.evolve(RULE, windows=(("example.test", 60),)))
        self.log_in()
        self.assertEqual(self.seconds_left(), 60)

    def test_the_store_is_away(self) -> None:
        """A proof that cannot be written is written a moment later."""
        self.failure = temporary("store-restarting")
        self.log_in(Session())
        self.assertEqual(self.found(), [])
        self.failure = None
        self.reactor.advance(GATHER)
        self.assertEqual(len(self.found()), 1)

    def test_stopping_writes_what_is_left(self) -> None:
        """A proof that waits for others is not lost when the service stops."""
        session = Session()
        self.log_in(session)
        self.clocks.advance(0.5)
        self.bus.publish(Active(session, Doing.READING))
        self.successResultOf(self.granting.stopService())
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_a_proof_that_is_late(self) -> None:
        """A log-in that was judged before the account was changed, and written after, counts for nothing."""
        proof = self.proof()
        self.store.commit([ChangeAccount(self.alice, enabled=False)])
        self.store.commit([ChangeAccount(self.alice, enabled=True)])
        self.assertEqual(self.store.commit([proof]), [""])
        self.assertEqual(self.found(), [])

    def proof(self) -> ProveGrant:
        """As a log-in makes one."""
        now = self.clocks.clocks.now
        return ProveGrant(
            "1", f"{HERE}/32", self.alice, "pop", 0, "pop3", "USER", "", 0, now, now + 300, "b", 0, 300_000
        )

    def test_two_accounts_behind_one_address(self) -> None:
        """Both are recorded, the latest proof comes first; what ends one leaves the other."""
        bob = self.made.accounts["bob@example.test"]
        self.log_in()
        self.clocks.advance(10)
        self.store.commit([attrs.evolve(self.proof(), account=bob)])
        self.assertEqual([grant.account for grant in self.found()], [bob, self.alice])
        self.store.commit([EndGrants(self.clocks.clocks.now, "revoked", account=bob)])
        self.assertEqual([grant.why for grant in self.found()], ["revoked", ""])

    def test_limits_survive(self) -> None:
        """What went out in the last hour is counted for account and address, whatever grant it went by."""
        now = self.clocks.clocks.now
        subjects = (account_subject(self.alice), f"{HERE}/32")
        spend = SpendGrant(subjects, now, 3, account=self.alice, most_messages=2, most_recipients=5)
        self.assertEqual(self.store.commit([spend]), [True])  # for the first time ever
        error = self.assertRaises(MailError, self.store.commit, [spend])
        self.assertEqual((error.reason, error.temporary), ("relay-limit", True))
        self.assertEqual(self.store.commit([attrs.evolve(spend, recipients=2)]), [False])
        self.assertRaises(MailError, self.store.commit, [attrs.evolve(spend, recipients=0)])
        self.assertEqual(run(self.grants.spent(subjects, now - 3600)), Spent(2, 5))
        self.assertEqual(self.store.commit([attrs.evolve(spend, at=now + 3700)]), [False])


class Session:
    """What a protocol is to the bus."""
