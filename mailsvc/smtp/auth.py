"""SMTP AUTH (RFC 4954): one SASL exchange, one log-in at the portal, one reply."""

from collections.abc import Awaitable, Callable
from typing import Any

import attrs
from twisted.cred.error import UnauthorizedLogin
from twisted.cred.portal import Portal
from twisted.logger import Logger

from mailsvc.auth.credentials import credentials_of
from mailsvc.core.errors import MailError
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


async def attempt(
    argument: bytes, peer: Peer, portal: Portal, ask: Callable[[bytes], Awaitable[bytes]], unprotected: Reply
) -> Attempt:
    """Carry out ``AUTH argument``. ``ask`` sends a challenge in base64 and returns the client's line.

    :param unprotected: what to say before a password crosses a line that can be read.
    """
    word, _, initial = argument.partition(b" ")
    name = word.decode("ascii", "replace").upper()
    if name not in MECHANISMS:
        return Attempt(replies.NO_MECHANISM if name else replies.AUTH_SYNTAX)
    if MECHANISMS[name].cleartext and not peer.password_ok:
        return Attempt(unprotected)
    outcome = await authenticate(MECHANISMS[name](), initial.strip() or None, ask)
    if isinstance(outcome, SaslFailure):
        return Attempt(_FAILURES[outcome])
    return await _log_in(outcome, peer, name, portal)


async def _log_in(proof: Proof, peer: Peer, mechanism: str, portal: Portal) -> Attempt:
    login: Any
    try:
        login = await portal.login(credentials_of(proof, peer, mechanism), peer, IAuthenticated)
    except UnauthorizedLogin as error:
        return _failed(proof, peer, replies.BAD_PASSWORD, "bad-credentials", str(error), wrong=True)
    except MailError as error:
        if error.temporary:
            return _failed(proof, peer, replies.AUTH_LATER, error.reason, str(error))
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
    log.info(
        "log-in as {name!r} from {peer} failed: {detail}",
        name=proof.authcid[:100],
        peer=peer.address or "a local socket",
        detail=detail or reason,
    )
    return Attempt(reply, wrong=wrong)
