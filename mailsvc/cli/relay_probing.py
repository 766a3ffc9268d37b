"""Carrying out probes against a server: blocking sockets, one connection for each, nothing is sent but commands.

A recipient that is taken is tried with DATA, for some servers say no only there; when the server waits for the message, we hang up. Who
wants to see where it would go gives a message.
"""

import re
import socket
import ssl
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import attrs
import idna

from mailsvc.cli.relay_probes import STARTTLS, Facts, Probe, dialogue

__all__ = ["Target", "Verdict", "greeting", "make_facts", "probe", "say"]

_REPLY = re.compile(rb"(?:\d\d\d-[^\n]*\n)*(\d\d\d)(?: [^\n]*)?\n")
_ALIKE = str.maketrans("aeopcxyi", "аеорсхуі")
_WAIT = 0.3
"""Seconds in which a server answers what it should have forgotten."""


@attrs.frozen(kw_only=True)
class Target:
    """Where to connect. ``source``: our address, ``""`` for any; ``timeout``: seconds for each answer."""

    host: str
    port: int
    source: str = ""
    timeout: float = 30.0


@attrs.frozen(kw_only=True)
class Verdict:
    """What became of one dialogue.

    :ivar code: of the reply that decides, 0 if the connection ended before. :ivar reply: its text. :ivar taken: whether a stranger's mail
    would be sent on. :ivar said: the line that it answered.
    """

    code: int
    reply: str
    taken: bool
    said: str


def greeting(target: Target) -> tuple[str, str]:
    """What the server calls itself, and its address. Raises OSError, EOFError if it is none that speaks SMTP."""
    with _Line(target) as line:
        words = line.greeting().split()
        return (words[1] if len(words) > 1 else target.host), line.address


def make_facts(local: str, user: str, host: str, ip: str, recipient: str, login: str = "") -> Facts:
    """The words for a server. ``recipient``: somebody elsewhere. Raises ValueError."""
    mailbox, at, domain = recipient.rpartition("@")
    if not (mailbox and at and domain):
        raise ValueError(f"{recipient!r} is not an address")
    literal = f"IPv6:{ip}" if ":" in ip else ip
    return Facts(
        local=local,
        user=user,
        host=host,
        ip=literal,
        mailbox=mailbox,
        domain=domain,
        lookalike=_lookalike(local),
        upper=recipient.upper(),
        login=login,
    )


def _lookalike(domain: str) -> str:
    try:
        return idna.encode(domain.translate(_ALIKE)).decode("ascii")
    except idna.IDNAError:
        return f"xn--{domain}"


def probe(target: Target, one: Probe, facts: Facts) -> Verdict:
    """Say a probe. Raises OSError if there is no connection at all."""
    return say(target, dialogue(one), facts, one)


def say(target: Target, lines: Sequence[str], facts: Facts, one: Probe, message: bytes | None = None) -> Verdict:
    """Say these lines instead of the probe's own. ``message``: sent if the server takes the recipient, with CRLFs and a final dot."""
    filled = [line.format_map(attrs.asdict(facts)) for line in lines]
    with _Line(target) as line:
        try:
            return _decided(line, filled, one, message)
        except (OSError, EOFError) as error:
            return Verdict(code=0, reply=str(error) or type(error).__name__, taken=False, said=filled[-1])


def _decided(line: "_Line", filled: Sequence[str], one: Probe, message: bytes | None) -> Verdict:
    line.begin(one.opening, filled[0])
    code, reply = 0, ""
    for text in filled[1:]:
        code, reply = line.exchange(text)
    taken = code in one.good
    if taken and filled[-1].rpartition("\n")[2].upper().startswith("RCPT"):
        after, words = line.exchange("DATA")
        taken = after == 354
        if taken and message is not None:
            code, reply = line.exchange_data(message)
        elif not taken:
            code, reply = after, words
    return Verdict(code=code, reply=reply, taken=taken, said=filled[-1])


class _Line:
    """One connection."""

    def __init__(self, target: Target) -> None:
        source = (target.source, 0) if target.source else None
        self._socket = socket.create_connection((target.host, target.port), target.timeout, source)
        self._timeout = target.timeout
        self._heard = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    @property
    def address(self) -> str:
        """That of the server."""
        return str(self._socket.getpeername()[0])

    def greeting(self) -> str:
        """The server speaks first."""
        return self._reply()[1]

    def begin(self, opening: str, hello: str) -> None:
        """Greeting and first line. What is sent before the greeting may be answered, or not."""
        if opening:
            self._socket.sendall(opening.encode())
        self.greeting()
        self._socket.sendall(hello.encode() + b"\r\n")
        self._reply()
        if opening:
            self._drain()

    def exchange(self, text: str) -> tuple[int, str]:
        """Send what stands together; the last answer to it."""
        self._socket.sendall(text.encode() + b"\r\n")
        if text.startswith(STARTTLS):
            return self._start_tls(injected="\n" in text)
        code, reply = self._reply()
        for _ in range(text.count("\n")):
            if "\r\n" not in text and code >= 400:
                break  # a bare newline ends no line here: the answer was to all of it
            code, reply = self._reply()
        return code, reply

    def exchange_data(self, message: bytes) -> tuple[int, str]:
        """Send a message."""
        self._socket.sendall(message)
        return self._reply()

    def _start_tls(self, injected: bool) -> tuple[int, str]:
        code, reply = self._reply()
        if code == 220:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # nothing secret is said to strangers
            self._heard = b""
            self._socket = context.wrap_socket(self._socket)
            if injected:
                self._drain()
        return code, reply

    def _drain(self) -> None:
        """Take what the server says unasked."""
        self._socket.settimeout(_WAIT)
        try:
            while piece := self._socket.recv(65536):
                self._heard += piece
        except TimeoutError:
            pass
        self._socket.settimeout(self._timeout)
        self._heard = b""

    def _reply(self) -> tuple[int, str]:
        while not (found := _REPLY.match(self._heard)):
            piece = self._socket.recv(65536)
            if not piece or len(self._heard) > 100_000:
                raise EOFError("the server closed the connection")
            self._heard += piece
        self._heard = self._heard[found.end() :]
        return int(found[1]), found[0].decode("utf-8", "replace").rstrip()
