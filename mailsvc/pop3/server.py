"""The POP3 server: Twisted's protocol class on our connection layer.

How a command passes through::

    command() -> VERBS (state, number of arguments, message number) -> do_XXX -> _ok/_err, or data with drain() in between

AUTHORIZATION: a log-in is ``portal.login(credentials, peer, IMaildrop)``; the avatar is an open, locked maildrop. TRANSACTION works on
a :class:`~mailsvc.pop3.visit.Visit`, which only marks. QUIT is the UPDATE state: it answers when the deletions are durable. However else
a session ends, nothing is deleted and the lock is given back.

Kept of ``twisted.mail.pop3.POP3`` are the names of the commands, ``portal``, ``successResponse`` and ``failResponse``,
``listCapabilities``; replaced are its reader, its dispatch and the commands themselves.

A message that came with SMTPUTF8 is shown to a client that has not said UTF8 as its surrogate: see :mod:`mailsvc.pop3.surrogates`.

Standards: RFC 1939, 2449 (CAPA, response codes), 2595 4 (STLS), 3206 ([AUTH], [SYS/...]), 5034 (AUTH), 6856 (UTF8, LANG).
"""

from collections.abc import Awaitable, Callable, Sequence
from itertools import islice
from typing import Any

from twisted.cred.error import UnauthorizedLogin
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.mail import pop3

from mailsvc.auth.credentials import PasswordCredentials, credentials_of
from mailsvc.core.errors import MailError
from mailsvc.core.interfaces.maildrop import IMaildrop
from mailsvc.formats.dotdata import DotWriter, stuff
from mailsvc.formats.pop3 import Top, number, split_command
from mailsvc.formats.sasl import MECHANISMS, offered
from mailsvc.monitor import counters
from mailsvc.pop3.commands import VERBS, State, Verb
from mailsvc.pop3.replies import FLAWS, REFUSALS, SASL_FAILURES
from mailsvc.pop3.surrogates import as_shown
from mailsvc.pop3.visit import Visit
from mailsvc.texts import LANGUAGES, Texts
from mailsvc.wire.conversation import Conversation, Gone
from mailsvc.wire.factory import ConversationFactory
from mailsvc.wire.framing import Flaw
from mailsvc.wire.options import TLSMode
from mailsvc.wire.sasl import LINE_LIMIT, SaslFailure, authenticate

__all__ = ["POP3Server"]

log = Logger(namespace="mailsvc.pop3")

WHOLE = 256 * 1024
"""Octets up to which a message is read and written in one piece."""

PIECE = 64 * 1024
"""Octets of the pieces of a larger one."""

SLICE = 1000
"""Lines of a listing that are made at a time."""

MAX_LOGIN_FAILURES = 3
"""Wrong passwords after which the connection is closed. (Slowing down those who come again is the business of auth.)"""

MAX_ERRORS = 20
"""Lines that are no valid command after which the connection is closed: whoever sends those does not speak POP3."""

_LANGUAGE_NAMES = {"en": "English", "ja": "日本語"}


