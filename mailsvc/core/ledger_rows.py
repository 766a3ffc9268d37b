"""Events as rows of the store, and back."""

import json
from typing import Any

import attrs

from mailsvc.core.ledger import Event, Happening, Row
from mailsvc.core.relay import Limits, Miss, RelayDecision

__all__ = ["pack", "unpack"]


def pack(event: Event) -> Row:
    """The row of an event. Text that no database could keep (half a surrogate pair) is made harmless."""
    row = Row(
        event.at,
        event.what.value,
        event.queue_id,
        event.message_id,
        event.account,
        event.account_id,
        event.listener,
        event.protocol,
        event.address,
        event.helo,
        event.sender,
        "\n".join(event.recipients),
        "\n".join(" ".join(map(str, accounts)) for accounts in event.readers),
        event.size,
        event.reason,
        event.reply,
        _more(event) if event.evidence or event.decision else "",
    )
    try:
        "".join((row.message_id, row.helo, row.sender, row.recipients, row.reply, row.more)).encode()
    except UnicodeEncodeError:
        return Row(*(_harmless(value) for value in row))
    return row


def unpack(row: Row) -> Event:
    """The event of a row; what a newer release has put into ``more`` is passed over."""
    more = json.loads(row.more) if row.more else {}
    decision = more.get("decision")
    return Event(
        at=row.at,
        what=Happening(row.what),
        queue_id=row.queue_id,
        message_id=row.message_id,
        account=row.account,
        account_id=row.account_id,
        listener=row.listener,
        protocol=row.protocol,
        address=row.address,
        helo=row.helo,
        sender=row.sender,
        recipients=tuple(row.recipients.split("\n")) if row.recipients else (),
        readers=tuple(tuple(map(int, line.split())) for line in row.readers.split("\n")) if row.readers else (),
        size=row.size,
        reason=row.reason,
        reply=row.reply,
        evidence=_pairs(more.get("evidence", ())),
        decision=_decision(decision) if decision is not None else None,
    )


def _harmless(value: Any) -> Any:
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def _more(event: Event) -> str:
    more: dict[str, Any] = {"evidence": event.evidence} if event.evidence else {}
    if event.decision is not None:
        more["decision"] = _said(event.decision)
    return json.dumps(more, ensure_ascii=False, separators=(",", ":"))


# --- the decision ---

_DEFAULTS = {field.name: field.default for field in attrs.fields(RelayDecision)}
_NAMES = tuple(_DEFAULTS)


def _said(decision: RelayDecision) -> dict[str, Any]:
    """Its fields that say something, as JSON can have them."""
    found = {name: value for name in _NAMES if (value := getattr(decision, name)) != _DEFAULTS[name]}
    if "misses" in found:
        found["misses"] = [(miss.rule, miss.reason, miss.when) for miss in decision.misses]
    if "limits" in found:
        found["limits"] = (decision.limits.messages, decision.limits.recipients)
    return found


def _decision(said: dict[str, Any]) -> RelayDecision:
    known = {name: value for name, value in said.items() if name in _DEFAULTS}
    messages, recipients = known.pop("limits", (0, 0))
    return RelayDecision(
        **{
            **known,
            "evidence": _pairs(known.get("evidence", ())),
            "misses": tuple(Miss(*miss) for miss in known.get("misses", ())),
            "limits": Limits(messages=messages, recipients=recipients),
        }
    )


def _pairs(pairs: Any) -> tuple[tuple[str, str], ...]:
    return tuple((str(name), str(value)) for name, value in pairs)
