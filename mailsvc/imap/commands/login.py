"""TLS and the ways to one log-in: STARTTLS, LOGIN, AUTHENTICATE (RFC 3501 6.2, SASL-IR: RFC 4959).

All end as ``portal.login(credentials, peer, IMailboxes)``. Where a password may not cross the line, LOGINDISABLED is announced and every
way of asking for one is refused with PRIVACYREQUIRED.
"""

import time
from collections.abc import Callable, Iterable

import attrs
from twisted.cred.error import UnauthorizedLogin

from mailsvc.auth.credentials import ClientCredentials, PasswordCredentials, credentials_of
from mailsvc.core.errors import MailError
from mailsvc.core.interfaces.mailboxes import IMailboxes
from mailsvc.formats.imap import codes, responses
from mailsvc.formats.imap.codes import Code
from mailsvc.formats.imap.commands import Command
from mailsvc.formats.sasl import SPA
from mailsvc.imap.refusals import SASL_FAILURES, refusal
from mailsvc.imap.session import Session
from mailsvc.imap.verbs import UNAUTHENTICATED, Answer, Refused, Verb, bad, no
from mailsvc.monitor import counters
from mailsvc.wire.channel import circumstances
from mailsvc.wire.options import TLSMode
from mailsvc.wire.sasl import LINE_LIMIT, SaslFailure, authenticate, begin, offered

__all__ = ["CAPABILITIES", "VERBS"]

MAX_LOGIN_FAILURES = 3
"""Wrong passwords after which the connection is closed. (Slowing down those who come again is the business of auth.)"""


def CAPABILITIES(session: Session) -> Iterable[str]:
    """RFC 3501 6.2: what a stranger may do on this line."""
    if session.account is not None:
        return
    yield "SASL-IR"
    if _may_start_tls(session):
        yield "STARTTLS"
    if not session.peer.password_ok:
        yield "LOGINDISABLED"
    yield from (f"AUTH={name}" for name in _offered(session))


def _offered(session: Session) -> tuple[str, ...]:
    return offered(session.factory.options.mechanisms, session.peer)


def _may_start_tls(session: Session) -> bool:
    factory = session.factory
    return factory.tls is not None and factory.options.tls is TLSMode.STARTTLS and session.peer.tls is None


async def _start_tls(session: Session, command: Command) -> Answer:
    """RFC 3501 6.2.1. What came before TLS is forgotten, pipelined commands too."""
    if not _may_start_tls(session):
        raise bad("TLS cannot begin here and now")
    return Answer("Begin TLS", then=session.start_tls)


async def _login(session: Session, command: Command) -> Answer:
    """RFC 3501 6.2.3."""
    user, password = command.args
    if not session.peer.password_ok:
        raise _unprotected()
    return await _log_in(
        session, PasswordCredentials(username=user, password=password, peer=session.peer, mechanism="USER")
    )


async def _authenticate(session: Session, command: Command) -> Answer:
    """RFC 3501 6.2.2."""
    name, initial = command.args
    if name not in _offered(session):
        raise _not_offered(session, name)

    async def ask(challenge: bytes) -> bytes:
        session.send(responses.continuation(challenge))
        return await session.receive_line(session.idle_timeout, LINE_LIMIT)

    exchange = begin(name, circumstances(session.transport, session.peer, session.hostname, time.time()))
    outcome = await authenticate(exchange, initial, ask, lambda one: session.portal.lookup(one, session.peer))
    if outcome is SaslFailure.REFUSED:
        raise _wrong_password(session)
    if isinstance(outcome, SaslFailure):
        raise Refused(SASL_FAILURES[outcome])
    return await _log_in(session, credentials_of(outcome, session.peer, name))


def _not_offered(session: Session, name: str) -> Refused:
    if name in SPA:
        return no("NTLM is not supported: switch off Secure Password Authentication and switch on TLS")
    if name in session.factory.options.mechanisms and session.peer.tls is None:
        return _unprotected()
    return no("Unknown authentication mechanism")


def _unprotected() -> Refused:
    return no("A password would cross this line unprotected: begin TLS first", Code.PRIVACYREQUIRED)


async def _log_in(session: Session, credentials: ClientCredentials) -> Answer:
    try:
        _, avatar, logout = await session.portal.login(credentials, session, IMailboxes)
    except UnauthorizedLogin as error:
        _log_failure(session, credentials, "bad-credentials", str(error))
        raise _wrong_password(session) from None
    except MailError as error:
        _log_failure(session, credentials, error.reason, str(error))
        too_many = _one_too_many(session)
        if error.reason == "throttled" and too_many:
            raise Refused(attrs.evolve(refusal(error), then=_turn_away(session))) from None
        raise
    session.log_in(avatar, logout)
    counters.login("imap", "ok")
    session.log("{client}: {account} logged in")
    return Answer("Logged in", codes.capability(session.capability_names()))


def _wrong_password(session: Session) -> Refused:
    answer = Answer("Wrong user name or password", Code.AUTHENTICATIONFAILED, "NO")
    return Refused(attrs.evolve(answer, then=_turn_away(session)) if _one_too_many(session) else answer)


def _one_too_many(session: Session) -> bool:
    """Count a failed log-in."""
    session.login_failures += 1
    return session.login_failures >= MAX_LOGIN_FAILURES


def _turn_away(session: Session) -> Callable[[], None]:
    return lambda: session.hang_up("Too many failed log-ins")


def _log_failure(session: Session, credentials: ClientCredentials, outcome: str, detail: str) -> None:
    counters.login("imap", outcome)
    name = credentials.username[:100].decode("utf-8", "replace")
    if outcome != "throttled":  # who guesses all night writes nothing here
        session.log("{client}: log-in as {name!r} failed: {reason}", name=name, reason=detail or outcome)


VERBS = (
    Verb("STARTTLS", _start_tls, UNAUTHENTICATED),
    Verb("LOGIN", _login, UNAUTHENTICATED),
    Verb("AUTHENTICATE", _authenticate, UNAUTHENTICATED),
)