class POP3Server(Conversation, pop3.POP3):
    """One POP3 connection."""

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
        self._login_failures = 0
        self._errors = 0
        self._visit: Visit
        self._onLogout: Callable[[], None] | None = None
        self._over = False

    # --- the conversation ---

    def greet(self) -> None:
        """Nothing in angle brackets: that would offer APOP (RFC 1939 7)."""
        self._ok("pop3.greeting", host=self._hostname)

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
        if verb.message and arguments:
            arguments[0] = self._visit.find(arguments[0])
            if arguments[0] is None:
                self._err("pop3.no-such-message")
                return None
        running: Awaitable[None] | None = getattr(self, f"do_{verb.name}")(*arguments)
        return running

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

    def ended(self) -> None:
        """Gone without QUIT: there is no UPDATE (RFC 1939 6), and the lock is given back."""
        self._over = True
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
        mechanisms = " ".join(offered(password)).encode("ascii")
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

    # --- AUTHORIZATION ---

    @property
    def _may_start_tls(self) -> bool:
        factory = self.factory
        return factory.tls is not None and factory.options.tls is TLSMode.STARTTLS and self.peer.tls is None

    def do_STLS(self) -> None:
        """RFC 2595 4. Not after UTF8 (RFC 6856 2.1): the client could not know whether that still holds."""
        if not self._may_start_tls or self._utf8:
            self._err("pop3.no-tls")
            return
        self._ok("pop3.tls")
        self._user = None
        self.start_tls()

    def do_UTF8(self) -> None:
        """RFC 6856 2.1."""
        self._utf8 = True
        self._ok("pop3.utf8")

    def do_USER(self, user: bytes) -> None:
        """The same answer whoever that is."""
        if not self.peer.password_ok:
            self._err("pop3.needs-tls", "SYS/PERM")
            return
        self._user = user
        self._ok("pop3.user")

    async def do_PASS(self, password: bytes) -> None:
        """The second half of a log-in; after a wrong password USER comes again (RFC 1939 7)."""
        user, self._user = self._user, None
        if user is None:
            self._err("pop3.user-first")
            return
        await self._log_in(
            PasswordCredentials(username=user, password=password, peer=self.peer, mechanism="USER"),
        )

    async def do_AUTH(self, mechanism: bytes | None = None, initial: bytes | None = None) -> None:
        """RFC 5034 4; without a mechanism the older list of them (RFC 1734)."""
        if mechanism is None:
            self._ok("pop3.mechanisms")
            self._lines([name.encode("ascii") for name in offered(self.peer.password_ok)])
            return
        name = mechanism.upper().decode("ascii", "replace")
        if name not in MECHANISMS:
            self._err("pop3.unknown-mechanism")
        elif name not in offered(self.peer.password_ok):
            self._err("pop3.needs-tls", "SYS/PERM")
        else:
            await self._authenticate(name, initial)

    async def _authenticate(self, name: str, initial: bytes | None) -> None:
        outcome = await authenticate(MECHANISMS[name](), initial, self._ask)
        if isinstance(outcome, SaslFailure):
            self._err(SASL_FAILURES[outcome])
        else:
            await self._log_in(credentials_of(outcome, self.peer, name))

    async def _ask(self, challenge: bytes) -> bytes:
        self.send(b"+ " + challenge + b"\r\n")
        return await self.receive_line(self.factory.options.idle_timeout, LINE_LIMIT)

    async def _log_in(self, credentials: PasswordCredentials) -> None:
        try:
            _, maildrop, logout = await self.portal.login(credentials, self.peer, IMaildrop)
        except UnauthorizedLogin as error:
            self._log_failure(credentials, str(error) or "unauthorized")
            self._wrong_password()
        except MailError as error:
            self._log_failure(credentials, error.reason)
            raise
        else:
            self._onLogout = logout
            if self._over:
                self._log_out()
                raise Gone
            await self._enter(maildrop)

    async def _enter(self, maildrop: IMaildrop) -> None:
        try:
            visit = Visit(await as_shown(maildrop, self._utf8, self._pause))
        except BaseException:
            self._log_out()
            raise
        if self._over:
            raise Gone
        self._visit, self._state = visit, State.TRANSACTION
        counters.login("pop3", "ok")
        self._log("{client}: {account} logged in, {count} message(s), {octets} octets")
        self._ok("pop3.open", count=visit.count, octets=visit.octets)

    async def _pause(self) -> None:
        await deferLater(self.factory.clock, 0)

    def _wrong_password(self) -> None:
        self._login_failures += 1
        self._err("pop3.bad-credentials", "AUTH")
        if self._login_failures >= MAX_LOGIN_FAILURES:
            self.close()

    def _log_failure(self, credentials: PasswordCredentials, reason: str) -> None:
        counters.login("pop3", reason)
        name = credentials.username[:100].decode("utf-8", "replace")
        self._log("{client}: log-in as {name!r} failed: {reason}", name=name, reason=reason)

    def _log_out(self) -> None:
        logout, self._onLogout = self._onLogout, None
        if logout is not None:
            logout()

    # --- TRANSACTION ---

    def do_NOOP(self) -> None:
        """RFC 1939 5."""
        self._ok("pop3.ok")

    def do_STAT(self) -> None:
        """RFC 1939 5."""
        self.successResponse(b"%d %d" % (self._visit.count, self._visit.octets))

    async def do_LIST(self, index: int | None = None) -> None:
        """RFC 1939 5."""
        await self._list(index, self._visit.maildrop.sizes, "pop3.listing")

    async def do_UIDL(self, index: int | None = None) -> None:
        """RFC 1939 7."""
        await self._list(index, self._visit.maildrop.uidls, "pop3.ids")

    async def _list(self, index: int | None, values: Sequence[object], heading: str) -> None:
        if index is not None:
            self.successResponse(f"{index + 1} {values[index]}".encode("ascii"))
            return
        self._ok(heading, count=self._visit.count, octets=self._visit.octets)
        remaining = self._visit.remaining()
        while indexes := list(islice(remaining, SLICE)):
            self.send("".join([f"{i + 1} {values[i]}\r\n" for i in indexes]).encode("ascii"))
            await self.drain()
        self.send(b".\r\n")

    async def do_RETR(self, index: int) -> None:
        """RFC 1939 5. The message counts as read once all of it is on its way."""
        visit = self._visit
        size = visit.maildrop.sizes[index]
        heading = self._heading("pop3.octets", octets=size)
        if size <= WHOLE:
            self.send(heading + stuff(await visit.maildrop.read(index)))
        else:
            await self._pieces(index, heading)
        visit.retrieved.add(index)
        await self.drain()

    async def do_TOP(self, index: int, lines: bytes) -> None:
        """RFC 1939 7."""
        count = number(lines)
        if count is None:
            self._err("pop3.bad-count")
            return
        await self._pieces(index, self._heading("pop3.top"), Top(count))
        await self.drain()

    async def _pieces(self, index: int, heading: bytes, top: Top | None = None) -> None:
        """Send a message, or the top of it, in pieces; a message that cannot be read is refused before its heading is sent."""
        maildrop = self._visit.maildrop
        size, offset, writer = maildrop.sizes[index], 0, DotWriter()
        piece = await maildrop.read(index, 0, PIECE)
        self.send(heading)
        while piece:
            offset += len(piece)
            self.send(writer.feed(top.feed(piece) if top else piece))
            if offset >= size or (top and top.done):
                break
            await self.drain()
            piece = await self._read_on(maildrop, index, offset)
        self.send(writer.finish())

    async def _read_on(self, maildrop: IMaildrop, index: int, offset: int) -> bytes:
        try:
            piece = await maildrop.read(index, offset, PIECE)
        except Exception as error:
            # Within the data there is no way to say so, and an end marker would pass half a message off as a whole one.
            self._log("{client}: {account} cut off within message {number}: {error}", number=index + 1, error=error)
            self.abort()
            raise Gone from error
        return piece

    def do_DELE(self, index: int) -> None:
        """RFC 1939 5."""
        self._visit.delete(index)
        self._ok("pop3.deleted", number=index + 1)

    def do_RSET(self) -> None:
        """RFC 1939 5."""
        self._visit.reset()
        self._ok("pop3.open", count=self._visit.count, octets=self._visit.octets)

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

    def _lines(self, lines: Sequence[bytes]) -> None:
        self.send(b"".join([line + b"\r\n" for line in lines]) + b".\r\n")

    # --- log ---

    def _log(self, event: str, **facts: object) -> None:
        peer = self.peer
        client = f"{peer.listener}: {peer.address or 'local'} ({peer.tls or 'no TLS'})"
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
        log.info(event, client=client, **facts)
