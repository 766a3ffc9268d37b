"""Frames between the owner and its clients."""

from contextlib import suppress

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailsvc.core import operations
from mailsvc.core.errors import Kind, MailError
from mailsvc.core.ledger import Row
from mailsvc.core.queued import Notify, Outcome, Outgoing, OutgoingRecipient, State
from mailsvc.core.values import Description, Intervals
from mailsvc.store import codec

NUMBERS = st.integers(0, 2**40)
WORDS = st.text(max_size=9)
QUEUED = st.builds(OutgoingRecipient, WORDS, WORDS, NUMBERS, WORDS)
VALUES = {
    "int": st.integers(0, 2**40), "str": st.text(max_size=20), "bytes": st.binary(max_size=50), "bool": st.booleans(),
    "tuple[int, ...]": st.lists(st.integers(0, 2**40), max_size=5).map(tuple),
    "tuple[str, ...]": st.lists(st.text(max_size=9), max_size=5).map(tuple), "None": st.none(),
    "Intervals": st.lists(st.tuples(st.integers(1, 2**32), st.integers(1, 2**32)), max_size=5).map(tuple),
    "Description": st.builds(Description, st.integers(0, 2**40), st.binary(max_size=9), st.binary(max_size=9)),
    "Outgoing": st.builds(
        Outgoing, *[WORDS] * 2, *[NUMBERS] * 4, st.lists(QUEUED, max_size=3).map(tuple), WORDS, st.booleans(), *[WORDS] * 2),
    "tuple[Outcome, ...]": st.lists(
        st.builds(Outcome, *[NUMBERS] * 4, *[WORDS] * 4, *[st.booleans()] * 2), max_size=3).map(tuple),
    "tuple[tuple[str, bytes, int, bytes, bytes], ...]":
        st.lists(st.tuples(st.text(), st.binary(), st.integers(0, 9), st.binary(), st.binary()), max_size=2).map(tuple),
    "tuple[tuple[int, int, str], ...]":
        st.lists(st.tuples(st.integers(0, 2**62), st.integers(0, 9), st.text()), max_size=2).map(tuple),
    f"tuple[{Row.__module__}.Row, ...]": st.lists(
        st.builds(Row, *(st.integers(0, 2**40) if kind is int else st.text(max_size=9)
                         for kind in Row.__annotations__.values())), max_size=3).map(tuple),
}  # fmt: skip


def field_strategy(field):
    """Values of a field by its annotation."""
    text = field.type if isinstance(field.type, str) else getattr(field.type, "__name__", str(field.type))
    text = str(field.type) if text in ("tuple", "Union", "Optional") else text
    text = (
        text.replace(str(Intervals), "Intervals")
        .replace(f"{Description.__module__}.", "")
        .replace(f"{Outgoing.__module__}.", "")
    )
    return st.one_of(*(VALUES[part.strip()] for part in text.split("|")))


def operation_strategy(cls):
    """Any operation of this class."""
    return st.builds(cls, **{field.name: field_strategy(field) for field in attrs.fields(cls)})


CLASSES = [getattr(operations, name) for name in operations.__all__ if name != "Operation"]
OPERATIONS = st.one_of(*map(operation_strategy, CLASSES))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(OPERATIONS, max_size=3), max_size=4), st.integers(1, 50))
def test_operations_survive_the_journey(requests, step):
    """What is encoded is decoded again, in one piece or in small ones."""
    wire = b"".join(codec.frame((number, "apply", codec.encode_operations(one))) for number, one in enumerate(requests))
    buffer, got = bytearray(), []
    for start in range(0, len(wire), step):
        buffer += wire[start : start + step]
        got += list(codec.frames(buffer))
    assert [(number, kind, codec.decode_operations(data)) for number, kind, data in got] == [
        (number, "apply", one) for number, one in enumerate(requests)
    ]
    assert not buffer


def journey(operation):
    """An operation as it arrives on the other side."""
    wire = codec.frame((1, "apply", codec.encode_operations([operation])))
    ((_, _, data),) = codec.frames(bytearray(wire))
    (arrived,) = codec.decode_operations(data)
    return arrived


def test_names_survive_the_journey():
    """What goes into an operation as a named tuple comes out as one."""
    recipient = OutgoingRecipient("a@example.org", "example.org", Notify.FAILURE | Notify.DELAY)
    outgoing = Outgoing("Q", "", 0, 1, 2, 3, (recipient,))
    delivered = journey(operations.Deliver((), b"", 0, 1, b"", outgoing=outgoing)).outgoing
    assert (type(delivered), delivered) == (Outgoing, outgoing)
    assert delivered.recipients[0].notify == Notify.FAILURE | Notify.DELAY
    (outcome,) = journey(operations.Settle((Outcome(7, State.SENT, 0, 9, "2.0.0", "fine"),))).outcomes
    assert (type(outcome), outcome.status, outcome.tried) == (Outcome, "2.0.0", True)


@pytest.mark.parametrize(
    "operation",
    [("Settle", ((1, 2),)), ("Settle", (5,)), ("Deliver", (), b"", 0, 1, b"", None, "INBOX", 0, True, None, ("Q", 1))],
)
def test_half_a_tuple_is_refused(operation):
    """Too few fields inside an operation are the caller's error."""
    with pytest.raises(MailError) as caught:
        codec.decode_operations([operation])
    assert caught.value.kind is Kind.BAD_REQUEST


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_garbage_never_raises_anything_else(data):
    """Any bytes are messages, or incomplete, or a FrameError; any message is operations or a MailError."""
    buffer = bytearray(data)
    try:
        messages = list(codec.frames(buffer))
    except codec.FrameError:
        return
    for message in messages:
        with suppress(MailError):
            codec.decode_operations(message[-1])


def test_errors_survive_the_journey():
    """A refusal keeps its kind, words and whether it is temporary."""
    for kind in Kind:
        for temporary in (True, False):
            error = MailError(kind, "reason", "text", "detail", temporary=temporary)
            (message,) = codec.frames(bytearray(codec.frame((1, "error", *codec.error_fields(error)))))
            assert codec.error_fields(codec.error_from(message[2:])) == codec.error_fields(error)


def test_frame_limit():
    """Neither side takes or sends a frame over the limit."""
    with pytest.raises(MailError) as caught:
        codec.frame((1, "apply", bytes(codec.MAX_FRAME)))
    assert caught.value.kind is Kind.BAD_REQUEST
    with pytest.raises(codec.FrameError):
        list(codec.frames(bytearray((codec.MAX_FRAME + 1).to_bytes(4, "big"))))


@pytest.mark.parametrize("value", ["\udcff", 2**70, object()])
def test_what_cannot_be_sent(value):
    """A value that is not plain data is the caller's error."""
    with pytest.raises(MailError) as caught:
        codec.frame((1, "apply", value))
    assert caught.value.kind is Kind.BAD_REQUEST
