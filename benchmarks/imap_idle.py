"""IMAP: what an idle client costs, and whether one message costs more in a large mailbox.

Idle: TLS connections, each logged in to an account of its own, whose INBOX of 1,000 messages it has selected, and in IDLE; the growth of
all processes of the server, divided by them. One message: ``UID FETCH`` of one message's flags and envelope, and ``UID STORE`` of a flag,
in a mailbox of 1,000,000 and in one of 1,000.

Announced: how long after a flag was asked for by one session, and after a message was sent by SMTP, a client in IDLE hears of it; the two
sessions are at the same worker or not, as it happens.

The mailboxes are copied into the store while it is at rest, as the owner would have written them: by its own operations.
"""

import argparse
import contextlib
import functools
import smtplib
import socket
import ssl
import time
from collections.abc import Callable, Iterator

from benchmarks import report
from benchmarks.imap_client import Imap
from benchmarks.memory import resident
from benchmarks.ours import Ours
from benchmarks.servers import HOST, PASSWORD, mailboxes
from mailsvc.core.operations import Deliver
from mailsvc.core.values import Description
from mailsvc.directory import Directory
from mailsvc.formats.imap.describe import describe
from mailsvc.store import open_store
from mailsvc.store.connect import run

CONNECTIONS = 2000
SELECTED = 1000
SMALL, LARGE = 1000, 1_000_000
TURN = 5000
KINDS = 100
WARM = 20


