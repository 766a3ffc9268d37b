"""The trace before a message."""

from datetime import datetime, timedelta, timezone
from email import message_from_bytes, policy

import attrs
import pytest
from hypothesis import given

from mailsvc.formats.address import Address
from mailsvc.formats.mime.fields import Fields
from mailsvc.formats.received import Hop, address_literal, date_time, passes, received, return_path, with_protocol
from tests.costs import ends_soon
from tests.formats.test_smtp import ADDRESSES

HOP = Hop(
    helo="client.example",
    address="192.0.2.1",
    by="mx.example.test",
    protocol="ESMTP",
    id="ID1",
    date="Sat, 21 Nov 2026 21:00:00 +0900",
)


def test_a_plain_hop() -> None:
    """From whom, by whom, how, when."""
    assert received(HOP) == (
        b"Received: from client.example ([192.0.2.1])\r\n"
        b"\tby mx.example.test with ESMTP id ID1;\r\n"
        b"\tSat, 21 Nov 2026 21:00:00 +0900\r\n"
    )


def test_a_hop_with_everything() -> None:
    """TLS in a comment, the only recipient in the for clause."""
    hop = Hop(
        helo="[IPv6:2001:db8::1]",
        address="2001:db8::1",
        by="mx.example.test",
        protocol="ESMTPSA",
        id="ID1",
        date="Sat, 21 Nov 2026 21:00:00 +0900",
        tls="TLSv1.3",
        recipient=Address("a b", "example.test"),
    )
    assert received(hop) == (
        b"Received: from [IPv6:2001:db8::1] ([IPv6:2001:db8::1])\r\n"
        b"\t(using TLSv1.3)\r\n"
        b"\tby mx.example.test with ESMTPSA id ID1\r\n"
        b'\tfor <"a b"@example.test>;\r\n'
        b"\tSat, 21 Nov 2026 21:00:00 +0900\r\n"
    )


def test_a_hop_over_a_unix_socket() -> None:
    """No address, no address clause."""
    assert received(Hop(helo="a", address="", by="b", protocol="LMTP", id="1", date="D")).startswith(
        b"Received: from a\r\n\tby b"
    )


def test_return_path() -> None:
    """The reverse-path, empty for the null sender."""
    assert return_path(Address("a", "b")) == b"Return-Path: <a@b>\r\n"
    assert return_path(None) == b"Return-Path: <>\r\n"


@given(ADDRESSES)
def test_the_trace_is_always_two_header_fields(address: Address) -> None:
    """No address breaks out of its header field."""
    octets = return_path(address) + received(
        Hop(helo="a", address="", by="b", protocol="LMTP", id="1", date="D", recipient=address)
    )
    message = message_from_bytes(octets + b"\r\nbody", policy=policy.compat32)
    assert message.keys() == ["Return-Path", "Received"]
    assert message.get_payload() == "body"


def test_protocols() -> None:
    """The keywords registered by RFC 3848 and RFC 6531 4.3."""
    assert with_protocol("SMTP", utf8=False, tls=True, authenticated=False) == "SMTP"
    assert with_protocol("ESMTP", utf8=False, tls=False, authenticated=False) == "ESMTP"
    assert with_protocol("ESMTP", utf8=False, tls=True, authenticated=True) == "ESMTPSA"
    assert with_protocol("ESMTP", utf8=True, tls=True, authenticated=False) == "UTF8SMTPS"
    assert with_protocol("LMTP", utf8=True, tls=False, authenticated=False) == "UTF8LMTP"


def test_literals_and_dates() -> None:
    """Address literals of both kinds; a date with its zone's offset."""
    assert address_literal("192.0.2.1") == "[192.0.2.1]"
    assert address_literal("2001:db8::1") == "[IPv6:2001:db8::1]"
    tokyo = timezone(timedelta(hours=9))
    assert date_time(datetime(2026, 10, 5, 10, 0, 0, tzinfo=tokyo)) == "Mon, 05 Oct 2026 10:00:00 +0900"


@given(ADDRESSES)
def test_our_own_passes_are_recognised(address: Address) -> None:
    """Whoever a message was for when it was here, alone, is read from our field again; folded anew or not."""
    field = received(attrs.evolve(HOP, recipient=address, tls="TLSv1.3", by_grant=True))
    for header in (field, field.replace(b"\r\n\t", b"\r\n  "), field.replace(b"\r\n\t", b" ")):
        assert passes(Fields(header).all(b"received"), "MX.example.test") == [address.canonical]


@pytest.mark.parametrize("piece", [b" by a with b id c for <", b" by a with b id c for <>", b" by a with b id c"])
def test_passes_cost_what_the_field_is_long(piece: bytes) -> None:
    """A field that begins like ours thousands of times is not read to its end each time."""
    assert ends_soon(lambda: passes([piece * 100_000], "mx.example.test"))


def test_passes_elsewhere_do_not_count() -> None:
    """Only fields by this host are ours; one for several recipients counts, and names nobody."""
    here, elsewhere = received(HOP), received(attrs.evolve(HOP, by="mx.example.com", recipient=Address("a", "b.test")))
    forged = b"Received: from x by mx.example.test with SMTP id 1 for <<>>;\r\nReceived: by\r\nReceived: \xff by \xff with x id y;\r\n"
    assert passes(Fields(here + elsewhere + here + forged).all(b"received"), "mx.example.test") == ["", "", ""]
