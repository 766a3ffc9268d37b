"""The guard before the portal: guesses are refused before any source is asked, and all processes know of them."""

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import attrs
from argon2 import PasswordHasher
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import LogLevel, capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from mailsvc.app.portal import MailPortal, make_portal
from mailsvc.app.realm import Realm
from mailsvc.app.throttle_desk import ASK, TELL, ThrottleDesk
from mailsvc.auth import hashing
from mailsvc.auth.credentials import ConnectionCredentials, PasswordCredentials, credentials_of
from mailsvc.auth.doors import make_doors
from mailsvc.auth.guard import CLEAR, HELLO, NEWS, Attempt, Guard, make_throttle
from mailsvc.auth.hashing import Hasher
from mailsvc.auth.options import AuthOptions, OAuthOptions, ThrottleOptions
from mailsvc.auth.relay_checker import RelayChecker
from mailsvc.bus import Announcement, Bus
from mailsvc.core.errors import Kind, MailError
from mailsvc.core.few_lines import TOTAL
from mailsvc.core.interfaces.delivery import IDelivery
from mailsvc.core.interfaces.maildrop import IMaildrop
from mailsvc.core.values import Account, Peer
from mailsvc.formats.sasl import DigestProof, ScramQuestion
from mailsvc.testing.auth import InlineWorker
from mailsvc.testing.directory import MemoryDirectory
from mailsvc.testing.relay import make_desk
from mailsvc.testing.secrets import MemorySecrets
from tests.auth.people import CHEAP, PEER, SECRET

OPTIONS = ThrottleOptions(address_failures=6, network_failures=100, account_failures=3)
NIGHT = 1_700_000_000.0


class CountingWorker(InlineWorker):
    """Counts what is hashed, and lets the test say when a hash is done."""

    def __init__(self) -> None:
        self.calls = 0
        self.gate: Deferred[None] | None = None

    async def run(self, function: Callable[..., Any], *args: object) -> Any:
        """Run it, perhaps later."""
        self.calls += 1
        if self.gate is not None:
            waiting: Deferred[None] = Deferred()
            self.gate.addCallback(lambda _: waiting.callback(None))
            await waiting
        return await super().run(function, *args)


@attrs.frozen
class Avatar:
    """Whoever got in."""

    account: Account | None


class Process:
    """One of the processes that share a bus."""

    def __init__(self, clock: Clock, directory: MemoryDirectory, others: "list[Process]") -> None:
        self.bus, self.worker = Bus(), CountingWorker()
        self.logouts = self.commits = self.uses = 0
        self.busy: MailError | None = None
        self.told: list[tuple[str, Any]] = []
        self._others = others
        others.append(self)
        self.guard = Guard(clock, directory, make_throttle(OPTIONS), self.announce)
        self.guard.listen(self.bus)
        auth, hasher = AuthOptions(keys=Path("/no/such/file")), Hasher(self.worker)
        doors = make_doors(None, auth, OAuthOptions(), directory, MemorySecrets(), self.apply, hasher, self.used)
        realm = Realm(directory, {IMaildrop: self.avatar, IDelivery: self.avatar})
        self.portal: MailPortal = make_portal(
            realm, doors, lambda event: None, self.guard, RelayChecker(make_desk(directory)), clock
        )

    def announce(self, topic: str, payload: Any) -> None:
        """As the store's owner does it: to everybody."""
        self.told.append((topic, payload))
        for process in self._others:
            process.bus.publish(Announcement(topic, payload))

    def used(self, device: object, peer: Peer) -> None:
        """A device password was used, which is written down some time."""
        self.uses += 1

    async def apply(self, operations: object) -> None:
        """A store that takes everything, and counts it."""
        self.commits += 1

    def avatar(self, account: Account | None, peer: Peer) -> tuple[object, Callable[[], None]]:
        """Any avatar."""
        if self.busy:
            raise self.busy
        return Avatar(account), self.logout

    def logout(self) -> None:
        """An avatar was given back."""
        self.logouts += 1

    def log_in(self, password: str, name: str = "tim", address: str = "198.51.100.1") -> Deferred[Any]:
        """Try a password."""
        peer = attrs.evolve(PEER, address=address)
        credentials = PasswordCredentials(username=name, password=password, peer=peer, mechanism="PLAIN")
        return self.portal.login(credentials, peer, IMaildrop)


