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
from mailsvc.formats.sasl import MECHANISMS, SPA, Circumstances, Proof
from mailsvc.monitor import counters
from mailsvc.smtp import replies
from mailsvc.wire.options import ListenerOptions
from mailsvc.wire.sasl import Ask, SaslFailure, authenticate, begin, offered

__all__ = ["Attempt", "attempt"]

log = Logger(namespace="mailsvc.smtp")

_FAILURES = {
    SaslFailure.CANCELLED: replies.AUTH_CANCELLED,
    SaslFailure.MALFORMED: replies.AUTH_MALFORMED,
    SaslFailure.TOO_LONG: replies.AUTH_TOO_LONG,
    SaslFailure.REFUSED: replies.BAD_PASSWORD,
}


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
    if name not in offered(options.mechanisms, peer):
        return Attempt(_not_offered(name, options, peer, unprotected))
    exchange = begin(name, circumstances())
    try:
        outcome = await authenticate(exchange, initial.strip() or None, ask, lambda one: portal.lookup(one, peer))
    except MailError as error:
        counters.login(peer.protocol, error.reason)
        note = log.debug if error.reason == "throttled" else log.warn
        note("a log-in by {mechanism} cannot be judged: {error}", mechanism=name, error=error)
        return Attempt(replies.auth_later(error))
    if isinstance(outcome, SaslFailure):
        return Attempt(_FAILURES[outcome], wrong=outcome is SaslFailure.REFUSED)
    return await _log_in(outcome, session, name, portal)


def _not_offered(name: str, options: ListenerOptions, peer: Peer, unprotected: Reply) -> Reply:
    if not name:
        return replies.AUTH_SYNTAX
    if name in SPA:
        return replies.NO_SPA
    if name in options.mechanisms and name in MECHANISMS and peer.tls is None:
        return unprotected
    return replies.NO_MECHANISM


async def _log_in(proof: Proof, session: Client, mechanism: str, portal: Any) -> Attempt:
    login: Any
    peer = session.peer
    try:
        login = await portal.login(credentials_of(proof, peer, mechanism), session, IAuthenticated)
    except UnauthorizedLogin as error:
        return _failed(proof, peer, replies.BAD_PASSWORD, "bad-credentials", str(error), wrong=True)
    except MailError as error:
        if error.temporary:
            return _failed(proof, peer, replies.auth_later(error), error.reason, str(error))
        return _failed(proof, peer, replies.reply_to(error), error.reason, str(error), wrong=True)
    except Exception as error:
        log.failure("the log-in of a client at {peer} failed", peer=peer.address)
        return _failed(proof, peer, replies.AUTH_LATER, "unexpected", type(error).__name__)
    avatar: IAuthenticated = login[1]
    counters.login(peer.protocol, "ok")
    log.info(
        "{account} logged in from {peer} by {mechanism}, {tls}",
        account=avatar.account.address,
        peer=peer.address or "a local socket",
        mechanism=mechanism,
        tls=peer.tls or "no TLS",
    )
    return Attempt(replies.LOGGED_IN, avatar=avatar)


def _failed(proof: Proof, peer: Peer, reply: Reply, reason: str, detail: str, wrong: bool = False) -> Attempt:
    counters.login(peer.protocol, reason)
    note = log.debug if reason == "throttled" else log.info  # who guesses all night writes nothing here
    note(
        "log-in as {name!r} from {peer} failed: {detail}",
        name=proof.authcid[:100],
        peer=peer.address or "a local socket",
        detail=detail or reason,
    )
    return Attempt(reply, wrong=wrong)
