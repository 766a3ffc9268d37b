"""Every way in, over a real store: device passwords, digests, SCRAM, certificates, and the memory of right passwords."""

import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import attrs
from scramp import ScramClient
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock
from twisted.logger import formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from mailsvc.auth.credentials import credentials_of
from mailsvc.auth.devices import scope_of
from mailsvc.auth.doors import Doors, make_doors, usable
from mailsvc.auth.hashing import Hasher
from mailsvc.auth.keyring import Key, KeyRing
from mailsvc.auth.options import AuthOptions, OAuthOptions
from mailsvc.auth.usage import INTERVAL, DeviceUsage
from mailsvc.auth.verified import Verified
from mailsvc.core.errors import MailError, temporary
from mailsvc.core.operations import ChangeAccount
from mailsvc.core.secrets import Device, Scope
from mailsvc.core.values import Peer
from mailsvc.formats.sasl import (
    MECHANISMS,
    CertificateProof,
    Challenge,
    Circumstances,
    DigestProof,
    Done,
    Need,
    PasswordProof,
    Proof,
    ScramQuestion,
    ScramSecrets,
)
from mailsvc.testing.auth import InlineWorker
from mailsvc.testing.logins import PASSWORD, LoginHouse
from tests.auth.people import count_verifications

POP3 = Peer("192.0.2.1", "pop3@[::]:110", "pop3", tls="TLSv1.3")
SEND = attrs.evolve(POP3, protocol="submission")
OTHER = "another password"


class DoorCase(SynchronousTestCase):
    """A house whose people have passwords and devices."""

    def setUp(self) -> None:
        folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, folder)
        self.house = LoginHouse(folder)
        self.addCleanup(self.house.close)
        self.used: list[tuple[str, Peer]] = []
        self.hasher = Hasher(InlineWorker())
        self.verified = count_verifications(self)
        self.doors = self.make()
        self.events: list[Any] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def make(self, **options: Any) -> Doors:
        """The ways into one process."""
        house = self.house
        settings = AuthOptions(keys=house.keys.path, **options)
        return make_doors(
            None, settings, OAuthOptions(), house.directory, house.secrets, house.store.apply, self.hasher, self.note
        )

    def note(self, device: Device, peer: Peer) -> None:
        """Keep the use of a device."""
        self.used.append((device.name, peer))

    def result(self, deferred: Deferred[Any]) -> str:
        """The address, or why not."""
        try:
            found: bytes = self.successResultOf(deferred.addErrback(lambda failure: failure.value))
        except self.failureException:
            raise
        return found.decode() if isinstance(found, bytes) else str(found)

    def enter(self, proof: Proof, peer: Peer = POP3, doors: Doors | None = None) -> str:
        """What the checkers say to a proof."""
        credentials = credentials_of(proof, peer, "X")
        for checker in (doors or self.doors).checkers:
            if any(one.providedBy(credentials) for one in checker.credentialInterfaces):
                return self.result(maybeDeferred(checker.requestAvatarId, credentials))
        raise AssertionError("nobody checks these credentials")

    def password(self, name: str, password: str, peer: Peer = POP3) -> str:
        """PLAIN, LOGIN, USER."""
        return self.enter(PasswordProof(name, password), peer)

    def digest(self, name: str, password: str, peer: Peer = POP3) -> str:
        """CRAM-MD5."""
        import hmac

        digest = hmac.new(password.encode(), b"<1@here>", "md5").hexdigest().encode()
        return self.enter(DigestProof(name, b"<1@here>", digest), peer)

    def scram(self, name: str, password: str, peer: Peer = POP3, mechanism: str = "SCRAM-SHA-256") -> str:
        """A whole exchange with a client of another make, then the portal's question."""
        client = ScramClient([mechanism], name, password)
        server = MECHANISMS[mechanism].make(Circumstances(nonce="ours"))
        need = server.step(client.get_client_first().encode())
        assert isinstance(need, Need)
        answer = self.successResultOf(Deferred.fromCoroutine(self.doors.answer(need.question, peer)))
        challenge = need.then(answer)
        assert isinstance(challenge, Challenge)
        client.set_server_first(challenge.data.decode())
        step = server.step(client.get_client_final().encode())
        if isinstance(step, Challenge):
            client.set_server_final(step.data.decode())
            step = server.step(b"")
        assert isinstance(step, Done)
        return self.enter(step.proof, peer)

    def log_text(self) -> str:
        """Everything that was logged."""
        return "\n".join(filter(None, map(formatEvent, self.events)))


