"""The AUTHORIZATION state: TLS, UTF-8, and three ways to one log-in (RFC 1939 4).

USER and PASS, APOP and AUTH all end as ``portal.login(credentials, peer, IMaildrop)``. The avatar is an open, locked maildrop;
from then on the session holds it, and gives it back whatever happens.

Standards: RFC 1939 7 (USER, PASS, APOP), RFC 2595 4 (STLS), RFC 3206 ([AUTH], [SYS/...]), RFC 5034 (AUTH), RFC 6856 2 (UTF8).
"""

import time

from twisted.cred.error import UnauthorizedLogin
from twisted.internet.task import deferLater

from mailsvc.auth.credentials import ClientCredentials, PasswordCredentials, credentials_of
from mailsvc.core.errors import MailError
from mailsvc.core.interfaces.maildrop import IMaildrop
from mailsvc.formats.pop3 import apop_name
from mailsvc.formats.sasl import Circumstances, DigestProof, timestamp
from mailsvc.pop3.commands import State
from mailsvc.pop3.replies import NOT_OFFERED, SASL_FAILURES
from mailsvc.pop3.session import Session
from mailsvc.pop3.surrogates import as_shown
from mailsvc.pop3.visit import Visit
from mailsvc.wire.channel import circumstances
from mailsvc.wire.connection import Gone
from mailsvc.wire.options import TLSMode
from mailsvc.wire.sasl import LINE_LIMIT, NotOffered, SaslFailure, authenticate, begin, offered, why_not

__all__ = ["Authorization"]


class Authorization(Session):
    """The commands before the log-in."""

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
            self._refuse_password()
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

    def _offer_apop(self) -> bytes:
        """The greeting's timestamp; ``b""`` where APOP is not offered: a client that sees one answers it, TLS or not (RFC 1939 7)."""
        if self.factory.options.apop and self.peer.auth_ok:
            self._timestamp = timestamp(self._circumstances())
        return self._timestamp

    async def do_APOP(self, user: bytes, digest: bytes) -> None:
        """RFC 1939 7. The timestamp is this connection's own, so a digest that was overheard opens nothing."""
        if not self._timestamp:
            self._err("pop3.no-apop")
        elif (name := apop_name(user, digest)) is None:
            self._err("pop3.sasl-malformed")
        else:
            proof = DigestProof(name, self._timestamp, digest, keyed=False)
            await self._log_in(credentials_of(proof, self.peer, "APOP"))

    async def do_AUTH(self, mechanism: bytes | None = None, initial: bytes | None = None) -> None:
        """RFC 5034 4; without a mechanism the older list of them (RFC 1734)."""
        if mechanism is None:
            self._ok("pop3.mechanisms")
            self._lines([name.encode("ascii") for name in self._offered()])
            return
        name = mechanism.upper().decode("ascii", "replace")
        reason = why_not(name, self.factory.options.mechanisms, self.peer)
        if reason is None:
            await self._authenticate(name, initial)
        elif reason is NotOffered.UNPROTECTED:
            self._refuse_password()
        else:
            self._err(NOT_OFFERED[reason])

    def _offered(self) -> tuple[str, ...]:
        return offered(self.factory.options.mechanisms, self.peer)

    def _circumstances(self) -> Circumstances:
        return circumstances(self.transport, self.peer, self._hostname, time.time())

    async def _authenticate(self, name: str, initial: bytes | None) -> None:
        exchange = begin(name, self._circumstances())
        outcome = await authenticate(exchange, initial, self._ask, lambda one: self.portal.lookup(one, self.peer))
        if outcome is SaslFailure.REFUSED:
            self._wrong_password()
        elif isinstance(outcome, SaslFailure):
            self._err(SASL_FAILURES[outcome])
        else:
            await self._log_in(credentials_of(outcome, self.peer, name))

    async def _ask(self, challenge: bytes) -> bytes:
        self.send(b"+ " + challenge + b"\r\n")
        return await self.receive_line(self.factory.options.idle_timeout, LINE_LIMIT)

    async def _log_in(self, credentials: ClientCredentials) -> None:
        try:
            _, maildrop, logout = await self.portal.login(credentials, self, IMaildrop)
        except UnauthorizedLogin:
            self._wrong_password()
        except MailError as error:
            self.refused(error)
            if self._failures.one_more() and error.reason == "throttled":
                self.close()
        else:
            self._onLogout = logout
            if self.over:
                self._log_out()
                raise Gone
            await self._enter(maildrop)

    async def _enter(self, maildrop: IMaildrop) -> None:
        try:
            visit = Visit(await as_shown(maildrop, self._utf8, self._pause))
        except BaseException:
            self._log_out()
            raise
        if self.over:
            raise Gone
        self._visit, self._state = visit, State.TRANSACTION
        self._log("{client}: {account} logged in, {count} message(s), {octets} octets")
        self._ok("pop3.open", count=visit.count, octets=visit.octets)

    async def _pause(self) -> None:
        await deferLater(self.factory.clock, 0)

    def _refuse_password(self) -> None:
        self._err("pop3.needs-tls" if self._may_start_tls else "pop3.no-tls-here", "SYS/PERM")

    def _wrong_password(self) -> None:
        self._err("pop3.bad-credentials", "AUTH")
        if self._failures.one_more():
            self.close()
