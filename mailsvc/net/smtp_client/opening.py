"""What comes before the first message: greeting, EHLO, STARTTLS and EHLO again, AUTH (RFC 5321 3.1, RFC 3207, RFC 4954).

Each step returns or raises :class:`HopFailed` with the host's own words. TLS that fails although it was only wished for raises
:class:`TLSFailed`, so that the connector can come again without it.
"""

import base64
import binascii
import secrets
from typing import Any

from mailsvc.core.outbound import Answer, Credentials, HopFailed, Terms, TLSDemand
from mailsvc.formats.sasl.clients import CLIENTS, Dialogue
from mailsvc.formats.sasl.exchange import SaslError
from mailsvc.formats.smtp_replies import ServerReply
from mailsvc.net.smtp_client.capabilities import Capabilities
from mailsvc.net.smtp_client.line import Line
from mailsvc.net.smtp_client.tls import ClientTLS, check_name
from mailsvc.net.smtp_client.words import answer, ours

__all__ = ["TLSFailed", "open_session"]


_SIMPLE = ("PLAIN", "LOGIN")
"""They show the password to the server, which TLS keeps from others."""


class TLSFailed(Exception):
    """TLS did not come about; ``failure``: how. The connection is of no use any more."""

    def __init__(self, failure: HopFailed) -> None:
        super().__init__(str(failure))
        self.failure = failure


async def open_session(line: Line, terms: Terms, tls: ClientTLS) -> Capabilities:
    """All of it. Raises HopFailed and TLSFailed."""
    secured = line.hop.implicit_tls
    demand = _demand(terms)
    if secured:
        await _handshake(line, demand if demand is not TLSDemand.NEVER else TLSDemand.REQUIRED, tls, implicit=True)
    _expect(line, await line.reply("greeting"), "greeting")
    able = await _hello(line, terms)
    if not secured and demand is not TLSDemand.NEVER and await _starttls(line, demand, able):
        await _handshake(line, demand, tls)
        try:
            able = await _hello(line, terms)
        except HopFailed as failure:
            raise TLSFailed(failure) from None  # TLS 1.3 tells us of the host's objections only now
    if terms.credentials is not None:
        await _log_in(line, terms.credentials, able)
    return able


def _demand(terms: Terms) -> TLSDemand:
    """A password is worth more than the administrator's leniency."""
    lenient = terms.tls in (TLSDemand.NEVER, TLSDemand.OPPORTUNISTIC)
    return TLSDemand.REQUIRED if terms.credentials is not None and lenient else terms.tls


def _expect(line: Line, reply: ServerReply, phase: str) -> None:
    if reply.code >= 300:
        raise HopFailed(line.hop, answer(reply, phase))


async def _hello(line: Line, terms: Terms) -> Capabilities:
    name = terms.helo.encode("ascii", "replace")
    line.write((b"LHLO " if terms.lmtp else b"EHLO ") + name + b"\r\n")
    reply = await line.reply("EHLO")
    if reply.code < 300:
        return Capabilities.of(reply.lines[1:])
    if reply.code < 500 or terms.lmtp:
        raise HopFailed(line.hop, answer(reply, "EHLO"))
    line.write(b"HELO " + name + b"\r\n")  # RFC 5321 3.2
    _expect(line, await line.reply("EHLO"), "EHLO")
    return Capabilities()


async def _starttls(line: Line, demand: TLSDemand, able: Capabilities) -> bool:
    """Ask for TLS if it is there. Whether the handshake may begin."""
    if not able.starttls:
        if demand is TLSDemand.OPPORTUNISTIC:
            return False
        raise HopFailed(line.hop, ours("4.7.4", "TLS is demanded, but the host does not offer it", "STARTTLS"))
    line.write(b"STARTTLS\r\n")
    try:
        reply = await line.reply("STARTTLS")
    except HopFailed as failure:  # some break at the mere word
        raise _no_tls(failure) from None
    if reply.code == 220:
        return True
    if demand is TLSDemand.OPPORTUNISTIC:
        return False
    # Whatever it says, TLS may be there another day.
    raise HopFailed(line.hop, Answer(reply.code, "4.7.4", reply.text, "STARTTLS"))


