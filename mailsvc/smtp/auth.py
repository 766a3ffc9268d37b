"""SMTP AUTH (RFC 4954): one SASL exchange, one log-in at the portal, one reply."""

from collections.abc import Awaitable, Callable
from typing import Any

import attrs
from twisted.cred.error import UnauthorizedLogin
from twisted.cred.portal import Portal
from twisted.logger import Logger

from mailsvc.auth.credentials import credentials_of
from mailsvc.core.errors import Kind, MailError
from mailsvc.core.interfaces.login import IAuthenticated
from mailsvc.core.values import Peer
from mailsvc.formats.reply import Reply
from mailsvc.formats.sasl import MECHANISMS, Proof
from mailsvc.monitor import counters
from mailsvc.smtp import replies
from mailsvc.wire.sasl import SaslFailure, authenticate

__all__ = ["Attempt", "attempt"]

log = Logger(namespace="mailsvc.smtp")

_FAILURES = {
    SaslFailure.CANCELLED: replies.AUTH_CANCELLED,
    SaslFailure.MALFORMED: replies.AUTH_MALFORMED,
    SaslFailure.TOO_LONG: replies.AUTH_TOO_LONG,
}


@attrs.frozen
class Attempt:
    """What came of one AUTH command. ``wrong``: a password was tried and was not right."""

    reply: Reply
    avatar: IAuthenticated | None = None
    wrong: bool = False


async def attempt(argument: bytes, peer: Peer, portal: Portal, ask: Callable[[bytes], Awaitable[bytes]]) -> Attempt:
    """Carry out ``AUTH argument``. ``ask`` sends a challenge in base64 and returns the client's line."""
    word, _, initial = argument.partition(b" ")
    name = word.decode("ascii", "replace").upper()
    if name not in MECHANISMS:
        return Attempt(replies.NO_MECHANISM if name else replies.AUTH_SYNTAX)
    if MECHANISMS[name].cleartext and not peer.password_ok:
        return Attempt(replies.AUTH_NEEDS_TLS)
    outcome = await authenticate(MECHANISMS[name](), initial.strip() or None, ask)
    if isinstance(outcome, SaslFailure):
        return Attempt(_FAILURES[outcome])
    return await _log_in(outcome, peer, name, portal)


async def _log_in(proof: Proof, peer: Peer, mechanism: str, portal: Portal) -> Attempt:
    result, outcome = await _ask_portal(proof, peer, mechanism, portal)
    counters.login(peer.protocol, outcome)
    return result


async def _ask_portal(proof: Proof, peer: Peer, mechanism: str, portal: Portal) -> tuple[Attempt, str]:
    login: Any
    try:
        login = await portal.login(credentials_of(proof, peer, mechanism), peer, IAuthenticated)
    except UnauthorizedLogin:
        return Attempt(replies.BAD_PASSWORD, wrong=True), Kind.BAD_CREDENTIALS.value
    except MailError as error:
        wrong = not error.temporary
        reply = replies.reply_to(error) if wrong else replies.AUTH_LATER
        return Attempt(reply, wrong=wrong), error.reason
    except Exception:
        log.failure("a log-in from {peer} failed", peer=peer.address)
        return Attempt(replies.AUTH_LATER), "unexpected"
    _, avatar, _ = login
    return Attempt(replies.LOGGED_IN, avatar=avatar), "ok"
