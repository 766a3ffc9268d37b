"""TLS and the ways to one log-in: STARTTLS, LOGIN, AUTHENTICATE (RFC 3501 6.2, SASL-IR: RFC 4959).

All end as ``portal.login(credentials, peer, IMailboxes)``. Where a password may not cross the line, LOGINDISABLED is announced and every
way of asking for one is refused with PRIVACYREQUIRED.
"""

from collections.abc import Iterable

from twisted.cred.error import UnauthorizedLogin

from mailsvc.auth.credentials import PasswordCredentials, credentials_of
from mailsvc.core.errors import MailError
from mailsvc.core.interfaces.mailboxes import IMailboxes
from mailsvc.formats.imap import codes, responses
from mailsvc.formats.imap.codes import Code
from mailsvc.formats.imap.commands import Command
from mailsvc.formats.sasl import MECHANISMS, offered
from mailsvc.imap.refusals import SASL_FAILURES
from mailsvc.imap.session import Session
from mailsvc.imap.verbs import UNAUTHENTICATED, Answer, Refused, Verb, bad, no
from mailsvc.monitor import counters
from mailsvc.wire.options import TLSMode
from mailsvc.wire.sasl import LINE_LIMIT, SaslFailure, authenticate

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
    yield from (f"AUTH={name}" for name in offered(session.peer.password_ok))


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
    if name not in MECHANISMS:
        raise no("Unknown authentication mechanism")
    if name not in offered(session.peer.password_ok):
        raise _unprotected()

    async def ask(challenge: bytes) -> bytes:
        session.send(responses.continuation(challenge))
        return await session.receive_line(session.idle_timeout, LINE_LIMIT)

    outcome = await authenticate(MECHANISMS[name](), initial, ask)
    if isinstance(outcome, SaslFailure):
        raise Refused(SASL_FAILURES[outcome])
    return await _log_in(session, credentials_of(outcome, session.peer, name))


def _unprotected() -> Refused:
    return no("A password would cross this line unprotected: begin TLS first", Code.PRIVACYREQUIRED)


async def _log_in(session: Session, credentials: PasswordCredentials) -> Answer:
    try:
        _, avatar, logout = await session.portal.login(credentials, session.peer, IMailboxes)
    except UnauthorizedLogin as error:
        _log_failure(session, credentials, str(error) or "unauthorized")
        raise _wrong_password(session) from None
    except MailError as error:
        _log_failure(session, credentials, error.reason)
        raise
    session.log_in(avatar, logout)
    counters.login("imap", "ok")
    session.log("{client}: {account} logged in")
    return Answer("Logged in", codes.capability(session.capability_names()))


def _wrong_password(session: Session) -> Refused:
    session.login_failures += 1
    too_many = session.login_failures >= MAX_LOGIN_FAILURES
    return Refused(
        Answer(
            "Wrong user name or password",
            Code.AUTHENTICATIONFAILED,
            "NO",
            then=lambda: session.end("Too many wrong passwords") if too_many else None,
        )
    )


def _log_failure(session: Session, credentials: PasswordCredentials, reason: str) -> None:
    counters.login("imap", reason)
    name = credentials.username[:100].decode("utf-8", "replace")
    session.log("{client}: log-in as {name!r} failed: {reason}", name=name, reason=reason)


VERBS = (
    Verb("STARTTLS", _start_tls, UNAUTHENTICATED),
    Verb("LOGIN", _login, UNAUTHENTICATED),
    Verb("AUTHENTICATE", _authenticate, UNAUTHENTICATED),
)
