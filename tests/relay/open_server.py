"""A small SMTP server that refuses what it should, but for one bug at a time: to show that each probe finds what it is for.

``BUGS`` has for each probe the carelessness that it looks for: a function of what a client has said so far and of the recipient, which is
true if the server with this bug would send the mail on.
"""

import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

LOCAL, HOST, OUTSIDE = "example.test", "mail.example.test", "example.com"
USERS = ("bob", "postmaster")


class Said:
    """What a client has said on a connection.

    :ivar bug: name of the probe whose bug this server has, ``""`` for none.
    """

    def __init__(self, bug: str) -> None:
        self.bug = bug
        self.forget()
        self.proxied = self.xclient = self.forwarded = False
        self.failed = self.cancelled = self.had_ours = self.kept_ours = self.split = False

    def forget(self) -> None:
        """As at the begin of a connection."""
        self.helo = ""
        self.tls = self.authenticated = False
        self.reset()

    def reset(self) -> None:
        """As at the begin of a transaction."""
        self.sender: str | None = None
        self.any_ours = False

    # --- what it knows of an address ---

    def takes(self, text: str) -> int:
        """The code for ``RCPT TO:text``."""
        if self.sender is None:
            return 503
        path = text.strip(" ")
        if self.bug in BUGS and BUGS[self.bug](self, text):
            return 250
        if (
            path.count("<") != 1
            or not path.startswith("<")
            or not path.endswith(">")
            or (path.count("@") != 1 and '"' not in path)
        ):
            return 501
        local, _, domain = path[1:-1].rpartition("@")
        if not local or not domain or domain.endswith(".") or " " in path:
            return 501
        if domain in (LOCAL, HOST) or domain.startswith("[127."):
            self.any_ours |= local in USERS
            self.had_ours |= local in USERS
            return 250 if local in USERS else 550
        return 250 if self.authenticated else 550


def domain_of(path: str) -> str:
    """What stands after the last @."""
    return path.strip().strip("<>").rpartition("@")[2]


def local_of(path: str) -> str:
    """What stands before it."""
    return path.strip().strip("<>").rpartition("@")[0]


def route(path: str) -> str:
    """The way before the colon."""
    return path.strip().strip("<>").rpartition(":")[0]


Bug = Callable[[Said, str], bool]

BUGS: dict[str, Bug] = {
    "plain": lambda said, path: True,
    "upper-case": lambda said, path: domain_of(path).isupper(),
    "trailing-dot": lambda said, path: domain_of(path).endswith("."),
    "subdomain": lambda said, path: domain_of(path).endswith(f".{LOCAL}"),
    "ends-like-ours": lambda said, path: domain_of(path).endswith(LOCAL),
    "begins-like-ours": lambda said, path: domain_of(path).startswith(LOCAL),
    "look-alike": lambda said, path: "xn--" in domain_of(path),
    "foreign-literal": lambda said, path: domain_of(path).startswith("["),
    "foreign-literal-ipv6": lambda said, path: domain_of(path).startswith("[IPv6"),
    "space-after-colon": lambda said, path: path.startswith(" "),
    "postmaster-elsewhere": lambda said, path: local_of(path) == "postmaster",
    "utf8-mailbox": lambda said, path: not local_of(path).isascii(),
    "utf8-domain": lambda said, path: not domain_of(path).isascii(),
    "source-route": lambda said, path: route(path) == f"@{LOCAL}",
    "source-route-of-two": lambda said, path: route(path).startswith(f"@{LOCAL},"),
    "source-route-by-literal": lambda said, path: route(path).startswith("@["),
    "percent-hack": lambda said, path: "%" in local_of(path) and domain_of(path) == LOCAL,
    "percent-hack-twice": lambda said, path: path.count("%") == 2,
    "percent-hack-at-host": lambda said, path: "%" in path and domain_of(path) == HOST,
    "percent-hack-at-literal": lambda said, path: "%" in path and domain_of(path).startswith("["),
    "percent-hack-quoted": lambda said, path: '"' in path and "%" in path,
    "percent-hack-bare": lambda said, path: "%" in path and "@" not in path,
    "bang-path": lambda said, path: local_of(path).startswith(f"{OUTSIDE}!"),
    "bang-path-of-two": lambda said, path: path.count("!") == 2,
    "bang-path-quoted": lambda said, path: '"' in path and "!" in path,
    "bang-path-bare": lambda said, path: "!" in path and "@" not in path,
    "quoted-address": lambda said, path: '"@' in path and domain_of(path) == LOCAL,
    "quoted-address-at-literal": lambda said, path: '"@[' in path,
    "quoted-address-bare": lambda said, path: path.endswith('">'),
    "two-at-signs": lambda said, path: path.count("@") == 2 and domain_of(path) == LOCAL,
    "two-at-signs-reversed": lambda said, path: path.count("@") == 2 and domain_of(path) == OUTSIDE,
    "percent-encoded": lambda said, path: "%40" in path,
    "own-literal": lambda said, path: domain_of(path) == "[127.0.0.1]",
    "empty-domain": lambda said, path: path.endswith("@>"),
    "space-in-the-address": lambda said, path: " @" in path,
    "tab-after-colon": lambda said, path: path.startswith("\t"),
    "no-brackets": lambda said, path: "<" not in path,
    "two-addresses": lambda said, path: ">,<" in path,
    "two-paths": lambda said, path: "> <" in path,
    "utf8-wide-percent": lambda said, path: "\uff05" in path,
    "utf8-wide-at": lambda said, path: "\uff20" in path,
    "null-sender": lambda said, path: said.sender == "<>",
    "forged-local-sender": lambda said, path: f"bob@{LOCAL}" in (said.sender or ""),
    "forged-postmaster": lambda said, path: f"postmaster@{LOCAL}" in (said.sender or ""),
    "bare-postmaster-sender": lambda said, path: said.sender == "<postmaster>",
    "sender-at-own-literal": lambda said, path: "@[127" in (said.sender or ""),
    "sender-is-recipient": lambda said, path: said.sender == path,
    "auth-parameter": lambda said, path: "AUTH=" in (said.sender or ""),
    "helo-as-ours": lambda said, path: said.helo == LOCAL,
    "helo-as-host": lambda said, path: said.helo == HOST,
    "helo-localhost": lambda said, path: said.helo == "[127.0.0.1]",
    "xclient": lambda said, path: said.xclient,
    "xforward": lambda said, path: said.forwarded,
    "proxy-header": lambda said, path: said.proxied,
    "no-hello": lambda said, path: not said.helo,
    "after-one-of-ours": lambda said, path: said.any_ours,
    "after-rset": lambda said, path: said.had_ours and not said.any_ours,
    "after-failed-auth": lambda said, path: said.failed,
    "after-cancelled-auth": lambda said, path: said.cancelled,
    "pipelined-failed-auth": lambda said, path: said.failed,
    "after-starttls": lambda said, path: said.tls,
    "injected-before-tls": lambda said, path: said.tls and said.sender is not None,
    "auth-before-starttls": lambda said, path: said.kept_ours,
    "bare-newline": lambda said, path: said.split,
    "send-from": lambda said, path: "SEND" in (said.sender or ""),
    "submission-without-auth": lambda said, path: True,
    "submission-forged-sender": lambda said, path: f"bob@{LOCAL}" in (said.sender or ""),
    "lmtp": lambda said, path: True,
}
SERVED = {"etrn": b"ETRN", "turn": b"TURN", "vrfy": b"VRFY", "expn": b"EXPN"}
"""Commands that only a server with this bug carries out."""


