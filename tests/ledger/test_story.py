"""Rows in plain words, in both languages, as a person would read them (``story.en.txt``, ``story.ja.txt``).

After a change that is meant: ``python -m tests.ledger.test_story`` writes the files anew; read them.
"""

from datetime import UTC, datetime
from pathlib import Path

import attrs
import pytest

from mailsvc.core.ledger import Event, Happening
from mailsvc.core.relay import Miss, RelayDecision
from mailsvc.ledger.story import tell
from mailsvc.texts import LANGUAGES, Texts

NOW = int(datetime(2026, 4, 8, 14, 2, tzinfo=UTC).timestamp())
HERE = Path(__file__).parent

HANAKO = {"account": "hanako@example.test", "account_id": 7}
SENT = Event(
    at=NOW,
    what=Happening.ACCEPTED,
    queue_id="06N1Q2R3S4T5U6V7",
    message_id="1@pc.example",
    listener="smtp",
    protocol="ESMTP",
    address="203.0.113.9",
    helo="pc.example",
    sender="hanako@example.test",
    recipients=("taro@example.com",),
    size=5120,
)
FROM_THERE = (("address", "203.0.113.9"),)
GRANTED = RelayDecision(
    allowed=True,
    rule="pop-before-smtp",
    kind="pop-before-smtp",
    reason="granted",
    evidence=(*FROM_THERE, ("protocol", "pop3"), ("mechanism", "USER"), ("tls", "TLSv1.3"), ("last", str(NOW - 240))),
    grant="5f1c",
    expiry=NOW + 360,
    **HANAKO,
)
AUTHENTICATED = RelayDecision(
    allowed=True,
    rule="smtp-auth",
    kind="smtp-auth",
    reason="authenticated",
    evidence=(*FROM_THERE, ("mechanism", "PLAIN"), ("tls", "TLSv1.3")),
    **HANAKO,
)
CAMPUS = RelayDecision(
    allowed=True, rule="campus", kind="trusted-network", reason="trusted-network", evidence=FROM_THERE
)
CERTIFICATE = RelayDecision(
    allowed=True, rule="cards", kind="client-certificate", reason="certificate", evidence=FROM_THERE, **HANAKO
)
REFUSED = attrs.evolve(
    SENT, what=Happening.REFUSED, queue_id="", size=0, reply="Relaying denied: receive your mail first."
)


PERMISSION = (("grant", "5f1c"), ("protocol", "pop3"), ("first", str(NOW - 240)), ("until", str(NOW + 360)))


def denied(*misses: Miss, **fields: str) -> RelayDecision:
    """A no."""
    return RelayDecision(
        allowed=False, reason=fields.get("reason", misses[0].reason), rule=misses[0].rule, misses=misses
    )


NOT_AUTHENTICATED = Miss("smtp-auth", "not-authenticated")
AT_NEXT_HOP = (("host", "mx.example.com [192.0.2.25]"),)