class ProcessesTestCase(SynchronousTestCase):
    """Two processes, one clock."""

    def setUp(self) -> None:
        cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
        self.patch(hashing, "_ARGON2", cheap)
        self.patch(hashing, "_NOBODY", cheap.hash("nobody's"))
        self.numbers = count()
        self.clock = Clock()
        self.clock.advance(NIGHT)
        self.directory = MemoryDirectory()
        self.directory.add("tim@example.test", login="u0001", password_hash=CHEAP)
        everybody: list[Process] = []
        self.one, self.two = (Process(self.clock, self.directory, everybody) for _ in range(2))

    def outcome(self, attempt: Deferred[Any]) -> str:
        """What a client hears, once it has waited as long as it must."""
        outcome: list[str] = []
        attempt.addCallbacks(lambda _: outcome.append("ok"), lambda failure: outcome.append(self.name(failure.value)))
        self.clock.pump([1.0] * 10)
        return outcome[0]

    def name(self, error: Exception) -> str:
        """Wrong, blocked, or something else."""
        return error.reason if isinstance(error, MailError) else type(error).__name__

    def guess(self, times: int, **where: str) -> list[str]:
        """So many different wrong passwords."""
        return [self.outcome(self.one.log_in(f"guess {next(self.numbers)}", **where)) for _ in range(times)]


