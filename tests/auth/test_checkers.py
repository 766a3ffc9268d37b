"""Who gets in: own accounts, outside sources, and the chain that asks them in order."""

from collections.abc import Callable
from typing import Any

import bcrypt
from argon2 import PasswordHasher
from passlib.hash import sha256_crypt, sha512_crypt
from twisted.cred.checkers import ANONYMOUS, ICredentialsChecker
from twisted.cred.credentials import IUsernamePassword
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred, fail, maybeDeferred, succeed
from twisted.internet.task import Clock
from twisted.logger import formatEvent, globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from mailsvc.auth.checkers import PATIENCE, Chain, DirectoryChecker, OutsideSource
from mailsvc.auth.credentials import Admission
from mailsvc.auth.hashing import Hasher
from mailsvc.auth.names import WrongPassword
from mailsvc.auth.renewal import Renewal
from mailsvc.core.errors import Kind, MailError, temporary
from mailsvc.core.operations import SetPassword
from mailsvc.core.secrets import LOGIN, Verifier
from mailsvc.formats.sasl import ScramKeys
from mailsvc.testing.auth import InlineWorker
from mailsvc.testing.directory import MemoryDirectory
from mailsvc.testing.secrets import MemorySecrets
from tests.auth.people import CHEAP, SECRET, count_verifications, typed


@implementer(ICredentialsChecker)
class Source:
    """A source that answers in one way and counts how often it is asked."""

    credentialInterfaces = (IUsernamePassword,)

    def __init__(self, answer: object) -> None:
        self.answer = answer
        self.asked = 0

    def requestAvatarId(self, credentials: object) -> Any:
        """The prepared answer."""
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class CheckerCase(SynchronousTestCase):
    """A directory with a few people, and everything that is logged."""

    def setUp(self) -> None:
        self.directory = MemoryDirectory("example.test", "other.test")
        self.tim = self.directory.add("tim@example.test", login="u0123", password_hash=CHEAP)
        self.directory.add("tim@other.test", password_hash=CHEAP)
        self.worker = InlineWorker()
        self.own = DirectoryChecker(self.directory, Hasher(self.worker))
        self.events: list[dict[str, Any]] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def admitted(self, checker: Any, credentials: object) -> Any:
        """The avatar id that a checker yields."""
        return self.successResultOf(maybeDeferred(checker.requestAvatarId, credentials))

    def refused(self, checker: Any, credentials: object) -> str:
        """The reason with which a checker refuses."""
        return str(self.failureResultOf(maybeDeferred(checker.requestAvatarId, credentials), UnauthorizedLogin).value)

    def not_now(self, checker: Any, credentials: object) -> str:
        """The reason of a temporary failure."""
        error = self.failureResultOf(maybeDeferred(checker.requestAvatarId, credentials), MailError).value
        self.assertEqual(error.kind, Kind.NOT_NOW)
        self.assertTrue(error.temporary)
        return str(error.reason)

    def log_text(self) -> str:
        """Everything logged, with tracebacks."""
        failures = [event["log_failure"].getTraceback() for event in self.events if "log_failure" in event]
        return "\n".join([str(formatEvent(event)) for event in self.events] + failures)


