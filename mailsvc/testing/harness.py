"""A real server for tests: ``twistd mailsvc`` in processes of its own, on free ports, in a directory of its own.

::

    with RunningServer(directory, accounts={"alice@example.test": "secret"}, workers=2) as server:
        smtplib.SMTP(server.host, server.ports["smtp"]) ...
        server.kill("owner")

Every wait is bounded, and whatever happens no process is left behind, not even if the tests are killed.
"""

import atexit
import contextlib
import os
import random
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from itertools import cycle, islice
from pathlib import Path
from types import TracebackType
from typing import Self

from mailsvc.app.binding import bind_tcp
from mailsvc.auth.hashing import Hasher
from mailsvc.core.operations import AddAccount, AddDomain
from mailsvc.directory import Directory
from mailsvc.monitor.memory import remove_directory
from mailsvc.net.certificates import LOOPBACK_NAMES, self_signed, write_pair
from mailsvc.store import open_store
from mailsvc.store.connect import run
from mailsvc.testing.auth import InlineWorker
from mailsvc.testing.keeper import Keeper

__all__ = ["LISTENERS", "PATIENCE", "TWISTD", "RunningServer", "alive", "free_offset", "free_ports", "wait_for"]

PATIENCE = 120.0
"""Seconds that anything may take, however busy the machine is. Nothing waits so long unless it fails."""

LISTENERS = {
    "smtp": ("smtp", "starttls"),
    "submission": ("submission", "starttls"),
    "submissions": ("submission", "implicit"),
    "lmtp": ("lmtp", "none"),
    "pop3": ("pop3", "starttls"),
    "pop3s": ("pop3", "implicit"),
    "imap": ("imap", "starttls"),
    "imaps": ("imap", "implicit"),
}
"""The listeners of a test server: name -> protocol and TLS mode."""

_RUN_TWISTD = ("-c", "from twisted.scripts.twistd import run; run()")

TWISTD = (sys.executable, *_RUN_TWISTD)
"""The ``twistd`` of this Python, also where its script is not on PATH."""

_VICTIMS = {"owner": "mailsvc.store.owner", "worker": "mailsvc.app.worker_main"}


def wait_for(condition: Callable[[], bool], what: str, patience: float = PATIENCE) -> None:
    """Ask again and again until it is true. Raises TimeoutError naming ``what``."""
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {patience:g} seconds")
        time.sleep(0.02)


_BLOCKS = range(10_000, 30_000, 1_000)
"""Below the ports that the kernel gives to outgoing connections, one of which could take a port before its server starts (again)."""


@cache
def _held_block() -> tuple[int, socket.socket]:
    """A thousand ports for this process. It holds the first as long as it lives: another run of the tests, or another worker of this one,
    takes another block."""
    for first in random.SystemRandom().sample(_BLOCKS, len(_BLOCKS)):  # Hypothesis seeds ``random``
        with contextlib.suppress(OSError):
            return first, bind_tcp("127.0.0.1", first)
    raise OSError("too many runs of the tests at once")


@cache
def _our_ports() -> Iterator[int]:
    return cycle(range(_held_block()[0] + 1, _held_block()[0] + _BLOCKS.step))


def free_ports(count: int) -> list[int]:
    """Ports that nobody has just now, and that nobody else is given soon."""
    free = filter(_is_free, islice(_our_ports(), 2 * _BLOCKS.step))
    return [next(free) for _ in range(count)]


def free_offset() -> int:
    """What may be added to the standard ports of mail, for servers that are not started beside a running one."""
    return _held_block()[0]


def _is_free(port: int) -> bool:
    try:
        bind_tcp("127.0.0.1", port).close()
    except OSError:
        return False
    return True


