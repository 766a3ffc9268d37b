"""Nobody learns from the time of a refused log-in whether a name exists, and what it has.

The short form counts what takes time, exactly: reads of the database, keyed hashes, decryptions and password hashes of a refused attempt
are the same for every name. The long form measures: refused attempts for all names in turn, in shuffled order, CPU time of the thread; for
each name the median of its differences to a name that nobody has, with a bootstrapped 99 % interval, which must lie within
:data:`TOLERANCE`. What password hashing takes is left out of it (it is 25 ms more for everybody, and would hide the rest)::

    MAILSVC_LONG=1 python -m pytest tests/long/test_log_in_timing.py
"""

import base64
import gc
import hmac
import os
import random
import secrets
import statistics
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from argon2 import PasswordHasher
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.task import Clock

from mailsvc.app.portal import MailPortal, make_portal
from mailsvc.app.realm import Realm
from mailsvc.auth import hashing
from mailsvc.auth.credentials import credentials_of
from mailsvc.auth.device_passwords import generate
from mailsvc.auth.doors import make_doors
from mailsvc.auth.guard import Guard, make_throttle
from mailsvc.auth.hashing import Hasher
from mailsvc.auth.keyring import Key
from mailsvc.auth.options import AuthOptions, OAuthOptions, ThrottleOptions
from mailsvc.core.interfaces.login import IAuthenticated
from mailsvc.core.operations import AddAccount, ChangeAccount
from mailsvc.core.values import Peer
from mailsvc.directory import Directory, Secrets
from mailsvc.formats.sasl import MECHANISMS, Challenge, Circumstances, DigestProof, Done, Need, PasswordProof
from mailsvc.store.connect import run
from mailsvc.testing.auth import InlineWorker
from mailsvc.testing.logins import LoginHouse

LONG = os.environ.get("MAILSVC_LONG") == "1"
ROUNDS = 3000 if LONG else 10
RESULTS = Path(__file__).parents[2] / "benchmarks" / "results" / "log-in-timing.md"

TOLERANCE = 40.0
"""Microseconds. About half of it is there: to fetch and open one real device is a little more than to make one up. To see that through a
network takes many thousand attempts at one name, of which the throttle lets some twenty through."""

RESAMPLES = 1000

NOBODY = "nobody"
NAMES = (NOBODY, "alice", "bob", "closed", "tablets")
"""Who does not exist; has a password and a device; has nothing; is disabled; has twenty devices and no password."""

PEER = Peer("192.0.2.1", "pop3@[::]:110", "pop3", tls="TLSv1.3")
CHALLENGE = b"<1.2@mail.example.test>"
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
Attempt = Callable[[str], Awaitable[object]]


@attrs.frozen
class Counted:
    """A connection to the database that counts what is asked."""

    connection: Any
    done: Counter[str]

    def execute(self, sql: str, bindings: Any = None) -> Any:
        """Count, and do it."""
        self.done[sql] += 1
        return self.connection.execute(sql, bindings)


class House:
    """A portal with all its checkers over a real store, and a throttle that counts but blocks nobody."""

    def __init__(self, path: Path) -> None:
        self.done: Counter[str] = Counter()
        self.house = house = LoginHouse(path)
        stored = CHEAP.hash("right")
        house.store.commit([AddAccount("closed@example.test"), AddAccount("tablets@example.test")])
        for name in ("alice", "closed"):
            house.set_password(name, stored, "right")
        house.store.commit([ChangeAccount(house.account("closed").id, enabled=False)])
        house.add_device("alice", "phone", readable=True)
        for number in range(20):
            house.add_device("tablets", f"tablet {number}", readable=True)
        self.portal = self._portal()

    def _portal(self) -> MailPortal:
        clock, house = Clock(), self.house
        directory, secrets = Directory(self.connection), Secrets(self.connection)
        limits = ThrottleOptions(address_failures=10**9, network_failures=10**9, account_failures=10**9)
        guard = Guard(clock, directory, make_throttle(limits), lambda topic, payload: None)
        doors = make_doors(
            clock,
            AuthOptions(keys=house.keys.path),
            OAuthOptions(),
            directory,
            secrets,
            house.store.apply,
            Hasher(InlineWorker()),
            lambda device, peer: None,
        )
        return make_portal(Realm(directory, {}), doors, lambda event: None, guard)

    def connection(self) -> Any:
        """The database, with a count of what it is asked."""
        return Counted(self.house.store.connection(), self.done)

    # --- ways to be refused ---

    async def refused(self, mechanism: str, proof: Any) -> None:
        """A log-in that must fail."""
        try:
            await self.portal.login(credentials_of(proof, PEER, mechanism), None, IAuthenticated)
        except UnauthorizedLogin:
            return
        raise AssertionError("it was right")

    def password(self, mechanism: str, password: str) -> Attempt:
        """A wrong one."""
        return lambda name: self.refused(mechanism, PasswordProof(name, password))

    def digest(self, mechanism: str) -> Attempt:
        """CRAM-MD5 or APOP with a digest of nothing."""
        keyed = mechanism == "CRAM-MD5"
        return lambda name: self.refused(mechanism, DigestProof(name, CHALLENGE, b"0" * 32, keyed))

    def scram(self, mechanism: str, finish: bool) -> Attempt:
        """The first step, which yields the salt, or all of it."""

        async def attempt(name: str) -> None:
            exchange = MECHANISMS[mechanism].make(Circumstances(nonce="ours"))
            need = exchange.step(f"n,,n={name},r=theirs".encode())
            assert isinstance(need, Need)
            told = need.then(await self.portal.lookup(need.question, PEER))
            assert isinstance(told, Challenge)
            if finish:
                proof = base64.b64encode(bytes(20 if mechanism == "SCRAM-SHA-1" else 32))
                done = exchange.step(b"c=biws,r=theirsours,p=" + proof)
                assert isinstance(done, Done)
                await self.refused(mechanism, done.proof)

        return attempt

    @property
    def attempts(self) -> dict[str, Attempt]:
        """Every mechanism that a stranger may fail by."""
        ways = {name: self.password(name, "wrong") for name in ("USER", "PLAIN", "LOGIN")}
        ways |= {"PLAIN, like a device's": self.password("PLAIN", generate())}
        ways |= {name: self.digest(name) for name in ("CRAM-MD5", "APOP")}
        for name in ("SCRAM-SHA-1", "SCRAM-SHA-256"):
            ways |= {f"{name}, salt": self.scram(name, False), f"{name}, proof": self.scram(name, True)}
        return ways


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """The house, with password hashes that cost next to nothing."""
    monkeypatch.setattr(hashing, "_ARGON2", CHEAP)
    monkeypatch.setattr(hashing, "_NOBODY", f"$argon2id$v=19$m=8,t=1,p=1${'A' * 22}${'A' * 43}")
    house = House(tmp_path)
    yield house
    house.house.close()


