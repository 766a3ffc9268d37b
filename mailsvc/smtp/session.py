"""Who is at the other end: the half of the SMTP server that comes before any message (RFC 5321, 3207, 4954).

How a command passes through::

    Conversation -> command() -> table of verbs -> do_X(argument): grammar, order -> coroutine: portal, delivery avatar -> reply

A ``do_X`` checks what can be checked at once and returns None, or a coroutine when it has to wait. Refusals are :class:`MailError` and
become replies in :mod:`mailsvc.smtp.replies`; the grammar's own are :class:`Malformed`, those of the order of commands
:class:`OutOfPlace`.

State, in the order in which it is gained and in which it is lost again: EHLO; AUTH; the delivery avatar (what this client may hand in,
asked of the portal at the first MAIL after any of the former changed); the transaction. STARTTLS loses all of it (RFC 3207 4.2).
"""

import time
from collections.abc import Awaitable, Sequence
from typing import Any, ClassVar

import attrs
from twisted.cred.error import UnauthorizedLogin
from twisted.cred.portal import Portal
from twisted.logger import Logger
from twisted.mail import smtp

from mailsvc.auth.credentials import ConnectionCredentials
from mailsvc.core.errors import Kind, MailError
from mailsvc.core.interfaces.delivery import IDelivery, ITransaction
from mailsvc.core.interfaces.login import IAuthenticated
from mailsvc.formats import smtp as grammar
from mailsvc.formats.address import Address
from mailsvc.formats.received import address_literal
from mailsvc.formats.reply import Reply
from mailsvc.formats.sasl import Circumstances
from mailsvc.monitor import counters
from mailsvc.smtp import replies
from mailsvc.smtp.auth import attempt
from mailsvc.smtp.extensions import Extensions, offer, offer_log_in
from mailsvc.smtp.patience import Patience
from mailsvc.wire.channel import circumstances
from mailsvc.wire.connection import Gone
from mailsvc.wire.conversation import Conversation
from mailsvc.wire.framing import Flaw
from mailsvc.wire.limits import Failures, within
from mailsvc.wire.options import ListenerOptions, Protocol, TLSMode
from mailsvc.wire.sasl import LINE_LIMIT, offered

__all__ = ["OutOfPlace", "Session"]

log = Logger(namespace="mailsvc.smtp")

_IDLE = frozenset({b"HELO", b"EHLO", b"RSET", b"NOOP", b"HELP", b"VRFY"})
"""Commands that do no work."""

MOST_EXPANDED = 1000
"""Addresses that EXPN shows."""

_FOREIGN = frozenset({b"GET", b"POST", b"PUT", b"HEAD", b"OPTIONS", b"CONNECT"})
"""What a web browser would say that somebody sends here: nothing of it may be taken for a command."""

_FLAWS = {Flaw.TOO_LONG: replies.LINE_TOO_LONG, Flaw.ENDLESS: replies.LINE_TOO_LONG, Flaw.BARE: replies.BARE}