ADDRESS = "alice@example.test"


class DevicePasswordTests(DoorCase):
    """A password for each device."""

    def test_every_mechanism(self) -> None:
        """One device password serves PLAIN, APOP, CRAM-MD5 and both kinds of SCRAM, without any hashing but the quick kind."""
        password = self.house.add_device("alice", "phone", readable=True)
        for name in ("alice", ADDRESS, "ALICE@Example.test"):
            self.assertEqual(self.password(name, password), ADDRESS)
            self.assertEqual(self.digest(name, password), ADDRESS)
        for mechanism in ("SCRAM-SHA-1", "SCRAM-SHA-256"):
            self.assertEqual(self.scram("alice", password, mechanism=mechanism), ADDRESS)
        apop = DigestProof("alice", b"<1@h>", _md5(b"<1@h>" + password.encode()), keyed=False)
        self.assertEqual(self.enter(apop), ADDRESS)
        self.assertEqual(self.verified, [])
        self.assertEqual(self.used, [("phone", POP3)] * len(self.used))
        self.assertEqual(len(self.used), 9)

    def test_typed_by_hand(self) -> None:
        """Where the password itself arrives, capitals and missing hyphens do not matter."""
        password = self.house.add_device("alice", "phone")
        self.assertEqual(self.password("alice", password.upper().replace("-", " ")), ADDRESS)

    def test_one_of_many(self) -> None:
        """Each of twenty devices opens the account; the one that is revoked does not, from that moment on, and the others do."""
        passwords = [self.house.add_device("alice", f"device {number}", readable=True) for number in range(20)]
        for password in passwords:
            self.assertEqual(self.password("alice", password), ADDRESS)
            self.assertEqual(self.digest("alice", password), ADDRESS)
        self.house.revoke("alice", "device 7")
        for number, password in enumerate(passwords):
            expected = "wrong" if number == 7 else ADDRESS
            for outcome in (
                self.password("alice", password),
                self.digest("alice", password),
                self.scram("alice", password),
            ):
                self.assertEqual(outcome == ADDRESS, expected == ADDRESS, number)

    def test_not_kept(self) -> None:
        """A device password that was not kept for them does not open APOP and CRAM-MD5; nor does the login password."""
        password = self.house.add_device("alice", "phone")
        self.house.set_password("alice", self.hash(PASSWORD))
        self.assertEqual(self.digest("alice", password), "no-such-device-password")
        self.assertEqual(self.digest("alice", PASSWORD), "no-such-device-password")

    def hash(self, password: str) -> str:
        """A stored hash."""
        return self.successResultOf(Deferred.fromCoroutine(self.hasher.hash(password)))

    def test_scopes(self) -> None:
        """A device for sending opens no mailbox, and one for reading sends nothing, by any mechanism."""
        passwords = {scope: self.house.add_device("alice", scope.name or "", scope, readable=True) for scope in Scope}
        for scope, password in passwords.items():
            for peer in (POP3, SEND, attrs.evolve(POP3, protocol="imap")):
                fits = scope == scope_of(peer)
                for outcome in (
                    self.password("alice", password, peer),
                    self.digest("alice", password, peer),
                    self.scram("alice", password, peer),
                ):
                    self.assertEqual(outcome == ADDRESS, fits, (scope, peer.protocol, outcome))

    def test_expiry(self) -> None:
        """A device password is of no use after its last day."""
        for expires, good in ((int(time.time()) + 100, True), (int(time.time()) - 1, False)):
            password = self.house.add_device("alice", str(good), expires=expires, readable=True)
            for outcome in (
                self.password("alice", password),
                self.digest("alice", password),
                self.scram("alice", password),
            ):
                self.assertEqual(outcome == ADDRESS, good)

    def test_somebody_elses(self) -> None:
        """A device password opens its own account only."""
        password = self.house.add_device("alice", "phone", readable=True)
        self.assertEqual(self.password("bob", password), "no-account-or-password")
        self.assertEqual(self.digest("bob", password), "no-such-device-password")
        self.assertEqual(self.digest("nobody", password), "no-such-device-password")
        self.assertEqual(self.scram("nobody", password), "no-account-or-verifiers")

    def test_disabled(self) -> None:
        """An account that is switched off is closed to its devices too, at once."""
        password = self.house.add_device("alice", "phone", readable=True)
        self.house.store.commit([ChangeAccount(self.house.account("alice").id, enabled=False)])
        for outcome in (
            self.password("alice", password),
            self.digest("alice", password),
            self.scram("alice", password),
        ):
            self.assertEqual(outcome, "disabled")
        self.assertEqual(self.used, [])

    def test_lost_keys_are_no_wrong_password(self) -> None:
        """Without its key nobody can tell whether a device password is right: the client hears "later", never "wrong"."""
        password = self.house.add_device("alice", "phone", readable=True)
        self.house.keys.write(KeyRing([Key.new()]))
        self.assertIn("device-keys-missing", self.password("alice", password))
        self.assertIn("device-keys-missing", self.digest("alice", password))
        self.assertIn("no-account-or-password", self.password("alice", OTHER))
        self.house.keys.path.write_text("nonsense")
        self.assertIn("device-keys-unreadable", self.password("alice", password))

    def test_nothing_secret_is_logged(self) -> None:
        """Neither a right nor a wrong password appears in the log, in whole or as what is kept of it."""
        password = self.house.add_device("alice", "phone", readable=True)
        self.house.set_password("alice", self.hash("planted-secret"))
        self.password("alice", "planted-secret")
        self.password("alice", "planted-secret-2")
        self.password("alice", password)
        self.scram("alice", "planted-secret")
        self.digest("alice", password)
        text = self.log_text() + repr(self.events)
        for secret in ("planted-secret", password, "$argon2id$", self.house.device("alice", "phone").mac.hex()):
            self.assertNotIn(secret, text)