def count_work(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on, count what takes time besides reads."""

    def counted(what: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def counting(*arguments: Any, **options: Any) -> Any:
            house.done[what] += 1
            return function(*arguments, **options)

        return counting

    monkeypatch.setattr(hmac, "digest", counted("hmac", hmac.digest))
    monkeypatch.setattr(hmac, "new", counted("hmac", hmac.new))
    monkeypatch.setattr(Key, "open", counted("decryption", Key.open))
    monkeypatch.setattr(hashing, "_verify_argon2", counted("argon2", hashing._verify_argon2))
    monkeypatch.setitem(hashing._SCHEMES, "argon2id", hashing._verify_argon2)


def test_a_refusal_is_the_same_work_for_every_name(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same reads, keyed hashes, decryptions and password hashes, whether the name exists, and whatever it has."""
    count_work(house, monkeypatch)
    for what, attempt in house.attempts.items():
        work = {}
        for name in NAMES:
            house.done.clear()
            run(attempt(f"{name}@example.test"))
            work[name] = dict(house.done)
        assert len(work[NOBODY]) > 1, what
        for name in NAMES:
            assert work[name] == work[NOBODY], (what, name)


def test_a_right_answer_would_be_told(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The count is no constant: a right password is other work than a wrong one."""
    count_work(house, monkeypatch)
    run(house.attempts["PLAIN"]("alice@example.test"))
    wrong = dict(house.done)
    house.done.clear()
    with pytest.raises(AssertionError, match="right"):
        run(house.password("PLAIN", "right")("alice@example.test"))
    assert house.done != wrong


def measured(attempt: Attempt, shuffle: random.Random) -> dict[str, list[float]]:
    """Name -> microseconds of each of its attempts beyond that for a name that nobody has, in the same round."""
    names = list(NAMES)
    beyond: dict[str, list[float]] = {name: [] for name in NAMES[1:]} | {NOBODY: []}
    for _ in range(ROUNDS):
        took = {}
        shuffle.shuffle(names)
        for name in names:
            began = time.thread_time_ns()
            run(attempt(f"{name}@example.test"))
            took[name] = (time.thread_time_ns() - began) / 1000
        for name in NAMES[1:]:
            beyond[name].append(took[name] - took[NOBODY])
        beyond[NOBODY].append(took[NOBODY])
    return beyond


def interval(values: list[float], shuffle: random.Random) -> tuple[float, float]:
    """Where the median lies, with 99 % confidence (bootstrap)."""
    medians = sorted(statistics.median(shuffle.choices(values, k=len(values))) for _ in range(RESAMPLES))
    return medians[RESAMPLES // 200], medians[-RESAMPLES // 200 - 1]


def test_no_difference_can_be_measured(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    """Every kind of account is refused in the time of a name that nobody has (judged in the long form only)."""
    seed = secrets.randbits(32)
    shuffle = random.Random(seed)
    lines, astray = [], []
    gc.disable()
    try:
        for what, attempt in house.attempts.items():
            beyond = measured(attempt, shuffle)
            usual = statistics.median(beyond.pop(NOBODY))
            bounds = {name: interval(values, shuffle) for name, values in beyond.items()}
            told = ", ".join(f"{name} {low:+.1f} to {high:+.1f}" for name, (low, high) in bounds.items())
            lines.append(f"- {what}: {usual:.0f} µs for a name that nobody has; {told}")
            astray += [(what, name, low, high) for name, (low, high) in bounds.items() if max(-low, high) > TOLERANCE]
    finally:
        gc.enable()
    text = (
        f"# Refused log-ins\n\n{ROUNDS} rounds, seed {seed}; differences in µs of CPU, 99 % interval of the median.\n\n"
        + "\n".join(lines)
    )
    with capsys.disabled():
        print(f"\n{text}")
    if LONG:
        RESULTS.write_text(text + "\n", encoding="utf-8")
        assert not astray