class RunningServer:
    """One server. ``start`` and ``stop`` may be called again and again: ports and mail stay.

    :ivar host: address of all listeners. :ivar ports: name of a listener (see :data:`LISTENERS`), or ``"monitor"``, to its port.
    :ivar accounts: address -> password. :ivar certificate: PEM file that a client may trust.
    """

    host = "127.0.0.1"

    def __init__(
        self,
        directory: Path,
        accounts: Mapping[str, str] | None = None,
        workers: int = 1,
        domain: str = "example.test",
        domain_options: str = "",
        config: str = "",
        listener: str = "",
        store: str = "",
        top: str = "",
        environment: Mapping[str, str] | None = None,
        session: bool = False,
        twistd: Sequence[str] = (),
        arguments: Sequence[str] = (),
        python: str = sys.executable,
    ) -> None:
        """:param directory: empty or a former server's. :param config: TOML put at the end of the file (further tables).
        :param domain_options: TOML lines put into the ``[[domain]]``.
        :param listener: TOML lines put into each ``[[listener]]``. :param store: TOML lines put into ``[store]``.
        :param top: TOML lines put before the first table.
        :param environment: added to that of the processes. :param session: make them a process group of their own.
        :param twistd: the whole command line of twistd, instead of ``-n --pidfile= mailsvc -c FILE``.
        :param arguments: added to the command line of ``mailsvc``. :param python: the Python that runs it.
        """
        self.directory = directory
        self.accounts = dict(accounts or {"alice@example.test": "alice-secret", "bob@example.test": "bob-secret"})
        self.domain = domain
        self._domain_options = domain_options
        self.file = directory / "mailsvc.toml"
        self.certificate, self._key = directory / "certificate.pem", directory / "key.pem"
        self.ports = dict(zip([*LISTENERS, "monitor"], free_ports(len(LISTENERS) + 1), strict=True))
        self._environment = dict(environment or {})
        self._session = session
        self._command = [python, *_RUN_TWISTD]
        self._command += twistd or ["-n", "--pidfile=", "mailsvc", "-c", str(self.file), *arguments]
        self._family: set[int] = set()  # all that were ever seen: of a killed main process, the children are nobody's
        self._process: subprocess.Popen[bytes] | None = None
        self._keeper: Keeper | None = None
        directory.mkdir(parents=True, exist_ok=True)
        if not self.certificate.exists():
            write_pair(self.certificate, self._key, self_signed([f"mail.{domain}", *LOOPBACK_NAMES], datetime.now(UTC)))
        self.file.write_text(self._configuration(workers, config, listener, store, top), encoding="utf-8")

    def _configuration(self, workers: int, config: str, listener: str, store: str, top: str) -> str:
        head = f'hostname = "mail.{self.domain}"\nworkers = {workers}\n{top}\n'
        tables = [
            f'[tls]\ncertificate = "{self.certificate}"\nkey = "{self._key}"',
            f'[store]\npath = "{self.directory / "store"}"\n{store}',
            f'[monitor]\naddress = "{self.host}"\nport = {self.ports["monitor"]}',
            f'[[domain]]\nname = "{self.domain}"\n{self._domain_options}',
        ]
        tables += [
            f'[[listener]]\nprotocol = "{protocol}"\naddress = "{self.host}"\nport = {self.ports[name]}\ntls = "{tls}"\n'
            f'cleartext = ["127.0.0.0/8"]\n{listener}'
            for name, (protocol, tls) in LISTENERS.items()
        ]
        return head + "\n\n".join([*tables, config]) + "\n"

    # --- life ---

    def start(self) -> None:
        """Start it and wait until every listener answers and the accounts exist."""
        self.start_only()
        wait_for(self.answers, "the listeners answer")
        self.processes()
        self._make_accounts()

    def start_only(self) -> None:
        """Start it without waiting."""
        self._release_keeper()
        with self._log_file.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ | self._environment,
                start_new_session=self._session,
            )
        self._keeper = Keeper(self._process.pid)
        atexit.register(self.destroy)

    def stop(self) -> int:
        """Ask it to end, wait, and return the exit code (twistd's is minus the signal). Raises TimeoutError if processes stay."""
        self.kill("main", signal.SIGTERM)
        return self.wait_stopped()

    def wait_stopped(self) -> int:
        """Wait until all processes have ended, and return the exit code. Raises TimeoutError if they do not."""
        assert self._process is not None
        try:
            code = self._process.wait(PATIENCE)
            wait_for(lambda: not any(map(alive, self._family)), "all processes end")
        finally:
            self.destroy()
        return code

    def kill(self, victim: str | int, number: signal.Signals = signal.SIGKILL) -> int:
        """Kill ``"main"``, ``"owner"``, ``"worker"`` (the first), ``"worker 1"`` or a pid; returns the pid."""
        family = self.processes()
        pid = victim if isinstance(victim, int) else family[victim]
        os.kill(pid, number)
        if pid == self.pid and number == signal.SIGKILL:
            assert self._process is not None
            self._process.wait(PATIENCE)
        return pid

    def destroy(self) -> None:
        """End every process by force, and wait until none is left. Harmless at any time."""
        atexit.unregister(self.destroy)
        if self._process is None:
            return
        self.processes()
        victims = [pid for pid in self._family if _kill(pid)]
        self._process.kill()
        self._process.wait(PATIENCE)
        wait_for(lambda: not any(map(alive, victims)), "killed processes end")  # until then the owner's socket answers
        self._family.clear()
        self._process = None
        self._release_keeper()
        remove_directory(self.directory / "store" / "counters")

    def _release_keeper(self) -> None:
        if self._keeper is not None:
            self._keeper.release()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.destroy()
            sys.stderr.write(self.log)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.destroy()
        (self.directory / "store" / "reserve").unlink(missing_ok=True)  # pytest keeps our directory

    # --- what can be seen ---

    @property
    def pid(self) -> int:
        """The main process."""
        assert self._process is not None
        return self._process.pid

    def processes(self) -> dict[str, int]:
        """The processes that live now: ``main``, ``owner``, ``worker``, ``worker 1``... by pid."""
        if self._process is None or self._process.poll() is not None:
            return {}
        found = {"main": self.pid}
        for child in _children(self.pid):
            name = next((name for name, module in _VICTIMS.items() if module in _command_line(child)), "")
            if name in found:
                name = f"{name} {sum(key.startswith(name) for key in found)}"
            if name:
                found[name] = child
        self._family.update(found.values())
        return found

    @property
    def _log_file(self) -> Path:
        return self.directory / "server.log"

    @property
    def log(self) -> str:
        """What all processes have logged so far."""
        return self._log_file.read_text(errors="replace") if self._log_file.exists() else ""

    def answers(self) -> bool:
        """Whether every listener greets. Raises RuntimeError if the server has ended."""
        if self._process is None or self._process.poll() is not None:
            raise RuntimeError("the server has ended:\n" + self.log[-4000:])
        return all(self.greeting(name) for name in LISTENERS)

    def greeting(self, name: str) -> bytes:
        """The first bytes that a listener sends; empty if it sends none."""
        try:
            with self.connect(name) as connection:
                return connection.recv(1024)
        except OSError:
            return b""

    def connect(self, name: str) -> socket.socket:
        """A connection to a listener, with TLS if that is how it begins."""
        plain = socket.create_connection((self.host, self.ports[name]), timeout=PATIENCE)
        if name in LISTENERS and LISTENERS[name][1] == "implicit":
            return self.tls_context().wrap_socket(plain, server_hostname="localhost")
        return plain

    def tls_context(self) -> ssl.SSLContext:
        """For clients: trusts our certificate and nobody else's."""
        return ssl.create_default_context(cafile=str(self.certificate))

    def command(self, *arguments: str, stdin: str = "") -> str:
        """Run the ``mailsvc`` command beside the server and return its output. Raises CalledProcessError."""
        return subprocess.run(
            [sys.executable, "-m", "mailsvc.cli", "-c", str(self.file), *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            check=True,
            timeout=PATIENCE,
        ).stdout

    def _make_accounts(self) -> None:
        """Blocking, and possible whether the server runs or not."""
        hasher = Hasher(InlineWorker())
        store = open_store(str(self.directory / "store"))
        try:
            store.apply([AddDomain(self.domain)])
            known = {account.address for account in run(Directory(store.connection).accounts())}
            for address, password in self.accounts.items():
                if address not in known:
                    store.apply([AddAccount(address, password_hash=run(hasher.hash(password)))])
        finally:
            store.close()


def _children(pid: int) -> list[int]:
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [int(each) for each in text.split()]


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def alive(pid: int) -> bool:
    """Whether a process runs, and is not just a line in the table of processes that nobody has read yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _kill(pid: int) -> bool:
    if "mailsvc" not in _command_line(pid):  # somebody else's, with a number used again
        return False
    with contextlib.suppress(ProcessLookupError):  # it has ended just now
        os.kill(pid, signal.SIGKILL)
    return True