def _md5(octets: bytes) -> bytes:
    import hashlib

    return hashlib.md5(octets).hexdigest().encode()


class ScramTests(DoorCase):
    """SCRAM by the login password, and what strangers can learn from it."""

    def set_password(self, password: str = PASSWORD, verifiers: bool = True) -> None:
        """Give alice a login password."""
        hashed = self.successResultOf(Deferred.fromCoroutine(self.hasher.hash(password)))
        self.house.set_password("alice", hashed, password, verifiers)

    def ask(self, name: str, hash: str = "SHA-256", peer: Peer = POP3) -> ScramSecrets:
        """What an exchange is told about a name."""
        found: ScramSecrets = self.successResultOf(
            Deferred.fromCoroutine(self.doors.answer(ScramQuestion(name, hash), peer))
        )
        return found

    def test_login_password(self) -> None:
        """The login password and a device's open the account side by side; a changed one counts at once."""
        self.set_password()
        device = self.house.add_device("alice", "phone")
        for password, good in ((PASSWORD, True), (device, True), (OTHER, False)):
            self.assertEqual(self.scram("alice", password) == ADDRESS, good)
        self.set_password(OTHER)
        for password, good in ((PASSWORD, False), (device, True), (OTHER, True)):
            self.assertEqual(self.scram("alice", password) == ADDRESS, good)
        self.assertEqual({name for name, _ in self.used}, {"phone"})

    def test_password_shown_first(self) -> None:
        """A password that was hashed elsewhere opens SCRAM after it was shown once."""
        self.set_password(verifiers=False)
        self.assertEqual(self.scram("alice", PASSWORD), "no-account-or-verifiers")
        self.assertEqual(self.password("alice", PASSWORD), ADDRESS)
        self.assertEqual(self.scram("alice", PASSWORD), ADDRESS)

    def test_salts_tell_nothing(self) -> None:
        """A name has the same salt before there is an account, without a password, with one, and in every process; no two share one."""
        before = {name: self.ask(name).salt for name in ("alice", "bob", "nobody", "alice@else.test", "a@b@c", "渡辺")}
        self.assertEqual(len(set(before.values())), 6)
        self.assertEqual(self.ask("alice@example.test").salt, before["alice"])
        self.assertEqual(self.ask("nobody@example.test").salt, before["nobody"])
        self.set_password()
        self.doors = self.make()
        for name, salt in before.items():
            self.assertEqual(self.ask(name).salt, salt, name)

    def test_same_work_for_everybody(self) -> None:
        """An exchange tries as many keys for nobody as for somebody with many devices."""
        self.set_password()
        for number in range(3):
            self.house.add_device("alice", str(number))
        self.assertEqual({len(self.ask(name).keys) for name in ("alice", "bob", "nobody")}, {21})

    def test_acting_as_somebody_else(self) -> None:
        """Another name of oneself may be named, somebody else's not."""
        self.set_password()
        proof = self.proof(b"a=alice@example.test", PASSWORD)
        self.assertEqual(self.enter(proof), ADDRESS)
        self.assertEqual(self.enter(self.proof(b"a=bob", PASSWORD)), "other-identity")
        self.assertEqual(self.enter(self.proof(b"a=nobody", PASSWORD)), "other-identity")

    def proof(self, authzid: bytes, password: str) -> Proof:
        """A right proof that names somebody."""
        import base64
        import hashlib
        import hmac

        server = MECHANISMS["SCRAM-SHA-256"].make(Circumstances(nonce="ours"))
        need = server.step(b"n," + authzid + b",n=alice,r=x")
        assert isinstance(need, Need)
        secrets = self.ask("alice")
        first = need.then(secrets)
        assert isinstance(first, Challenge)
        final = b"c=" + base64.b64encode(b"n," + authzid + b",") + b",r=xours"
        message = b"n=alice,r=x," + first.data + b"," + final
        salted = hashlib.pbkdf2_hmac("sha256", password.encode(), secrets.salt, secrets.iterations)
        client_key = hmac.digest(salted, b"Client Key", "sha256")
        signature = hmac.digest(hashlib.sha256(client_key).digest(), message, "sha256")
        shown = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
        self.assertIsInstance(server.step(final + b",p=" + base64.b64encode(shown)), Challenge)
        done = server.step(b"")
        assert isinstance(done, Done)
        return done.proof

    def test_a_failing_store_is_temporary(self) -> None:
        """While secrets cannot be read, nobody's password is wrong."""

        async def fail(*_: object) -> Any:
            raise temporary("store-down")

        self.house.secrets.verifiers = fail  # type: ignore[method-assign]
        self.failureResultOf(
            Deferred.fromCoroutine(self.doors.answer(ScramQuestion("alice", "SHA-1"), POP3)), MailError
        )


