"""Rows of the ledger in plain words: what happened, when, and why. Pure; ``mailsvc trace`` prints it, the account's own page will.

Nothing but the row is needed: rules, grants and accounts may have gone since.
"""

from collections.abc import Callable, Iterator, Mapping

from mailsvc.core.ledger import FIRST_USE, REPORT, Event, Happening
from mailsvc.core.relay import Miss, RelayDecision
from mailsvc.formats.smtp_replies import is_reply
from mailsvc.texts import Sentence

__all__ = ["tell"]

When = Callable[[float], str]
"""A time in words, of seconds since the epoch."""

_HEADS = {
    Happening.ACCEPTED: Sentence("trace.accepted"),
    Happening.REFUSED: Sentence("trace.refused"),
    Happening.SENT: Sentence("trace.sent"),
    Happening.DEFERRED: Sentence("trace.deferred"),
    Happening.HELD: Sentence("trace.held"),
    Happening.FAILED: Sentence("trace.failed"),
    Happening.REMOVED: Sentence("trace.removed"),
    Happening.GRANTED: Sentence("trace.given"),
    Happening.ENDED: Sentence("trace.ended"),
}
_PUT_OFF = Sentence("trace.put-off")
_BY_US = Sentence("trace.written")
_BY_HAND = Sentence("trace.given-by-hand")

_PERMISSIONS = {Happening.GRANTED: "trace.lasts", Happening.ENDED: "trace.had-lasted"}

_LETTERS = {REPORT: "trace.report", FIRST_USE: "trace.first-use"}

_ALLOWED = {
    "authenticated": "trace.authenticated",
    "granted": "trace.granted",
    "trusted-network": "trace.network",
    "certificate": "trace.certificate",
}

_REASONS = {
    "local": "trace.local",
    "relay-domain": "trace.relay-domain",
    "unknown-recipient": "trace.unknown-recipient",
    "unknown-domain": "trace.unknown-recipient",
    "unknown-at-relay-domain": "trace.unknown-recipient",
    "account-disabled": "trace.recipient-disabled",
    "mailbox-full": "trace.mailbox-full",
    "over-quota": "trace.mailbox-full",
    "too-big": "trace.too-big",
    "nul": "trace.malformed",
    "bare-newline": "trace.malformed",
    "long-line": "trace.malformed",
    "mail-loop": "trace.loop",
    "too-many-recipients": "trace.too-many-recipients",
    "lmtp-never-relays": "trace.lmtp",
    "revoked": "trace.end-revoked",
    "account": "trace.end-account",
    "password": "trace.end-password",
    "device": "trace.end-device",
    "logout": "trace.end-logout",
    "clock": "trace.end-clock",
}

_MISSES = {
    "not-authenticated": "trace.not-authenticated",
    "no-certificate": "trace.no-certificate",
    "no-grant": "trace.no-grant",
    "grant-expired": "trace.grant-expired",
    "grant-ended": "trace.grant-ended",
    "clock-set-back": "trace.grant-clock",
    "shared-address": "trace.shared-address",
    "other-network": "trace.other-network",
    "wrong-sender": "trace.wrong-sender",
    "account-disabled": "trace.account-off",
    "account-gone": "trace.account-gone",
    "sending-off": "trace.account-off",
}


def tell(event: Event, when: When) -> list[Sentence]:
    """The sentences of one row: first what happened, then why. ``when``: a time in words."""
    seen = dict(event.evidence)
    head = Sentence(_head(event, seen).key, **_facts(event, seen, when))
    return [head, *_why(event, seen, when), *_further(event, seen, when)]


def _head(event: Event, seen: Mapping[str, str]) -> Sentence:
    if event.what is Happening.REFUSED and "temporary" in seen:
        return _PUT_OFF
    if event.what is Happening.ACCEPTED and event.reason in _LETTERS:
        return _BY_US
    return _BY_HAND if event.what is Happening.GRANTED and event.reason == "by-hand" else _HEADS[event.what]