class OpenServer:
    """Serves on a free port of the loopback. Context manager."""

    def __init__(self, bug: str, certificate: Path, key: Path) -> None:
        self._bug = bug
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, key)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(10)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            connection.settimeout(10)
            try:
                _Session(connection, self._bug, self._context).run()
            except OSError:
                pass
            finally:
                connection.close()


class _Session:
    """One connection."""

    def __init__(self, connection: socket.socket, bug: str, context: ssl.SSLContext) -> None:
        self.connection = connection
        self.said = Said(bug)
        self.context = context
        self.buffer = b""
        self.asked = False  # AUTH waits for a line

    def run(self) -> None:
        """Until the client goes."""
        self.say(220, HOST)
        while line := self.line():
            self.command(line)

    def line(self) -> bytes:
        """The next one, without its end; with the bug of bare newlines, they end lines too."""
        end = b"\n" if self.said.bug == "bare-newline" else b"\r\n"
        while end not in self.buffer:
            piece = self.connection.recv(65536)
            if not piece:
                return b""
            self.buffer += piece
        line, _, self.buffer = self.buffer.partition(end)
        self.said.split |= end == b"\n" and not line.endswith(b"\r")
        return line.rstrip(b"\r") or b" "

    def say(self, code: int, text: str = "ok") -> None:
        """A reply."""
        self.connection.sendall(f"{code} {text}\r\n".encode())

    def command(self, line: bytes) -> None:
        """One line."""
        said = self.said
        verb, _, rest = line.partition(b" ")
        argument = line.partition(b":")[2].decode()
        name = verb.upper().decode("ascii", "replace")
        if self.asked:
            self.asked, said.cancelled = False, True
            self.say(501)
        elif name == "PROXY" and said.bug == "proxy-header":
            said.proxied = True
        elif name in ("HELO", "EHLO", "LHLO"):
            said.reset()
            said.helo = rest.decode()
            self.say(250, HOST)
        elif name == "STARTTLS":
            self.start_tls()
        elif name == "AUTH":
            self.authenticate(rest)
        elif name == "MAIL" or (name == "SEND" and said.bug == "send-from"):
            self.mail(name, argument)
        elif name == "RCPT":
            code = said.takes(argument)
            self.say(code)
        elif name == "DATA":
            self.say(354)
        elif name == "RSET":
            said.reset()
            self.say(250)
        elif name in ("XCLIENT", "XFORWARD") and said.bug in ("xclient", "xforward"):
            said.xclient, said.forwarded = name == "XCLIENT", name == "XFORWARD"
            self.say(250)
        elif verb == SERVED.get(said.bug):
            self.say(250)
        else:
            self.say(252 if name == "VRFY" else 500)

    def mail(self, name: str, argument: str) -> None:
        """MAIL, and what was like it."""
        if not self.said.helo and self.said.bug != "no-hello":
            self.say(503)
            return
        self.said.sender = argument if name == "MAIL" else f"SEND {argument}"
        self.say(250)

    def start_tls(self) -> None:
        """What was sent with it is forgotten, except by the bug that keeps it; so is a log-in."""
        said, rest = self.said, self.buffer
        self.buffer = b""
        self.say(220)
        said.kept_ours = said.authenticated
        self.connection = self.context.wrap_socket(self.connection, server_side=True)
        said.forget()
        said.tls = True
        if said.bug == "injected-before-tls":
            self.buffer = rest

    def authenticate(self, rest: bytes) -> None:
        """Anybody but ``relay-test`` is right."""
        if rest == b"PLAIN":
            self.asked = True
            self.say(334, "")
            return
        self.said.authenticated = not rest.startswith(b"PLAIN AHJlbGF5")
        self.said.failed |= not self.said.authenticated
        self.say(235 if self.said.authenticated else 535)
