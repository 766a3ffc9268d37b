"""People who write letters without pause and remember what they were promised: the load of the tests that break things.

Each :class:`Correspondents` thread talks plain SMTP over a socket of its own. Every letter has an id and a digest, and the
:class:`Ledger` knows at any moment how far it got. :mod:`mailsvc.testing.audit` compares that with what the mailboxes hold.

A letter that is refused is not sent again, as a real client would: the next one has a new id. So a letter that is there twice was doubled
by the server.
"""

import base64
import enum
import hashlib
import random
import socket
import threading
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress

import attrs

__all__ = ["MARK", "Abroad", "Correspondents", "Fate", "Ledger", "Letter", "digest"]

MARK = b"Letter-Id: "
"""The first header of each letter: what stands before it was added on the way."""

PATIENCE = 120.0
"""Seconds after which an answer that did not come is a complaint."""

# weight, octets from, to: inline and in files
_SIZES = (
    (60, 1_000, 10_000),
    (25, 10_000, 120_000),
    (15, 130_000, 300_000),
)
_LINE = 900


class Fate(enum.Enum):
    """How far a letter got, as its sender knows."""

    UNSENT = "its end was not sent: it must be nowhere"
    WAITING = "its end was sent, and the answer may still come"
    DOUBTFUL = "its end was sent and not answered with 250: it may be there whole, or not at all"
    PROMISED = "answered with 250: it must be there once for each recipient"


@attrs.define
class Letter:
    """One message.

    :ivar recipients: those with a mailbox here. :ivar outside: the others. :ivar digest: of its octets as they must come out again, from
        :data:`MARK` on.
    """

    id: str
    recipients: tuple[str, ...]
    digest: str = ""
    fate: Fate = Fate.UNSENT
    outside: tuple[str, ...] = ()


@attrs.frozen
class Abroad:
    """For letters to people elsewhere: an account of ours, its password, and the addresses, of which every fourth letter has one."""

    account: str
    password: str
    addresses: Sequence[str]


def digest(content: bytes) -> str:
    """What identifies the octets of a letter."""
    return hashlib.sha256(content).hexdigest()


class Ledger:
    """What was sent, and what was answered.

    :ivar letters: by id. :ivar replies: how often which refusal came, such as ``"MAIL 452 4.3.1"``.
    :ivar complaints: answers that should never come: a permanent refusal, none at all.
    """

    def __init__(self) -> None:
        self.letters: dict[str, Letter] = {}
        self.replies: Counter[str] = Counter()
        self.complaints: list[str] = []
        self._lock = threading.Lock()

    def add(self, letter: Letter) -> None:
        """Enter a letter that is about to be sent."""
        with self._lock:
            self.letters[letter.id] = letter

    def note(self, command: str, reply: bytes) -> None:
        """Enter a refusal."""
        code = " ".join(reply.decode("ascii", "replace").split()[:2])
        with self._lock:
            self.replies[f"{command} {code}"] += 1
            if not reply.startswith(b"4"):
                self.complaints.append(f"{command} was answered with {reply!r}")

    def complain(self, text: str) -> None:
        """Enter what should never happen."""
        with self._lock:
            self.complaints.append(text)

    def ids(self, fate: Fate) -> set[str]:
        """The letters that got so far."""
        with self._lock:
            return {letter.id for letter in self.letters.values() if letter.fate is fate}

    def count(self, fate: Fate) -> int:
        """How many letters got so far."""
        return len(self.ids(fate))


