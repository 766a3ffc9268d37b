"""The content of message/delivery-status."""

from datetime import UTC, datetime, timedelta, timezone

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsvc.formats.dsn.fields import ACTIONS, one_line, parse, render
from mailsvc.formats.dsn.values import DeliveryStatus, RecipientStatus

PLAIN = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=20)
WORDS = st.text(max_size=60).map(one_line)
MOMENTS = st.none() | st.integers(0, 4_000_000_000).map(
    lambda second: datetime.fromtimestamp(second, timezone(timedelta(hours=9)))
)
RECIPIENTS = st.builds(
    RecipientStatus,
    final=st.builds("{}@{}".format, PLAIN, PLAIN),
    action=st.sampled_from(ACTIONS),
    status=st.from_regex(r"[245]\.[1-9]{1,3}\.[1-9]{1,3}", fullmatch=True),
    original=st.just("") | st.builds("utf-8;{}@x".format, PLAIN),
    remote=st.just("") | PLAIN,
    diagnostic=st.just("") | WORDS.filter(bool).map("smtp;{}".format),
    tried=MOMENTS,
    until=MOMENTS,
)
STATUSES = st.builds(
    DeliveryStatus,
    reporter=PLAIN,
    recipients=st.lists(RECIPIENTS, min_size=1, max_size=3).map(tuple),
    envelope_id=WORDS,
    arrived=MOMENTS,
)


@given(STATUSES, st.booleans())
def test_what_is_written_is_read(status: DeliveryStatus, utf8: bool) -> None:
    """Every status survives, in ASCII and in UTF-8."""
    content = render(status, utf8)
    assert utf8 or content.isascii()
    assert all(len(line) <= 998 for line in content.split(b"\r\n"))
    assert parse(content) == status


ONE = RecipientStatus(final="a@b.test", action="failed", status="5.1.1")


def written(**fields: object) -> bytes:
    """The content for one recipient."""
    return render(DeliveryStatus(reporter="mx.test", recipients=(attrs.evolve(ONE, **fields),)))


def test_the_order_of_fields() -> None:
    """RFC 3464 2.2, 2.3."""
    moment = datetime(2026, 10, 5, 10, tzinfo=UTC)
    status = DeliveryStatus(
        reporter="mx.test",
        recipients=(
            attrs.evolve(ONE, original="rfc822;c@d.test", remote="r.test", diagnostic="smtp;550 no", tried=moment),
        ),
        envelope_id="QQ",
        arrived=moment,
    )
    assert render(status) == (
        b"Original-Envelope-Id: QQ\r\n"
        b"Reporting-MTA: dns; mx.test\r\n"
        b"Arrival-Date: Mon, 05 Oct 2026 10:00:00 +0000\r\n"
        b"\r\n"
        b"Original-Recipient: rfc822; c@d.test\r\n"
        b"Final-Recipient: rfc822; a@b.test\r\n"
        b"Action: failed\r\n"
        b"Status: 5.1.1\r\n"
        b"Remote-MTA: dns; r.test\r\n"
        b"Diagnostic-Code: smtp; 550 no\r\n"
        b"Last-Attempt-Date: Mon, 05 Oct 2026 10:00:00 +0000\r\n"
    )


def test_no_line_of_a_stranger() -> None:
    """Line ends in a remote's words, names and addresses make no field."""
    content = written(
        diagnostic="smtp;550\r\nAction: delivered", remote="x\nStatus: 2.0.0", final="a\r\nStatus: 2\r\n@b"
    )
    assert content.count(b"\nAction:") == 1
    assert content.count(b"\nStatus:") == 1


@pytest.mark.parametrize("word", ["x", "\N{OLD ITALIC LETTER A}", "a\\"])
def test_long_words_are_cut(word: str) -> None:
    """A reply without an end is cut so that it fits into a line, never within a character."""
    content = written(diagnostic=f"smtp;550 {word * 2000}")
    assert all(len(line) <= 998 for line in content.split(b"\r\n"))
    status = parse(content)
    assert status is not None
    said = status.recipients[0].diagnostic
    assert said.endswith(" ...")
    assert f"smtp;550 {word * 2000}".startswith(said.removesuffix(" ..."))


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        (b"Action: failed\nStatus: 5.0.0\nDiagnostic-Code: smtp; 550 5.1.1 no", "5.1.1"),
        (b"Action: failed\nStatus: 5.0.0\nDiagnostic-Code: smtp; 450 4.1.1 no", "5.0.0"),
        (b"Action: failed\nStatus: 5.0.0\nDiagnostic-Code: smtp; from 5.1.1.1 and 10.5.1.1", "5.0.0"),
        (b"Action: FAILED (for good)\nStatus: 5.2.2 (full)", "5.2.2"),
        (b"Action: failed", "5.0.0"),
        (b"Action: delayed\nStatus: bad", "4.0.0"),
        (b"Action: relayed\nStatus:", "2.0.0"),
    ],
)
def test_status_as_it_is_found(fields: bytes, status: str) -> None:
    """A status that says nothing gives way to the one in the remote's words; a missing one follows from the action."""
    found = parse(b"Reporting-MTA: dns; a\n\nFinal-Recipient: rfc822; a@b\n" + fields + b"\n")
    assert found is not None
    assert found.recipients[0].status == status


@given(st.binary(max_size=200))
def test_any_octets(octets: bytes) -> None:
    """Nothing raises."""
    parse(octets)
    parse(b"Final-Recipient: rfc822; a@b\nAction: failed\n" + octets)