def _facts(event: Event, seen: Mapping[str, str], when: When) -> dict[str, object]:
    return {
        "at": when(event.at),
        "message": event.queue_id or event.message_id or Sentence("trace.no-number"),
        "client": event.address or Sentence("trace.local-socket"),
        "protocol": event.protocol or _port(event.listener),
        "sender": f"<{event.sender}>",
        "recipients": ", ".join(event.recipients) or Sentence("trace.all-recipients"),
        "size": f"{event.size:,}",
        "account": event.account or Sentence("trace.nobody"),
        "host": seen.get("host", ""),
        "reply": event.reply or event.reason,
        "said": _said(event.reply or event.reason, seen.get("host", "")),
    }


def _said(words: str, host: str) -> Sentence:
    """Why something is not sent: a server's words, or ours about one that was tried, or ours."""
    key = "trace.said" if host and is_reply(words) else "trace.tried" if host else "trace.ours"
    return Sentence(key, host=host, reply=words)


def _port(listener: str) -> str:
    """Where a client came in, of which no more is known: the name that the administrator gave it, or the protocol of the usual one."""
    protocol, at, _ = listener.partition("@")
    return protocol.upper() if at else listener or "SMTP"


def _why(event: Event, seen: Mapping[str, str], when: When) -> Iterator[Sentence]:
    decision = event.decision
    if event.reason in _LETTERS:
        yield Sentence(
            _LETTERS[event.reason],
            about=seen.get("about", ""),
            of=seen.get("of") or Sentence("trace.all-recipients"),
            client=event.address,
            recipients=", ".join(event.recipients),
        )
    elif event.reason == "relay-limit":
        yield Sentence("trace.limit")
    elif decision is None:
        yield from _plain(event)
    elif decision.allowed:
        yield from _allowed(decision, when)
    else:
        yield from _refused(event, decision, when)


def _plain(event: Event) -> Iterator[Sentence]:
    """Why, where no relay decision was asked."""
    if event.reason in _REASONS:
        yield Sentence(_REASONS[event.reason])
    elif event.what is Happening.REFUSED:
        yield Sentence("trace.reason", reason=event.reason)
    if event.what is Happening.ACCEPTED and event.account:
        yield Sentence("trace.answers", account=event.account)


def _allowed(decision: RelayDecision, when: When) -> Iterator[Sentence]:
    seen = dict(decision.evidence)
    by_hand = decision.reason == "granted" and seen.get("protocol") == "hand"
    yield Sentence(
        "trace.by-hand" if by_hand else _ALLOWED.get(decision.reason, "trace.allowed"),
        account=decision.account or Sentence("trace.nobody"),
        rule=decision.rule,
        reason=decision.reason,
        address=seen.get("address", ""),
        mechanism=seen.get("mechanism", ""),
        tls=Sentence("trace.under-tls", version=seen["tls"]) if seen.get("tls") else Sentence("trace.without-tls"),
        protocol=seen.get("protocol", "").upper(),
        last=when(int(seen.get("last", 0))),
        expiry=when(decision.expiry or 0),
        grant=decision.grant,
    )
    yield Sentence("trace.answers" if decision.account else "trace.answers-nobody", account=decision.account)


def _refused(event: Event, decision: RelayDecision, when: When) -> Iterator[Sentence]:
    yield Sentence("trace.denied")
    if decision.reason == "wrong-from":
        yield Sentence("trace.wrong-from", rule=decision.rule)
    for miss in decision.misses:
        yield _miss(event, miss, when)


def _miss(event: Event, miss: Miss, when: When) -> Sentence:
    return Sentence(
        _MISSES.get(miss.reason, "trace.other-miss"),
        rule=miss.rule,
        reason=miss.reason,
        address=event.address,
        sender=f"<{event.sender}>",
        over=when(miss.when),
    )


def _further(event: Event, seen: Mapping[str, str], when: When) -> Iterator[Sentence]:
    if event.what in _PERMISSIONS and "until" in seen:
        first, until = (when(int(seen.get(name, 0))) for name in ("first", "until"))
        key = "trace.lasts-by-hand" if event.reason == "by-hand" else _PERMISSIONS[event.what]
        yield Sentence(key, first=first, until=until, grant=seen.get("grant", ""))
    if event.what is Happening.REFUSED and event.reply:
        yield Sentence("trace.told", reply=event.reply)
    if "not-kept" in seen:
        yield Sentence("trace.not-kept", count=seen["not-kept"])