STORIES = {
    "after POP-before-SMTP": attrs.evolve(SENT, decision=GRANTED, reason="granted", **HANAKO),
    "by an administrator's word": attrs.evolve(
        SENT, decision=attrs.evolve(GRANTED, evidence=(*FROM_THERE, ("protocol", "hand"))), reason="granted", **HANAKO
    ),
    "after a log-in": attrs.evolve(SENT, protocol="ESMTPSA", decision=AUTHENTICATED, reason="authenticated", **HANAKO),
    "from the campus": attrs.evolve(SENT, decision=CAMPUS, reason="trusted-network"),
    "by a certificate": attrs.evolve(SENT, decision=CERTIFICATE, reason="certificate", **HANAKO),
    "for people here": attrs.evolve(
        SENT, sender="", recipients=("hanako@example.test", "taro@example.test"), reason="local"
    ),
    "for a domain that we relay for": attrs.evolve(SENT, reason="relay-domain"),
    "by LMTP": attrs.evolve(SENT, address="", protocol="LMTP", reason="local"),
    "nobody has received mail": attrs.evolve(
        REFUSED, reason="no-grant", decision=denied(Miss("pop-before-smtp", "no-grant"), NOT_AUTHENTICATED)
    ),
    "too late": attrs.evolve(
        REFUSED,
        reason="grant-expired",
        decision=denied(Miss("pop-before-smtp", "grant-expired", NOW - 60), NOT_AUTHENTICATED),
    ),
    "revoked": attrs.evolve(
        REFUSED, reason="grant-ended", decision=denied(Miss("pop-before-smtp", "grant-ended", NOW - 60))
    ),
    "all that may be missing": attrs.evolve(
        REFUSED,
        reply="",
        decision=denied(
            *(
                Miss("rule", reason)
                for reason in (
                    "no-certificate",
                    "clock-set-back",
                    "shared-address",
                    "other-network",
                    "wrong-sender",
                    "account-disabled",
                    "account-gone",
                    "something-new",
                )
            )
        ),
    ),
    "wrong From:": attrs.evolve(
        REFUSED,
        recipients=(),
        reason="wrong-from",
        decision=RelayDecision(allowed=False, rule="campus", reason="wrong-from"),
        **HANAKO,
    ),
    "too much": attrs.evolve(
        REFUSED, reason="relay-limit", decision=GRANTED, evidence=(("temporary", "yes"),), **HANAKO
    ),
    "nobody of this name": attrs.evolve(REFUSED, reason="unknown-recipient", reply="No such user here"),
    "full": attrs.evolve(REFUSED, reason="mailbox-full", evidence=(("temporary", "yes"),), reply=""),
    "something else": attrs.evolve(REFUSED, reason="low-disk", evidence=(("temporary", "yes"), ("not-kept", "12"))),
    "sent on": attrs.evolve(SENT, what=Happening.SENT, reply="250 2.0.0 Ok: queued as 4XyZ", evidence=AT_NEXT_HOP),
    "not yet": attrs.evolve(SENT, what=Happening.DEFERRED, reply="451 4.7.1 Greylisted", evidence=AT_NEXT_HOP),
    "refused there": attrs.evolve(SENT, what=Happening.FAILED, reply="550 5.1.1 No such user", evidence=AT_NEXT_HOP),
    "nobody answers": attrs.evolve(
        SENT, what=Happening.DEFERRED, reply="cannot connect: Connection refused", evidence=AT_NEXT_HOP
    ),
    "given up unanswered": attrs.evolve(
        SENT, what=Happening.FAILED, reply="no answer within 300 s", evidence=AT_NEXT_HOP
    ),
    "cannot be sent": attrs.evolve(SENT, what=Happening.FAILED, reply="The domain example.com does not exist"),
    "held back": attrs.evolve(SENT, what=Happening.HELD, reply="Held: a route of the configuration says so"),
    "removed by hand": attrs.evolve(SENT, what=Happening.REMOVED, reply="by hand"),
    "a report": attrs.evolve(
        SENT,
        sender="",
        address="",
        queue_id="06N1Q2R3S4T5U6V8",
        recipients=("hanako@example.test",),
        reason="report",
        evidence=(("about", "06N1Q2R3S4T5U6V7"), ("of", "taro@example.com")),
    ),
    "a letter": attrs.evolve(
        SENT,
        sender="",
        queue_id="",
        message_id="first-use.7.1775656920@mx.example.test",
        recipients=("hanako@example.test",),
        reason="first-use",
    ),
    "a grant": attrs.evolve(SENT, what=Happening.GRANTED, reason="log-in", evidence=PERMISSION, **HANAKO),
    "a grant by hand": attrs.evolve(SENT, what=Happening.GRANTED, reason="by-hand", evidence=PERMISSION, **HANAKO),
    "its end": attrs.evolve(SENT, what=Happening.ENDED, reason="password", evidence=PERMISSION, **HANAKO),
    "its end, of an earlier release": attrs.evolve(SENT, what=Happening.ENDED, reason="revoked", **HANAKO),
}


def when(seconds: int) -> str:
    """A time of the day, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%H:%M")


def written(language: str) -> str:
    """All stories."""
    texts = Texts(language)
    parts = [
        "\n".join([f"## {name}", *(texts.tell(one) for one in tell(event, when))]) for name, event in STORIES.items()
    ]
    return "\n\n".join(parts) + "\n"


@pytest.mark.parametrize("language", LANGUAGES)
def test_stories(language: str) -> None:
    """They read as they were last read by a person."""
    assert written(language) == (HERE / f"story.{language}.txt").read_text("utf-8")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("what", Happening)
def test_every_row_can_be_told(language: str, what: Happening) -> None:
    """Also one that has nothing in it, or words that a newer release has put there."""
    for event in (Event(at=0, what=what), Event(at=0, what=what, reason="brand-new", decision=denied(Miss("x", "y")))):
        assert all(Texts(language).tell(sentence) for sentence in tell(event, when))


if __name__ == "__main__":
    for each in LANGUAGES:
        (HERE / f"story.{each}.txt").write_text(written(each), "utf-8")