class GuardTests(ProcessesTestCase):
    """What a client meets."""

    def test_blocked_unseen(self) -> None:
        """After too many guesses nothing is looked at any more, the right password neither, and the answer names the end."""
        self.assertEqual(self.guess(5), ["UnauthorizedLogin"] * 4 + ["throttled"])
        calls = self.one.worker.calls
        error = self.failureResultOf(self.one.log_in(SECRET), MailError).value
        self.assertEqual((error.kind, error.temporary), (Kind.NOT_NOW, True))
        self.assertRegex(
            error.text, r"^Too many failed log-ins; try again after 2023-11-14 22:\d\d:\d\d UTC \(in \d+ s\)$"
        )
        self.assertEqual(self.one.worker.calls, calls)
        self.clock.advance(60)
        self.assertEqual(self.outcome(self.one.log_in(SECRET)), "ok")

    def test_nobody_is_answered_as_somebody(self) -> None:
        """A name that nobody has is refused after as many guesses, with as much work."""
        answers, calls = self.guess(5, name="nobody", address="203.0.113.1"), self.one.worker.calls
        self.assertEqual((self.guess(5), self.one.worker.calls), (answers, 2 * calls))

    def test_whoever_guesses_fills_no_log(self) -> None:
        """Guesses from hundreds of addresses: a hundred lines a minute and one that counts the others; the store hears of none."""
        minutes, places = 5, 400
        with capturedLogs() as events:
            for number in range(minutes * places):
                guess = self.one.log_in(
                    f"guess {number}", f"name{number}", f"11.{number % places // 200}.{number % 200}.1"
                )
                guess.addErrback(lambda failure: failure.trap(UnauthorizedLogin, MailError))
                self.clock.advance(60.0 / places)
            self.clock.advance(60.0)
        lines = [formatEvent(event) for event in events if event["log_level"] >= LogLevel.info]
        single = [line for line in lines if " failed: " in line]
        counts = [line for line in lines if " more log-ins failed within a minute, from " in line]
        self.assertEqual(len(single) + len(counts), len(lines))
        self.assertLessEqual(len(single), (minutes + 1) * TOTAL)
        self.assertLessEqual(len(counts), minutes + 1)
        self.assertEqual(len(single) + sum(int(line.split()[0]) for line in counts), minutes * places)
        self.assertEqual((self.one.commits, self.one.uses), (0, 0))

    def test_the_line_of_somebody_who_mistypes(self) -> None:
        """A few wrong passwords are in the log one by one, with the name, the place and the reason."""
        with capturedLogs() as events:
            self.guess(2)
        lines = [formatEvent(event) for event in events if event["log_level"] >= LogLevel.info]
        self.assertEqual(len(lines), 2)
        self.assertRegex(lines[0], r"198\.51\.100\.1 .*log-in as 'tim' failed: ")

    def test_all_names_of_an_account(self) -> None:
        """Login, address and capital letters are one account."""
        for number, name in enumerate(("tim", "TIM@example.test", "u0001", "tim@EXAMPLE.TEST")):
            self.assertEqual(self.guess(1, name=name, address=f"198.51.{number}.1"), ["UnauthorizedLogin"])
        self.assertEqual(self.guess(1, address="203.0.113.1"), ["throttled"])

    def test_at_the_same_moment(self) -> None:
        """A hundred guesses at once yield no more answers than one after the other; the right one among them is of no use."""
        gate = self.one.worker.gate = Deferred()
        attempts = [self.one.log_in(f"guess {number}", address=f"198.51.{number}.1") for number in range(50)]
        attempts.append(self.one.log_in(SECRET, address="203.0.113.1"))
        gate.callback(None)
        answers = [self.outcome(attempt) for attempt in attempts]
        self.assertEqual(answers, ["UnauthorizedLogin"] * 4 + ["throttled"] * 47)
        self.assertEqual(self.one.logouts, 1)

    def test_other_process_knows(self) -> None:
        """What one process has seen counts in the other a second later."""
        self.guess(4)
        self.clock.advance(1)
        self.assertEqual(self.outcome(self.two.log_in(SECRET)), "throttled")

    def test_few_messages(self) -> None:
        """A thousand guesses within a second are one message."""
        for number in range(5000):
            self.one.guard.failed(Attempt(self.one.guard, f"{number}@example.test", f"198.51.{number % 250}.1", b""))
        self.clock.advance(1)
        ((topic, news),) = self.one.told
        self.assertEqual((topic, len(news["failed"])), (NEWS, 1000))

    def test_known_place(self) -> None:
        """Who has logged in from a place gets in from there while strangers guess, in every process."""
        self.assertEqual(self.outcome(self.one.log_in(SECRET, address="192.0.2.1")), "ok")
        self.clock.advance(1)
        self.guess(10)
        self.assertEqual(self.outcome(self.two.log_in(SECRET, address="192.0.2.1")), "ok")

    def test_challenge_and_response(self) -> None:
        """Digests are refused unseen as well, and an exchange is not begun for whoever is blocked."""
        self.guess(4)
        peer = attrs.evolve(PEER, address="198.51.100.1")
        proof = DigestProof(b"tim", b"<1@host>", b"0" * 32, keyed=True)
        self.assertEqual(
            self.outcome(self.one.portal.login(credentials_of(proof, peer, "CRAM-MD5"), peer, IMaildrop)), "throttled"
        )
        question = Deferred.fromCoroutine(self.one.portal.lookup(ScramQuestion("tim", "SHA-256"), peer))
        self.assertEqual(self.failureResultOf(question, MailError).value.reason, "throttled")

    def test_relay_is_no_guess(self) -> None:
        """Connections without a log-in, whatever becomes of them, are no guesses."""
        for _ in range(100):
            self.successResultOf(self.one.portal.login(ConnectionCredentials(peer=PEER), None, IDelivery))
        self.clock.advance(1)
        self.assertEqual(self.one.told, [])

    def test_right_password_but_busy(self) -> None:
        """A maildrop that is in use, and a store that is down, are no wrong passwords."""
        for kind in (Kind.IN_USE, Kind.NOT_NOW):
            self.one.busy = MailError(kind, "busy")
            for _ in range(20):
                self.assertEqual(self.outcome(self.one.log_in(SECRET)), "busy")

    def test_old_password(self) -> None:
        """A program that repeats the same wrong password does not block its house."""
        for _ in range(30):
            self.assertEqual(self.outcome(self.one.log_in("last year's")), "UnauthorizedLogin")
            self.clock.advance(60)