class CertificateTests(DoorCase):
    """EXTERNAL."""

    def external(self, names: tuple[str, ...], authzid: str = "") -> str:
        """A log-in by a certificate."""
        return self.enter(CertificateProof(authzid), attrs.evolve(POP3, certificate=names))

    def test_names(self) -> None:
        """The first mail address of the certificate that has an account here is it."""
        self.assertEqual(self.external((ADDRESS,)), ADDRESS)
        self.assertEqual(self.external(("alice@else.test", "bob@example.test")), "bob@example.test")
        self.assertEqual(self.external((ADDRESS,), "alice"), ADDRESS)
        self.assertEqual(self.external((ADDRESS,), "bob"), "other-identity")
        self.assertEqual(self.external(("stranger@else.test",)), "certificate-without-account")
        self.assertEqual(self.external(()), "certificate-without-account")


class MemoryTests(DoorCase):
    """Right passwords are hashed once."""

    def setUp(self) -> None:
        super().setUp()
        self.set_password(PASSWORD)

    def set_password(self, password: str) -> None:
        """Change alice's login password."""
        hashed = self.successResultOf(Deferred.fromCoroutine(self.hasher.hash(password)))
        self.house.set_password("alice", hashed, password)

    def hashed(self, name: str, password: str) -> tuple[str, int]:
        """The outcome, and how often it was hashed."""
        self.verified.clear()
        return self.password(name, password), len(self.verified)

    def test_the_second_time_is_free(self) -> None:
        """A right password is hashed the first time only; a wrong one each time, and so is anybody's for another account."""
        self.assertEqual(self.hashed("alice", PASSWORD), (ADDRESS, 1))
        self.assertEqual(self.hashed("alice", PASSWORD), (ADDRESS, 0))
        for _ in range(2):
            self.assertEqual(self.hashed("alice", OTHER), ("wrong-password", 1))
            self.assertEqual(self.hashed("bob", PASSWORD), ("no-account-or-password", 1))

    def test_a_change_counts_at_once(self) -> None:
        """The old password is forgotten with the commit that changed it, although this process was told nothing; the old one again too."""
        self.hashed("alice", PASSWORD)
        self.set_password(OTHER)
        self.assertEqual(self.hashed("alice", PASSWORD), ("wrong-password", 1))
        self.assertEqual(self.hashed("alice", OTHER), (ADDRESS, 1))

    def test_flags_are_looked_at_each_time(self) -> None:
        """A remembered password does not open an account that was switched off."""
        self.hashed("alice", PASSWORD)
        self.house.store.commit([ChangeAccount(self.house.account("alice").id, enabled=False)])
        self.assertEqual(self.hashed("alice", PASSWORD), ("disabled", 0))

    def test_bounded(self) -> None:
        """Only so many are remembered, the ones used last; only for a while; none if so configured."""
        clock = Clock()
        memory = Verified(3, 60, clock.seconds)
        for account in range(4):
            memory.remember(account, "$hash", b"x")
        self.assertEqual([memory.knows(account, "$hash", b"x") for account in range(4)], [False, True, True, True])
        memory.remember(9, "$hash", b"x")
        self.assertFalse(memory.knows(1, "$hash", b"x"))
        self.assertFalse(memory.knows(2, "$other", b"x"))
        self.assertFalse(memory.knows(2, "$hash", b"y"))
        clock.advance(60)
        self.assertFalse(memory.knows(2, "$hash", b"x"))
        none = Verified(0, 60)
        none.remember(1, "$hash", b"x")
        self.assertEqual((len(none), none.knows(1, "$hash", b"x")), (0, False))

    def test_memory_holds_no_password(self) -> None:
        """What is remembered shows neither password nor hash, and differs from process to process."""
        one, two = Verified(9, 60), Verified(9, 60)
        for memory in (one, two):
            memory.remember(1, "$hash", b"planted-secret")
        self.assertNotIn(b"planted", b"".join(one._until))
        self.assertNotEqual(set(one._until), set(two._until))


