"""Log-ins by POP3: per mechanism, over TLS, five thousand at nine o'clock, and while somebody guesses passwords.

First and repeated: nobody, and then everybody, of 200 people has logged in before; clients remember what SCRAM lets them. Both servers
hash login passwords with argon2id at the same cost; Dovecot has its cache of passwords on, but hashes anew all the same, so a further row
has its passwords in clear, where no server can be faster. APOP and CRAM-MD5 need passwords that can be read: device passwords at ours.
SCRAM: verifiers at both, of the same iterations.

Nine o'clock: people with device passwords over TLS, each a handshake of its own. Guessing: wrong passwords for 50 of the accounts, from
100 addresses, as fast as ours answers them and up to 1,000/s, while others log in who have done so before from where they are.
"""

import argparse
import base64
import contextlib
import multiprocessing
import secrets
import statistics
import time
from collections.abc import Iterator
from typing import Any

from benchmarks import report
from benchmarks.login_client import MECHANISMS, Door, Refused, salted, visit, visits
from benchmarks.ours import Ours
from benchmarks.peers import Peers
from benchmarks.servers import DOMAIN, PASSWORD, free_port, mailboxes
from mailsvc.auth.device_passwords import generate
from mailsvc.auth.hashing import Hasher
from mailsvc.auth.keyring import Key, KeyFile, KeyRing
from mailsvc.auth.verifiers import ITERATIONS, make_verifiers
from mailsvc.core.operations import AddDevice, SetPassword
from mailsvc.core.secrets import Scope
from mailsvc.directory import Directory
from mailsvc.store import open_store
from mailsvc.store.connect import run
from mailsvc.testing.auth import InlineWorker

PEOPLE = 200
MORNING = 5000
GUESSES = 1000  # a second
ADDRESSES = 100
ATTACK = 10.0  # seconds
VICTIMS = 50
ROUNDS_OF_ACQUAINTANCE = 8
"""Visits between the first and the measured ones, so that each of our two workers has seen nearly everybody. (After three, one person in
sixteen was hashed in what counts as repeated, which is as much work as all the rest; after eight, one in five hundred.)"""

GOAL = "at least 1.5 x"
SALT = secrets.token_bytes(16)
VERIFIERS = make_verifiers(PASSWORD.encode(), SALT)
DEVICE = generate()  # the same for everybody: what counts is the work, not the secret

CLEAR = "USER and PASS, Dovecot's in clear"

LISTENER = (
    'apop = true\nmechanisms = ["SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN", "LOGIN"]\nconnections = 5000'
)
CONFIG = '[auth]\nkeys = "device-keys"\n\n[throttle]\nnever_block = ["::1/128"]'

DOVECOT = """\
auth_mechanisms = plain login cram-md5 apop scram-sha-1 scram-sha-256
auth_cache_size = 10 M
auth_cache_ttl = 1 hour
ssl = yes
ssl_cert = <{certificate}
ssl_key = <{key}
service pop3-login {{
  inet_listener pop3s {{
    port = {pop3s}
    ssl = yes
  }}
}}
service auth {{
  client_limit = 5000
}}
"""

REUSED = "service pop3 {{\n  service_count = 256\n}}\n"
"""Dovecot's session processes used again, which is not its default: a new one for each session is most of what a log-in costs it."""


def people(mechanism: str, count: int) -> list[str]:
    """The users of a mechanism: each has its own, for Dovecot keeps one password for each."""
    first = [*MECHANISMS, CLEAR].index(mechanism) * count
    return mailboxes(first + count)[first:]


def _scram_text(hash: str) -> str:
    row = next(row for row in VERIFIERS if row[0] == hash)
    stored, server = (base64.b64encode(key).decode() for key in row[3:])
    return f"{ITERATIONS},{base64.b64encode(SALT).decode()},{stored},{server}"