class DirectoryCheckerTests(CheckerCase):
    """Our own accounts."""

    def test_interface(self) -> None:
        """It is a checker like any of Twisted's."""
        verifyObject(ICredentialsChecker, self.own)

    def test_by_address_or_login(self) -> None:
        """Address, login and login with domain all lead to the canonical address, in any spelling."""
        for name in ("tim@example.test", "TIM@Example.Test", "tim", "u0123", "U0123@example.test", "ｔｉｍ"):
            self.assertEqual(self.admitted(self.own, typed(name)), b"tim@example.test", name)

    def test_a_bare_login_means_the_listeners_domain(self) -> None:
        """A name without a domain is completed with that of the listener (REQUIREMENTS D8)."""
        self.assertEqual(self.admitted(self.own, typed("tim", domain="other.test")), b"tim@other.test")
        self.assertEqual(self.admitted(self.own, typed("tim@example.test", domain="other.test")), b"tim@example.test")

    def test_refusals(self) -> None:
        """Wrong password, unknown name, unfit name and an account without a password do not get in."""
        self.directory.add("nopass@example.test")
        self.assertEqual(self.refused(self.own, typed("tim", "wrong")), "wrong-password")
        self.assertEqual(self.refused(self.own, typed("tom")), "no-account-or-password")
        self.assertEqual(self.refused(self.own, typed("nopass")), "no-account-or-password")
        self.assertEqual(self.refused(self.own, typed("nopass", "")), "no-account-or-password")
        self.assertEqual(self.refused(self.own, typed("t\x07m")), "unfit-name")

    def test_a_disabled_account_does_not_get_in(self) -> None:
        """Not even with the right password."""
        self.directory.change(self.tim, enabled=False)
        self.assertEqual(self.refused(self.own, typed("tim")), "disabled")

    def test_same_work_for_everybody(self) -> None:
        """Known, unknown and disabled names, right and wrong passwords: one verification each, so time tells nothing."""
        self.directory.add("off@example.test", enabled=False, password_hash=CHEAP)
        self.directory.add("nopass@example.test")
        verified = count_verifications(self)
        for name, password in (
            ("tim", SECRET),
            ("tim", "x"),
            ("tom", "x"),
            ("off", SECRET),
            ("off", "x"),
            ("nopass", "x"),
        ):
            verified.clear()
            maybeDeferred(self.own.requestAvatarId, typed(name, password)).addErrback(lambda _: None)
            self.assertEqual(len(verified), 1, name)

    def test_a_failing_directory_is_temporary(self) -> None:
        """When the store is down the answer is "later", not "wrong password"."""
        self.directory.failure = temporary("store-down")
        self.assertEqual(self.not_now(self.own, typed("tim")), "store-down")


class UpgradeTests(CheckerCase):
    """Hashes made at another cost are renewed at log-in."""

    def setUp(self) -> None:
        super().setUp()
        self.failure: MailError | None = None
        self.applied: list[SetPassword] = []
        self.meanwhile: Callable[[], None] = lambda: None
        self.secrets = MemorySecrets()
        renewal = Renewal(self.secrets, Hasher(self.worker), self.apply)
        self.own = DirectoryChecker(self.directory, Hasher(self.worker), upgrade=renewal)

    async def apply(self, operations: Any) -> None:
        """Keep the new hash and verifiers."""
        self.meanwhile()
        if self.failure:
            raise self.failure
        (operation,) = operations
        self.applied.append(operation)
        self.directory.set_hash(self.tim, operation.password_hash)
        for hash, salt, iterations, stored, server in operation.verifiers:
            self.secrets.known[self.tim.id, hash] = [Verifier(LOGIN, salt, iterations, ScramKeys(stored, server))]

    def test_renewed_once(self) -> None:
        """An outdated hash is replaced after a right password, and the new one is left alone."""
        self.refused(self.own, typed("tim", "wrong"))
        self.assertEqual(self.applied, [])
        for _ in range(2):
            self.assertEqual(self.admitted(self.own, typed("tim")), b"tim@example.test")
        (renewed,) = self.applied
        self.assertEqual((renewed.account, renewed.expected), (self.tim.id, CHEAP))
        self.assertIn("m=19456,t=2,p=1", renewed.password_hash)

    def test_verifiers_are_made_when_missing(self) -> None:
        """A password without SCRAM verifiers gets them when it is shown; its hash stays as it is."""
        fresh = Hasher(self.worker)
        stored = self.successResultOf(Deferred.fromCoroutine(fresh.hash(SECRET)))
        self.directory.set_hash(self.tim, stored)
        for _ in range(2):
            self.admitted(self.own, typed("tim"))
        (renewed,) = self.applied
        self.assertEqual(renewed.password_hash, stored)
        self.assertEqual([row[0] for row in renewed.verifiers], ["SHA-256", "SHA-1"])

    def test_imported_hashes(self) -> None:
        """A password that crypt(3) or bcrypt hashed elsewhere opens the account, and is kept as ours from then on."""
        for stored in (
            sha512_crypt.using(rounds=1000).hash(SECRET),
            sha256_crypt.using(rounds=1000).hash(SECRET),
            bcrypt.hashpw(SECRET.encode(), bcrypt.gensalt(4)).decode(),
        ):
            self.directory.set_hash(self.tim, stored)
            self.refused(self.own, typed("tim", "wrong"))
            self.admitted(self.own, typed("tim"))
            self.assertTrue(self.applied[-1].password_hash.startswith("$argon2id$"))
            self.assertEqual(self.applied[-1].expected, stored)

    def test_a_password_changed_meanwhile_stays(self) -> None:
        """Whoever changes the password just while an old hash is renewed keeps the new one, and the old one opens nothing."""
        other = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("another")
        self.failure = MailError(Kind.IN_USE, "password-changed")
        self.meanwhile = lambda: self.directory.set_hash(self.tim, other)
        self.assertEqual(self.refused(self.own, typed("tim")), "wrong-password")
        self.assertEqual(self.directory.hash_of(self.tim), other)

    def test_a_failed_renewal_does_not_refuse(self) -> None:
        """The log-in is good although the new hash could not be stored."""
        self.failure = temporary("disk-full")
        self.assertEqual(self.admitted(self.own, typed("tim")), b"tim@example.test")
        self.assertIn("disk-full", self.log_text())