class DeskTests(ProcessesTestCase):
    """What the main process does for all."""

    def setUp(self) -> None:
        super().setUp()
        self.file = Path(self.mktemp())
        self.desk = self.make_desk()
        self.desk.startService()
        self.addCleanup(lambda: self.desk.running and self.desk.stopService())

    def make_desk(self) -> ThrottleDesk:
        """For the second process, which is the main one."""
        return ThrottleDesk(self.clock, self.two.guard.throttle, self.two.bus, self.two.announce, self.file)

    def ask(self, what: str, *arguments: str) -> Any:
        """As the command does."""
        self.one.announce(ASK, ["7", what, list(arguments)])
        ((_, (number, answer)),) = [one for one in self.two.told if one[0] == TELL]
        self.two.told.clear()
        self.assertEqual(number, "7")
        return answer

    def test_list_and_clear(self) -> None:
        """The command sees what any process has blocked, and frees it in all."""
        self.guess(4)
        self.clock.advance(1)
        self.assertEqual([row[:2] for row in self.ask("list")], [["account", "tim@example.test"]])
        until, _, known, never = self.ask("test", "203.0.113.9", "tim@example.test")
        self.assertEqual((until > self.clock.seconds(), known, never), (True, False, False))
        self.one.announce(CLEAR, "tim@example.test")
        self.assertEqual(self.ask("list"), [])
        self.assertEqual(self.outcome(self.one.log_in(SECRET)), "ok")

    def test_new_worker(self) -> None:
        """A worker that was started again asks, and knows what is blocked and who is known where."""
        self.outcome(self.one.log_in(SECRET, address="192.0.2.1"))
        self.guess(4)
        self.clock.advance(1)
        new = Process(self.clock, self.directory, self.one._others)
        new.announce(HELLO, None)
        self.assertEqual(self.outcome(new.log_in(SECRET, address="203.0.113.1")), "throttled")
        self.assertEqual(self.outcome(new.log_in(SECRET, address="192.0.2.1")), "ok")

    def test_restart(self) -> None:
        """Known places survive a restart of the whole service."""
        self.outcome(self.two.log_in(SECRET, address="192.0.2.1"))
        self.desk.stopService()
        self.two = Process(self.clock, self.directory, [])
        self.desk = self.make_desk()
        self.desk.startService()
        self.assertTrue(self.two.guard.throttle.ask("tim@example.test", "192.0.2.1", self.clock.seconds()).known)

    def test_damaged_file(self) -> None:
        """A damaged file of known places is as good as none."""
        self.desk.stopService()
        for text in ("", "{}", "[1]", '[["a", "b"]]', "nonsense"):
            self.file.write_text(text)
            self.desk = self.make_desk()
            self.desk.startService()
            self.assertEqual(list(self.two.guard.throttle.known(self.clock.seconds())), [])
            self.desk.stopService()

    def test_morning(self) -> None:
        """All night somebody guesses, and there is one line about it in the morning."""
        self.clock.advance(self.desk._morning.getTime() - self.clock.seconds())
        with capturedLogs() as events:
            for number in range(20):
                self.guess(1, address=f"198.51.{number}.1")
            self.clock.advance(86_400)
        self.assertEqual(
            [formatEvent(event) for event in events if event["log_namespace"] == "mailsvc.throttle"],
            [
                "since yesterday: 5 wrong password(s) from 5 network(s), 15 attempt(s) refused unseen, 2 block(s); "
                "0 account(s) attacked from many networks"
            ],
        )

    def test_morning_in_japanese(self) -> None:
        """The line is in the administrator's language."""
        desk = ThrottleDesk(self.clock, self.two.guard.throttle, self.two.bus, self.two.announce, self.file, "ja")
        self.clock.advance(self.desk._morning.getTime() - self.clock.seconds())
        for number in range(12):
            self.guess(1, address=f"198.51.{number}.1")
            self.clock.advance(3600)
        with capturedLogs() as events:
            desk._report()
        desk._morning.cancel()
        (line,) = (formatEvent(event) for event in events)
        self.assertEqual(
            line,
            "昨日から: パスワードの誤り 12 回（12 ネットワークから）、照合せずに断った試行 0 回、遮断 0 回。"
            "多数のネットワークから攻撃されたアカウント 1 件（tim@example.test: 12 ネットワーク）",
        )

    def test_slow_attack(self) -> None:
        """Somebody who comes from another network each hour is not blocked, but seen."""
        self.clock.advance(self.desk._morning.getTime() - self.clock.seconds())
        with capturedLogs() as events:
            for number in range(12):
                self.guess(1, address=f"198.51.{number}.1")
                self.clock.advance(3600)
            self.clock.advance(86_400)
        self.assertIn(
            "1 account(s) attacked from many networks: tim@example.test (from 12 networks)", formatEvent(events[-1])
        )
