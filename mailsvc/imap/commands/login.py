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
from mailsvc.imap.refusals import SASL_FAILURES, refusal
from mailsvc.imap.session import Session
from mailsvc.imap.verbs import UNAUTHENTICATED, Answer, Refused, Verb, bad
from mailsvc.wire.channel import circumstances
from mailsvc.wire.options import TLSMode
from mailsvc.wire.sasl import LINE_LIMIT, NotOffered, SaslFailure, authenticate, begin, offered, why_not

__all__ = ["CAPABILITIES", "VERBS"]

_NOT_OFFERED = {
    NotOffered.SPA: Answer(
        "NTLM is not supported: switch off Secure Password Authentication and switch on TLS", condition="NO"
    ),
    NotOffered.UNPROTECTED: Answer(
        "A password would cross this line unprotected: begin TLS first", Code.PRIVACYREQUIRED, "NO"
    ),
    NotOffered.UNKNOWN: Answer("Unknown authentication mechanism", condition="NO"),
}


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
        raise Refused(_NOT_OFFERED[NotOffered.UNPROTECTED])
    return await _log_in(
        session, PasswordCredentials(username=user, password=password, peer=session.peer, mechanism="USER")
    )


async def _authenticate(session: Session, command: Command) -> Answer:
    """RFC 3501 6.2.2."""
    name, initial = command.args
    reason = why_not(name, session.factory.options.mechanisms, session.peer)
    if reason is not None:
        raise Refused(_NOT_OFFERED[reason])

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


async def _log_in(session: Session, credentials: ClientCredentials) -> Answer:
    try:
        _, avatar, logout = await session.portal.login(credentials, session, IMailboxes)
    except UnauthorizedLogin:
        raise _wrong_password(session) from None
    except MailError as error:
        if session.failures.one_more() and error.reason == "throttled":
            raise Refused(attrs.evolve(refusal(error), then=_turn_away(session))) from None
        raise
    session.log_in(avatar, logout)
    session.log("{client}: {account} logged in")
    return Answer("Logged in", codes.capability(session.capability_names()))


def _wrong_password(session: Session) -> Refused:
    answer = Answer("Wrong user name or password", Code.AUTHENTICATIONFAILED, "NO")
    return Refused(attrs.evolve(answer, then=_turn_away(session)) if session.failures.one_more() else answer)


def _turn_away(session: Session) -> Callable[[], None]:
    return lambda: session.hang_up("Too many failed log-ins")


VERBS = (
    Verb("STARTTLS", _start_tls, UNAUTHENTICATED),
    Verb("LOGIN", _login, UNAUTHENTICATED),
    Verb("AUTHENTICATE", _authenticate, UNAUTHENTICATED),
)