class Correspondents:
    """Senders, each with a connection, in threads. ``start`` and ``stop`` may follow one another.

    :param address: host and port of the SMTP server. :param recipients: all the mailboxes; a letter goes to one to three of them.
    :param seed: the same letters for the same seed (not the same order). :param abroad: to write to people elsewhere, too.
    """

    def __init__(
        self,
        address: tuple[str, int],
        recipients: Sequence[str],
        ledger: Ledger,
        count: int = 10,
        seed: int = 0,
        abroad: Abroad | None = None,
    ) -> None:
        self.ledger = ledger
        self._senders = [_Sender(f"{seed}-{number}", address, recipients, ledger, abroad) for number in range(count)]
        self._threads: list[threading.Thread] = []
        self._stop = threading.Event()

    def start(self) -> None:
        """Begin to send."""
        self._stop.clear()
        self._threads = [threading.Thread(target=each.run, args=(self._stop,), daemon=True) for each in self._senders]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Finish the letters that are under way, and rest. Raises TimeoutError if a sender hangs."""
        self._stop.set()
        for thread in self._threads:
            thread.join(2 * PATIENCE)
            if thread.is_alive():
                raise TimeoutError("a sender hangs")


class _Sender:
    """One connection after the other."""

    def __init__(
        self, name: str, address: tuple[str, int], recipients: Sequence[str], ledger: Ledger, abroad: Abroad | None
    ) -> None:
        self._abroad = abroad
        self._name = name
        self._address = address
        self._recipients = recipients
        self._ledger = ledger
        self._random = random.Random(name)  # noqa: S311 - letters, not secrets
        self._written = 0

    def run(self, stop: threading.Event) -> None:
        """Send until told to stop; a connection that ends is followed by the next."""
        while not stop.is_set():
            try:
                with socket.create_connection(self._address, timeout=PATIENCE) as connection:
                    self._converse(_Line(connection), stop)
            except TimeoutError:
                self._ledger.complain(f"no answer within {PATIENCE:g} seconds")
            except OSError:
                stop.wait(0.05)  # the server is down, or has just gone

    def _converse(self, line: "_Line", stop: threading.Event) -> None:
        if not self._begin(line):
            stop.wait(0.05)
            return
        while not stop.is_set():
            letter, content = self._write()
            self._ledger.add(letter)
            if not self._hand_in(line, letter, content):
                stop.wait(0.02)
                line.ask(b"RSET")
        line.ask(b"QUIT")

    def _begin(self, line: "_Line") -> bool:
        """Greet, and log in if there are letters to people elsewhere."""
        if not self._is_taken("greeting", line.reply()) or not self._is_taken("EHLO", line.ask(b"EHLO correspondent")):
            return False
        if self._abroad is None:
            return True
        plain = f"\0{self._abroad.account}\0{self._abroad.password}".encode()
        return self._is_taken("AUTH", line.ask(b"AUTH PLAIN " + base64.b64encode(plain)))

    def _hand_in(self, line: "_Line", letter: Letter, content: bytes) -> bool:
        writer = self._abroad.account if self._abroad else "writer@elsewhere.test"
        commands = [f"MAIL FROM:<{writer}> ENVID={letter.id}".encode("ascii")]
        commands += [b"RCPT TO:<%s>" % one.encode("ascii") for one in (*letter.recipients, *letter.outside)]
        for command in (*commands, b"DATA"):
            if not self._is_taken(command[:4].decode("ascii"), line.ask(command)):
                return False
        line.send(content.replace(b"\r\n.", b"\r\n.."))
        letter.fate = Fate.WAITING
        taken = False
        try:
            taken = self._is_taken("message", line.ask(b"."))
        finally:
            letter.fate = Fate.PROMISED if taken else Fate.DOUBTFUL
        return taken

    def _is_taken(self, command: str, reply: bytes) -> bool:
        if reply[:1] in b"23":
            return True
        self._ledger.note(command, reply)
        return False

    def _write(self) -> tuple[Letter, bytes]:
        self._written += 1
        choice = self._random
        recipients = choice.sample(self._recipients, choice.choice([1, 1, 1, 2, 3]))
        _, smallest, largest = choice.choices(_SIZES, [weight for weight, _, _ in _SIZES])[0]
        text = base64.b64encode(choice.randbytes(choice.randint(smallest, largest) * 3 // 4))
        lines = [text[start : start + _LINE] for start in range(0, len(text), _LINE)]
        lines[0] = b"." + lines[0]
        letter = Letter(f"{self._name}-{self._written}", tuple(recipients))
        if self._abroad and choice.random() < 0.25:
            letter.outside = (choice.choice(self._abroad.addresses),)
        head = MARK + letter.id.encode("ascii")
        content = b"\r\n".join([head, b"Subject: a letter", b"", *lines, b""])
        letter.digest = digest(content)
        return letter, content


class _Line:
    """The client's side of an SMTP connection."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._file = connection.makefile("rb")
        with suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, data: bytes) -> None:
        """Send octets."""
        self._socket.sendall(data)

    def ask(self, command: bytes) -> bytes:
        """Send a command; the last line of its reply."""
        self.send(command + b"\r\n")
        return self.reply()

    def reply(self) -> bytes:
        """The last line of the next reply. Raises ConnectionError if none comes any more."""
        while True:
            line = self._file.readline(2000)
            if not line.endswith(b"\r\n"):
                raise ConnectionError("the server has gone")
            if line[3:4] != b"-":
                return line
