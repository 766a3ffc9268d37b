"""Hashes of passwords: schemes, preparation, equal work, bounded threads."""

import threading

import bcrypt
import pytest
from argon2 import extract_parameters
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mailsvc.auth.hashing import Hasher, UnknownScheme, matches
from mailsvc.auth.pool import BoundedPool
from mailsvc.core.errors import Kind, MailError
from mailsvc.testing.auth import InlineWorker
from tests.auth.people import CHEAP, SECRET, count_verifications

BCRYPT = bcrypt.hashpw(SECRET.encode(), bcrypt.gensalt(4)).decode()


@pytest.mark.parametrize("stored", [CHEAP, BCRYPT, BCRYPT.replace("$2b$", "$2y$")])
def test_schemes(stored: str) -> None:
    """argon2 and bcrypt hashes, also as htpasswd writes them, know their password and no other."""
    assert matches(stored, SECRET.encode())
    assert not matches(stored, SECRET.encode() + b"x")
    assert not matches(stored, b"")


def test_bcrypt_ends_at_72_octets() -> None:
    """A bcrypt hash of a long password counts its first 72 octets, as in the program that made it."""
    stored = bcrypt.hashpw(b"p" * 72, bcrypt.gensalt(4)).decode()
    assert matches(stored, b"p" * 100)


@pytest.mark.parametrize(
    ("stored", "says"),
    [
        ("plainpassword", "without a scheme"),
        ("$6$salt$hash", "damaged"),
        ("$apr1$salt$hash", r"\$apr1\$"),
        ("$argon2id$v=19$broken", "damaged"),
        ("$2b$broken", "damaged"),
    ],
)
def test_unknown_schemes_are_named(stored: str, says: str) -> None:
    """A hash that we cannot verify is an error that names the scheme and not the hash; it is never a wrong password."""
    with pytest.raises(UnknownScheme, match=says) as caught:
        matches(stored, b"x")
    assert "broken" not in str(caught.value)
    assert "plainpassword" not in str(caught.value)


class HasherTests(SynchronousTestCase):
    """Hashing for our own accounts."""

    def setUp(self) -> None:
        self.worker = InlineWorker()
        self.hasher = Hasher(self.worker)

    def result(self, coroutine: object) -> object:
        """What a coroutine that does not wait returns."""
        return self.successResultOf(Deferred.fromCoroutine(coroutine))

    def test_hash_and_verify(self) -> None:
        """A password verifies against its own hash, made at the cost that was decided on."""
        stored = self.result(self.hasher.hash(SECRET))
        assert isinstance(stored, str)
        self.assertTrue(stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$"))
        self.assertTrue(self.result(self.hasher.verify(stored, SECRET.encode())))
        self.assertFalse(self.result(self.hasher.verify(stored, b"other")))
        self.assertFalse(self.hasher.outdated(stored))

    def test_outdated(self) -> None:
        """Hashes of another cost or scheme are due for renewal."""
        self.assertTrue(self.hasher.outdated(CHEAP))
        self.assertTrue(self.hasher.outdated(BCRYPT))

    def test_look_alikes(self) -> None:
        """A password set in full-width letters is the one typed in plain ones (SASLprep on both sides)."""
        stored = self.result(self.hasher.hash("ｐａｓｓ"))
        self.assertTrue(self.result(self.hasher.verify(str(stored), b"pass")))

    def test_unfit_passwords_are_not_hashed(self) -> None:
        """A password that nobody could type again is refused when it is set."""
        for unfit in ("", "\u0007", b"\xff"):
            error = self.failureResultOf(Deferred.fromCoroutine(self.hasher.hash(unfit)), MailError).value
            self.assertEqual(error.kind, Kind.BAD_REQUEST)

    def test_nobody_costs_as_much_as_somebody(self) -> None:
        """No hash, an unfit password and a wrong one are each one verification."""
        verified = count_verifications(self)
        for stored, password in (("", b"x"), (CHEAP, b"\xff"), (CHEAP, b"wrong")):
            verified.clear()
            self.assertFalse(self.result(self.hasher.verify(stored, password)))
            self.assertEqual(len(verified), 1)

    def test_nobodys_hash_has_the_usual_cost(self) -> None:
        """What unknown names are verified against takes the work of a password set today, and belongs to no password."""
        verified = count_verifications(self)
        self.result(self.hasher.verify("", b"x"))
        usual = self.result(self.hasher.hash("x"))
        self.assertEqual(extract_parameters(verified[0]), extract_parameters(str(usual)))


class BoundedPoolTests(TestCase):
    """Threads for hashing: off the reactor, and no endless queue."""

    def setUp(self) -> None:
        self.pool = BoundedPool(reactor, threads=1, queue=1)
        self.pool.start()
        self.gate = threading.Event()
        self.addCleanup(self.pool.stop)
        self.addCleanup(self.gate.set)

    def run_in_pool(self, function: object, *args: object) -> Deferred[object]:
        """A call whose result is awaited later."""
        return Deferred.fromCoroutine(self.pool.run(function, *args))  # type: ignore[arg-type]

    async def test_runs_in_a_thread(self) -> None:
        """Hashing does not hold up the connections."""
        self.assertNotEqual(await self.pool.run(threading.get_ident), threading.get_ident())

    async def test_a_full_queue_says_not_now(self) -> None:
        """Beyond the queue a log-in is told to come back later, at once, and there is room again afterwards."""
        waiting = [self.run_in_pool(self.gate.wait) for _ in range(2)]
        error = self.failureResultOf(self.run_in_pool(self.gate.wait), MailError).value
        self.assertEqual((error.kind, error.reason), (Kind.NOT_NOW, "hashing-queue-full"))
        self.gate.set()
        for call in waiting:
            await call
        self.assertEqual(await self.pool.run(int, "7"), 7)

    async def test_a_failure_gives_its_place_back(self) -> None:
        """A call that fails does not shrink the pool."""
        for _ in range(5):
            with self.assertRaises(ValueError):
                await self.pool.run(int, "x")
        self.assertEqual(await self.pool.run(int, "7"), 7)

    async def test_a_stopped_pool_says_so(self) -> None:
        """A log-in that comes while the server stops is told to come back, and does not hang."""
        self.pool.stop()
        error = self.failureResultOf(self.run_in_pool(int, "7"), MailError).value
        self.assertEqual(error.reason, "hashing-stopped")