def dovecot_passwords(count: int, hashed: str) -> dict[str, str]:
    """User -> what Dovecot's password file says."""
    kept = {
        "USER and PASS": "{ARGON2ID}" + hashed,
        CLEAR: "{PLAIN}" + PASSWORD,
        "APOP": "{PLAIN}" + DEVICE,
        "CRAM-MD5": "{PLAIN}" + DEVICE,
        "SCRAM-SHA-1": "{SCRAM-SHA-1}" + _scram_text("SHA-1"),
        "SCRAM-SHA-256": "{SCRAM-SHA-256}" + _scram_text("SHA-256"),
    }
    return {user: text for mechanism, text in kept.items() for user in people(mechanism, count)}


def password_of(mechanism: str) -> str:
    """What the client types."""
    return DEVICE if mechanism in ("APOP", "CRAM-MD5") else PASSWORD


def equip(ours: Ours, hashed: str) -> None:
    """A login password with verifiers, and a device password that can be read, for everybody; the server does not run."""
    keys = KeyFile(ours.root / "device-keys")
    keys.write(KeyRing([Key.new()]))
    key = keys.ring().current
    octets = DEVICE.encode("ascii")
    with contextlib.closing(open_store(str(ours.server.directory / "store"))) as store:
        for account in run(Directory(store.connection).accounts()):
            number = secrets.randbits(62) | 1
            sealed = key.seal(octets, account.id, number)
            device = AddDevice(account.id, number, "phone", Scope.ALL.value, 0, key.id, key.mac(octets), sealed)
            store.apply([SetPassword(account.id, hashed, VERIFIERS), device])


@contextlib.contextmanager
def equipped(accounts: int, hashed: str) -> Iterator[Ours]:
    """Our server, with people who can log in by everything."""
    with Ours(accounts=accounts, listener=LISTENER, config=CONFIG) as ours:
        ours.server.stop()
        equip(ours, hashed)
        ours.server.start()
        yield ours


@contextlib.contextmanager
def rivals(count: int, hashed: str, further: str = "") -> Iterator[tuple[Peers, int, Ours]]:
    """Dovecot (with ``further`` lines of its configuration), its port with TLS, and ours, with the same people and certificate."""
    everybody = count * (len(MECHANISMS) + 1)
    with equipped(everybody, hashed) as ours:
        pop3s, server = free_port(), ours.server
        lines = (DOVECOT + further).format(
            certificate=server.certificate, key=server.directory / "key.pem", pop3s=pop3s
        )
        with Peers(everybody, dovecot=lines, passwords=dovecot_passwords(count, hashed)) as peers:
            yield peers, pop3s, ours


def mechanisms(rounds: int, count: int, hashed: str) -> Iterator[report.Sample]:
    """Log-ins per second, first and repeated, and over TLS."""
    for hash in ("sha1", "sha256"):
        salted(hash, PASSWORD, SALT, ITERATIONS)
    with rivals(count, hashed) as (peers, pop3s, ours):
        for mechanism in (*MECHANISMS, CLEAR):
            by = mechanism if mechanism in MECHANISMS else "USER and PASS"
            group = [(user, password_of(mechanism)) for user in people(mechanism, count)]
            for server in (peers, ours):
                rate = count / visits(Door(server.pop3), by, group)
                yield report.Sample(f"{mechanism}, first, log-ins/s", server.name, rate)
                for _ in range(ROUNDS_OF_ACQUAINTANCE):
                    visits(Door(server.pop3), by, group)
            for server in (peers, ours) * rounds:
                rate = count / visits(Door(server.pop3), by, group)
                yield report.Sample(f"{mechanism}, repeated, log-ins/s", server.name, rate, GOAL)
        group = [(user, PASSWORD) for user in people(CLEAR, count)]
        trust = ours.server.tls_context()
        for what, resume in {"full handshakes": False, "sessions resumed": True}.items():
            for name, port in ((peers.name, pop3s), (ours.name, ours.server.ports["pop3s"])) * rounds:
                rate = count / visits(Door(port, trust, resume), "USER and PASS", group)
                yield report.Sample(f"TLS, {what}, repeated, log-ins/s", name, rate, GOAL)


