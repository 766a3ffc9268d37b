"""Operations, results and errors as frames between the owner and its clients.

A frame is four octets of length (big-endian) and one msgpack array; nothing that is read here can run code. An operation is
``[class name, field, field, ...]`` in the order of the class; fields with defaults may be missing at the end, so that a newer side can
talk to an older one.

============================================= ==========================================================
client to owner                               answer
============================================= ==========================================================
``[id, "apply", [operation, ...], deadline]`` ``[id, "ok", [result, ...]]`` after the commit
``[id, "ping"]``                              ``[id, "ok", None]`` after a commit of its own
``[id, "lock", mailbox, deadline]``           ``[id, "ok", None]``; ended by ``unlock`` or by the end of the connection
``[id, "unlock", mailbox]``                   ``[id, "ok", None]``
``[id, "hold"]``, ``[id, "release"]``         ``[id, "ok", None]``: no file of a message is removed meanwhile
``[id, "figures"]``                           ``[id, "ok", {name: number}]``
``[id, "leave"]``                             ``[id, "ok", None]`` if the owner's parent is gone; it ends then
``[0, "announce", topic, payload]``           none; sent on to all other clients
============================================= ==========================================================

A deadline (``CLOCK_MONOTONIC``, seconds; optional) says when the client gives up: nothing is done after it, for the client has told its
peer that nothing was.

Any request may be answered ``[id, "error", kind, reason, text, detail, temporary]``. The owner speaks first with
``[0, "hello", VERSION]``, and unasked sends ``[0, "changed", [[field of MailboxChanged, ...], ...]]``,
``[0, "accounts", [[account, credential or None], ...]]``, ``[0, "queue", [queue id, ...]]`` and ``[0, "relay", []]`` before the answers of
that commit, and ``[0, "announce", topic, payload]``.
"""

import operator
import struct
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import attrs
import msgpack  # type: ignore[import-untyped]

from mailsvc.core import operations
from mailsvc.core.errors import Kind, MailError
from mailsvc.core.queued import Outcome, Outgoing, OutgoingRecipient

__all__ = [
    "MAX_FRAME",
    "VERSION",
    "FrameError",
    "decode_operations",
    "encode_operations",
    "error_fields",
    "error_from",
    "frame",
    "frames",
    "unpack",
]

VERSION = 4
MAX_FRAME = 64 * 1024 * 1024

_LENGTH = struct.Struct(">I")
_CLASSES: dict[str, type[operations.Operation]] = {
    name: getattr(operations, name) for name in operations.__all__ if name != "Operation"
}
_FIELDS = {cls: operator.attrgetter(*(field.name for field in attrs.fields(cls))) for cls in _CLASSES.values()}
_SINGLE = {cls for cls in _CLASSES.values() if len(attrs.fields(cls)) == 1}  # attrgetter gives no tuple for these


class FrameError(Exception):
    """The other side does not speak our language: the connection ends."""


def frame(message: Sequence[Any]) -> bytes:
    """One message as bytes. Raises MailError(BAD_REQUEST) if it is over the limit or not plain data."""
    try:
        packed: bytes = msgpack.packb(message, use_bin_type=True)
    except (TypeError, ValueError, OverflowError) as error:  # lone surrogates, numbers over 64 bits
        raise MailError(Kind.BAD_REQUEST, "not-plain-data", detail=repr(error)) from error
    if len(packed) > MAX_FRAME:
        raise MailError(Kind.BAD_REQUEST, "request-too-big", detail=f"{len(packed)} octets")
    return _LENGTH.pack(len(packed)) + packed


def unpack(packed: bytes | bytearray | memoryview) -> tuple[Any, ...]:
    """The message of one frame (without its length). Raises FrameError."""
    try:
        message = msgpack.unpackb(packed, use_list=False, strict_map_key=False)
    except Exception as error:  # msgpack has no common base class for what it raises
        raise FrameError(f"not msgpack: {error!r}") from error
    if not isinstance(message, tuple) or len(message) < 2:
        raise FrameError("not a message")
    return message


def frames(buffer: bytearray) -> Iterator[tuple[Any, ...]]:
    """Take the complete messages out of ``buffer``. Raises FrameError."""
    start = 0
    try:
        while len(buffer) - start >= 4:
            (length,) = _LENGTH.unpack_from(buffer, start)
            if length > MAX_FRAME:
                raise FrameError(f"a frame of {length} octets")
            end = start + 4 + length
            if len(buffer) < end:
                break
            packed = bytes(memoryview(buffer)[start + 4 : end])
            start = end
            yield unpack(packed)
    finally:
        del buffer[:start]


def encode_operations(sequence: Sequence[operations.Operation]) -> list[tuple[Any, ...]]:
    """Operations as plain data."""
    return [_encode(operation) for operation in sequence]


def _encode(operation: operations.Operation) -> tuple[Any, ...]:
    cls = type(operation)
    fields = _FIELDS[cls](operation)
    return (cls.__name__, fields) if cls in _SINGLE else (cls.__name__, *fields)


def _deliver(*fields: Any) -> operations.Deliver:
    operation = operations.Deliver(*fields)
    return attrs.evolve(operation, outgoing=_outgoing(*operation.outgoing)) if operation.outgoing else operation


def _outgoing(*fields: Any) -> Outgoing:
    outgoing = Outgoing(*fields)
    return outgoing._replace(recipients=tuple(OutgoingRecipient(*one) for one in outgoing.recipients))


def _settle(outcomes: Sequence[Any]) -> operations.Settle:
    return operations.Settle(tuple(Outcome(*one) for one in outcomes))


_MAKERS: dict[str, Callable[..., operations.Operation]] = {**_CLASSES, "Deliver": _deliver, "Settle": _settle}
"""By name; msgpack knows no named tuples, so those get their names back here."""


def decode_operations(data: Any) -> list[operations.Operation]:
    """The operations again. Raises MailError(BAD_REQUEST) for a name or a number of fields that we do not know."""
    try:
        return [_MAKERS[name](*fields) for name, *fields in data]
    except (KeyError, TypeError, ValueError) as error:
        raise MailError(Kind.BAD_REQUEST, "unknown-operation", detail=repr(error)) from error


def error_fields(error: MailError) -> tuple[Any, ...]:
    """A refusal as plain data."""
    return (error.kind.value, error.reason, error.text, error.detail, error.temporary)


def error_from(fields: Sequence[Any]) -> MailError:
    """The refusal again."""
    kind, reason, text, detail, temporary = fields
    return MailError(Kind(kind), reason, text, detail, temporary=temporary)