def fill(ours: Ours, counts: dict[str, int]) -> None:
    """Deliver so many messages to each address; the server does not run."""
    with contextlib.closing(open_store(str(ours.server.directory / "store"))) as store:
        accounts = {account.address: account.id for account in run(Directory(store.connection).accounts())}
        for count in sorted(set(counts.values())):
            everybody = tuple(accounts[address] for address, wanted in counts.items() if wanted == count)
            turn = max(1, TURN // len(everybody))
            for start in range(0, count, turn):
                store.apply([_delivery(everybody, number) for number in range(start, min(start + turn, count))])


def _delivery(accounts: tuple[int, ...], number: int) -> Deliver:
    data, description = _kind(number % KINDS)
    date = 1_790_000_000 + number
    return Deliver(accounts, prefix=b"", size=len(data), date=date, data=data, description=description)


@functools.cache
def _kind(number: int) -> tuple[bytes, Description]:
    data = (
        f"Date: Fri, 20 Nov 2026 09:00:00 +0900\r\nFrom: sender{number}@elsewhere.test\r\nTo: info@bench.test\r\n"
        f"Subject: Report {number}\r\nMessage-ID: <{number}@elsewhere.test>\r\n\r\nHello.\r\n"
    ).encode()
    found = describe(data)
    return data, Description(data.index(b"\r\n\r\n") + 4, found.envelope, found.bodystructure)


class Idler:
    """A client over TLS that has selected INBOX and waits."""

    def __init__(self, port: int, user: str, trust: ssl.SSLContext) -> None:
        """:param port: of IMAP over TLS on loopback. :param trust: trusts the server under test. Raises OSError, RuntimeError."""
        plain = socket.create_connection((HOST, port), timeout=120)
        self.socket = trust.wrap_socket(plain, server_hostname="localhost")
        self._until(b"\r\n")
        for command in (f"LOGIN {user} {PASSWORD}", "SELECT INBOX"):
            self.socket.sendall(f"x {command}\r\n".encode())
            self._until(b"\r\n", b"x OK")
        self.socket.sendall(b"x IDLE\r\n")
        self._until(b"\r\n", b"+ ")

    def hear(self) -> None:
        """Wait for the next line that the server says by itself."""
        self._until(b"\r\n", b"* ")

    def _until(self, end: bytes, within: bytes = b"") -> None:
        data = b""
        while not (data.endswith(end) and within in data):
            more = self.socket.recv(65_536)
            if not more:
                raise ConnectionError(data)
            data += more


def idle(count: int, messages: int) -> report.Sample:
    """Kilobytes of each idle client."""
    users = mailboxes(count + WARM)
    with contextlib.ExitStack() as stack:
        ours = Ours(accounts=len(users), listener="connections = 5000")
        stack.callback(ours.__exit__)
        stack.enter_context(_filled(ours, dict.fromkeys(users, messages)))
        trust, port = ours.server.tls_context(), ours.server.ports["imaps"]
        clients = [Idler(port, user, trust) for user in users[:WARM]]  # what the first ones cost once for all
        before = resident(ours)
        clients += [Idler(port, user, trust) for user in users[WARM:]]
        time.sleep(2)  # what was only needed for the log-in is given back
        each = (resident(ours) - before) / count * 1000
    what = f"idle TLS client with an INBOX of {messages:,} selected, of {count:,}, kB"
    return report.Sample(what, ours.name, each, "at most 60")


@contextlib.contextmanager
def _filled(ours: Ours, counts: dict[str, int]) -> Iterator[None]:
    """The server, with this many messages in each account."""
    with ours:
        ours.server.stop()
        fill(ours, counts)
        ours.server.start()
        yield


def one_message(rounds: int, small: int, large: int) -> Iterator[report.Sample]:
    """Milliseconds of one FETCH and one STORE in a small and in a large mailbox, in turn."""
    users = mailboxes(2)
    with contextlib.ExitStack() as stack:
        ours = Ours(accounts=2)
        stack.callback(ours.__exit__)
        stack.enter_context(_filled(ours, dict(zip(users, (small, large), strict=True))))
        sessions = {count: Imap(ours.imap, user) for count, user in zip((small, large), users, strict=True)}
        for count, session in sessions.items():
            began = time.perf_counter()
            session.command("SELECT INBOX")
            yield report.Sample("SELECT, ms", f"of {count:,}", (time.perf_counter() - began) * 1000)
        for number in range(rounds + WARM):
            for count, session in sessions.items():
                uid = 1 + number * 7919 % count
                for what, command in _ONE.items():
                    began = time.perf_counter()
                    session.command(command.format(uid=uid))
                    if number >= WARM:
                        elapsed = (time.perf_counter() - began) * 1000
                        yield report.Sample(f"{what} of one message, ms", f"of {count:,}", elapsed, "at most 1.5 x")


def announced(rounds: int) -> Iterator[report.Sample]:
    """Milliseconds until another client in IDLE hears of a change, and of a new message."""
    (user,) = mailboxes(1)
    with Ours(accounts=1) as ours:
        trust, port = ours.server.tls_context(), ours.server.ports["imaps"]
        smtp = smtplib.SMTP(HOST, ours.smtp)
        smtp.sendmail("sender@elsewhere.test", [user], "Subject: first\r\n\r\n")
        idlers = [Idler(port, user, trust) for _ in range(8)]
        others = [Imap(ours.imap, user) for _ in range(8)]
        for other in others:
            other.command("SELECT INBOX")
        acts: dict[str, Callable[[int], object]] = {
            "a flag": lambda number: others[number % 8].command(f"STORE 1 {'-+'[number % 2]}FLAGS (\\Flagged)"),
            "a message": lambda number: smtp.sendmail("sender@elsewhere.test", [user], f"Subject: {number}\r\n\r\n"),
        }
        for number in range(1, rounds + 1):
            for what, act in acts.items():
                began = time.perf_counter()
                act(number)
                for idler in idlers:
                    idler.hear()
                elapsed = (time.perf_counter() - began) * 1000
                yield report.Sample(f"{what} is known to eight clients, ms", ours.name, elapsed, "within 100")
        smtp.quit()


_ONE = {"FETCH": "UID FETCH {uid} (FLAGS ENVELOPE)", "STORE": "UID STORE {uid} +FLAGS (\\Flagged)"}


def main() -> None:
    """Run and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=CONNECTIONS)
    parser.add_argument("--selected", type=int, default=SELECTED, help="messages in each idle client's INBOX")
    parser.add_argument("--large", type=int, default=LARGE)
    parser.add_argument("--rounds", type=int, default=200)
    arguments = parser.parse_args()
    full = arguments.connections >= CONNECTIONS and arguments.large >= LARGE
    samples = [idle(arguments.connections, arguments.selected)]
    notes = ["Growth of the main process, the owner and two workers together; every client has an account of its own."]
    report.show("imap_idle", "Idle IMAP clients", samples, notes, keep=full)
    samples = list(one_message(arguments.rounds, SMALL, arguments.large))
    notes = [
        f"One session in each mailbox, in turn; {arguments.rounds} rounds. SELECT is the first since the server began."
    ]
    report.show("imap_large", "One message in a small and in a large mailbox", samples, notes, keep=full)
    samples = list(announced(arguments.rounds))
    slowest = {what: max(one.value for one in samples if one.what == what) for what in {one.what for one in samples}}
    notes = ["From the command, or the message, until the last of the eight has heard, its commit included."]
    notes += [f"The slowest of {arguments.rounds}: {what}: {value:.1f}" for what, value in sorted(slowest.items())]
    report.show("imap_announced", "News to clients in IDLE", samples, notes, keep=full)


if __name__ == "__main__":
    main()