def morning(count: int, hashed: str) -> Iterator[report.Sample]:
    """Seconds until everybody has logged in by a device password over TLS, clients included."""
    with equipped(count, hashed) as ours:
        door = Door(ours.server.ports["pop3s"], ours.server.tls_context())
        elapsed = visits(door, "USER and PASS", [(user, DEVICE) for user in mailboxes(count)])
        yield report.Sample(f"{count:,} device passwords over TLS, s", ours.name, elapsed, "at most 30")


def _guess(port: int, number: int, until: float, rate: float, count: Any) -> None:
    pause = 1 / rate
    at = time.monotonic()
    while at < until:
        door = Door(port, source=f"127.0.1.{number % ADDRESSES + 1}")
        with contextlib.suppress(Refused, ConnectionError):
            visit(door, "USER and PASS", f"{number % VICTIMS + 1}u@{DOMAIN}", f"guess-{number}")
        with count.get_lock():
            count.value += 1
        number += 7
        at += pause
        time.sleep(max(0.0, at - time.monotonic()))
        at = max(at, time.monotonic() - 1)


@contextlib.contextmanager
def guessing(port: int, seconds: float) -> Iterator[Any]:
    """Eight processes that guess; the counter of their guesses."""
    fork = multiprocessing.get_context("fork")
    count = fork.Value("i", 0)
    until = time.monotonic() + seconds
    attackers = [
        fork.Process(target=_guess, args=(port, number * 13, until, GUESSES / 8, count)) for number in range(8)
    ]
    for each in attackers:
        each.start()
    try:
        yield count
    finally:
        for each in attackers:
            each.join()


def _others(door: Door, group: list[str], seconds: float) -> float:
    """Milliseconds of a log-in, the median; one after another, a hundred a second."""
    took = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        took.append(visit(door, "USER and PASS", group[len(took) % len(group)], PASSWORD))
        time.sleep(0.01)
    return statistics.median(took) * 1000


def guesses(count: int, hashed: str) -> Iterator[report.Sample]:
    """What other people's log-ins take, at rest and while a thousand wrong passwords a second arrive."""
    with equipped(count, hashed) as ours:
        door, group = Door(ours.pop3), mailboxes(count)
        for user in group:
            visit(door, "USER and PASS", user, PASSWORD)
        what = "a log-in of somebody else, ms"
        yield report.Sample(what, "at rest", _others(door, group, ATTACK / 2))
        with guessing(ours.pop3, ATTACK + 2) as tried:
            time.sleep(1)
            before, began = tried.value, time.monotonic()
            yield report.Sample(what, "while somebody guesses", _others(door, group, ATTACK), "at most 1.5 x")
            rate = (tried.value - before) / (time.monotonic() - began)
        yield report.Sample("wrong passwords/s", "while somebody guesses", rate)


def main() -> None:
    """Run and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--people", type=int, default=PEOPLE)
    parser.add_argument("--morning", type=int, default=MORNING)
    arguments = parser.parse_args()
    full = arguments.people >= PEOPLE and arguments.morning >= MORNING
    hashed = run(Hasher(InlineWorker()).hash(PASSWORD))
    notes = [
        "Eight clients at once, on the same cores; a log-in is connect, greeting, exchange, QUIT. Dovecot makes a process for each session,"
        " which is its default and most of its work; `python -m benchmarks.log_in_cost --reuse` shows it without."
    ]
    samples = list(mechanisms(arguments.rounds, arguments.people, hashed))
    report.show("log_ins", "Log-ins", samples, notes, keep=full)
    samples = list(morning(arguments.morning, hashed))
    report.show("log_ins_morning", "Nine o'clock", samples, notes, keep=full)
    samples = list(guesses(arguments.people, hashed))
    report.show(
        "log_ins_guessing", "While somebody guesses", samples, [__doc__.split("\n\n")[-1].replace("\n", " ")], keep=full
    )


if __name__ == "__main__":
    main()
