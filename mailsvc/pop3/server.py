"""The POP3 server: Twisted's protocol class on our connection layer.

How a command passes through::

    command() -> VERBS (state, number of arguments, message number) -> do_XXX -> _ok/_err, or data with drain() in between

The commands are with their states: :mod:`mailsvc.pop3.authorization`, :mod:`mailsvc.pop3.transaction`; those of both are here. QUIT is
the UPDATE state: it answers when the deletions are durable. However else a session ends, nothing is deleted and the lock is given back.

Kept of ``twisted.mail.pop3.POP3`` are the names of the commands, ``portal``, ``successResponse`` and ``failResponse``,
``listCapabilities``; replaced are its reader, its dispatch and the commands themselves.

A message that came with SMTPUTF8 is shown to a client that has not said UTF8 as its surrogate: see :mod:`mailsvc.pop3.surrogates`.

Standards: RFC 1939 6 (UPDATE), RFC 2449 5 (CAPA), RFC 6856 3 (LANG).
"""

from collections.abc import Awaitable
from typing import Any

from mailsvc.core.errors import MailError
from mailsvc.core.values import Doing
from mailsvc.formats.pop3 import split_command
from mailsvc.monitor import counters
from mailsvc.pop3.authorization import Authorization
from mailsvc.pop3.commands import VERBS, State, Verb
from mailsvc.pop3.session import log
from mailsvc.pop3.transaction import Transaction
from mailsvc.texts import LANGUAGES, Texts

__all__ = ["POP3Server"]

_LANGUAGE_NAMES = {"en": "English", "ja": "日本語"}


class POP3Server(Authorization, Transaction):
    """One POP3 connection."""

    def greet(self) -> None:
        """Something in angle brackets offers APOP (RFC 1939 7)."""
        shown = self._offer_apop()
        self._succeed(
            self._texts.say("pop3.greeting", host=self._hostname) + (" " + shown.decode("ascii") if shown else "")
        )

    def command(self, line: bytes) -> Awaitable[None] | None:
        """Look a command up, check what the table says of it, and carry it out."""
        keyword, rest = split_command(line)
        verb = VERBS.get(keyword)
        if verb is None:
            self._misuse("pop3.unknown-command")
        elif self._state not in verb.states:
            wanted = "pop3.state-authorization" if self._state is State.AUTHORIZATION else "pop3.state-transaction"
            self._misuse(wanted)
        elif (arguments := verb.arguments(rest)) is None:
            self._misuse("pop3.arguments")
        else:
            return self._carry_out(verb, arguments)
        return None

    def _carry_out(self, verb: Verb, arguments: list[Any]) -> Awaitable[None] | None:
        counters.command("pop3", verb.name)
        if self._state is State.AUTHORIZATION and self._lingers():
            return None
        if verb.message and arguments:
            arguments[0] = self._visit.find(arguments[0])
            if arguments[0] is None:
                self._err("pop3.no-such-message")
                return None
        running: Awaitable[None] | None = getattr(self, f"do_{verb.name}")(*arguments)
        return running

    def ended(self) -> None:
        """Gone without QUIT: there is no UPDATE (RFC 1939 6), and the lock is given back."""
        self.factory.note(self, Doing.GONE)
        if self._state is State.TRANSACTION and self._onLogout is not None:
            self._log("{client}: {account} gone without QUIT, {retrieved} retrieved, nothing deleted")
        self._log_out()

    # --- both states ---

    def do_CAPA(self) -> None:
        """RFC 2449 5."""
        self._ok("pop3.capabilities")
        self._lines(self.listCapabilities())

    def listCapabilities(self) -> list[bytes]:
        """What this connection may do as it is now: clients ask again after STLS and after the log-in."""
        password = self.peer.password_ok
        mechanisms = " ".join(self._offered()).encode("ascii")
        capabilities = {
            b"STLS": self._may_start_tls and self._state is State.AUTHORIZATION,  # RFC 2595 4
            b"USER": password,
            b"SASL " + mechanisms: bool(mechanisms),
            b"TOP": True,
            b"UIDL": True,
            b"RESP-CODES": True,
            b"AUTH-RESP-CODE": True,
            b"PIPELINING": True,
            b"EXPIRE NEVER": True,
            b"UTF8 USER": True,
            b"LANG": True,
            b"IMPLEMENTATION mailsvc": True,
        }
        return [name for name, offers in capabilities.items() if offers]

    def do_LANG(self, wanted: bytes | None = None) -> None:
        """RFC 6856 3. A range matches by its primary subtag: ``ja-JP`` is answered with ``ja``."""
        if wanted is None:
            self._ok("pop3.languages")
            self._lines([f"{tag} {name}".encode() for tag, name in _LANGUAGE_NAMES.items()])
            return
        language = wanted.partition(b"-")[0].decode("ascii", "replace").lower()
        language = self._preferred_language if language == "*" else language
        if language not in LANGUAGES:
            self._err("pop3.unknown-language")
            return
        self._texts = Texts(language)
        self._succeed(f"{language} {self._texts.say('pop3.language')}")

    async def do_QUIT(self) -> None:
        """In TRANSACTION the UPDATE state (RFC 1939 6): the answer comes when the deletions are durable."""
        if self._state is State.TRANSACTION:
            self.factory.note(self, Doing.LEAVING)
            await self._update()
        else:
            self._ok("pop3.bye")
        self.close()

    async def _update(self) -> None:
        visit, logout = self._visit, self._onLogout
        self._onLogout = None  # the lock is held until the store has answered, even if the client leaves now
        try:
            await visit.maildrop.update(visit.deleted, visit.retrieved)
        except Exception as error:
            if not isinstance(error, MailError):
                log.failure("the UPDATE of a POP3 session failed")
            self._log("{client}: {account} quit, {deleted} deletion(s) failed: {error}", error=error)
            self._err("pop3.not-deleted", "SYS/TEMP")
        else:
            self._log("{client}: {account} quit, {retrieved} retrieved, {deleted} deleted")
            self._ok("pop3.bye-deleted" if visit.deleted else "pop3.bye", count=len(visit.deleted))
        finally:
            if logout is not None:
                logout()