class UsageTests(DoorCase):
    """When and from where a device was used is written now and then."""

    def test_written_together(self) -> None:
        """A log-in writes nothing; a minute later the last use of each device is there; what failed is kept."""
        self.house.add_device("alice", "phone")
        device = self.house.device("alice", "phone")
        clock = Clock()
        clock.advance(1_800_000_000)
        failing = [True]

        async def apply(operations: Any) -> object:
            if failing:
                failing.pop()
                raise temporary("store-down")
            return self.house.store.commit(operations)

        usage = DeviceUsage(clock, apply)
        usage.startService()
        for address in ("192.0.2.1", "192.0.2.2"):
            usage.note(device, attrs.evolve(POP3, address=address))
        clock.advance(INTERVAL)
        self.assertEqual(self.house.device("alice", "phone").used, 0)
        clock.advance(INTERVAL)
        written = self.house.device("alice", "phone")
        self.assertEqual((written.used, written.address), (1_800_000_000, "192.0.2.2"))
        usage.note(device, POP3)
        self.successResultOf(usage.stopService())
        self.assertEqual(self.house.device("alice", "phone").used, int(clock.seconds()))


class UsableTests(SynchronousTestCase):
    """What cannot work is not offered."""

    def test_by_configuration(self) -> None:
        """SCRAM goes with our own accounts only, tokens with a provider only."""
        names = tuple(MECHANISMS)
        own, outside = AuthOptions(), AuthOptions(sources=("own", "passwd:/p"))
        provider = OAuthOptions(issuer="https://login.example.test")
        self.assertEqual(usable(names, own, provider), names)
        self.assertEqual(set(names) - set(usable(names, own, OAuthOptions())), {"OAUTHBEARER", "XOAUTH2"})
        self.assertTrue(any(name.startswith("SCRAM") for name in usable(names, own, provider)))
        self.assertFalse(any(name.startswith("SCRAM") for name in usable(names, outside, provider)))