class OutsideSourceTests(CheckerCase):
    """Names that another source vouches for are mapped to accounts."""

    def outside(self, source: Source) -> OutsideSource:
        """The source in front of our accounts."""
        self.clock = Clock()
        return OutsideSource(source, self.directory, self.clock)

    def test_mapped_to_the_account(self) -> None:
        """The source's name is looked up like a login, in the listener's domain."""
        self.assertEqual(self.admitted(self.outside(Source(b"u0123")), typed("whoever")), b"tim@example.test")
        self.assertEqual(
            self.admitted(self.outside(Source(succeed(b"tim"))), typed("tim", domain="other.test")),
            b"tim@other.test",
        )

    def test_no_account_no_entry(self) -> None:
        """A right password elsewhere is no use without an account here."""
        self.assertEqual(self.refused(self.outside(Source(b"stranger")), typed("x")), "no-account")

    def test_disabled_here_is_disabled(self) -> None:
        """The directory's word counts, whatever the source says."""
        self.directory.change(self.tim, enabled=False)
        self.assertEqual(self.refused(self.outside(Source(b"tim")), typed("tim")), "disabled")

    def test_anonymous_is_nobody(self) -> None:
        """A source that lets everybody in as ANONYMOUS, or answers with something else, lets nobody in here."""
        for answer in (ANONYMOUS, "tim", None):
            self.assertEqual(self.refused(self.outside(Source(answer)), typed("tim")), "source-names-nobody")
        self.assertEqual(self.refused(self.outside(Source(b"\xff")), typed("tim")), "unfit-name")

    def test_a_source_that_never_answers(self) -> None:
        """A client hears "later" after half a minute instead of waiting for ever; an answer after that counts for nothing."""
        answer: Deferred[bytes] = Deferred()
        last = Source(b"tim")
        done = maybeDeferred(Chain([self.outside(Source(answer)), last]).requestAvatarId, typed("tim"))
        self.clock.advance(PATIENCE - 1)
        self.assertNoResult(done)
        self.clock.advance(1)
        self.assertEqual(self.failureResultOf(done, MailError).value.reason, "password-source-silent")
        answer.callback(b"tim")
        self.assertEqual(last.asked, 0)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class ChainTests(CheckerCase):
    """Sources asked one after the other."""

    def test_first_that_knows_decides(self) -> None:
        """A source that says yes is the last one asked."""
        last = Source(b"never@example.test")
        chain = Chain([Source(UnauthorizedLogin()), self.own, last])
        self.assertEqual(self.admitted(chain, typed("tim")), b"tim@example.test")
        self.assertEqual(last.asked, 0)

    def test_a_source_that_knows_the_name_decides(self) -> None:
        """Who has a password in one source is not let in by another's: the name in two of them is a mistake, which is logged."""
        chain = Chain(
            [Source(WrongPassword("wrong-password")), Source(b"tim@example.test"), Source(UnauthorizedLogin())]
        )
        self.assertEqual(self.refused(chain, typed("tim")), "in-two-sources")
        self.assertIn("'tim' has a password in two sources", self.log_text())
        self.assertEqual(
            self.refused(
                Chain([Source(UnauthorizedLogin()), self.own, Source(b"tim@example.test")]), typed("tim", "x")
            ),
            "in-two-sources",
        )

    def test_device_passwords_are_ours(self) -> None:
        """With the login password in another source, which has said no, a device password opens all the same."""
        own = Source(Admission.make("tim@example.test", 4711))
        self.assertEqual(self.admitted(Chain([Source(WrongPassword()), own]), typed("tim")), b"tim@example.test")

    def test_nobody_knows(self) -> None:
        """When all sources refuse, so does the chain; an empty chain refuses everybody."""
        self.refused(Chain([Source(UnauthorizedLogin()), self.own]), typed("tom"))
        self.refused(Chain([]), typed("tim"))

    def test_a_broken_source_is_temporary(self) -> None:
        """A source that fails in its own way gives "later": never "wrong password", never the next source's yes."""
        for trouble in (OSError("disk"), ValueError("bug"), RuntimeError()):
            for broken in (Source(trouble), Source(fail(Failure(trouble)))):
                last = Source(b"tim@example.test")
                self.assertEqual(self.not_now(Chain([broken, last]), typed("tim")), "password-source-failed")
                self.assertEqual(last.asked, 0)
                self.assertEqual(self.flushLoggedErrors(), [])  # the portal does that, and not for each guess

    def test_a_source_that_asks_for_patience_gets_it(self) -> None:
        """A temporary failure keeps its reason on the way through."""
        self.assertEqual(self.not_now(Chain([Source(temporary("ldap-down"))]), typed("tim")), "ldap-down")

    def test_what_no_source_is_asked_about(self) -> None:
        """Empty passwords, NULs, endless fields and acting as somebody else are refused before any source hears of them."""
        source = Source(b"tim@example.test")
        for credentials, reason in (
            (typed("tim", ""), "empty-password"),
            (typed("tim\0", "x"), "nul"),
            (typed("tim", "x\0"), "nul"),
            (typed("t" * 256, "x"), "too-long"),
            (typed("tim", "x" * 1025), "too-long"),
            (typed("tim", authzid="root"), "other-identity"),
        ):
            self.assertEqual(self.refused(Chain([source]), credentials), reason)
        self.assertEqual(source.asked, 0)

    def test_ones_own_authorisation_identity_is_fine(self) -> None:
        """Clients that name themselves twice get in (RFC 4616 2)."""
        self.assertEqual(self.admitted(Chain([self.own]), typed("tim", authzid="tim")), b"tim@example.test")

    def test_refusals_are_logged_without_the_password(self) -> None:
        """The log says who was refused, from where and why; the password appears nowhere, not even in tracebacks."""
        chain = Chain([self.own, Source(OSError("disk"))])
        self.refused(Chain([self.own]), typed("tim", "planted-secret"))
        self.not_now(chain, typed("tom", "planted-secret"))
        text = self.log_text()
        self.assertIn("log-in refused: 'tim' from 192.0.2.1 at pop3@[::]:110 by PLAIN: wrong-password", text)
        self.assertNotIn("planted-secret", text)
        self.assertNotIn("planted-secret", repr(self.events))

    def test_same_work_through_the_chain(self) -> None:
        """With several sources, a refusal costs the same for a name that one of them knows as for a stranger."""
        chain = Chain([self.own, DirectoryChecker(MemoryDirectory(), Hasher(self.worker))])
        verified, counts = count_verifications(self), []
        for name in ("tim", "tom"):
            verified.clear()
            self.refused(chain, typed(name, "wrong"))
            counts.append(len(verified))
        self.assertEqual(counts, [2, 2])

    def test_a_waiting_source(self) -> None:
        """The chain waits for a source that takes its time."""
        answer: Deferred[bytes] = Deferred()
        done = maybeDeferred(Chain([Source(answer)]).requestAvatarId, typed("tim"))
        self.assertNoResult(done)
        answer.callback(b"tim@example.test")
        self.assertEqual(self.successResultOf(done), b"tim@example.test")