class OutOfPlace(Exception):
    """A command that cannot be carried out now; ``reply`` says why."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(str(reply))
        self.reply = reply


class Session(Conversation, smtp.ESMTP):
    """One connection of an SMTP client, as far as it goes without mail."""

    verbs: ClassVar[dict[bytes, str]] = {
        b"HELO": "do_HELO",
        b"EHLO": "do_EHLO",
        b"RSET": "do_RSET",
        b"NOOP": "do_NOOP",
        b"HELP": "do_HELP",
        b"EXPN": "do_EXPN",
        b"QUIT": "do_QUIT",
        b"STARTTLS": "ext_STARTTLS",
        b"AUTH": "ext_AUTH",
    }
    """Verb -> method; nothing that a client says reaches any other."""

    max_line = LINE_LIMIT + len("AUTH ") + 64  # other commands are held to grammar.COMMAND_LIMIT
    portal: Any
    authenticated: IAuthenticated | None  # type: ignore[assignment]
    base_protocol = "ESMTP"
    trusting = False  # whether any number of refusals and idle commands is all right
    hello_first = replies.HELO_FIRST

    def __init__(self, options: ListenerOptions, portal: Portal, hostname: str) -> None:
        smtp.ESMTP.__init__(self)
        self.host = hostname
        self.hostname = hostname
        self.portal = portal
        self.options = options
        self.authenticated = None
        self._failures = Failures()
        self._patience = Patience(self.trusting)
        self._hello_name = ""
        self._extended = False
        self._delivery: IDelivery | None = None
        self._logout: Any = None
        self._transaction: ITransaction | None = None
        self._utf8 = False  # the transaction has SMTPUTF8
        self._subject = b""  # what a refusal is about, for the log

    # --- what the conversation asks for ---

    def greet(self) -> None:
        """``220 name ESMTP``."""
        self.reply(Reply(220, "", f"{self.hostname} {self.base_protocol} ready"))

    def command(self, line: bytes) -> Awaitable[None] | None:
        """Find the verb's method and let it begin."""
        verb, argument = grammar.split_command(line)
        method = self.lookupMethod(verb)
        if method is None:
            self._unknown(verb)
            return None
        if len(line) > grammar.COMMAND_LIMIT and verb != b"AUTH":
            self.mistake(replies.LINE_TOO_LONG)
            return None
        counters.command(self.peer.protocol, verb.decode("ascii"))
        if verb in _IDLE and self._patience.idled():
            self.reply(replies.TOO_MANY_COMMANDS)
            self.close()
            return None
        try:
            running: Awaitable[None] | None = method(argument)
        except (grammar.Malformed, OutOfPlace) as bad:
            self.mistake(bad.reply)
            return None
        return running

    def lookupMethod(self, command: bytes) -> Any:
        """The method for a verb in capitals, or None."""
        name = self.verbs.get(command)
        return name and getattr(self, name)

    def refused(self, error: MailError) -> None:
        """Say why not; the log says about what. After too many of them the connection is closed."""
        self._note_refusal(error)
        self.reply(replies.reply_to(error, self._utf8))
        self._give_up(self._patience.refused(error.temporary))

    def unexpected(self) -> None:
        """It is our fault, and may be better later."""
        self.reply(replies.LATER)

    def bad_line(self, flaw: Flaw) -> None:
        """Not a command at all."""
        self.mistake(_FLAWS[flaw])

    def farewell(self, reason: str) -> None:
        """421: the connection ends now (RFC 5321 3.8)."""
        self.reply(replies.FAREWELL[reason])

    def ended(self) -> None:
        """Nobody is there any more. A message whose end has come is none of the client's business: it is delivered."""
        self._forget_client()

    # --- replies ---

    def reply(self, reply: Reply) -> None:
        """Send one reply."""
        self.send(reply.octets)

    def mistake(self, reply: Reply) -> None:
        """Answer what makes no sense; after too much of it the connection is closed."""
        self.reply(reply)
        self._give_up(self._patience.mistake())

    def _give_up(self, errors: int) -> None:
        """Close the connection of a client that has made too many errors; 0: it has not."""
        if not errors:
            return
        log.info("{peer} closed: {errors} errors", peer=self.peer.address or "a local socket", errors=errors)
        self.reply(replies.TOO_MANY_ERRORS)
        self.close()

    def _unknown(self, verb: bytes) -> None:
        if verb in _FOREIGN:
            self.reply(replies.NOT_SMTP)
            self.close()
        else:
            self.mistake(replies.UNKNOWN if verb else replies.EMPTY)

    def _note_refusal(self, error: MailError) -> None:
        counters.message_refused(self.peer.protocol, error.reason)
        log.info(
            "refused {subject} from {peer} ({helo}): {error}",
            subject=self._subject.decode("utf-8", "replace"),
            peer=self.peer.address or "a local socket",
            helo=self._hello_name,
            error=error,
        )

    # --- session ---

    def do_HELO(self, argument: bytes) -> None:
        """RFC 5321 4.1.1.1."""
        self._hello(argument, extended=False)
        self.reply(Reply(250, "", self.hostname))

    def do_EHLO(self, argument: bytes) -> None:
        """RFC 5321 4.1.1.1; what we can do, one keyword a line."""
        self._hello(argument, extended=True)
        keywords = (
            b" ".join([keyword, *(values or ())]).decode("ascii") for keyword, values in self.extensions().items()
        )
        self.reply(Reply(250, "", self.hostname, *keywords))

    def _hello(self, argument: bytes, extended: bool) -> None:
        self._hello_name = self._client_name(argument)
        self._extended = extended
        self._reset()  # RFC 5321 4.1.4: as if RSET had been said
        self._forget_avatar()

    def _client_name(self, argument: bytes) -> str:
        """What the client calls itself; on submission its address, if that is no name: people's computers have names like ``My PC``."""
        try:
            return grammar.helo_argument(argument)
        except grammar.Malformed:
            if not argument or self.options.protocol is not Protocol.SUBMISSION:
                raise
            return address_literal(self.peer.address) if self.peer.address else "localhost"

    def extensions(self) -> Extensions:
        """What is offered on this connection now."""
        found = offer(self.options, start_tls=self._can_start_tls(), reports=self._may_ask_for_reports())
        found |= offer_log_in(self._mechanisms(), self.options.old_auth)
        return found

    def _mechanisms(self) -> Sequence[str]:
        """By which this client may still log in on this connection, as it is now."""
        if b"AUTH" not in self.verbs or self.authenticated is not None:
            return ()
        return offered(self.options.mechanisms, self.peer)

    def _is_user(self) -> bool:
        """Whether the client has logged in, or may yet do so on this connection as it is: EHLO is not said again for it."""
        logs_in = self.options.protocol is Protocol.SUBMISSION or self.authenticated is not None
        return logs_in or bool(self._mechanisms())

    def _may_ask_for_reports(self) -> bool:
        """Whether DSN is there for this client: those who log in need it wherever they are."""
        return (
            self.options.protocol is Protocol.SUBMISSION
            or self.authenticated is not None
            or within(self.peer.address, self.options.dsn)
        )

    def _can_start_tls(self) -> bool:
        return self.factory.tls is not None and self.options.tls is TLSMode.STARTTLS and self.peer.tls is None

    def ext_STARTTLS(self, argument: bytes) -> None:
        """RFC 3207: what was said on the open line counts for nothing afterwards."""
        if argument:
            raise OutOfPlace(replies.NO_ARGUMENT)
        if not self._can_start_tls():
            raise OutOfPlace(replies.ALREADY_TLS if self.peer.tls else replies.NO_TLS)
        self.reply(replies.START_TLS)
        self._forget_client()
        self.start_tls()

    def _forget_client(self) -> None:
        self._reset()
        self._forget_avatar()
        self._hello_name, self._extended, self.authenticated = "", False, None
        self.peer = attrs.evolve(self.peer, mechanism="")

    def _forget_avatar(self) -> None:
        self._delivery, logout, self._logout = None, self._logout, None
        if logout is not None:
            logout()

    def do_QUIT(self, argument: bytes) -> None:
        """RFC 5321 4.1.1.10."""
        self.reply(replies.BYE)
        self.close()

    def do_NOOP(self, argument: bytes) -> None:
        """RFC 5321 4.1.1.9; an argument is allowed and means nothing."""
        self.reply(replies.OK)

    def do_HELP(self, argument: bytes) -> None:
        """RFC 5321 4.1.1.8."""
        known = " ".join(verb.decode("ascii") for verb in self.verbs)
        self.reply(Reply(214, "2.0.0", f"Commands: {known}", "RFC 5321 tells the rest"))

    def do_EXPN(self, argument: bytes) -> Awaitable[None] | None:
        """Off, but for some networks: who is behind an alias is nobody else's business (RFC 5321 3.5, 7.3)."""
        if not within(self.peer.address, self.options.expn):
            self.mistake(replies.NO_EXPN)
            return None
        address = grammar.vrfy_argument(argument)
        return self._expand(attrs.evolve(address, domain=address.domain or self.options.domain))

    async def _expand(self, address: Address) -> None:
        delivery = self._delivery or await self._ask_for_delivery()
        found = await delivery.expand(address)
        shown = [one if one.is_ascii else "(needs SMTPUTF8)" for one in found[:MOST_EXPANDED]]
        self.reply(Reply(250, "2.1.5", *(grammar.path(one) if isinstance(one, Address) else one for one in shown)))

    def do_RSET(self, argument: bytes) -> None:
        """RFC 5321 4.1.1.5."""
        if argument:
            raise OutOfPlace(replies.NO_ARGUMENT)
        self._reset()
        self.reply(replies.OK)

    def _reset(self) -> None:
        transaction, self._transaction = self._transaction, None
        if transaction is not None:
            transaction.abort()

    # --- log-in ---

    def ext_AUTH(self, argument: bytes) -> Awaitable[None]:
        """RFC 4954."""
        if not self._extended:
            raise OutOfPlace(self.hello_first)
        if self.authenticated is not None:
            raise OutOfPlace(replies.ALREADY_LOGGED_IN)
        if self._transaction is not None:
            raise OutOfPlace(replies.NO_AUTH_IN_TRANSACTION)
        return self._authenticate(argument)

    async def _authenticate(self, argument: bytes) -> None:
        unprotected = replies.AUTH_NEEDS_TLS if self._can_start_tls() else replies.AUTH_ELSEWHERE
        result = await attempt(argument, self, self.portal, self._ask, self._circumstances, unprotected)
        if result.wrong:
            self._wrong_password(result.reply)
        elif result.avatar is None:
            self.mistake(result.reply)
        else:
            self.authenticated = result.avatar
            self.peer = attrs.evolve(self.peer, mechanism=result.avatar.mechanism)
            self._forget_avatar()
            self.reply(result.reply)

    def _circumstances(self) -> Circumstances:
        return circumstances(self.transport, self.peer, self.hostname, time.time())

    async def _ask(self, challenge: bytes) -> bytes:
        self.send(b"334 " + challenge + b"\r\n")
        return await self.receive_line(self.options.idle_timeout, LINE_LIMIT)

    def _wrong_password(self, reply: Reply) -> None:
        self.reply(reply)
        if self._failures.one_more():
            self.reply(replies.TOO_MANY_LOGINS)
            self.close()

    # --- the avatar ---

    async def _ask_for_delivery(self) -> IDelivery:
        """The avatar for what this client is now. Raises DISABLED if the account has gone since it logged in, NOT_NOW."""
        credentials = ConnectionCredentials(peer=self.peer, helo=self._hello_name, authenticated=self.authenticated)
        delivery: IDelivery
        try:
            _, delivery, logout = await self.portal.login(credentials, self.peer, IDelivery)
        except UnauthorizedLogin as error:
            text = "This account may not send mail any more"
            raise MailError(Kind.DISABLED, "account-disabled", text, detail=str(error)) from error
        if self._closing:  # nobody is there any more
            logout()
            raise Gone
        self._delivery, self._logout = delivery, logout
        return delivery
