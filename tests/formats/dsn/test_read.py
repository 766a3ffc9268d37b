"""Bounces of many servers, read."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsvc.formats.dsn.read import read
from tests.costs import ends_soon

BOUNCES = Path(__file__).parents[2] / "data/bounces"

UNKNOWN = ("unknown@remote.test", "failed", "5.1.1")
FULL = ("full@remote.test", "failed", "5.2.2")

# File -> style, who reports, recipients.
SAMPLES = {
    "postfix-failed": ("rfc3464", "relay.elsewhere.test", [FULL, UNKNOWN]),
    "postfix-delayed": ("rfc3464", "relay.elsewhere.test", [("grey@remote.test", "delayed", "4.2.0")]),
    "postfix-expired": ("rfc3464", "relay.elsewhere.test", [("grey@remote.test", "failed", "4.2.0")]),
    "postfix-relayed": ("rfc3464", "relay.elsewhere.test", [("fine@remote.test", "relayed", "2.0.0")]),
    "postfix-utf8": ("rfc3464", "relay.elsewhere.test", [("unknown-太@remote.test", "failed", "5.1.1")]),
    "exim-failed": ("rfc3464", "relay.exim.test", [UNKNOWN, FULL]),
    "exim-delayed": ("rfc3464", "relay.exim.test", [("grey@remote.test", "delayed", "4.2.0")]),
    "exim-delivered": ("rfc3464", "relay.exim.test", [("fine@remote.test", "delivered", "2.0.0")]),
    "sendmail-failed": ("rfc3464", "relay.sendmail.test", [UNKNOWN]),
    "exchange-failed": (
        "rfc3464",
        "TY1P001MB0002.apc.prod.outlook.test",
        [("unknown@remote.test", "failed", "5.1.10")],
    ),
    "qmail-failed": ("qmail", "relay.qmail.test", [UNKNOWN, ("nobody@nowhere.test", "failed", "5.1.2")]),
    "exim-old-failed": (
        "exim",
        "relay.exim.test",
        [UNKNOWN, ("full@remote.test", "failed", "5.0.0"), ("silent@remote.test", "failed", "5.0.0")],
    ),
}


def sample(name: str) -> bytes:
    """A bounce as it was sent, with CRLF."""
    return (BOUNCES / f"{name}.eml").read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("line_end", [b"\r\n", b"\n"])
def test_samples(name: str, line_end: bytes) -> None:
    """Who failed, how, and which message it was, whatever the line ends."""
    style, reporter, recipients = SAMPLES[name]
    bounce = read(sample(name).replace(b"\r\n", line_end))
    assert bounce is not None
    assert (bounce.style, bounce.status.reporter) == (style, reporter)
    assert [(one.final, one.action, one.status) for one in bounce.status.recipients] == recipients
    assert bounce.message_id in ("<original-1@sender.test>", "<original-2@sender.test>")


def test_every_sample_is_read() -> None:
    """No file lies there unused."""
    assert {path.stem for path in BOUNCES.glob("*.eml")} == set(SAMPLES)


def test_the_rest_of_what_postfix_says() -> None:
    """ENVID, ORCPT, the remote's name and words, and dates."""
    bounce = read(sample("postfix-failed"))
    assert bounce is not None
    assert bounce.status.envelope_id == "QQ314159"
    assert bounce.status.arrived is not None
    assert bounce.status.arrived.isoformat() == "2026-11-22T00:41:11+00:00"
    full = bounce.status.recipients[0]
    assert (full.original, full.remote) == ("rfc822;Orig+x@sender.test", "127.0.0.1")
    assert full.diagnostic == "smtp;552 5.2.2 Mailbox full"


def test_the_words_of_those_without_fields() -> None:
    """qmail and old Exim: the reason is what stands below the address, the remote is named in it."""
    for name in ("qmail-failed", "exim-old-failed"):
        bounce = read(sample(name))
        assert bounce is not None
        unknown = bounce.status.recipients[0]
        assert "550 5.1.1 <unknown@remote.test>" in unknown.diagnostic
        assert unknown.remote in ("192.0.2.1", "mx.remote.test")


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"Subject: hello\r\n\r\nHi. This is the day.\r\n",
        b"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; a\r\n\r\nAction: failed\r\n",
        b"Content-Type: message/delivery-status\r\n\r\nFinal-Recipient: rfc822; a@b\r\nAction: exploded\r\n",
        b"Content-Type: message/rfc822\r\n\r\n" + b"Content-Type: message/delivery-status\r\n\r\nAction: failed\r\n",
    ],
)
def test_other_messages_are_no_bounces(message: bytes) -> None:
    """What has no recipient with a known action reports about nothing."""
    assert read(message) is None


def test_a_forwarded_bounce_is_no_bounce() -> None:
    """A bounce within a message is somebody else's."""
    assert read(b"Subject: look\r\nContent-Type: message/rfc822\r\n\r\n" + sample("postfix-failed")) is None


def test_without_the_blank_line() -> None:
    """Some leave out the blank line between the message's fields and the first recipient's."""
    bounce = read(sample("postfix-delayed").replace(b"(UTC)\r\n\r\nFinal", b"(UTC)\r\nFinal"))
    assert bounce is not None
    assert bounce.status.recipients[0].final == "grey@remote.test"


@given(st.sampled_from(sorted(SAMPLES)), st.data())
def test_damaged_bounces(name: str, data: st.DataObject) -> None:
    """A bounce with any octets in any place is read, or not, and never raises."""
    octets = sample(name)
    at = data.draw(st.integers(0, len(octets)))
    read(octets[:at] + data.draw(st.binary(max_size=20)) + octets[at + data.draw(st.integers(0, 200)) :])


@pytest.mark.parametrize(
    "made",
    [
        b"Content-Type: message/delivery-status\r\n\r\nFinal-Recipient: rfc822;a@b\r\nAction: failed%bx\r\n"
        % (b" " * 200_000),
        b"\r\nHi. This is the \n\n<" + b"a@" * 100_000,
    ],
)
def test_bounces_made_to_be_slow(made: bytes) -> None:
    """Whoever sends 200,000 spaces or at signs gets no more of the processor than others."""
    assert ends_soon(lambda: read(made))
