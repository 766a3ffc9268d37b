"""What all states of a POP3 session have in common: what is known of it, its replies, its log.

Every reply's words come from the catalogue, in the language that LANG chose; what they are about is in
:mod:`mailsvc.pop3.authorization`, :mod:`mailsvc.pop3.transaction` and :mod:`mailsvc.pop3.server`.

Standards: RFC 1939 3 (replies, autologout), RFC 2449 8 and RFC 3206 (response codes), RFC 6856 3 (languages).
"""

from collections.abc import Callable, Sequence
from typing import Any

from twisted.logger import Logger
from twisted.mail import pop3

from mailsvc.core.errors import MailError
from mailsvc.pop3.commands import State
from mailsvc.pop3.replies import FLAWS, REFUSALS
from mailsvc.pop3.visit import Visit
from mailsvc.texts import Texts
from mailsvc.wire.conversation import Conversation
from mailsvc.wire.factory import ConversationFactory
from mailsvc.wire.framing import Flaw
from mailsvc.wire.limits import Failures

__all__ = ["Session", "log"]

log = Logger(namespace="mailsvc.pop3")

MAX_ERRORS = 20
"""Lines that are no valid command after which the connection is closed: whoever sends those does not speak POP3."""

MAX_BEFORE_LOGIN = 100
"""Commands before a log-in after which the connection is closed: each of them renews the time-out, and so a stranger keeps a place.
Whoever has logged in may send NOOP for as long as they like: programs do so to keep a maildrop open, which RFC 1939 allows, and nobody
else is kept out by it but from that person's own maildrop."""


class Session(Conversation, pop3.POP3):
    """One POP3 connection, as far as every state needs it."""

    factory: ConversationFactory  # type: ignore[assignment]
    portal: Any
    max_line = 4096  # the initial response of an AUTH must fit; other commands are far below RFC 2449's 255

    def __init__(self, portal: Any, hostname: str, language: str = "en") -> None:
        """:param portal: a Portal whose realm gives IMaildrop. :param hostname: our name, for the greeting.
        :param language: the administrator's choice for ``LANG *``.
        """
        self.portal = portal
        self._hostname = hostname
        self._preferred_language = language
        self._texts = Texts("en")  # RFC 1939 3: ASCII until LANG says otherwise
        self._state = State.AUTHORIZATION
        self._utf8 = False
        self._user: bytes | None = None
        self._timestamp = b""  # that of the greeting, until it was used
        self._failures = Failures()
        self._errors = 0
        self._before_login = 0
        self._visit: Visit
        self._onLogout: Callable[[], None] | None = None

    # --- what the connection layer asks for ---

    def refused(self, error: MailError) -> None:
        """Translate an error's kind into a response code and words."""
        code, key = REFUSALS.get(error.kind, ("SYS/TEMP" if error.temporary else "", "pop3.refused"))
        self._fail(code, error.text or self._texts.say(key))

    def unexpected(self) -> None:
        """Something broke: perhaps not for long."""
        self._err("pop3.not-now", "SYS/TEMP")

    def bad_line(self, flaw: Flaw) -> None:
        """Not a command line."""
        self._misuse(FLAWS[flaw])

    def farewell(self, reason: str) -> None:
        """RFC 1939 3: nothing is said after a time-out."""
        if reason == "shutdown":
            self._err("pop3.shutdown", "SYS/TEMP")
        elif reason == "busy":
            self._err("pop3.busy", "SYS/TEMP")
        elif reason == "revoked":
            self._err("pop3.revoked", "AUTH")

    # --- replies ---

    def successResponse(self, message: bytes = b"") -> None:
        """``+OK`` and what follows it."""
        self.send(b"+OK " + message + b"\r\n")

    def failResponse(self, message: bytes = b"") -> None:
        """``-ERR`` and what follows it."""
        self.send(b"-ERR " + message + b"\r\n")

    def _heading(self, key: str, **facts: object) -> bytes:
        return f"+OK {self._texts.say(key, **facts)}\r\n".encode()

    def _ok(self, key: str, **facts: object) -> None:
        self.send(self._heading(key, **facts))

    def _succeed(self, text: str) -> None:
        self.successResponse(text.encode())

    def _err(self, key: str, code: str = "") -> None:
        self._fail(code, self._texts.say(key))

    def _fail(self, code: str, text: str) -> None:
        self.failResponse((f"[{code}] {text}" if code else text).encode())  # RFC 2449 8

    def _misuse(self, key: str) -> None:
        """Answer what is no valid command; too many of those end the connection."""
        self._errors += 1
        self._err(key if self._errors < MAX_ERRORS else "pop3.too-many-errors")
        if self._errors >= MAX_ERRORS:
            self.close()

    def _lingers(self) -> bool:
        """Count a command before the log-in; whether it was one too many, and the connection is closed."""
        self._before_login += 1
        if self._before_login <= MAX_BEFORE_LOGIN:
            return False
        self._err("pop3.too-many-commands")
        self.close()
        return True

    def _lines(self, lines: Sequence[bytes]) -> None:
        self.send(b"".join([line + b"\r\n" for line in lines]) + b".\r\n")

    # --- log-out and log ---

    def _log_out(self) -> None:
        logout, self._onLogout = self._onLogout, None
        if logout is not None:
            logout()

    def _log(self, event: str, **facts: object) -> None:
        if self._state is State.TRANSACTION:
            visit = self._visit
            facts = dict(
                facts,
                account=visit.maildrop.account.address,
                count=visit.count,
                octets=visit.octets,
                retrieved=len(visit.retrieved),
                deleted=len(visit.deleted),
            )
        log.info(event, client=self.peer.shown, **facts)