async def _handshake(line: Line, demand: TLSDemand, tls: ClientTLS, implicit: bool = False) -> None:
    try:
        await line.start_tls(tls.creator(line.hop.name, demand), implicit)
        if demand is TLSDemand.VERIFIED:
            _check_name(line)
    except HopFailed as failure:
        raise _no_tls(failure) from None


def _no_tls(failure: HopFailed) -> TLSFailed:
    return TLSFailed(HopFailed(failure.hop, ours("4.7.5", f"TLS failed: {failure.answer.text}", "STARTTLS")))


def _check_name(line: Line) -> None:
    handle: Any = line.transport.getHandle()
    try:
        check_name(handle, line.hop.name)
    except ValueError as reason:
        line.fail("4.7.5", str(reason))
        raise line.failure("STARTTLS") from None


async def _log_in(line: Line, credentials: Credentials, able: Capabilities) -> None:
    """RFC 4954 4. A refusal is temporary: the password will be put right, and the mail is good (Postfix smtp_sasl_auth_soft_bounce)."""
    if not line.tls:
        raise HopFailed(line.hop, ours("4.7.4", "no TLS, so no password is sent", "AUTH"))
    mechanisms = [name for name in CLIENTS if name in able.mechanisms]
    if not mechanisms:
        raise HopFailed(line.hop, ours("4.7.0", "the host offers no way to log in that we know", "AUTH"))
    reply = await _try_mechanism(line, mechanisms[0], credentials)
    simple = next((name for name in mechanisms[1:] if name in _SIMPLE), None)
    if reply.code >= 500 and simple and mechanisms[0] not in _SIMPLE:
        # Many servers offer SCRAM whether or not they have kept what it needs for this account.
        reply = await _try_mechanism(line, simple, credentials)
    if reply.code != 235:
        status = reply.status if reply.status.startswith("4.") else "4.7.8"
        raise HopFailed(line.hop, Answer(reply.code, status, reply.text, "AUTH"))


async def _try_mechanism(line: Line, mechanism: str, credentials: Credentials) -> ServerReply:
    """One log-in; what the server says last."""
    dialogue = CLIENTS[mechanism](credentials.name, credentials.password, secrets.token_urlsafe(24))
    try:
        return await _exchange(line, mechanism, dialogue)
    except SaslError as error:
        line.fail("4.7.0", f"the log-in makes no sense: {error}")
        raise line.failure("AUTH") from None


async def _exchange(line: Line, mechanism: str, dialogue: Dialogue) -> ServerReply:
    """Carry the dialogue; what the server says last. Raises SaslError."""
    initial = next(dialogue)
    command = f"AUTH {mechanism}".encode("ascii")
    if initial is not None:
        command += b" " + (base64.b64encode(initial) or b"=")
    line.write(command + b"\r\n")
    reply = await line.reply("AUTH")
    while reply.code == 334:
        line.write(base64.b64encode(_response(dialogue, reply)) + b"\r\n")
        reply = await line.reply("AUTH")
    if reply.code == 235:
        _finished(dialogue)
    return reply


def _finished(dialogue: Dialogue) -> None:
    """The server is content; a mechanism that has to see something of it yet is not (RFC 5802 5: its signature)."""
    try:
        dialogue.send(b"")
    except StopIteration:
        return
    raise SaslError("ended-too-soon")


def _response(dialogue: Dialogue, reply: ServerReply) -> bytes:
    try:
        response = dialogue.send(binascii.a2b_base64(reply.lines[0], strict_mode=True))
    except (binascii.Error, ValueError):
        raise SaslError("not-base64") from None
    except StopIteration:
        raise SaslError("one-question-too-many") from None
    return response or b""
