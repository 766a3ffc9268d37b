"""SMTP AUTH (RFC 4954): one SASL exchange, one log-in at the portal, one reply."""

from collections.abc import Callable
from typing import Any, Protocol

import attrs
from twisted.cred.error import UnauthorizedLogin
from twisted.logger import Logger

from mailsvc.auth.credentials import credentials_of
from mailsvc.core.errors import MailError
from mailsvc.core.interfaces.login import IAuthenticated
from mailsvc.core.values import Peer
from mailsvc.formats.reply import Reply
from mailsvc.formats.sasl import Circumstances
from mailsvc.smtp import replies
from mailsvc.wire.options import ListenerOptions
from mailsvc.wire.sasl import Ask, NotOffered, SaslFailure, authenticate, begin, why_not

__all__ = ["Attempt", "attempt"]

log = Logger(namespace="mailsvc.smtp")

_FAILURES = {
    SaslFailure.CANCELLED: replies.AUTH_CANCELLED,
    SaslFailure.MALFORMED: replies.AUTH_MALFORMED,
    SaslFailure.TOO_LONG: replies.AUTH_TOO_LONG,
    SaslFailure.REFUSED: replies.BAD_PASSWORD,
}

_NOT_OFFERED = {NotOffered.SPA: replies.NO_SPA, NotOffered.UNKNOWN: replies.NO_MECHANISM}


class Client(Protocol):
    """The connection on which somebody logs in, the mind of the log-in."""

    options: ListenerOptions
    peer: Peer


@attrs.frozen
class Attempt:
    """What came of one AUTH command. ``wrong``: a password was tried and was not right."""

    reply: Reply
    avatar: IAuthenticated | None = None
    wrong: bool = False


async def attempt(
    argument: bytes,
    session: Client,
    portal: Any,
    ask: Ask,
    circumstances: Callable[[], Circumstances],
    unprotected: Reply,
) -> Attempt:
    """Carry out ``AUTH argument``. ``ask`` sends a challenge in base64 and returns the client's line.

    :param unprotected: what to say before a password crosses a line that can be read.
    """
    options, peer = session.options, session.peer
    word, _, initial = argument.partition(b" ")
    name = word.decode("ascii", "replace").upper()
    if not name:
        return Attempt(replies.AUTH_SYNTAX)
    reason = why_not(name, options.mechanisms, peer)
    if reason is not None:
        return Attempt(unprotected if reason is NotOffered.UNPROTECTED else _NOT_OFFERED[reason])
    exchange = begin(name, circumstances())
    try:
        outcome = await authenticate(exchange, initial.strip() or None, ask, lambda one: portal.lookup(one, peer))
        if isinstance(outcome, SaslFailure):
            return Attempt(_FAILURES[outcome], wrong=outcome is SaslFailure.REFUSED)
        return _succeeded(peer, await portal.login(credentials_of(outcome, peer, name), session, IAuthenticated))
    except UnauthorizedLogin:
        return Attempt(replies.BAD_PASSWORD, wrong=True)
    except MailError as error:
        return Attempt(replies.auth_later(error)) if error.temporary else Attempt(replies.reply_to(error), wrong=True)


def _succeeded(peer: Peer, login: Any) -> Attempt:
    avatar: IAuthenticated = login[1]
    log.info(
        "{account} logged in from {peer} by {mechanism}, {tls}",
        account=avatar.account.address,
        peer=peer.address or "a local socket",
        mechanism=avatar.mechanism,
        tls=peer.tls or "no TLS",
    )
    return Attempt(replies.LOGGED_IN, avatar=avatar)
